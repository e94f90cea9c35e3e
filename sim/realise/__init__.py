"""Scenario and replication number to workload and world: all dice are thrown here.

The workload comes in hours of rows. Generators are keyed (seed, replication, purpose, block of 1,024 mailboxes, hour) and identities of
spam senders count spam only, so a result depends neither on workers nor on chunks, and a change to one kind of mail leaves the dice of
the others alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from sim.mail import NULL_SENDER, Ints, Kind, Truth
from sim.realise.attracted import attracted
from sim.realise.causes import Causes, spells, unknown_senders
from sim.realise.people import People
from sim.realise.replayed import replayed
from sim.realise.spam import Spam
from sim.scenario import Scenario
from sim.streams import Generators
from sim.tally import Tally
from sim.units import HOUR, Floats, Seconds
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


def hours(
    scenario: Scenario, seed: int, replication: int, outside: World, chunk: int = 1, tally: Tally | None = None
) -> Iterator[tuple[Seconds, Rows]]:
    """The workload: (end of the chunk, rows that arrive before it), `chunk` hours at a time, in order of time.

    Rows are numbered in order of (hour, time, kind); those of rival causes have numbers of their own. tally: counts what people write to
    people who are there, which is then left out."""
    generators = Generators(seed, replication)
    causes = Causes(scenario, generators, outside)
    for first, last, drawn in _drawn(scenario, seed, replication, chunk, tally):
        rows = drawn.take(slice(None))
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
        del rows, drawn  # of a large office they need not be there beside the next ones


def _drawn(scenario: Scenario, seed: int, replication: int, chunk: int, tally: Tally | None) -> Iterator[tuple[int, int, Rows]]:
    """What was drawn, before it is known what the outside makes of it: (first hour, last, rows). Scenarios that differ in the outside, the
    server or the replies draw the same, so what is small is kept for the next one."""
    key = (scenario.drawn_sha256, seed, replication, chunk)
    kept = _kept.get(key)
    if kept is not None and tally is None:
        yield from kept
        return
    draw, found, rows = _Draw(scenario, seed, replication, tally), [], 0
    count = round(scenario.horizon / HOUR)
    for first in range(0, count, chunk):
        last = min(first + chunk, count)
        found.append((first, last, draw.hours(first, last)))
        rows += len(found[-1][2])
        yield found[-1]
        if rows > _KEPT_ROWS:
            found.clear()
    if rows <= _KEPT_ROWS and tally is None:
        while len(_kept) >= _KEPT:
            del _kept[next(iter(_kept))]
        _kept[key] = found


_KEPT: Final = 64  # replications
_KEPT_ROWS: Final = 20_000  # of each, 100 bytes a row
_kept: dict[tuple[str, int, int, int], list[tuple[int, int, Rows]]] = {}


class _Draw:
    """Puts the pieces of each hour together and numbers the rows."""

    def __init__(self, scenario: Scenario, seed: int, replication: int, tally: Tally | None) -> None:
        generators = Generators(seed, replication)
        self.spam, self.people = Spam(scenario, generators), People(scenario, generators)
        self.replayed = replayed(scenario)
        self.away, self.tally = scenario.who_is_away, tally
        self.rows = 0

    def hours(self, first: int, last: int) -> Rows:
        """The rows of hours [first, last), numbered. Dice are thrown hour by hour, what they mean is worked out for all at once."""
        span = range(first, last)
        spam = self.spam.rows(span)
        parts = [(spam.at, np.arange(len(spam)), spam), *self.people.rows(span, self.away, self.tally)]
        for real in self.replayed:
            rows = real.take(slice(*np.searchsorted(real.at, (first * HOUR, last * HOUR))))
            parts.append((rows.at, np.arange(len(rows)), rows))
        return self._numbered(parts)

    def _numbered(self, parts: list[tuple[Floats, Ints, Rows]]) -> Rows:
        """One piece, in order of time. A part is the times of all its messages, which ones of them have rows, and these."""
        order = np.argsort(np.concatenate([at for at, _, _ in parts]), kind="stable")
        number = np.empty(len(order), dtype=np.int64)
        number[order] = np.arange(self.rows, self.rows + len(order))
        first = 0
        for at, which, rows in parts:
            rows.row = number[first + which]
            first += len(at)
        self.rows += len(order)
        rows = join([rows for _, _, rows in parts if len(rows)])
        parts.clear()  # of a large office the pieces need not be there beside the whole
        return rows.take(np.argsort(rows.row))
