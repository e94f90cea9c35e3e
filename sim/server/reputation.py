"""What the outside thinks of this server: the world, and on top of it the block lists that list it.

The transport asks it as it would ask the world. A destination that asks a list which has this server refuses every recipient; which
destinations ask which list is a hash die of the domain, so it is the same under every policy. What arrives at a spamtrap is observed by
the host, and never matters sooner than `lag` after it arrived.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from sim.mail import NULL_SENDER, Code, Kind, Outcome, Place
from sim.scenario import Scenario
from sim.scenario.listing import COUNTS, lists
from sim.server.transport import Message
from sim.streams import Draw, u
from sim.units import Seconds, grid
from sim.world import World

__all__ = ["Reputation"]


@dataclass(slots=True)
class _List:
    """One list and what it knows of this server."""

    name: str
    number: int
    hits: int
    within: Seconds
    delay: Seconds
    lasts: Seconds
    asked_by: float
    recent: deque[Seconds] = field(default_factory=deque)  # hits that still count
    spans: list[list[Seconds]] = field(default_factory=list)  # listed in [since, until)

    def hit(self, at: Seconds) -> None:
        """A message arrived at one of its traps."""
        self.recent.append(at)
        while self.recent[0] <= at - self.within:
            self.recent.popleft()
        if self.spans and at < self.spans[-1][1]:
            self.spans[-1][1] = grid(at + self.lasts)
        elif len(self.recent) >= self.hits:
            since = grid(at + self.delay)
            self.spans.append([since, grid(max(at + self.lasts, since))])

    def has(self, now: Seconds) -> bool:
        """Is the server listed?"""
        return any(since <= now < until for since, until in self.spans)


class Reputation:
    """The outside as it treats this server."""

    def __init__(self, world: World, scenario: Scenario) -> None:
        self.world = world
        self._lists = [
            _List(name, n, table.hits, table.within, table.delay, table.lasts, table.asked_by)
            for n, (name, table) in enumerate(lists(scenario.document).items())
        ]
        self.lag = min((entry.delay for entry in self._lists), default=math.inf)

    def connects(self, hop: int, now: Seconds) -> Code:
        """As the world says."""
        return self.world.connects(hop, now)

    def accepts(self, hop: int, recipient: int, met: Seconds, now: Seconds) -> Code:
        """As the world says, unless the destination asks a list that has this server."""
        for entry in self._lists:
            if entry.spans and entry.has(now) and self.asks(hop, entry.number):
                return Code.LISTED
        return self.world.accepts(hop, recipient, met, now)

    def seconds(self, hop: int, code: Code, message: int, attempt: int, opens: bool, size: int) -> Seconds:
        """As the world says."""
        return self.world.seconds(hop, code, message, attempt, opens, size)

    def asks(self, hop: int, number: int) -> bool:
        """Does a destination refuse whom a list has?"""
        return hop >> 40 != Place.PROVIDER and u(self.world.key, hop, Draw.ASKS_LIST, number) < self._lists[number].asked_by

    def trapped(self, message: Message) -> None:
        """A message arrived at a spamtrap; to be told in order of time."""
        assert message.outcome is Outcome.DELIVERED
        kind = Kind(message.id & 15)
        for entry in self._lists:
            kinds, null_only = COUNTS[entry.name]
            if kind in kinds and not (null_only and message.sender != NULL_SENDER):
                entry.hit(message.settled_at)

    def listings(self) -> list[tuple[str, Seconds, Seconds]]:
        """(list, since, until) of every listing."""
        return [(entry.name, since, until) for entry in self._lists for since, until in entry.spans]
