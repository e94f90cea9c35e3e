"""The story: queues in Retry over the days, what an assumption does to them, and the notices that pile up."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.comparison import Assumption, Band, Comparison, Outcome
from sim.plots.sheet import (
    BLUE,
    BROWN,
    EDGE,
    GREEN,
    GREY,
    INK,
    LABEL,
    LEFT,
    MOSS,
    ORANGE,
    PURPLE,
    RED,
    RIGHT,
    SKY,
    SMALL,
    Sheet,
    Side,
    caption,
    fitted,
    lanes,
    listed,
    short,
    whole,
)
from sim.scenario.reader import plain
from sim.units import DAY, HOUR, Floats, Seconds, counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["days", "story"]

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class _Mark:
    """A moment that the story marks."""

    at: Seconds
    text: str
    color: str
    dashes: str


def story(comparison: Comparison) -> Figure:
    """Queues in Retry over the days under the widest policy, what the deciding assumption does to them, and the notices that pile up."""
    return fitted(_story, comparison)


def _story(comparison: Comparison, unplaced: Sequence[str]) -> Sheet:
    scenario, times = comparison.scenario, comparison.times
    wide = comparison.policies[comparison.widest]
    assumption = _moves_queues(comparison)
    marks, unseen = _marks(comparison, wide)
    sheet = Sheet(_story_title(comparison, wide))
    many = comparison.replications > 1
    who = scenario.person(scenario.main_absentee) if len({a.mailbox for a in scenario.absences}) == 1 else ""
    who = who if 0 < len(who) < 9 else "the absent"
    end = max(float(times[-1]), HOUR)
    left, span = LEFT * 100, (sheet.width - LEFT - RIGHT) * 100
    places = lanes([(left + span * mark.at / end, sheet.extent(mark.text, LABEL)[0] * 100) for mark in marks], sheet.width * 100)
    lane, depth = 0.2, max((place[0] for place in places), default=-1) + 1
    band = (
        f"Pale band: the mean of {counted(len(assumption.low.runs), 'runs')} with {assumption.input.key} between "
        f"{plain(assumption.low.value)} and {plain(assumption.high.value)} "
        f"(assumed: {assumption.input.meaning})."
        if assumption
        else ""
    )
    share = "Shaded: 5 to 95 % of the runs." if many else ""
    tops = sheet.lay([depth * lane + 0.08, 2.75, 0.16, 1.55, 0.56], caption(comparison, share, band, unseen, *unplaced))
    upper, lower = sheet.panel(tops[1], 2.75), sheet.panel(tops[3], 1.55)

    curves = {name: o.curve("queues_in_retry") for name, o in comparison.policies.items() if o.runs}
    ends = [(b, _mean(b.runs, "queues_in_retry")) for b in (assumption.low, assumption.high)] if assumption else []
    highest = max(float(np.percentile(curves[wide.name], 95, axis=0).max()), *(float(c.mean(axis=0).max()) for c in curves.values()))
    highest = max([highest, *(float(c.max()) for _, c in ends)])
    _frame(sheet, upper, end, highest, "queues in Retry", room=1.22)
    if ends:
        low, high = ends[0][1], ends[1][1]
        upper.fill_between(times, low, high, color=ORANGE, alpha=0.22, linewidth=0, zorder=1)
        edges = []
        for (part, curve), dots in zip(ends, ((0, (1, 1.6)), (0, (4, 1.6))), strict=True):
            upper.plot(times, curve, color=RED, linewidth=0.9, linestyle=dots, zorder=2.5)
            edges.append((part, sheet.drawn(upper, times, curve)))
    _cross(sheet, (upper, lower), marks, places, tops[1], lane)
    main = _curve(sheet, upper, times, curves[wide.name])
    zeros = _others(sheet, upper, times, curves, wide.name)
    runs = f"mean of {comparison.replications} runs" if many else "one run"
    sheet.label(upper, f"{wide.name}, {runs}", main, BLUE, weight="bold", want=0.45)
    if assumption:
        for part, line in edges:
            side = 1 if line[:, 1].mean() >= main[:, 1].mean() else -1
            sheet.label(upper, f"if {assumption.input.key} is {plain(part.value)}", line, BROWN, want=0.6, ups=(side,))
    if zeros:
        sheet.label(upper, zeros, sheet.drawn(upper, np.array([0.0, end]), np.zeros(2)), INK, want=0.0)

    notices = {name: o.curve("notices_to_user") for name, o in comparison.policies.items() if o.runs}
    most = max(float(np.percentile(notices[wide.name], 95, axis=0).max()), *(float(c.mean(axis=0).max()) for c in notices.values()))
    _frame(sheet, lower, end, most, f"notices to\n{who}, so far", room=1.3)
    main = _curve(sheet, lower, times, notices[wide.name])
    zeros = _others(sheet, lower, times, notices, wide.name)
    total = float(notices[wide.name].mean(axis=0)[-1])
    sheet.label(lower, f"{wide.name}: {whole(total)} in the end", main, BLUE, weight="bold", want=0.9)
    if zeros:
        sheet.label(lower, zeros, sheet.drawn(lower, np.array([0.0, end]), np.zeros(2)), INK, want=0.0)
    upper.tick_params(labelbottom=False)
    for ax in (upper, lower):
        days(ax, end, scenario.document.start, ax is lower)
    return sheet


def _mean(runs: Sequence[Any], name: str) -> Floats:
    found: Floats = np.stack([run.curves[name] for run in runs]).mean(axis=0)
    return found


def _moves_queues(comparison: Comparison) -> Assumption | None:
    """The deciding assumption, if it moves the queues by at least one; else the one that moves them most; else None."""

    def moved(item: Assumption) -> float:
        ends = [part.measures["queues_in_retry_peak"].mean - item.base["queues_in_retry_peak"].mean for part in (item.low, item.high)]
        return max(0.0 if math.isnan(end) else abs(end) for end in ends)

    def drawable(part: Band) -> bool:
        return bool(part.runs) and all(len(run.curves["queues_in_retry"]) == len(comparison.times) for run in part.runs)

    able = [item for item in comparison.assumptions if drawable(item.low) and drawable(item.high) and moved(item) >= 1.0]
    return next((i for i in able if i.input.key == comparison.verdict.deciding), max(able, key=moved, default=None))


def _story_title(comparison: Comparison, wide: Outcome) -> str:
    mean = wide.curve("queues_in_retry").mean(axis=0)
    top = float(mean.max())
    if top < 0.5:
        few = "no queue is" if top == 0 else f"{whole(top)} queues at most are"
        return f"Under {wide.name} {few} in Retry because of out-of-office replies"
    first = int(np.argmax(mean >= 0.8 * top))  # early enough to be news, late enough to be most of it
    unit, name = (DAY, "day") if comparison.times[-1] > 2 * DAY else (HOUR, "hour")
    passed = max(1, math.ceil(float(comparison.times[first]) / unit))
    until = comparison.times <= passed * unit
    number = int(np.argmax(np.where(until, mean, -1.0)))
    own, every = float(mean[number]), float(wide.curve("queues_in_retry_all").mean(axis=0)[number])
    standing = "1 queue is" if whole(every) == "1" else f"{whole(every)} queues are"
    when = f"After {passed} {name}{'s' if passed > 1 else ''} about {standing} in Retry"
    same = whole(own) == whole(every)
    return f"{when}, {'all' if same else f'{whole(own)} of them'} holding out-of-office replies"


def _marks(comparison: Comparison, wide: Outcome) -> tuple[list[_Mark], str]:
    """What the story marks, in order of time, and what it does not, for the caption."""
    scenario, limit = comparison.scenario, comparison.scenario.document.verdict.alert_queues
    found, unseen = [], ""
    if math.isfinite(wide.alert_at):
        found.append(_Mark(wide.alert_at, f"alert would fire: more than {counted(limit, 'queues')} (assumed)", RED, "-."))
    else:
        unseen = f"No alert: not more than {counted(limit, 'queues')} in Retry (assumed rule) in most runs."
    changes: dict[Seconds, list[str]] = {}
    offs: list[Seconds] = []
    for change in scenario.changes:
        if change.replies is False:
            changes.setdefault(change.at, []).append(f"switched off: {scenario.person(change.mailbox)}")
            offs.append(change.at)
        elif change.policy and comparison.widest == scenario.policy:
            changes.setdefault(change.at, []).append(change.words())
            offs.append(change.at)
        elif change.act is not None:
            changes.setdefault(change.at, []).append(change.words())
    found += [_Mark(at, "; ".join(what), INK, "--") for at, what in itertools.islice(changes.items(), 3)]
    if len(changes) > 3:
        unseen += f" {counted(len(changes) - 3, 'later changes are', 'later change is')} not marked."
    drained = wide.measures["drained_after"].mean if "drained_after" in wide.measures else math.nan
    if offs and math.isfinite(drained):
        found.append(_Mark(min(offs) + drained * HOUR, f"last reply leaves, {drained:.0f} h after the switch-off", GREEN, ":"))
    end = float(comparison.times[-1])
    return sorted((mark for mark in found if mark.at <= end), key=lambda mark: mark.at), unseen.strip()


def _cross(
    sheet: Sheet, panels: tuple[Axes, Axes], marks: Sequence[_Mark], places: Sequence[tuple[int, Side]], top: float, lane: float
) -> None:
    """The marks: a line through both panels, its label above them."""
    upper, w = panels[0], sheet.width
    for mark, (number, side) in zip(marks, places, strict=True):
        for ax in panels:
            ax.axvline(mark.at, color=mark.color, linestyle=mark.dashes, linewidth=1.1, zorder=1.5)
            sheet.drawn(ax, np.array([mark.at, mark.at]), np.array(ax.get_ylim()))
        x = upper.transData.transform((mark.at, 0.0))[0] / sheet.figure.dpi
        y = top + 0.06 + number * lane
        sheet.stroke(np.array([[x, top], [x, y + 0.15]]), mark.color)
        shift = 0.04 if side == "left" else -0.04
        sheet.write(min(max(x + shift, EDGE), w - EDGE), y, mark.text, color={GREEN: MOSS, RED: BROWN}.get(mark.color, mark.color), ha=side)


def _frame(sheet: Sheet, ax: Axes, end: Seconds, highest: float, label: str, room: float) -> None:
    """Limits and the y axis of a panel over time."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.set_xlim(0.0, end)
    ax.set_ylim(0.0, room * highest if highest > 0 else 1.0)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    box = ax.get_window_extent()
    sheet.write(EDGE, (box.y0 + box.y1) / 2 / sheet.figure.dpi, label, rotation=90, va="center", ha="left", multialignment="center")
    ax.grid(axis="y", color="#e4e4e4", linewidth=0.6)
    ax.set_axisbelow(True)


