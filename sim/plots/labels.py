"""Labels of points that lie near each other, placed together.

A label stands beside its point, or anywhere in the panel with a leader to it. No label covers another, no leader runs through a label, past
the point of another or across a leader. The labels take their nearest places that are still free, in every order of the labels, and the
order whose places are nearest in all is kept. Where not all find a place, all are written in short; only where even that does not help is
one told in the caption.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from sim.plots.sheet import LABEL, RIGHT, Box, Sheet
from sim.units import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Label", "place"]

_ORDERS: Final = 720  # that are tried: all of six labels
_MOST: Final = 400  # places of a label, the cheapest
_STEPS: Final = (24.0, 16.0)  # pixels between places that have a leader, across and up
_NEAR: Final = 5.0  # pixels between a label and its mark
_LEADS: Final = 22.0  # pixels from which on a label has a leader
_APART: Final = 9.0  # pixels between a leader and the mark of another
_LINE: Final = 3.0  # pixels by which a place may be further away for each point of a line that it leaves free

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Label:
    """A text and where it belongs: points float64[n, 2] in pixels, any of which it may stand at, the middle one rather than the others."""

    text: str
    at: Floats
    color: str
    weight: str = "bold"
    short: str = ""  # for a crowded panel


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a label may stand, the best first: float64[n, 4] each, boxes as (x0, y0, x1, y1), leaders from a point to the box, NaN where
    the label stands beside its point."""

    boxes: Floats
    leaders: Floats
    costs: Floats


def place(sheet: Sheet, ax: Axes, labels: Sequence[Label]) -> None:
    """Write the labels into the panel; those without a place are the sheet's `homeless`."""
    marks = [label.at if len(label.at) == 1 else label.at[:0] for label in labels]
    places = [_places(sheet, ax, label, [at for m, at in enumerate(marks) if m != n]) for n, label in enumerate(labels)]
    chosen = _chosen(places)
    if len(chosen) < len(labels) and any(label.short for label in labels):
        place(sheet, ax, [replace(label, text=label.short or label.text, short="") for label in labels])
        return
    for n, label in enumerate(labels):
        if n not in chosen:
            sheet.homeless.append(label.text.replace("\n", " "))
            continue
        box, leader = Box(*places[n].boxes[chosen[n]].tolist()), places[n].leaders[chosen[n]]
        sheet.boxes.append(box)
        if np.isfinite(leader).all():
            sheet.stroke(leader.reshape(2, 2) / sheet.figure.dpi, label.color)
        sheet.note(box, label.text, label.color, label.weight)


def _chosen(places: Sequence[_Places]) -> dict[int, int]:
    """The place of each label that has one."""
    labels = range(len(places))
    free = {(n, m): ~_meet(places[n], places[m]) for n in labels for m in labels if n < m}
    free |= {(m, n): found.T for (n, m), found in free.items()}  # bool[places of one, places of the other]
    everywhere = [np.ones(len(one.costs), dtype=np.bool_) for one in places]
    best: tuple[int, float, dict[int, int]] = (len(places) + 1, 0.0, {})
    for order in itertools.islice(itertools.permutations(labels), _ORDERS):
        left, taken = list(everywhere), dict[int, int]()
        for n in order:
            if left[n].any():
                taken[n] = i = int(np.argmax(left[n]))
                left = [here if m in taken else here & free[n, m][i] for m, here in enumerate(left)]
        best = min(best, (len(places) - len(taken), sum(float(places[n].costs[i]) for n, i in taken.items()), taken), key=lambda b: b[:2])
    return best[2]


