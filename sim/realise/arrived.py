"""Rows that come to a mailbox here, and what all kinds of rows have in common."""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.mail import HERE, Flags, Ints, Kind, Truth
from sim.units import Floats
from sim.workload import Rows

__all__ = ["BLOCK", "DICE", "arrived", "sizes"]

BLOCK: Final = 1024  # mailboxes that share a generator
DICE: Final = 6  # numbers drawn for a row beside its time and mailbox
_TRUTH: Final = {Kind.SPAM: Truth.UNKNOWN, Kind.WANTED: Truth.WANTED, Kind.INTERNAL: Truth.INTERNAL, Kind.LIST: Truth.LIST}


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
    from scipy.special import ndtri

    return np.clip(median * np.exp(sigma * ndtri(np.clip(dice, 1e-12, 1 - 1e-12))), 200, 5e7).astype(np.int64)
