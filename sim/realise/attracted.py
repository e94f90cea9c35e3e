"""Spam that a confirmed address attracts: rows behind gates.

They are drawn always, at the highest rate, so that all policies share them: for each mailbox that is away and each number of confirmations
that earns spam. A row arrives only where so many of the mailbox's replies had reached spammers before; see `sim.server.gates`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.mail import ATTRACTED, HERE, Kind, Place, address
from sim.realise.arrived import DICE, sizes
from sim.scenario import Scenario
from sim.streams import Draw, Generators
from sim.units import HOUR, grid
from sim.workload import Gated, Rows, empty
from sim.world import World

__all__ = ["attracted"]

_NUMBER: Final = 1 << 35  # numbers of its senders and their domains begin here
_PROVIDERS: Final = 5


def attracted(scenario: Scenario, seed: int, replication: int, outside: World) -> Gated:
    """All rows that may come, with the confirmations that each needs; in order of time. None where the scenario asks for none."""
    table, spam = scenario.document.confirmed, scenario.document.spam
    boxes = np.array(sorted({absence.mailbox for absence in scenario.absences}), dtype=np.int64)
    none = np.zeros(0, dtype=np.int64)
    if table is None or not len(boxes):
        return Gated(empty(), none)
    generators = Generators(seed, replication)
    times, dice = [np.zeros(0)], [np.zeros((0, DICE + 1))]
    for hour in range(round(scenario.horizon / HOUR)):
        rng = generators(Draw.ATTRACTED, 0, hour)
        n = int(rng.poisson(table.rate * HOUR * table.most * len(boxes)))
        times.append((hour + np.sort(rng.random(n))) * HOUR)
        dice.append(rng.random((n, DICE + 1)))
    at, die = grid(np.concatenate(times)), np.concatenate(dice)
    n = len(at)
    number = _NUMBER + np.arange(n, dtype=np.int64)
    large = die[:, 0] < spam.providers
    provider = (die[:, 1] * _PROVIDERS).astype(np.int64)
    sender = np.where(large, address(Place.PROVIDER, 0), address(Place.STRANGE, 0)) + number
    domain = np.where(large, address(Place.PROVIDER, 0) + provider, address(Place.STRANGE, 0) + number)
    mailbox = boxes[(die[:, 3] * len(boxes)).astype(np.int64)]
    rows = Rows(
        row=ATTRACTED + np.arange(n, dtype=np.int64),
        at=at,
        kind=np.full(n, Kind.SPAM, dtype=np.uint8),
        truth=outside.senders(sender, domain),
        sender=sender,
        sender_domain=domain,
        recipient=mailbox,
        recipient_domain=np.full(n, HERE, dtype=np.int64),
        mailbox=mailbox,
        size=sizes(spam.median_size, spam.size_sigma, die[:, 5]),
        flags=np.zeros(n, dtype=empty().flags.dtype),
        unresolvable=outside.unresolvable(domain),
        dice=die[:, 2],
    )
    return Gated(rows, 1 + (die[:, DICE] * table.most).astype(np.int64))
