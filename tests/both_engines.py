"""The same mail played by the reference and by the kernel, and where they part, in words.

An instance is all data: its repr is Python that makes it again, so what a fuzz has found can be played by hand:

    from tests.both_engines import *
    print(parting(Instance(...)))
"""

import copy
import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from hypothesis import strategies as st

from bench.counted import Counted
from sim import destinations
from sim.mail import Code, Dsn, Kind, Outcome
from sim.policy.intervention import Act, Deed
from sim.policy.retry import Expiry, Family, QueueRules
from sim.record import EndedBy
from sim.server.transport.columns import Mail, Reference
from sim.server.transport.compiled import Compiled
from sim.streams import Draw, u
from sim.world import Fates, Spell, World

__all__ = [
    "Act",
    "Code",
    "Counted",
    "Deed",
    "Expiry",
    "Family",
    "Fates",
    "Instance",
    "Kind",
    "Listing",
    "QueueRules",
    "Spell",
    "first_difference",
    "inf",
    "nan",
    "parting",
    "played",
]
inf, nan = math.inf, math.nan
Tables = dict[str, dict[str, np.ndarray]]

# What an administrator may do.
ACTS = st.one_of(
    st.builds(Act, st.sampled_from([Deed.FREEZE, Deed.THAW, Deed.FORCE_RETRY, Deed.FORCE_RETRY]), only_in_retry=st.booleans()),
    st.builds(
        Act,
        st.just(Deed.DELETE),
        only_in_retry=st.booleans(),
        kinds=st.sampled_from([None, frozenset({Kind.AUTOREPLY})]),
        report=st.booleans(),
    ),
    st.builds(Act, st.just(Deed.LIMIT), connections=st.integers(1, 4), connections_per_hop=st.integers(1, 3)),
)


