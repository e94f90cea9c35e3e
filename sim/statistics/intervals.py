"""Means, differences and percentiles over replications, each with its interval.

Replications are independent, so an interval for a mean is Student's. Values that are NaN say nothing and are left out; a paired difference
leaves out both halves of the pair. Levels are shares: 0.95.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sim.units import Floats

__all__ = ["LEVEL", "Bracket", "Estimate", "difference", "each_of", "estimate", "pairing_gain", "percentile", "runs_to_decide"]

LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over replications with the half-width of its interval (95 % unless said otherwise); NaN where there is nothing to say."""

    mean: float
    half_width: float
    n: int

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.mean + self.half_width

    def __str__(self) -> str:
        """`101.8 ± 3.3`: the half-width to two digits, or as many as it has before the point, and the mean to the same place."""
        if math.isnan(self.mean):
            return "no value"
        if math.isnan(self.half_width):
            return f"{self.mean:,.4g} (no interval)"
        if not self.half_width > 0:
            return f"{self.mean:,.{0 if self.mean.is_integer() else 2}f} ± 0"
        places = max(0, 1 - math.floor(math.log10(self.half_width)))
        return f"{self.mean:,.{places}f} ± {self.half_width:,.{places}f}"


@dataclass(frozen=True, slots=True)
class Bracket:
    """A value with an interval that need not be symmetric; ends are NaN where so few runs give none."""

    value: float
    low: float
    high: float
    n: int


def estimate(values: Iterable[float], level: float = LEVEL) -> Estimate:
    """Mean and half-width of the values that are numbers."""
    known = _known(values)
    n = len(known)
    if n == 0:
        return Estimate(math.nan, math.nan, 0)
    if n == 1:
        return Estimate(float(known[0]), math.nan, 1)
    half = _student(n - 1, level) * float(known.std(ddof=1)) / math.sqrt(n)
    return Estimate(float(known.mean()), half, n)


def difference(a: Sequence[float], b: Sequence[float], *, paired: bool = True, level: float = LEVEL) -> Estimate:
    """The mean of a less that of b.

    Paired: replication by replication, for common random numbers; lengths must agree. Otherwise the two are independent and their variances
    may differ: Welch's interval (Welch 1947, Biometrika 34), n is the smaller of the two.
    """
    if paired:
        return estimate((x - y for x, y in zip(a, b, strict=True)), level)
    x, y = _known(a), _known(b)
    if not len(x) or not len(y):
        return Estimate(math.nan, math.nan, 0)
    mean, n = float(x.mean() - y.mean()), min(len(x), len(y))
    if n == 1:
        return Estimate(mean, math.nan, 1)
    u, v = float(x.var(ddof=1)) / len(x), float(y.var(ddof=1)) / len(y)
    if u + v == 0:
        return Estimate(mean, 0.0, n)
    freedom = (u + v) ** 2 / (u**2 / (len(x) - 1) + v**2 / (len(y) - 1))
    return Estimate(mean, _student(freedom, level) * math.sqrt(u + v), n)


def runs_to_decide(found: Estimate, most: int = 100_000) -> int | None:
    """About how many replications tell a mean from 0, if mean and spread stay; None where `most` do not, or nothing is known."""
    n = found.n
    if n < 2 or not found.half_width > 0 or found.mean == 0:
        return None
    spread = found.half_width * math.sqrt(n) / _student(n - 1, LEVEL)

    def tells(count: int) -> bool:
        return _student(count - 1, LEVEL) * spread / math.sqrt(count) <= abs(found.mean)

    if not tells(most):
        return None
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if tells(middle) else (middle, high)
    return high


def each_of(count: int, level: float = LEVEL) -> float:
    """The level that each of `count` intervals needs for all of them to hold together at `level` or better (Bonferroni)."""
    return 1.0 - (1.0 - level) / max(1, count)


def percentile(values: Iterable[float], percent: float, level: float = LEVEL) -> Bracket:
    """A percentile of what a run gives, with an interval between two order statistics.

    The interval supposes no distribution and covers at least `level` (Conover 1999, Practical nonparametric statistics, 3.2). The 90th
    percentile needs 36 runs for an upper end at 95 %, the median 6.
    """
    known = _known(values)
    n = len(known)
    if n == 0:
        return Bracket(math.nan, math.nan, math.nan, 0)
    from scipy.stats import quantile_test  # half a second to import, so only where it is asked for

    ends: Any = quantile_test(known, p=percent / 100.0).confidence_interval(level)
    return Bracket(float(np.percentile(known, percent)), float(ends.low), float(ends.high), n)


def pairing_gain(a: Sequence[float], b: Sequence[float], level: float = LEVEL) -> Bracket:
    """What common random numbers are worth: how many times as many independent runs would give as narrow an interval for a - b.

    (var a + var b) / var (a - b) over the same replications, with scipy's BCa bootstrap over replications. NaN under three replications, or
    where the difference does not vary.
    """
    pairs = np.array([(x, y) for x, y in zip(a, b, strict=True) if not math.isnan(x - y)], dtype=np.float64).reshape(-1, 2)
    n = len(pairs)
    if n < 3 or np.ptp(pairs[:, 0] - pairs[:, 1]) == 0:
        return Bracket(math.nan, math.nan, math.nan, n)
    from scipy.stats import bootstrap

    def ratio(x: Floats, y: Floats, axis: int = -1) -> Floats:
        apart = (x - y).var(axis=axis, ddof=1)
        found: Floats = np.where(apart > 0, x.var(axis=axis, ddof=1) + y.var(axis=axis, ddof=1), np.inf) / np.where(apart > 0, apart, 1.0)
        return found

    ends = bootstrap(
        (pairs[:, 0], pairs[:, 1]),
        ratio,
        paired=True,
        vectorized=True,
        n_resamples=2000,
        confidence_level=level,
        rng=np.random.default_rng(n),
    ).confidence_interval
    return Bracket(float(ratio(pairs[:, 0], pairs[:, 1])), float(ends.low), float(ends.high), n)


def _known(values: Iterable[float]) -> Floats:
    return np.array([value for value in values if not math.isnan(value)], dtype=np.float64)


def _student(freedom: float, level: float) -> float:
    from scipy.special import stdtrit  # Student's quantile; scipy.stats would cost half a second to import

    return float(stdtrit(freedom, 0.5 + level / 2))
