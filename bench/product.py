"""The transport of the server alone on the same instance, through its own door: begin, submit, advance."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from bench.counted import Counted
from bench.instance import EXPIRY, WAITS, Instance
from sim.mail import Ints
from sim.policy.retry import INTERVALS, Expiry, Family, QueueRules
from sim.server.transport.columns import ByColumn, Mail
from sim.server.transport.engines import Engine, begin
from sim.units import Seconds

__all__ = ["mail", "outside", "play", "rules"]


def rules(family: Family, connections: int) -> QueueRules:
    """Those of the instance. Where the queue retries, and each has one message, the same attempts are made; it expires on time."""
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


def outside(instance: Instance) -> Counted:
    """Next hop n is that of message n alone."""
    return Counted(instance.last, instance.meets, instance.ends, instance.seconds)


def mail(instance: Instance) -> Mail:
    """All of it, in columns."""
    number: Ints = np.arange(len(instance.at), dtype=np.int64)
    return Mail(number, number, number, number, np.full(len(number), 1000, dtype=np.int64), np.array(instance.at))


def play(engine: Engine, family: Family, instance: Instance, connections: int, every: Seconds | None = None) -> ByColumn:
    """Play it to its end. every: as the server does, a batch at a time, the transport advanced behind each; at once where None."""
    return played(engine, rules(family, connections), outside(instance), mail(instance), instance.until, every)


def played(engine: Engine, how: QueueRules, meets: Counted, all: Mail, until: Seconds, every: Seconds | None = None) -> ByColumn:
    """The same, of what has been made ready: what is timed."""
    transport = begin(engine, how, meets)
    for batch, end in _batches(all, until, every or until):
        transport.submit(batch)
        transport.advance(end)
    return transport


def _batches(all: Mail, until: Seconds, every: Seconds) -> Iterator[tuple[Mail, Seconds]]:
    first = 0
    for n in range(1, math.ceil(until / every) + 1):
        end = min(n * every, until)
        last = int(np.searchsorted(all.accepted_at, end))
        yield all.take(slice(first, last)), end
        first = last
