"""Who has written to whom before: the correspondents that a policy may answer although they are nobody's contacts.

A mailbox knows a sender once a message of his has reached it, or once its owner has written to him. What was before the run is not known,
and a spammer who writes twice is known the second time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sim.mail import NULL_SENDER, Ints

__all__ = ["Acquaintance"]

_ADDRESS = 43  # bits of an address code; a mailbox has 20 at most


@dataclass(slots=True)
class Acquaintance:
    """The pairs (mailbox, address) that have met: a value for the caller to hold."""

    pairs: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def meet(self, mailbox: Ints, address: Ints, met: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Did the mailbox know the address before each row? Rows in order of time; those with `met` make them acquainted, but never with
        the null sender. All have n elements."""
        met = met & (address != NULL_SENDER) & (mailbox >= 0)
        pair = np.maximum(mailbox, 0) << _ADDRESS | np.maximum(address, 0)
        unique, where = np.unique(pair, return_inverse=True)
        number = np.arange(len(pair))
        first = np.full(len(unique), len(pair))
        np.minimum.at(first, where[met], number[met])
        known = (number > first[where]) | np.isin(pair, self.pairs)
        self.pairs = np.union1d(self.pairs, pair[met])
        found: npt.NDArray[np.bool_] = known & (address != NULL_SENDER) & (mailbox >= 0)
        return found
