"""Retry schedules as time lines: when each server tries a destination that never answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from sim import __version__, profiles
from sim.mail import Code
from sim.plots.sheet import BLUE, EDGE, GREY, LABEL, MOSS, RED, SMALL, WIDTH, Sheet, fitted
from sim.policy import retry
from sim.scenario import default_rules
from sim.units import DAY, HOUR, MINUTE, Seconds, counted, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["schedules"]

_ROW: Final = 0.27  # inches
_FIRST: Final = 2 * HOUR  # shown by the left panel


@dataclass(frozen=True, slots=True)
class _Line:
    """The attempts of one server; `end` is when the message leaves, `notice` when its sender is told of the delay (infinite: never)."""

    name: str
    attempts: list[Seconds]
    end: Seconds
    notice: Seconds


def schedules(servers: Sequence[str] = ()) -> Figure:
    """A time line per server, all by default: the attempts at a host that never answers, in two hours and until the message leaves."""
    return fitted(_schedules, [_line(name) for name in servers or profiles.PROFILES])


def _line(server: str) -> _Line:
    rules, name = default_rules(server), profiles.find(server).name
    times = retry.schedule(rules, glitch=Code.TIMEOUT in rules.glitch_on)
    return _Line(name, times, times[-1] if rules.most_attempts else max(rules.expiry, times[-1]), rules.delay_notice)


def _schedules(lines: Sequence[_Line], unplaced: Sequence[str]) -> Sheet:
    most, least = (pick(lines, key=lambda line: len(line.attempts)) for pick in (max, min))
    said = f"A host that never answers is tried {counted(len(most.attempts), 'times')} by {most.name}"
    if len(least.attempts) < len(most.attempts):
        said += f", {counted(len(least.attempts), 'times')} by {least.name}"
    sheet = Sheet(said)
    below = (
        "A stroke is an attempt, the first at 0. Red bar: the message leaves; green triangle: its sender is told that it is late. Defaults "
        f"as delivered; an attempt takes no time here. mailflow-sim {__version__}."
    )
    height = _ROW * len(lines)
    tops = sheet.lay([0.3, height, 0.6], " ".join([below, *unplaced]))
    label = max(sheet.extent(line.name, LABEL)[0] for line in lines) + 2 * EDGE
    counts = [f"{len(line.attempts)} in {_about(line.end)}" for line in lines]
    right = max(sheet.extent(text, SMALL)[0] for text in [*counts, "attempts"]) + 2 * EDGE
    gap = 0.35
    wide = (WIDTH - label - right - gap) / 2
    panels = [sheet.panel(tops[1], height, label + n * (wide + gap), wide) for n in range(2)]
    far = max(line.end for line in lines) / DAY
    _rows(panels[0], lines, MINUTE, _FIRST / MINUTE)
    _rows(panels[1], lines, DAY, far * 1.03)
    panels[0].set_xticks([0, 30, 60, 90, 120])
    for n, (line, count) in enumerate(zip(lines, counts, strict=True)):
        y = tops[1] - _ROW * (n + 0.5)
        sheet.write(label - EDGE, y, line.name, ha="right", va="center")
        sheet.write(WIDTH - right + EDGE, y, count, size=SMALL, color=GREY, va="center")
    for n, (head, unit) in enumerate((("first two hours", "minutes"), ("until the message leaves", "days"))):
        middle = label + n * (wide + gap) + wide / 2
        sheet.write(middle, tops[1] + 0.08, head, size=SMALL, color=GREY, ha="center")
        sheet.write(middle, tops[2] - 0.3, f"{unit} from the first attempt", va="top", ha="center")
    sheet.write(WIDTH - right + EDGE, tops[1] + 0.08, "attempts", size=SMALL, color=GREY)
    return sheet


def _about(seconds: Seconds) -> str:
    """`5 d`, `4.2 d`, `16 h`: as exactly as a chart needs it."""
    return f"{seconds / DAY:.1f}".removesuffix(".0") + " d" if seconds >= DAY else words(round(seconds / HOUR) * HOUR)


def _rows(ax: Axes, lines: Sequence[_Line], unit: Seconds, end: float) -> None:
    """The time lines in a unit, from 0 to `end` units."""
    ax.set_xlim(-0.02 * end, end)
    ax.set_ylim(len(lines), 0.0)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color="#ececec", linewidth=0.6)
    ax.set_axisbelow(True)
    for n, line in enumerate(lines):
        times = np.array(line.attempts) / unit
        leaves, told = line.end / unit, line.notice / unit
        ax.plot([0.0, min(leaves, end)], [n + 0.5] * 2, color=GREY, linewidth=0.6, zorder=1.5)
        ax.vlines(times[times <= end], n + 0.22, n + 0.78, color=BLUE, linewidth=0.9 if unit == MINUTE else 0.5, zorder=2)
        if leaves <= end:
            ax.plot([leaves] * 2, [n + 0.1, n + 0.9], color=RED, linewidth=2.4, solid_capstyle="butt", zorder=3)
        if told <= min(leaves, end):
            ax.plot([told], [n + 0.86], marker="^", markersize=5, color=MOSS, markeredgecolor="white", markeredgewidth=0.4, zorder=4)
