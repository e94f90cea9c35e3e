"""Scenario and replication number to workload and world: all dice are thrown here.

The workload comes in hours of rows. Generators are keyed (seed, replication, purpose, block of 1,024 mailboxes, hour) and identities of
spam senders count spam only, so a result depends neither on workers nor on chunks, and a change to one kind of mail leaves the dice of
the others alone.

How senders of spam repeat (FACTS 9): the n-th message names a new domain with the probability by which `c n**g` grows at n, a large
provider with a fixed share, and else the domain of an earlier message, chosen evenly, mostly with the same address. Popular domains so
become more popular, and about three quarters of all domains are seen once, as measured.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sim.corpus import LARGE_PROVIDERS, Corpus
from sim.mail import HERE, NULL_SENDER, Code, Flag, Ints, Kind, Place, Truth, address
from sim.scenario import Scenario
from sim.streams import Draw, Generators
from sim.units import HOUR, Floats, Seconds, grid
from sim.workload import Rows, join
from sim.world import TYPO, Fates, World

__all__ = ["hours", "world"]

_BLOCK = 1024
_DICE = 6  # numbers drawn for a row beside its time and mailbox
_PROVIDERS = 5  # large providers a spammer names; FACTS 9: hotmail, yahoo, aol, msn and the rest
_LISTS = 10
_NEWCOMER = 1 << 36  # numbers of people who write once begin here


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
    )
    return World.of(seed, replication, scenario.horizon, fates)


def hours(scenario: Scenario, seed: int, replication: int, outside: World, chunk: int = 1) -> Iterator[tuple[Seconds, Rows]]:
    """The workload: (end of the chunk, rows that arrive before it), `chunk` hours at a time, in order of time.

    Rows are numbered in order of (hour, time, kind)."""
    draw = _Draw(scenario, seed, replication, outside)
    count = round(scenario.horizon / HOUR)
    for first in range(0, count, chunk):
        last = min(first + chunk, count)
        yield last * HOUR, draw.hours(first, last)


@dataclass(slots=True)
class _Senders:
    """Senders of spam so far: the domain and address numbers of the messages that named no large provider."""

    count: int = 0
    domains: list[int] = field(default_factory=list)
    addresses: list[int] = field(default_factory=list)


class _Draw:
    """Draws hour after hour."""

    def __init__(self, scenario: Scenario, seed: int, replication: int, outside: World) -> None:
        self.scenario, self.outside = scenario, outside
        self.generators = Generators(seed, replication)
        self.rows = 0
        self.senders = _Senders()
        self.replayed = _replayed(scenario)
        self.absences = scenario.absences
        doc = scenario.document
        boxes = doc.office.mailboxes
        rates = np.full(boxes, doc.spam.rate)
        for who, rate in doc.spam.mailboxes.items():
            rates[scenario.mailbox(who)] = rate
        if scenario.replay is not None:
            rates[:] = 0.0
        wanted_in = 0.0 if scenario.replay_wanted is not None else doc.wanted.into
        self.rates = {Kind.SPAM: rates}
        for kind, rate in (
            (Kind.WANTED, wanted_in),
            (Kind.OUTBOUND, doc.wanted.out),
            (Kind.LIST, doc.wanted.lists),
            (Kind.INTERNAL, doc.wanted.internal if boxes > 1 else 0.0),
        ):
            self.rates[kind] = np.full(boxes, rate)
        self.weights = _week(doc.office.opens, doc.office.closes, doc.office.outside_hours)
        self.first = doc.start.weekday() * 24
        regular = 1.0 / np.arange(1, doc.wanted.correspondents + 1)  # a few write often: Zipf
        self.regular = np.cumsum(regular / regular.sum())
        self.partner_people = round(doc.wanted.partner_share * doc.wanted.correspondents) if doc.wanted.partners else 0

    def hours(self, first: int, last: int) -> Rows:
        """The rows of hours [first, last), numbered. Dice are thrown hour by hour, what they mean is worked out for all at once."""
        span = range(first, last)
        parts = [self.spam(span)] + [self.written(kind, *self.people(kind, draw, span)) for kind, draw in _PEOPLE]
        for real in self.replayed:
            parts.append(real.take(slice(*np.searchsorted(real.at, (first * HOUR, last * HOUR)))))
        rows = join([part for part in parts if len(part)])
        rows = rows.take(np.argsort(rows.at, kind="stable"))
        rows = rows.take(~self.away(rows))
        rows.row = np.arange(self.rows, self.rows + len(rows), dtype=np.int64)
        self.rows += len(rows)
        spam = np.flatnonzero(rows.kind == Kind.SPAM)
        rows.truth[spam] = self.outside.senders(rows.sender[spam], rows.sender_domain[spam])
        rows.truth[spam[rows.sender[spam] == NULL_SENDER]] = Truth.UNKNOWN
        rows.unresolvable[spam] = np.isin(self.outside.domains(rows.sender_domain[spam]), _UNRESOLVABLE)
        return rows

    def away(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Rows that nobody writes, since the writer is absent."""
        gone = np.zeros(len(rows), dtype=np.bool_)
        writer = np.where(rows.kind == Kind.OUTBOUND, rows.mailbox, np.where(rows.kind == Kind.INTERNAL, rows.sender, -1))
        for absence in self.absences:
            gone |= (writer == absence.mailbox) & (rows.at >= absence.since) & (rows.at < absence.until)
        return gone

    def spam(self, hours: range) -> Rows:
        """Spam to mailboxes here, and to mailboxes that do not exist."""
        doc = self.scenario.document.spam
        times, boxes, dice = [np.zeros(0)], [np.zeros(0, dtype=np.int64)], [np.zeros((0, _DICE))]
        rates = self.rates[Kind.SPAM]
        unknown = doc.unknown_recipients if self.scenario.replay is None else 0.0
        for block in range(0, len(rates), _BLOCK):
            part = rates[block : block + _BLOCK]
            total = float(part.sum())
            if total > 0.0:
                cumulative = np.cumsum(part) / total
                for hour in hours:
                    rng = self.generators(Draw.SPAM, block // _BLOCK, hour)
                    n = int(rng.poisson(total * HOUR))
                    if n:
                        times.append((hour + rng.random(n)) * HOUR)
                        boxes.append(block + np.searchsorted(cumulative, rng.random(n), side="right"))
                        dice.append(rng.random((n, _DICE)))
        for hour in hours if unknown > 0.0 else ():
            rng = self.generators(Draw.UNKNOWN_RECIPIENT, 0, hour)
            n = int(rng.poisson(unknown * HOUR))
            if n:
                times.append((hour + rng.random(n)) * HOUR)
                boxes.append(np.full(n, -1, dtype=np.int64))
                dice.append(rng.random((n, _DICE)))
        at, mailbox, die = np.concatenate(times), np.concatenate(boxes), np.concatenate(dice)
        order = np.argsort(at, kind="stable")
        at, mailbox, die = grid(at[order]), mailbox[order], die[order]
        known = mailbox >= 0
        sender, domain = self.spam_senders(die[known])
        domains, senders = np.zeros(len(at), dtype=np.int64), np.full(len(at), NULL_SENDER, dtype=np.int64)
        senders[known], domains[known] = sender, domain
        # who is behind spam to nobody does not matter: it is refused before DATA
        domains[~known] = address(Place.PROVIDER, 0)
        senders[~known] = address(Place.PROVIDER, 0)
        null = known & (die[:, 3] < doc.null_sender)
        senders[null] = NULL_SENDER
        flags = np.where(die[:, 4] < doc.flagged, Flag.PRECEDENCE, 0).astype(np.uint16)
        size = _sizes(doc.median_size, doc.size_sigma, die[:, 5])
        return _arrived(at, Kind.SPAM, senders, domains, mailbox, size, flags, die[:, 2])

    def spam_senders(self, die: Floats) -> tuple[Ints, Ints]:
        """Addresses and domains of the next spam messages. float64[n, _DICE] to two int64[n]."""
        doc, seen = self.scenario.document.spam, self.senders
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

    def people(self, kind: Kind, draw: Draw, hours: range) -> tuple[Floats, Ints, Ints, Floats]:
        """When people write, which mailbox it concerns, a number of its own in the run, dice. Rates follow the hours of the week."""
        found = [(np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros((0, _DICE)))]
        rates = self.rates[kind]
        for block in range(0, len(rates), _BLOCK):
            part = rates[block : block + _BLOCK]
            total = float(part.sum())
            for hour in hours if total > 0.0 else ():
                rng = self.generators(draw, block // _BLOCK, hour)
                n = int(rng.poisson(total * HOUR * self.weights[(self.first + hour) % 168]))
                if n:
                    at = (hour + np.sort(rng.random(n))) * HOUR
                    mailbox = block + (rng.random(n) * len(part)).astype(np.int64)
                    number = (hour << 20) + (block // _BLOCK << 12) + np.arange(n, dtype=np.int64)
                    found.append((at, mailbox, number, rng.random((n, _DICE))))
        at, mailbox, number, dice = (np.concatenate(column) for column in zip(*found, strict=True))
        return grid(at), mailbox, number, dice

    def written(self, kind: Kind, at: Floats, mailbox: Ints, own: Ints, die: Floats) -> Rows:
        """Rows of one kind of wanted mail."""
        doc = self.scenario.document.wanted
        size = _sizes(doc.median_size, doc.size_sigma, die[:, 5])
        flags = np.zeros(len(at), dtype=np.uint16)
        if kind is Kind.INTERNAL:
            boxes = self.scenario.document.office.mailboxes
            sender = (mailbox + 1 + (die[:, 0] * (boxes - 1)).astype(np.int64)) % boxes
            return _arrived(at, kind, sender, np.full(len(at), HERE), mailbox, size, flags, die[:, 2])
        if kind is Kind.LIST:
            which = address(Place.LIST, 0) + (die[:, 0] * _LISTS).astype(np.int64)
            flags |= np.where(die[:, 1] < doc.flagged, Flag.PRECEDENCE, 0).astype(np.uint16)
            flags |= np.where(die[:, 1] < doc.list_headers, Flag.LIST_HEADER, 0).astype(np.uint16)
            return _arrived(at, kind, which, which, mailbox, size, flags, die[:, 2])
        regular = die[:, 0] >= doc.newcomers
        person = np.searchsorted(self.regular, die[:, 1], side="right")
        partner = regular & (person < self.partner_people)
        number = mailbox * doc.correspondents + person
        once = _NEWCOMER + own * 2 + (kind is Kind.OUTBOUND)
        who = np.where(partner, address(Place.PARTNER, 0) + number, address(Place.OTHER, 0) + np.where(regular, number, once))
        where = np.where(partner, address(Place.PARTNER, 0) + number % max(1, doc.partners), who)
        flags |= np.where(regular, Flag.CONTACT, 0).astype(np.uint16)
        if kind is Kind.WANTED:
            return _arrived(at, kind, who, where, mailbox, size, flags, die[:, 2])
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


def _arrived(
    at: Floats, kind: Kind, sender: Ints, domain: Ints, mailbox: Ints, size: Ints, flags: npt.NDArray[np.uint16], dice: Floats
) -> Rows:
    """Rows that come to a mailbox here. What the senders of spam are is filled in later, for many rows at once."""
    n = len(at)
    return Rows(
        row=np.zeros(n, dtype=np.int64),
        at=at,
        kind=np.full(n, kind, dtype=np.uint8),
        truth=np.full(n, _TRUTH[kind], dtype=np.uint8),
        sender=sender,
        sender_domain=domain,
        recipient=mailbox,
        recipient_domain=np.full(n, HERE, dtype=np.int64),
        mailbox=mailbox,
        size=size,
        flags=flags,
        unresolvable=np.zeros(n, dtype=np.bool_),
        dice=dice,
    )


def _replayed(scenario: Scenario) -> list[Rows]:
    """Real messages as rows: to the mailbox that is away for longest. Those after the end of the run are left out."""
    found = []
    for corpus, kind in ((scenario.replay, Kind.SPAM), (scenario.replay_wanted, Kind.WANTED)):
        if corpus is not None:
            place = Place.STRANGE if kind is Kind.SPAM else Place.OTHER
            sender, domain = _codes(corpus, place, scenario.document.wanted.partners)
            mailbox = np.full(len(corpus), max(0, scenario.main_absentee), dtype=np.int64)
            dice = Generators(0, 0)(Draw.FILTER, 0, int(kind)).random(len(corpus))
            found.append(_arrived(corpus.at, kind, sender, domain, mailbox, corpus.size, corpus.flags, dice))
    return found


def _codes(corpus: Corpus, where: Place, partners: int) -> tuple[Ints, Ints]:
    """Address and domain codes of a corpus' senders. Large providers are known by name among the senders of spam; among wanted senders the
    domains that write most are the partners."""
    n = len(corpus.domains)
    domains = address(where, _REPLAYED) + np.arange(n, dtype=np.int64)
    if where is Place.STRANGE:
        large = np.array([name in LARGE_PROVIDERS for name in corpus.domains], dtype=np.bool_)
        domains[large] += address(Place.PROVIDER, 0) - address(where, 0)
    else:
        writes = np.bincount(corpus.domain[corpus.domain >= 0], minlength=n)
        most = np.argsort(-writes, kind="stable")[:partners]
        domains[most] = address(Place.PARTNER, 0) + np.arange(len(most))
    known = corpus.sender >= 0
    domain = np.where(known, domains[np.maximum(corpus.domain, 0)], address(Place.PROVIDER, 0))
    sender = np.where(known, (domain >> 40 << 40) + _REPLAYED + corpus.sender, NULL_SENDER)
    return sender, domain


_UNRESOLVABLE = (Code.NXDOMAIN, Code.DNS_TIMEOUT)
_REPLAYED = 1 << 30  # numbers of replayed addresses and domains begin here
_PEOPLE = ((Kind.WANTED, Draw.WANTED), (Kind.OUTBOUND, Draw.OUTBOUND), (Kind.INTERNAL, Draw.INTERNAL), (Kind.LIST, Draw.LIST))
_TRUTH = {Kind.SPAM: Truth.UNKNOWN, Kind.WANTED: Truth.WANTED, Kind.INTERNAL: Truth.INTERNAL, Kind.LIST: Truth.LIST}


def _sizes(median: float, sigma: float, dice: Floats) -> Ints:
    """Lognormal sizes in bytes, from 200 bytes (headers alone) to 50 MB."""
    from scipy.special import ndtri

    return np.clip(median * np.exp(sigma * ndtri(np.clip(dice, 1e-12, 1 - 1e-12))), 200, 5e7).astype(np.int64)


def _week(opens: str, closes: str, outside: float) -> Floats:
    """Weight of each hour of the week, from Monday 00:00; the mean is 1."""

    def hour(text: str) -> float:
        time = dt.datetime.strptime(text.replace("24:00", "23:59"), "%H:%M")
        return time.hour + time.minute / 60.0

    start, end = hour(opens), hour(closes)
    open_part = np.clip(np.minimum(np.arange(24) + 1, end) - np.maximum(np.arange(24), start), 0.0, 1.0)
    inside = np.concatenate([np.tile(open_part, 5), np.zeros(48)])
    weights = (1.0 - outside) * inside / inside.sum() + outside * (1.0 - inside) / (1.0 - inside).sum()
    result: Floats = weights * 168.0
    return result
