"""Whom spam names as its sender, and how senders repeat (FACTS 9).

The n-th message names a new domain with the probability by which `c n**g` grows at n, a large provider with a fixed share, and else the
domain of an earlier message, chosen evenly, mostly with the same address. Popular domains so become more popular, and about three quarters
of all domains are seen once, as measured.

Every message but those of large providers is a *place* in the order of time; a place that repeats points to an earlier one. For a batch all
pointers are drawn at once and then followed together, each step twice as far as the one before, so no message is looked at alone.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from sim.mail import Ints, Place, address
from sim.scenario.schema import Spam
from sim.units import Floats

__all__ = ["Senders"]

_PROVIDERS: Final = 5  # large providers a spammer names; FACTS 9: hotmail, yahoo, aol, msn and the rest
_STRANGE: Final = address(Place.STRANGE, 0)
_PROVIDER: Final = address(Place.PROVIDER, 0)


class Senders:
    """Names the senders of one message after another; it remembers every message so far, in 8 bytes each."""

    def __init__(self, spam: Spam) -> None:
        self.spam = spam
        self.count = 0  # messages so far, those of large providers included
        self.domains, self.addresses = _Numbers(), _Numbers()  # of each place

    def of(self, die: Floats) -> tuple[Ints, Ints]:
        """Addresses and domains of the next messages, in order of time. float64[n, >= 2] in [0, 1) to two int64[n]."""
        spam, n = self.spam, len(die)
        number = self.count + np.arange(n + 1)
        new = np.diff(spam.new_domains * 100.0 * (number / 100.0) ** spam.growth)
        number = number[:-1]
        choice, again = die[:, 0], die[:, 1]
        provider = (new <= choice) & (choice < new + spam.providers)
        sender, domain = _PROVIDER + _PROVIDERS + number, _PROVIDER + (again * _PROVIDERS).astype(np.int64)

        at = np.flatnonzero(~provider)
        place = len(self.domains) + np.arange(len(at))
        repeats = (choice[at] >= new[at]) & (place > 0)
        earlier = np.where(repeats, (again[at] * place).astype(np.int64), place)
        rest = (choice[at] - new[at] - spam.providers) / np.maximum(1e-9, 1.0 - new[at] - spam.providers)
        domain[at] = _STRANGE + self.domains.follow(earlier, number[at])
        sender[at] = _STRANGE + self.addresses.follow(np.where(repeats & (rest >= spam.new_addresses), earlier, place), number[at])
        self.count += n
        return sender, domain


class _Numbers:
    """A number for each place so far; it grows by whole batches."""

    def __init__(self) -> None:
        self.kept: npt.NDArray[np.uint32] = np.zeros(1024, dtype=np.uint32)
        self.size = 0

    def __len__(self) -> int:
        return self.size

    def follow(self, earlier: Ints, own: Ints) -> Ints:
        """Append the next places: each has the number of the `earlier` place it points to, or its `own` where it points to itself."""
        first, last = self.size, self.size + len(earlier)
        pointer = earlier - first
        inside = pointer >= 0
        while True:  # within the batch, until every pointer ends at a place that points to itself or before the batch
            further = np.where(inside, pointer[np.maximum(pointer, 0)], pointer)
            if np.array_equal(further, pointer):
                break
            pointer, inside = further, further >= 0
        number = np.where(inside, own[np.maximum(pointer, 0)], self.kept[np.minimum(first + pointer, len(self.kept) - 1)].astype(np.int64))
        if last > len(self.kept):
            self.kept = np.concatenate([self.kept, np.zeros(max(last - len(self.kept), len(self.kept)), dtype=np.uint32)])
        self.kept[first:last] = number
        self.size = last
        return number
