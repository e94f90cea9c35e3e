"""A sheet on which a chart is drawn: parts stacked in inches, labels that keep clear of each other.

Labels are placed by measuring them: none covers another, none leaves the sheet; one that finds no place is told in the caption. Colours
are those of Okabe and Ito; line styles and marks say the same in black and white.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeVar

import numpy as np

from sim.scenario import Scenario
from sim.units import Floats, digits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, RED, ORANGE, SKY, GREEN, PURPLE = "#0072B2", "#D55E00", "#E69F00", "#56B4E9", "#009E73", "#CC79A7"
INK, GREY = "#1a1a1a", "#555555"
BROWN, MOSS = "#9c4400", "#006b4e"  # red and green dark enough for text
_DPI: Final = 100.0  # of measuring; a figure may be drawn at any
WIDTH: Final = 7.6  # inches; a column of a page, or a slide's half
TITLE, LABEL, SMALL = 13.0, 10.5, 9.0  # points: at half size the smallest is still 4.5
LEFT, RIGHT, EDGE = 1.05, 0.22, 0.12  # inches beside the panels, and around everything
_WHITE: Final[Mapping[str, Any]] = {"facecolor": "white", "alpha": 0.65, "edgecolor": "none", "pad": 1.0}  # behind a label

Side = Literal["left", "center", "right"]


@contextmanager
def style() -> Iterator[None]:
    """Our settings while a figure is built or drawn, whatever the reader's matplotlibrc says; his own again afterwards."""
    import matplotlib

    kept = ("axes.", "figure.", "font.", "grid.", "hatch.", "lines.", "patch.", "path.", "savefig.", "svg.", "text.", "xtick.", "ytick.")
    own: dict[Any, Any] = {key: value for key, value in matplotlib.rcParamsDefault.items() if key.startswith(kept)}
    own |= {
        "font.family": ["DejaVu Sans"],  # comes with matplotlib, so that what was measured is what is seen
        "font.size": LABEL,
        "svg.fonttype": "path",
        "svg.hashsalt": "mailflow-sim",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": GREY,
        "axes.labelcolor": INK,
        "axes.linewidth": 0.8,
        "axes.unicode_minus": True,
        "hatch.linewidth": 0.5,
        "xtick.color": GREY,
        "ytick.color": GREY,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
    }
    with matplotlib.rc_context(own):
        yield


@lru_cache(10_000)
def _width(line: str, size: float, weight: str) -> float:
    """Width of a line in inches, as it will be drawn."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    font = FontProperties(family="DejaVu Sans", size=size, weight=weight)
    renderer: Any = RendererAgg(1, 1, _DPI)  # type: ignore[no-untyped-call]
    return float(renderer.get_text_width_height_descent(line, font, ismath=False)[0]) / _DPI


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels."""

    x0: float
    y0: float
    x1: float
    y1: float

    def meets(self, other: Box) -> bool:
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1

    def holds(self, points: Floats) -> int:
        """How many of the points float64[n, 2] lie in it."""
        x, y = points[:, 0], points[:, 1]
        return int(((x > self.x0) & (x < self.x1) & (y > self.y0) & (y < self.y1)).sum())


