"""The steady state of long runs in words: the mean of each count after its warm-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sim.errors import BadInput
from sim.report.text import columns, filled
from sim.statistics.series import BATCHES
from sim.steady import WarmUp
from sim.units import HOUR, Seconds, counted, digits, words

__all__ = ["enough_time", "text"]

LEAST: Final = 4 * BATCHES * HOUR  # half may be warm-up, and the rest has to give two hours for each batch


def enough_time(horizon: Seconds) -> None:
    """BadInput where a run is too short to tell its steady state."""
    if horizon < LEAST:
        raise BadInput(
            "--steady", f"a run of {words(horizon)} is too short: {words(LEAST)} at least, as with --set days=7; weeks are better"
        )


def text(found: Sequence[WarmUp]) -> str:
    """A table with a row for each count, and what its intervals rest on."""
    first = found[0]
    run, many = first.run, first.replications > 1
    runs, how = counted(first.replications, "runs"), f"over {first.replications} runs" if many else f"from {BATCHES} batches"
    head = (
        f"Steady state of {run.scenario} under {run.policy}, seed {run.seed}: {runs} of {words(run.horizon)}. "
        f"Means of {words(first.step)}, warm-up cut by MSER-5, 95 % intervals {how}."
    )
    parts = [filled(head), "", columns([("count", "mean", "unit", "warm-up ends", ""), *map(_row, found)])]
    if not all(one.settled for one in found):
        parts += ["", filled("For what does not settle, run longer, and let nobody go away, come back or be switched off within the run.")]
    return "\n".join(parts)


def _row(one: WarmUp) -> tuple[str, ...]:
    if not one.settled:
        return one.count, "-", one.unit, "-", "does not settle"
    note = "" if one.batches.independent or one.replications > 1 else "batches are correlated, the interval is too narrow: run longer"
    half = one.estimate.half_width
    mean = digits(one.estimate.mean, 3) + (f" ± {digits(half, 2)}" if half > 0 else "")
    return one.count, mean, one.unit, words(one.cut) if one.cut else "at once", note
