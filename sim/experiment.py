"""Starts runs: how many replications, and reruns at the ends of assumed inputs.

Replications come in batches of fixed size and are judged batch by batch, so a result does not depend on the number of workers.
"""

from __future__ import annotations

import itertools
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from sim import __version__, comparison, measures, workers
from sim.comparison import Assumption, Band, Best, Case, Comparison, Outcome
from sim.errors import BadInput
from sim.measures import MEASURES, Summary
from sim.policy.autoreply import POLICIES
from sim.policy.own import Function
from sim.scenario import Input, Scenario
from sim.server.transport.engines import Asked
from sim.statistics.intervals import LEVEL, each_of
from sim.statistics.selection import select
from sim.statistics.stopping import Target, target
from sim.workers import Pool, Progress, Task

__all__ = [
    "BAND_REPLICATIONS",
    "BATCH",
    "MOST",
    "MOST_CASES",
    "compare",
    "compared",
    "offered",
]

BATCH: Final = 10
MOST: Final = 200
MOST_CASES: Final = 100
BAND_REPLICATIONS: Final = 10
_APART: Final = 2**32  # between the replication numbers of policies that meet mail of their own
_SCREEN: Final = 2  # replications after which an input that has moved no headline by 1 % is not pursued
_MOVED: Final = 0.01
_OF_BANDS: Final = (*comparison.OF_BANDS, "queues_in_retry")  # with the curve that the story's chart draws


def compare(
    scenario: Scenario,
    policies: Sequence[str] | Mapping[str, Function] = (),
    *,
    seed: int = 1,
    replications: int | None = None,
    jobs: int | None = None,
    bands: bool = True,
    until: Sequence[Target | str] = (),
    best: str = "",
    zone: float = 1.0,
    pairs: bool = True,
    together: bool = False,
    vary: Mapping[str, Sequence[object]] | None = None,
    executor: str = "",
    resume: str | os.PathLike[str] | None = None,
    engine: Asked = "auto",
    progress: Progress = lambda what, done, total: None,
) -> Comparison:
    """Compare reply policies on common random numbers.

    policies: names; all by default, those that the server lacks among them with the reason; or Python functions by name, to be compared
    beside them all: each is asked with (message, answered) whether to reply (`sim.policy.own`). The scenario's own policy is the baseline
    and always among them. replications: a number, or None for as many as it takes until the headlines of the widest policy are known to
    5 % (10 to 200). jobs: worker processes, by default one per core; the result does not depend on it. bands: rerun the widest policy at
    the ends of every assumed input.

    until: instead of the headlines, what shall be known of the widest policy, as in `["backscatter=5%"]`, or of another, as in
    `["partners-only:wanted_told=5%"]`. best: a measure, or `margin`, by
    which the best policy is sought until it is known with 95 % where it is `zone` better than the others. With either, `replications` is
    the most that is spent (200 by default). pairs: False gives every policy mail of its own, to see what common random numbers are worth.
    together: the differences to the baseline hold for all policies together. vary: keys with values; every combination is compared on the
    same replications, without reruns for assumed inputs, and is one of the result's `cases`. executor: `dask://HOST:PORT` plays them on the
    workers of a cluster (docs/cluster.md). resume: a folder in which every replication is kept as soon as it is done; the same call goes on
    from there. engine: the SimPy reference, the compiled kernel, or which of them is sooner done. None of the three changes the result.
    """
    for what, number, least, most in (("replications", replications, 1, 100_000), ("jobs", jobs, 1, 1024), ("seed", seed, 0, 2**62)):
        if number is not None and not least <= number <= most:
            raise BadInput(what, f"{number} is not between {least:,} and {most:,}")
    scenario.demand_replay()
    if isinstance(policies, Mapping):
        scenario, policies = scenario.with_functions(policies), ()
    jobs = jobs if executor else _jobs(scenario, jobs)
    targets = tuple(target(item, MEASURES) if isinstance(item, str) else item for item in until)
    if best:
        comparison.known_measure(best, "--best")
    if not 0 < zone < math.inf:
        raise BadInput("--zone", f"{zone:g} is not above 0: the difference, in the measure's unit, that would not matter to you")
    changed = [(settings, _changed(scenario, settings)) for settings in _combinations(vary or {})]
    outcomes = offered(scenario, policies)
    available = tuple(name for name, outcome in outcomes.items() if outcome.available)
    widest = available[-1]
    for wanted in targets:
        if wanted.policy and wanted.policy not in available:
            raise BadInput("--until", f"{wanted.policy!r} is not one of the policies that are compared: {', '.join(available)}")
    weight = scenario.document.verdict.stranger_weight

    def chosen(played: Sequence[Mapping[str, Summary]]) -> Best | None:
        return _best([{name: run.measures for name, run in runs_of.items()} for runs_of in played], available, best, zone, weight)

    def sufficient(played: Sequence[Mapping[str, Summary]]) -> bool:
        if not targets and not best:
            return replications is not None or comparison.enough([result[widest].measures for result in played])
        found = chosen(played)
        known = all(t.met(result[t.policy or widest].measures[t.measure] for result in played) for t in targets)
        return known and (found is None or found.policy != "")

    most = MOST if replications is None else replications
    size = BATCH if replications is None or targets or best else replications
    # of the assumed inputs, few are pursued to the end; some end where they stand, and are not played there
    more = most - size + len(changed) * size + (2 * _SCREEN * len(scenario.assumed()) if bands else 0)
    with workers.pool(scenario, seed, jobs, progress, executor=executor, resume=resume, engine=engine, more=more) as pool:
        played: list[dict[str, Summary]] = []
        while not played or (len(played) < most and not sufficient(played)):
            numbers = range(len(played), min(len(played) + size, most))
            played += _play(pool, "runs", scenario, available, seed, numbers, pairs)
        assumptions = _bands(scenario, widest, seed, [result[widest] for result in played], pool) if bands else []

        cases = []
        for number, (settings, case) in enumerate(changed, start=1):
            mine = offered(case, policies)
            names = tuple(name for name, outcome in mine.items() if outcome.available)
            results = _play(pool, f"case {number} of {len(changed)}", case, names, seed, range(len(played)), pairs)
            outcome = compared(case, mine, results, seed, pairs=pairs, together=together)
            cases.append(Case(settings, replace(outcome, engine=pool.engine)))
    result = compared(scenario, outcomes, played, seed, assumptions, pairs=pairs, together=together)
    return replace(result, until=targets, best=chosen(played), cases=tuple(cases), engine=pool.engine)


