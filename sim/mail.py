"""The words of mail: kinds of message, outcomes, answers of a remote side, addresses.

Enumerations are small integers inside and lower-case words in a file. An address or a domain is a code, `place << 40 | number`; a name is
put on it later (`sim.names`). `NULL_SENDER` is the empty return path of RFC 5321 4.5.5; `HERE` is the next hop of mail that stays.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "ATTRACTED",
    "CONNECTION_FAILURES",
    "HERE",
    "NO_HOST",
    "NULL_SENDER",
    "OUTGOING",
    "PERMANENT",
    "SMARTHOST",
    "TEXTS",
    "Answer",
    "Code",
    "Dsn",
    "Flag",
    "Flags",
    "Ints",
    "Kind",
    "Outcome",
    "Place",
    "Truth",
    "address",
    "among",
    "born",
    "place",
    "word",
]

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.uint32]  # of Flag

NULL_SENDER: Final = -1
ATTRACTED: Final = (1 << 40) + (13 << 34)  # row numbers of spam that came because a reply confirmed the address begin here
HERE: Final = 0  # the office's own domain, Place.OFFICE << 40


class Kind(IntEnum):
    """What a message is. SPAM to LIST, RELAY and NEWSLETTER come from the workload; a run gives birth to the rest."""

    SPAM = 0
    WANTED = 1  # from outside, to one of ours
    OUTBOUND = 2  # from one of ours, to the outside
    INTERNAL = 3
    LIST = 4  # mailing lists and newsletters that somebody subscribed to
    AUTOREPLY = 5
    FAILURE = 6  # a failure DSN, in Exchange's words an NDR
    DELAY = 7  # a delay DSN
    RECEIPT = 8  # of delivery (n = 0) or of reading (n = 1)
    FORWARD = 9  # sent on by a user's rule
    RELAY = 10  # spam that leaves through this server: infected PC, stolen account, open relay
    NEWSLETTER = 11  # one of our own users to many
    ECHO = 12  # what a responder outside answers to a reply of ours


# Rows of the workload that leave through the outbound queues.
OUTGOING: Final = (Kind.OUTBOUND, Kind.RELAY, Kind.NEWSLETTER)


class Truth(IntEnum):
    """What the other side of a message really is. A log does not know it; a model does."""

    UNKNOWN = 0
    WANTED = 1
    LIST = 2
    INTERNAL = 3
    FORGED_REAL = 4  # the address of somebody who never wrote: an innocent third party
    FORGED_DEAD = 5  # nobody: no such domain, or no such mailbox
    SPAMMER = 6  # a mailbox that the spammer reads
    TRAP = 7  # a mailbox that only catches those who mail it
    VICTIM = 8  # somebody to whom spam leaves through this server
    READER = 9  # somebody on a list that one of our users keeps
    NOBODY = 10  # an address that is gone, or was never there, and that no one forged


class Outcome(IntEnum):
    """The states of DESIGN's life of a message in which a row can be found; active and deferred are QUEUED."""

    QUEUED = 0
    REFUSED = 1
    FILTERED = 2
    JUNK = 3
    MAILBOX = 4
    DELIVERED = 5
    BOUNCED = 6
    EXPIRED = 7
    DELETED = 8


class Dsn(IntEnum):
    """What became of the duty to report a failure."""

    NONE = 0
    SENT = 1
    NULL_SENDER = 2  # nobody to report to: dropped
    OFF = 3


class Answer(IntEnum):
    """Was a message answered, and if not, by which rule. The numbers stand in records; the order of decision is the responder's."""

    NOT_ASKED = 0  # no mailbox of ours received it
    ANSWERED = 1
    NOT_ABSENT = 2
    REPLIES_OFF = 3  # the mailbox's own switch
    AUDIENCE = 4  # the policy answers others only, or nobody
    NULL_SENDER = 5
    AUTO_SUBMITTED = 6
    PRECEDENCE = 7
    LIST_HEADER = 8
    SUPPRESS_HEADER = 9
    SYSTEM_SENDER = 10
    OWN_ADDRESS = 11
    NOT_TO_ME = 12
    JUNK = 13
    ANSWERED_BEFORE = 14
    AFTER_THE_END = 15  # arrived when the run was over (replay only)
    SPAM_FLAG = 16
    SPF_FAIL = 17
    RATE_LIMIT = 18
    OWN_FUNCTION = 19  # a Python function as a policy wants no reply