def _curve(sheet: Sheet, ax: Axes, times: Floats, curve: Floats) -> Floats:
    """The mean of the runs over time, and where 5 to 95 % of them lie. Gives the mean's points."""
    mean: Floats = curve.mean(axis=0)
    if len(curve) > 1:
        low, high = np.percentile(curve, [5, 95], axis=0)
        ax.fill_between(times, low, high, color=SKY, alpha=0.42, linewidth=0, zorder=2)
    ax.plot(times, mean, color=BLUE, linewidth=2.2, zorder=3, clip_on=False)
    return sheet.drawn(ax, times, mean)


def _others(sheet: Sheet, ax: Axes, times: Floats, curves: Mapping[str, Floats], wide: str) -> str:
    """The other policies: those that stay at zero as one line, whose label is given; others each with their own."""
    means = {name: curve.mean(axis=0) for name, curve in curves.items() if name != wide}
    zero = [name for name, mean in means.items() if not mean.any()]
    looks = itertools.cycle([(PURPLE, "--"), (GREEN, "-."), (ORANGE, (0, (6, 2)))])
    for (name, mean), (color, dashes) in zip(((n, m) for n, m in means.items() if m.any()), looks, strict=False):
        ax.plot(times, mean, color=color, linestyle=dashes, linewidth=1.6, zorder=2.8)
        sheet.label(ax, f"{name}: at most {whole(float(mean.max()))}", sheet.drawn(ax, times, mean), INK, want=0.3)
    if not zero:
        return ""
    ax.plot([0.0, float(times[-1])], [0.0, 0.0], color=INK, linestyle=(0, (5, 3)), linewidth=2.4, zorder=3.5, clip_on=False)
    return f"{listed(zero)}: 0"


