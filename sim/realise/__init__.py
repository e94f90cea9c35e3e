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
from sim.realise.causes import Causes, spells, unknown_senders
from sim.realise.rows import drawn
from sim.scenario import Scenario
from sim.streams import Generators
from sim.tally import Tally
from sim.units import HOUR, Seconds
from sim.workload import Rows, in_order
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


def hours(
    scenario: Scenario, seed: int, replication: int, outside: World, chunk: int = 1, tally: Tally | None = None
) -> Iterator[tuple[Seconds, Rows]]:
    """The workload: (end of the chunk, rows that arrive before it), `chunk` hours at a time, in order of time.

    Rows are numbered in order of (hour, time, kind); those of rival causes have numbers of their own. tally: counts what people write to
    people who are there, which is then left out."""
    generators = Generators(seed, replication)
    causes = Causes(scenario, generators, outside)
    for first, last, before in drawn(scenario, seed, replication, chunk, tally):
        rows = before.take(slice(None))
        rows.truth = rows.truth.copy()
        rows.unresolvable = rows.unresolvable.copy()
        if not scenario.document.filter.recipients:
            rows.sender, rows.sender_domain = rows.sender.copy(), rows.sender_domain.copy()
            unknown_senders(rows, scenario.document.spam.providers, outside.key)
        spam = np.flatnonzero(rows.kind == Kind.SPAM)
        rows.truth[spam] = outside.senders(rows.sender[spam], rows.sender_domain[spam])
        rows.truth[spam[rows.sender[spam] == NULL_SENDER]] = Truth.UNKNOWN
        rows.unresolvable[spam] = outside.unresolvable(rows.sender_domain[spam])
        yield last * HOUR, in_order([rows, causes.rows(range(first, last))])
        del rows, before  # of a large office they need not be there beside the next ones