class Sheet:
    """A figure of known width whose parts are stacked downwards in inches, and whose labels keep clear of each other and of the lines."""

    def __init__(self, title: str, width: float = WIDTH) -> None:
        from matplotlib.figure import Figure

        self.figure = Figure(figsize=(width, 4.0), dpi=_DPI)
        self.width = width
        self.title = self.wrapped(title, width - 2 * EDGE, TITLE, "bold")
        self.boxes: list[Box] = []
        self.lines: list[Floats] = []  # points of what is drawn, float64[n, 2], pixels
        self.homeless: list[str] = []  # labels that found no free place

    def extent(self, text: str, size: float, weight: str = "normal") -> tuple[float, float]:
        """Width and height of a text in inches."""
        lines = text.split("\n")
        return max(_width(line, size, weight) for line in lines), len(lines) * size * 1.2 / 72

    def wrapped(self, text: str, width: float, size: float, weight: str = "normal") -> str:
        """The text in lines of at most that many inches; a word that is longer is cut."""
        lines: list[str] = []
        for word in text.split():
            if lines and self.extent(f"{lines[-1]} {word}", size, weight)[0] <= width:
                lines[-1] += f" {word}"
                continue
            while self.extent(word, size, weight)[0] > width and len(word) > 1:
                fits = max(1, sum(self.extent(word[: n + 1], size, weight)[0] <= width for n in range(len(word) - 1)))
                lines.append(word[:fits])
                word = word[fits:]
            lines.append(word)
        return "\n".join(lines)

    def height(self, text: str, size: float, weight: str = "normal") -> float:
        """Height in inches with some air."""
        return self.extent(text, size, weight)[1] + 0.06

    def lay(self, heights: Sequence[float], below: str) -> list[float]:
        """Set the height of the sheet from those of its parts, write title and caption, and give the upper edge of each part, in inches
        from below."""
        below = self.wrapped(below, self.width - 2 * EDGE, SMALL)
        foot = self.height(below, SMALL)
        head = self.height(self.title, TITLE, "bold") + 0.06
        total = 2 * EDGE + head + sum(heights) + foot
        self.figure.set_size_inches(self.width, total)
        self.figure.suptitle(
            self.title, x=EDGE / self.width, y=1 - EDGE / total, ha="left", va="top", fontsize=TITLE, fontweight="bold", color=INK
        ).set_parse_math(False)
        self.write(EDGE, EDGE + foot, below, size=SMALL, color=GREY, va="top")
        return [total - EDGE - head - sum(heights[:n]) for n in range(len(heights))]

    def panel(self, top: float, height: float, left: float = LEFT, width: float = 0.0, sharex: Axes | None = None) -> Axes:
        """Axes at a place in inches."""
        w, h = self.figure.get_size_inches()
        place = (left / w, (top - height) / h, (width or w - left - RIGHT) / w, height / h)
        return self.figure.add_axes(place, sharex=sharex)

    def write(self, x: float, y: float, text: str, *, size: float = LABEL, color: str = INK, **more: Any) -> None:
        """A text at a place in inches."""
        w, h = self.figure.get_size_inches()
        self.figure.text(x / w, y / h, text, fontsize=size, color=color, linespacing=1.2, **more).set_parse_math(False)

    def drawn(self, ax: Axes, x: Floats, y: Floats) -> Floats:
        """Remember a line, so that labels keep clear of it. Limits must be set. Gives its points at most 3 pixels apart."""
        at = ax.transData.transform(np.column_stack([x, y]))
        at = at[np.isfinite(at).all(axis=1)]
        if len(at) > 1:
            steps = np.maximum(1, np.ceil(np.abs(np.diff(at, axis=0)).max(axis=1) / 3)).astype(int)
            runs = [a + (b - a) * np.arange(n)[:, None] / n for a, b, n in zip(at[:-1], at[1:], steps, strict=True)]
            at = np.concatenate([*runs, at[-1:]])
        points: Floats = at
        self.lines.append(points)
        return points

    def label(
        self, ax: Axes, text: str, line: Floats, color: str, want: float = 0.5, weight: str = "normal", ups: Sequence[int] = (1, 0, -1)
    ) -> None:
        """A label at a line, where it covers no label and as little of the lines as possible, near the share `want` of the line's length;
        above (1), beside (0) or below (-1) it."""
        dpi, frame = self.figure.dpi, ax.get_window_extent()
        x, y = line[:, 0], line[:, 1]
        inside = line[(x >= frame.x0 - 1) & (x <= frame.x1 + 1) & (y >= frame.y0 - 1) & (y <= frame.y1)]
        w, h = (inches * dpi for inches in self.extent(text, LABEL, weight))
        drawn = np.concatenate(self.lines or [line])
        best: tuple[float, float, float, Floats] | None = None
        numbers = sorted({round(n) for n in np.linspace(0, len(inside) - 1, 40)}) if len(inside) else []
        sides: tuple[Side, ...] = ("left", "center", "right")
        for number, side, up, gap in itertools.product(numbers, sides, ups, (0.06, 0.16, 0.3, 0.5)):
            x, y = inside[number]
            if up == 0 and (side == "center" or gap > 0.2):
                continue
            shift = gap * dpi if up == 0 else 5.0
            left = x + {"left": shift, "center": -w / 2, "right": -w - shift}[side]
            below = y + {1: gap * dpi, 0: -h / 2, -1: -gap * dpi - h}[up]
            box = Box(left - 3, below - 1, left + w + 3, below + h + 1)
            if box.x0 < frame.x0 or box.x1 > frame.x1 + RIGHT * dpi * 0.8 or box.y0 < frame.y0 + 1 or box.y1 > frame.y1:
                continue
            leader = np.linspace((x, y), (min(max(x, left), left + w), below if up > 0 else below + h), 12)  # drawn where the gap is wide
            if any(box.meets(other) or (gap > 0.2 and other.holds(leader)) for other in self.boxes):
                continue
            near = Box(box.x0 - 3, box.y0 - 3, box.x1 + 3, box.y1 + 3)
            cost = near.holds(drawn) * 6 + gap * 60 + 25 * abs(number / max(1, len(inside) - 1) - want)
            if best is None or cost < best[0]:
                best = (cost, left, below, leader if gap > 0.2 else leader[:0])
        if best is None:
            self.homeless.append(text.replace("\n", " "))
            return
        _, left, below, leader = best
        self.boxes.append(Box(left - 3, below - 1, left + w + 3, below + h + 1))
        if len(leader):
            self.lines.append(leader)
            self.stroke(leader[[0, -1]] / dpi, color)
        self.note(self.boxes[-1], text, color, weight)

    def note(self, box: Box, text: str, color: str, weight: str = "normal") -> None:
        """A label in its box."""
        dpi = self.figure.dpi
        self.write((box.x0 + 3) / dpi, (box.y0 + box.y1) / 2 / dpi, text, color=color, va="center", fontweight=weight, bbox=_WHITE)

    def stroke(self, ends: Floats, color: str) -> None:
        from matplotlib.lines import Line2D

        w, h = self.figure.get_size_inches()
        self.figure.add_artist(Line2D((ends[:, 0] / w).tolist(), (ends[:, 1] / h).tolist(), color=color, linewidth=0.6))


