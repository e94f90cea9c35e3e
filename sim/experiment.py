"""Starts runs: how many replications, and reruns at the ends of assumed inputs.

Replications come in batches of fixed size and are judged batch by batch, so a result does not depend on the number of workers.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from sim import __version__, comparison, measures, runs
from sim.comparison import Assumption, Band, Comparison, Outcome
from sim.errors import BadInput, Unavailable
from sim.measures import Summary
from sim.policy.autoreply import POLICIES
from sim.scenario import Input, Scenario

__all__ = ["BAND_REPLICATIONS", "BATCH", "MOST", "Task", "compare", "play", "workers"]

BATCH: Final = 10
MOST: Final = 200
BAND_REPLICATIONS: Final = 10
_SCREEN: Final = 2  # replications after which an input that has moved no headline by 1 % is not pursued
_MOVED: Final = 0.01

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Task:
    """One replication of a scenario under some policies."""

    scenario: Scenario
    policies: tuple[str, ...]
    seed: int
    replication: int


def play(task: Task) -> dict[str, Summary]:
    """The replication under each policy. What comes back from a worker is a summary: the record of a big office is larger than what is
    asked of it."""
    times = measures.moments(task.scenario.horizon)
    limit = task.scenario.document.verdict.alert_queues
    records = runs.runs(task.scenario, task.policies, task.seed, task.replication)
    return {record.run.policy: measures.summarise(record, times, limit) for record in records}


@contextmanager
def workers(jobs: int) -> Iterator[Executor | None]:
    """Worker processes, or None for one job: then everything runs here."""
    if jobs <= 1:
        yield None
        return
    executor = ProcessPoolExecutor(jobs, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _spread(executor: Executor | None, tasks: Sequence[Task]) -> Iterable[tuple[int, dict[str, Summary]]]:
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


@dataclass(slots=True)
class _Pool:
    """Plays tasks over the workers and reports progress."""

    executor: Executor | None
    progress: Progress

    def play(self, what: str, tasks: Sequence[Task]) -> list[dict[str, Summary]]:
        found: list[dict[str, Summary]] = [{} for _ in tasks]
        for done, (number, result) in enumerate(_spread(self.executor, tasks), start=1):
            found[number] = result
            self.progress(what, done, len(tasks))
        return found


def compare(
    scenario: Scenario,
    policies: Sequence[str] = (),
    *,
    seed: int = 1,
    replications: int | None = None,
    jobs: int | None = None,
    bands: bool = True,
    progress: Progress = lambda what, done, total: None,
) -> Comparison:
    """Compare reply policies on common random numbers.

    policies: names; all by default, those that the server lacks among them with the reason. The scenario's own policy is the baseline and
    always among them. replications: a number, or None for as many as it takes until the headlines of the widest policy are known to 5 %
    (10 to 200). jobs: worker processes, by default one per core; the result does not depend on it. bands: rerun the widest policy at the
    ends of every assumed input.
    """
    for what, value, least, most in (("replications", replications, 1, 100_000), ("jobs", jobs, 1, 1024), ("seed", seed, 0, 2**62)):
        if value is not None and not least <= value <= most:
            raise BadInput(what, f"{value} is not between {least:,} and {most:,}")
    if scenario.document.replay_required and scenario.replay is None:
        raise BadInput(scenario.file, "replays real mail: give --replay FILE, an mbox, a folder of .eml files or a CSV of metadata")
    wanted = list(dict.fromkeys([*(policies or POLICIES), scenario.policy]))
    names = [name for name in POLICIES if name in wanted]
    outcomes: dict[str, Outcome] = {}
    for name in [*names, *(name for name in wanted if name not in POLICIES)]:
        try:
            scenario.audience(name)
            switch = scenario.profile.policies[name]
            outcomes[name] = Outcome(name, True, switch.set_by, switch.undo)
        except Unavailable:
            outcomes[name] = Outcome(name, False, why_not=scenario.profile.policies[name].why_not)
    available = tuple(name for name, outcome in outcomes.items() if outcome.available)
    widest = available[-1]
    with workers(jobs or os.cpu_count() or 1) as executor:
        pool = _Pool(executor, progress)
        played: list[dict[str, Summary]] = []
        while True:
            count = min(BATCH if replications is None else replications, MOST if replications is None else replications)
            tasks = [Task(scenario, available, seed, len(played) + n) for n in range(count)]
            played += pool.play("runs", tasks)
            rows = [result[widest].measures for result in played]
            if replications is not None or len(played) >= MOST or comparison.enough(rows):
                break
        assumptions = _bands(scenario, widest, seed, [result[widest] for result in played], pool) if bands else []
    for name in available:
        summaries = tuple(result[name] for result in played)
        outcomes[name] = replace(outcomes[name], measures=comparison.estimates([s.measures for s in summaries]), runs=summaries)
    base = outcomes[scenario.policy].rows
    return Comparison(
        scenario=scenario,
        seed=seed,
        replications=len(played),
        version=__version__,
        baseline=scenario.policy,
        widest=widest,
        policies=outcomes,
        differences={name: comparison.paired(outcomes[name].rows, base) for name in available if name != scenario.policy},
        assumptions=tuple(assumptions),
        verdict=comparison.decide(scenario, outcomes, widest, assumptions),
        times=measures.moments(scenario.horizon),
    )


def _bands(scenario: Scenario, policy: str, seed: int, base: Sequence[Summary], pool: _Pool) -> list[Assumption]:
    """The policy rerun at both ends of each assumed input, on the replications of the base run.

    An input that moves no headline by 1 % over the first two replications, at either end, is not pursued further.
    """
    count = min(BAND_REPLICATIONS, len(base))
    first = min(_SCREEN, count)
    inputs = scenario.assumed()
    ends = [(item, value, scenario.with_settings({item.key: value})) for item in inputs for value in (item.low, item.high)]
    found = pool.play("assumptions", [Task(changed, (policy,), seed, n) for _, _, changed in ends for n in range(first)])
    summaries = [[result[policy] for result in found[i * first : (i + 1) * first]] for i in range(len(ends))]

    def moved(i: int) -> bool:
        def total(name: str, runs_of: Sequence[Summary]) -> float:
            return sum(run.measures[name] for run in runs_of[:first])

        return any(abs(total(n, summaries[i]) - total(n, base)) > _MOVED * abs(total(n, base)) for n in comparison.HEADLINES)

    pursued = [i for i in range(len(ends)) if count > first and (moved(i - i % 2) or moved(i - i % 2 + 1))]
    more = pool.play("assumptions", [Task(ends[i][2], (policy,), seed, n) for i in pursued for n in range(first, count)])
    for place, i in enumerate(pursued):
        summaries[i] += [result[policy] for result in more[place * (count - first) : (place + 1) * (count - first)]]

    def band(i: int) -> Band:
        return Band(ends[i][1], comparison.estimates([s.measures for s in summaries[i]]), tuple(summaries[i]))

    def assumption(item: Input, i: int) -> Assumption:
        same = comparison.estimates([s.measures for s in base[: len(summaries[i])]])
        return Assumption(item, same, band(i), band(i + 1))

    listed = [assumption(item, 2 * n) for n, item in enumerate(inputs)]
    return sorted(listed, key=lambda a: -a.moves)
