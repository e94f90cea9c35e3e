"""An outside in which a next hop counts: its first connections meet one thing, all later ones another, and attempts are equally long.

So the same mail can be played to transports of every kind, by hand where need be, and nothing in it depends on when a connection is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sim.destinations import Codes, Destinations, Manner
from sim.mail import CONNECTION_FAILURES, NO_HOST, Code, Ints
from sim.units import Floats, Seconds

__all__ = ["Counted"]


@dataclass(slots=True)
class Counted:
    """Next hop n, from 0, is the n-th element of each list."""

    last: Sequence[int]  # number of the first connection that meets `ends`, from 1
    meets: Sequence[Code]  # what those before it meet
    ends: Sequence[Code]
    lengths: Sequence[Seconds]  # of every attempt
    made: list[int] = field(init=False)
    columns: tuple[Ints, Codes, Codes, Floats] = field(init=False, repr=False, compare=False)  # the same

    def __post_init__(self) -> None:
        self.made = [0] * len(self.last)
        meets, ends = (np.array(codes, dtype=np.uint8) for codes in (self.meets, self.ends))
        self.columns = np.array(self.last, dtype=np.int64), meets, ends, np.array(self.lengths, dtype=np.float64)

    def connects(self, hop: int, now: Seconds) -> Code:
        """What this connection meets."""
        self.made[hop] += 1
        if self.made[hop] < self.last[hop]:
            return self.meets[hop]
        return self.ends[hop] if self.ends[hop] in CONNECTION_FAILURES | NO_HOST else Code.OK

    def accepts(self, hop: int, recipient: int, met: Seconds, now: Seconds) -> Code:
        """What every recipient says."""
        return self.ends[hop]

    def seconds(self, hop: int, code: Code, message: int, attempt: int, opens: bool, size: int) -> Seconds:
        """As long as every attempt."""
        return self.lengths[hop]

    def manner(self) -> Manner:
        """Nothing in common."""
        return Manner(0, 0.0, 1.0, 0.0, tuple(0.0 for _ in Code))

    def destinations(self, hops: Ints) -> Destinations:
        """As columns."""
        count = len(hops)
        codes, numbers = np.zeros(count, dtype=np.uint8), np.zeros(count, dtype=np.int64)
        last, meets, ends, lengths = self.columns
        return Destinations(
            code=codes,
            bad=codes,
            first=np.zeros(count + 1, dtype=np.int64),
            edges=np.zeros(0),
            times=numbers,
            detour=np.zeros(count),
            greylists=codes.astype(np.bool_),
            lists=numbers,
            last=last[hops],
            meets=meets[hops],
            ends=ends[hops],
            seconds=lengths[hops],
        )

    def mailboxes(self, recipients: Ints) -> Codes:
        """Next hops say it all."""
        return np.full(len(recipients), int(Code.OK), dtype=np.uint8)  # numpy looks long at an enumeration

    def listed(self) -> list[tuple[int, Seconds, Seconds]]:
        """Never."""
        return []
