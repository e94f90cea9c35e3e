"""What "at the same time" means: changes due at one instant are collected, then applied in a written order.

The order is (rank, next hop, id). After them one dispatch grants connections. SimPy alone would order by when things were scheduled, which
is an accident of an implementation; two back ends can only agree to the bit on an order that is written down.

A timeout that is alone at its time applies what it brings. Where SimPy has more at this time, whatever that is, what is due is collected,
and one event of the lowest priority applies it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from operator import itemgetter
from typing import Any

import simpy
from simpy.events import Event, Timeout

__all__ = ["Instant", "Rank"]

_ORDER = itemgetter(0, 1, 2)
_LAST: Any = 9  # a SimPy priority behind URGENT (0) and NORMAL (1): after everything else at this time


class Rank(IntEnum):
    """The order of changes at one instant."""

    INTERVENTION = 0
    ATTEMPT_END = 1
    EXPIRY = 2
    WAKE = 3
    DELAY_NOTICE = 4
    ACCEPTANCE = 5


class Instant:
    """Collects what is due now; the first post schedules one lowest-priority event, which applies it all."""

    def __init__(self, env: simpy.Environment, dispatch: Callable[[], None]) -> None:
        self._env = env
        self._dispatch = dispatch
        self._due: list[tuple[int, int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._posted = False

    def post(self, rank: Rank, next_hop: int, id: int, apply: Callable[..., None], *args: Any) -> None:
        """Have a change applied at this instant, in its turn. No two posts of an instant share (rank, next hop, id)."""
        if not self._posted:
            self._posted = True
            event = Event(self._env)
            event._ok = True
            event._value = None
            event.callbacks = [self._apply]
            self._env.schedule(event, priority=_LAST)
        self._due.append((rank, next_hop, id, apply, args))

    def after(self, seconds: float, rank: Rank, next_hop: int, id: int, apply: Callable[..., None], *args: Any) -> None:
        """Post a change `seconds` from now; at least 1 ms, so that nothing follows from an instant within it."""
        assert seconds >= 0.001, seconds
        timeout = Timeout(self._env, seconds, (rank, next_hop, id, apply, args))
        timeout.callbacks.append(self._reached)

    def _reached(self, timeout: Event) -> None:
        if self._env.peek() <= self._env.now:  # more is to come at this time, and it may be nothing that posts
            rank, next_hop, id, apply, args = timeout._value
            self.post(rank, next_hop, id, apply, *args)
        else:  # alone, as nearly always
            apply, args = timeout._value[3:]
            apply(*args)
            self._dispatch()

    def _apply(self, _: Event) -> None:
        due, self._due, self._posted = self._due, [], False
        if len(due) > 1:
            due.sort(key=_ORDER)
        for _rank, _hop, _id, apply, args in due:
            apply(*args)
        self._dispatch()
