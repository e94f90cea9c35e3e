"""The provider's relay: how our server is received there, and its own queues to the world.

To our transport it is the outside: `connects`, `accepts`, `seconds`. What our server has handed over it tries to deliver by its own rules,
with a transport of its own; a message keeps its id on both legs. It never learns more of a message than its envelope.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from sim.mail import SMARTHOST, Code, Outcome
from sim.scenario import Scenario
from sim.server.transport import Done, Message, Outside
from sim.server.transport.processes import Transport
from sim.streams import Draw, u
from sim.units import HOUR, Seconds
from sim.world import World

__all__ = ["Relay"]


class Relay:
    """The smarthost of one run."""

    def __init__(self, scenario: Scenario, world: World, beyond: Outside) -> None:
        """`world` is the outside as our server meets it, the way to the relay included; `beyond` is the outside as the relay meets it."""
        assert scenario.relay is not None
        self.world = world
        self.profile = scenario.relay
        self.transport = Transport(scenario.relay_rules(), beyond)
        self.late: set[int] = set()  # messages that our own server has reported as late: they are not reported again
        self.bound: dict[int, int] = {}  # where to: the domain of a message's recipient, by id
        self._refuses, self._limit = scenario.document.route.refuses, scenario.document.route.throttle
        self._taken: deque[Seconds] = deque()  # of the last hour
        self._asked: dict[int, int] = {}  # how often for each recipient
        self._pending: list[Message] = []

    # How our server is received.

    def first_leg(self, message: Message) -> Message:
        """The message on its way here."""
        self.bound[message.id] = message.next_hop
        message.next_hop = SMARTHOST
        return message

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

    # What it does with what it took.

    def take(self, settled: Iterable[Message]) -> None:
        """What left our server: the messages delivered here begin their second leg."""
        for m in settled:
            if m.outcome is Outcome.DELIVERED:
                self.submit(Message(m.id, m.sender, m.recipient, self.bound[m.id], m.size, m.settled_at))

    def submit(self, message: Message) -> None:
        """A message for its own queues, accepted now or later."""
        self._pending.append(message)

    def advance(self, until: Seconds) -> Done:
        """Play its queues up to `until`."""
        self._pending.sort(key=lambda message: (message.accepted_at, message.id))
        now = [message for message in self._pending if message.accepted_at < until]
        self._pending = self._pending[len(now) :]
        self.transport.submit(now)
        return self.transport.advance(until)
