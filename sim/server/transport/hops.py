"""Which queue each next hop has: a hash table from codes of next hops to numbers of queues, for many at once.

A slot holds the number of a queue, and the row of the queue says which next hop that is; so a next hop costs some ten bytes. Half of the
slots or more are empty. Numbers are given in the order in which next hops are first met.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.mail import Ints
from sim.server.transport.kernel import QUEUE, Array, kept

__all__ = ["Hops"]

_FREE: Final = 0xFFFFFFFF
_FEW: Final = 10  # bits: so many slots at first, as a power of two


class Hops:
    """The table. It is given the rows of the queues that it has numbered, and holds none itself."""

    def __init__(self) -> None:
        self.count = 0
        self._bits, self._slots = _FEW, _empty(_FEW)

    def numbers(self, hops: Ints, queues: Array) -> tuple[Array, Ints]:
        """The number of each next hop, uint32[n], and those that are new, in order of their numbers. queues: rows of those before."""
        hops = np.ascontiguousarray(hops, dtype=np.int64)
        numbers, new = np.empty(len(hops), dtype=np.uint32), np.empty(len(hops), dtype=np.int64)
        done, more = _numbered(hops, 0, self._slots, self._bits, queues, self.count, new, 0, numbers)
        while done < len(hops):  # half of the slots are taken
            self._renumber(np.concatenate([queues["hop"][: self.count], new[:more]]), self._bits + 1)
            done, more = _numbered(hops, done, self._slots, self._bits, queues, self.count, new, more, numbers)
        self.count += more
        return numbers, new[:more].copy()

    def restart(self, queues: Array) -> None:
        """These are all that there are, in this order."""
        self.count = len(queues)
        self._renumber(queues["hop"], max(_FEW, (2 * len(queues)).bit_length()))

    def _renumber(self, hops: Ints, bits: int) -> None:
        """Number them from 0 in an empty table."""
        self._bits, self._slots = bits, _empty(bits)
        new, numbers = np.empty(len(hops), dtype=np.int64), np.empty(len(hops), dtype=np.uint32)
        _numbered(np.ascontiguousarray(hops), 0, self._slots, bits, np.zeros(0, QUEUE), 0, new, 0, numbers)


def _empty(bits: int) -> Array:
    return np.full(1 << bits, _FREE, dtype=np.uint32)


@kept
def _numbered(
    hops: Ints, n: int, slots: Array, bits: int, queues: Array, count: int, new: Ints, more: int, numbers: Array
) -> tuple[int, int]:
    """Number next hops from the n-th on, as long as half of the slots are empty: how far it came, and how many are new."""
    last, shift, step = np.uint64(len(slots) - 1), np.uint64(64 - bits), np.uint64(1)
    while n < len(hops) and 2 * (count + more) < len(slots):
        hop = hops[n]
        k = np.uint64(hop) * np.uint64(0x9E3779B97F4A7C15) >> shift  # the golden ratio scatters what lies close together
        while True:
            number = slots[k]
            if number == _FREE:
                number = np.uint32(count + more)
                slots[k] = number
                new[more] = hop
                more += 1
                break
            if hop == (queues[number].hop if number < count else new[number - count]):
                break
            k = (k + step) & last
        numbers[n] = number
        n += 1
    return n, more
