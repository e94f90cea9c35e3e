"""One long run: where its warm-up ends, and the interval of its mean from batches.

For steady-state questions only, and opt-in: most runs here are terminating, and their ramp is the point. A series is float64[n], one value
per equal stretch of time, in order of time. Warm-up is cut from the series, never from the model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.statistics.intervals import LEVEL, Estimate, estimate
from sim.units import Floats

__all__ = ["BATCHES", "Steady", "mser5", "smoothed", "steady"]

BATCHES: Final = 20  # between 10 and 30: Schmeiser 1982, Operations Research 30


@dataclass(frozen=True, slots=True)
class Steady:
    """The mean of a series in its steady state.

    `cut` values at the beginning are warm-up. `lag1` is the correlation of neighbouring batches, `independent` whether von Neumann's ratio
    accepts them as uncorrelated; where it does not, or `settled` is false, the interval is not to be trusted: run longer.
    """

    cut: int
    estimate: Estimate
    batch: int  # values a batch
    lag1: float
    ratio: float  # von Neumann's, near 2 where batches are uncorrelated
    independent: bool
    settled: bool  # the warm-up ends in the first half of the series


def mser5(series: Floats) -> int:
    """How many values at the beginning are warm-up: the cut after which the mean of the rest has the least marginal standard error, over
    means of five (White 1997, Simulation 69; with the fives White, Cobb and Spratt 2000, Winter Simulation Conference).

    A cut in the second half means that the series is too short to say; the caller sees it by its size.
    """
    fives = series[: len(series) // 5 * 5].reshape(-1, 5).mean(axis=1)
    n = len(fives)
    if n < 4:
        return 0
    left = n - np.arange(n - 1)  # at least two values stay
    total = np.cumsum(fives[::-1])[::-1][:-1]
    squares = np.cumsum((fives[::-1] - fives.mean()) ** 2)[::-1][:-1]
    spread = squares - left * (total / left - fives.mean()) ** 2
    # The last few cuts leave too little to measure a spread: White's rule looks at them only to see that the minimum is not there.
    usable = left >= 5
    scores = np.where(usable, np.maximum(spread, 0.0) / left.astype(np.float64) ** 2, np.inf)
    return 5 * int(np.argmin(scores))


def steady(series: Floats, batches: int = BATCHES, level: float = LEVEL, cut: int | None = None) -> Steady:
    """Cut the warm-up (by MSER-5 unless `cut` says where; half of the series at most), and take the mean of the rest from `batches` batches
    of equal length.

    What does not fill a batch is left out at the beginning too. ValueError where fewer than two values a batch would remain.
    """
    found = mser5(series) if cut is None else cut
    warm = min(found, len(series) // 2) if cut is None else cut
    size = (len(series) - warm) // batches
    if size < 2:
        raise ValueError(f"{len(series)} values less {warm} of warm-up are not two for each of {batches} batches: run longer")
    means = series[len(series) - size * batches :].reshape(batches, size).mean(axis=1)
    centred = means - means.mean()
    total = float((centred**2).sum())
    # a series that never changes has no correlation
    ratio = float((np.diff(means) ** 2).sum()) / total * batches / (batches - 1) if total > 0 else 2.0
    lag1 = float((centred[1:] * centred[:-1]).sum()) / total if total > 0 else 0.0
    return Steady(
        len(series) - size * batches,
        estimate(means.tolist(), level),
        size,
        lag1,
        ratio,
        _uncorrelated(ratio, batches),
        found <= len(series) / 2,
    )


def _uncorrelated(ratio: float, n: int) -> bool:
    """Von Neumann's test, one-sided at 5 %: the ratio of independent normal values has mean 2n/(n-1) and variance
    4 n^2 (n-2) / ((n-1)^3 (n+1)) (von Neumann 1941, Annals of mathematical statistics 12; Fishman 1978 for batch means)."""
    mean = 2.0 * n / (n - 1)
    deviation = math.sqrt(4.0 * n**2 * (n - 2) / ((n - 1) ** 3 * (n + 1)))
    return ratio >= mean - 1.645 * deviation


def smoothed(runs: Floats, window: int) -> Floats:
    """Welch's curve for the eye: the mean over runs, then a moving average over `window` values on either side, fewer at the beginning
    (Welch 1983; Law 2015, 9.5.1). float64[runs, n] to float64[n - window]."""
    mean = runs.mean(axis=0)
    n = len(mean)
    if not 0 <= window <= n // 2:
        raise ValueError(f"a window of {window} does not fit into {n} values: at most half of them")
    sums = np.concatenate([[0.0], np.cumsum(mean)])
    at = np.arange(n - window)
    half = np.minimum(at, window)
    found: Floats = (sums[at + half + 1] - sums[at - half]) / (2 * half + 1)
    return found