def days(ax: Axes, end: Seconds, start: dt.date, last: bool) -> None:
    """Ticks at midnights: days, weeks, or first days of months, at most ten or so, each with its name."""
    days = end / DAY
    if days <= 2:
        step = max(1, math.ceil(days * 24 / 8))
        ticks = {n * HOUR: f"{n % 24:02d}:00" if n % 24 else f"day {n // 24 + 1}" for n in range(0, math.ceil(days * 24), step)}
        note = f"day 1 is {start}"
    elif days <= 21:
        step = 1 if days <= 9.5 else 2 if days <= 14.5 else 3
        ticks = {n * DAY: f"day {n + 1}" for n in range(0, math.ceil(days), step)}
        note = f"ticks at midnight; day 1 is {start}"
    elif days <= 150:
        step = max(1, math.ceil(days / 7 / 9))
        ticks = {7 * n * DAY: f"week {n + 1}" for n in range(0, math.ceil(days / 7), step)}
        note = f"weeks; week 1 begins on {start}"
    else:
        step = math.ceil(days / 30.4 / 8)
        ticks, year, month = {}, start.year, start.month
        for number in range(1, math.ceil(days / 28) + 1):
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
            at = (dt.date(year, month, 1) - start).days
            if number % step == 0 and at < days:
                ticks[at * DAY] = f"{_MONTHS[month - 1]} {year}"
        note = f"first days of months; the run begins on {start}"
    ticks = {at: text for at, text in ticks.items() if at < 0.965 * end}  # the last needs room for its name
    ax.set_xticks(list(ticks), list(ticks.values()))
    if last:
        ax.set_xlabel(note, color=GREY, fontsize=SMALL)
