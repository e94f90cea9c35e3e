"""Named random streams: what is drawn for one thing never depends on what was drawn for another.

Two kinds of dice. A numpy *Generator* fills arrays in `realise`; it is keyed by (seed, replication, purpose, block, hour), so a result
depends neither on workers nor on chunks. A *hash die* `u(key, a, b, ...)` gives one number in [0, 1) for a thing that has an identity (a
domain, an address, the n-th attempt of a message); it is counter-based and the same in numpy and in scalar code, bit for bit.
The mixer is splitmix64's finaliser, Stafford's 13th variant (Steele, Lea, Flood 2014: Fast splittable pseudorandom number generators,
OOPSLA).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from sim.mail import Ints
from sim.units import Floats

__all__ = ["Draw", "Generators", "dice", "key", "series", "u", "us"]

_MASK: Final = (1 << 64) - 1
_GAMMA: Final = 0x9E3779B97F4A7C15
_A: Final = 0xBF58476D1CE4E5B9
_B: Final = 0x94D049BB133111EB
_UNIT: Final = 2.0**-53
_11, _27, _30, _31, _TIMES_A, _TIMES_B = (np.uint64(number) for number in (11, 27, 30, 31, _A, _B))  # made once: it is called often


class Draw(IntEnum):
    """What a number is drawn for. Values are part of a result's identity: add, never renumber."""

    SPAM = 1
    WANTED = 2
    OUTBOUND = 3
    INTERNAL = 4
    LIST = 5
    UNKNOWN_RECIPIENT = 6
    DOMAIN_RESOLVES = 10
    DOMAIN_FAILS_AT_ONCE = 11
    DOMAIN_ANSWERS = 12
    DOMAIN_BUSY = 13
    DOMAIN_ADDRESSES = 14
    DOMAIN_SPEED = 15
    DOMAIN_GREYLISTS = 16
    OUTAGE = 17
    MAILBOX = 20
    REPLY_LAG = 21
    SESSION = 22
    FILTER = 23
    TYPO = 24
    TABLE = 25  # fixed tables of a scenario: who corresponds with whom
    CAMPAIGN = 40  # when a campaign begins, how long it takes, how far it reaches
    CAMPAIGN_HITS = 41
    SPAM_DAY = 42  # the spam of a day against that of a mean day
    HARVEST = 43
    REVERSE_NDR = 60
    INFECTED_PC = 61
    STOLEN_ACCOUNT = 62
    OPEN_RELAY = 63
    NEWSLETTER = 64
    RECEIPT = 65
    READ_RECEIPT = 66
    READ_LAG = 67
    NOTICE_LAG = 68
    TARGET_GONE = 69
    DOMAIN_GONE = 70
    UNKNOWN_SENDER = 71
    ASKS_LIST = 72
    ATTRACTED = 73
    RESPONDS = 74
    ECHO_FILTER = 75
    DOMAIN_NULL_MX = 80
    DOMAIN_SEVERAL = 81
    DOMAIN_FIRST_DEAD = 82
    QUOTA = 83
    RELAY_REFUSES = 84


def _mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * _A) & _MASK
    z = ((z ^ (z >> 27)) * _B) & _MASK
    return z ^ (z >> 31)


def key(*parts: int) -> int:
    """One 64-bit key from several integers."""
    z = 0
    for part in parts:
        z = _mix((z + _GAMMA + (part & _MASK)) & _MASK)
    return z


def u(base: int, *parts: int) -> float:
    """A hash die in [0, 1) for the thing named by `parts`."""
    z = base
    for part in parts:
        z = _mix((z + _GAMMA + (part & _MASK)) & _MASK)
    return (z >> 11) * _UNIT


def series(base: int, things: Ints, *parts: int, count: int) -> Floats:
    """`u(base, thing, *parts, n)` for every thing and n from 0 to count - 1. Shapes: int64[m] to float64[m, count]."""
    steps = np.arange(count, dtype=np.uint64)
    steps += np.uint64(_GAMMA)
    return _in_unit(_mixed(_named(base, things, *parts)[:, np.newaxis] + steps))


def us(base: int, things: Ints, *parts: int) -> Floats:
    """`u(base, thing, *parts)` for every thing. Shapes: int64[n] to float64[n]."""
    return _in_unit(_named(base, things, *parts))


