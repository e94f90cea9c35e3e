"""Counts over time, exact: they follow from the times at which what is counted begins and ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.mail import Ints
from sim.units import Floats, Seconds

__all__ = ["Steps"]


@dataclass(frozen=True, slots=True)
class Steps:
    """A count over time: `level[i]` holds from `at[i]` to `at[i + 1]`; before `at[0]` it is 0."""

    at: Floats
    level: Ints

    @classmethod
    def of(cls, starts: Floats, ends: Floats) -> Steps:
        """How many of the intervals [start, end) hold; an end of NaN never comes."""
        if not len(starts):
            return cls(np.zeros(0), np.zeros(0, dtype=np.int64))
        ends = ends[~np.isnan(ends)]
        times = np.concatenate([starts, ends])
        order = np.argsort(times, kind="stable")  # starts mostly are in order of time
        times, level = times[order], np.cumsum(np.where(order < len(starts), 1, -1))
        last = np.ones(len(times), dtype=np.bool_)  # of several at one time
        np.not_equal(times[1:], times[:-1], out=last[:-1])
        return cls(times[last], level[last])

    def before(self, times: Floats) -> Floats:
        """The count just before each time."""
        return np.concatenate([[0], self.level])[np.searchsorted(self.at, times, side="left")].astype(np.float64)

    def peak(self) -> float:
        """The highest count."""
        return float(self.level.max(initial=0))

    def mean(self, horizon: Seconds) -> float:
        """Mean over [0, horizon)."""
        return float((self.level * np.diff(np.append(np.minimum(self.at, horizon), horizon))).sum()) / horizon

    def first_above(self, limit: float) -> float:
        """When the count first exceeds a limit; NaN if never."""
        above = np.flatnonzero(self.level > limit)
        return float(self.at[above[0]]) if len(above) else float("nan")