class Flag(IntFlag):
    """What a message says, as far as a rule of some responder looks at it. Each is a fact about the message; which facts a responder
    minds is in its profile. Rules that differ between responders differ in the flags that they look at."""

    AUTO_SUBMITTED = 1 << 0  # Auto-Submitted: a word that does not begin with "no"
    PRECEDENCE = 1 << 1  # bulk or junk
    LIST_HEADER = 1 << 2  # List-Id, -Help, -Subscribe, -Unsubscribe, -Post, -Owner or -Archive (RFC 2369, RFC 2919)
    SUPPRESS_HEADER = 1 << 3  # X-Auto-Response-Suppress with OOF or All; AutoReply alone is about replies other than OOF (FACTS S64)
    SYSTEM_SENDER = 1 << 4  # the sender is mailer-daemon, owner-* or *-request
    OWN_ADDRESS = 1 << 5  # the sender is one of the recipient's own addresses
    NOT_TO_ME = 1 << 6  # none of these in To, Cc, Bcc, Resent-To, Resent-Cc, Resent-Bcc
    CONTACT = 1 << 7  # the sender is among the recipient's contacts
    PRECEDENCE_LIST = 1 << 8  # list
    PRECEDENCE_MORE = 1 << 9  # begins with bulk, junk or list, and goes on
    AUTO_SUBMITTED_WORD = 1 << 10  # a word that begins with "no" and is not "no"
    AUTO_SUBMITTED_MORE = 1 << 11  # "no" and more behind it, or nothing at all
    LIST_OTHER = 1 << 12  # another List-* header
    SYSTEM_PREFIX = 1 << 13  # the sender begins with mailer-daemon, listserv or majordomo
    SYSTEM_SUFFIX = 1 << 14  # its local part ends in -request, postmaster, uucp, mailer-daemon, mailer or -relay
    SYSTEM_FROM = 1 << 15  # From is server, daemon, root, listserv, majordomo, *-request or owner-*
    OWN_FROM = 1 << 16  # From is one of the recipient's own addresses
    NOT_IN_TO = 1 << 17  # none of them in To
    NOT_NAMED = 1 << 18  # none of their local parts in the text of To and Cc
    SPAM_FLAG = 1 << 19  # X-Spam-Flag: YES
    SPF_FAIL = 1 << 20  # SPF says fail or softfail: the sender did not send it
    JUNK = 1 << 21  # filed as junk; known when it is delivered


class Code(IntEnum):
    """What the outside answered to an attempt."""

    NONE = 0
    OK = 1
    NXDOMAIN = 2
    DNS_TIMEOUT = 3
    SERVFAIL = 4
    REFUSED = 5  # connection refused
    TIMEOUT = 6  # no answer to SYN
    BUSY = 7  # 421 in the greeting
    GREYLISTED = 8
    FULL = 9
    NO_MAILBOX = 10
    EXPIRED = 11  # our own verdict: too long in the queue
    LISTED = 12  # refused since a block list has this server
    NULL_MX = 13  # the domain says that it takes no mail (RFC 7505)
    OVER_QUOTA = 14  # mailbox full, and that is final: 552
    TOO_MUCH = 15  # a smarthost takes only so many messages in an hour
    TRY_LATER = 16  # a smarthost refuses this message for now


class Place(IntEnum):
    """Where an address or a domain belongs; the class of a next hop."""

    OFFICE = 0
    PARTNER = 1
    OTHER = 2  # outside people who are no partners, each company with its own domain
    PROVIDER = 3  # large mailbox providers
    STRANGE = 4  # a domain that spam named as its sender
    LIST = 5
    TARGET = 6  # whom spam from here is addressed to, and whom a user's own list names
    SMARTHOST = 7  # the provider's relay


