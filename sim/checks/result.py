"""What runs say of an expectation: its number with an interval, and a verdict.

The interval is at 95 %: Student's for a mean over runs, Clopper and Pearson's for a share of runs. An expectation has passed if all of the
interval keeps the limits, failed if none of it does, and is undecided if it straddles one; then the number of runs that would decide is
estimated from the spread so far. An exact number is meant of every run, and fails with the first that gives another.

Who looks several times and stops at the first clear answer is wrong more often than the interval says; so before the last look only
one at 99 % decides. A number that lies on its limit then passes in about 4 of 100 tries, not in 7 (2.5 with a single look). Where all
runs agree the interval has no width, which says that chance does little, not that it does nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np

from sim.checks.expectation import Expectation, Key, Limits
from sim.measures import Summary
from sim.units import Floats

__all__ = ["Checked", "Interval", "Result", "Verdict", "interval", "judge", "row"]

LEVEL: Final = 0.95  # of every interval shown, and of the last look
EARLY: Final = 0.99  # of the looks before it
_MOST: Final = 1_000_000  # runs; more are not spoken of

Row = Mapping[str, Mapping[Key, float]]  # a replication: policy -> number -> value


class Verdict(StrEnum):
    """What became of an expectation."""

    FAILED = "failed"
    UNDECIDED = "undecided"
    SKIPPED = "skipped"
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, or a share of runs, with its 95 % interval over `n` of `runs` runs that have a value; NaN where nothing is to be said."""

    mean: float
    low: float
    high: float
    n: int
    runs: int


@dataclass(frozen=True, slots=True)
class Result:
    """An expectation and its verdict. `why` says what neither number nor limit shows; `cause` is what probably moved the number."""

    expectation: Expectation
    verdict: Verdict
    interval: Interval
    runs_to_decide: int | None = None
    why: str = ""
    cause: str = ""

    @property
    def value(self) -> str:
        """`29.5 ± 1.2 queues (10 runs)`, or for a share `90 % (56 to 100 %) of 10 runs`."""
        found, wanted = self.interval, self.expectation
        if math.isnan(found.mean):
            return "no value"
        if wanted.event:
            return f"{found.mean * 100:.0f} % ({found.low * 100:.0f} to {found.high * 100:.0f} %) of {_runs(found)}"
        half = (found.high - found.low) / 2
        places = 0 if found.mean == 0 and not half > 0 else wanted.decimals
        spread = f" ± {half:,.{places}f}" if half > 0 else ""
        return f"{found.mean + 0.0:,.{places}f}{spread} {wanted.unit} ({_runs(found)})"

    def lines(self) -> list[str]:
        """The verdict in words: what was found and expected, and why."""
        wanted = self.expectation
        if self.verdict is Verdict.SKIPPED:
            return [self.why]
        said = [f"{self.value}, expected {wanted.limits.text}"]
        if self.verdict is Verdict.UNDECIDED and self.runs_to_decide is not None:
            said.append(f"the interval straddles the limit; about {self.runs_to_decide:,} runs would decide")
        elif self.verdict is Verdict.UNDECIDED and not self.why:
            said.append("the interval straddles the limit, and the value lies on it: no number of runs is likely to decide")
        said += [self.why] * bool(self.why)
        if self.verdict is not Verdict.PASSED:
            said += [f"expected because {wanted.because}"] * bool(wanted.because)
            said += [f"likely cause: {self.cause}"] * bool(self.cause)
        return said


def _runs(found: Interval) -> str:
    of = "" if found.n == found.runs else f"{found.n} of "
    return f"{of}{found.runs} run{'s' * (found.runs != 1)}"


@dataclass(frozen=True)
class Checked:
    """A scenario and the results of its expectations. True if there are some and all have passed, so that a test may say
    `assert sim.check("sbs_2003")` and shows the rest if not."""

    scenario: str
    file: str
    title: str
    seed: int
    inputs_sha256: str
    settings: tuple[str, ...]
    results: tuple[Result, ...]
    headlines: Mapping[str, Interval] = field(default_factory=dict)  # some measures under the policy in force
    policy: str = ""
    skipped: str = ""  # why nothing was run
    scale: str = ""  # what `tested_with` of the scenario has changed, in words
    seconds: float = 0.0

    def of(self, verdict: Verdict) -> list[Result]:
        """The results with a verdict."""
        return [result for result in self.results if result.verdict is verdict]

    @property
    def passed(self) -> list[Result]:
        """Expectations that were met."""
        return self.of(Verdict.PASSED)

    @property
    def failed(self) -> list[Result]:
        """Expectations that were not."""
        return self.of(Verdict.FAILED)

    @property
    def undecided(self) -> list[Result]:
        """Expectations of which the runs do not tell."""
        return self.of(Verdict.UNDECIDED)

    def __bool__(self) -> bool:
        return bool(self.results) and len(self.passed) == len(self.results)

    def __repr__(self) -> str:
        told = [f"{verdict.upper()} {r.expectation.id}: " + "\n    ".join(r.lines()) for verdict in Verdict for r in self.of(verdict)]
        return "\n".join(told or [f"{self.scenario}: nothing is expected of it"])


