"""Starts the runs of a sweep: one key over its values, and the search for where the answer flips."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from sim import __version__, comparison, workers
from sim.breakeven import Point, Sweep, search
from sim.comparison import MARGIN, Comparison, Estimate, estimate
from sim.errors import BadInput
from sim.experiment import compared, offered
from sim.scenario import Scenario
from sim.scenario.span import Span, over
from sim.server.transport.engines import Asked
from sim.workers import Progress, Task

__all__ = ["POINTS", "REPLICATIONS", "sweep"]

POINTS: Final = 9
REPLICATIONS: Final = 20


def sweep(
    scenario: Scenario,
    key: Span | str,
    *,
    policies: Sequence[str] = (),
    measure: str = "",
    crosses: float | None = None,
    points: int = POINTS,
    replications: int = REPLICATIONS,
    seed: int = 1,
    jobs: int | None = None,
    executor: str = "",
    resume: str | os.PathLike[str] | None = None,
    engine: Asked = "auto",
    progress: Progress = lambda what, done, total: None,
) -> Sweep:
    """Play a scenario over the values of one key, all with the same replications, and search for where the answer flips.

    key: `spam.unresolvable=2%..46%`, or a span. measure: what is shown for every policy; by default the margin by which wanted people told
    outweigh strangers told. crosses: instead of the answer, where the measure of the widest of the policies passes this level; then only
    the policies named are played, the scenario's own where none is. Other assumed inputs stay at their values. executor, resume,
    engine: as in `sim.compare`.
    """
    for what, number, least, most in (
        ("--points", points, 2, 200),
        ("--replications", replications, 2, 10_000),
        ("--seed", seed, 0, 2**62),
    ):
        if not least <= number <= most:
            raise BadInput(what, f"{number} is not between {least:,} and {most:,}")
    way = over(key) if isinstance(key, str) else key
    measure = comparison.known_measure(measure or MARGIN, "--measure")
    scenario.demand_replay()
    for u in (0.0, 1.0):
        scenario.with_settings({way.key: way.at(u)}, "--over")
    outcomes = offered(scenario, policies or ([scenario.policy] if crosses is not None else ()))
    names = tuple(name for name, outcome in outcomes.items() if outcome.available)
    judged = next((name for name in reversed(names) if not policies or name in policies), names[-1])

    def judge(u: float, result: Comparison) -> Point:
        weight = result.scenario.document.verdict.stranger_weight
        found = {name: estimate(comparison.value(row, measure, weight) for row in result.policies[name].rows) for name in names}
        told = {n: (result.policies[n].measures["wanted_told"], result.policies[n].measures["strangers_told"]) for n in names}
        if crosses is not None:
            label, sure = _side(found[judged], crosses)
            return Point(u, way.at(u), label, sure, found, told)
        leaning = [comparison.decide(result.scenario, result.policies, result.widest, (), lean=lean) for lean in (0.0, -1.0, 1.0)]
        labels = [_label(verdict.answer, verdict.policy) for verdict in leaning]
        return Point(u, way.at(u), labels[0], len(set(labels)) == 1, found, told, leaning[0])

    with workers.pool(scenario, seed, jobs, progress, executor=executor, resume=resume, engine=engine) as pool:

        def evaluate(shares: Sequence[float], what: str) -> list[Point]:
            changed = [scenario.with_settings({way.key: way.at(u)}, "--over") for u in shares]
            played = pool.play(what, [Task(each, names, seed, n) for each in changed for n in range(replications)])
            parts = [played[i * replications : (i + 1) * replications] for i in range(len(shares))]
            return [judge(u, compared(s, outcomes, part, seed)) for u, s, part in zip(shares, changed, parts, strict=True)]

        table = evaluate(way.shares(points), "runs")
        looked: list[Point] = []

        def one(u: float) -> Point:
            looked.extend(evaluate([u], "break-even"))
            return looked[-1]

        flips, more = search(table, one, way)
    return Sweep(
        scenario=scenario,
        span=way,
        seed=seed,
        replications=replications,
        version=__version__,
        engine=pool.engine,
        measure=measure,
        crosses=crosses,
        policies=names,
        judged=judged,
        points=tuple(table),
        flips=tuple(flips),
        searched=tuple(sorted([*table, *looked], key=lambda point: point.share)),
        more=more,
    )


def _label(answer: str, policy: str) -> str:
    return f"yes-to {policy}" if answer == "yes-to" else answer


def _side(found: Estimate, level: float) -> tuple[str, bool]:
    """On which side of a level a mean lies, and whether its interval leaves the level out. A mean that is no number lies on neither."""
    label = "above" if found.mean > level else "at or below" if found.mean <= level else "no value"
    return label, found.low > level or found.high <= level
