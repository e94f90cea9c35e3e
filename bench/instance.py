"""A synthetic instance of the retry queue: when messages come, how long their attempts take, which attempt is their last.

Every message goes to a next hop of its own. Three in ten fail for ever. The rules of the queue, the same in every program here:

* At its time a message asks for one of `connections` connections. Who cannot have one waits in one line, in order of (time, number).
* An attempt holds its connection for the message's own `seconds`. With attempt number `last` the message is over, delivered or bounced.
* After any other it waits 600, 600, 600, 900, 900, ... s and asks again; where that would be more than two days after it came, it has
  expired, when the attempt ends (`Expiry.WHEN_THE_NEXT_IS_LATE`).
* What is due at the horizon is not done.

All times are on the grid, so every sum is exact, and every attempt has a length of its own, so hardly ever are two due at one time.
The shares and lengths are like those of the story, but that three addresses of a silent host are tried; nothing is concluded from them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from sim.mail import Code
from sim.units import DAY, HOUR, Seconds, grid

__all__ = ["EXPIRY", "NEVER", "WAITS", "Instance"]

WAITS: Final = (600.0, 600.0, 600.0, 900.0)  # after the 1st, 2nd, ... failed attempt; the last one for ever
EXPIRY: Final = 2 * DAY
NEVER: Final = 2**30  # the last attempt of what fails for ever
# share, what the attempts before the last one meet, what the last one meets, length of an attempt in seconds
_CLASSES: Final[tuple[tuple[float, Code, Code, Seconds], ...]] = (
    (0.50, Code.NONE, Code.OK, 2.0),
    (0.08, Code.NONE, Code.NXDOMAIN, 0.2),
    (0.20, Code.TIMEOUT, Code.NONE, 63.2),
    (0.07, Code.BUSY, Code.OK, 1.0),
    (0.10, Code.REFUSED, Code.NONE, 0.2),
    (0.05, Code.NONE, Code.NO_MAILBOX, 2.0),
)


@dataclass(frozen=True)
class Instance:
    """Lists of equal length, one element per message, in order of arrival."""

    at: list[Seconds]
    seconds: list[Seconds]  # of every attempt
    last: list[int]  # number of the attempt with which it is over
    meets: list[Code]  # what the attempts before that one meet
    ends: list[Code]  # what that one meets
    until: Seconds

    @classmethod
    def mixed(cls, messages: int, days: float = 30.0) -> Instance:
        """Messages of all classes, for so many days."""
        rng = np.random.default_rng(1)
        kind = rng.choice(len(_CLASSES), messages, p=[share for share, *_ in _CLASSES])
        late, dead = rng.integers(2, 6, messages), [c[2] is Code.NONE for c in _CLASSES]
        last = [NEVER if dead[k] else int(n) if _CLASSES[k][1] is Code.BUSY else 1 for k, n in zip(kind, late, strict=True)]
        return cls._of(rng, kind.tolist(), last, days * DAY, days * DAY)

    @classmethod
    def stuck(cls, messages: int) -> Instance:
        """Messages to silent hosts, all within an hour, looked at when each has failed and waits."""
        return cls._of(np.random.default_rng(1), [2] * messages, [NEVER] * messages, HOUR, 2 * HOUR)

    @classmethod
    def _of(cls, rng: np.random.Generator, kind: list[int], last: list[int], arriving: Seconds, until: Seconds) -> Instance:
        length = np.array([_CLASSES[k][3] for k in kind])
        return cls(
            at=np.sort(grid(rng.random(len(kind)) * arriving)).tolist(),
            seconds=grid(length * (0.8 + 0.4 * rng.random(len(kind)))).tolist(),
            last=last,
            meets=[_CLASSES[k][1] for k in kind],
            ends=[_CLASSES[k][2] for k in kind],
            until=until,
        )

    def write(self, path: Path, connections: int) -> None:
        """For a program in another language: int64 messages, connections, waits; float64 until, expiry, waits[], at[], seconds[];
        int32 last[]; all in the byte order of this machine."""
        with path.open("wb") as file:
            file.write(struct.pack("=3q2d", len(self.at), connections, len(WAITS), self.until, EXPIRY))
            for values in (WAITS, self.at, self.seconds):
                file.write(np.array(values, dtype=np.float64).tobytes())
            file.write(np.array(self.last, dtype=np.int32).tobytes())
