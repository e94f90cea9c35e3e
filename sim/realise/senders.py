"""Whom spam names as its sender, and how senders repeat (FACTS 9).

The n-th message names a new domain with the probability by which `c n**g` grows at n, a large provider with a fixed share, and else the
domain of an earlier message, chosen evenly, mostly with the same address. Popular domains so become more popular, and about three quarters
of all domains are seen once, as measured.

A message of a campaign brings a new domain with the same probability as any other, so the growth is that of the law whatever comes in
campaigns; but what repeats, repeats in a given share a message of the same campaign. So a campaign names many domains, some of them often.

Every message but those of large providers is a *place* in the order of time; a place that repeats points to an earlier one. For a batch all
pointers are drawn at once and then followed together, each step twice as far as the one before, so no message is looked at alone.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from sim.mail import Ints, Place, address
from sim.realise.arrived import ALONE
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
        self.campaign, self.place = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)  # of messages of campaigns under way

    def forget(self, oldest: int) -> None:
        """Campaigns with smaller numbers are over."""
        under_way = self.campaign >= oldest
        self.campaign, self.place = self.campaign[under_way], self.place[under_way]

    def of(self, die: Floats, campaign: Ints) -> tuple[Ints, Ints]:
        """Addresses and domains of the next messages, in order of time. float64[n, >= 2] in [0, 1), int64[n] to two int64[n]."""
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
        earlier = np.where(repeats, self._earlier(again[at], place, campaign[at]), place)
        rest = (choice[at] - new[at] - spam.providers) / np.maximum(1e-9, 1.0 - new[at] - spam.providers)
        domain[at] = _STRANGE + self.domains.follow(earlier, number[at])
        sender[at] = _STRANGE + self.addresses.follow(np.where(repeats & (rest >= spam.new_addresses), earlier, place), number[at])
        self.count += n
        return sender, domain

    def _earlier(self, die: Floats, place: Ints, campaign: Ints) -> Ints:
        """For each place an earlier one, should it repeat one: any, chosen evenly, or one of the same campaign."""
        member = np.flatnonzero(campaign != ALONE)
        if not len(member):
            return (die * place).astype(np.int64)
        old, own = len(self.campaign), self.spam.campaigns.own_senders
        self.campaign = np.concatenate([self.campaign, campaign[member]])
        self.place = np.concatenate([self.place, place[member]])
        order = np.argsort(self.campaign, kind="stable")
        group = self.campaign[order]
        first = np.searchsorted(group, group)  # of each campaign's messages
        where = np.empty(len(order), dtype=np.int64)
        where[order] = np.arange(len(order))
        begin, behind = first[where[old:]], where[old:] - first[where[old:]]  # messages of the same campaign before this one
        within = die[member] < own
        part = np.where(within, die[member] / max(own, 1e-12), (die[member] - own) / max(1.0 - own, 1e-12))
        die = die.copy()
        die[member] = np.clip(part, 0.0, 1.0 - 2.0**-53)
        earlier = (die * place).astype(np.int64)
        same = self.place[order[begin + (die[member] * behind).astype(np.int64)]]
        earlier[member] = np.where(within & (behind > 0), same, earlier[member])
        return earlier


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