def row(summary: Summary, times: Sequence[float]) -> dict[Key, float]:
    """Every number of a run that was summarised at some times."""
    found: dict[Key, float] = {(name, None): value for name, value in summary.measures.items()}
    for name, curve in summary.curves.items():
        found |= {(name, at): float(value) for at, value in zip(times, curve, strict=True)}
    return found


def _values(wanted: Expectation, rows: Sequence[Row]) -> Floats:
    """The number in every replication, float64[replications]: of two policies on the same mail their difference; where an event is asked
    for, 1 if it came and 0 if not; NaN where there is nothing to say."""
    found = [one[wanted.policy][wanted.key] - (one[wanted.minus][wanted.key] if wanted.minus else 0.0) for one in rows]
    if wanted.event:
        found = [math.nan if math.isnan(value) else float(wanted.event.holds(value)) for value in found]
    return np.array(found, dtype=np.float64)


def interval(values: Floats, share: bool = False) -> Interval:
    """The mean of the values that are numbers, with its interval; `share`: they are 0 or 1, and their mean is the share of runs."""
    known = values[~np.isnan(values)]
    if not len(known):
        return Interval(math.nan, math.nan, math.nan, 0, len(values))
    low, high = _ends(known, share, LEVEL)(len(known))
    return Interval(float(known.mean()), low, high, len(known), len(values))


def _ends(known: Floats, share: bool, level: float) -> Callable[[int], tuple[float, float]]:
    """The interval that n runs would give, if they scatter as these."""
    from scipy import special  # scipy.stats would cost half a second to import

    mean = float(known.mean())
    spread = float(known.std(ddof=1)) if len(known) > 1 else math.nan

    def of_mean(n: int) -> tuple[float, float]:
        half = float(special.stdtrit(n - 1, (1 + level) / 2)) * spread / math.sqrt(n) if n > 1 else math.nan
        return mean - half, mean + half

    def of_share(n: int) -> tuple[float, float]:
        k, tail = round(mean * n), (1 - level) / 2
        low = float(special.betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
        return low, float(special.betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0

    return of_share if share else of_mean


def _decided(limits: Limits, low: float, high: float) -> Verdict:
    if limits.holds(low) and limits.holds(high):
        return Verdict.PASSED
    return Verdict.FAILED if limits.excludes(low, high) else Verdict.UNDECIDED


def judge(wanted: Expectation, rows: Sequence[Row], last: bool = True) -> Result:
    """The verdict of the replications so far. `last`: nothing will be added to them."""
    values, share = _values(wanted, rows), wanted.event is not None
    known = values[~np.isnan(values)]
    found = interval(values, share)
    if not len(known):
        return Result(wanted, Verdict.FAILED, found, why=f"{wanted.key[0]} means nothing in any of these runs")
    if wanted.limits.exact:
        return _exactly(wanted, values, found)
    if len(known) == 1 and not share:
        return Result(wanted, Verdict.UNDECIDED, found, why="one run gives no interval")
    verdict = _decided(wanted.limits, *_ends(known, share, LEVEL if last else EARLY)(len(known)))
    if verdict is not Verdict.UNDECIDED:
        return Result(wanted, verdict, found)
    return Result(wanted, verdict, found, _runs_to_decide(wanted.limits, _ends(known, share, LEVEL), len(known)))


def _exactly(wanted: Expectation, values: Floats, found: Interval) -> Result:
    """An exact number is meant of every run."""
    others = [n for n, value in enumerate(values.tolist()) if not wanted.limits.holds(value)]
    if not others:
        return Result(wanted, Verdict.PASSED, found)
    first = "has no value" if math.isnan(values[others[0]]) else "does not" if wanted.event else f"gave {values[others[0]]:g}"
    why = f"meant of every run, and {len(others)} of {len(values)} differ; replication {others[0]} {first}"
    return Result(wanted, Verdict.FAILED, found, why=why)


def _runs_to_decide(limits: Limits, ends: Callable[[int], tuple[float, float]], n: int) -> int | None:
    """The least number of runs, above n, whose interval would not straddle; None: more than can be spoken of."""

    def decides(count: int) -> bool:
        return _decided(limits, *ends(count)) is not Verdict.UNDECIDED

    low, high = n, 2 * n
    while not decides(high):
        low, high = high, 2 * high
        if high > _MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high
