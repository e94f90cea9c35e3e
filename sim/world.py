"""How the outside behaves: what an attempt to a next hop meets, at any time, for any message.

What DNS and connections to a *domain* do is keyed by the domain, what a *mailbox* is by the address; large providers always answer. A
domain's state is fixed, or a table of time intervals. All of it is decided by hash dice of (seed, replication), so two policies that write
to the same address at the same time meet the same answer. The world keeps no memory of what was tried.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from sim.mail import NO_HOST, Code, Ints, Place, Truth, among, are, place
from sim.streams import Draw, dice, key, series, u, us
from sim.units import Floats, Seconds, grid

__all__ = ["BANDWIDTH", "FULL", "GONE", "TYPO", "Fates", "Spell", "World"]

TYPO = 1 << 39  # added to the number of an address that was mistyped: nobody has it
GONE = 1 << 38  # added to the number of a domain of Place.TARGET that is no more
FULL = 1 << 37  # added to the number of an address of Place.TARGET whose mailbox is full
_DNS = NO_HOST | {Code.DNS_TIMEOUT, Code.SERVFAIL}  # no address is known
_NEVER = (Code.NXDOMAIN, Code.NULL_MX, Code.DNS_TIMEOUT, Code.TIMEOUT, Code.REFUSED)  # nobody there can be reached
_LOOKUP: Seconds = grid(0.2)  # a DNS answer or a connection refused, there and back; assumed to change nothing
_BANNER: Seconds = grid(1.0)  # connecting and being told 421
_OF_A_DOMAIN = (Draw.DOMAIN_ANSWERS, Draw.DOMAIN_GREYLISTS, Draw.DOMAIN_RESOLVES, Draw.DOMAIN_FAILS_AT_ONCE)
_MAY_GREYLIST = (Place.STRANGE, Place.OTHER, Place.LIST, Place.TARGET)  # large providers and partners left out (world.greylisting)
BANDWIDTH = 50_000.0  # bytes a second of an office line; assumed to change nothing


@dataclass(frozen=True, slots=True)
class Fates:
    """Shares that decide what a sender of spam is; see the scenario's `[spam]` and `[world]`. Times in seconds."""

    unresolvable: float
    nxdomain: float
    silent: float
    refusing: float
    busy: float
    mailboxes: tuple[float, float, float, float]  # upper ends of nobody, full, stranger, spammer; then traps
    greylisting: float
    greylist_delay: Seconds
    outages: float  # per second and partner
    outage: Seconds
    busy_spell: Seconds
    session: Seconds
    connect_timeout: Seconds  # of each address
    dns_timeout: Seconds
    null_mx: float = 0.0
    several: float = 0.0
    addresses: int = 1  # of a next hop that has several
    first_dead: float = 0.0
    tried: int = 1  # addresses that one attempt tries at most
    for_good: float = 0.0  # of full mailboxes
    relay_outages: float = 0.0  # per second, of a smarthost
    relay_outage: Seconds = 0.0


@dataclass(frozen=True, slots=True)
class Spell:
    """From `since` until `until` connecting to a next hop (None: to any) meets `code`, whatever its fate."""

    hop: int | None
    since: Seconds
    until: Seconds
    code: Code


