"""The record's table `hours`: what can be cut at a window, summed by the hour, the kind of message and the class of next hop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.destinations import Codes
from sim.mail import Ints, Outcome, among
from sim.record import SCHEMA, Array, Table
from sim.units import HOUR, Floats

__all__ = ["hours"]


def hours(messages: Table, attempts: Table, others: Sequence[Table] = (), tallied: Table | None = None) -> Table:
    """What can be cut at a window: sums per hour, kind and class of next hop. `others`: tables like this one; `tallied`: of counts."""
    told = _filtered(messages["outcome"])
    parts: list[tuple[Ints, dict[str, npt.NDArray[Any] | None]]] = [
        (
            _cells(_hour(messages["accepted_at"]), messages["kind"], messages["next_hop"]),
            {"wait_seconds": messages["wait_seconds"], "refused": messages["outcome"] == Outcome.REFUSED, "filtered": told},
        ),
        (
            _cells(_hour(attempts["at"]), attempts["message"] & 15, attempts["next_hop"]),
            {"attempts": None, "connection_seconds": attempts["seconds"]},
        ),
    ]
    if tallied is not None:
        many = tallied["messages"]
        sums = {"refused": many * (tallied["outcome"] == Outcome.REFUSED), "wait_seconds": tallied["wait_seconds"]}
        sums["filtered"] = many * _filtered(tallied["outcome"])
        parts.append((_cells(tallied["hour"], tallied["kind"], tallied["place"].astype(np.int64) << 40), sums))
    for other in others:
        sums = {name: column for name, column in other.items() if name not in ("hour", "kind", "place")}
        parts.append((_cells(other["hour"], other["kind"], other["place"].astype(np.int64) << 40), sums))
    there = np.zeros(max(int(of.max(initial=0)) for of, _ in parts) + 1, dtype=np.bool_)
    for of, _ in parts:
        there[of] = True
    cells = np.flatnonzero(there)
    number = np.empty(len(there), dtype=np.int64)  # of each cell; of others nothing
    number[cells] = np.arange(len(cells))
    table: dict[str, Array] = {"hour": cells >> 8, "kind": cells >> 4 & 15, "place": cells & 15}
    table |= {name: np.zeros(len(cells)) for name in SCHEMA["hours"] if name not in table}
    for of, sums in parts:
        for name, values in sums.items():
            table[name] += _summed(number, of, values, len(cells))
    return {name: table[name].astype(column.dtype) for name, column in SCHEMA["hours"].items()}


def _hour(at: Floats) -> Ints:
    """The hour of each time. On the time grid no quotient is rounded up to the next hour, so that this is the floor."""
    return (at / HOUR).astype(np.int64)


def _cells(hour: Ints, kind: npt.NDArray[Any], hop: Ints) -> Ints:
    """The cell of each message or attempt: its hour, kind and class of next hop as one number."""
    found = hop >> 40
    found |= kind << 4  # a byte still: a kind has four bits
    found |= hour.astype(np.int64, copy=False) << 8
    return found


def _filtered(outcome: Codes) -> npt.NDArray[np.bool_]:
    return among(outcome, (Outcome.FILTERED, Outcome.JUNK))


def _summed(number: Ints, of: Ints, values: npt.NDArray[Any] | None, count: int) -> Floats | Ints:
    """The sum of values in each of so many numbered cells, or how many there are. Most values are 0, and are not looked at."""
    if values is None:
        return np.bincount(number[of], minlength=count)
    some = np.flatnonzero(values != 0)
    return np.bincount(number[of[some]], weights=values[some].astype(float), minlength=count)
