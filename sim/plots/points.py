"""The decision: wanted people told against strangers told, a point per policy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim.comparison import Comparison, Estimate
from sim.measures import MEASURES
from sim.plots.labels import Label, place
from sim.plots.sheet import BLUE, GREEN, GREY, LABEL, MOSS, Sheet, caption, fitted, listed, short, whole
from sim.units import digits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["decision"]


def decision(comparison: Comparison) -> Figure:
    """Wanted people told against strangers told, a point per policy."""
    return fitted(_decision, comparison)


def _decision(comparison: Comparison, unplaced: Sequence[str]) -> Sheet:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    shown = {
        n: (o.measures["wanted_told"], o.measures["strangers_told"]) for n, o in comparison.policies.items() if o.available and o.measures
    }
    shown = {n: (w, s) for n, (w, s) in shown.items() if math.isfinite(w.mean) and math.isfinite(s.mean)}
    weight = comparison.scenario.document.verdict.stranger_weight
    absent = [f"{name} ({outcome.why_not})" for name, outcome in comparison.policies.items() if not outcome.available]
    more = [f"Not available on {comparison.scenario.profile.short}: {'; '.join(absent)}." if absent else ""]
    if weight == 0:
        more.append("By the scenario's rule strangers cost nothing (stranger_weight 0): no break-even line.")
    if comparison.replications > 1:
        more.append("Bars: 95 % interval of the mean.")
    sheet = Sheet(_decision_title(comparison, shown))
    tops = sheet.lay([0.1, 3.7, 0.55], caption(comparison, *more, *unplaced))
    ax = sheet.panel(tops[1], 3.7)
    writers = comparison.policies[comparison.widest].measures.get("wanted_writers", Estimate(math.nan, math.nan, 0)).mean
    across = max([1.0, *(_upper(w) for w, _ in shown.values())]) * 1.2
    up = max([1.0, *(_upper(s) for _, s in shown.values())]) * 1.2
    ax.set_xlim(0.0, across)
    ax.set_ylim(0.0, up)
    ax.set_xlabel("wanted people told, people" + (f" ({whole(writers)} wrote)" if math.isfinite(writers) else ""))
    ax.set_ylabel("strangers told, people")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    ax.grid(color="#ececec", linewidth=0.6)
    ax.set_axisbelow(True)

    marks = itertools.cycle(["o", "s", "D", "^", "v"])
    advised = comparison.verdict.policy if comparison.verdict.answer in ("yes", "yes-to", "no") else ""
    labels: list[Label] = []
    for names, mark in zip(_coinciding(shown, across, up), marks, strict=False):
        wanted, strangers = shown[names[0]]
        color = GREEN if advised in names else BLUE
        for bar in ((wanted, None), (None, strangers)):
            xs = [wanted.mean] * 2 if bar[0] is None or not bar[0].half_width > 0 else [max(0.0, wanted.low), wanted.high]
            ys = [strangers.mean] * 2 if bar[1] is None or not bar[1].half_width > 0 else [max(0.0, strangers.low), strangers.high]
            ax.plot(xs, ys, color=color, linewidth=1.4, marker="|" if bar[1] is None else "_", markersize=7, zorder=3, clip_on=False)
            sheet.drawn(ax, np.array(xs), np.array(ys))
        if advised in names:
            ax.plot([wanted.mean], [strangers.mean], marker="o", markersize=15, mfc="none", mec=color, zorder=3, clip_on=False)
        ax.plot([wanted.mean], [strangers.mean], marker=mark, markersize=8, color=color, zorder=4, clip_on=False, linestyle="none")
        named = listed([f"{name} (recommended)" if name == advised else name for name in names])
        named = sheet.wrapped(named, 3.2, LABEL, "bold")
        text = f"{named}\n{_mean_text(wanted, 'wanted_told')} wanted, "
        text += f"{_mean_text(strangers, 'strangers_told')} strangers"
        at = sheet.drawn(ax, np.array([wanted.mean]), np.array([strangers.mean]))
        sheet.lines.append(at + np.array(list(itertools.product((-5.0, -2.0, 2.0, 5.0), repeat=2))))  # the mark has a size
        labels.append(Label(text, at, MOSS if color == GREEN else color, short=named))
    if weight > 0:
        x = min(across, up * weight)
        ax.plot([0.0, x], [0.0, x / weight], color=GREY, linestyle="--", linewidth=1.0, zorder=1.5)
        line = sheet.drawn(ax, np.array([0.0, x]), np.array([0.0, x / weight]))
        ax.fill_between([0.0, x, across], [0.0, x / weight, x / weight], 0.0, color=GREEN, alpha=0.08, linewidth=0, zorder=1)
    if weight > 0:
        rule = "one stranger for each wanted person" if weight == 1 else f"a stranger costs {digits(weight)} wanted people"
        along = line[np.linspace(0, len(line) - 1, 9).round().astype(int)]
        labels.append(Label(f"break-even: {rule}; below it, worth it", along, GREY, "normal"))
    place(sheet, ax, labels)
    return sheet


def _upper(e: Estimate) -> float:
    return e.mean + (e.half_width if e.half_width > 0 else 0.0)


def _mean_text(e: Estimate, name: str) -> str:
    places = 0 if e.mean == 0 else MEASURES[name].decimals
    return f"{e.mean:,.{places}f}"


def _coinciding(shown: Mapping[str, tuple[Estimate, Estimate]], across: float, up: float) -> list[list[str]]:
    """Policies in groups whose points cannot be told apart."""
    groups: list[list[str]] = []
    for name, (w, s) in shown.items():
        for group in groups:
            other = shown[group[0]]
            if abs(other[0].mean - w.mean) < 0.02 * across and abs(other[1].mean - s.mean) < 0.02 * up:
                group.append(name)
                break
        else:
            groups.append([name])
    return groups


def _decision_title(comparison: Comparison, shown: Mapping[str, tuple[Estimate, Estimate]]) -> str:
    if not shown:
        return "How many people are told is not known"
    if not any(w.mean or s.mean for w, s in shown.values()):
        return "Nobody outside is told, under any policy"

    def told(name: str) -> str:
        return f"{whole(shown[name][0].mean)} wanted people and {whole(shown[name][1].mean)} strangers"

    wide, other = comparison.widest, comparison.verdict.policy
    if wide not in shown:
        return "Wanted people told, and strangers told"
    if other == wide or other not in shown:
        able = [name for name in shown if name != wide]
        other = able[-1] if able else ""
    return f"{wide} tells {told(wide)}" + (f"; {other} tells {told(other)}" if other else "")
