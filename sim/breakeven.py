"""Where an answer flips as one input moves: the points of a sweep, and the search between them.

Every point plays the same replications, so a curve over the input is smooth and the search is not led astray by chance. A point has a label
(the answer by the means, or on which side of a level a measure lies) and is sure of it or not: sure where the 95 % interval does not cross
the limit. Between two points with different labels the search halves the way until they are close; then it looks, on both sides, for where
the runs are sure again. What lies between those two is the interval of the break-even, by inverting the test at each value.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sim.comparison import Estimate, Verdict
from sim.scenario import Scenario
from sim.scenario.span import Span
from sim.units import digits

__all__ = ["CLOSE", "MOST_FLIPS", "SURE_CLOSE", "Flip", "Point", "Sweep", "search"]

CLOSE: Final = 1 / 256  # of the way: how close the search brings the two sides of a flip
SURE_CLOSE: Final = 1 / 64  # and the two values where the runs are sure
MOST_FLIPS: Final = 3


@dataclass(frozen=True, slots=True)
class Point:
    """What was found at one value."""

    share: float  # of the way from the low end to the high one
    value: object  # as it would be written in the file
    label: str
    sure: bool
    measures: Mapping[str, Estimate]  # the sweep's measure by policy
    told: Mapping[str, tuple[Estimate, Estimate]] = field(default_factory=dict)  # wanted people and strangers told by policy
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Flip:
    """One change of the label. `low` and `high` are the two neighbouring values between which it happens; up to `sure_low` the runs are
    sure of the label before, from `sure_high` on of that after; None where they are not to that end of the sweep."""

    before: str
    after: str
    low: Point
    high: Point
    sure_low: Point | None
    sure_high: Point | None


@dataclass(frozen=True)
class Sweep:
    """A scenario over the values of one key."""

    scenario: Scenario
    span: Span
    seed: int
    replications: int
    version: str
    measure: str
    crosses: float | None  # the level that the measure is to pass; None: the answer is to flip
    policies: tuple[str, ...]
    judged: str  # the policy whose measure is to pass the level, or the widest
    points: tuple[Point, ...]  # those of the table
    flips: tuple[Flip, ...]
    searched: tuple[Point, ...] = field(default=(), repr=False)  # all, in order of the value
    more: int = 0  # flips that were not looked into
    engine: str = ""  # the back end that played it

    def headline(self) -> str:
        """What the sweep shows, in one sentence without a full stop."""
        key, way = self.span.key, self.span
        what = "The answer" if self.crosses is None else f"{self.measure} under {self.judged}"
        if not self.flips:
            ends = f"from {key} {way.said(0.0)} to {way.said(1.0)}"
            label = self.points[0].label
            return f"{what} is {label} {ends}" if self.crosses is None else f"{what} stays {label} {digits(self.crosses)} {ends}"
        flip = self.flips[0]
        at = f"at {key} of about {way.said((flip.low.share + flip.high.share) / 2, 2)}"
        if self.span.choice:
            at = f"between {key} {way.said(0.0)} and {way.said(1.0)}"
        return (
            f"{what} flips from {flip.before} to {flip.after} {at}"
            if self.crosses is None
            else f"{what} passes {digits(self.crosses)} {at}"
        )


def search(points: Sequence[Point], evaluate: Callable[[float], Point], span: Span) -> tuple[list[Flip], int]:
    """Every change of the label between neighbouring points, and how many more there are than are looked into.

    evaluate: gives the point at a share of the way; it is asked for each share once.
    """
    seen = {point.share: point for point in points}

    def middle(a: Point, b: Point) -> Point | None:
        """A new point between two, or None where no value lies between them."""
        u = (a.share + b.share) / 2
        if span.choice or span.at(u) in (a.value, b.value):
            return None
        if u not in seen:
            seen[u] = evaluate(u)
        return seen[u]

    def closer(a: Point, b: Point, close: float, like_a: Callable[[Point], bool]) -> tuple[Point, Point]:
        while abs(b.share - a.share) > close and (m := middle(a, b)) is not None:
            a, b = (m, b) if like_a(m) else (a, m)
        return a, b

    def sure(of: Point, label: str, ahead: int) -> Point | None:
        """The first value from a point on, in one direction, where the runs are sure of a label."""
        line = sorted((p for p in seen.values() if (p.share - of.share) * ahead >= 0), key=lambda p: p.share * ahead)
        for n, point in enumerate(line):
            if point.label == label and point.sure:
                if n == 0:
                    return point
                return closer(point, line[n - 1], SURE_CLOSE, lambda p: p.label == label and p.sure)[0]
        return None

    places = [(a, b) for a, b in itertools.pairwise(points) if a.label != b.label]
    found: list[Flip] = []
    for a, b in places[:MOST_FLIPS]:
        before = a.label
        low, high = closer(a, b, CLOSE, lambda p, before=before: p.label == before)  # type: ignore[misc]
        found.append(Flip(before, high.label, low, high, sure(low, before, -1), sure(high, high.label, 1)))
    return found, len(places) - len(found)
