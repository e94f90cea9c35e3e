"""The tornado: what each end of a band does to a measure, the widest first, and the share of the variance beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.comparison import MARGIN
from sim.influence import Sensitivity
from sim.measures import MEASURES
from sim.plots.sheet import BLUE, EDGE, GREY, INK, LABEL, ORANGE, SMALL, WIDTH, Sheet, caption, fitted, short
from sim.scenario.reader import plain
from sim.statistics.design import Share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["tornado"]

_ROW: Final = 0.46  # inches
_RIGHT: Final = 1.75  # inches of the panel of shares


def tornado(found: Sensitivity) -> Figure:
    """A bar per input that matters, from what its low end does to what its high end does; total shares of the variance at the right."""
    return fitted(_tornado, found)


def _tornado(found: Sensitivity, unplaced: Sequence[str]) -> Sheet:
    sheet = Sheet(found.headline())
    unit = "people" if found.measure == MARGIN else MEASURES[found.measure].unit
    rows = len(found.matter) + 1  # and chance
    more = [
        f"Policy {found.policy}. Bars: {found.measure} at the low and the high end of each band, others as they stand; whiskers: 95 % "
        "interval of the paired difference; grey: the mean difference between two runs.",
        f"Right: Sobol' total indices with 95 % intervals, all inputs shown moving together ({found.samples} base samples)."
        if found.samples
        else "The budget did not reach for shares of the variance.",
        f"{len(found.ruled_out)} assumed inputs were ruled out by screening.",
    ]
    names = [item.input.key for item in found.matter] + ["chance: another run"]
    label = max(sheet.extent(name, LABEL)[0] for name in names) + 2 * EDGE
    left_width = WIDTH - label - _RIGHT - 0.45 - EDGE
    tops = sheet.lay([0.3, _ROW * rows, 0.62], caption(found, *more, *unplaced))
    bars = sheet.panel(tops[1], _ROW * rows, label, left_width)
    right = label + left_width + 0.45
    shares = sheet.panel(tops[1], _ROW * rows, right, _RIGHT - EDGE)
    for n, name in enumerate(names):
        sheet.write(label - EDGE, tops[1] - _ROW * (n + 0.5), name, ha="right", va="center")
    _bars(sheet, bars, found)
    _shares(shares, found)
    base = f"as it stands: {found.base.mean:,.{1 if found.measure == MARGIN else MEASURES[found.measure].decimals}f}".replace("-", "−")
    place = bars.transData.transform((found.base.mean, 0.0))[0] / sheet.figure.dpi
    wide = sheet.extent(base, SMALL)[0] / 2
    sheet.write(min(max(place, label + wide), label + left_width - wide), tops[1] + 0.08, base, size=SMALL, color=GREY, ha="center")
    sheet.write(right + (_RIGHT - EDGE) / 2, tops[1] + 0.08, "share of the variance", size=SMALL, color=GREY, ha="center")
    what = "wanted less strangers told, people" if found.measure == MARGIN else f"{found.measure}, {unit}"
    sheet.write(label + left_width / 2, tops[2] - 0.32, what, va="top", ha="center")
    sheet.write(right + (_RIGHT - EDGE) / 2, tops[2] - 0.32, "total index", va="top", ha="center")
    return sheet


def _bars(sheet: Sheet, ax: Axes, found: Sensitivity) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    base, rows = found.base.mean, len(found.matter) + 1
    ends = [(item, end, value) for item in found.matter for end, value in ((item.low, item.input.low), (item.high, item.input.high))]
    reach = [0.0, *(abs(end.mean) + (end.half_width if end.half_width > 0 else 0.0) for _, end, _ in ends if end is not None)]
    chance = found.chance.mean / 2
    most = max(*reach, chance, 1e-9)
    room = most * 1.75  # the values stand at the ends of the bars
    ax.set_xlim(base - room, base + room)
    ax.set_ylim(rows, 0.0)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value).replace("-", "−")))
    ax.axvline(base, color=INK, linewidth=0.9, zorder=3)
    for n, item in enumerate(found.matter):
        pairs = [(item.low, item.input.low, ORANGE, "////"), (item.high, item.input.high, BLUE, "")]
        means = [end.mean if end is not None else 0.0 for end, *_ in pairs]
        same_side = means[0] * means[1] > 0
        for (end, value, color, hatch), mean in zip(pairs, means, strict=True):
            if end is None or not math.isfinite(mean):
                continue
            # two ends on one side: one above the other
            height, y = (0.34, n + 0.26 + (0.48 if color == BLUE else 0.0)) if same_side else (0.56, n + 0.5)
            ax.barh(y, mean, height, left=base, color=color, hatch=hatch, edgecolor="white", linewidth=0.0, zorder=2)
            half = end.half_width if end.half_width > 0 else 0.0
            if half:
                ax.plot([base + mean - half, base + mean + half], [y, y], color=INK, linewidth=1.0, zorder=4)
            other = means[0 if color == BLUE else 1]
            outward = -1 if mean < 0 or (mean == 0 and (other > 0 or (other == 0 and color == ORANGE))) else 1
            text = plain(value)
            edge = base + mean + outward * (half + 0.02 * room)
            ax.text(edge, y, text, ha="left" if outward > 0 else "right", va="center", fontsize=SMALL, color=INK).set_parse_math(False)
    y = rows - 0.5
    ax.plot([base - chance, base + chance], [y, y], color=GREY, linewidth=5.0, alpha=0.45, solid_capstyle="butt", zorder=2)


def _shares(ax: Axes, found: Sensitivity) -> None:
    listed: list[Share | None] = [*(item.share for item in found.matter), found.chance_share]
    tops = [s.total + s.total_half for s in listed if s is not None and math.isfinite(s.total)]
    ax.set_xlim(0.0, max(1.0, *tops) if tops else 1.0)
    ax.set_ylim(len(listed), 0.0)
    ax.set_yticks([])
    ax.set_xticks([0.0, 0.5, 1.0], ["0", "0.5", "1"])
    ax.grid(axis="x", color="#ececec", linewidth=0.6)
    ax.set_axisbelow(True)
    for n, share in enumerate(listed):
        if share is None or not math.isfinite(share.total):
            continue
        color = GREY if n == len(listed) - 1 else BLUE
        ends = np.clip([share.total - share.total_half, share.total + share.total_half], 0.0, None)
        ax.plot(ends, [n + 0.5, n + 0.5], color=color, linewidth=2.2, solid_capstyle="butt", zorder=2)
        ax.plot([max(0.0, share.total)], [n + 0.5], marker="o", markersize=5.5, color=color, zorder=3, clip_on=False)
