"""Spam: when it comes, and to whom."""

from __future__ import annotations

import math

import numpy as np

from sim.mail import NULL_SENDER, Flag, Kind, Place, address
from sim.realise.arrived import BLOCK, DICE, Hits, arrived, sizes
from sim.realise.campaigns import Campaigns
from sim.realise.harvest import Harvests
from sim.realise.people import week
from sim.realise.senders import Senders
from sim.scenario import Scenario
from sim.streams import Draw, Generators
from sim.units import HOUR, Floats, grid
from sim.workload import Rows

__all__ = ["Spam"]


class Spam:
    """Draws spam hour after hour."""

    def __init__(self, scenario: Scenario, generators: Generators) -> None:
        self.scenario, self.generators = scenario, generators
        doc = scenario.document
        self.rates = np.full(doc.office.mailboxes, doc.spam.rate)
        for who, rate in doc.spam.mailboxes.items():
            self.rates[scenario.mailbox(who)] = rate
        if scenario.replay is not None:
            self.rates[:] = 0.0
        self.weights, self.first = week(doc.spam.profile, doc.office), doc.start.weekday() * 24
        self.senders = Senders(doc.spam)
        self.campaigns = Campaigns(doc.spam.campaigns, self.rates, self.pace, generators) if doc.spam.arrivals == "campaigns" else None
        self.harvests = Harvests(doc.spam, generators) if doc.spam.harvests > 0.0 and scenario.replay is None else None
        self.days: dict[int, float] = {}

    def pace(self, hour: int) -> float:
        """The rate of an hour of the run against the mean: the hour of the week and, where spam comes in campaigns, the day."""
        weight = float(self.weights[(self.first + hour) % 168])
        return weight if self.campaigns is None else weight * self.day(hour // 24)

    def paces(self, hours: range) -> Floats:
        """`pace` of each hour."""
        return np.array([self.pace(hour) for hour in hours])

    def day(self, day: int) -> float:
        """The spam of a day against that of a mean day: lognormal, mean 1."""
        if day not in self.days:
            sigma = math.sqrt(math.log1p(self.scenario.document.spam.campaigns.day_variation**2))
            z = float(self.generators(Draw.SPAM_DAY, 0, day).standard_normal())
            self.days[day] = math.exp(sigma * z - sigma * sigma / 2.0)
        return self.days[day]

    def rows(self, hours: range) -> Rows:
        """Spam to mailboxes here, and to mailboxes that do not exist. Hours in order: what a campaign has begun comes in later ones."""
        doc = self.scenario.document.spam
        parts = [self.singly(hours), self.to_nobody(hours)]
        parts += [burst.hits(hours.stop) for burst in (self.campaigns, self.harvests) if burst is not None]
        hits = Hits.joined(parts)
        hits = hits.take(np.argsort(hits.at, kind="stable"))
        at, mailbox, die = grid(hits.at), hits.mailbox, hits.dice
        known = mailbox >= 0
        if self.campaigns is not None:
            self.senders.forget(self.campaigns.oldest(hours.start))
        sender, domain = self.senders.of(die[known], hits.campaign[known])
        domains, senders = np.zeros(len(at), dtype=np.int64), np.full(len(at), NULL_SENDER, dtype=np.int64)
        senders[known], domains[known] = sender, domain
        # who is behind spam to nobody does not matter: it is refused before DATA
        domains[~known] = address(Place.PROVIDER, 0)
        senders[~known] = address(Place.PROVIDER, 0)
        null = known & (die[:, 3] < doc.null_sender)
        senders[null] = NULL_SENDER
        flags = np.where(die[:, 4] < doc.flagged, Flag.PRECEDENCE, 0).astype(np.uint32)
        size = sizes(doc.median_size, doc.size_sigma, die[:, 5])
        return arrived(at, Kind.SPAM, senders, domains, mailbox, size, flags, die[:, 2])

    def singly(self, hours: range) -> Hits:
        """Spam that belongs to no campaign."""
        share = 1.0 if self.campaigns is None else 1.0 - self.scenario.document.spam.campaigns.share
        parts = [self.rates[first : first + BLOCK] for first in range(0, len(self.rates), BLOCK)]
        totals = np.array([share * part.sum() for part in parts])
        drawn = self.generators.hourly(Draw.SPAM, hours, np.multiply.outer(totals * HOUR, self.paces(hours)), 2, DICE)
        within, whom = drawn.columns
        mailbox = drawn.block() * BLOCK
        for part, piece in zip(parts, drawn.blocks(), strict=True):
            if piece.stop > piece.start:
                mailbox[piece] += np.searchsorted(np.cumsum(part) / float(part.sum()), whom[piece], side="right")
        return Hits.of((drawn.hour() + within) * HOUR, mailbox, drawn.dice)

    def to_nobody(self, hours: range) -> Hits:
        """Spam to single mailboxes that do not exist here."""
        rate = self.scenario.document.spam.unknown_recipients if self.scenario.replay is None else 0.0
        drawn = self.generators.hourly(Draw.UNKNOWN_RECIPIENT, hours, rate * HOUR * self.paces(hours)[np.newaxis], 1, DICE)
        return Hits.of((drawn.hour() + drawn.columns[0]) * HOUR, -1, drawn.dice)
