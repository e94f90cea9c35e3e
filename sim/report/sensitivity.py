"""What decides, in words and tables: every assumed input, how much it moves a measure, and what share of the variance it explains."""

from __future__ import annotations

import math
from typing import Any

from sim.comparison import MARGIN, Estimate
from sim.influence import Influence, Sensitivity
from sim.measures import MEASURES
from sim.report.figures import written
from sim.report.text import columns, filled
from sim.scenario.reader import plain
from sim.units import counted, digits

__all__ = ["document", "rows", "text"]


def text(found: Sensitivity, plan: str, command: str = "") -> str:
    """The finding as plain text. `plan` is what was said before the runs."""
    unit = "people" if found.measure == MARGIN else MEASURES[found.measure].unit
    parts = [filled(found.headline() + "."), ""]
    if found.matter:
        head = ("input", "from", "to", "at the low end", "at the high end", "effect, mean of |.|", "alone", "in all")
        parts.append(
            filled(
                f"{found.measure} is {_number(found.base, found.measure)} {unit} as the scenario stands. What each end of a band "
                f"changes ({counted(found.replications, 'runs')} each), what the whole band does wherever the others are, and "
                "the share of the variance that the input explains alone and in all, with its interactions:"
            )
        )
        parts += [columns([head, *(_row(item, found.measure) for item in found.matter), _chance(found)]), ""]
    else:
        parts.append("")
    moved = [item for item in found.ruled_out if item.effect.mean > 0]
    still = [item.input.key for item in found.ruled_out if item.effect.mean == 0]
    if moved:
        listed = ", ".join(f"{item.input.key} ({digits(item.effect.mean, 2)})" for item in moved)
        parts.append(filled(f"Ruled out, with an effect below a tenth of the largest: {listed}."))
    if still:
        parts.append(filled(f"Without any effect in the screening: {', '.join(still)}."))
    if found.matter and not found.samples:
        parts.append(filled("The budget did not reach for shares of the variance; --budget gives more."))
    if found.pulled:
        at = counted(found.pulled, "points")
        parts.append(filled(f"At {at} shares added up to more than 100 % and were pulled towards the middle of their bands."))
    parts += ["", filled(plan), filled(_footer(found))]
    return "\n".join([*parts, command] if command else parts)


def _footer(found: Sensitivity) -> str:
    sobol = f", {counted(found.samples, 'base samples')} of Sobol' indices" if found.samples else ""
    return (
        f"{counted(found.runs, 'runs')}{sobol}; policy {found.policy}, seed {found.seed}, scenario {found.scenario.name}, mailflow-sim "
        f"{found.version}. ± is the half-width of a 95 % interval. Indices are estimates: they may add up to more or less than 1."
    )


def _places(measure: str) -> int:
    return 1 if measure == MARGIN else MEASURES[measure].decimals


def _number(found: Estimate | None, measure: str, sign: str = "") -> str:
    if found is None:
        return "-"
    places = _places(measure)
    half = f" ± {found.half_width:,.{places}f}" if found.half_width > 0 else ""
    return f"{round(found.mean, places) + 0.0:{sign},.{places}f}{half}"


def _row(item: Influence, measure: str) -> tuple[str, ...]:
    places, effect, share = _places(measure), item.effect, item.share
    explained = ("-", "-") if share is None else (_share(share.first, share.first_half), _share(share.total, share.total_half))
    return (
        item.input.key,
        plain(item.input.low),
        plain(item.input.high),
        _number(item.low, measure, "+"),
        _number(item.high, measure, "+"),
        f"{effect.mean:,.{places}f} ± {effect.half_width:,.{places}f}",
        *explained,
    )


def _chance(found: Sensitivity) -> tuple[str, ...]:
    places, share = _places(found.measure), found.chance_share
    explained = ("-", "-") if share is None else (_share(share.first, share.first_half), _share(share.total, share.total_half))
    effect = f"{found.chance.mean:,.{places}f} ± {found.chance.half_width:,.{places}f}"
    return ("chance: another run", "", "", "", "", effect, *explained)


def _share(value: float, half: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f} ± {half:.2f}"


def rows(found: Sensitivity) -> list[list[str]]:
    """For CSV: a header, and a row per assumed input."""
    table = [["key", "low", "high", "matters", "effect", "effect_half_width", "at_low", "at_high", "first", "total", "total_half_width"]]
    for item in found.ordered():
        ends = ["" if e is None else written(round(e.mean, 6)) for e in (item.low, item.high)]
        s = item.share
        explained = ["", "", ""] if s is None or math.isnan(s.total) else [f"{v:.4f}" for v in (s.first, s.total, s.total_half)]
        effect = [written(round(item.effect.mean, 6)), written(round(item.effect.half_width, 6))]
        matters = "yes" if item in found.matter else "no"
        table.append([item.input.key, plain(item.input.low), plain(item.input.high), matters, *effect, *ends, *explained])
    return table


def document(found: Sensitivity) -> dict[str, Any]:
    """For JSON."""

    def number(value: float) -> float | None:
        return None if math.isnan(value) else round(value, 6) + 0.0

    def share(of: Any) -> dict[str, float | None] | None:
        return None if of is None else {name: number(getattr(of, name)) for name in ("first", "first_half", "total", "total_half")}

    def one(item: Influence) -> dict[str, Any]:
        return {
            "key": item.input.key,
            "low": item.input.low,
            "high": item.input.high,
            "matters": item in found.matter,
            "effect": {
                "mean": number(item.effect.mean),
                "half_width": number(item.effect.half_width),
                "spread": number(item.effect.spread),
            },
            "at_low": None if item.low is None else {"mean": number(item.low.mean), "half_width": number(item.low.half_width)},
            "at_high": None if item.high is None else {"mean": number(item.high.mean), "half_width": number(item.high.half_width)},
            "share": share(item.share),
        }

    return {
        "scenario": found.scenario.name,
        "version": found.version,
        "engine": found.engine,
        "seed": found.seed,
        "inputs_sha256": found.scenario.sha256(),
        "policy": found.policy,
        "measure": found.measure,
        "headline": found.headline() + ".",
        "budget": found.budget,
        "runs": found.runs,
        "trajectories": found.trajectories,
        "samples": found.samples,
        "base": {"mean": number(found.base.mean), "half_width": number(found.base.half_width), "replications": found.replications},
        "inputs": [one(item) for item in found.ordered()],
        "chance": {"effect": number(found.chance.mean), "half_width": number(found.chance.half_width), "share": share(found.chance_share)},
        "pulled": found.pulled,
    }