def _places(sheet: Sheet, ax: Axes, label: Label, marks: Sequence[Floats]) -> _Places:
    """The places of a label that keep within the panel and whose leader keeps clear of the marks of others."""
    dpi, frame = sheet.figure.dpi, ax.get_window_extent()
    w, h = (inches * dpi for inches in sheet.extent(label.text, LABEL, label.weight))
    drawn, others = np.concatenate(sheet.lines), [(float(x), float(y)) for at in marks for x, y in at]
    within = Box(frame.x0, frame.y0 + 1, frame.x1 + RIGHT * dpi * 0.8, frame.y1)
    found = []
    middle = (len(label.at) - 1) / 2
    for number, (x, y) in enumerate(label.at.tolist()):
        apart = [mark for mark in others if math.dist(mark, (x, y)) >= _APART]  # no leader keeps clear of a mark that is on its own
        for left, below in itertools.chain(_beside(x, y, w, h), _anywhere(within, w, h)):
            box = Box(left - 3, below - 1, left + w + 3, below + h + 1)
            if box.x0 < within.x0 or box.x1 > within.x1 or box.y0 < within.y0 or box.y1 > within.y1:
                continue
            end = (min(max(x, left), left + w), min(max(y, below), below + h))
            far = math.dist((x, y), end)
            leader = (x, y, *end) if far > _LEADS else (math.nan,) * 4
            if far == 0.0 or any(_distance(leader, mark) < _APART for mark in apart):
                continue
            covered = Box(box.x0 - 3, box.y0 - 3, box.x1 + 3, box.y1 + 3).holds(drawn)
            off = abs(number - middle) / max(1.0, middle)
            cost = far + _LINE * covered + 25.0 * off + (10.0 if far > _LEADS else 0.0)
            found.append((cost, (box.x0, box.y0, box.x1, box.y1), leader))
    found = sorted(found, key=lambda one: one[0])[:_MOST]
    boxes, leaders = (np.array([one[k] for one in found], dtype=np.float64).reshape(-1, 4) for k in (1, 2))
    return _Places(boxes, leaders, np.array([one[0] for one in found], dtype=np.float64))


def _beside(x: float, y: float, w: float, h: float) -> Iterator[tuple[float, float]]:
    """Lower left corners near a point: above, below, to the right, to the left."""
    for gap in (_NEAR + 1, 3 * _NEAR):
        for left in (x + _NEAR, x - w / 2, x - w - _NEAR):
            yield left, y + gap
            yield left, y - gap - h
        yield x + gap + _NEAR, y - h / 2
        yield x - gap - _NEAR - w, y - h / 2


def _anywhere(within: Box, w: float, h: float) -> Iterator[tuple[float, float]]:
    """Lower left corners all over the panel."""
    across, up = _STEPS
    for left in np.arange(within.x0 + 4, within.x1 - w - 3, across).tolist():
        for below in np.arange(within.y0 + 2, within.y1 - h - 1, up).tolist():
            yield left, below


def _meet(a: _Places, b: _Places) -> Bools:
    """Does one label cover the other, or its leader, or do the leaders cross? bool[places of a, places of b]."""
    ours, theirs = a.boxes[:, None], b.boxes[None]
    over: Bools = (
        (ours[..., 0] < theirs[..., 2])
        & (theirs[..., 0] < ours[..., 2])
        & (ours[..., 1] < theirs[..., 3])
        & (theirs[..., 1] < ours[..., 3])
    )
    return over | _through(a.leaders[:, None], theirs) | _through(b.leaders[None], ours) | _cross(a.leaders[:, None], b.leaders[None])


def _through(lines: Floats, boxes: Floats) -> Bools:
    """Do straight lines meet rectangles? (Liang and Barsky 1984) A line of NaN never does."""
    spans = []
    for k in (0, 1):
        step = lines[..., k + 2] - lines[..., k]
        step = np.where(step == 0.0, 1e-9, step)
        spans.append(np.stack([(boxes[..., k] - lines[..., k]) / step, (boxes[..., k + 2] - lines[..., k]) / step]))
    first = np.maximum(np.maximum(spans[0].min(axis=0), spans[1].min(axis=0)), 0.0)
    last = np.minimum(np.minimum(spans[0].max(axis=0), spans[1].max(axis=0)), 1.0)
    found: Bools = first < last
    return found


def _cross(a: Floats, b: Floats) -> Bools:
    """Do straight lines cross?"""

    def side(line: Floats, x: Floats, y: Floats) -> Floats:
        found: Floats = (line[..., 2] - line[..., 0]) * (y - line[..., 1]) - (line[..., 3] - line[..., 1]) * (x - line[..., 0])
        return found

    found: Bools = (side(a, b[..., 0], b[..., 1]) * side(a, b[..., 2], b[..., 3]) < 0) & (
        side(b, a[..., 0], a[..., 1]) * side(b, a[..., 2], a[..., 3]) < 0
    )
    return found


def _distance(line: tuple[float, ...], point: tuple[float, float]) -> float:
    """From a straight line to a point; NaN from none."""
    x0, y0, x1, y1 = line
    length = (x1 - x0) ** 2 + (y1 - y0) ** 2
    share = 0.0 if length == 0 else min(1.0, max(0.0, ((point[0] - x0) * (x1 - x0) + (point[1] - y0) * (y1 - y0)) / length))
    return math.dist(point, (x0 + share * (x1 - x0), y0 + share * (y1 - y0)))
