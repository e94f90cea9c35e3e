"""Outbound queues, one per next hop, behind one interface with interchangeable back ends.

    transport.submit(messages)        in order of (accepted_at, id), all in [now, until)
    transport.apply(act)              what an administrator does now, before anything else at this instant
    done = transport.advance(until)   what settled and what was reported late, up to `until`

Times are seconds on the time grid; what happens at `until` itself is not yet done.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

from sim.mail import Code, Dsn, Outcome
from sim.policy.intervention import Act, Deed
from sim.record import EndedBy
from sim.units import Seconds

__all__ = ["Act", "Deed", "Done", "Episode", "Message", "Outside"]


class Outside(Protocol):
    """What a transport asks of the outside; `sim.world.World` answers it."""

    def connects(self, hop: int, now: Seconds) -> Code:
        """What opening a connection to a next hop meets."""

    def accepts(self, hop: int, recipient: int, met: Seconds, now: Seconds) -> Code:
        """What a host that answers says to a recipient; `met` is when it first saw this sender and recipient."""

    def seconds(self, hop: int, code: Code, message: int, attempt: int, opens: bool, size: int) -> Seconds:
        """How long an attempt at a next hop holds its connection."""


@dataclass(slots=True, eq=False)
class Message:
    """One outbound message and what became of it; the columns of the record's table `messages`."""

    id: int
    sender: int
    recipient: int
    next_hop: int
    size: int
    accepted_at: Seconds
    first_attempt_at: Seconds = math.nan
    deferred_at: Seconds = math.nan
    settled_at: Seconds = math.nan
    outcome: Outcome = Outcome.QUEUED
    last_code: Code = Code.NONE
    dsn: Dsn = Dsn.NONE
    attempts: int = 0
    suspended: int = 0  # deferrals without an attempt
    under_way: bool = False
    failures: int = 0  # deferrals of this message alone
    naps: int = 0  # counts its waits, so that a wake of a forgotten one does nothing
    doomed: Dsn | None = None  # deleted while an attempt was under way: what to report should it fail
    ready_since: Seconds = math.nan  # stands ready while no connection is free
    wait_seconds: Seconds = 0.0
    connection_seconds: Seconds = 0.0


@dataclass(slots=True, eq=False)
class Episode:
    """A next hop in Retry: from the first failure to connect until it answers or is empty. The attempts made meanwhile are part of it."""

    next_hop: int
    since: Seconds
    until: Seconds = math.nan
    failures: int = 0
    connection_seconds: Seconds = 0.0
    last_code: Code = Code.NONE
    ended_by: EndedBy = EndedBy.STILL_OPEN


@dataclass(slots=True)
class Done:
    """What happened in one advance."""

    settled: list[Message] = field(default_factory=list)
    delayed: list[tuple[Seconds, Message]] = field(default_factory=list)  # delay notices that are due, with their time
