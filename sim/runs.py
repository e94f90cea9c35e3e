"""Scenario, policy and replication to records, over the cores.

Within a replication all policies share one workload and one world: common random numbers. What comes back from a worker is a summary, not
the record: a record of a big office is larger than what is asked of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from sim import measures, realise
from sim.record import Record
from sim.scenario import Scenario
from sim.server.host import Host
from sim.units import HOUR, Floats

__all__ = ["Summary", "Task", "moments", "play", "run", "spread", "workers"]

_CHUNK = 24  # hours drawn at a time; results do not depend on it


@dataclass(frozen=True, slots=True)
class Task:
    """One replication of a scenario under some policies."""

    scenario: Scenario
    policies: tuple[str, ...]
    seed: int
    replication: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What is kept of a run: every measure, counts at `moments`, when the number of queues in Retry first exceeded the alert's limit, and
    how each replayed message fared (counts by mail.Answer)."""

    measures: dict[str, float]
    curves: dict[str, Floats]
    alert_at: float
    answers: dict[str, int]


def moments(scenario: Scenario) -> Floats:
    """The times at which counts are kept for charts: every hour, at most 1,000."""
    step = max(1, round(scenario.horizon / HOUR / 1000))
    return np.arange(0.0, scenario.horizon + 1.0, step * HOUR)


def run(scenario: Scenario, policy: str = "", seed: int = 1, replication: int = 0) -> Record:
    """One run under one policy (the scenario's own by default)."""
    world = realise.world(scenario, seed, replication)
    workload = realise.hours(scenario, seed, replication, world, _CHUNK)
    return Host(scenario, policy or scenario.policy, seed, replication, world, workload).run()


def play(task: Task) -> dict[str, Summary]:
    """All policies of a task on the same workload and world."""
    scenario = task.scenario
    world = realise.world(scenario, task.seed, task.replication)
    workload = list(realise.hours(scenario, task.seed, task.replication, world, _CHUNK))
    times = moments(scenario)
    found = {}
    for policy in task.policies:
        record = Host(scenario, policy, task.seed, task.replication, world, workload).run()
        alert = measures.View(record).retry.first_above(scenario.document.verdict.alert_queues)
        found[policy] = Summary(measures.measure(record), measures.curves(record, times), alert, _answers(record))
    return found


def _answers(record: Record) -> dict[str, int]:
    """Spam and wanted mail from outside by answer."""
    from sim.mail import Answer, Kind, word

    m = record.columns("messages")
    counts = np.bincount(m["answer"][m["kind"] <= Kind.WANTED].astype(np.int64), minlength=len(Answer))
    return {word(answer): int(counts[answer]) for answer in Answer if counts[answer]}


@contextmanager
def workers(jobs: int) -> Iterator[Executor | None]:
    """Worker processes, or None for one job: then everything runs here."""
    if jobs <= 1:
        yield None
        return
    executor = ProcessPoolExecutor(jobs)
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def spread(executor: Executor | None, tasks: Sequence[Task]) -> Iterable[tuple[int, dict[str, Summary]]]:
    """Play tasks, giving (number of the task, result) as they finish."""
    if executor is None:
        for number, task in enumerate(tasks):
            yield number, play(task)
        return
    futures: dict[Future[dict[str, Summary]], int] = {executor.submit(play, task): number for number, task in enumerate(tasks)}
    while futures:
        done, _ = wait(futures, return_when=FIRST_COMPLETED)
        for future in done:
            yield futures.pop(future), future.result()