def dice(base: int, things: Ints, draws: Sequence[Draw]) -> Floats:
    """`us(base, things, draw)` for each of several draws. Shapes: int64[n] to float64[len(draws), n]."""
    z = np.array(draws, dtype=np.uint64)[:, np.newaxis] + np.uint64(_GAMMA)
    return _in_unit(_mixed(z + _named(base, things)))


def _named(base: int, things: Ints, *parts: int) -> npt.NDArray[np.uint64]:
    """`key(thing, *parts)` for every thing, but from a base."""
    z = things.astype(np.uint64)
    z += np.uint64((base + _GAMMA) & _MASK)
    z = _mixed(z)
    for part in parts:
        z += np.uint64((_GAMMA + part) & _MASK)
        z = _mixed(z)
    return z


def _mixed(z: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """`_mix` of every number, in its place."""
    z ^= z >> _30
    z *= _TIMES_A
    z ^= z >> _27
    z *= _TIMES_B
    z ^= z >> _31
    return z


def _in_unit(z: npt.NDArray[np.uint64]) -> Floats:
    found: Floats = (z >> _11).astype(np.float64)
    found *= _UNIT
    return found


@dataclass(slots=True)
class Hourly:
    """n things in order of (block, hour), each at some time of its hour. For a block and hour the columns are drawn one after the other,
    then the dice."""

    hours: range
    counts: Ints  # int64[blocks, hours]
    columns: list[Floats]  # float64[n] each, in [0, 1)
    dice: Floats  # float64[n, dice], in [0, 1)

    def block(self) -> Ints:
        """Of each."""
        return np.repeat(np.arange(len(self.counts)), self.counts.sum(axis=1))

    def hour(self) -> Ints:
        """Of each."""
        return np.repeat(np.tile(np.arange(self.hours.start, self.hours.stop), len(self.counts)), self.counts.ravel())

    def nth(self) -> Ints:
        """Which of those of its block and hour each is, from 0."""
        counts = self.counts.ravel()
        return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)

    def blocks(self) -> list[slice]:
        """Where those of each block are."""
        ends = np.cumsum(self.counts.sum(axis=1)).tolist()
        return [slice(first, end) for first, end in zip([0, *ends], ends, strict=False)]


class Generators:
    """Hands out a numpy Generator for a purpose, a block of 1,024 mailboxes and an hour. One object is rekeyed in place (Philox is
    counter-based, so a key is all there is to seed): the generator of the call before is no longer valid."""

    def __init__(self, seed: int, replication: int) -> None:
        self._bits = np.random.Philox(key=0)
        self._state = self._bits.state
        self._key = self._state["state"]["key"] = np.array([key(seed, replication), 0], dtype=np.uint64)
        self._generator = np.random.Generator(self._bits)

    def __call__(self, purpose: Draw, block: int, hour: int) -> np.random.Generator:
        self._key[1] = key(purpose, block, hour)
        self._bits.state = self._state
        return self._generator

    def hourly(self, purpose: Draw, hours: range, means: Floats, columns: int, dice: int) -> Hourly:
        """What happens by itself, on the mean so often in each block and hour. means: float64[blocks, hours]."""
        draw, width = self._generator, columns + dice
        counts, some, thrown = [0] * means.size, [], []
        keys = (key for block in range(len(means)) for key in _keys(hours, purpose, block))
        for cell, (cell_key, mean) in enumerate(zip(keys, means.ravel().tolist(), strict=True)):
            if mean == 0.0:
                continue
            self._key[1] = cell_key
            self._bits.state = self._state
            count = int(draw.poisson(mean))
            if count:
                counts[cell] = count
                some.append(count)
                thrown.append(draw.random(count * width))
        single = [[u[k * n : (k + 1) * n] for u, n in zip(thrown, some, strict=True)] for k in range(columns)]
        rest = [u[columns * n :].reshape(n, dice) for u, n in zip(thrown, some, strict=True)]
        return Hourly(
            hours,
            np.array(counts, dtype=np.int64).reshape(means.shape),
            [np.concatenate([np.zeros(0), *parts]) for parts in single],
            np.concatenate([np.zeros((0, dice)), *rest]),
        )


def _keys(hours: range, purpose: Draw, block: int) -> list[int]:
    """`key(purpose, block, hour)` of each hour, worked out for all at once."""
    z = np.arange(hours.start, hours.stop, dtype=np.uint64) + np.uint64((key(purpose, block) + _GAMMA) & _MASK)
    found: list[int] = _mixed(z).tolist()
    return found
