"""What became of the messages of an instance, and what it cost: what all engines must agree on, and what they are compared by."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.instance import EXPIRY, WAITS, Instance
from sim.mail import Code
from sim.units import Floats, Seconds

__all__ = ["Outcome", "Played", "cpu"]

Counts = npt.NDArray[np.int32]


def cpu(who: int = resource.RUSAGE_SELF) -> float:
    """User CPU seconds so far."""
    return resource.getrusage(who).ru_utime


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts, and a digest of the number of attempts and the time of leaving of every message."""

    attempts: int
    delivered: int
    bounced: int
    expired: int
    remaining: int
    sha256: str = ""  # "" where an engine does not say it of each message

    @classmethod
    def of(cls, instance: Instance, attempts: Counts, left: Floats) -> Outcome:
        """From the attempts and the time of leaving of each message; the horizon for what has not left. int32[n], float64[n]."""
        gone = left < instance.until
        over = gone & (attempts == np.array(instance.last))
        arrived = over & (np.array(instance.ends) == Code.OK)
        digest = hashlib.sha256(attempts.astype(np.int32).tobytes() + left.astype(np.float64).tobytes()).hexdigest()
        return cls(
            int(attempts.sum()), int(arrived.sum()), int(over.sum() - arrived.sum()), int((gone & ~over).sum()), int((~gone).sum()), digest
        )

    @classmethod
    def told(cls, instance: Instance, made: Sequence[tuple[int, Seconds]]) -> Outcome:
        """From a list of all attempts, in order of time: message, at."""
        message, at = np.array([m for m, _ in made], dtype=np.int64), np.array([t for _, t in made])
        attempts = np.bincount(message, minlength=len(instance.at))
        ends = np.full(len(instance.at), np.inf)
        ends[message] = at + np.array(instance.seconds)[message]  # that of the last one stays
        waits = np.array(WAITS)[np.clip(attempts, 1, len(WAITS)) - 1]
        leaves = (attempts == np.array(instance.last)) | (ends + waits > np.array(instance.at) + EXPIRY)
        left = np.where(leaves & (ends < instance.until), ends, instance.until)
        return cls.of(instance, attempts.astype(np.int32), left)


@dataclass(frozen=True, slots=True)
class Played:
    """One play of an instance."""

    seconds: float  # user CPU
    outcome: Outcome
