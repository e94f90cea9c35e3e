"""The retry queue in salabim: a component per message, a `Resource` for the connections, nothing monitored."""

from __future__ import annotations

from collections.abc import Generator

import salabim

from bench.instance import EXPIRY, WAITS, Instance
from bench.outcome import Outcome, Played, cpu
from bench.plain import Attempt

__all__ = ["play"]


class Message(salabim.Component):
    """From its arrival until it leaves."""

    def setup(self, number: int, instance: Instance, connections: salabim.Resource, attempts: list[Attempt]) -> None:
        """What it needs to know."""
        self.number, self.instance, self.connections, self.attempts = number, instance, connections, attempts

    def process(self) -> Generator[object, None, None]:
        """Try, wait, try again."""
        number, instance = self.number, self.instance
        accepted, made = self.env.now(), 0
        while True:
            yield self.request(self.connections)
            self.attempts.append((number, self.env.now()))
            yield self.hold(instance.seconds[number])
            self.release()
            made += 1
            wait = WAITS[min(made, len(WAITS)) - 1]
            if made == instance.last[number] or self.env.now() + wait > accepted + EXPIRY:
                return
            yield self.hold(wait)


class Source(salabim.Component):
    """Messages come."""

    def setup(self, instance: Instance, connections: salabim.Resource, attempts: list[Attempt]) -> None:
        """What it needs to know."""
        self.instance, self.connections, self.attempts = instance, connections, attempts

    def process(self) -> Generator[object, None, None]:
        """One after the other."""
        for number, at in enumerate(self.instance.at):
            yield self.hold(at - self.env.now())
            Message(number=number, instance=self.instance, connections=self.connections, attempts=self.attempts)


def play(instance: Instance, connections: int) -> Played:
    """Play it to its end."""
    attempts: list[Attempt] = []
    begin = cpu()
    env = salabim.Environment(yieldless=False)
    env.suppress_trace_standby(True)
    Source(instance=instance, connections=salabim.Resource(capacity=connections, monitor=False), attempts=attempts)
    env.run(till=instance.until)
    seconds = cpu() - begin
    return Played(seconds, Outcome.told(instance, attempts))
