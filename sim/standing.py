"""What stands in the outbound queues of a server, over time: of our own, or of the smarthost that relays for it.

Nothing is sampled: the counts follow from the times in the tables.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from sim.counts import Steps
from sim.mail import HERE, Ints, Kind, are
from sim.record import Array, Table
from sim.units import Floats, Seconds

__all__ = ["Standing"]


class Standing:
    """The autoreplies of one server to the outside, and its queues: of the tables `messages` and `queues`, or `relay_messages` and
    `relay_queues`."""

    def __init__(self, messages: Table, queues: Table) -> None:
        self._messages, self._queues = messages, queues

    @cached_property
    def autoreplies(self) -> Ints:
        """The rows of those messages that are autoreplies to the outside."""
        return np.flatnonzero(are(self._messages["kind"], Kind.AUTOREPLY) & (self._messages["next_hop"] != HERE))

    def _of(self, name: str) -> Array:
        """A column of the autoreplies to the outside."""
        return self._messages[name].take(self.autoreplies)

    @cached_property
    def hung(self) -> Steps:
        """Those that have been deferred and still wait."""
        deferred = self._of("deferred_at")
        which = ~np.isnan(deferred)
        return Steps.of(deferred[which], self._of("settled_at")[which])

    @cached_property
    def in_retry(self) -> Steps:
        """Next hops in Retry that hold at least one."""
        q = self._queues
        if not len(q["next_hop"]):
            return Steps.of(np.zeros(0), np.zeros(0))
        hop, (hops, queue) = self._of("next_hop"), np.unique(q["next_hop"], return_inverse=True)
        held = np.searchsorted(hops, hop)
        there = hops.take(held, mode="clip") == hop
        since, until = (self._of(name)[there] for name in ("accepted_at", "settled_at"))
        return Steps.of(*_meanwhile(held[there], since, until, queue, q["since"], q["until"]))

    def drained_after(self, off: Seconds) -> Seconds:
        """From a switch-off until the last that hung then leaves; NaN if none hung, or one never leaves."""
        settled = self._of("settled_at")
        hanging = ~np.isnan(self._of("deferred_at")) & (self._of("accepted_at") < off) & ~(settled <= off)
        return float(settled[hanging].max() - off) if hanging.any() else float("nan")


def _meanwhile(queue: Ints, since: Floats, until: Floats, in_queue: Ints, begun: Floats, ended: Floats) -> tuple[Floats, Floats]:
    """Of each episode of a queue, numbered from 0, the spans in which at least one message is there: when they begin and end; an end of NaN
    never comes. Messages: queue, since, until. Episodes: in_queue, begun, ended."""
    if not len(since):
        return since, since
    times = np.concatenate([since, until, begun, ended])
    at, rank = np.unique(np.where(np.isnan(times), np.inf, times), return_inverse=True)  # whole numbers, so a queue and a time are one key
    keys = rank + len(at) * np.concatenate([queue, queue, in_queue, in_queue])
    come, go, begin, end = np.split(keys, np.cumsum([len(since), len(since), len(begun)]))
    order = np.argsort(come, kind="stable")
    come, go = come[order], np.maximum.accumulate(go[order])  # what is in a queue later has a higher key
    first = np.append(True, come[1:] > go[:-1])  # nobody was there any more
    come, go = come[first], go[np.append(np.flatnonzero(first)[1:], len(first)) - 1]
    earliest, last = np.searchsorted(go, begin, side="right"), np.searchsorted(come, end)
    count = np.maximum(last - earliest, 0)
    episode = np.repeat(np.arange(len(begin)), count)
    span = np.arange(len(episode)) + np.repeat(earliest - np.cumsum(count) + count, count)
    starts, stops = np.maximum(come[span], begin[episode]), np.minimum(go[span], end[episode])
    stop = at[stops % len(at)]
    return at[starts % len(at)], np.where(np.isinf(stop), np.nan, stop)
