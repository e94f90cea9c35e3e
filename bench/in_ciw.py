"""The retry queue in Ciw: a node with so many servers, and one with endlessly many in which messages wait to be tried again."""

from __future__ import annotations

import math

import ciw
import numpy as np

from bench.instance import EXPIRY, WAITS, Instance
from bench.outcome import Outcome, Played, cpu
from bench.plain import Attempt

__all__ = ["play"]


class Messages:
    """What the nodes ask of the instance."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.made = [0] * len(instance.at)
        self.attempts: list[Attempt] = []

    def __deepcopy__(self, memo: object) -> Messages:
        """Ciw copies what it is given; this is shared by three."""
        return self

    def wait(self, message: int) -> float:
        """After the attempts made so far."""
        return WAITS[min(self.made[message], len(WAITS)) - 1]


class Attempts(ciw.dists.Distribution):
    """How long an attempt takes."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages

    def sample(self, t: float | None = None, ind: ciw.Individual | None = None) -> float:
        """Of this message."""
        assert t is not None
        assert ind is not None
        message = ind.id_number - 1
        self.messages.made[message] += 1
        self.messages.attempts.append((message, t))
        return self.messages.instance.seconds[message]


class Waits(ciw.dists.Distribution):
    """How long until the next."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages

    def sample(self, t: float | None = None, ind: ciw.Individual | None = None) -> float:
        """Of this message."""
        assert ind is not None
        return self.messages.wait(ind.id_number - 1)


class Tried(ciw.routing.NodeRouting):
    """After an attempt: it leaves, or waits."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages

    def next_node(self, ind: ciw.Individual) -> ciw.Node:
        """Where to."""
        message, instance = ind.id_number - 1, self.messages.instance
        late = self.node.now + self.messages.wait(message) > instance.at[message] + EXPIRY
        if late or self.messages.made[message] == instance.last[message]:
            return self.simulation.nodes[-1]
        return self.simulation.nodes[2]


def play(instance: Instance, connections: int) -> Played:
    """Play it to its end, with no records but our own."""
    messages = Messages(instance)
    gaps = np.diff(instance.at, prepend=0.0).tolist()
    begin = cpu()
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*gaps, math.inf]), None],
        service_distributions=[Attempts(messages), Waits(messages)],
        number_of_servers=[connections, math.inf],
        routing=ciw.routing.NetworkRouting([Tried(messages), ciw.routing.Direct(to=1)]),
    )
    ciw.Simulation(network).simulate_until_max_time(instance.until)
    seconds = cpu() - begin
    return Played(seconds, Outcome.told(instance, messages.attempts))
