"""Rows of the rival causes, and the spells of the world that are causes themselves.

Every cause has a generator and a range of row numbers of its own, so the rows of the story, their dice and their ids are the same with
and without it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from sim.mail import HERE, Code, Ints, Kind, Place, Truth, address
from sim.realise.arrived import DICE, sizes
from sim.scenario import Scenario
from sim.scenario.causes import Newsletter, Targets
from sim.streams import Draw, Generators, us
from sim.units import HOUR, Floats, Seconds, grid
from sim.workload import Rows, empty, in_order
from sim.world import GONE, TYPO, Spell, World

__all__ = ["Causes", "spells", "unknown_senders"]

_ROWS: Final = 1 << 40  # row numbers of causes begin here; each cause has 2**34 of them
_FORGED: Final = 1 << 34  # numbers of addresses and domains that a relayed spam forges begin here
_UNKNOWN: Final = 1 << 33  # those that spam to unknown recipients forges
_RUN: Final = 20  # messages of one spam run, which share a forged sender; assumed
_PROVIDERS: Final = 5  # large providers, as in `spam`
_SENDING: Final = {
    "reverse_ndr": (Draw.REVERSE_NDR, Kind.SPAM),
    "infected_pc": (Draw.INFECTED_PC, Kind.RELAY),
    "stolen_account": (Draw.STOLEN_ACCOUNT, Kind.RELAY),
    "open_relay": (Draw.OPEN_RELAY, Kind.RELAY),
}


def spells(scenario: Scenario) -> tuple[Spell, ...]:
    """The outages of a partner and of the office's own DNS that a scenario switches on."""
    found = []
    causes = scenario.document.cause
    for cause in scenario.causes:
        if cause.name == "partner_outage" and causes.partner_outage is not None:
            code = {"silent": Code.TIMEOUT, "refused": Code.REFUSED, "dns": Code.DNS_TIMEOUT}[causes.partner_outage.how]
            found.append(Spell(address(Place.PARTNER, causes.partner_outage.partner - 1), cause.since, cause.until, code))
        if cause.name == "dns_outage" and causes.dns_outage is not None:
            code = {"timeout": Code.DNS_TIMEOUT, "servfail": Code.SERVFAIL}[causes.dns_outage.how]
            found.append(Spell(None, cause.since, cause.until, code))
    return tuple(found)


def unknown_senders(rows: Rows, providers: float, key: int) -> None:
    """Give spam to unknown recipients a sender, in place: it matters where such mail is taken. Each names a domain of its own, or a large
    provider."""
    which = np.flatnonzero((rows.kind == Kind.SPAM) & (rows.mailbox < 0) & (rows.row < _ROWS))
    number = _UNKNOWN + rows.row[which]
    die = us(key, rows.row[which], Draw.UNKNOWN_SENDER)
    large = die < providers
    provider = (die / max(providers, 1e-9) * _PROVIDERS).astype(np.int64)
    rows.sender_domain[which] = np.where(large, address(Place.PROVIDER, 0) + provider, address(Place.STRANGE, 0) + number)
    rows.sender[which] = np.where(large, address(Place.PROVIDER, 0), address(Place.STRANGE, 0)) + number


