"""Tables and pieces of them put into one, in order of (accepted_at, id).

What arrives is in order already, and it is nearly everything. So nothing is sorted by two keys, and a column is written once, in blocks
that stay in the cache, when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from sim.mail import Ints
from sim.record import Array
from sim.units import Floats

__all__ = ["Made", "merged", "order", "places_of"]

Made = dict[str, Array]  # a table in the making
_Blocks = list[tuple[slice, Ints, list[tuple[int, Ints, slice]]]]
_BLOCK: Final = 1 << 16  # rows of which a column stays in the cache while it is written


def merged(first: Made, chosen: Ints | None, others: Sequence[Made]) -> Callable[[str], Array]:
    """What makes the columns of one table of the chosen rows of the first and of all rows of the others, in order of (accepted_at, id).
    Each is in that order itself, and is taken apart: a column is made once.

    Every column is written once into its place: where one mail in ten has an answer, the first is nearly the whole."""
    at, id = (
        np.concatenate([first[name] if chosen is None else first[name].take(chosen), *(other[name] for other in others)])
        for name in ("accepted_at", "id")
    )
    others = [other for other in others if len(other["id"])]
    lengths = [len(other["id"]) for other in others]
    total, count = len(at), len(at) - sum(lengths)
    blocks = _blocks(order(at, id), chosen, count, lengths)

    def column(name: str) -> Array:
        source, rest = first[name], [other[name] for other in others]
        written = np.zeros(total, dtype=source.dtype)
        constant = source[0] if count and source.strides == (0,) else None
        for block, numbers, theirs in blocks:
            piece = written[block]
            if count and constant is None:
                source.take(numbers, out=piece, mode="clip")
            elif constant:  # it is all zeros as it is
                piece[...] = constant
            for n, where, which in theirs:
                piece[where] = rest[n][which]
        for part in (first, *others):  # what is left of a large table need not be there twice
            del part[name]
        return written

    return column


def _blocks(order: Ints, chosen: Ints | None, count: int, lengths: Sequence[int]) -> _Blocks:
    """Where the rows of a table come from, block by block: numbers of rows of the first, whose `count` are `chosen`; and of each other that
    has some in it its number, which of the block they are, and these. A row of another has any number in the first: it is put over that."""
    found, read = [], [0] * len(lengths)
    ends = np.cumsum([count, *lengths[:-1]])
    for first in range(0, len(order), _BLOCK):
        block = slice(first, first + _BLOCK)
        numbers, theirs = order[block], list[tuple[int, Ints, slice]]()
        rest = np.flatnonzero(numbers >= count)
        owner = np.searchsorted(ends, numbers[rest], side="right") - 1
        for n in np.flatnonzero(np.bincount(owner)).tolist():
            where = rest[owner == n]
            theirs.append((n, where, slice(read[n], read[n] + len(where))))
            read[n] += len(where)
        source = numbers if chosen is None or not count else chosen.take(numbers, mode="clip")
        found.append((block, source, theirs))
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
    return np.split(place, np.cumsum(lengths[:-1]))
