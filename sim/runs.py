"""Scenario, policy and replication to records.

Within a replication all policies share one workload and one world: common random numbers.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from sim import realise
from sim.policy.autoreply import Audience
from sim.policy.own import Function
from sim.realise import ahead
from sim.realise.people import week
from sim.realise.rows import KEPT_ROWS
from sim.record import MESSAGES, Record
from sim.record.stored import Writer, new_directory
from sim.scenario import Scenario
from sim.server.host import Host
from sim.server.transport.engines import Asked, chosen
from sim.tally import Tally
from sim.units import HOUR, Seconds

__all__ = ["ROWS", "Task", "attempts", "cost", "drawing", "rows", "run", "runs", "tallied"]

_CHUNK = 100_000  # mailbox-hours of mail that are drawn at a time where a run tallies; results do not depend on it
ROWS = 3_000_000  # messages of a run above which those that nothing follows from are counted and have no row
_ATTEMPTS = 50  # that a message to somebody who is away leads to, about, where all are answered: most go to hosts that answer nobody


@dataclass(frozen=True, slots=True)
class Task:
    """One replication of a scenario under some policies, and what is asked of it."""

    scenario: Scenario
    policies: tuple[str, ...]
    seed: int
    replication: int
    engine: Asked = "auto"
    only: tuple[str, ...] = ()  # names of measures and curves; empty: all


def run(
    scenario: Scenario,
    policy: str | Function = "",
    seed: int = 1,
    replication: int = 0,
    engine: Asked = "auto",
    save: str | os.PathLike[str] | None = None,
) -> Record:
    """One run under one policy (the scenario's own by default): its name, or a function of (message, answered) that says whether to reply
    (`sim.policy.own`). engine: the SimPy reference, the compiled kernel, or whichever is sooner done; they leave the same record.

    save: a new directory for the record, as `Record.save` writes it. The messages of a run that tallies then go there as they come, and are
    read from there: they are never all in memory."""
    if not isinstance(policy, str):
        name = getattr(policy, "__name__", "").strip("<>_").lower() or "own"
        scenario, policy = scenario.with_functions({name: policy}), name
    asked, large = (scenario, [policy or scenario.policy], seed, replication, engine), tallied(scenario)
    if save is None:
        return next(_hosts(*asked)).run()
    with new_directory(save) as beside:
        if large:
            with Writer(beside / "messages.parquet", MESSAGES) as messages:
                record = next(_hosts(*asked)).run(messages)
        else:
            record = next(_hosts(*asked)).run()
        record.fill(beside)
    return replace(Record.load(save), words=record.words) if large else record


def runs(scenario: Scenario, policies: Sequence[str], seed: int, replication: int, engine: Asked = "auto") -> Iterator[Record]:
    """A replication under each policy, on the same workload and world."""
    return map(Host.run, _hosts(scenario, policies, seed, replication, engine))  # nobody keeps a host that has been played


def _hosts(scenario: Scenario, policies: Sequence[str], seed: int, replication: int, engine: Asked) -> Iterator[Host]:
    """Each of these runs, about to begin."""
    world = realise.world(scenario, seed, replication)
    gated = realise.attracted(scenario, seed, replication, world)
    if tallied(scenario):  # drawn anew for each policy: it would not fit into memory
        chunk = max(1, _CHUNK // scenario.document.office.mailboxes)
        for policy in policies:
            tally = Tally()
            workload = realise.hours(scenario, seed, replication, world, chunk, tally)
            picked = chosen(engine, attempts(scenario, policy))
            yield Host(scenario, policy, seed, replication, world, workload, gated, picked, tally)
        return
    small = list(realise.hours(scenario, seed, replication, world, _hours(scenario)))
    for policy in policies:
        picked = chosen(engine, attempts(scenario, policy))
        yield Host(scenario, policy, seed, replication, world, small, gated, picked)


def drawing(scenario: Scenario, seed: int) -> AbstractContextManager[None]:
    """Meanwhile have the mail of replications drawn, from the first on, if they are small."""
    return nullcontext() if rows(scenario) > KEPT_ROWS else ahead.drawing(scenario, seed, _hours(scenario))


def _hours(scenario: Scenario) -> int:
    return math.ceil(scenario.horizon / HOUR)


def rows(scenario: Scenario) -> float:
    """About how many messages arrive or leave in a run."""
    doc, boxes = scenario.document, scenario.document.office.mailboxes
    each = doc.spam.rate + doc.wanted.into + doc.wanted.out + doc.wanted.lists + doc.wanted.internal
    return (boxes * each + doc.spam.unknown_recipients) * scenario.horizon


def cost(scenario: Scenario) -> tuple[Seconds, float]:
    """About what a run under the widest policy takes: seconds of one core, and bytes. Measured on offices of a thousand to a million
    mailboxes (docs/performance.md); a run whose connections are too few keeps what waits for them, and takes more."""
    away = sum(absence.until - absence.since for absence in scenario.absences)
    doc = scenario.document
    asked = away * (doc.spam.rate + doc.wanted.into + doc.wanted.lists + doc.wanted.internal)
    drawn = 250.0 * rows(scenario) / scenario.horizon * HOUR if tallied(scenario) else 400.0 * rows(scenario)
    return 0.05 + 0.8e-6 * rows(scenario) + 1e-5 * asked, 2.5e8 + drawn + 800.0 * asked


def tallied(scenario: Scenario) -> bool:
    """Is what nothing follows from counted and not kept? Where something may follow from any mail, a row is kept for all of it; so it is
    where people write so much that a monitor, which counts each sender's mail of an hour, might see it."""
    if rows(scenario) <= ROWS:
        return False
    doc = scenario.document
    follows = doc.loops is not None or scenario.relay is not None or scenario.replay is not None or bool(scenario.causes)
    known = any(scenario.reply_policy(name).audience is Audience.KNOWN for name in scenario.policies)
    busiest = doc.wanted.out * HOUR * float(week(doc.wanted.profile, doc.office).max())
    return not (follows or known or busiest > scenario.alarms()["messages"] / 4.0)


def attempts(scenario: Scenario, policy: str) -> float:
    """About how many attempts a run makes: enough to choose the back end."""
    doc = scenario.document
    leaving = doc.office.mailboxes * doc.wanted.out * scenario.horizon
    if scenario.audience(policy) is not Audience.EVERYBODY:
        return leaving
    if scenario.replay is not None:
        return leaving + _ATTEMPTS * len(scenario.replay)
    away = sum(absence.until - absence.since for absence in scenario.absences)
    few = len(scenario.absences) <= len(doc.spam.mailboxes) + 1  # they are likely those with a rate of their own
    return leaving + _ATTEMPTS * away * (max([doc.spam.rate, *doc.spam.mailboxes.values()]) if few else doc.spam.rate)