@dataclass(slots=True)
class World:
    """The outside of one replication."""

    key: int
    horizon: Seconds
    fates: Fates
    spells: tuple[Spell, ...]
    _lengths: dict[Code, Seconds] = field(repr=False)  # of attempts that fail before a recipient is named
    _fate: dict[int, Code] = field(default_factory=dict, repr=False)
    _steady: dict[int, Code] = field(default_factory=dict, repr=False)
    _spells: dict[int, tuple[Floats, Code]] = field(default_factory=dict, repr=False)
    _edges: dict[int, tuple[list[float], Code]] = field(default_factory=dict, repr=False)  # the same, for one who asks often
    _mailboxes: dict[int, Code] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, seed: int, replication: int, horizon: Seconds, fates: Fates, spells: tuple[Spell, ...] = ()) -> World:
        """The world of a replication."""
        return cls(key(seed, replication, 0), horizon, fates, spells, _lengths(fates))

    def as_met_by(self, connect_timeout: Seconds, dns_timeout: Seconds, tried: int) -> World:
        """The same outside as a server elsewhere meets it: with its own time-outs, and a resolver and a line of its own, so that spells in
        which nothing can be reached from here are none there."""
        fates = replace(self.fates, connect_timeout=connect_timeout, dns_timeout=dns_timeout, tried=tried)
        return World(self.key, self.horizon, fates, tuple(spell for spell in self.spells if spell.hop is not None), _lengths(fates))

    # A domain: OK answers, NXDOMAIN, NULL_MX, DNS_TIMEOUT, TIMEOUT (silent) and REFUSED for ever, BUSY now and then, GREYLISTED late.

    def domains(self, domains: Ints) -> npt.NDArray[np.uint8]:
        """The fate of each domain, a Code. int64[n] to uint8[n]."""
        f = self.fates
        answers, greylists, resolves, at_once = dice(self.key, domains, _OF_A_DOMAIN)
        fate = np.full(domains.shape, int(Code.OK), dtype=np.uint8)
        where = domains >> 40
        fate[(greylists < f.greylisting) & among(where, _MAY_GREYLIST)] = Code.GREYLISTED
        strange = are(where, Place.STRANGE)
        fate[strange & (answers < f.silent + f.refusing + f.busy)] = Code.BUSY
        fate[strange & (answers < f.silent + f.refusing)] = Code.REFUSED
        fate[strange & (answers < f.silent)] = Code.TIMEOUT
        if f.null_mx > 0.0:
            fate[strange & (us(self.key, domains, Draw.DOMAIN_NULL_MX) < f.null_mx)] = Code.NULL_MX
        lost = strange & (resolves < f.unresolvable)
        fate[lost] = np.where(at_once[lost] < f.nxdomain, Code.NXDOMAIN, Code.DNS_TIMEOUT)
        gone = are(where, Place.TARGET) & ((domains & GONE) != 0)
        if gone.any():
            fate[gone] = self._gone(domains[gone])
        return fate

    def _gone(self, domains: Ints) -> npt.NDArray[np.uint8]:
        """How domains that are no more fail: in the proportions of the sender domains of spam that never answer."""
        f = self.fates
        codes = np.array([Code.NXDOMAIN, Code.TIMEOUT, Code.REFUSED, Code.DNS_TIMEOUT], dtype=np.uint8)
        resolves = 1.0 - f.unresolvable
        weights = np.array([f.unresolvable * f.nxdomain, resolves * f.silent, resolves * f.refusing, f.unresolvable * (1.0 - f.nxdomain)])
        edges = np.cumsum(weights) / weights.sum() if weights.sum() > 0 else np.array([0.0, 0.0, 0.0, 1.0])
        return codes[np.minimum(np.searchsorted(edges, us(self.key, domains, Draw.DOMAIN_GONE), side="right"), 3)]

    def domain(self, domain: int) -> Code:
        """The fate of one domain."""
        known = self._fate.get(domain)
        if known is None:
            known = self._fate[domain] = self._one(domain)
        return known

    def _one(self, domain: int) -> Code:
        """As `domains`, for one: arrays of length one would cost ten times as much."""
        f, where = self.fates, domain >> 40
        if where == Place.TARGET and domain & GONE:
            return Code(int(self._gone(np.array([domain]))[0]))
        if where == Place.STRANGE:
            if u(self.key, domain, Draw.DOMAIN_RESOLVES) < f.unresolvable:
                return Code.NXDOMAIN if u(self.key, domain, Draw.DOMAIN_FAILS_AT_ONCE) < f.nxdomain else Code.DNS_TIMEOUT
            if f.null_mx > 0.0 and u(self.key, domain, Draw.DOMAIN_NULL_MX) < f.null_mx:
                return Code.NULL_MX
            answers = u(self.key, domain, Draw.DOMAIN_ANSWERS)
            if answers < f.silent:
                return Code.TIMEOUT
            if answers < f.silent + f.refusing:
                return Code.REFUSED
            if answers < f.silent + f.refusing + f.busy:
                return Code.BUSY
        if where in _MAY_GREYLIST and u(self.key, domain, Draw.DOMAIN_GREYLISTS) < f.greylisting:
            return Code.GREYLISTED
        return Code.OK

    def unresolvable(self, domains: Ints) -> npt.NDArray[np.bool_]:
        """Would a server that asks DNS about a sender refuse these? So does Postfix's reject_unknown_sender_domain, null MX included.
        int64[n] to bool[n]."""
        found: npt.NDArray[np.bool_] = among(self.domains(domains), (Code.NXDOMAIN, Code.DNS_TIMEOUT, Code.NULL_MX))
        return found

    def addresses(self, hop: int) -> int:
        """How many addresses a next hop has."""
        f = self.fates
        return f.addresses if f.several > 0.0 and u(self.key, hop, Draw.DOMAIN_SEVERAL) < f.several else 1

    def dead_addresses(self, hop: int) -> int:
        """How many dead addresses of a host that answers are tried before the one that does: 0 or 1."""
        f = self.fates
        if f.first_dead == 0.0 or hop >> 40 in (Place.PROVIDER, Place.SMARTHOST) or self.addresses(hop) == 1:
            return 0
        return int(u(self.key, hop, Draw.DOMAIN_FIRST_DEAD) < f.first_dead)

    def senders(self, addresses: Ints, domains: Ints) -> npt.NDArray[np.uint8]:
        """What the senders of spam really are: a Truth each."""
        nobody, _, stranger, spammer = self.fates.mailboxes
        die = us(self.key, addresses, Draw.MAILBOX)
        truth = np.full(addresses.shape, Truth.TRAP, dtype=np.uint8)
        truth[die < spammer] = Truth.SPAMMER
        truth[die < stranger] = Truth.FORGED_REAL  # the owners of full mailboxes among them
        truth[die < nobody] = Truth.FORGED_DEAD
        truth[among(self.domains(domains), _NEVER)] = Truth.FORGED_DEAD
        return truth

    def mailbox(self, address: int) -> Code:
        """What a recipient outside answers where its domain does: OK, NO_MAILBOX, FULL or OVER_QUOTA."""
        known = self._mailboxes.get(address)
        if known is None:
            where = place(address)
            known = Code.OK
            if address & TYPO:
                known = Code.NO_MAILBOX
            elif where is Place.TARGET:
                known = Code.FULL if address & FULL else Code.OK
            elif where in (Place.STRANGE, Place.PROVIDER):
                nobody, full, _, _ = self.fates.mailboxes
                die = u(self.key, address, Draw.MAILBOX)
                known = Code.NO_MAILBOX if die < nobody else Code.FULL if die < full else Code.OK
                if known is Code.FULL and u(self.key, address, Draw.QUOTA) < self.fates.for_good:
                    known = Code.OVER_QUOTA
            self._mailboxes[address] = known
        return known

    # An attempt.

    def connects(self, hop: int, now: Seconds) -> Code:
        """What opening a connection to a next hop meets at a time: OK, one of NO_HOST, or one of CONNECTION_FAILURES."""
        for spell in self.spells:
            if spell.since <= now < spell.until and (spell.hop is None or spell.hop == hop):
                return spell.code
        steady = self._steady.get(hop)
        if steady is not None:
            return steady
        fate = self.domain(hop)
        if fate in (Code.OK, Code.GREYLISTED, Code.BUSY) and self.dead_addresses(hop) >= self.fates.tried:
            self._steady[hop] = Code.TIMEOUT  # it answers those who try further
            return Code.TIMEOUT
        if fate is Code.BUSY or hop >> 40 in (Place.PARTNER, Place.SMARTHOST):
            edges, bad = self.alternates(hop)
            return bad if bisect_right(edges, now) % 2 else Code.OK
        self._steady[hop] = Code.OK if fate is Code.GREYLISTED else fate
        return self._steady[hop]

    def accepts(self, hop: int, recipient: int, met: Seconds, now: Seconds) -> Code:
        """What a host that answers says to a recipient; `met` is when it first saw this sender and recipient."""
        if self.domain(hop) is Code.GREYLISTED and now < met + self.fates.greylist_delay:
            return Code.GREYLISTED
        return self.mailbox(recipient)

    def seconds(self, hop: int, code: Code, message: int, attempt: int, opens: bool, size: int) -> Seconds:
        """How long an attempt at a next hop holds its connection; at least 1 ms. A host that does not answer, or refuses, costs that time
        for each address that the server tries."""
        if code in _DNS:
            return self._lengths[code]
        if code is Code.TIMEOUT or code is Code.REFUSED:
            return self._lengths[code] * min(self.addresses(hop), self.fates.tried)
        detour = self.dead_addresses(hop) * self.fates.connect_timeout if opens else 0.0
        if code is Code.BUSY:
            return self._lengths[code] + detour
        spread = 0.5 + u(self.key, message, attempt, Draw.SESSION)
        return max(0.001, grid(self.fates.session * spread * (1.0 if opens else 0.5) + size / BANDWIDTH)) + detour

    def length(self, code: Code) -> Seconds:
        """Of an attempt that meets this before a recipient is named, at one address; 0 where a recipient is named."""
        return self._lengths.get(code, 0.0)

    def alternates(self, hop: int) -> tuple[list[float], Code]:
        """Edges of a hop's bad spells, and what it is then: bad in [edge 0, edge 1), and so on. A busy host is busy three quarters of the
        time, and begins with the last part of a busy spell; a partner fails now and then, and so does a smarthost."""
        known = self._edges.get(hop)
        if known is None:
            edges, bad = self.alternate(np.array([hop]))[0]
            known = self._edges[hop] = edges.tolist(), bad
        return known

    def alternate(self, hops: Ints) -> list[tuple[Floats, Code]]:
        """The same of many."""
        where = hops >> 40
        for there in np.unique(where).tolist():
            those = hops[where == there]
            self._draw_spells(there, [hop for hop in those.tolist() if hop not in self._spells])
        return [self._spells[hop] for hop in hops.tolist()]

    def _draw_spells(self, where: int, hops: list[int]) -> None:
        """Find the spells of some hops of one place."""
        f = self.fates
        if where in (Place.PARTNER, Place.SMARTHOST):
            often, bad = (f.outages, f.outage) if where == Place.PARTNER else (f.relay_outages, f.relay_outage)
            good, code, draw, busy = (1.0 / often if often > 0 else math.inf), Code.TIMEOUT, Draw.OUTAGE, False
        else:
            good, bad, code, draw, busy = f.busy_spell / 3.0, f.busy_spell, Code.BUSY, Draw.DOMAIN_BUSY, True
        if math.isinf(good):
            self._spells.update((hop, (np.zeros(0), code)) for hop in hops)
            return
        left, count = np.array(hops, dtype=np.int64), max(4, math.ceil(2.4 * self.horizon / (good + bad)))  # as many as most need
        means = np.array((bad, good) if busy else (good, bad))
        while len(left):
            ends = np.zeros((len(left), count + 1))  # the first begins at 0
            np.cumsum(self._spans(left, draw, means[np.arange(count) % 2]), axis=1, out=ends[:, 1:])
            enough = ends[:, -1] >= self.horizon
            found = ends[enough]
            for hop, row, n in zip(left[enough].tolist(), found, np.sum(found < self.horizon, axis=1).tolist(), strict=True):
                self._spells[hop] = row[0 if busy else 1 : n + 1], code
            left, count = left[~enough], 2 * count

    def _spans(self, hops: Ints, draw: Draw, means: Floats) -> Floats:
        """How long spells of these mean lengths take, one after the other. Shapes: int64[n] and float64[k] to float64[n, k]."""
        thrown = series(self.key, hops, draw, count=len(means))
        # math.log1p and numpy's may differ in the last bit, and numpy's from machine to machine
        spread = np.fromiter(map(math.log1p, (-thrown).ravel().tolist()), np.float64, thrown.size)
        return grid(np.maximum(1.0, spread.reshape(thrown.shape) * -means))


def _lengths(fates: Fates) -> dict[Code, Seconds]:
    """Of attempts that fail before a recipient is named, at one address."""
    return {
        Code.DNS_TIMEOUT: fates.dns_timeout,
        Code.SERVFAIL: _LOOKUP,
        Code.TIMEOUT: fates.connect_timeout,
        Code.REFUSED: _LOOKUP,
        Code.NXDOMAIN: _LOOKUP,
        Code.NULL_MX: _LOOKUP,
        Code.BUSY: _BANNER,
    }
