"""What a comparison was asked beyond its usual form, for JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sim.comparison import Comparison
from sim.measures import MEASURES
from sim.report.answer import sentence
from sim.report.figures import document
from sim.statistics.intervals import Bracket

__all__ = ["extras"]


def extras(comparison: Comparison, percentiles: Sequence[float] = ()) -> dict[str, Any]:
    """What was asked for beyond the comparison, for JSON; empty where nothing was."""
    found: dict[str, Any] = {}
    if comparison.cases:
        found["cases"] = [{"settings": dict(c.settings), **document(c.result, sentence(c.result))} for c in comparison.cases]
    if not comparison.pairs:
        found["pairing"] = "none"
    if comparison.together:
        found["difference_level"] = comparison.level
    if comparison.until:
        found["until"] = [{"target": str(t), "reached": t not in comparison.missed} for t in comparison.until]
    if comparison.best is not None:
        best = comparison.best
        found["best"] = {
            "measure": best.measure,
            "policy": best.policy or None,
            "rivals": list(best.rivals),
            "probability": best.level,
            "zone": best.zone,
            "runs": best.runs,
            "most": best.most,
            "procedure": "Kim and Nelson 2001",
        }
    if percentiles:
        found["percentiles"] = {
            name: {f"{p:g}": {m: _bracket(outcome.percentile(m, p), m) for m in MEASURES} for p in percentiles}
            for name, outcome in comparison.policies.items()
            if outcome.available
        }
    return found


def _bracket(bracket: Bracket, measure: str) -> dict[str, float | None]:
    places = MEASURES[measure].decimals
    return {
        name: None if math.isnan(value) else round(value, places) + 0.0
        for name, value in (("value", bracket.value), ("low", bracket.low), ("high", bracket.high))
    }
