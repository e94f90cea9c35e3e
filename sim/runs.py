"""Scenario, policy and replication to records.

Within a replication all policies share one workload and one world: common random numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sim import realise
from sim.policy.autoreply import Audience
from sim.policy.own import Function
from sim.record import Record
from sim.scenario import Scenario
from sim.server.host import Host
from sim.server.transport.engines import Asked, chosen

__all__ = ["Task", "attempts", "run", "runs"]

_CHUNK = 1_000_000  # mailbox-hours of mail that are drawn and played at a time; results do not depend on it
_ATTEMPTS = 50  # that a message to somebody who is away leads to, about, where all are answered: most go to hosts that answer nobody


@dataclass(frozen=True, slots=True)
class Task:
    """One replication of a scenario under some policies."""

    scenario: Scenario
    policies: tuple[str, ...]
    seed: int
    replication: int
    engine: Asked = "auto"


def run(scenario: Scenario, policy: str | Function = "", seed: int = 1, replication: int = 0, engine: Asked = "auto") -> Record:
    """One run under one policy (the scenario's own by default): its name, or a function of (message, answered) that says whether to reply
    (`sim.policy.own`). engine: the SimPy reference, the compiled kernel, or whichever is sooner done; they leave the same record."""
    if not isinstance(policy, str):
        name = getattr(policy, "__name__", "").strip("<>_").lower() or "own"
        scenario, policy = scenario.with_functions({name: policy}), name
    return next(runs(scenario, [policy or scenario.policy], seed, replication, engine))


def runs(scenario: Scenario, policies: Sequence[str], seed: int, replication: int, engine: Asked = "auto") -> Iterator[Record]:
    """A replication under each policy, on the same workload and world."""
    world = realise.world(scenario, seed, replication)
    chunk = max(1, _CHUNK // scenario.document.office.mailboxes)
    workload = list(realise.hours(scenario, seed, replication, world, chunk))
    gated = realise.attracted(scenario, seed, replication, world)
    for policy in policies:
        picked = chosen(engine, attempts(scenario, policy))
        yield Host(scenario, policy, seed, replication, world, workload, gated, picked).run()


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
