"""Directory harvests: somebody tries guessed names to learn which mailboxes exist.

Each is a burst of messages to mailboxes that do not exist here; the server refuses every one at RCPT. Nobody is told and no queue grows:
they are load, to be seen in what was refused, hour by hour.
"""

from __future__ import annotations

import math

import numpy as np

from sim.realise.arrived import DICE, Coming, Hits
from sim.scenario import schema
from sim.streams import Draw, Generators
from sim.units import HOUR

__all__ = ["Harvests"]


class Harvests:
    """Draws the harvests of one hour after another, those that were under way at the start of the run first."""

    def __init__(self, spam: schema.Spam, generators: Generators) -> None:
        self.spam, self.generators = spam, generators
        self.next = -math.ceil(spam.harvest_length / HOUR)
        self.coming = Coming()

    def hits(self, end: int) -> Hits:
        """What arrives from the hour where the last call ended until that of `end`."""
        begun = [self._begin(hour) for hour in range(self.next, end)]
        self.next = end
        hits = self.coming.until(end, begun)
        return hits.take(hits.at >= 0.0)

    def _begin(self, hour: int) -> Hits:
        spam = self.spam
        rng = self.generators(Draw.HARVEST, 0, hour)
        begin = np.repeat((hour + np.sort(rng.random(int(rng.poisson(spam.harvests * HOUR))))) * HOUR, spam.harvest_size)
        return Hits.of(begin + spam.harvest_length * rng.random(len(begin)), -1, rng.random((len(begin), DICE)))
