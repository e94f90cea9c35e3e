"""Replications to differences with intervals, and to a verdict by a printed rule.

All policies of a replication met the same workload and world, so a difference is taken replication by replication; unless independent
numbers were asked for, to see what that is worth. Intervals are Student's at 95 %. They say what chance does within the scenario; what an
assumed input does is said beside them, since no number of replications narrows that.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from sim.errors import BadInput, nearest
from sim.measures import MEASURES, Summary
from sim.policy.autoreply import POLICIES
from sim.scenario import Input, Scenario
from sim.statistics.intervals import LEVEL, Bracket, Estimate, difference, each_of, estimate, pairing_gain, percentile, runs_to_decide
from sim.statistics.stopping import Target
from sim.units import Floats, counted

__all__ = [
    "HEADLINES",
    "MARGIN",
    "MORE_IS_BETTER",
    "OF_BANDS",
    "REPLICATIONS",
    "Assumption",
    "Band",
    "Best",
    "Case",
    "Comparison",
    "Estimate",
    "Outcome",
    "Verdict",
    "decide",
    "differences",
    "enough",
    "estimate",
    "estimates",
    "known_measure",
    "longer_wait",
    "quiet",
    "value",
]

HEADLINES: Final = ("strangers_told", "queues_in_retry_peak")  # the numbers that decide how many replications are enough
OF_BANDS: Final = (*HEADLINES, "wanted_told")  # the measures that are taken at both ends of an assumed input
MARGIN: Final = "margin"  # wanted people told less strangers told, weighed as the scenario's verdict does; asked for like a measure
REPLICATIONS: Final = "replications"  # what an answer depends on that so few of them leave open
MORE_IS_BETTER: Final = frozenset(  # of all others, the least is best
    {MARGIN, "wanted_told", "colleagues_told", "listed_after", "rule_a_right_days", "rule_b_right_days"}
)


def known_measure(name: str, where: str) -> str:
    """The name of a measure, or `margin`; BadInput with the nearest name otherwise."""
    known = [*MEASURES, MARGIN]
    if name not in known:
        raise BadInput(where, f"{name!r} is not a measure{nearest(name, known) or ': one of ' + ', '.join(known)}")
    return name


def value(row: Mapping[str, float], name: str, weight: float) -> float:
    """A measure of one replication, or its margin; `weight` is the verdict's `stranger_weight`."""
    return row["wanted_told"] - weight * row["strangers_told"] if name == MARGIN else row[name]


def estimates(rows: Sequence[Mapping[str, float]], names: Collection[str] = MEASURES) -> dict[str, Estimate]:
    """Every measure over replications, or only some."""
    return {name: estimate(row[name] for row in rows) for name in names}


def differences(
    rows: Sequence[Mapping[str, float]], base: Sequence[Mapping[str, float]], *, pairs: bool = True, level: float = LEVEL
) -> dict[str, Estimate]:
    """Every measure's difference to a baseline, replication by replication, or as of two independent samples."""
    return {name: difference([r[name] for r in rows], [r[name] for r in base], paired=pairs, level=level) for name in MEASURES}


def enough(rows: Sequence[Mapping[str, float]]) -> bool:
    """Are the headlines known to 5 %, or to half a person or queue?"""
    return all(e.half_width <= max(0.05 * abs(e.mean), 0.5) for e in (estimate(row[name] for row in rows) for name in HEADLINES))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a policy: how it is set, and its measures; or why this server does not offer it."""

    name: str
    available: bool
    set_by: str = ""
    undo: str = ""
    why_not: str = ""
    not_here: str = ""  # what of it is no setting of this server: it is simulated, and never recommended
    measures: Mapping[str, Estimate] = field(default_factory=dict)
    runs: tuple[Summary, ...] = field(default=(), repr=False)

    @property
    def rows(self) -> list[Mapping[str, float]]:
        """The measures of each replication."""
        return [run.measures for run in self.runs]

    def curve(self, name: str) -> Floats:
        """A count over time in every replication: float64[replications, moments]."""
        return np.stack([run.curves[name] for run in self.runs])

    @property
    def alert_at(self) -> float:
        """Median time of the first alert, seconds; infinite where fewer than half of the runs raise one."""
        return float(np.median([math.inf if math.isnan(run.alert_at) else run.alert_at for run in self.runs])) if self.runs else math.nan

    def percentile(self, measure: str, percent: float) -> Bracket:
        """What a measure does not exceed in `percent` of the runs, with a 95 % interval that supposes no distribution."""
        return percentile((row[measure] for row in self.rows), percent)


@dataclass(frozen=True, slots=True)
class Band:
    """The widest policy rerun with an assumed input at one end of its band."""

    value: object
    measures: Mapping[str, Estimate]  # OF_BANDS
    runs: tuple[Summary, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Assumption:
    """An assumed input, and what its band does to the widest policy. `base` is that policy on the same replications as the two ends, and
    holds the same measures."""

    input: Input
    base: Mapping[str, Estimate]
    low: Band
    high: Band

    @property
    def moves(self) -> float:
        """The largest relative change of a headline at either end."""
        changes = []
        for name in HEADLINES:
            base = self.base[name].mean
            changes += [abs(band.measures[name].mean - base) / max(1.0, abs(base)) for band in (self.low, self.high)]
        return max(changes)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer by the rule of the scenario's `[verdict]`: `no`, `yes-to` a policy, `yes`, or `depends` on an input or on chance."""

    answer: str
    policy: str  # the policy recommended, or in question
    deciding: str  # key of the assumed input that decides, or moves the headlines most; empty where none does; or `replications`
    margin: Estimate  # W - S * weight under external replies
    limit: str = ""  # key of the rule whose limit lies within an interval, where it depends on replications
    runs: int | None = None  # about how many replications decide then; None: more than can be played

    def __str__(self) -> str:
        """`yes, to mine only`, `depends on spam.silent`, `depends on chance: 10 runs leave mine open, about 40 would tell`."""
        if self.answer == "depends" and self.deciding == REPLICATIONS:
            leave = counted(self.margin.n, "runs leave", "run leaves")
            more = f"about {self.runs:,} would tell" if self.runs else "it lies on the limit"
            return f"depends on chance: {leave} {self.policy} open, {more}"
        only = "" if self.policy.endswith("only") else " only"  # some names say it themselves
        return {"yes-to": f"yes, to {self.policy}{only}", "depends": f"depends on {self.deciding}"}.get(self.answer, self.answer)


