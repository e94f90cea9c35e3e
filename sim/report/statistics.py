"""What was asked of the statistics beyond the answer: precision, the best policy, differences, percentiles, cases; in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from sim.comparison import MARGIN, REPLICATIONS, Best, Comparison
from sim.measures import MEASURES
from sim.report.figures import number
from sim.scenario.reader import plain
from sim.statistics.intervals import LEVEL, estimate
from sim.units import counted, digits

__all__ = ["Rows", "statistics", "tables"]

_SHOWN: Final = ("wanted_told", "strangers_told", "notices_to_user", "queues_in_retry_peak")
_NAMES: Final[Mapping[str, str]] = {
    "wanted_told": "wanted told",
    "strangers_told": "strangers told",
    "notices_to_user": "notices to the absent",
    "queues_in_retry_peak": "queues in Retry, peak",
}


Rows = tuple[tuple[str, ...], ...]  # a header and rows of cells


def statistics(comparison: Comparison) -> tuple[str, ...]:
    """Sentences on what was asked for, and nothing where nothing was."""
    lines = [*_until(comparison), *_best(comparison.best)]
    if not comparison.pairs:
        lines.append("Every policy met mail of its own: differences are between independent runs, with Welch's intervals.")
    if comparison.together and comparison.differences:
        count = len(comparison.differences)
        lines.append(
            f"The {counted(count, 'differences of each measure hold', 'difference of each measure holds')} together at {LEVEL * 100:g} % "
            f"(Bonferroni): each interval is at {comparison.level * 100:.1f} %."
        )
    return tuple(lines)


def tables(comparison: Comparison, percentiles: Sequence[float] = ()) -> tuple[tuple[str, Rows], ...]:
    """Tables of what was asked for, each with the line above it."""
    found: list[tuple[str, Rows]] = []
    if comparison.cases:
        found.append(("Cases, on the same runs; assumed inputs are not varied in them:", _cases(comparison)))
    if comparison.differences and (comparison.together or not comparison.pairs):
        found.append((f"Differences to {comparison.baseline}:", _differences(comparison)))
    for percent in percentiles:
        head = (
            f"Percentile {percent:g} of the runs, with the 95 % interval, which supposes no distribution; none: too few runs for that end."
        )
        found.append((head, _percentile(comparison, percent)))
    return tuple(found)


def _until(comparison: Comparison) -> list[str]:
    lines = []
    for wanted in comparison.until:
        policy = wanted.policy or comparison.widest
        found = estimate(row[wanted.measure] for row in comparison.policies[policy].rows)
        to = f"{digits(wanted.share * 100)} %" if wanted.share else counted(digits(wanted.amount), MEASURES[wanted.measure].unit)
        have = f"{counted(number(found, wanted.measure), MEASURES[wanted.measure].unit)} under {policy}"
        reached = "known" if wanted not in comparison.missed else "NOT known"
        lines.append(f"{wanted.measure} is {reached} to {to} after {counted(comparison.replications, 'runs')}: {have}.")
    return lines


def _best(best: Best | None) -> list[str]:
    if best is None:
        return []
    unit = "people" if best.measure == MARGIN else MEASURES[best.measure].unit
    what = "margin (wanted told less strangers told, as the verdict weighs them)" if best.measure == MARGIN else best.measure
    how = f"Kim and Nelson 2001, zone {counted(digits(best.zone), unit)}"
    if not best.policy:
        rivals = ", ".join(best.rivals)
        return [f"Best by {what}: not decided after {counted(best.runs, 'runs')} between {rivals}; {best.most:,} decide it ({how})."]
    beside = [name for name in best.rivals if name != best.policy]
    zone = digits(best.zone)
    tie = f" Not ruled out, and so within {zone} of it: {', '.join(beside)}." if beside else ""
    return [
        f"Best by {what}: {best.policy}. With a probability of {best.level * 100:g} % or more this is right if no other policy comes "
        f"within {zone} of it, and is within {zone} of the best otherwise. {counted(best.runs, 'runs')} decided it ({how}).{tie}"
    ]


def _differences(comparison: Comparison) -> Rows:
    rows = [(name, *(number(found[m], m) for m in _SHOWN)) for name, found in comparison.differences.items()]
    return (("policy", *(_NAMES[m] for m in _SHOWN)), *rows)


def _percentile(comparison: Comparison, percent: float) -> Rows:
    rows: list[tuple[str, ...]] = [("policy", *(_NAMES[m] for m in _SHOWN))]
    for name, outcome in comparison.policies.items():
        if outcome.available:
            cells = []
            for measure in _SHOWN:
                found, places = outcome.percentile(measure, percent), MEASURES[measure].decimals
                ends = ["none" if math.isnan(end) else f"{end:,.{places}f}" for end in (found.low, found.high)]
                cells.append(f"{found.value:,.{places}f} ({ends[0]} to {ends[1]})")
            rows.append((name, *cells))
    return tuple(rows)


def _cases(comparison: Comparison) -> Rows:
    """A row per case: its settings, its answer, and what its widest policy does."""
    keys = list(comparison.cases[0].settings)
    rows: list[tuple[str, ...]] = [(*keys, "answer", "under", *(_NAMES[m] for m in _SHOWN))]
    for case in comparison.cases:
        result = case.result
        wide, verdict = result.policies[result.widest], result.verdict
        said = verdict.answer if verdict.answer in ("yes", "no") else f"{verdict.answer} {verdict.policy}"
        if verdict.answer == "depends":
            more = "on the limit" if verdict.runs is None else f"about {verdict.runs:,} would tell"
            said = f"too few runs to say: {more}" if verdict.deciding == REPLICATIONS else f"depends on {verdict.deciding}"
        values = [plain(case.settings[key]) for key in keys]
        rows.append((*values, said, result.widest, *(number(wide.measures[m], m) for m in _SHOWN)))
    return tuple(_merged(rows)) if keys == ["server.profile"] else tuple(rows)


def _merged(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Servers on which everything comes out alike, in one row."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for server, *rest in rows[1:]:
        alike.setdefault(tuple(rest), []).append(server)
    return [("server", *rows[0][1:]), *((", ".join(servers), *rest) for rest, servers in alike.items())]
