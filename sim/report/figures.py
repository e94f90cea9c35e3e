"""The numbers of a comparison as they are shown: terminal, page, CSV and JSON take them from here, rounded once."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from sim.comparison import Comparison, Estimate
from sim.mail import Answer as Reason
from sim.mail import word
from sim.measures import MEASURES
from sim.scenario import Scenario
from sim.scenario.reader import plain

__all__ = ["about", "away", "csv_rows", "document", "figures", "number", "replay", "written"]


def figures(estimate: Estimate, measure: str) -> tuple[float, float]:
    """Mean and half-width as they are shown everywhere, rounded to what the measure is worth."""
    places = MEASURES[measure].decimals
    return round(estimate.mean, places) + 0.0, round(estimate.half_width, places) + 0.0


def number(estimate: Estimate, measure: str) -> str:
    """`101.8 ± 3.3`; a dash where there is nothing to say."""
    mean, half = figures(estimate, measure)
    if math.isnan(mean):
        return "-"
    places = 0 if mean == 0 and not half > 0 else MEASURES[measure].decimals
    return f"{mean:,.{places}f}" + (f" ± {half:,.{places}f}" if half > 0 else "")


def written(value: float) -> str:
    """A number for a program that reads it: every digit, and no exponent."""
    return np.format_float_positional(value, trim="-")


def about(estimate: Estimate) -> str:
    """A mean for a sentence: no decimals, no interval."""
    return f"{estimate.mean:,.0f}"


def away(scenario: Scenario, several: str = "someone") -> str:
    """Who is away: the person's name, or another word where it is more than one."""
    mailboxes = {absence.mailbox for absence in scenario.absences}
    return scenario.person(mailboxes.pop()) if len(mailboxes) == 1 else several


def replay(comparison: Comparison) -> dict[str, Any]:
    """How the replayed messages fared under the widest policy: read = answered + suppressed + malformed."""
    scenario = comparison.scenario
    corpora = [corpus for corpus in (scenario.replay, scenario.replay_wanted) if corpus is not None]
    if not corpora:
        return {}
    counts: dict[str, int] = {}
    for corpus, spam in ((scenario.replay, True), (scenario.replay_wanted, False)):
        if corpus is not None:
            for reason, n in comparison.policies[comparison.widest].runs[0].answers["spam" if spam else "wanted"].items():
                counts[reason] = counts.get(reason, 0) + n
    read, malformed = sum(c.read for c in corpora), sum(c.malformed for c in corpora)
    answered = counts.pop(word(Reason.ANSWERED), 0)
    late = read - malformed - answered - sum(counts.values())
    if late:
        counts[word(Reason.AFTER_THE_END)] = late
    return {
        "read": read,
        "answered": answered,
        "suppressed": counts,
        "malformed": malformed,
        "from_used": sum(c.from_used for c in corpora),
        "compressed": asdict(scenario.compressed) if scenario.compressed is not None else None,
    }


def document(comparison: Comparison, sentence: str) -> dict[str, Any]:
    """The result as JSON: NaN becomes null."""

    def numbers(estimates: Any) -> dict[str, Any]:
        found = {}
        for name, entry in MEASURES.items():
            mean, half = figures(estimates[name], name)
            found[name] = {"mean": _null(mean), "half_width": _null(half), "unit": entry.unit}
        return found

    verdict = comparison.verdict
    return {
        "scenario": comparison.scenario.name,
        "version": comparison.version,
        "engine": comparison.engine,
        "seed": comparison.seed,
        "replications": comparison.replications,
        "inputs_sha256": comparison.scenario.sha256(),
        "baseline": comparison.baseline,
        "verdict": {
            "answer": verdict.answer,
            "policy": verdict.policy,
            "deciding": verdict.deciding,
            "runs_to_decide": verdict.runs,
            "sentence": sentence,
        },
        "policies": {
            name: {"available": True, **numbers(o.measures), **({"not_here": o.not_here} if o.not_here else {})}
            if o.available
            else {"available": False, "why": o.why_not}
            for name, o in comparison.policies.items()
        },
        "differences": {name: numbers(estimates) for name, estimates in comparison.differences.items()},
        "assumptions": [
            {
                "key": item.input.key,
                "value": item.input.value,
                "source": item.input.source,
                "replications": item.low.measures["strangers_told"].n,
                **{
                    end: {"value": band.value}
                    | {name: _null(figures(band.measures[name], name)[0]) for name in ("strangers_told", "queues_in_retry_peak")}
                    for end, band in (("low", item.low), ("high", item.high))
                },
            }
            for item in comparison.assumptions
        ],
        "replay": replay(comparison),
    }


def _null(value: float) -> float | None:
    return None if math.isnan(value) else value


def csv_rows(comparison: Comparison) -> list[list[str]]:
    """A header and one row per policy and measure; varied keys come first, empty for the scenario itself."""
    rows = [["policy", "measure", "unit", "mean", "half_width", "difference", "difference_half_width"], *_csv(comparison)]
    if not comparison.cases:
        return rows
    keys = list(comparison.cases[0].settings)
    found = [[*keys, *rows[0]], *(["" for _ in keys] + row for row in rows[1:])]
    for case in comparison.cases:
        found += [[plain(case.settings[key]) for key in keys] + row for row in _csv(case.result)]
    return found


def _csv(comparison: Comparison) -> list[list[str]]:
    rows = []
    for name, outcome in comparison.policies.items():
        if outcome.available:
            for measure, entry in MEASURES.items():
                pair = [figures(outcome.measures[measure], measure)]
                pair.append(
                    figures(comparison.differences[name][measure], measure) if name in comparison.differences else (math.nan, math.nan)
                )
                rows.append([name, measure, entry.unit, *("" if math.isnan(v) else written(v) for two in pair for v in two)])
    return rows
