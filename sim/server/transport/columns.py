"""The interface of a transport, by columns, and the reference behind it.

    transport.submit(mail)            in order of (accepted_at, id), all in [now, until)
    transport.apply(act)              what an administrator does now, before anything else at this instant
    report = transport.advance(until) what settled and what was reported late, up to `until`

Messages are numbered in the order in which they were submitted, from 0. Who has started a transport need not know which back end it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sim.destinations import Codes, Destinations, Manner
from sim.mail import Ints, Outcome
from sim.policy.intervention import Act
from sim.policy.retry import QueueRules
from sim.record import SCHEMA, Table
from sim.server.transport import Message, Outside
from sim.server.transport.processes import Transport
from sim.units import Floats, Seconds

__all__ = ["ByColumn", "Mail", "Reference", "Report", "Tabled"]

CARRIED = tuple(n for n in SCHEMA["messages"] if n not in ("root", "caused_by", "kind", "truth", "answer", "sender", "recipient"))


class Tabled(Outside, Protocol):
    """An outside that can also be asked about many at once. What `listed` says may change between two advances, the rest not."""

    def manner(self) -> Manner:
        """What all next hops have in common."""

    def destinations(self, hops: Ints) -> Destinations:
        """What each next hop does. int64[n]."""

    def mailboxes(self, recipients: Ints) -> Codes:
        """What each recipient answers where its domain does. int64[n] to uint8[n]."""

    def listed(self) -> list[tuple[int, Seconds, Seconds]]:
        """(list, since, until): when a list has this server, and a next hop whose `lists` names it refuses."""


@dataclass(slots=True)
class Mail:
    """Messages to be sent, a column each: int64[n], and float64[n] for the time."""

    id: Ints
    sender: Ints
    recipient: Ints
    next_hop: Ints
    size: Ints
    accepted_at: Floats

    def __len__(self) -> int:
        return len(self.id)

    @classmethod
    def of(cls, messages: Sequence[Message]) -> Mail:
        """From objects."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.array([getattr(m, name) for m in messages], dtype=SCHEMA["messages"][name].dtype) for name in names))

    @classmethod
    def joined(cls, parts: Sequence[Mail]) -> Mail:
        """One behind the other."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def take(self, which: npt.NDArray[np.intp] | npt.NDArray[np.bool_] | slice) -> Mail:
        """Some of them."""
        return Mail(
            self.id[which], self.sender[which], self.recipient[which], self.next_hop[which], self.size[which], self.accepted_at[which]
        )


@dataclass(slots=True)
class Report:
    """What happened in one advance: numbers of messages in order of time."""

    settled: Ints
    settled_at: Floats
    outcome: Codes
    dsn: Codes
    late: Ints  # a delay notice was due
    late_at: Floats


class ByColumn(Protocol):
    """A transport."""

    @property
    def rules(self) -> QueueRules:
        """As they are now."""

    def submit(self, mail: Mail) -> None:
        """Hand over messages."""

    def apply(self, act: Act) -> None:
        """Have an act done now."""

    def advance(self, until: Seconds) -> Report:
        """Play everything before `until`."""

    def queued(self) -> int:
        """Messages accepted that have not left."""

    def in_retry(self) -> int:
        """Next hops in a retry episode."""

    def messages(self) -> Table:
        """What became of each message, by number: the columns of the record's `messages` that a transport knows."""

    def queues(self) -> Table:
        """The record's table of retry episodes."""

    def attempts(self) -> Table:
        """The record's table of attempts."""

    def release(self) -> tuple[Ints, Table, Table]:
        """What has left, (numbers, `messages` of them, `attempts` so far), is forgotten; the rest is numbered anew, in the same order."""


class Reference:
    """The SimPy reference, by columns."""

    def __init__(self, rules: QueueRules, outside: Outside, transport: type[Transport] = Transport) -> None:
        self.transport = transport(rules, outside)
        self._all: list[Message] = []
        self._numbers: dict[int, int] = {}

    @property
    def rules(self) -> QueueRules:
        """As they are now."""
        return self.transport.rules

    def submit(self, mail: Mail) -> None:
        """Hand over messages."""
        made = [Message(*values) for values in zip(*(getattr(mail, field.name).tolist() for field in fields(mail)), strict=True)]
        self._numbers.update((message.id, n) for n, message in enumerate(made, start=len(self._all)))
        self._all += made
        self.transport.submit(made)

    def apply(self, act: Act) -> None:
        """Have an act done now."""
        self.transport.apply(act)

    def advance(self, until: Seconds) -> Report:
        """Play everything before `until`."""
        done = self.transport.advance(until)
        return Report(
            np.array([self._numbers[m.id] for m in done.settled], dtype=np.int64),
            np.array([m.settled_at for m in done.settled], dtype=np.float64),
            np.array([m.outcome for m in done.settled], dtype=np.uint8),
            np.array([m.dsn for m in done.settled], dtype=np.uint8),
            np.array([self._numbers[m.id] for _, m in done.delayed], dtype=np.int64),
            np.array([at for at, _ in done.delayed], dtype=np.float64),
        )

    def queued(self) -> int:
        """Messages accepted that have not left."""
        return self.transport.queued()

    def in_retry(self) -> int:
        """Next hops in a retry episode."""
        return self.transport.in_retry()

    def messages(self) -> Table:
        """What became of each message, by number."""
        return {name: np.array([getattr(m, name) for m in self._all], dtype=SCHEMA["messages"][name].dtype) for name in CARRIED}

    def queues(self) -> Table:
        """The record's table of retry episodes."""
        return {
            name: np.array([getattr(episode, name) for episode in self.transport.episodes], dtype=column.dtype)
            for name, column in SCHEMA["queues"].items()
        }

    def release(self) -> tuple[Ints, Table, Table]:
        """What has left is forgotten."""
        gone = np.array([m.outcome is not Outcome.QUEUED for m in self._all], dtype=np.bool_)
        messages, attempts = self.messages(), self.attempts()
        self._all = [m for m in self._all if m.outcome is Outcome.QUEUED]
        self._numbers = {m.id: n for n, m in enumerate(self._all)}
        self.transport.messages = [m for m in self.transport.messages if m.outcome is Outcome.QUEUED]
        self.transport.attempts.clear()
        return np.flatnonzero(gone), {name: column[gone] for name, column in messages.items()}, attempts

    def attempts(self) -> Table:
        """The record's table of attempts."""
        made = self.transport.attempts
        return {
            name: np.fromiter((row[i] for row in made), column.dtype, len(made))
            for i, (name, column) in enumerate(SCHEMA["attempts"].items())
        }
