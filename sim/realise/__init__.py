"""Scenario and replication number to workload and world: all dice are thrown here.

The workload comes in hours of rows. Generators are keyed (seed, replication, purpose, block of 1,024 mailboxes, hour) and identities of
spam senders count spam only, so a result depends neither on workers nor on chunks, and a change to one kind of mail leaves the dice of
the others alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sim.mail import NULL_SENDER, Kind, Truth
from sim.realise.attracted import attracted
from sim.realise.away import Away
from sim.realise.causes import Causes, spells, unknown_senders
from sim.realise.people import People
from sim.realise.replayed import replayed
from sim.realise.spam import Spam
from sim.scenario import Scenario
from sim.streams import Generators
from sim.units import HOUR, Seconds
from sim.workload import Rows, in_order, join
from sim.world import Fates, World

__all__ = ["attracted", "hours", "world"]


def world(scenario: Scenario, seed: int, replication: int) -> World:
    """The outside of one replication."""
    doc = scenario.document
    spam, outside = doc.spam, doc.world
    number = scenario.number
    fates = Fates(
        unresolvable=spam.unresolvable,
        nxdomain=spam.nxdomain,
        silent=spam.silent,
        refusing=spam.refusing,
        busy=spam.busy,
        mailboxes=spam.addresses.cumulative(),
        greylisting=outside.greylisting,
        greylist_delay=outside.greylist_delay,
        outages=outside.outages,
        outage=outside.outage,
        busy_spell=outside.busy_spell,
        session=outside.session,
        connect_timeout=float(str(number("server.connect_timeout"))),
        dns_timeout=float(str(number("server.dns_timeout"))),
        null_mx=spam.null_mx,
        several=outside.several,
        addresses=outside.addresses,
        first_dead=outside.first_dead,
        tried=int(str(number("server.addresses_tried"))),
        for_good=outside.full_for_good,
        relay_outages=doc.route.outages,
        relay_outage=doc.route.outage,
    )
    return World.of(seed, replication, scenario.horizon, fates, spells(scenario))


def hours(scenario: Scenario, seed: int, replication: int, outside: World, chunk: int = 1) -> Iterator[tuple[Seconds, Rows]]:
    """The workload: (end of the chunk, rows that arrive before it), `chunk` hours at a time, in order of time.

    Rows are numbered in order of (hour, time, kind); those of rival causes have numbers of their own."""
    draw = _Draw(scenario, seed, replication, outside)
    count = round(scenario.horizon / HOUR)
    for first in range(0, count, chunk):
        last = min(first + chunk, count)
        yield last * HOUR, draw.hours(first, last)


class _Draw:
    """Puts the pieces of each hour together and numbers the rows."""

    def __init__(self, scenario: Scenario, seed: int, replication: int, outside: World) -> None:
        self.outside = outside
        generators = Generators(seed, replication)
        self.spam, self.people = Spam(scenario, generators), People(scenario, generators)
        self.replayed = replayed(scenario)
        self.causes = Causes(scenario, generators, outside)
        self.unknown_matter = not scenario.document.filter.recipients
        self.providers = scenario.document.spam.providers
        self.away = Away(scenario.absences)
        self.rows = 0

    def hours(self, first: int, last: int) -> Rows:
        """The rows of hours [first, last), numbered. Dice are thrown hour by hour, what they mean is worked out for all at once."""
        span = range(first, last)
        parts = [self.spam.rows(span), *self.people.rows(span)]
        for real in self.replayed:
            parts.append(real.take(slice(*np.searchsorted(real.at, (first * HOUR, last * HOUR)))))
        rows = join([part for part in parts if len(part)])
        rows = rows.take(np.argsort(rows.at, kind="stable"))
        writer = np.where(rows.kind == Kind.OUTBOUND, rows.mailbox, np.where(rows.kind == Kind.INTERNAL, rows.sender, -1))
        rows = rows.take(~self.away(writer, rows.at))
        rows.row = np.arange(self.rows, self.rows + len(rows), dtype=np.int64)
        self.rows += len(rows)
        if self.unknown_matter:
            unknown_senders(rows, self.providers, self.outside.key)
        spam = np.flatnonzero(rows.kind == Kind.SPAM)
        rows.truth[spam] = self.outside.senders(rows.sender[spam], rows.sender_domain[spam])
        rows.truth[spam[rows.sender[spam] == NULL_SENDER]] = Truth.UNKNOWN
        rows.unresolvable[spam] = self.outside.unresolvable(rows.sender_domain[spam])
        return in_order([rows, self.causes.rows(span)])
