"""The yardstick: the same instance as one would first write it in SimPy, a process per message and a `Resource` for the connections."""

from __future__ import annotations

from collections.abc import Generator
from itertools import count

import simpy

from bench.instance import EXPIRY, WAITS, Instance
from sim.units import Seconds

__all__ = ["Attempt", "play"]

Attempt = tuple[int, Seconds]  # message, at


def play(instance: Instance, connections: int) -> tuple[simpy.Environment, list[Attempt]]:
    """Play it to its end: the environment, with what is still alive in it, and all attempts."""
    env = simpy.Environment()
    line = simpy.Resource(env, connections)
    attempts: list[Attempt] = []
    env.process(_arrive(env, line, instance, attempts))
    env.run(until=instance.until)
    return env, attempts


def _arrive(
    env: simpy.Environment, line: simpy.Resource, instance: Instance, attempts: list[Attempt]
) -> Generator[simpy.Event, object, None]:
    for message, at in enumerate(instance.at):
        yield env.timeout(at - env.now)
        env.process(_deliver(env, line, instance, message, attempts))


def _deliver(
    env: simpy.Environment, line: simpy.Resource, instance: Instance, message: int, attempts: list[Attempt]
) -> Generator[simpy.Event, object, None]:
    accepted = env.now
    for attempt in count(1):
        with line.request() as turn:
            yield turn
            attempts.append((message, env.now))
            yield env.timeout(instance.seconds[message])
        wait = WAITS[min(attempt, len(WAITS)) - 1]
        if attempt == instance.last[message] or env.now + wait > accepted + EXPIRY:
            return
        yield env.timeout(wait)
