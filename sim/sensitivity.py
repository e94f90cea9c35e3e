"""Starts the runs that tell which assumed inputs decide: screening, then the ends and the variance of those that matter.

Chance is one more input: which replication is played. So its share of the variance stands beside those of the inputs, and an input that
matters less than chance is seen to. Within one step of a design only what is meant to differ does: the rest meets the same mail.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim import __version__, comparison, workers
from sim.comparison import MARGIN
from sim.errors import BadInput
from sim.experiment import offered
from sim.influence import Influence, Sensitivity
from sim.measures import Summary
from sim.scenario import Input, Scenario
from sim.scenario.span import Span, span
from sim.server.transport.engines import Asked
from sim.statistics import design
from sim.statistics.design import LEVELS, STEP, Effect, Share
from sim.statistics.intervals import difference, estimate
from sim.units import Floats
from sim.workers import Pool, Progress, Task

__all__ = ["BUDGET", "ENDS", "MOST_MATTER", "Plan", "plan", "weigh"]

BUDGET: Final = 2000
ENDS: Final = 10  # replications at each end of a band
MOST_MATTER: Final = 8
_RULED_OUT: Final = 0.1  # of the largest mean absolute effect: what is below does not matter
_LOGARITHMIC: Final = 10.0  # bands that reach over a factor of ten are gone through in equal ratios
_LEAST_SAMPLES: Final = 16
_MOST_SAMPLES: Final = 512
_REPLICATIONS: Final = 2**20  # among which chance chooses


@dataclass(frozen=True, slots=True)
class Plan:
    """How a budget of runs is spent, known before the first of them."""

    inputs: int
    trajectories: int
    budget: int

    @property
    def screening(self) -> int:
        """Runs of the screening: every trajectory moves each input and chance once."""
        return self.trajectories * (self.inputs + 2)

    def samples(self, matter: int) -> int:
        """Base samples of the Sobol' indices of so many inputs and chance with the runs that are left; 0 where they are too few."""
        left = self.budget - self.screening - ENDS * (2 * matter + 1)
        most = left // (matter + 3)
        return 0 if most < _LEAST_SAMPLES else min(_MOST_SAMPLES, 2 ** int(math.log2(most)))

    def __str__(self) -> str:
        ends = ENDS * (2 * MOST_MATTER + 1)
        return (
            f"At most {self.budget:,} runs: {self.screening:,} screen {self.inputs} assumed inputs (Morris, {self.trajectories} "
            f"trajectories of {self.inputs + 2}), up to {ends} play the ends of the bands that matter, and the rest gives the Sobol' "
            "indices of these."
        )


