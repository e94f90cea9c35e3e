"""Which of the rows behind gates arrive: a gate is a mailbox, and opens one step with every spammer who got an automatic message of it."""

from __future__ import annotations

import math
from bisect import bisect_left

import numpy as np

from sim.mail import Ints
from sim.units import Seconds
from sim.workload import Gated, Rows

__all__ = ["Gates"]


class Gates:
    """The gates of one run. Gates never shut."""

    def __init__(self, gated: Gated, lag: Seconds) -> None:
        self.gated = gated
        self.lag = lag if len(gated.rows) else math.inf
        self._told: set[tuple[int, int]] = set()
        self._confirmed: dict[int, list[Seconds]] = {}  # mailbox -> when, in order

    def confirm(self, mailbox: int, spammer: int, at: Seconds) -> None:
        """A message of a mailbox has reached a spammer; to be told in order of time. Each spammer counts once."""
        if (mailbox, spammer) not in self._told:
            self._told.add((mailbox, spammer))
            self._confirmed.setdefault(mailbox, []).append(at)

    def open(self, since: Seconds, until: Seconds) -> Rows:
        """The rows that arrive in [since, until): those whose confirmations came more than the lag before."""
        rows = self.gated.rows
        begin, end = np.searchsorted(rows.at, (since, until)).tolist()
        if begin == end:
            return rows.take(slice(0, 0))
        known: Ints = np.array(
            [
                bisect_left(self._confirmed.get(mailbox, []), at - self.lag)
                for mailbox, at in zip(rows.mailbox[begin:end].tolist(), rows.at[begin:end].tolist(), strict=True)
            ],
            dtype=np.int64,
        )
        return rows.take(begin + np.flatnonzero(self.gated.needs[begin:end] <= known))
