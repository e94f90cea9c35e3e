"""The record's table `hours`: what can be cut at a window, summed by the hour, the kind of message and the class of next hop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sim.destinations import Codes
from sim.mail import Ints, Kind, Outcome, Place, among, are
from sim.record import SCHEMA, Array, Table
from sim.units import HOUR, Floats

__all__ = ["hours"]


def hours(messages: Table, attempts: Table, others: Sequence[Table] = (), tallied: Table | None = None) -> Table:
    """What can be cut at a window: sums per hour, kind and class of next hop. `others`: tables like this one; `tallied`: of counts."""
    parts: list[tuple[Ints, dict[str, Array | None]]] = [
        (
            _cells(_hour(messages["accepted_at"]), messages["kind"], messages["next_hop"] >> 40),
            {
                "wait_seconds": messages["wait_seconds"],
                "refused": are(messages["outcome"], Outcome.REFUSED),
                "filtered": _filtered(messages["outcome"]),
            },
        ),
        (
            _cells(_hour(attempts["at"]), attempts["message"] & 15, attempts["next_hop"] >> 40),
            {"attempts": None, "connection_seconds": attempts["seconds"]},
        ),
    ]
    if tallied is not None:
        many = tallied["messages"]
        counted: dict[str, Array | None] = {
            "refused": many * are(tallied["outcome"], Outcome.REFUSED),
            "filtered": many * _filtered(tallied["outcome"]),
            "wait_seconds": tallied["wait_seconds"],
        }
        parts.append((_cells(tallied["hour"].astype(np.int64), tallied["kind"], tallied["place"]), counted))
    for other in others:
        cells = _cells(other["hour"].astype(np.int64), other["kind"], other["place"])
        parts.append((cells, {name: column for name, column in other.items() if name not in ("hour", "kind", "place")}))
    count = max(int(of.max(initial=-1)) for of, _ in parts) + 1
    there = np.zeros(count, dtype=np.bool_)
    found: dict[str, Floats | Ints] = {}
    for of, sums in parts:
        for name, values in sums.items():
            more = _summed(of, values, count)
            found[name] = found[name] + more if name in found else more
        if "wait_seconds" in sums:  # else attempts, which are counted
            there[of] = True
    there |= found["attempts"] > 0
    cells = np.flatnonzero(there)
    rest, place = np.divmod(cells, len(Place))
    hour, kind = np.divmod(rest, len(Kind))
    table: dict[str, Array] = {"hour": hour, "kind": kind, "place": place} | {name: of_all[cells] for name, of_all in found.items()}
    return {name: table[name].astype(column.dtype) for name, column in SCHEMA["hours"].items()}


def _hour(at: Floats) -> Ints:
    """The hour of each time. On the time grid no quotient is rounded up to the next hour, so that this is the floor."""
    return (at / HOUR).astype(np.int64)


def _cells(hour: Ints, kind: Array, place: Array) -> Ints:
    """The cell of each message or attempt: its hour, kind and class of next hop as one number, which takes the place of the hour."""
    hour *= len(Kind)
    hour += kind
    hour *= len(Place)
    hour += place
    return hour


def _filtered(outcome: Codes) -> npt.NDArray[np.bool_]:
    return among(outcome, (Outcome.FILTERED, Outcome.JUNK))


def _summed(of: Ints, values: Array | None, count: int) -> Floats | Ints:
    """The sum of values in each of so many cells, or how many there are. What holds of few is not looked for in all."""
    if values is None:
        return np.bincount(of, minlength=count)
    if values.dtype == np.bool_:
        return np.bincount(of[values], minlength=count)
    return np.bincount(of, weights=values, minlength=count)