def written(value: object) -> str:
    """A value as Python text: as repr, but that a dataclass, an enumeration and a set are written so that they can be read back."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if dataclasses.is_dataclass(value):
        fields = ", ".join(f"{f.name}={written(getattr(value, f.name))}" for f in dataclasses.fields(value) if f.init)
        return f"{type(value).__name__}({fields})"
    if isinstance(value, frozenset):
        return f"frozenset({{{', '.join(sorted(map(written, value)))}}})" if value else "frozenset()"
    if isinstance(value, list | tuple):
        ends = "[]" if isinstance(value, list) else "()"
        return f"{ends[0]}{', '.join(map(written, value))}{',' if ends == '()' and len(value) == 1 else ''}{ends[1]}"
    return repr(value)


@dataclass(repr=False)
class Listing:
    """A world under which some next hops ask a list that has this server for a while, and its own columns."""

    key: int
    fates: Fates
    spells: tuple[Spell, ...] = ()
    spans: list[tuple[int, float, float]] = field(default_factory=list)
    horizon: float = 20_000.0
    world: World = field(init=False, compare=False)

    def __post_init__(self):
        self.world = World.of(self.key, 0, self.horizon, self.fates, self.spells)

    def connects(self, hop, now):
        return self.world.connects(hop, now)

    def accepts(self, hop, recipient, met, now):
        if any(since <= now < until and self.asks(hop, number) for number, since, until in self.spans):
            return Code.LISTED
        return self.world.accepts(hop, recipient, met, now)

    def seconds(self, *asked):
        return self.world.seconds(*asked)

    def asks(self, hop, number):
        return u(self.world.key, hop, Draw.ASKS_LIST, number) < 0.5

    def manner(self):
        return destinations.manner(self.world)

    def destinations(self, hops):
        found = destinations.destinations(self.world, hops)
        found.lists = np.array([sum(self.asks(hop, n) << n for n in range(2)) for hop in hops.tolist()])
        return found

    def mailboxes(self, recipients):
        return destinations.mailboxes(self.world, recipients)

    def listed(self):
        return self.spans


@dataclass(repr=False)
class Instance:
    """What is played: rules, the outside, (id, sender, recipient, next hop, size, time) of each message, acts, other pauses."""

    rules: QueueRules
    outside: Counted | Listing  # as it is before anybody has asked it; each play has one of its own
    mail: list[tuple[int, int, int, int, int, float]]
    acts: list[tuple[float, Act]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    forgets: bool = False  # what has left, at every pause
    until: float = 20_000.0

    def __repr__(self) -> str:
        return written(self)


@dataclass
class Play:
    """What one transport told on the way, and its tables at the end: those it has forgotten first."""

    told: list[tuple[Any, ...]]
    tables: Tables
    kept: Tables


def played(make: Callable[..., Any], instance: Instance) -> Play:
    """Every report, and the tables."""
    transport = make(instance.rules, copy.deepcopy(instance.outside))
    acts = sorted(instance.acts, key=lambda act: act[0])
    told: list[tuple[Any, ...]] = []
    parts: list[Tables] = []
    moments = sorted({at for at, _ in acts} | set(instance.pauses) | {instance.until})
    columns = [np.array(column) for column in zip(*sorted(instance.mail, key=lambda m: (m[5], m[0])), strict=True)]
    mail, now = Mail(*columns), 0.0
    for moment in moments:
        transport.submit(mail.take((mail.accepted_at >= now) & (mail.accepted_at < moment)))
        if moment > now:
            report = transport.advance(moment)
            told.append((moment, *(getattr(report, f.name).tolist() for f in dataclasses.fields(report))))
        if instance.forgets:
            numbers, messages, attempts = transport.release()
            told.append((moment, numbers.tolist()))
            parts.append({"messages": messages, "attempts": attempts})
        told.append((moment, transport.queued(), transport.in_retry()))
        for at, act in acts:
            if at == moment:
                transport.apply(act)
        now = moment
    kept = {"attempts": transport.attempts(), "queues": transport.queues(), "messages": transport.messages()}
    return Play(told, {name: _joined([*(part[name] for part in parts if name in part), kept[name]]) for name in kept}, kept)


def _joined(tables):
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def first_difference(one, other) -> str:
    """Where two tables part, in words; empty where they do not."""
    lengths = {len(column) for table in (one, other) for column in table.values()}
    for row in range(min(lengths)):
        for name in one:
            a, b = one[name][row], other[name][row]
            if not (a == b or (a != a and b != b)):
                rows = [{key: column[row].item() for key, column in table.items()} for table in (one, other)]
                return f"row {row}, {name}: {a} and {b}; {rows[0]} and {rows[1]}"
    return "" if len(lengths) == 1 else f"after {min(lengths)} rows, which agree, one goes on"


def events(tables: Tables) -> list[str]:
    """What happened, in order of time; at one instant what leaves, what becomes of queues, then attempts as they were made."""
    found: list[tuple[float, int, str]] = []
    for row in rows(tables["messages"]):
        if row["outcome"] != Outcome.QUEUED:
            what = f"message {row['id']} leaves: {Outcome(row['outcome']).name}, report {Dsn(row['dsn']).name}"
            found.append((row["settled_at"], 0, what))
    for row in rows(tables["queues"]):
        found.append((row["since"], 1, f"next hop {row['next_hop']} is in Retry"))
        if not math.isnan(row["until"]):
            found.append((row["until"], 1, f"next hop {row['next_hop']} is in Retry no more: {EndedBy(row['ended_by']).name}"))
    for row in rows(tables["attempts"]):
        what = f"attempt with message {row['message']} to next hop {row['next_hop']}: {Code(row['code']).name}, {row['seconds']:g} s"
        found.append((row["at"], 2, what))
    return [f"at {at!r} s {what}" for at, _, what in sorted(found, key=lambda event: event[:2])]


def rows(table):
    return [dict(zip(table, row, strict=True)) for row in zip(*(column.tolist() for column in table.values()), strict=True)]


def parting(instance: Instance) -> str:
    """Where the kernel parts from the reference: the first event that differs, else the first number; empty where they are the same."""
    kernel, reference = played(Compiled, instance), played(Reference, instance)
    happened = events(kernel.tables), events(reference.tables)
    for n in range(max(map(len, happened))):
        one, other = (found[n] if n < len(found) else "nothing more" for found in happened)
        if one != other:
            before = happened[0][n - 1] if n else "nothing"
            return f"the kernel has: {one}\nthe reference has: {other}\nboth before: {before}"
    for which in ("tables", "kept"):
        for name in ("attempts", "queues", "messages"):
            one, other = getattr(kernel, which)[name], getattr(reference, which)[name]
            if difference := first_difference(one, other):
                return f"{name}: {difference}"
            types = [{column: values.dtype for column, values in table.items()} for table in (one, other)]
            if types[0] != types[1]:
                return f"{name}: {types[0]} and {types[1]}"
    for this, that in zip(kernel.told, reference.told, strict=True):
        if this != that:
            return f"told at {this[0]!r} s: {this[1:]} and {that[1:]}"
    return ""
