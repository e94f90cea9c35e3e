"""Answer or not, and why not.

Decided in a fixed order, the first "no" is the reason: is the mailbox absent, are replies on, whom does the policy answer, the
responder's suppression rules (each a switch, in the responder's own order), the history, the rate limit. `reasons` is stateless and takes
columns; `grant` sees the survivors one by one and keeps the history, keyed (mailbox, absence, sender), so that a new absence starts afresh
without any code. Which rules a real responder has, and how it words them, is in `sim.profiles.responders`.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from sim.mail import NULL_SENDER, Answer, Flag, Flags, Ints, Outcome, Place, are
from sim.units import HOUR, Floats, Seconds

__all__ = [
    "EVERY_MESSAGE",
    "ONCE",
    "POLICIES",
    "UNLIMITED",
    "Audience",
    "Facts",
    "History",
    "Responder",
    "Rule",
    "grant",
    "grants",
    "reasons",
]

Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

ONCE: Final = math.inf  # the same sender is answered once per absence
EVERY_MESSAGE: Final = 0.0
UNLIMITED: Final = 2**62  # senders remembered


class Audience(Enum):
    """Whom a policy answers."""

    NOBODY = "nobody"
    INTERNAL = "internal"
    PARTNERS = "partners"  # internal, and the named partner domains
    CONTACTS = "contacts"  # internal, and the user's own contacts
    KNOWN = "known"  # internal, and whoever has written before; on no server here
    EVERYBODY = "everybody"


POLICIES: Final = {
    "off": Audience.NOBODY,
    "internal-only": Audience.INTERNAL,
    "partners-only": Audience.PARTNERS,
    "contacts-only": Audience.CONTACTS,
    "external": Audience.EVERYBODY,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A suppression rule: mail with any of the flags is not answered, for this reason."""

    why: Answer
    flags: int  # of Flag