def offered(scenario: Scenario, policies: Sequence[str]) -> dict[str, Outcome]:
    """The policies asked for (all where none is), with the scenario's own among them, narrowest first, and how each is set; those that the
    server lacks with the reason. BadInput where a name is not one of a policy."""
    known = scenario.policies
    wanted = {*(policies or known), scenario.policy}
    outcomes: dict[str, Outcome] = {}
    for name in [*(name for name in known if name in wanted), *(name for name in policies if name not in known)]:
        found = scenario.reply_policy(name)
        switch = found.switch
        outcomes[name] = Outcome(name, not switch.why_not, switch.set_by, switch.undo, switch.why_not, not_here=found.not_here)
    return outcomes


def _jobs(scenario: Scenario, jobs: int | None) -> int | None:
    """One, where a policy cannot be sent to worker processes and no number was asked for."""
    if jobs is not None or not scenario.staying:
        return jobs
    named = ", ".join(map(repr, scenario.staying))
    warnings.warn(f"{named} cannot be sent to worker processes (define it in a module): one process plays it all", stacklevel=3)
    return 1


def _play(
    pool: Pool, what: str, scenario: Scenario, names: Sequence[str], seed: int, numbers: range, pairs: bool
) -> list[dict[str, Summary]]:
    """Replications under every policy, on the same numbers or each on its own.

    The widest policy, the last, keeps the numbers that it has in a paired comparison; so the two differ in nothing else.
    """
    if pairs:
        return pool.play(what, [Task(scenario, tuple(names), seed, n) for n in numbers])
    places = [*POLICIES, *(name for name in scenario.policies if name not in POLICIES)]
    apart = [0 if name == names[-1] else _APART * (1 + places.index(name)) for name in names]
    found = pool.play(what, [Task(scenario, (name,), seed, n + far) for n in numbers for name, far in zip(names, apart, strict=True)])
    width = len(names)
    return [{name: run for result in found[i : i + width] for name, run in result.items()} for i in range(0, len(found), width)]


