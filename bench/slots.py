"""SimPy as one writes it with an eye on its cost: a generator per message, and a counter with a line of events instead of a `Resource`."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator

import simpy

from bench.instance import EXPIRY, WAITS, Instance
from bench.plain import Attempt

__all__ = ["play"]


class Slots:
    """So many connections, first come, first served."""

    def __init__(self, env: simpy.Environment, free: int) -> None:
        self.env, self.free = env, free
        self.line: deque[simpy.Event] = deque()

    def turn(self) -> simpy.Event | None:
        """None where one is free, and taken; else an event to wait for."""
        if self.free:
            self.free -= 1
            return None
        turn = simpy.Event(self.env)
        self.line.append(turn)
        return turn

    def give_back(self) -> None:
        """To whoever has waited longest."""
        if self.line:
            self.line.popleft().succeed()
        else:
            self.free += 1


def play(instance: Instance, connections: int) -> tuple[simpy.Environment, list[Attempt]]:
    """Play it to its end: the environment, with what is still alive in it, and all attempts."""
    env = simpy.Environment()
    slots = Slots(env, connections)
    attempts: list[Attempt] = []
    env.process(_arrive(env, slots, instance, attempts))
    env.run(until=instance.until)
    return env, attempts


def _arrive(env: simpy.Environment, slots: Slots, instance: Instance, attempts: list[Attempt]) -> Generator[simpy.Event, object, None]:
    for message, at in enumerate(instance.at):
        yield env.timeout(at - env.now)
        env.process(_deliver(env, slots, instance, message, attempts))


def _deliver(
    env: simpy.Environment, slots: Slots, instance: Instance, message: int, attempts: list[Attempt]
) -> Generator[simpy.Event, object, None]:
    seconds, last, late = instance.seconds[message], instance.last[message], env.now + EXPIRY
    made = 0
    while True:
        turn = slots.turn()
        if turn is not None:
            yield turn
        attempts.append((message, env.now))
        made += 1
        yield env.timeout(seconds)
        slots.give_back()
        wait = WAITS[min(made, len(WAITS)) - 1]
        if made == last or env.now + wait > late:
            return
        yield env.timeout(wait)
