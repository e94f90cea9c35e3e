"""Plays what the expectations of scenarios need, and no more.

A scenario is looked at after 10, 20, 50 and 100 replications; an expectation once decided keeps its verdict, and only policies of which
something is still open are played on. Seeds and order are fixed, so a result does not depend on the number of workers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from sim import checks, measures, runs, scenario, workers
from sim.checks import Checked, Expectation, Interval, Key, Result, Verdict
from sim.cluster import Cluster
from sim.errors import BadInput
from sim.scenario import Input, Scenario, reader
from sim.workers import Progress

__all__ = ["CAUSE_REPLICATIONS", "HEADLINES", "LOOKS", "Case", "Task", "check", "checks_of", "play"]

LOOKS: Final = (10, 20, 50, 100)
CAUSE_REPLICATIONS: Final = 2
HEADLINES: Final = ("queues_in_retry_all_peak", "queues_in_retry_peak", "strangers_told", "notices_to_user", "wanted_told")
_EACH: Final = f" ({CAUSE_REPLICATIONS} runs each)"
_MOVED: Final = 0.01  # an input that changes the number by less is no cause

Row = dict[str, dict[Key, float]]  # policy -> number -> value


@dataclass(frozen=True, slots=True)
class Task:
    """One replication of a scenario under some policies, and the times at which counts are wanted."""

    scenario: Scenario
    policies: tuple[str, ...]
    seed: int
    replication: int
    times: tuple[float, ...]


def play(task: Task) -> Row:
    """Every number of the replication, by policy."""
    times, limit = np.array(task.times, dtype=np.float64), task.scenario.document.verdict.alert_queues
    records = runs.runs(task.scenario, task.policies, task.seed, task.replication)
    return {record.run.policy: checks.row(measures.summarise(record, times, limit), task.times) for record in records}


@dataclass(frozen=True)
class Case:
    """A scenario, those of its expectations that are meant, and the scenario without `--set`, if that was given."""

    scenario: Scenario
    expectations: tuple[Expectation, ...]
    settings: tuple[str, ...] = ()
    without: Scenario | None = field(default=None, repr=False)
    scale: str = ""  # what `tested_with` has changed, in words

    @classmethod
    def of(cls, found: Scenario, settings: Sequence[str] = (), keyword: str = "", full: bool = False) -> Case:
        """Read the expectations, under `tested_with` unless `full`, and under settings if there are any. Raises BadInput for what is wrong
        in them."""
        meant = checks.keyword(keyword)
        checks.read(found)  # a file must be right without settings too
        scale, found = ("", found) if full else (found.scale(), found.tested())
        changed = found.with_settings(settings) if settings else found
        expectations = tuple(entry for entry in checks.read(changed) if meant(entry.id))
        return cls(changed, expectations, tuple(settings), found if settings else None, scale)

    @property
    def skipped(self) -> str:
        """Why it cannot be played; empty if it can."""
        lacks = self.scenario.document.replay_required and self.scenario.replay is None
        return "needs a file of real mail, and none was given: --replay FILE" if lacks else ""


@dataclass(slots=True)
class _Player:
    """Plays replications over the workers."""

    executor: Executor | Cluster | None
    seed: int
    progress: Progress

    def rows(self, what: str, scenarios: Sequence[Scenario], numbers: range, wanted: Sequence[Expectation], more: str = "") -> list[Row]:
        """The replications of each scenario in turn, under the policies that the expectations need, and one more."""
        policies = tuple(dict.fromkeys([*(policy for entry in wanted for policy in entry.policies), *([more] if more else [])]))
        times = tuple(sorted({entry.key[1] for entry in wanted if entry.key[1] is not None}))
        tasks = [Task(one, policies, self.seed, number, times) for one in scenarios for number in numbers]
        found: list[Row] = [{} for _ in tasks]
        self.progress(what, 0, len(tasks))
        for done, (number, row) in enumerate(workers.spread(self.executor, play, tasks), start=1):
            found[number] = row
            self.progress(what, done, len(tasks))
        return found


def check(
    subject: Scenario | str | Path = "sbs_2003",
    *,
    keyword: str = "",
    seed: int = 1,
    replications: int | None = None,
    jobs: int = 1,
    causes: bool = True,
    full: bool = False,
) -> Checked:
    """Check what a scenario expects of itself: `assert sim.check("sbs_2003")` in a test.

    keyword: which expectations, as pytest's -k. replications: a number, or None for as many as it takes, 10 to 100. jobs: worker processes;
    the result does not depend on it. causes: replay what failed at the ends of assumed inputs, to name the one that moves it most.
    full: at the scenario's own scale, whatever its `tested_with` says.
    """
    found = subject if isinstance(subject, Scenario) else scenario.load(subject)
    case = Case.of(found, keyword=keyword, full=full)
    return next(checks_of([case], seed=seed, replications=replications, jobs=jobs, causes=causes))


def checks_of(
    cases: Sequence[Case],
    *,
    seed: int = 1,
    replications: int | None = None,
    jobs: int | None = None,
    executor: str = "",
    causes: bool = True,
    headlines: bool = False,
    progress: Progress = lambda what, done, total: None,
) -> Generator[Checked, None, None]:
    """Check scenarios one after another, each when it is asked for. executor: as in `sim.compare`. headlines:
    measure the policy in force too, for a table."""
    for what, value, least, most in (("replications", replications, 1, 100_000), ("jobs", jobs, 1, 1024), ("seed", seed, 0, 2**62)):
        if value is not None and not least <= value <= most:
            raise BadInput(what, f"{value} is not between {least:,} and {most:,}")
    with workers.workers(jobs, executor) as found:
        player = _Player(found, seed, progress)
        for case in cases:
            began = time.monotonic()
            results, shown = _checked(case, player, replications, headlines)
            if causes:
                results = _with_causes(case, results, player)
            yield Checked(
                scenario=case.scenario.name,
                file=case.scenario.file,
                title=case.scenario.document.title,
                seed=seed,
                inputs_sha256=case.scenario.sha256(),
                settings=case.settings,
                results=tuple(results),
                headlines=shown,
                policy=case.scenario.policy,
                skipped=case.skipped,
                scale=case.scale,
                seconds=time.monotonic() - began,
            )


def _checked(case: Case, player: _Player, replications: int | None, headlines: bool) -> tuple[list[Result], dict[str, Interval]]:
    """Look until all is decided, or for the last time."""
    if case.skipped:
        nothing = Interval(math.nan, math.nan, math.nan, 0, 0)
        return [Result(entry, Verdict.SKIPPED, nothing, why=case.skipped) for entry in case.expectations], {}
    results: dict[str, Result] = {}
    shown: dict[str, Interval] = {}
    open_ones, rows = list(case.expectations), list[Row]()
    looks = LOOKS if replications is None else (replications,)
    for look in looks:
        more = case.scenario.policy if headlines and not shown else ""
        if not open_ones and not more:
            break
        rows += player.rows(case.scenario.name, [case.scenario], range(len(rows), look), open_ones, more)
        if more:
            shown = {name: checks.interval(np.array([row[more][(name, None)] for row in rows])) for name in HEADLINES}
        results |= {entry.name: checks.judge(entry, rows, last=look == looks[-1]) for entry in open_ones}
        open_ones = [entry for entry in open_ones if results[entry.name].verdict is Verdict.UNDECIDED]
    return [results[entry.name] for entry in case.expectations], shown


def _with_causes(case: Case, results: list[Result], player: _Player) -> list[Result]:
    """The failed ones with what probably moved them: `--set`, else the assumed input that moves them most."""
    failed = [result.expectation for result in results if result.verdict is Verdict.FAILED and result.interval.n]
    if not failed:
        return results
    causes: dict[str, str] = {}
    if case.without is not None:
        causes = _because_of_settings(case, case.without, failed, player)
    rest = [entry for entry in failed if entry.name not in causes]
    if rest:
        causes |= _because_of_assumptions(case.scenario, rest, player)
    return [replace(result, cause=causes.get(result.expectation.name, "")) for result in results]


def _because_of_settings(case: Case, without: Scenario, failed: Sequence[Expectation], player: _Player) -> dict[str, str]:
    """What keeps its limits without `--set`."""
    entries = {entry.name: entry for entry in checks.read(without)}
    asked = [entries[entry.name] for entry in failed if entry.name in entries]
    rows = player.rows("likely causes", [without], range(CAUSE_REPLICATIONS), asked)
    found = {}
    for entry in asked:
        value = checks.judge(entry, rows).interval.mean
        if entry.limits.holds(value):
            found[entry.name] = f"--set {' '.join(case.settings)}; without it {_number(entry, value)}, within the limits{_EACH}"
    return found


def _because_of_assumptions(subject: Scenario, failed: Sequence[Expectation], player: _Player) -> dict[str, str]:
    """The assumed input whose band moves a number most. A cheap look: two replications at either end."""
    ends: list[tuple[Input, object, Scenario]] = []
    for item in subject.assumed():
        for value in (item.low, item.high):
            try:
                ends.append((item, value, subject.with_settings({item.key: value})))
            except BadInput:  # an end that does not go with the other values of this scenario
                continue
    rows = player.rows("likely causes", [subject, *(changed for _, _, changed in ends)], range(CAUSE_REPLICATIONS), failed)
    parts = [rows[i : i + CAUSE_REPLICATIONS] for i in range(0, len(rows), CAUSE_REPLICATIONS)]
    return {entry.name: _moves_most(entry, parts, ends) for entry in failed}


def _moves_most(entry: Expectation, parts: Sequence[Sequence[Row]], ends: Sequence[tuple[Input, object, Scenario]]) -> str:
    """Of the inputs with an end that would meet the limits, else of all, the one that moves the number most."""
    base, *means = (checks.judge(entry, part).interval.mean for part in parts)
    moved = [0.0 if math.isnan(mean) else abs(mean - base) for mean in means]
    if not moved or max(moved) <= _MOVED * abs(base):
        return f"no assumed input: none of {len({item.key for item, _, _ in ends})} moves this number by 1 % within its band"
    meets = [entry.limits.holds(mean) for mean in means]
    chosen = max(range(len(ends)), key=lambda n: (meets[n], moved[n]))
    item = ends[chosen][0]
    at = [f"{_number(entry, mean)} at {reader.plain(value)}" for (other, value, _), mean in zip(ends, means, strict=True) if other is item]
    told = f"assumed {item.key} ({reader.plain(item.value)}): {', '.join(at)}{_EACH}"
    if meets[chosen]:
        return f"{told}; of {sum(meets)} ends of bands that meet the limit, this one moves the number most"
    return f"{told}; of all assumed inputs it moves the number most, and no end of a band meets the limit"


def _number(entry: Expectation, value: float) -> str:
    if math.isnan(value):
        return "no value"
    return f"{value * 100:.0f} %" if entry.event else f"{value:,.{entry.decimals}f}"
