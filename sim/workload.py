"""What may arrive: columns of workload rows, one element per message, in order of time.

A row is what the outside or a user does; whether a policy lets anything follow from it is not said here. All numbers come from `realise`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.mail import Flags, Ints
from sim.units import Floats

__all__ = ["Gated", "Rows", "empty", "in_order", "join"]


@dataclass(slots=True)
class Rows:
    """Arrays of equal length n, sorted by (at, row)."""

    row: Ints  # number of the row, the same under every policy
    at: Floats  # seconds from the start
    kind: npt.NDArray[np.uint8]  # mail.Kind
    truth: npt.NDArray[np.uint8]  # mail.Truth of the other side
    sender: Ints  # address code; NULL_SENDER
    sender_domain: Ints
    recipient: Ints  # address code
    recipient_domain: Ints
    mailbox: Ints  # the local mailbox that receives (or, for OUTBOUND, writes) it; -1: no such mailbox here
    size: Ints  # bytes
    flags: Flags  # mail.Flag
    unresolvable: npt.NDArray[np.bool_]  # the sender's domain does not resolve
    dice: Floats  # in [0, 1), for the filter

    def __len__(self) -> int:
        return len(self.row)

    def take(self, which: npt.NDArray[np.generic] | slice) -> Rows:
        """Some of the rows."""
        return Rows(*(getattr(self, name)[which] for name in Rows.__slots__))


@dataclass(frozen=True, slots=True)
class Gated:
    """Rows that arrive only under some policies, and how many confirmations of its mailbox each needs: int64[n]."""

    rows: Rows
    needs: Ints


def empty() -> Rows:
    """No rows."""
    none = np.zeros(0, dtype=np.int64)
    return Rows(
        none,
        none.astype(float),
        none.astype(np.uint8),
        none.astype(np.uint8),
        none,
        none,
        none,
        none,
        none,
        none,
        none.astype(np.uint32),
        none.astype(bool),
        none.astype(float),
    )


def join(parts: list[Rows]) -> Rows:
    """Several pieces as one, in the order given."""
    if not parts:
        return empty()
    return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in Rows.__slots__))


def in_order(parts: list[Rows]) -> Rows:
    """Several pieces, each in order of (at, row), as one in that order."""
    found = [part for part in parts if len(part)]
    if len(found) < 2:
        return found[0] if found else empty()
    rows = join(found)
    return rows.take(np.lexsort((rows.row, rows.at)))