@dataclass(frozen=True, slots=True)
class Best:
    """Which policy is best by a measure, by Kim and Nelson's procedure: right with probability `level` if it is `zone` better than any
    other, else within `zone` of the best."""

    measure: str
    policy: str  # empty: not decided within the runs that were allowed
    rivals: tuple[str, ...]  # policies not ruled out, the best among them
    level: float
    zone: float  # in the measure's unit
    runs: int  # replications that it took
    most: int  # replications that decide it for certain


@dataclass(frozen=True, slots=True)
class Case:
    """The same comparison with some keys of the scenario changed, on the same replications."""

    settings: Mapping[str, object]  # as they would be written in the file
    result: Comparison


@dataclass(frozen=True)
class Comparison:
    """Policies side by side, on common random numbers unless `pairs` is false."""

    scenario: Scenario
    seed: int
    replications: int
    version: str
    baseline: str
    widest: str
    policies: Mapping[str, Outcome]
    differences: Mapping[str, Mapping[str, Estimate]]
    assumptions: tuple[Assumption, ...]  # those that move the headlines most first
    verdict: Verdict
    times: Floats = field(repr=False)
    pairs: bool = True  # False: every policy met mail of its own
    together: bool = False  # the differences of a measure hold for all policies together, by Bonferroni
    until: tuple[Target, ...] = ()  # what was to be known of the widest policy, or of another; see `missed`
    best: Best | None = None
    cases: tuple[Case, ...] = ()
    engine: str = ""  # the back end that played it

    @property
    def level(self) -> float:
        """The level of each interval of a difference."""
        return each_of(len(self.differences)) if self.together else LEVEL

    @property
    def missed(self) -> tuple[Target, ...]:
        """Targets that were not reached within the runs that were allowed."""

        def met(wanted: Target) -> bool:
            return wanted.met(row[wanted.measure] for row in self.policies[wanted.policy or self.widest].rows)

        return tuple(wanted for wanted in self.until if not met(wanted))

    def pairing_gain(self, policy: str, measure: str) -> Bracket:
        """How many times as many independent runs would tell a policy as well from the baseline; NaN where nothing varies."""
        if not self.pairs:
            raise ValueError("the policies of this comparison met different mail: nothing is paired")
        a, b = self.policies[policy].rows, self.policies[self.baseline].rows
        return pairing_gain([row[measure] for row in a], [row[measure] for row in b])

    def _repr_html_(self) -> str:
        names = [name for name, outcome in self.policies.items() if outcome.available]
        head = "".join(f"<th>{name}</th>" for name in names)

        def cell(e: Estimate, places: int) -> str:
            return f"<td>{e.mean:,.{places}f} ± {e.half_width:,.{places}f}</td>"

        rows = (
            f"<tr><td>{name}</td>{''.join(cell(self.policies[p].measures[name], entry.decimals) for p in names)}<td>{entry.unit}</td></tr>"
            for name, entry in MEASURES.items()
        )
        said = f"{self.replications} runs, seed {self.seed}: {self.verdict}"
        return f"<p>{said}</p><table><tr><th>measure</th>{head}<th>unit</th></tr>{''.join(rows)}</table>"

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(self.policies)} on {self.scenario.name}: {self.verdict}, {self.replications} runs>"


def quiet(policies: Mapping[str, Outcome]) -> Outcome | None:
    """The policy under which no reply goes to the outside; None where it was not played."""
    return next((policies[name] for name in ("off", "internal-only") if name in policies and policies[name].available), None)