# Texts as the Exchange 2003 family shows them; FACTS 3.1, 3.2, 4.1 ("Additional queue information" is not documented word for word).
TEXTS: Final = {
    Code.NONE: "",
    Code.OK: "250 2.1.5 recipient ok",
    Code.NXDOMAIN: "5.4.0 authoritative host not found",
    Code.DNS_TIMEOUT: "4.4.3 DNS query timed out: unable to bind to the destination server in DNS",
    Code.SERVFAIL: "4.4.3 DNS server failure: unable to bind to the destination server in DNS",
    Code.REFUSED: "4.4.1 connection refused by the remote server",
    Code.TIMEOUT: "4.4.1 connection timed out: the remote server did not respond to a connection attempt",
    Code.BUSY: "421 4.3.2 service not available, too busy",
    Code.GREYLISTED: "451 4.7.1 greylisted, try again later",
    Code.FULL: "452 4.2.2 mailbox full",
    Code.NO_MAILBOX: "550 5.1.1 user unknown",
    Code.EXPIRED: "4.4.7 message expired",
    Code.LISTED: "550 5.7.1 refused: the sending server is on a block list",
    Code.NULL_MX: "5.1.0 the domain does not accept mail (null MX)",
    Code.OVER_QUOTA: "552 5.2.2 mailbox full",
    Code.TOO_MUCH: "450 4.7.1 too much mail",  # as Postfix's smtpd_client_message_rate_limit says it
    Code.TRY_LATER: "451 4.3.0 try again later",
}
# The whole queue fails, not the one message.
CONNECTION_FAILURES: Final = frozenset({Code.DNS_TIMEOUT, Code.SERVFAIL, Code.REFUSED, Code.TIMEOUT, Code.BUSY})
NO_HOST: Final = frozenset({Code.NXDOMAIN, Code.NULL_MX})  # DNS says that there is nobody to connect to
PERMANENT: Final = NO_HOST | {Code.NO_MAILBOX, Code.LISTED, Code.OVER_QUOTA}


SMARTHOST: Final = Place.SMARTHOST << 40  # the next hop of all mail where one relays it


def address(where: Place, number: int) -> int:
    """The code of the `number`th address (or domain) of a place."""
    return where << 40 | number


def place(code: int) -> Place:
    """The place in an address or domain code."""
    return Place(code >> 40)


def among(codes: npt.NDArray[np.integer[Any]], chosen: tuple[IntEnum, ...]) -> npt.NDArray[np.bool_]:
    """Which of many small codes, a place, a kind, an outcome, are among a few. `numpy.isin` takes ten times as long for a day's mail."""
    if codes.dtype == np.uint8 and len(chosen) < _FEW:  # of bytes, many are compared at once
        first, *others = _bytes(chosen)
        found: npt.NDArray[np.bool_] = codes == first
        for code in others:
            found |= codes == code
        return found
    return _table(chosen).take(codes)


def are(codes: npt.NDArray[np.integer[Any]], code: IntEnum) -> npt.NDArray[np.bool_]:
    """Which of many codes are this one. `codes == code` means the same, but numpy looks long at an enumeration."""
    found: npt.NDArray[np.bool_] = codes == int(code)
    return found


_FEW: Final = 4


@cache
def _bytes(chosen: tuple[IntEnum, ...]) -> list[np.uint8]:
    """The codes as numpy takes them: it looks long at an enumeration."""
    return [np.uint8(code) for code in chosen]


@cache
def _table(chosen: tuple[IntEnum, ...]) -> npt.NDArray[np.bool_]:
    table = np.zeros(256, dtype=np.bool_)  # -1, of the null sender, is the last
    table[list(chosen)] = True
    return table


def born(root: int, kind: Kind, n: int = 0) -> int:
    """The id of a message: the row that started it, its kind, and how many of that kind the row had caused before."""
    return root << 20 | n << 4 | kind


def word(value: IntEnum) -> str:
    """The word that reaches a file: `Truth.FORGED_REAL` to `forged-real`."""
    return value.name.lower().replace("_", "-")