def plan(scenario: Scenario, budget: int = BUDGET) -> Plan:
    """How the budget is spent on a scenario; BadInput where it is too small."""
    inputs = len(scenario.assumed())
    if not inputs:
        raise BadInput(scenario.file, "has no assumed input: there is nothing to vary")
    least = 4 * (inputs + 2) + ENDS * (2 * MOST_MATTER + 1)
    if not least <= budget <= 1_000_000:
        raise BadInput("--budget", f"{budget:,} is not between {least:,} and 1,000,000 runs for {inputs} assumed inputs")
    return Plan(inputs, max(4, min(20, budget // 4 // (inputs + 2))), budget)


def weigh(
    scenario: Scenario,
    *,
    policy: str = "",
    measure: str = "",
    budget: int = BUDGET,
    seed: int = 1,
    jobs: int | None = None,
    executor: str = "",
    resume: str | os.PathLike[str] | None = None,
    engine: Asked = "auto",
    progress: Progress = lambda what, done, total: None,
) -> Sensitivity:
    """Screen all assumed inputs of a scenario over their bands, and weigh those that matter.

    measure: a measure or `margin`, the default. policy: by default the widest that the server offers. budget: the most runs that are
    spent; `plan` says beforehand on what. An input is ruled out where its mean absolute effect is below a tenth of the largest; at most
    eight stay. executor, resume, engine: as in `sim.compare`.
    """
    scenario.demand_replay()
    measure = comparison.known_measure(measure or MARGIN, "--measure")
    names = [name for name, outcome in offered(scenario, [policy] if policy else ()).items() if outcome.available]
    if policy:
        scenario.audience(policy)
    chosen = policy or names[-1]
    intended, inputs = plan(scenario, budget), scenario.assumed()
    ways = [_way(item) for item in inputs]
    with workers.pool(scenario, seed, jobs, progress, executor=executor, resume=resume, engine=engine) as pool:
        trial = _Trial(scenario, chosen, measure, seed, pool)
        points = design.screening(len(inputs) + 1, intended.trajectories, seed)
        steps = len(inputs) + 2  # points of a trajectory
        numbers = [n // steps * LEVELS + round(u * (LEVELS - 1)) for n, u in enumerate(points[:, -1].tolist())]
        effects = design.screen(points, trial.play("screening", ways, points[:, :-1], numbers), seed)
        # what has two values, or no order as runs have none, moves wholly with each step: its effect is not that of a longer way
        jumps = [*(way.choice for way in ways), True]
        effects = [_times(effect, STEP) if jump else effect for effect, jump in zip(effects, jumps, strict=True)]
        largest = max(effect.mean for effect in effects[:-1])
        order = sorted(range(len(inputs)), key=lambda n: -effects[n].mean)
        kept = [n for n in order if largest > 0 and effects[n].mean >= _RULED_OUT * largest][:MOST_MATTER]

        same = range(ENDS)
        base = trial.ends("ends of the bands", [{}], same)[0]
        ends = trial.ends("ends of the bands", [{inputs[n].key: v} for n in kept for v in (inputs[n].low, inputs[n].high)], same)
        changes = [difference(values, base) for values in ends]

        samples = intended.samples(len(kept)) if kept else 0
        found: list[Share] = []
        if samples:
            points = design.sharing(len(kept) + 1, samples, seed)
            numbers = [int(u * _REPLICATIONS) for u in points[:, -1].tolist()]
            found = design.shares(len(kept) + 1, trial.play("variance", [ways[n] for n in kept], points[:, :-1], numbers), seed)
    matter = [Influence(inputs[n], effects[n], changes[2 * i], changes[2 * i + 1], found[i] if found else None) for i, n in enumerate(kept)]
    return Sensitivity(
        scenario=scenario,
        measure=measure,
        policy=chosen,
        seed=seed,
        version=__version__,
        engine=pool.engine,
        replications=ENDS,
        base=estimate(base),
        matter=tuple(sorted(matter, key=lambda item: -item.swing)),
        ruled_out=tuple(Influence(inputs[n], effects[n]) for n in order if n not in kept),
        chance=effects[-1],
        chance_share=found[-1] if found else None,
        trajectories=intended.trajectories,
        samples=samples,
        runs=trial.runs,
        budget=budget,
        pulled=trial.pulled,
    )


def _way(item: Input) -> Span:
    """The band of an input; a wide one in equal ratios."""
    way = span(item.key, item.low, item.high, where=item.key)
    least, most = sorted((way.first, way.last))
    return span(item.key, item.low, item.high, log=True) if not way.choice and least > 0 and most / least >= _LOGARITHMIC else way


def _times(effect: Effect, factor: float) -> Effect:
    return Effect(effect.mean * factor, effect.half_width * factor, effect.spread * factor)


@dataclass(slots=True)
class _Trial:
    """Plays points of a design, and counts."""

    scenario: Scenario
    policy: str
    measure: str
    seed: int
    pool: Pool
    runs: int = 0
    pulled: int = 0

    def play(self, what: str, ways: Sequence[Span], points: Floats, numbers: Sequence[int]) -> Floats:
        """The measure at each point, on the replication of its number. float64[n]."""
        tasks = [self._task(ways, point, number) for point, number in zip(points.tolist(), numbers, strict=True)]
        return np.array(self._values(self.pool.play(what, tasks)))

    def ends(self, what: str, settings: Sequence[Mapping[str, object]], numbers: range) -> list[list[float]]:
        """The measure with some keys changed, on the same replications each."""
        changed = [self.scenario.with_settings(each, "--all") if each else self.scenario for each in settings]
        values = self._values(self.pool.play(what, [Task(s, (self.policy,), self.seed, n) for s in changed for n in numbers]))
        return [values[i : i + len(numbers)] for i in range(0, len(values), len(numbers))]

    def _values(self, played: Sequence[Mapping[str, Summary]]) -> list[float]:
        self.runs += len(played)
        weight = self.scenario.document.verdict.stranger_weight
        values = [comparison.value(result[self.policy].measures, self.measure, weight) for result in played]
        if any(math.isnan(value) for value in values):
            raise BadInput("--measure", f"{self.measure} has no value in some of the runs, so its variance means nothing")
        return values

    def _task(self, ways: Sequence[Span], point: Sequence[float], number: int) -> Task:
        """A point as a scenario. Where shares would add up to more than 100 %, the keys of that table are pulled towards the middle of
        their bands until they do not."""
        settings = {way.key: way.at(u) for way, u in zip(ways, point, strict=True)}
        for pull in range(11):
            try:
                changed = self.scenario.with_settings(settings, "--all")
            except BadInput as error:
                if pull == 10:
                    raise
                table = error.where.rsplit(": ", 1)[-1] + "."
                for way, u in zip(ways, point, strict=True):
                    if way.key.startswith(table):
                        settings[way.key] = way.at(0.5 + (u - 0.5) * (9 - pull) / 10)
            else:
                self.pulled += pull > 0
                return Task(changed, (self.policy,), self.seed, number)
        raise AssertionError("the loop returns or raises")