def longer_wait(policies: Mapping[str, Outcome], outcome: Outcome) -> float:
    """Seconds by which wanted mail waits longer for a free connection than without replies to the outside; where no such policy was played,
    the whole wait."""
    without = quiet(policies)
    return outcome.measures["wanted_wait"].mean - (without.measures["wanted_wait"].mean if without is not None else 0.0)


def decide(
    scenario: Scenario,
    policies: Mapping[str, Outcome],
    widest: str,
    assumptions: Sequence[Assumption],
    *,
    pairs: bool = True,
    lean: float | None = None,
) -> Verdict:
    """The rule. W and S are the wanted people and the strangers told under a policy.

    yes: external replies have W > S x weight, delay no wanted mail for want of a connection or at a smarthost's limit, and have none
    refused for a listing. yes-to P:
    not so, but a narrower policy reaches W(P) >= enough x W(widest) and W(P) > S(P) x weight. no: neither. depends: the interval of a
    deciding difference, or the band of an assumed input, crosses a limit: that of the difference on either side of it.

    lean: the answer if every deciding difference were known, and lay so many half-widths above its mean: 0 is the answer by the means, and
    where those for -1, 0 and 1 agree, chance does not matter to it.
    """
    rule = scenario.document.verdict
    deciding = assumptions[0].input.key if assumptions and assumptions[0].moves > 0.05 else ""

    def leaning(found: Estimate) -> Estimate:
        return found if lean is None else Estimate(found.mean + lean * found.half_width if lean else found.mean, 0.0, found.n)

    def margin(rows: Sequence[Mapping[str, float]]) -> Estimate:
        return leaning(estimate(value(row, MARGIN, rule.stranger_weight) for row in rows))

    wide = policies[widest]
    gain = margin(wide.rows)
    narrow = quiet(policies) or wide
    waits = longer_wait(policies, wide) > 1.0
    refused = wide.measures["wanted_refused"].mean - narrow.measures["wanted_refused"].mean >= 1.0
    throttled = wide.measures["wanted_throttled"].mean - narrow.measures["wanted_throttled"].mean >= 1.0  # NaN where mail meets no limit
    positive = gain.mean > 0 and not (waits or refused or throttled)
    if wide.name == "external":
        for item in assumptions:
            for band in (item.low, item.high):
                if (margin([run.measures for run in band.runs]).mean > 0) != (gain.mean > 0):
                    return Verdict("depends", widest, item.input.key, gain)
        if abs(gain.mean) < gain.half_width and not (waits or refused or throttled):
            return Verdict("depends", widest, REPLICATIONS, gain, "verdict.stranger_weight", runs_to_decide(gain))
        if positive:
            return Verdict("yes", "external", deciding, gain)
    best: tuple[float, str] | None = None
    questions: list[tuple[bool, bool, float, Verdict]] = []  # is it one's own, no by the means, less people told
    for name in (*reversed(POLICIES), *(name for name in policies if name not in POLICIES)):
        outcome = policies.get(name)
        if outcome is None or not outcome.available or outcome.not_here or name in ("external", "off", "internal-only"):
            continue
        own = margin(outcome.rows)
        wanted = [rule.enough * row["wanted_told"] for row in wide.rows]
        reach = leaning(difference([row["wanted_told"] for row in outcome.rows], wanted, paired=pairs))
        told = outcome.measures["wanted_told"].mean
        yes = reach.mean >= 0 and own.mean > 0
        if not told > 0 or max(reach.mean, reach.high) < 0 or max(own.mean, own.high) <= 0:
            continue
        if not yes or min(reach.low, own.low) < 0:
            questions.append((name not in POLICIES, not yes, -told, _question(name, reach, own, gain)))
        elif best is None or told > best[0]:
            best = (told, name)
    if best is not None:
        return Verdict("yes-to", best[1], deciding, gain)
    if questions:  # one of the server's own before one's own, and then as among those that are enough
        return min(questions, key=lambda question: question[:3])[3]
    last = "internal-only" if "internal-only" in policies and policies["internal-only"].available else "off"
    return Verdict("no", last, deciding, gain)


def _question(name: str, reach: Estimate, own: Estimate, gain: Estimate) -> Verdict:
    """That a narrower policy may or may not be enough: which limit it may miss, and how many replications tell."""
    limits = {"verdict.enough": reach, "verdict.stranger_weight": own}
    yes = reach.mean >= 0 and own.mean > 0  # once both are sure; else no, once one is
    unsure = {limit: found for limit, found in limits.items() if (found.low < 0 if yes else found.mean <= 0)}
    runs: dict[str, float] = {limit: runs_to_decide(found) or math.inf for limit, found in unsure.items()}
    limit = (max if yes else min)(runs, key=lambda key: runs[key])
    return Verdict("depends", name, REPLICATIONS, gain, limit, None if math.isinf(runs[limit]) else int(runs[limit]))
