"""Scenario, policy and replication to records.

Within a replication all policies share one workload and one world: common random numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sim import realise
from sim.policy.own import Function
from sim.record import Record
from sim.scenario import Scenario
from sim.server.host import Host

__all__ = ["Task", "run", "runs"]

_CHUNK = 24  # hours drawn at a time; results do not depend on it


@dataclass(frozen=True, slots=True)
class Task:
    """One replication of a scenario under some policies."""

    scenario: Scenario
    policies: tuple[str, ...]
    seed: int
    replication: int


def run(scenario: Scenario, policy: str | Function = "", seed: int = 1, replication: int = 0) -> Record:
    """One run under one policy (the scenario's own by default): its name, or a function of (message, answered) that says whether to reply
    (`sim.policy.own`)."""
    if not isinstance(policy, str):
        name = getattr(policy, "__name__", "").strip("<>_").lower() or "own"
        scenario, policy = scenario.with_functions({name: policy}), name
    return next(runs(scenario, [policy or scenario.policy], seed, replication))


def runs(scenario: Scenario, policies: Sequence[str], seed: int, replication: int) -> Iterator[Record]:
    """A replication under each policy, on the same workload and world."""
    world = realise.world(scenario, seed, replication)
    workload = list(realise.hours(scenario, seed, replication, world, _CHUNK))
    gated = realise.attracted(scenario, seed, replication, world)
    for policy in policies:
        yield Host(scenario, policy, seed, replication, world, workload, gated).run()
