"""Counts in place of rows, for what nothing follows from: mail to people who are there, and mail that left at its first attempt.

A run of a large office keeps a row for every message that somebody may ask about, and of the others how many there were in each hour, what
they were, how they ended, and how long those that left took: in steps of 9 %, so a percentile is as good as that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sim.mail import Ints
from sim.record import SCHEMA, Table
from sim.units import HOUR, Floats

__all__ = ["Tally", "middle", "percentiles"]

Many = npt.NDArray[np.integer[Any]]
_STEPS: Final = 8  # to a doubling
_SHORTEST: Final = 2.0**-4  # seconds; what is shorter counts as this
_SHIFTS: Final = (("hour", 28), ("kind", 24), ("place", 20), ("outcome", 16), ("answer", 8), ("delay", 0))


class Tally:
    """The counts of one run."""

    def __init__(self) -> None:
        self._cells: dict[int, list[float]] = {}

    def add(
        self,
        at: Floats,
        kind: Many | int,
        *,
        outcome: Many | int,
        answer: Many | int = 0,
        place: Many | int = 0,
        delay: Floats | None = None,
        wait: Floats | None = None,
        held: Floats | None = None,
    ) -> None:
        """Count messages: when they were accepted, what they are, how they ended; where they left, the seconds in our queues, those of them
        in wait for a connection, and those of connections. float64[n]; codes int[n], or one for all."""
        step = np.zeros(len(at), dtype=np.int64) if delay is None else _step(delay)
        parts = ((at // HOUR).astype(np.int64), kind, place, outcome, answer, step)
        key = np.zeros(len(at), dtype=np.int64)
        for part, (_, shift) in zip(parts, _SHIFTS, strict=True):
            key |= np.asarray(part, dtype=np.int64) << shift
        cells, where = np.unique(key, return_inverse=True)
        none = np.zeros(len(at))
        columns = (None, none if wait is None else wait, none if held is None else held)
        sums = [np.bincount(where, weights=column, minlength=len(cells)).tolist() for column in columns]
        for cell, *more in zip(cells.tolist(), *sums, strict=True):
            kept = self._cells.setdefault(cell, [0.0, 0.0, 0.0])
            for i, value in enumerate(more):
                kept[i] += value

    def table(self) -> Table:
        """The record's table `tallied`."""
        keys = np.array(sorted(self._cells), dtype=np.int64)
        found: dict[str, np.ndarray[tuple[int], np.dtype[np.int64 | np.float64]]] = {
            name: keys >> shift & (0xFF if name in ("answer", "delay") else 0xF if name != "hour" else ~0) for name, shift in _SHIFTS
        }
        sums = np.array([self._cells[key] for key in keys.tolist()], dtype=np.float64).reshape(len(keys), 3)
        found |= {"messages": sums[:, 0], "wait_seconds": sums[:, 1], "connection_seconds": sums[:, 2]}
        return {name: found[name].astype(column.dtype) for name, column in SCHEMA["tallied"].items()}


def _step(delay: Floats) -> Ints:
    """The number of a delay's step, from 1."""
    found: Ints = 1 + np.floor(_STEPS * np.log2(np.maximum(delay, _SHORTEST) / _SHORTEST)).astype(np.int64)
    return np.minimum(found, 255)


def middle(step: Ints) -> Floats:
    """Seconds in the middle of a step."""
    found: Floats = _SHORTEST * 2.0 ** ((step - 0.5) / _STEPS)
    return found


def percentiles(exact: Floats, steps: Iterable[int], messages: Iterable[float], percents: Sequence[float]) -> list[float]:
    """Percentiles of delays of which some are known and others counted in steps; NaN of none."""
    steps, counts = np.asarray(list(steps), dtype=np.int64), np.asarray(list(messages), dtype=np.float64)
    found: list[float]
    if not len(steps):
        found = np.percentile(exact, percents).tolist() if len(exact) else [float("nan")] * len(percents)
        return found
    values = np.concatenate([exact, middle(steps)])
    weights = np.concatenate([np.ones(len(exact)), counts])
    order = np.argsort(values)
    passed = np.cumsum(weights[order])
    found = values[order][np.searchsorted(passed, np.array(percents) / 100.0 * passed[-1])].tolist()
    return found