class Causes:
    """Draws the rows of the causes that are switched on, hour after hour."""

    def __init__(self, scenario: Scenario, generators: Generators, outside: World) -> None:
        self.scenario, self.generators, self.outside = scenario, generators, outside
        self.count = dict.fromkeys(_SENDING, 0)
        self.letter = self._newsletter()

    def rows(self, hours: range) -> Rows:
        """The rows of some hours, numbered, sorted by (at, row)."""
        parts = [self._sent(cause.name, cause.since, cause.until, hours) for cause in self.scenario.causes if cause.name in _SENDING]
        parts.append(self.letter.take(slice(*np.searchsorted(self.letter.at, (hours.start * HOUR, hours.stop * HOUR)))))
        return in_order(parts)

    def _sent(self, name: str, since: Seconds, until: Seconds, hours: range) -> Rows:
        """Spam of one cause."""
        draw, kind = _SENDING[name]
        document = self.scenario.document
        table, aim = getattr(document.cause, name), document.cause.targets
        times, dice = [np.zeros(0)], [np.zeros((0, DICE))]
        for hour in hours:
            begin, end = max(since, hour * HOUR), min(until, (hour + 1) * HOUR)
            if begin < end:
                rng = self.generators(draw, 0, hour)
                n = int(rng.poisson(table.rate * (end - begin)))
                times.append(begin + np.sort(rng.random(n)) * (end - begin))
                dice.append(rng.random((n, DICE)))
        at, die = grid(np.concatenate(times)), np.concatenate(dice)
        row = _first(draw) + self.count[name] + np.arange(len(at), dtype=np.int64)
        self.count[name] += len(at)
        who, where, fate = self._aimed(aim, die)
        size = sizes(document.spam.median_size, document.spam.size_sigma, die[:, 5])
        if kind is Kind.SPAM:  # the victim stands in the sender field; here, nobody of that name
            truth = np.select([fate == Truth.NOBODY, fate == Truth.TRAP], [Truth.FORGED_DEAD, Truth.TRAP], Truth.FORGED_REAL)
            lost = self.outside.unresolvable(where)
            none = np.full(len(at), -1, dtype=np.int64)
            return _rows(row, at, kind, truth, (who, where), (none, np.full(len(at), HERE)), none, size, lost)
        user = -1 if name == "open_relay" else self.scenario.mailbox(table.who)
        sender, domain = np.full(len(at), user, dtype=np.int64), np.full(len(at), HERE, dtype=np.int64)
        if name == "open_relay" or table.senders == "forged":
            number = _FORGED + (draw << 28) + (row - _first(draw)) // _RUN
            sender = domain = address(Place.STRANGE, 0) + number
        mailbox = np.full(len(at), user, dtype=np.int64)
        return _rows(row, at, kind, fate, (sender, domain), (who, where), mailbox, size, np.zeros(len(at), dtype=np.bool_))

    def _aimed(self, aim: Targets | Newsletter, die: Floats) -> tuple[Ints, Ints, npt.NDArray[np.int64]]:
        """Addresses, domains and Truth of whom a list names; the numbers of dice are those of a row."""
        pool = aim.domains if isinstance(aim, Targets) else 10 * len(die)
        large = die[:, 0] < aim.providers
        number = (die[:, 1] * np.where(large, _PROVIDERS, pool)).astype(np.int64)
        gone = ~large & (us(self.outside.key, number, Draw.TARGET_GONE) < aim.gone)
        nobody = gone | (die[:, 3] < aim.nobody)
        domain = np.where(large, address(Place.PROVIDER, 0) + number, address(Place.TARGET, 0) + number + np.where(gone, GONE, 0))
        person = (np.where(large, 0, number + 1) << 20) + (die[:, 2] * (1 << 20)).astype(np.int64)
        who = address(Place.TARGET, 0) + person + np.where(nobody, TYPO, 0)
        living = Truth.VICTIM if isinstance(aim, Targets) else Truth.READER
        fate = np.select([nobody, die[:, 4] < aim.trap], [Truth.NOBODY, Truth.TRAP], living)
        return who, domain, fate.astype(np.int64)

    def _newsletter(self) -> Rows:
        """The newsletter, evenly over its time."""
        table, document = self.scenario.document.cause.newsletter, self.scenario.document
        if table is None:
            return empty()
        n = table.recipients
        at = grid(table.since + (np.arange(n) + 0.5) / n * table.over)
        die = self.generators(Draw.NEWSLETTER, 0, 0).random((n, DICE))
        who, where, fate = self._aimed(table, die)
        user = np.full(n, self.scenario.mailbox(table.who), dtype=np.int64)
        size = sizes(document.wanted.median_size, document.wanted.size_sigma, np.full(n, die[0, 5]))  # one text
        row = _first(Draw.NEWSLETTER) + np.arange(n, dtype=np.int64)
        here = np.full(n, HERE, dtype=np.int64)
        return _rows(row, at, Kind.NEWSLETTER, fate, (user, here), (who, where), user, size, np.zeros(n, dtype=np.bool_))


def _first(draw: Draw) -> int:
    """The number of a cause's first row."""
    return _ROWS + ((draw - Draw.REVERSE_NDR) << 34)


def _rows(
    row: Ints,
    at: Floats,
    kind: Kind,
    truth: npt.NDArray[np.int64],
    sender: tuple[Ints, Ints],
    recipient: tuple[Ints, Ints],
    mailbox: Ints,
    size: Ints,
    unresolvable: npt.NDArray[np.bool_],
) -> Rows:
    """Rows of one kind; `sender` and `recipient` are (addresses, domains). No filter is asked about them."""
    n = len(row)
    return Rows(
        row=row,
        at=at,
        kind=np.full(n, kind, dtype=np.uint8),
        truth=truth.astype(np.uint8),
        sender=sender[0],
        sender_domain=sender[1],
        recipient=recipient[0],
        recipient_domain=recipient[1],
        mailbox=mailbox,
        size=size,
        flags=np.zeros(n, dtype=np.uint16),
        unresolvable=unresolvable,
        dice=np.ones(n),
    )
