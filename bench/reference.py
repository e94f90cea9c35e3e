"""The transport of the server alone, on the same instance."""

from __future__ import annotations

import math

from bench.instance import EXPIRY, WAITS, Instance
from sim.mail import Code
from sim.policy.retry import INTERVALS, Expiry, Family, QueueRules
from sim.server.transport import Message
from sim.server.transport.processes import Transport
from sim.units import Seconds

__all__ = ["Attempt", "play"]

Attempt = tuple[int, Seconds, int, Code, Seconds]


def play(family: Family, instance: Instance, connections: int) -> tuple[Transport, list[Attempt]]:
    """Play it to its end: the transport, and all attempts."""
    transport = Transport(_rules(family, connections), _Outside(instance))
    transport.submit(Message(n, n, n, n, 1000, at) for n, at in enumerate(instance.at))
    transport.advance(instance.until)
    return transport, transport.attempts


def _rules(family: Family, connections: int) -> QueueRules:
    return QueueRules(
        family=family,
        kind=INTERVALS,
        params=(0.0, 60.0, *WAITS),  # no glitch retries
        glitch_on=frozenset(),
        message_retry=WAITS[0],
        expiry=EXPIRY,
        expires=Expiry.TIMER if family is Family.QUEUE else Expiry.WHEN_THE_NEXT_IS_LATE,
        delay_notice=math.inf,
        forget_after=180.0,
        connections=connections,
        connections_per_hop=connections,
        messages_per_connection=20,
        reports_failures=True,
    )


class _Outside:
    """Next hop n is that of message n alone, so its attempts can be counted."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.tried = [0] * len(instance.at)

    def connects(self, hop: int, now: Seconds) -> Code:
        self.tried[hop] += 1
        if self.tried[hop] < self.instance.last[hop]:
            return self.instance.meets[hop]
        return Code.NXDOMAIN if self.instance.ends[hop] is Code.NXDOMAIN else Code.OK

    def accepts(self, hop: int, recipient: int, met: Seconds, now: Seconds) -> Code:
        return self.instance.ends[hop]

    def seconds(self, hop: int, code: Code, message: int, attempt: int, opens: bool, size: int) -> Seconds:
        return self.instance.seconds[message]
