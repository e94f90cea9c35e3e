"""Spam campaigns: one sender of spam hits many mailboxes within minutes or hours.

Campaigns begin at random, at a rate that follows the hours of the week and the day. Each reaches a share of the mailboxes, as frequent as
1/share between its smallest and its largest (sizes Zipf-like), and mails each of them at most once, evenly over its length, which is
lognormal. A mailbox with less spam than the fullest is on fewer lists: it is reached in proportion. So a mailbox sees a Poisson process
within a day, as one was measured to do, while a server sees bursts, the larger the more mailboxes it has.

The beginnings are drawn for the whole server on a stream of their hour, the hits on a stream of (block, hour of the beginning).
`fano` is the closed form that the parameters were fitted with: variance by mean of the counts in windows of equal length.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from sim.realise.arrived import BLOCK, DICE, Coming, Hits
from sim.scenario import schema
from sim.streams import Draw, Generators
from sim.units import DAY, HOUR, Floats, Seconds

__all__ = ["Campaigns", "fano", "reach"]


class Campaigns:
    """Draws the campaigns of one hour after another, those that were under way at the start of the run first."""

    def __init__(self, table: schema.SpamCampaigns, rates: Floats, pace: Callable[[int], float], generators: Generators) -> None:
        """`rates`: spam per second of each mailbox, all kinds together. `pace(hour)`: the rate of an hour of the run against the mean."""
        self.table, self.pace, self.generators = table, pace, generators
        fullest = float(rates.max(initial=0.0))
        self.weights = rates / fullest if fullest > 0.0 else rates
        self.per_hour = table.share * fullest * HOUR / reach(table)[0]
        self.spills = math.ceil(table.longest / HOUR)  # hours
        self.next = -self.spills
        self.coming = Coming()

    def hits(self, end: int) -> Hits:
        """What arrives from the hour where the last call ended until that of `end`, in order of (beginning, block)."""
        begun = [part for hour in range(self.next, end) for part in self._begin(hour)]
        self.next = end
        hits = self.coming.until(end, begun)
        return hits.take(hits.at >= 0.0)

    def oldest(self, hour: int) -> int:
        """Campaigns with smaller numbers are over at the start of an hour."""
        return _number(hour - self.spills, 0)

    def _begin(self, hour: int) -> list[Hits]:
        table = self.table
        expected = self.per_hour * self.pace(hour)  # first, since it may draw the day
        rng = self.generators(Draw.CAMPAIGN, 0, hour)
        n = int(rng.poisson(expected))
        begin = (hour + np.sort(rng.random(n))) * HOUR
        length = np.minimum(table.length * np.exp(table.length_sigma * rng.standard_normal(n)), table.longest)
        reached = table.smallest * (table.largest / table.smallest) ** rng.random(n)
        found = []
        for block in range(0, len(self.weights), BLOCK) if n else ():
            weights = self.weights[block : block + BLOCK]
            rng = self.generators(Draw.CAMPAIGN_HITS, block // BLOCK, hour)
            for i in range(n):
                mailbox = block + np.flatnonzero(rng.random(len(weights)) < reached[i] * weights)
                at = begin[i] + length[i] * rng.random(len(mailbox))
                found.append(Hits.of(at, mailbox, rng.random((len(mailbox), DICE)), _number(hour, i)))
        return found


def _number(hour: int, n: int) -> int:
    """The number of the n-th campaign that begins in an hour; later hours have larger numbers, and none is negative."""
    return (hour + (1 << 20) << 20) + n


def reach(table: schema.SpamCampaigns) -> tuple[float, float]:
    """The mean share of the (fullest) mailboxes that a campaign reaches, and the mean of its square: density 1/share between two ends."""
    low, high = table.smallest, table.largest
    if high - low < 1e-9 * high:
        return high, high * high
    span = math.log(high / low)
    return (high - low) / span, (high * high - low * low) / (2.0 * span)


def fano(table: schema.SpamCampaigns, rates: Floats, window: Seconds) -> float:
    """Variance by mean of the spam in windows of a length, all mailboxes of `rates` (per second) together, where the week is flat.

    A Poisson cluster process: 1 + pairs * within, where `pairs` is the mean number of other messages of its campaign that a message finds
    (0 where it belongs to none), and `within` the chance that one of them falls into the same window. Then the days: lambda T c^2 up to a
    day. Exact for windows that divide a day and campaigns that do not cross midnight; the rest is below what can be measured."""
    weights = rates / rates.max()
    total = float(weights.sum())
    mean, square = reach(table)
    pairs = table.share * square / mean * (total - float((weights**2).sum()) / total)
    z, w = np.polynomial.hermite_e.hermegauss(80)
    length = np.minimum(table.length * np.exp(table.length_sigma * z), table.longest)
    short = window / length - window**2 / (3.0 * length**2)
    within = float(np.sum(w * np.where(window < length, short, 1.0 - length / (3.0 * window))) / np.sum(w))
    return 1.0 + pairs * within + float(rates.sum()) * min(window, DAY) * table.day_variation**2
