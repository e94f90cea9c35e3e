"""Spam: when it comes, and to whom."""

from __future__ import annotations

import numpy as np

from sim.mail import NULL_SENDER, Flag, Kind, Place, address
from sim.realise.arrived import BLOCK, DICE, arrived, sizes
from sim.realise.senders import Senders
from sim.scenario import Scenario
from sim.streams import Draw, Generators
from sim.units import HOUR, grid
from sim.workload import Rows

__all__ = ["Spam"]


class Spam:
    """Draws spam hour after hour."""

    def __init__(self, scenario: Scenario, generators: Generators) -> None:
        self.scenario, self.generators = scenario, generators
        doc = scenario.document
        self.senders = Senders(doc.spam)
        self.rates = np.full(doc.office.mailboxes, doc.spam.rate)
        for who, rate in doc.spam.mailboxes.items():
            self.rates[scenario.mailbox(who)] = rate
        if scenario.replay is not None:
            self.rates[:] = 0.0

    def rows(self, hours: range) -> Rows:
        """Spam to mailboxes here, and to mailboxes that do not exist."""
        doc = self.scenario.document.spam
        times, boxes, dice = [np.zeros(0)], [np.zeros(0, dtype=np.int64)], [np.zeros((0, DICE))]
        rates = self.rates
        unknown = doc.unknown_recipients if self.scenario.replay is None else 0.0
        for block in range(0, len(rates), BLOCK):
            part = rates[block : block + BLOCK]
            total = float(part.sum())
            if total > 0.0:
                cumulative = np.cumsum(part) / total
                for hour in hours:
                    rng = self.generators(Draw.SPAM, block // BLOCK, hour)
                    n = int(rng.poisson(total * HOUR))
                    if n:
                        times.append((hour + rng.random(n)) * HOUR)
                        boxes.append(block + np.searchsorted(cumulative, rng.random(n), side="right"))
                        dice.append(rng.random((n, DICE)))
        for hour in hours if unknown > 0.0 else ():
            rng = self.generators(Draw.UNKNOWN_RECIPIENT, 0, hour)
            n = int(rng.poisson(unknown * HOUR))
            if n:
                times.append((hour + rng.random(n)) * HOUR)
                boxes.append(np.full(n, -1, dtype=np.int64))
                dice.append(rng.random((n, DICE)))
        at, mailbox, die = np.concatenate(times), np.concatenate(boxes), np.concatenate(dice)
        order = np.argsort(at, kind="stable")
        at, mailbox, die = grid(at[order]), mailbox[order], die[order]
        known = mailbox >= 0
        sender, domain = self.senders.of(die[known])
        domains, senders = np.zeros(len(at), dtype=np.int64), np.full(len(at), NULL_SENDER, dtype=np.int64)
        senders[known], domains[known] = sender, domain
        # who is behind spam to nobody does not matter: it is refused before DATA
        domains[~known] = address(Place.PROVIDER, 0)
        senders[~known] = address(Place.PROVIDER, 0)
        null = known & (die[:, 3] < doc.null_sender)
        senders[null] = NULL_SENDER
        flags = np.where(die[:, 4] < doc.flagged, Flag.PRECEDENCE, 0).astype(np.uint16)
        size = sizes(doc.median_size, doc.size_sigma, die[:, 5])
        return arrived(at, Kind.SPAM, senders, domains, mailbox, size, flags, die[:, 2])
