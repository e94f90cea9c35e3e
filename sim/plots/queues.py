"""A count over the days of single runs, one panel below the other: nothing is compared, so nothing has an interval."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.errors import BadInput, nearest
from sim.measures import CURVES, View
from sim.plots.curves import days
from sim.plots.sheet import BLUE, EDGE, GREY, LABEL, LEFT, ORANGE, SMALL, Sheet, fitted, short, whole
from sim.record import Record
from sim.units import HOUR, MINUTE, Seconds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["queues"]

_STEP: Final = 15 * MINUTE
_CAUSE: Final = "cause "  # how an act begins that is one of a rival cause


def queues(records: Record | Mapping[str, Record], count: str = "queues_in_retry_all", *, same_scale: bool = True) -> Figure:
    """A count of `sim.measures.CURVES` over the days, a panel per run with its name; where a rival cause acts the panel is shaded.

    same_scale: False gives every panel a scale of its own. BadInput where there is no such count, or no record.
    """
    if count not in CURVES:
        raise BadInput("count", f"{count!r} is not one of {', '.join(CURVES)}{nearest(count, CURVES)}")
    named = {records.run.policy: records} if isinstance(records, Record) else dict(records)
    if not named:
        raise BadInput("records", "there is none: nothing can be drawn")
    return fitted(lambda shown, unplaced: _queues(shown, count, same_scale, " ".join(unplaced)), named)


def _queues(records: Mapping[str, Record], count: str, same_scale: bool, unplaced: str) -> Sheet:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    unit, meaning = CURVES[count].unit, CURVES[count].meaning
    end = max(max(record.run.horizon for record in records.values()), HOUR)
    times = np.arange(0.0, end + 1.0, _STEP)
    curves = {name: CURVES[count].of(View(record), times[times <= record.run.horizon]) for name, record in records.items()}
    tops_of = {name: float(curve.max()) for name, curve in curves.items()}
    sheet = Sheet(_title(tops_of, meaning))
    first = next(iter(records.values())).run
    seeds = sorted({f"seed {record.run.seed}, run {record.run.replication}" for record in records.values()})
    acts = any(_spans(record) for record in records.values())
    below = (
        f"Scenario {', '.join(sorted({record.run.scenario for record in records.values()}))}; single "
        f"runs, no interval: {'; '.join(seeds)}, mailflow-sim {first.version}."
        + (" Shaded: the cause acts." if acts else "")
        + ("" if same_scale or len(records) == 1 else " Every panel has a scale of its own.")
    )
    high, head = (2.4, 0.3) if len(records) == 1 else (0.82, 0.27)
    parts = [part for _ in records for part in (head, high)]
    tops = sheet.lay([*parts, 0.55], " ".join(filter(None, [below, unplaced])))
    highest = max(tops_of.values())
    for n, (name, curve) in enumerate(curves.items()):
        ax = sheet.panel(tops[2 * n + 1], high)
        top = (highest if same_scale else tops_of[name]) or 1.0
        ax.set_xlim(0.0, end)
        ax.set_ylim(0.0, 1.12 * top)
        ax.yaxis.set_major_locator(MaxNLocator(nbins=4 if len(records) == 1 else 2, integer=True))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        ax.grid(axis="y", color="#e4e4e4", linewidth=0.6)
        ax.set_axisbelow(True)
        for since, until in _spans(records[name]):
            ax.axvspan(since, min(until, end), facecolor=ORANGE, alpha=0.2, linewidth=0, zorder=0.5)
        ax.step(times[: len(curve)], curve, where="post", color=BLUE, linewidth=1.5, zorder=3)
        size = LABEL if sheet.extent(name, LABEL, "bold")[0] < 4.5 else SMALL
        text = sheet.wrapped(name, 5.2, size, "bold").split("\n")[0]
        sheet.write(LEFT, tops[2 * n] - 0.05, text, size=size, fontweight="bold", va="top")
        said = "none" if tops_of[name] == 0 else f"at most {whole(tops_of[name])}"
        sheet.write(sheet.width - EDGE * 2, tops[2 * n] - 0.05, said, color=GREY, va="top", ha="right")
        days(ax, end, dt.date.fromisoformat(first.epoch[:10]), n == len(records) - 1)
        if n < len(records) - 1:
            ax.tick_params(labelbottom=False)
    box = (tops[1], tops[-1])
    sheet.write(EDGE, (box[0] + box[1]) / 2, unit, rotation=90, va="center", ha="left")
    return sheet


def _spans(record: Record) -> list[tuple[Seconds, Seconds]]:
    """When a rival cause acts."""
    acts = record.columns("acts")
    ends = np.where(np.isnan(acts["until"].astype(np.float64)), record.run.horizon, acts["until"].astype(np.float64))
    return [
        (float(since), float(until))
        for since, until, what in zip(acts["at"].tolist(), ends.tolist(), acts["what"].tolist(), strict=True)
        if what.startswith(_CAUSE)
    ]


def _title(tops: Mapping[str, float], meaning: str) -> str:
    what = meaning[:1].upper() + meaning[1:]
    most, least = (pick(tops, key=lambda name: tops[name]) for pick in (max, min))
    if tops[most] == tops[least]:
        return f"{what}: {'none' if tops[most] == 0 else 'at most ' + whole(tops[most])}"
    return f"{what}: at most {whole(tops[most])} with {most}, {whole(tops[least])} with {least}"