@dataclass(frozen=True, slots=True)
class Responder:
    """An autoresponder as it is set up: the suppression rules that are on, in order of decision, its memory, its return path."""

    rules: tuple[Rule, ...]
    user_return_path: bool  # the reply's return path is the user; else it is null
    every: Seconds = ONCE  # the same sender is answered again after this
    history: int = UNLIMITED  # senders remembered per absence
    forgets: bool = False  # a full history forgets its oldest sender; else whoever does not fit is answered every time
    rate_limit: float = math.inf  # replies of a mailbox within any hour
    cleared: bool = False  # who was answered is forgotten when the user switches his replies off or on

    def minds(self, flag: Flag) -> bool:
        """Is mail with this flag left unanswered?"""
        return any(rule.flags & flag for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Facts:
    """What `reasons` looks at, one element per message that reached a mailbox."""

    absent: Bools
    replies_on: Bools
    place: Bytes  # of the sender
    sender: Ints
    flags: Flags
    outcome: Bytes  # MAILBOX or JUNK
    known: Bools | None = None  # has the sender written before; looked at for an audience of KNOWN only; None: nobody has

    def take(self, piece: slice) -> Facts:
        """Of some of the messages."""
        return Facts(
            self.absent[piece],
            self.replies_on[piece],
            self.place[piece],
            self.sender[piece],
            self.flags[piece],
            self.outcome[piece],
            None if self.known is None else self.known[piece],
        )


def reasons(audience: Audience, responder: Responder, facts: Facts) -> Bytes:
    """For each message `Answer.ANSWERED`, subject to the history, or the first reason against it. uint8[n].

    The null sender is never answered, by any policy or switch (RFC 3834 section 2, RFC 5321 4.5.5)."""
    flags = facts.flags | are(facts.outcome, Outcome.JUNK) * np.uint32(Flag.JUNK)

    def flagged(which: int) -> Bools:
        found: Bools = (flags & int(which)) != 0
        return found

    against = [(~facts.absent, Answer.NOT_ABSENT), (~facts.replies_on, Answer.REPLIES_OFF)]
    if audience is not Audience.EVERYBODY:
        whom = are(facts.place, Place.OFFICE)
        if audience is Audience.NOBODY:
            whom[:] = False
        elif audience is Audience.PARTNERS:
            whom |= are(facts.place, Place.PARTNER)
        elif audience is Audience.CONTACTS:
            whom |= flagged(Flag.CONTACT)
        elif audience is Audience.KNOWN and facts.known is not None:
            whom |= facts.known
        against.append((~whom, Answer.AUDIENCE))
    against.append((facts.sender == NULL_SENDER, Answer.NULL_SENDER))
    against += [(flagged(rule.flags), rule.why) for rule in responder.rules]
    reason = np.full(facts.absent.shape, int(Answer.ANSWERED), dtype=np.uint8)
    for which, why in reversed(against):  # the first has the last word
        reason[which] = int(why)
    return reason


_Told = tuple[Ints, Floats, slice]  # senders and times, and which of them: of whom nobody has asked since


@dataclass(slots=True)
class History:
    """Who was answered and when: the caller's to keep."""

    seen: dict[tuple[int, int], dict[int, Seconds] | _Told] = field(default_factory=dict)  # (mailbox, absence) -> sender -> last answer
    sent: dict[int, deque[Seconds]] = field(default_factory=dict)  # mailbox -> its replies of the last hour; only with a rate limit

    def known(self, mailbox: int, absence: int) -> dict[int, Seconds]:
        """Whom a mailbox has answered in an absence, the oldest answer first."""
        found = self.seen.setdefault((mailbox, absence), {})
        if isinstance(found, tuple):
            senders, times, rows = found
            found = self.seen[mailbox, absence] = dict(zip(senders[rows].tolist(), times[rows].tolist(), strict=True))
        return found

    def clear(self, mailbox: int) -> None:
        """A mailbox has answered nobody yet; what counts towards a rate limit stays."""
        for key in [key for key in self.seen if key[0] == mailbox]:
            del self.seen[key]


def grant(history: History, responder: Responder, at: Seconds, mailbox: int, absence: int, sender: int) -> Answer:
    """`Answer.ANSWERED` for a message that arrives at `at`, which is then remembered, or the reason against it.

    A message that the rate limit leaves unanswered is not remembered: its sender may be told later. A sender who does not fit into a full
    history is answered every time (Exchange, FACTS S55) or takes the place of the oldest (RFC 5230 4.2)."""
    return _granted(history, responder, mailbox, absence, [at], [sender])[0]


def grants(history: History, responder: Responder, at: Floats, mailbox: Ints, absence: Ints, sender: Ints) -> Bytes:
    """`grant` for each of many messages, in order of time. float64[n] and int64[n] to uint8[n]."""
    order = _order(mailbox)  # mailbox by mailbox: each has a memory of its own
    boxes, absences, times, senders = mailbox[order], absence[order], at[order], sender[order]
    begins = np.flatnonzero(np.append(True, (boxes[1:] != boxes[:-1]) | (absences[1:] != absences[:-1]))[: len(order)])
    ends = np.append(begins, len(order))[1:]
    memories = list(zip(boxes[begins].tolist(), absences[begins].tolist(), strict=True))
    found = np.empty(len(order), dtype=np.uint8)
    if _only_first(history, responder, memories, times[begins], times[ends - 1], ends - begins):
        first = _first(senders, np.repeat(np.arange(len(begins)), ends - begins))
        found[order] = np.where(first, np.uint8(Answer.ANSWERED), np.uint8(Answer.ANSWERED_BEFORE))
        kept = np.append(0, np.cumsum(first)[ends - 1]).tolist()
        senders, times = senders[first], times[first]
        history.seen |= {memory: (senders, times, slice(*rows)) for memory, rows in zip(memories, pairwise(kept), strict=True)}
        return found
    answers: list[Answer] = []
    at_each, who = times.tolist(), senders.tolist()
    for memory, begin, end in zip(memories, begins.tolist(), ends.tolist(), strict=True):
        answers += _granted(history, responder, *memory, at_each[begin:end], who[begin:end])
    found[order] = bytearray(answers)
    return found


def _only_first(history: History, responder: Responder, memories: list[tuple[int, int]], since: Floats, until: Floats, asked: Ints) -> bool:
    """Is the first message of each sender answered, and no other? So it is where nobody was answered before and no memory lapses, is full
    or is limited. `since`, `until`, `asked`: of each memory, the first and last message, and how many."""
    if responder.rate_limit != math.inf or len(set(memories)) < len(memories) or not history.seen.keys().isdisjoint(memories):
        return False
    return bool((asked <= responder.history).all() and (until < since + responder.every).all())


def _first(senders: Ints, memory: Ints) -> Bools:
    """Which are the first of their sender in a memory? Messages stand memory by memory, in order of time."""
    by = _order(senders)
    senders, memory = senders[by], memory[by]
    first = np.ones(len(by), dtype=np.bool_)
    first[by[1:][(senders[1:] == senders[:-1]) & (memory[1:] == memory[:-1])]] = False
    return first


def _order(codes: Ints) -> Ints:
    """The order by codes, those of one code as they stand; none is below -1. To sort numbers takes a fifth of the time of saying how they
    are sorted."""
    bits = len(codes).bit_length()
    if int(codes.max(initial=0)) >> (63 - bits):
        return np.argsort(codes, kind="stable")
    found: Ints = codes << bits
    found |= np.arange(len(codes))
    found.sort()
    found &= (1 << bits) - 1
    return found


def _granted(history: History, responder: Responder, mailbox: int, absence: int, times: list[Seconds], senders: list[int]) -> list[Answer]:
    """The answers to messages to one mailbox, in order of time."""
    known = history.known(mailbox, absence)
    every, most, limited = responder.every, responder.history, responder.rate_limit != math.inf
    answered, before = Answer.ANSWERED, Answer.ANSWERED_BEFORE  # to look up a member takes as long as all the rest
    lapses = min(times[0], next(iter(known.values()), math.inf)) + every  # the first of all these memories; the oldest comes first
    answers: list[Answer] = []
    if times[-1] < lapses and len(known) + len(times) <= most and not limited:
        for at, sender in zip(times, senders, strict=True):
            if sender in known:
                answers.append(before)
            else:
                known[sender] = at
                answers.append(answered)
        return answers
    for at, sender in zip(times, senders, strict=True):
        last = known.get(sender)
        if last is not None and at < last + every:
            answers.append(before)
            continue
        if limited and not _within_limit(history, responder, at, mailbox):
            answers.append(Answer.RATE_LIMIT)
            continue
        answers.append(answered)
        if last is not None:
            del known[sender]  # to the end, as the youngest
        elif len(known) >= most:
            if not responder.forgets:
                continue
            del known[next(iter(known))]
        if every > 0.0:
            known[sender] = at
    return answers


def _within_limit(history: History, responder: Responder, at: Seconds, mailbox: int) -> bool:
    """May a mailbox send another reply? It is counted."""
    sent = history.sent.setdefault(mailbox, deque())
    while sent and sent[0] <= at - HOUR:
        sent.popleft()
    if len(sent) >= responder.rate_limit:
        return False
    sent.append(at)
    return True
