"""Tables and pieces of them put into one, in order of (accepted_at, id).

What arrives is in order already, and it is nearly everything. So nothing is sorted by two keys, and a column is written once, in blocks
that stay in the cache, when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from sim.mail import Ints
from sim.record import Array
from sim.units import Floats

__all__ = ["Made", "merged", "order", "places_of"]

Made = dict[str, Array]  # a table in the making; of a column that is the same for all rows the one value, without a dimension
_Block = tuple[slice, Ints, list[tuple[slice, slice]]]
_BLOCK: Final = 1 << 16  # rows of which a column stays in the cache while it is written


def merged(first: Made, chosen: Ints | None, others: Sequence[Made]) -> Callable[[str], Array]:
    """What makes the columns of one table of the chosen rows of the first and of all rows of the others, in order of (accepted_at, id).
    Each is in that order itself, and is taken apart: a column is made once.

    What a block has of one table stands together there. So it is put side by side, of all tables, and taken from that in order. Where the
    first has one value for all rows, which is nearly the whole, only what the others have is put over it."""
    others = [other for other in others if len(other["id"])]
    at, id = (
        np.concatenate([first[name] if chosen is None else first[name].take(chosen), *(other[name] for other in others)])
        for name in ("accepted_at", "id")
    )
    tables, placed = (first, *others), order(at, id)
    made = {"accepted_at": at.take(placed), "id": id.take(placed)}
    lengths = [len(other["id"]) for other in others]
    total, (_, *places) = len(at), places_of(placed, [len(at) - sum(lengths), *lengths])
    blocks = _blocks(placed, chosen, places)
    room = max((pieces[-1][0].stop for _, _, pieces in blocks), default=0)

    def column(name: str) -> Array:
        written = made.pop(name, None)
        if written is None:
            values = [table[name] for table in tables]
            if values[0].ndim:
                written, side_by_side = np.empty(total, values[0].dtype), np.empty(room, values[0].dtype)
                for block, numbers, pieces in blocks:
                    for theirs, (put, rows) in zip(values, pieces, strict=True):
                        side_by_side[put] = theirs[rows] if theirs.ndim else theirs
                    side_by_side.take(numbers, out=written[block], mode="clip")
            else:
                written = np.full(total, values[0])
                for place, theirs in zip(places, values[1:], strict=True):
                    written[place] = theirs
        for table in tables:  # what is left of a large table need not be there twice
            del table[name]
        return written

    return column


def _blocks(placed: npt.NDArray[np.intp], chosen: Ints | None, places: Sequence[Ints]) -> list[_Block]:
    """Block by block: which rows of the whole; their numbers among what is put side by side; of each table where it is put, and which rows
    of it. What lies between two chosen rows of the first is put there too, and never taken."""
    limits = np.append(np.arange(0, len(placed), _BLOCK), len(placed))
    edges, *parts = (found.tolist() for found in (limits, *(place.searchsorted(limits) for place in places)))
    numbers = placed if chosen is None or not len(chosen) else chosen.take(placed, mode="clip")
    found: list[_Block] = []
    for n, (begin, end) in enumerate(pairwise(edges)):
        block = slice(begin, end)
        ours = [edges[k] - sum(part[k] for part in parts) for k in (n, n + 1)]
        if chosen is not None and ours[0] < ours[1]:
            ours = [int(chosen[ours[0]]), int(chosen[ours[1] - 1]) + 1]
        last = ours[1] - ours[0]
        pieces = [(slice(0, last), slice(*ours))]
        numbers[block] -= ours[0]
        for place, part in zip(places, parts, strict=True):
            rows = slice(part[n], part[n + 1])
            put = slice(last, last + rows.stop - rows.start)
            numbers[place[rows]] = np.arange(put.start, put.stop)
            pieces.append((put, rows))
            last = put.stop
        found.append((block, numbers[block], pieces))
    return found


def order(at: Floats, id: Ints) -> npt.NDArray[np.intp]:
    """The order by (at, id). Few are at the same time, and a second key costs more than all the rest."""
    found = np.argsort(at, kind="stable")
    sorted_at = at.take(found)
    same = sorted_at[1:] == sorted_at[:-1]
    if same.any():
        tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
        numbers = found[tied]
        found[tied] = numbers[np.lexsort((id[numbers], at[numbers]))]
    return found


def places_of(order: npt.NDArray[np.intp], lengths: Sequence[int]) -> list[npt.NDArray[np.intp]]:
    """Where the rows of each of several pieces come in an order of all."""
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    ends = np.cumsum([0, *lengths]).tolist()
    return [place[begin:end] for begin, end in pairwise(ends)]