def compared(
    scenario: Scenario,
    outcomes: Mapping[str, Outcome],
    played: Sequence[Mapping[str, Summary]],
    seed: int,
    assumptions: Sequence[Assumption] = (),
    *,
    pairs: bool = True,
    together: bool = False,
) -> Comparison:
    """What the replications say."""
    available = [name for name, outcome in outcomes.items() if outcome.available]
    found = dict(outcomes)
    for name in available:
        summaries = tuple(result[name] for result in played)
        found[name] = replace(found[name], measures=comparison.estimates([s.measures for s in summaries]), runs=summaries)
    base, others = found[scenario.policy].rows, [name for name in available if name != scenario.policy]
    level = each_of(len(others)) if together else LEVEL
    return Comparison(
        scenario=scenario,
        seed=seed,
        replications=len(played),
        version=__version__,
        baseline=scenario.policy,
        widest=available[-1],
        policies=found,
        differences={name: comparison.differences(found[name].rows, base, pairs=pairs, level=level) for name in others},
        assumptions=tuple(assumptions),
        verdict=comparison.decide(scenario, found, available[-1], assumptions, pairs=pairs),
        times=measures.moments(scenario.horizon),
        pairs=pairs,
        together=together,
    )


def _best(
    played: Sequence[Mapping[str, Mapping[str, float]]], names: Sequence[str], measure: str, zone: float, weight: float
) -> Best | None:
    """Which policy is best by a measure so far; None where that was not asked."""
    if not measure:
        return None
    sign = 1.0 if measure in comparison.MORE_IS_BETTER else -1.0
    values = np.array([[sign * comparison.value(rows[name], measure, weight) for name in names] for rows in played])
    if np.isnan(values).any():
        raise BadInput("--best", f"{measure} has no value in some of the runs, so policies cannot be ranked by it")
    found = select(values, zone, LEVEL, BATCH)
    policy = "" if found.best is None else names[found.best]
    return Best(measure, policy, tuple(names[n] for n in found.rivals), LEVEL, zone, found.runs, found.most)


def _changed(scenario: Scenario, settings: Mapping[str, object]) -> Scenario:
    """The scenario of a case. On another server a policy that it lacks is replaced by the next narrower one, in force or as a change."""
    rest = dict(settings)
    server = rest.pop("server.profile", None)
    found = scenario if server is None else scenario.on_server(str(server))
    return found.with_settings(rest, "--vary") if rest else found


def _combinations(vary: Mapping[str, Sequence[object]]) -> list[dict[str, object]]:
    """Every combination of the values, the last key fastest."""
    count = math.prod(len(values) for values in vary.values()) if vary else 0
    if count > MOST_CASES:
        raise BadInput("--vary", f"makes {count:,} cases, more than {MOST_CASES}")
    return [dict(zip(vary, values, strict=True)) for values in itertools.product(*vary.values())] if vary else []


def _bands(scenario: Scenario, policy: str, seed: int, base: Sequence[Summary], pool: Pool) -> list[Assumption]:
    """The policy rerun at both ends of each assumed input, on the replications of the base run.

    An input that moves no headline by 1 % over the first two replications, at either end, is not pursued further.
    """
    count = min(BAND_REPLICATIONS, len(base))
    first = min(_SCREEN, count)
    inputs = scenario.assumed()
    ends = [value for item in inputs for value in (item.low, item.high)]
    # an input that ends where it stands, or says when an alarm goes off, has the base run there
    others = {
        2 * n + i: scenario.with_settings({item.key: value})
        for n, item in enumerate(inputs)
        for i, value in enumerate((item.low, item.high))
        if value != item.value and not item.key.startswith("detection.")
    }
    summaries: list[list[Summary]] = [[] for _ in ends]

    def play(which: Sequence[int], numbers: range) -> None:
        """More replications at some of the ends."""
        tasks = [Task(others[i], (policy,), seed, n, only=_OF_BANDS) for i in which if i in others for n in numbers]
        found = iter(pool.play("assumptions", tasks))
        for i in which:
            summaries[i] += [next(found)[policy] if i in others else base[n] for n in numbers]

    def moved(i: int) -> bool:
        def total(name: str, runs_of: Sequence[Summary]) -> float:
            return sum(run.measures[name] for run in runs_of[:first])

        return any(abs(total(n, summaries[i]) - total(n, base)) > _MOVED * abs(total(n, base)) for n in comparison.HEADLINES)

    play(range(len(ends)), range(first))
    play([i for i in range(len(ends)) if moved(i - i % 2) or moved(i - i % 2 + 1)], range(first, count))

    def band(i: int) -> Band:
        return Band(ends[i], comparison.estimates([s.measures for s in summaries[i]], comparison.OF_BANDS), tuple(summaries[i]))

    def assumption(item: Input, i: int) -> Assumption:
        same = comparison.estimates([s.measures for s in base[: len(summaries[i])]], comparison.OF_BANDS)
        return Assumption(item, same, band(i), band(i + 1))

    listed = [assumption(item, 2 * n) for n, item in enumerate(inputs)]
    return sorted(listed, key=lambda a: -a.moves)
