"""What was asked of speed and memory, what is best, and what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["TARGETS", "Figures", "Target", "ratio"]

Rounds = Sequence[float]
Figures = Mapping[tuple[str, str], Rounds]  # by group and subject


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that must be, and one to aim at."""

    what: str
    must: float
    aim: float
    measured: Callable[[Figures], float | None]
    at_most: bool = False  # else at least

    def met(self, found: float) -> bool:
        """Is what must be?"""
        return found <= self.must if self.at_most else found >= self.must


def ratio(slow: Rounds, fast: Rounds) -> list[float]:
    """How many times as long, round by round."""
    return [a / max(b, 1e-6) for a, b in zip(slow, fast, strict=False)]


def _median(values: Sequence[float]) -> float | None:
    found = sorted(values)
    return None if not found else (found[(len(found) - 1) // 2] + found[len(found) // 2]) / 2


def _times(group: str, slow: str, fast: str) -> Callable[[Figures], float | None]:
    return lambda figures: _median(ratio(figures.get((group, slow), ()), figures.get((group, fast), ())))


def _value(group: str, name: str) -> Callable[[Figures], float | None]:
    return lambda figures: _median(figures.get((group, name), ()))


def _all() -> Iterator[Target]:
    binds, loose = "The retry queue, M, the limit binds", "The retry queue, M, it does not"
    for kernel in ("the kernel", "the kernel, conducted hour by hour"):
        yield Target(f"{kernel}: plain SimPy takes times as long, limit binds", 80, 120, _times(binds, "plain SimPy", kernel))
        yield Target(f"{kernel}: plain SimPy takes times as long, it does not", 60, 100, _times(loose, "plain SimPy", kernel))
        for group, when in ((binds, "limit binds"), (loose, "it does not")):
            yield Target(f"{kernel}: cimba takes times as long, {when}", 4, 10 if group == binds else 8, _times(group, "cimba", kernel))
    for group, when in ((binds, "limit binds"), (loose, "it does not")):
        yield Target(f"the kernel takes times as long as C, {when}", 2, 1.3, _times(group, "the kernel", "C"), at_most=True)
    for run, plain in (
        ("the story", "plain SimPy"),
        ("a day of 4,000 mailboxes", "plain SimPy"),
        ("a day of 40,000 mailboxes", "plain SimPy, ten times a tenth"),
    ):
        name = f"A run to a record: {run}"
        for kernel, asked in (("the kernel", ""), ("the kernel, all columns asked for", ", all columns asked for")):
            yield Target(f"{run}, to a record{asked}: plain SimPy takes times as long", 50, 80, _times(name, plain, kernel))
    held = "Bytes of an outbound message that waits"
    for whose in ("the kernel, 100 to a next hop", "the kernel's arrays, after a day of 40,000 mailboxes"):
        yield Target(f"bytes of a message, {whose}", 120, 80, _value(held, whose), at_most=True)
    compare = "mailflow compare, by the clock on the wall"
    yield Target("seconds of `mailflow compare` as it comes", 5, 2, _value("Start-up, whole processes", compare), at_most=True)


TARGETS: Final = tuple(_all())
