"""A sweep in words and tables: what was found at each value, where the answer flips, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sim.breakeven import Flip, Point, Sweep
from sim.comparison import MARGIN, Estimate
from sim.measures import MEASURES
from sim.report.figures import written
from sim.report.text import columns, filled
from sim.units import counted, digits

__all__ = ["document", "rows", "sentences", "text"]


def text(sweep: Sweep, command: str = "") -> str:
    """The sweep as plain text."""
    unit = "people" if sweep.measure == MARGIN else MEASURES[sweep.measure].unit
    what = "margin, wanted told less strangers told as the verdict weighs them" if sweep.measure == MARGIN else sweep.measure
    level = "" if sweep.crosses is None else f" {digits(sweep.crosses)}"
    head = (sweep.span.key, "answer" if sweep.crosses is None else f"{sweep.judged} is", "sure", *sweep.policies)
    body = [
        (
            sweep.span.said(point.share),
            point.label + level,
            "yes" if point.sure else "no",
            *(_cell(point.measures[name], sweep.measure) for name in sweep.policies),
        )
        for point in sweep.points
    ]
    parts = [filled(sweep.headline() + "."), "", filled(f"By policy: {what} ({unit})."), columns([head, *body]), ""]
    parts += [filled(line) for line in sentences(sweep)]
    parts += ["", filled(_footer(sweep))]
    return "\n".join([*parts, command] if command else parts)


def sentences(sweep: Sweep) -> list[str]:
    """Every flip, and how sure it is."""
    lines = [line for flip in sweep.flips for line in _flip(sweep, flip)]
    unsure = [sweep.span.said(point.share) for point in sweep.points if not point.sure]
    if not sweep.flips:
        lines.append("The runs are sure of that at every value." if not unsure else f"The runs are not sure of it at {', '.join(unsure)}.")
    if sweep.more:
        lines.append(f"It flips {counted(sweep.more, 'times')} more; not looked into. More replications make a smoother curve.")
    return lines


def _flip(sweep: Sweep, flip: Flip) -> list[str]:
    way = sweep.span
    level = "" if sweep.crosses is None else f" {digits(sweep.crosses)}"
    what = "The answer" if sweep.crosses is None else f"{sweep.measure} under {sweep.judged}"
    lines = [
        f"{what} is {flip.before}{level} at {way.key} {way.said(flip.low.share)} and {flip.after}{level} at {way.said(flip.high.share)}."
    ]
    if way.choice:
        return lines
    if flip.sure_low is not None and flip.sure_high is not None:
        lines.append(
            f"The runs are sure (95 % at each value) of {flip.before}{level} up to {way.said(flip.sure_low.share)} and of "
            f"{flip.after}{level} from {way.said(flip.sure_high.share)} on: the break-even lies between."
        )
        return lines
    for point, label, where in ((flip.sure_low, flip.before, "up to"), (flip.sure_high, flip.after, "from")):
        if point is None:
            lines.append(f"The runs are sure (95 %) of {label}{level} at no value on that side: more replications would tell.")
        else:
            lines.append(f"The runs are sure (95 %) of {label}{level} {where} {way.said(point.share)}{' on' if where == 'from' else ''}.")
    return lines


def _footer(sweep: Sweep) -> str:
    return (
        f"{counted(sweep.replications, 'runs')} at each of {counted(len(sweep.searched), 'values')}, the same replications at all; "
        f"seed {sweep.seed}, scenario {sweep.scenario.name}, mailflow-sim {sweep.version}. Other assumed inputs stay at their values. "
        "± is the half-width of a 95 % interval."
    )


def _places(measure: str) -> int:
    return 1 if measure == MARGIN else MEASURES[measure].decimals


def _cell(found: Estimate, measure: str) -> str:
    places = _places(measure)
    if math.isnan(found.mean):
        return "-"
    half = f" ± {found.half_width:,.{places}f}" if found.half_width > 0 else ""
    return f"{round(found.mean, places) + 0.0:,.{places}f}{half}"


def rows(sweep: Sweep) -> list[list[str]]:
    """For CSV: a header, and a row per value and policy, those of the search among them."""
    table = {point.share for point in sweep.points}
    found = [["key", "value", "in_table", "label", "sure", "policy", "measure", "mean", "half_width"]]
    for point in sweep.searched:
        for name in sweep.policies:
            e = point.measures[name]
            numbers = ["" if math.isnan(v) else written(round(v, 6)) for v in (e.mean, e.half_width)]
            place = "yes" if point.share in table else "no"
            found.append(
                [sweep.span.key, str(point.value), place, point.label, "yes" if point.sure else "no", name, sweep.measure, *numbers]
            )
    return found


def document(sweep: Sweep) -> dict[str, Any]:
    """For JSON."""

    def at(point: Point | None) -> object:
        return None if point is None else point.value

    return {
        "scenario": sweep.scenario.name,
        "version": sweep.version,
        "engine": sweep.engine,
        "seed": sweep.seed,
        "replications": sweep.replications,
        "inputs_sha256": sweep.scenario.sha256(),
        "key": sweep.span.key,
        "low": sweep.span.at(0.0),
        "high": sweep.span.at(1.0),
        "measure": sweep.measure,
        "crosses": sweep.crosses,
        "policy": sweep.judged,
        "headline": sweep.headline() + ".",
        "points": [_point(sweep, point) for point in sweep.searched],
        "flips": [
            {
                "before": flip.before,
                "after": flip.after,
                "between": [at(flip.low), at(flip.high)],
                "sure_up_to": at(flip.sure_low),
                "sure_from": at(flip.sure_high),
            }
            for flip in sweep.flips
        ],
        "more_flips": sweep.more,
    }


def _point(sweep: Sweep, point: Point) -> dict[str, Any]:
    return {
        "value": point.value,
        "label": point.label,
        "sure": point.sure,
        "in_table": point in sweep.points,
        "policies": {name: _numbers([point.measures[name]], sweep.measure)[0] for name in sweep.policies},
    }


def _numbers(found: Sequence[Estimate], measure: str) -> list[dict[str, float | None]]:
    places = _places(measure)

    def rounded(value: float) -> float | None:
        return None if math.isnan(value) else round(value, places) + 0.0

    return [{"mean": rounded(e.mean), "half_width": rounded(e.half_width)} for e in found]
