"""Spam, and how its senders repeat (FACTS 9).

The n-th message names a new domain with the probability by which `c n**g` grows at n, a large provider with a fixed share, and else the
domain of an earlier message, chosen evenly, mostly with the same address. Popular domains so become more popular, and about three quarters
of all domains are seen once, as measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from sim.mail import NULL_SENDER, Flag, Ints, Kind, Place, address
from sim.realise.arrived import BLOCK, DICE, arrived, sizes
from sim.scenario import Scenario
from sim.streams import Draw, Generators
from sim.units import HOUR, Floats, grid
from sim.workload import Rows

__all__ = ["Spam"]

_PROVIDERS: Final = 5  # large providers a spammer names; FACTS 9: hotmail, yahoo, aol, msn and the rest


@dataclass(slots=True)
class _Seen:
    """Senders of spam so far: the domain and address numbers of the messages that named no large provider."""

    count: int = 0
    domains: list[int] = field(default_factory=list)
    addresses: list[int] = field(default_factory=list)


class Spam:
    """Draws spam hour after hour."""

    def __init__(self, scenario: Scenario, generators: Generators) -> None:
        self.scenario, self.generators = scenario, generators
        self.seen = _Seen()
        doc = scenario.document
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
        sender, domain = self.senders(die[known])
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

    def senders(self, die: Floats) -> tuple[Ints, Ints]:
        """Addresses and domains of the next spam messages. float64[n, DICE] to two int64[n]."""
        doc, seen = self.scenario.document.spam, self.seen
        n = len(die)
        before = seen.count + np.arange(n + 1)
        grown = doc.new_domains * 100.0 * (before / 100.0) ** doc.growth
        fresh = np.diff(grown)
        sender, domain = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
        for i, (new, which) in enumerate(zip(fresh.tolist(), die[:, :2].tolist(), strict=True)):
            choice, again = which
            number = seen.count + i
            if new <= choice < new + doc.providers:
                domain[i] = address(Place.PROVIDER, int(again * _PROVIDERS))
                sender[i] = address(Place.PROVIDER, _PROVIDERS + number)
                continue
            domain[i] = sender[i] = address(Place.STRANGE, number)
            if choice >= new and seen.domains:
                earlier = int(again * len(seen.domains))
                domain[i] = seen.domains[earlier]
                if (choice - new - doc.providers) / max(1e-9, 1.0 - new - doc.providers) >= doc.new_addresses:
                    sender[i] = seen.addresses[earlier]
            seen.domains.append(int(domain[i]))
            seen.addresses.append(int(sender[i]))
        seen.count += n
        return sender, domain