class Played(Protocol):
    """What a caption names: a comparison, or anything else that was played."""

    @property
    def scenario(self) -> Scenario: ...
    @property
    def replications(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def version(self) -> str: ...


Shown = TypeVar("Shown")


def fitted(draw: Callable[[Shown, Sequence[str]], Sheet], shown: Shown) -> Figure:
    """The chart; labels that found no place are told in its caption instead."""
    with style():
        sheet = draw(shown, ())
        if sheet.homeless:
            sheet = draw(shown, [f"Not labelled in the chart: {label}." for label in sheet.homeless])
        return sheet.figure


def caption(played: Played, *more: str) -> str:
    runs = "1 run (no interval)" if played.replications == 1 else f"{played.replications} runs"
    first = f"Scenario {played.scenario.name}, {runs}, seed {played.seed}, mailflow-sim {played.version}."
    return " ".join([first, *(text for text in more if text)])


def lanes(items: Sequence[tuple[float, float]], width: float) -> list[tuple[int, Side]]:
    """A lane and a side for each (x of its line, width of its label): no two labels of a lane meet, none leaves the sheet, and as few
    labels as possible are crossed by the line of another. Pixels. Tries everything: there are at most five."""
    edge, best, least = EDGE * 100, [], (10**6, 10**6)
    sides: tuple[Side, ...] = ("left", "right")
    for chosen in itertools.product(sides, repeat=len(items)):
        spans = [(x, x + w) if side == "left" else (x - w, x) for (x, w), side in zip(items, chosen, strict=True)]
        if any(a < edge or b > width - edge for a, b in spans):
            continue
        for order in itertools.permutations(range(len(items))):
            lanes = [-1] * len(items)
            for n in order:
                taken = {
                    lanes[m]
                    for m in range(len(items))
                    if lanes[m] >= 0 and spans[m][0] - 12 < spans[n][1] and spans[n][0] - 12 < spans[m][1]
                }
                lanes[n] = next(lane for lane in itertools.count() if lane not in taken)
            crossed = sum(
                spans[m][0] - 2 < items[n][0] < spans[m][1] + 2 and lanes[n] > lanes[m]
                for n, m in itertools.permutations(range(len(items)), 2)
            )
            if (crossed, max(lanes, default=0)) < least:
                best, least = list(zip(lanes, chosen, strict=True)), (crossed, max(lanes, default=0))
    return best or [(n, "left") for n in range(len(items))]


def short(value: float) -> str:
    """A number at an axis: no more digits than there is room for."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if abs(value) >= unit:
            return f"{value / (1e3 if name == ' k' else unit):,.6g}{name}"
    return f"{value:,.6g}"


def listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def whole(value: float) -> str:
    """A mean as a title says it: whole, unless it is small."""
    return "0" if value == 0 else digits(value, 1) if value < 0.95 else f"{value:,.0f}"
