"""The provider's relay: how our server is received there, and its own queues to the world.

To our transport it is the outside: `connects`, `accepts`, `seconds`. What our server has handed over it tries to deliver by its own rules,
with a transport of its own; a message keeps its id on both legs. It never learns more of a message than its envelope.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from sim import destinations
from sim.destinations import Codes, Destinations, Manner
from sim.mail import Code, Ints
from sim.scenario import Scenario
from sim.server.ledger import Born, Sent
from sim.server.merging import order, places_of
from sim.server.transport.columns import ByColumn, Mail, Report, Tabled
from sim.server.transport.engines import Engine, begin
from sim.streams import Draw, u
from sim.units import HOUR, Floats, Seconds
from sim.world import World

__all__ = ["Relay", "hand_over"]


class Relay:
    """The smarthost of one run."""

    def __init__(self, scenario: Scenario, world: World, beyond: Tabled, engine: Engine) -> None:
        """`world` is the outside as our server meets it, the way to the relay included; `beyond` is the outside as the relay meets it."""
        assert scenario.relay is not None
        self.world = world
        self.profile = scenario.relay
        self.transport = begin(engine, scenario.relay_rules(), beyond)
        self.sent = Sent()  # handed to it
        self.late: set[int] = set()  # messages that our own server has reported as late: they are not reported again
        self._refuses, self._limit = scenario.document.route.refuses, scenario.document.route.throttle
        self._taken: deque[Seconds] = deque()  # of the last hour
        self._asked: dict[int, int] = {}  # how often for each recipient
        self.pending: list[Born] = []

    # How our server is received.

    def connects(self, hop: int, now: Seconds) -> Code:
        """As the world says: it has outages, and our DNS may not find it."""
        return self.world.connects(hop, now)

    def accepts(self, hop: int, recipient: int, met: Seconds, now: Seconds) -> Code:
        """Any recipient, but not more than so many messages in an hour, and now and then not now. The die is that of the n-th time that it
        is asked about this recipient."""
        n = self._asked[recipient] = self._asked.get(recipient, 0) + 1
        if u(self.world.key, recipient, n, Draw.RELAY_REFUSES) < self._refuses:
            return Code.TRY_LATER
        if math.isfinite(self._limit):
            while self._taken and self._taken[0] <= now - HOUR:
                self._taken.popleft()
            if len(self._taken) >= self._limit:
                return Code.TOO_MUCH
            self._taken.append(now)
        return Code.OK

    def seconds(self, hop: int, code: Code, message: int, attempt: int, opens: bool, size: int) -> Seconds:
        """As the world says."""
        return self.world.seconds(hop, code, message, attempt, opens, size)

    # The same by columns.

    def manner(self) -> Manner:
        """What is the same for all mail."""
        return destinations.manner(self.world, refuses=self._refuses, throttle=self._limit)

    def destinations(self, hops: Ints) -> Destinations:
        """The way here, as the world says."""
        return destinations.destinations(self.world, hops)

    def mailboxes(self, recipients: Ints) -> Codes:
        """It takes any recipient."""
        return np.full(len(recipients), Code.OK, dtype=np.uint8)

    def listed(self) -> list[tuple[int, Seconds, Seconds]]:
        """It asks no list about its own client."""
        return []

    # What it does with what it took.

    def take(self, delivered: Born, at: Floats) -> None:
        """Messages that left our server for this one begin their second leg."""
        second = delivered.copy()
        second["accepted_at"] = at
        self.submit(second)

    def submit(self, born: Born) -> None:
        """Messages for its own queues, accepted now or later."""
        self.pending.append(born)

    def advance(self, until: Seconds) -> Report:
        """Play its queues up to `until`."""
        self.pending = hand_over(self.transport, self.sent, self.pending, until)
        return self.transport.advance(until)


def hand_over(transport: ByColumn, sent: Sent, pending: list[Born], until: Seconds, hop: int | None = None) -> list[Born]:
    """Submit what is accepted before a time, in order, and note it; give back the rest. `hop`: the next hop of all mail."""
    later: list[Born] = []
    due: list[Born] = []
    for part in pending:
        now = part["accepted_at"] < until
        if now.all():
            due.append(part)
        else:
            due.append(part.compress(now))
            later.append(part.compress(~now))
    if not due:
        return later
    by = order(*(np.concatenate([part[name] for part in due]) for name in ("accepted_at", "id")))
    rows = sent.add(due, places_of(by, [len(part) for part in due]))
    hops = rows["next_hop"] if hop is None else np.full(len(rows), hop, dtype=np.int64)
    transport.submit(Mail(rows["id"], rows["sender"], rows["recipient"], hops, rows["size"].astype(np.int64), rows["accepted_at"]))
    return later
