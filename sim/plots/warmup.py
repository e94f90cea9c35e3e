"""The warm-up: Welch's curve of a count, where it is cut, and the mean from there on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim.plots.sheet import BLUE, BROWN, EDGE, GREEN, GREY, INK, MOSS, RED, SKY, Sheet, fitted, short
from sim.steady import WarmUp
from sim.units import DAY, Floats, digits, words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["welch"]


def welch(found: WarmUp) -> Figure:
    """A count over the days: the mean of the runs, Welch's moving average, the cut, and the mean after it with its interval."""
    return fitted(_welch, found)


def _welch(found: WarmUp, unplaced: Sequence[str]) -> Sheet:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    sheet = Sheet(_title(found))
    runs = f"{found.replications} runs" if found.replications > 1 else "1 run"
    how = "over runs" if found.replications > 1 else f"from {len(found.runs[0, round(found.cut / found.step) :]):,} values in batches"
    check = "" if found.batches.independent else " The batches are correlated (von Neumann): run longer."
    below = (
        f"Scenario {found.run.scenario}, policy {found.run.policy}, {runs}, seed {found.run.seed}, mailflow-sim {found.run.version}. Grey: "
        f"means of {words(found.step)}; blue: Welch's moving average over {2 * found.window + 1} of them. Cut by MSER-5; green: the mean "
        f"{how}, with its 95 % interval.{check}"
    )
    tops = sheet.lay([0.32, 3.2, 0.62], " ".join([below, *unplaced]))
    ax = sheet.panel(tops[1], 3.2)
    mean: Floats = found.runs.mean(axis=0)
    days: Floats = (np.arange(len(mean), dtype=np.float64) + 0.5) * found.step / DAY
    top = float(max(mean.max(), found.estimate.mean)) or 1.0
    ax.set_xlim(0.0, len(mean) * found.step / DAY)
    ax.set_ylim(0.0, 1.15 * top)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    ax.grid(axis="y", color="#ececec", linewidth=0.6)
    ax.set_axisbelow(True)
    box = ax.get_window_extent()
    sheet.write(
        EDGE, (box.y0 + box.y1) / 200, f"{found.count},\n{found.unit}", rotation=90, va="center", ha="left", multialignment="center"
    )
    sheet.write((box.x0 + box.x1) / 200, tops[2] - 0.32, "days from the start", va="top", ha="center")

    ax.plot(days, mean, color="#b5b5b5", linewidth=0.7, zorder=1.5)
    ax.plot(days[: len(found.curve)], found.curve, color=BLUE, linewidth=2.0, zorder=3)
    curve = sheet.drawn(ax, days[: len(found.curve)], found.curve)
    cut, end, e = found.cut / DAY, len(mean) * found.step / DAY, found.estimate
    if found.settled:
        ax.axvspan(0.0, cut, facecolor=SKY, alpha=0.15, linewidth=0, zorder=0.5)
        ax.axvline(cut, color=RED, linestyle="-.", linewidth=1.2, zorder=2)
        x = ax.transData.transform((cut, 0.0))[0] / 100
        right = x + 0.05 + sheet.extent("warm-up ends", 10.5)[0] < sheet.width - EDGE
        sheet.stroke(np.array([[x, box.y1 / 100], [x, tops[1] + 0.22]]), RED)
        sheet.write(x + (0.05 if right else -0.05), tops[1] + 0.06, "warm-up ends", color=BROWN, ha="left" if right else "right")
        ax.plot([cut, end], [e.mean, e.mean], color=GREEN, linewidth=1.4, linestyle="--", zorder=3.2)
        if e.half_width > 0:
            ax.fill_between([cut, end], e.low, e.high, color=GREEN, alpha=0.25, linewidth=0, zorder=2.5)
        line = sheet.drawn(ax, np.array([cut, end]), np.array([e.mean, e.mean]))
        sheet.label(
            ax,
            f"mean {digits(e.mean, 3)}" + (f" ± {digits(e.half_width, 2)}" if e.half_width > 0 else ""),
            line,
            MOSS,
            want=0.7,
            weight="bold",
        )
    sheet.label(ax, "moving average", curve, INK if found.settled else GREY, want=0.25)
    return sheet


def _title(found: WarmUp) -> str:
    if not found.settled:
        return f"{found.count} does not settle within {words(len(found.runs[0]) * found.step)}"
    half = f" ± {digits(found.estimate.half_width, 2)}" if found.estimate.half_width > 0 else ""
    settled = f"settles after {words(found.cut)} at" if found.cut else "is settled from the start at"
    return f"{found.count} {settled} {digits(found.estimate.mean, 3)}{half} {found.unit}"
