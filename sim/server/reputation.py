"""What the outside thinks of this server: the world, and on top of it the block lists that list it.

The transport asks it as it would ask the world. A destination that asks a list which has this server refuses every recipient; which
destinations ask which list is a hash die of the domain, so it is the same under every policy. What arrives at a spamtrap is observed by
the host, and never matters sooner than `lag` after it arrived.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from sim import destinations
from sim.destinations import Codes, Destinations, Manner
from sim.mail import NULL_SENDER, Code, Ints, Kind, Place
from sim.scenario import Scenario
from sim.scenario.listing import COUNTS, lists
from sim.streams import Draw, u, us
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
        if not self._lists:  # nothing on top of the world: it is asked itself
            self.connects, self.accepts = world.connects, world.accepts  # type: ignore[method-assign]
        self.seconds = world.seconds

    def connects(self, hop: int, now: Seconds) -> Code:
        """As the world says."""
        return self.world.connects(hop, now)

    def accepts(self, hop: int, recipient: int, met: Seconds, now: Seconds) -> Code:
        """As the world says, unless the destination asks a list that has this server."""
        for entry in self._lists:
            if entry.spans and entry.has(now) and self.asks(hop, entry.number):
                return Code.LISTED
        return self.world.accepts(hop, recipient, met, now)

    def asks(self, hop: int, number: int) -> bool:
        """Does a destination refuse whom a list has?"""
        return hop >> 40 != Place.PROVIDER and u(self.world.key, hop, Draw.ASKS_LIST, number) < self._lists[number].asked_by

    def trapped(self, kind: Kind, sender: int, at: Seconds) -> None:
        """A message arrived at a spamtrap; to be told in order of time."""
        for entry in self._lists:
            kinds, null_only = COUNTS[entry.name]
            if kind in kinds and not (null_only and sender != NULL_SENDER):
                entry.hit(at)

    # By columns.

    def manner(self) -> Manner:
        """As the world says."""
        return destinations.manner(self.world)

    def destinations(self, hops: Ints) -> Destinations:
        """As the world says, and which lists each asks."""
        found = destinations.destinations(self.world, hops)
        asks = hops >> 40 != Place.PROVIDER
        for entry in self._lists:
            found.lists |= (asks & (us(self.world.key, hops, Draw.ASKS_LIST, entry.number) < entry.asked_by)) << entry.number
        return found

    def mailboxes(self, recipients: Ints) -> Codes:
        """As the world says."""
        return destinations.mailboxes(self.world, recipients)

    def listed(self) -> list[tuple[int, Seconds, Seconds]]:
        """(number of the list, since, until) of every listing so far."""
        return [(entry.number, since, until) for entry in self._lists for since, until in entry.spans]

    def listings(self) -> list[tuple[str, Seconds, Seconds]]:
        """(list, since, until) of every listing."""
        return [(entry.name, since, until) for entry in self._lists for since, until in entry.spans]
