"""The differences: what each policy changes against the baseline, a row per measure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from sim.comparison import Comparison, Estimate
from sim.measures import MEASURES
from sim.plots.sheet import BLUE, EDGE, GREY, INK, LABEL, SMALL, WIDTH, Sheet, caption, fitted, listed, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DIFFERENCES", "differences"]

# Rows of the chart of differences, as short as a row can say it; the unit comes from MEASURES.
DIFFERENCES: Final[Mapping[str, str]] = {
    "wanted_told": "wanted people told",
    "strangers_told": "strangers told",
    "backscatter": "backscatter to innocents",
    "notices_to_user": "notices to the absent",
    "queues_in_retry_peak": "queues in Retry, peak",
    "attempts_on_undelivered_autoreplies": "attempts wasted on replies",
    "connection_hours_on_undelivered_autoreplies": "connection time wasted",
    "wanted_delay_p95": "delay of wanted mail, p95",
}


def differences(comparison: Comparison) -> Figure:
    """What each policy changes against the baseline, a row per measure, on a scale of its own."""
    return fitted(_differences, comparison)


def _differences(comparison: Comparison, unplaced: Sequence[str]) -> Sheet:
    columns: list[tuple[list[str], Mapping[str, Estimate]]] = []
    for name, found in comparison.differences.items():
        for names, other in columns:
            if all(_difference(found, m) == _difference(other, m) for m in DIFFERENCES):
                names.append(name)
                break
        else:
            columns.append(([name], found))
    label, column, row = 2.55, 2.3 if len(columns) < 3 else 1.75, 0.58
    width = max(WIDTH, label + column * len(columns) + 2 * EDGE)
    sheet = Sheet(_differences_title(comparison), width)
    column = (width - label - 2 * EDGE) / max(1, len(columns))
    heads = [sheet.wrapped(listed(names), column - 0.15, LABEL, "bold") for names, _ in columns]
    head = max((sheet.height(text, LABEL, "bold") for text in heads), default=0.3) + 0.1
    more = (
        "Every row has its own scale; the bar is the 95 % interval of the paired difference."
        if comparison.replications > 1 and columns
        else ""
    )
    rows = list(DIFFERENCES) if columns else []
    tops = sheet.lay([head, row * len(rows), 0.3], caption(comparison, f"Difference to {comparison.baseline}.", more, *unplaced))
    sheet.write(EDGE, tops[0] - 0.04, sheet.wrapped("difference to " + comparison.baseline, label - 0.15, LABEL), color=GREY, va="top")
    for number, name in enumerate(rows):
        y = tops[1] - row * (number + 0.5)
        sheet.write(EDGE, y + 0.02, DIFFERENCES[name], va="bottom")
        sheet.write(EDGE, y - 0.02, MEASURES[name].unit, va="top", size=SMALL, color=GREY)
    scales = {name: max((_reach(found[name]) for _, found in columns), default=0.0) or 1.0 for name in rows}
    for number, ((_, found), text) in enumerate(zip(columns, heads, strict=True)):
        left = EDGE + label + column * number
        sheet.write(left + column / 2, tops[0] - 0.04, text, va="top", ha="center", fontweight="bold")
        _column(sheet, sheet.panel(tops[1], row * len(rows), left + 0.06, column - 0.12), found, scales)
        for place, side, word in ((left + column / 2 - 0.1, "right", "← less"), (left + column / 2 + 0.1, "left", "more →")):
            sheet.write(place, tops[2] - 0.06, word, va="top", ha=side, size=SMALL, color=GREY)
    return sheet


def _column(sheet: Sheet, ax: Axes, found: Mapping[str, Estimate], scales: Mapping[str, float]) -> None:
    """One policy's intervals."""
    ax.set_xlim(-1.12, 1.12)
    ax.set_ylim(len(scales), 0.0)
    ax.set_axis_off()
    for number, (name, scale) in enumerate(scales.items()):
        ax.plot([-1.12, 1.12], [number, number], color="#e0e0e0", linewidth=0.6, zorder=0.5, clip_on=False)
        e, text = found[name], _difference(found, name)
        told = _distinguishable(e)
        color = BLUE if told else GREY
        if math.isfinite(e.mean):
            ax.plot([0.0, 0.0], [number + 0.46, number + 0.78], color=GREY, linewidth=0.9, zorder=1)
            if e.half_width > 0:
                ax.plot([e.low / scale, e.high / scale], [number + 0.62] * 2, color=color, linewidth=2.6, solid_capstyle="butt", zorder=2)
            if told:
                ax.plot([0.0, e.mean / scale], [number + 0.62] * 2, color=color, linewidth=1.0, linestyle=":", zorder=1.8)
            face = color if told else "white"
            ax.plot([e.mean / scale], [number + 0.62], marker="o" if told else "D", markersize=6, color=color, mfc=face, zorder=3)
        ax.text(
            0.0,
            number + 0.27,
            text,
            ha="center",
            va="center",
            fontsize=LABEL,
            color=INK if told else GREY,
            zorder=4,
        )
        if math.isfinite(e.half_width) and not told:
            note = "not distinguishable"
            ax.text(
                0.0,
                number + 0.86,
                note,
                ha="center",
                va="center",
                fontsize=SMALL,
                color=GREY,
                style="italic",
                zorder=4,
            )


def _distinguishable(e: Estimate) -> bool:
    """Does the interval leave 0 out? A single run cannot say: it counts as told apart, and the caption says that there is no interval."""
    return math.isfinite(e.mean) and not (math.isfinite(e.half_width) and e.low <= 0.0 <= e.high)


def _reach(e: Estimate) -> float:
    return abs(e.mean) + (e.half_width if e.half_width > 0 else 0.0) if math.isfinite(e.mean) else 0.0


def _difference(found: Mapping[str, Estimate], name: str) -> str:
    """`+11.1 ± 0.8`."""
    e, places = found[name], MEASURES[name].decimals
    if not math.isfinite(e.mean):
        return "no value"
    mean = f"{e.mean:+,.{places}f}" if round(e.mean, places) else f"{0:.{places}f}"
    return mean.replace("-", "−") + (f" ± {e.half_width:,.{places}f}" if math.isfinite(e.half_width) else "")


def _differences_title(comparison: Comparison) -> str:
    if not comparison.differences:
        return f"Only {comparison.baseline} was run: there is nothing to compare it with"
    name = comparison.verdict.policy if comparison.verdict.policy in comparison.differences else list(comparison.differences)[-1]
    found = comparison.differences[name]

    if not any(math.isfinite(found[measure].mean) for measure in ("strangers_told", "wanted_told")):
        return f"Compared with {comparison.baseline}, {name} has no number of people told"

    def change(measure: str, what: str) -> str:
        e = found[measure]
        if not _distinguishable(e) or whole(abs(e.mean)) == "0":
            return f"no fewer {what} that could be told apart" if e.mean else f"as many {what}"
        return f"{whole(abs(e.mean))} {'fewer' if e.mean < 0 else 'more'} {what}"

    people = f"{change('strangers_told', 'strangers')} and {change('wanted_told', 'wanted people')}"
    return f"Compared with {comparison.baseline}, {name} tells {people}"
