"""What comes by itself, drawn: spam and people's mail of some hours, numbered, before it is known what the outside makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from sim.mail import Ints
from sim.realise.people import People
from sim.realise.replayed import replayed
from sim.realise.spam import Spam
from sim.scenario import Scenario
from sim.streams import Generators
from sim.tally import Tally
from sim.units import HOUR, Floats
from sim.workload import Rows, join

__all__ = ["KEPT", "KEPT_ROWS", "Drawn", "drawn", "keep", "kept"]

Drawn = list[tuple[int, int, Rows]]  # of some hours: the first, the one after the last, rows
KEPT: Final = 64  # replications
KEPT_ROWS: Final = 20_000  # of each, 100 bytes a row
_kept: dict[tuple[str, int, int, int], Drawn] = {}


def drawn(scenario: Scenario, seed: int, replication: int, chunk: int, tally: Tally | None = None) -> Iterator[tuple[int, int, Rows]]:
    """What was drawn, before it is known what the outside makes of it: (first hour, last, rows). Scenarios that differ in the outside, the
    server or the replies draw the same, so what is small is kept for the next one."""
    if tally is None and (before := kept(scenario, seed, replication, chunk)) is not None:
        yield from before
        return
    draw, found, rows = _Draw(scenario, seed, replication, tally), Drawn(), 0
    count = round(scenario.horizon / HOUR)
    for first in range(0, count, chunk):
        last = min(first + chunk, count)
        found.append((first, last, draw.hours(first, last)))
        rows += len(found[-1][2])
        yield found[-1]
        if rows > KEPT_ROWS:
            found.clear()
    if rows <= KEPT_ROWS and tally is None:
        keep(scenario, seed, replication, chunk, found)


def kept(scenario: Scenario, seed: int, replication: int, chunk: int) -> Drawn | None:
    """What was drawn, if it is kept."""
    return _kept.get((scenario.drawn_sha256, seed, replication, chunk))


def keep(scenario: Scenario, seed: int, replication: int, chunk: int, found: Drawn) -> None:
    """Keep it for the next one."""
    while len(_kept) >= KEPT:
        del _kept[next(iter(_kept))]
    _kept[scenario.drawn_sha256, seed, replication, chunk] = found


class _Draw:
    """Puts the pieces of each hour together and numbers the rows."""

    def __init__(self, scenario: Scenario, seed: int, replication: int, tally: Tally | None) -> None:
        generators = Generators(seed, replication)
        self.spam, self.people = Spam(scenario, generators), People(scenario, generators)
        self.replayed = replayed(scenario)
        self.away, self.tally = scenario.who_is_away, tally
        self.rows = 0

    def hours(self, first: int, last: int) -> Rows:
        """The rows of hours [first, last), numbered. Dice are thrown hour by hour, what they mean is worked out for all at once."""
        span = range(first, last)
        spam = self.spam.rows(span)
        parts = [(spam.at, np.arange(len(spam)), spam), *self.people.rows(span, self.away, self.tally)]
        for real in self.replayed:
            rows = real.take(slice(*np.searchsorted(real.at, (first * HOUR, last * HOUR))))
            parts.append((rows.at, np.arange(len(rows)), rows))
        return self._numbered(parts)

    def _numbered(self, parts: list[tuple[Floats, Ints, Rows]]) -> Rows:
        """One piece, in order of time. A part is the times of all its messages, which ones of them have rows, and these."""
        order = np.argsort(np.concatenate([at for at, _, _ in parts]), kind="stable")
        number = np.empty(len(order), dtype=np.int64)
        number[order] = np.arange(self.rows, self.rows + len(order))
        first = 0
        for at, which, rows in parts:
            rows.row = number[first + which]
            first += len(at)
        self.rows += len(order)
        rows = join([rows for _, _, rows in parts if len(rows)])
        parts.clear()  # of a large office the pieces need not be there beside the whole
        return rows.take(np.argsort(rows.row))
