"""Which of several systems has the largest mean, with a stated probability of being right.

The fully sequential procedure of Kim and Nelson (2001, ACM TOMACS 11: A fully sequential procedure for indifference-zone selection in
simulation). It works on variances of paired differences, so common random numbers are allowed and make it faster. It supposes that a
replication's value is about normal, as a count over a run is.

Promise: where the best mean is at least `zone` above every other, the best is chosen with probability `level` or better; where some are
closer, one of those within `zone` of the best is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim.units import Floats

__all__ = ["Selection", "select"]


@dataclass(frozen=True, slots=True)
class Selection:
    """What is known after so many replications."""

    best: int | None  # number of the system; None: not yet decided
    rivals: tuple[int, ...]  # those not yet ruled out, the best among them
    runs: int  # replications that were needed, or that there were
    most: int  # with this many it is decided for certain


def select(values: Floats, zone: float, level: float, first: int = 10) -> Selection:
    """The system with the largest mean.

    values: float64[replications, systems], replications in order; the first `first` give the variances. Asking again with more rows repeats
    the decisions already made. Of equal means the first system is taken. Raises ValueError where a value is NaN, or the zone is not
    positive.
    """
    runs, systems = values.shape
    if zone <= 0 or not 1.0 / systems < level < 1.0:
        raise ValueError(f"a zone above 0 and a level between 1/{systems} and 1 are wanted, not {zone:g} and {level:g}")
    if np.isnan(values).any():
        raise ValueError("a system without a value in some replication cannot be compared")
    if systems == 1:
        return Selection(0, (0,), min(runs, 1), 1)
    if runs < first:
        return Selection(None, tuple(range(systems)), runs, first)
    eta = 0.5 * ((2.0 * (1.0 - level) / (systems - 1)) ** (-2.0 / (first - 1)) - 1.0)
    h2 = 2.0 * eta * (first - 1)
    start = values[:first]
    variances = (start[:, :, None] - start[:, None, :]).var(axis=0, ddof=1)  # of the paired differences
    most = max(first, math.floor(h2 * float(variances.max()) / zone**2) + 1)
    means = np.cumsum(values, axis=0) / np.arange(1, runs + 1)[:, None]
    alive = np.arange(systems)
    for r in range(first, runs + 1):
        mean, variance = means[r - 1, alive], variances[np.ix_(alive, alive)]
        slack = np.maximum(0.0, zone / (2.0 * r) * (h2 * variance / zone**2 - r))
        alive = alive[(mean[:, None] >= mean[None, :] - slack).all(axis=1)]
        if len(alive) == 1 or r >= most:
            best = int(alive[np.argmax(means[r - 1, alive])])
            return Selection(best, tuple(alive.tolist()), r, most)
    return Selection(None, tuple(alive.tolist()), runs, most)
