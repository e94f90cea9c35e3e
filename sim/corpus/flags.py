"""What a message says to a responder: header texts to `mail.Flag`. The only copy of each test, for real mail and for tables of it.

Flags are facts; which of them a responder minds is in `sim.profiles.responders`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from sim.mail import Flag

__all__ = ["flags", "of_recipient"]

_LIST: Final = frozenset(f"list-{name}" for name in ("id", "help", "subscribe", "unsubscribe", "post", "owner", "archive"))
_PRECEDENCE: Final = {"bulk": Flag.PRECEDENCE, "junk": Flag.PRECEDENCE, "list": Flag.PRECEDENCE_LIST}
# Local parts. RFC 3834 section 2 and RFC 5230 4.6 name these; noreply and its kin nobody does.
_SYSTEM: Final = re.compile(r"mailer-daemon|owner-.*|.*-request", re.DOTALL)
_PREFIX: Final = ("mailer-daemon", "listserv", "majordomo")  # Pigeonhole
_SUFFIX: Final = ("-request", "postmaster", "uucp", "mailer-daemon", "mailer", "-relay")  # vacation(1)
_FROM: Final = re.compile(r"server|daemon|root|listserv|majordomo|.*-request|owner-.+", re.DOTALL)  # Exim
_BETWEEN: Final = r"""[^\s<>,;:()"]"""  # a character of an address


def flags(
    *,
    automatic: Sequence[str],
    precedence: Sequence[str],
    names: Iterable[str],
    suppress: Sequence[str],
    spam: Sequence[str],
    spf: str,
    sender: str,
    author: str,
) -> int:
    """mail.Flag of a message, as far as it does not depend on the recipient: texts of Auto-Submitted, Precedence,
    X-Auto-Response-Suppress and X-Spam-Flag, the names of all headers, the result of SPF, and the addresses of the sender and of From in
    lower case (empty: none)."""
    found = Flag(0)
    for text in automatic:
        found |= _automatic(text.strip().lower())
    for text in precedence:
        word = text.strip().lower()
        found |= _PRECEDENCE.get(word) or (Flag.PRECEDENCE_MORE if word.startswith(tuple(_PRECEDENCE)) else Flag(0))
    for name in names:
        if name.lower().startswith("list-"):
            found |= Flag.LIST_HEADER if name.lower() in _LIST else Flag.LIST_OTHER
    if any({"oof", "all"} & set(re.split(r"[,;\s]+", text.lower())) for text in suppress):
        found |= Flag.SUPPRESS_HEADER
    if any(text.strip().lower().startswith("yes") for text in spam):
        found |= Flag.SPAM_FLAG
    if spf in ("fail", "softfail"):
        found |= Flag.SPF_FAIL
    return int(found | _sender(sender.rpartition("@")[0]) | (Flag.SYSTEM_FROM if _FROM.fullmatch(author.rpartition("@")[0]) else 0))


def _automatic(text: str) -> Flag:
    """RFC 3834 section 5: a keyword, parameters behind a semicolon, comments in parentheses."""
    word = re.split(r"[;\s(]", text, maxsplit=1)[0]
    if word and not text.startswith("no"):
        return Flag.AUTO_SUBMITTED
    if text == "no":
        return Flag(0)
    return Flag.AUTO_SUBMITTED_MORE if word in ("", "no") else Flag.AUTO_SUBMITTED_WORD


def _sender(local: str) -> Flag:
    found = Flag.SYSTEM_SENDER if _SYSTEM.fullmatch(local) else Flag(0)
    if local.startswith(_PREFIX):
        found |= Flag.SYSTEM_PREFIX
    if local.partition("%")[0].endswith(_SUFFIX):
        found |= Flag.SYSTEM_SUFFIX
    return found


def of_recipient(own: Sequence[str], sender: str, author: str, to: Sequence[str], cc: Sequence[str], rest: Sequence[str]) -> int:
    """The flags that depend on whom the message reached: his own addresses, the sender and From, all in lower case; the texts of To, of
    Cc, and of Bcc, Resent-To, Resent-Cc and Resent-Bcc. An address counts where it stands alone, wherever that is in the header."""
    mine = re.compile(rf"(?<!{_BETWEEN})(?:{'|'.join(map(re.escape, own))})(?!{_BETWEEN})")
    login = re.compile(rf"(?:{'|'.join(re.escape(one.rpartition('@')[0] or one) for one in own)})(?![a-z0-9_.-])")

    def stands(texts: Sequence[str]) -> bool:
        return any(mine.search(text.lower()) for text in texts)

    found = Flag(0)
    if sender in own:
        found |= Flag.OWN_ADDRESS
    if author in own:
        found |= Flag.OWN_FROM
    if not stands(to):
        found |= Flag.NOT_IN_TO
        if not stands(cc) and not stands(rest):
            found |= Flag.NOT_TO_ME
    if not any(login.search(text.lower()) for text in (*to, *cc)):
        found |= Flag.NOT_NAMED
    return int(found)
