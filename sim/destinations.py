"""The outside as columns: what next hops do and what their recipients answer, for a transport that asks about many at once.

The same answers as `World.connects`, `accepts` and `seconds` give one by one; a test holds one against the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from sim.mail import Code, Ints, Place, among, are
from sim.streams import Draw, dice, us
from sim.units import Floats, Seconds
from sim.world import BANDWIDTH, FULL, TYPO, Spell, World

__all__ = ["Destinations", "Manner", "destinations", "manner", "mailboxes"]

Codes = npt.NDArray[np.uint8]

_CODES: Final = tuple(Code)  # an enumeration takes long to walk through
_ALTERNATES: Final = (Place.PARTNER, Place.SMARTHOST)


@dataclass(slots=True)
class Destinations:
    """One element for each of n next hops. Times in seconds.

    Where `code` is NONE a next hop alternates: connecting meets `bad` in [edge 0, edge 1), [edge 2, edge 3) ..., else OK; its edges are
    `edges[first[i] : first[i + 1]]`. Where `last` is above 0 a next hop counts instead: its first `last - 1` connections meet `meets`, all
    later ones `ends`, and every attempt lasts `seconds`.
    """

    code: Codes  # uint8[n]
    bad: Codes  # uint8[n]
    first: Ints  # int64[n + 1]
    edges: Floats
    times: Ints  # int64[n]: how many addresses an attempt that fails goes through
    detour: Floats  # float64[n]: seconds spent on dead addresses before the one that answers
    greylists: npt.NDArray[np.bool_]  # bool[n]
    lists: Ints  # int64[n]: bit k is set where list k is asked
    last: Ints | None = None  # int64[n]
    meets: Codes | None = None
    ends: Codes | None = None
    seconds: Floats | None = None


@dataclass(frozen=True, slots=True)
class Manner:
    """What all next hops have in common. Times in seconds."""

    key: int  # of the hash dice
    session: Seconds  # mean length of an attempt that is answered
    bandwidth: float  # bytes a second
    greylist_delay: Seconds
    lengths: tuple[Seconds, ...]  # by Code: of attempts that fail before a recipient is named, at one address
    spells: tuple[Spell, ...] = field(default=())
    relayed: bool = False  # a smarthost takes any recipient, but refuses now and then, and takes only so many in an hour
    refuses: float = 0.0
    throttle: float = math.inf


def destinations(world: World, hops: Ints) -> Destinations:
    """What each next hop does. int64[n]."""
    fates, where = world.fates, hops >> 40
    fate = world.domains(hops)
    greylists, busy = are(fate, Code.GREYLISTED), are(fate, Code.BUSY)
    answers = are(fate, Code.OK) | greylists | busy
    code = fate.copy()
    code[greylists] = Code.OK
    code[busy | (answers & among(where, _ALTERNATES))] = Code.NONE
    times, detour = np.ones(len(hops), dtype=np.int64), np.zeros(len(hops))
    if fates.several > 0.0:
        several, first_dead = dice(world.key, hops, (Draw.DOMAIN_SEVERAL, Draw.DOMAIN_FIRST_DEAD))
        addresses = np.where(several < fates.several, fates.addresses, 1)
        dead = (addresses > 1) & (first_dead < fates.first_dead)
        dead &= ~among(where, (Place.PROVIDER, Place.SMARTHOST))
        code[answers & (dead.astype(np.int64) >= fates.tried)] = Code.TIMEOUT
        times, detour = np.minimum(addresses, fates.tried).astype(np.int64), np.where(dead, fates.connect_timeout, 0.0)
    bad, count, edges = np.zeros(len(hops), dtype=np.uint8), np.zeros(len(hops) + 1, dtype=np.int64), np.zeros(0)
    alternate = np.flatnonzero(are(code, Code.NONE))
    if len(alternate):
        spells = world.alternate(hops[alternate])
        bad[alternate] = [met for _, met in spells]
        count[1:][alternate] = [len(found) for found, _ in spells]
        edges = np.concatenate([found for found, _ in spells])
    return Destinations(
        code=code,
        bad=bad,
        first=np.cumsum(count),
        edges=edges,
        times=times,
        detour=detour,
        greylists=greylists,
        lists=np.zeros(len(hops), dtype=np.int64),
    )


def mailboxes(world: World, addresses: Ints) -> Codes:
    """What each recipient answers where its domain does, as `World.mailbox` says it. int64[n] to uint8[n]."""
    nobody, full, _, _ = world.fates.mailboxes
    where = addresses >> 40
    said = np.full(len(addresses), int(Code.OK), dtype=np.uint8)
    strange = np.flatnonzero(among(where, (Place.STRANGE, Place.PROVIDER)))
    die = us(world.key, addresses[strange], Draw.MAILBOX)
    is_full = strange[(die >= nobody) & (die < full)]
    if len(is_full):
        for_good = us(world.key, addresses[is_full], Draw.QUOTA) < world.fates.for_good
        said[is_full] = np.where(for_good, int(Code.OVER_QUOTA), int(Code.FULL))
    said[strange[die < nobody]] = Code.NO_MAILBOX
    targets = are(where, Place.TARGET)
    if targets.any():
        said[targets & (addresses & FULL != 0)] = Code.FULL
    said[addresses & TYPO != 0] = Code.NO_MAILBOX
    return said


def manner(world: World, *, refuses: float | None = None, throttle: float = math.inf) -> Manner:
    """What all next hops have in common; with `refuses`, of a smarthost that takes what our server has."""
    lengths = tuple(map(world.length, _CODES))
    found = Manner(world.key, world.fates.session, BANDWIDTH, world.fates.greylist_delay, lengths, world.spells)
    return found if refuses is None else replace(found, relayed=True, refuses=refuses, throttle=throttle)
