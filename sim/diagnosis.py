"""The published decision rules: what each concludes from the senders of hung messages, and whether it is right (FACTS 0).

A rule sees what an administrator sees, the queues in Retry and the senders in them, and nothing else. What the messages truly are is read
from the record's kinds, by `culprit` alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from sim.mail import HERE, NULL_SENDER, Ints, Kind, Place
from sim.record import Record, Table
from sim.units import DAY, Seconds

__all__ = ["RULES", "Conclusion", "Culprit", "culprit", "days", "judge", "rule_a", "rule_b"]


class Culprit(Enum):
    """What fills a queue, in truth or by the word of a rule."""

    NOTHING = "nothing"
    AUTOREPLIES = "autoreplies of our own users"
    REVERSE_NDR = "a reverse NDR attack (reports on mail to mailboxes that do not exist here)"
    RELAY = "a relay (spam that leaves through this server)"
    RECEIPTS = "delivery and read receipts"
    DELAYS = "delay notices (mail waits for the mailbox store)"
    FORWARDS = "mail that a user's rule sends on"
    NEWSLETTER = "one user's newsletter"
    OWN_MAIL = "mail that our people wrote (a host or the DNS does not answer)"


_KINDS: Final[dict[int, Culprit]] = {
    Kind.AUTOREPLY: Culprit.AUTOREPLIES,
    Kind.RELAY: Culprit.RELAY,
    Kind.RECEIPT: Culprit.RECEIPTS,
    Kind.FORWARD: Culprit.FORWARDS,
    Kind.NEWSLETTER: Culprit.NEWSLETTER,
    Kind.OUTBOUND: Culprit.OWN_MAIL,
}


_CULPRITS: Final = tuple(Culprit)


def _culprit(kind: int, about: int) -> Culprit:
    """What a message of a kind is, or a report on one of another kind."""
    if kind in (Kind.FAILURE, Kind.DELAY):
        return _KINDS.get(about, Culprit.REVERSE_NDR if kind == Kind.FAILURE else Culprit.DELAYS)
    return _KINDS.get(kind, Culprit.NOTHING)


# By the kind of a message and that of what caused it.
_TRULY: Final = np.array([[_CULPRITS.index(_culprit(kind, about)) for about in range(16)] for kind in range(16)])


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a rule says of the queues in Retry at a time, and what is true by the kinds of the messages in them."""

    rule: str
    says: Culprit | None  # None: the rule has no word for what it sees, or there is no such queue
    truly: Culprit

    @property
    def right(self) -> bool | None:
        """Is it right? None where it says nothing."""
        return None if self.says is None else self.says is self.truly

    def __str__(self) -> str:
        if self.says is None:
            return f"{self.rule} says nothing of it"
        return f"{self.rule} says {self.says.value.split(' (')[0]}, {'rightly' if self.right else 'wrongly'}"


def rule_a(queue: Ints, sender: Ints) -> Culprit | None:
    """Microsoft KB 909005 (FACTS 0, S4): the sender is postmaster in most queues: a reverse NDR attack; in most it is not: a relay.

    int64[n] each: the queue and the sender of every hung message. A message with the null sender is shown as postmaster's. A queue is
    postmaster's if most of its messages are."""
    if not len(queue):
        return None
    messages, postmasters = Counter(queue.tolist()), Counter(queue[sender == NULL_SENDER].tolist())
    most = sum(2 * count > messages[number] for number, count in postmasters.items())
    return Culprit.REVERSE_NDR if 2 * most > len(messages) else Culprit.RELAY


def rule_b(queue: Ints, sender: Ints) -> Culprit | None:
    """A. Hardisty 2010 (FACTS 0, S5): the sender is postmaster: a non-delivery attack; 'a random user not in your organisation': an
    authenticated relay. Judged by what most messages are; the rule has no word for one of our own users."""
    if not len(queue):
        return None
    postmasters = np.count_nonzero(sender == NULL_SENDER)
    ours = np.count_nonzero(sender >> 40 == int(Place.OFFICE))  # the null sender is no place
    counts = {Culprit.REVERSE_NDR: postmasters, Culprit.RELAY: len(sender) - postmasters - ours, None: ours}
    return max(counts, key=lambda says: counts[says])


RULES: Final[dict[str, Callable[[Ints, Ints], Culprit | None]]] = {"rule A (KB 909005)": rule_a, "rule B (Hardisty)": rule_b}


def judge(record: Record, at: Seconds) -> tuple[Conclusion, ...]:
    """What each published rule would conclude from the messages hung at `at`, and whether it would be right."""
    return _judged(_Queues.of(record), at)


def _judged(seen: _Queues, at: Seconds) -> tuple[Conclusion, ...]:
    there = seen.hung(at)
    truly, queue, sender = seen.most(there), seen.queue[there], seen.messages["sender"][there]
    return tuple(Conclusion(name, rule(queue, sender), truly) for name, rule in RULES.items())


def culprit(record: Record, at: Seconds) -> Culprit:
    """What most of the messages hung at `at` truly are. A report on another message counts as what that message is."""
    seen = _Queues.of(record)
    return seen.most(seen.hung(at))


@dataclass(frozen=True, slots=True)
class _Queues:
    """The next hops that were ever in Retry, numbered: their episodes, and the messages to them."""

    episodes: Table
    which: Ints  # of each episode
    messages: Table
    queue: Ints  # of each message
    culprits: Ints  # what each message truly is, by its number in _CULPRITS

    @classmethod
    def of(cls, record: Record) -> _Queues:
        """Of a run."""
        m, q = record.columns("messages"), record.columns("queues")
        hops, which = np.unique(q["next_hop"], return_inverse=True)
        out = np.flatnonzero(m["next_hop"] != HERE)
        queue = np.searchsorted(hops, m["next_hop"][out])
        in_retry = hops.take(queue, mode="clip") == m["next_hop"][out] if len(hops) else np.zeros(len(out), dtype=np.bool_)
        out, queue = out[in_retry], queue[in_retry]
        messages = {name: m[name][out] for name in ("sender", "accepted_at", "settled_at")}
        return cls(q, which, messages, queue, _TRULY[m["kind"][out], m["caused_by"][out] & 15])

    def hung(self, at: Seconds) -> Ints:
        """Which messages stand at `at` in a queue that is in Retry."""
        retry = np.zeros(len(self.which) + 1, dtype=np.bool_)
        retry[self.which[(self.episodes["since"] < at) & ~(self.episodes["until"] < at)]] = True
        return np.flatnonzero((self.messages["accepted_at"] < at) & ~(self.messages["settled_at"] < at) & retry[self.queue])

    def most(self, which: Ints) -> Culprit:
        """What most of some messages truly are; of several as many, the first among the messages."""
        counts = Counter(self.culprits[which].tolist())
        return _CULPRITS[max(counts, key=lambda number: counts[number])] if counts else Culprit.NOTHING


def days(record: Record) -> list[tuple[Conclusion, ...]]:
    """The conclusions at noon of each day of a run, `RULES` in order."""
    seen = _Queues.of(record)
    return [_judged(seen, (day + 0.5) * DAY) for day in range(int(record.run.horizon / DAY + 0.5))]
