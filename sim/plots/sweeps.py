"""A sweep: a measure of every policy over the values of one key, and where the answer flips."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.breakeven import Flip, Sweep
from sim.comparison import MARGIN
from sim.measures import MEASURES
from sim.plots.sheet import (
    BLUE,
    BROWN,
    EDGE,
    GREEN,
    GREY,
    INK,
    LABEL,
    LEFT,
    ORANGE,
    PURPLE,
    RED,
    RIGHT,
    Sheet,
    Side,
    caption,
    fitted,
    lanes,
    listed,
    short,
)
from sim.scenario.span import Span
from sim.units import Floats, counted, digits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["sweep"]

_HEIGHT: Final = 3.5


def sweep(found: Sweep) -> Figure:
    """The measure over the values, a line with its 95 % band per policy; shaded where the runs are not sure of the answer."""
    return fitted(_sweep, found)


def _sweep(found: Sweep, unplaced: Sequence[str]) -> Sheet:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    way, shown = found.span, found.searched
    sheet = Sheet(found.headline())
    what = "wanted less strangers\ntold, people" if found.measure == MARGIN else f"{found.measure},\n{MEASURES[found.measure].unit}"
    shape = "Bars" if way.choice else "Bands"
    more = [f"{shape}: 95 % interval of the mean. All values are played with the same replications."]
    if found.flips and not way.choice:
        more.append("Hatched: the runs are not sure on which side the break-even lies (95 %).")
    if found.more:
        more.append(f"{counted(found.more, 'further flips are', 'further flip is')} not marked.")
    marks = [] if way.choice else [(flip, _flip(found, flip)) for flip in found.flips]
    left, span = LEFT * 100, (sheet.width - LEFT - RIGHT) * 100
    places = lanes([(left + span * _middle(flip, way), sheet.extent(mark, LABEL)[0] * 100 + 5) for flip, mark in marks], sheet.width * 100)
    tops = sheet.lay([0.24 * len(marks) + 0.06, _HEIGHT, 0.62], caption(found, *more, *unplaced))
    ax = sheet.panel(tops[1], _HEIGHT)
    x = np.array([way.number(point.share) for point in shown])
    curves: dict[tuple[float, ...], list[str]] = {}
    for name in found.policies:
        curves.setdefault(tuple(point.measures[name].mean for point in shown), []).append(name)
    bands = {names[0]: _band(found, names[0]) for names in curves.values()}
    everything = np.concatenate([*(np.concatenate(b) for b in bands.values()), [0.0 if found.crosses is None else found.crosses]])
    everything = everything[np.isfinite(everything)]
    low, high = (float(everything.min()), float(everything.max())) if len(everything) else (0.0, 1.0)
    room = 0.12 * (high - low or 1.0)
    if way.log:
        ax.set_xscale("log")
    ax.set_xlim(*((-0.4, 1.4) if way.choice else sorted((x[0], x[-1]))))
    ax.set_ylim(low - room if low < 0 else max(0.0, low - room), high + room)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value).replace("-", "−")))
    if way.choice:
        ax.set_xticks([0.0, 1.0], [way.said(0.0), way.said(1.0)])
    else:
        steps = LogLocator(subs=(1.0, 2.0, 5.0), numticks=12) if way.log else MaxNLocator(nbins=8, integer=way.whole)
        ax.xaxis.set_major_locator(steps)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        ax.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    ax.grid(color="#ececec", linewidth=0.6)
    ax.set_axisbelow(True)
    box = ax.get_window_extent()
    sheet.write(EDGE, (box.y0 + box.y1) / 2 / 100, what, rotation=90, va="center", ha="left", multialignment="center")
    sheet.write((box.x0 + box.x1) / 2 / 100, tops[2] - 0.32, f"{way.key}, {way.unit}" if way.unit else way.key, va="top", ha="center")
    level = 0.0 if found.crosses is None else found.crosses
    if low <= level <= high + room:
        ax.plot(ax.get_xlim(), [level, level], color=GREY, linestyle=(0, (5, 3)), linewidth=1.0, zorder=1.5)
    if found.crosses is not None:
        line = sheet.drawn(ax, np.array(ax.get_xlim()), np.array([level, level]))
        sheet.label(ax, f"level {digits(level)}", line, GREY, want=0.08)
    for (flip, mark), (lane, side) in zip(marks, places, strict=True):
        _mark(sheet, ax, found, flip, mark, tops[1] + 0.06 + 0.24 * lane, side)
    looks = itertools.cycle([(BLUE, "-", "o"), (PURPLE, "--", "s"), (GREEN, "-.", "D"), (ORANGE, (0, (6, 2)), "^"), (RED, ":", "v")])
    table = {point.share for point in found.points}
    labels = []
    for names, (color, dashes, mark) in zip(reversed(list(curves.values())), looks, strict=False):
        mean, under, over = bands[names[0]][0], *bands[names[0]][1:]
        if way.choice:
            ax.vlines(x, under, over, color=color, linewidth=2.4, zorder=3)
            ax.plot(x, mean, color=color, linestyle=":", linewidth=0.8, zorder=2)
        else:
            ax.fill_between(x, under, over, color=color, alpha=0.18, linewidth=0, zorder=2)
            ax.plot(x, mean, color=color, linestyle=dashes, linewidth=1.8, zorder=3)
        at = [n for n, point in enumerate(shown) if point.share in table]
        ax.plot(x[at], mean[at], color=color, marker=mark, markersize=4.5, linestyle="none", zorder=3.2, clip_on=False)
        labels.append((listed(names), sheet.drawn(ax, x, mean), color))
    for text, line, color in labels:
        sheet.label(ax, text, line, INK if color in (PURPLE, ORANGE, GREEN) else color, weight="bold", want=0.6)
    return sheet


def _band(found: Sweep, name: str) -> tuple[Floats, Floats, Floats]:
    """Mean, low and high over the values; where there is no interval the three agree."""
    estimates = [point.measures[name] for point in found.searched]
    mean = np.array([e.mean for e in estimates])
    half = np.array([0.0 if math.isnan(e.half_width) else e.half_width for e in estimates])
    return mean, mean - half, mean + half


def _flip(found: Sweep, flip: Flip) -> str:
    """`break-even 6.72/mailbox/day (95 %: 5.08 to 7.8)`, or what is known of it."""
    way = found.span
    ends = [digits(way.number(point.share), 3) if point else "" for point in (flip.sure_low, flip.sure_high)]
    rising = way.first < way.last
    if ends[0] and ends[1]:
        sure = f"{ends[0]} to {ends[1]}"
    elif ends[0] or ends[1]:
        sure = f"{'above' if bool(ends[0]) == rising else 'below'} {ends[0] or ends[1]}"
    else:
        sure = "not known"
    return f"break-even {way.said((flip.low.share + flip.high.share) / 2, 3)} (95 %: {sure})"


def _middle(flip: Flip, way: Span) -> float:
    """Where a flip is drawn, as a share of the panel's width from the left."""
    share = (flip.low.share + flip.high.share) / 2
    return share if way.first < way.last else 1 - share


def _mark(sheet: Sheet, ax: Axes, found: Sweep, flip: Flip, text: str, y: float, side: Side) -> None:
    """The line of a flip, its unsure stretch, and its label beside the line's end above the panel."""
    way = found.span
    at = way.number((flip.low.share + flip.high.share) / 2)
    ends = (flip.sure_low.share if flip.sure_low else 0.0, flip.sure_high.share if flip.sure_high else 1.0)
    unsure = sorted(way.number(share) for share in ends)
    ax.axvspan(unsure[0], unsure[1], facecolor="none", edgecolor="#c8c8c8", hatch="///", linewidth=0, zorder=0.8)
    ax.axvline(at, color=RED, linewidth=1.2, linestyle="-.", zorder=1.6)
    sheet.drawn(ax, np.array([at, at]), np.array(ax.get_ylim()))
    x = ax.transData.transform((at, 0.0))[0] / sheet.figure.dpi
    sheet.stroke(np.array([[x, ax.get_window_extent().y1 / sheet.figure.dpi], [x, y + 0.16]]), RED)
    sheet.write(x + (0.05 if side == "left" else -0.05), y, text, color=BROWN, ha=side)
