"""What was cut out of a replay so that it takes less time."""

from __future__ import annotations

from dataclasses import dataclass

from sim.units import Seconds, words

__all__ = ["Compressed"]


@dataclass(frozen=True, slots=True)
class Compressed:
    """What was cut out of a replay: gaps longer than `longest` were cut down to it. Times in seconds."""

    longest: Seconds
    gaps: int
    removed: Seconds
    span: Seconds  # of the replay before

    def words(self, lifetime: Seconds) -> str:
        """It in words; `lifetime`: how long a message may stay queued."""
        said = f"Gaps of the replay longer than {words(self.longest)} were cut down to it: "
        if not self.gaps:
            return said + "there is none."
        said += f"{self.gaps:,} gap{'s' * (self.gaps != 1)}, {words(self.removed)} of {words(self.span)} left out."
        if self.longest < lifetime:
            said += f" A message stays queued for up to {words(lifetime)}, so queues are fuller than they were in real time."
        return said
