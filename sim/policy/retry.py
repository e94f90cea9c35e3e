"""How long a queue or a deferred message waits before the next delivery attempt.

A retry rule maps (kind, params, accepted, now, failures) to seconds: when the message was accepted and when the attempt failed (seconds
on the time grid), and the failures in a row so far, at least 1. It knows no network and no die, so it can be printed, compared and tested
without running a simulation; it uses scalars only, so a compiler can take the same text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sim.mail import Code
from sim.units import Seconds

__all__ = ["EXCHANGE", "QueueRules", "next_failure", "schedule", "wait"]

EXCHANGE: Final = 0  # params: number of glitch retries, their interval, then the intervals of failures 1, 2, 3 ..., the last one for ever


@dataclass(frozen=True, slots=True)
class QueueRules:
    """Everything that a transport knows of its server. Times in seconds."""

    kind: int
    params: tuple[float, ...]  # of `wait`
    glitch_on: frozenset[Code]
    message_retry: Seconds  # wait of one message that was refused 4xx
    expiry: Seconds
    delay_notice: Seconds
    forget_after: Seconds
    connections: int
    connections_per_hop: int
    messages_per_connection: int
    reports_failures: bool


def wait(kind: int, params: Sequence[float], accepted: Seconds, now: Seconds, failures: int) -> Seconds:
    """Seconds from `now` to the next attempt after `failures` failures in a row.

    >>> [wait(EXCHANGE, (3, 60, 600, 600, 600, 900), 0.0, 0.0, n) for n in (1, 3, 4, 7, 50)]
    [60, 60, 600, 900, 900]
    """
    if kind == EXCHANGE:
        glitches = int(params[0])
        if failures <= glitches:
            return params[1]
        return params[min(1 + failures - glitches, len(params) - 1)]
    raise ValueError(f"no retry rule of kind {kind}")


def next_failure(params: Sequence[float], failures: int, glitch: bool) -> int:
    """The count after one more failure. A failure that does not glitch on this server skips the glitch stage, which is then over."""
    return failures + 1 if glitch else max(failures, int(params[0])) + 1


def schedule(kind: int, params: Sequence[float], lifetime: Seconds, glitch: bool = False) -> list[Seconds]:
    """Times of all attempts within `lifetime` (its end included) at a next hop that fails at once, the first at 0."""
    times, now, failures = [], 0.0, 0
    while now <= lifetime:
        times.append(now)
        failures = next_failure(params, failures, glitch)
        now += wait(kind, params, 0.0, now, failures)
    return times
