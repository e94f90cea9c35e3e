"""Rows that come to a mailbox here, and what all kinds of rows have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from sim.mail import HERE, Flags, Ints, Kind, Truth
from sim.units import HOUR, Floats, grid
from sim.workload import Rows

__all__ = ["ALONE", "BLOCK", "DICE", "Coming", "Hits", "arrived", "sizes"]

BLOCK: Final = 1024  # mailboxes that share a generator
DICE: Final = 6  # numbers drawn for a row beside its time and mailbox
ALONE: Final = -1  # the number of no campaign
_TRUTH: Final = {Kind.SPAM: Truth.UNKNOWN, Kind.WANTED: Truth.WANTED, Kind.INTERNAL: Truth.INTERNAL, Kind.LIST: Truth.LIST}


@dataclass(frozen=True, slots=True)
class Hits:
    """Spam that comes to a mailbox, before it is known whom it names as its sender. Arrays of equal length n."""

    at: Floats
    mailbox: Ints  # -1: no such mailbox here
    dice: Floats  # [n, DICE]
    campaign: Ints  # ALONE where it belongs to none

    def __len__(self) -> int:
        return len(self.at)

    @classmethod
    def of(cls, at: Floats, mailbox: Ints | int, dice: Floats, campaign: int = ALONE) -> Hits:
        """Hits on one mailbox or many, of one campaign."""
        return cls(at, np.broadcast_to(np.int64(mailbox), len(at)), dice, np.full(len(at), campaign, dtype=np.int64))

    @classmethod
    def joined(cls, parts: Sequence[Hits]) -> Hits:
        """Several pieces as one, in the order given."""
        parts = parts or [cls.of(np.zeros(0), -1, np.zeros((0, DICE)))]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))

    def take(self, which: npt.NDArray[np.generic]) -> Hits:
        """Some of the hits."""
        return Hits(*(getattr(self, name)[which] for name in self.__slots__))


class Coming:
    """Hits that were drawn in the hour in which their burst began, kept until the hour in which they arrive."""

    def __init__(self) -> None:
        self.hits = Hits.joined(())

    def until(self, hour: int, begun: Sequence[Hits]) -> Hits:
        """Hits before the end of the hours so far, those of bursts that have just begun among them. Times come onto the grid."""
        hits = Hits.joined([self.hits, *(replace(part, at=grid(part.at)) for part in begun)])
        now = hits.at < hour * HOUR
        self.hits = hits.take(~now)
        return hits.take(now)


def arrived(at: Floats, kind: Kind, sender: Ints, domain: Ints, mailbox: Ints, size: Ints, flags: Flags, dice: Floats) -> Rows:
    """Rows that come to a mailbox here. What the senders of spam are is filled in later, for many rows at once."""
    n = len(at)
    return Rows(
        row=np.zeros(n, dtype=np.int64),
        at=at,
        kind=np.full(n, kind, dtype=np.uint8),
        truth=np.full(n, _TRUTH[kind], dtype=np.uint8),
        sender=sender,
        sender_domain=domain,
        recipient=mailbox,
        recipient_domain=np.full(n, HERE, dtype=np.int64),
        mailbox=mailbox,
        size=size,
        flags=flags,
        unresolvable=np.zeros(n, dtype=np.bool_),
        dice=dice,
    )


def sizes(median: float, sigma: float, dice: Floats) -> Ints:
    """Lognormal sizes in bytes, from 200 bytes (headers alone) to 50 MB."""
    return np.clip(median * np.exp(sigma * ndtri(np.clip(dice, 1e-12, 1 - 1e-12))), 200, 5e7).astype(np.int64)
