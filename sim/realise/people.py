"""Mail that people write: wanted mail in and out, between colleagues, and lists."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

import numpy as np

from sim.mail import HERE, Answer, Flag, Ints, Kind, Outcome, Place, Truth, address
from sim.realise.arrived import BLOCK, DICE, arrived, sizes
from sim.scenario import Scenario, schema
from sim.scenario.away import Away
from sim.streams import Draw, Generators
from sim.tally import Tally
from sim.units import HOUR, Floats, grid
from sim.workload import Rows
from sim.world import TYPO

__all__ = ["People", "week"]

_LISTS: Final = 10
_NEWCOMER: Final = 1 << 36  # numbers of people who write once begin here
_KINDS: Final = ((Kind.WANTED, Draw.WANTED), (Kind.OUTBOUND, Draw.OUTBOUND), (Kind.INTERNAL, Draw.INTERNAL), (Kind.LIST, Draw.LIST))


class People:
    """Draws what people write, hour after hour. Rates follow the hours of the week."""

    def __init__(self, scenario: Scenario, generators: Generators) -> None:
        self.scenario, self.generators = scenario, generators
        doc = scenario.document
        boxes = doc.office.mailboxes
        rates = {
            Kind.WANTED: 0.0 if scenario.replay_wanted is not None else doc.wanted.into,
            Kind.OUTBOUND: doc.wanted.out,
            Kind.LIST: doc.wanted.lists,
            Kind.INTERNAL: doc.wanted.internal if boxes > 1 else 0.0,
        }
        self.rates = {kind: np.full(boxes, rate) for kind, rate in rates.items()}
        self.weights = week(doc.wanted.profile, doc.office)
        self.first = doc.start.weekday() * 24
        regular = 1.0 / np.arange(1, doc.wanted.correspondents + 1)  # a few write often: Zipf
        self.regular = np.cumsum(regular / regular.sum())
        # what a filter may take for spam is counted where it is filtered
        self.counted = (Kind.INTERNAL, *((Kind.WANTED, Kind.LIST) if doc.filter.kind == "none" else ()))
        self.partner_people = round(doc.wanted.partner_share * doc.wanted.correspondents) if doc.wanted.partners else 0

    def rows(self, hours: range, away: Away, tally: Tally | None) -> Iterator[tuple[Floats, Ints, Rows]]:
        """For each kind the times of all messages, which of them have rows, and these. Who is away does not write. tally: counts what comes
        to people who are there, instead of giving it a row."""
        for kind, draw in _KINDS:
            at, mailbox, number, dice = self.times(kind, draw, hours)
            if kind in (Kind.OUTBOUND, Kind.INTERNAL):
                there = ~away(self._colleague(mailbox, dice) if kind is Kind.INTERNAL else mailbox, at)
                at, mailbox, number, dice = at[there], mailbox[there], number[there], dice[there]
            which = np.arange(len(at))
            if tally is not None and kind in self.counted:
                asked = away(mailbox, at)
                tally.add(at[~asked], kind, outcome=Outcome.MAILBOX, answer=Answer.NOT_ABSENT)
                which = np.flatnonzero(asked)
            yield at, which, self.written(kind, at[which], mailbox[which], number[which], dice[which])

    def _colleague(self, mailbox: Ints, dice: Floats) -> Ints:
        """Who wrote internal mail to each mailbox."""
        boxes = self.scenario.document.office.mailboxes
        found: Ints = (mailbox + 1 + (dice[:, 0] * (boxes - 1)).astype(np.int64)) % boxes
        return found

    def times(self, kind: Kind, draw: Draw, hours: range) -> tuple[Floats, Ints, Ints, Floats]:
        """When people write, which mailbox it concerns, a number of its own in the run, dice. Rates follow the hours of the week."""
        rates, weights = self.rates[kind], self.weights[(self.first + np.arange(hours.start, hours.stop)) % 168]
        parts = [rates[first : first + BLOCK] for first in range(0, len(rates), BLOCK)]
        totals = np.array([part.sum() for part in parts])
        drawn = self.generators.hourly(draw, hours, np.multiply.outer(totals * HOUR, weights), 2, DICE)
        hour, block, (within, whom) = drawn.hour(), drawn.block(), drawn.columns
        at = hour + within
        for piece in drawn.blocks():
            at[piece].sort()
        mailbox = block * BLOCK + (whom * np.array([len(part) for part in parts])[block]).astype(np.int64)
        return grid(at * HOUR), mailbox, (hour << 20) + (block << 12) + drawn.nth(), drawn.dice

    def written(self, kind: Kind, at: Floats, mailbox: Ints, own: Ints, die: Floats) -> Rows:
        """Rows of one kind of wanted mail."""
        doc = self.scenario.document.wanted
        size = sizes(doc.median_size, doc.size_sigma, die[:, 5])
        flags = np.zeros(len(at), dtype=np.uint32)
        if kind is Kind.INTERNAL:
            return arrived(at, kind, self._colleague(mailbox, die), np.full(len(at), HERE), mailbox, size, flags, die[:, 2])
        if kind is Kind.LIST:
            which = address(Place.LIST, 0) + (die[:, 0] * _LISTS).astype(np.int64)
            flags |= np.where(die[:, 1] < doc.flagged, Flag.PRECEDENCE, 0).astype(np.uint32)
            flags |= np.where(die[:, 1] < doc.list_headers, Flag.LIST_HEADER, 0).astype(np.uint32)
            return arrived(at, kind, which, which, mailbox, size, flags, die[:, 2])
        regular = die[:, 0] >= doc.newcomers
        person = np.searchsorted(self.regular, die[:, 1], side="right")
        partner = regular & (person < self.partner_people)
        number = mailbox * doc.correspondents + person
        once = _NEWCOMER + own * 2 + (kind is Kind.OUTBOUND)
        who = np.where(partner, address(Place.PARTNER, 0) + number, address(Place.OTHER, 0) + np.where(regular, number, once))
        where = np.where(partner, address(Place.PARTNER, 0) + number % max(1, doc.partners), who)
        flags |= np.where(regular, Flag.CONTACT, 0).astype(np.uint32)
        if kind is Kind.WANTED:
            return arrived(at, kind, who, where, mailbox, size, flags, die[:, 2])
        who = who + np.where(die[:, 4] < doc.typos, TYPO, 0)
        n = len(at)
        return Rows(
            np.zeros(n, dtype=np.int64),
            at,
            np.full(n, kind, dtype=np.uint8),
            np.full(n, Truth.WANTED, dtype=np.uint8),
            mailbox,
            np.full(n, HERE, dtype=np.int64),
            who,
            where,
            mailbox,
            size,
            flags,
            np.zeros(n, dtype=bool),
            die[:, 2],
        )


def week(profile: list[float], office: schema.Office) -> Floats:
    """Weight of each hour of the week, from Monday 00:00; the mean is 1. Without a profile the working hours decide."""
    if profile:
        return np.array(profile)

    def hour(text: str) -> float:
        time = dt.datetime.strptime(text.replace("24:00", "23:59"), "%H:%M")
        return time.hour + time.minute / 60.0

    start, end = hour(office.opens), hour(office.closes)
    open_part = np.clip(np.minimum(np.arange(24) + 1, end) - np.maximum(np.arange(24), start), 0.0, 1.0)
    inside = np.concatenate([np.tile(open_part, 5), np.zeros(48)])
    outside = office.outside_hours
    weights = (1.0 - outside) * inside / inside.sum() + outside * (1.0 - inside) / (1.0 - inside).sum()
    result: Floats = weights * 168.0
    return result
