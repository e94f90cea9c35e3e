"""Records of long runs to a steady state: where the warm-up ends, and the mean after it.

Opt-in, for questions about a server that runs on and on; the story is a terminating run whose ramp is the point. A warm-up is cut from
what a record gives, never from the model. The time series is the mean of a count over equal stretches of time, exact as the counts are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from sim.errors import BadInput, nearest
from sim.mail import HERE
from sim.measures import Steps, View
from sim.record import Record, RunInfo
from sim.statistics.intervals import Estimate, estimate
from sim.statistics.series import BATCHES, Steady, mser5, smoothed, steady
from sim.units import HOUR, Floats, Seconds

__all__ = ["COUNTS", "OF_ALL", "WarmUp", "series", "warm_up"]


def _queued(view: View) -> Steps:
    m, out = view.messages, view.messages["next_hop"] != HERE
    return Steps.of(m["accepted_at"][out], m["settled_at"][out])


def _connections(view: View) -> Steps:
    a = view.record.columns("attempts")
    return Steps.of(a["at"], a["at"] + a["seconds"])


COUNTS: Final[Mapping[str, tuple[str, Callable[[View], Steps]]]] = {  # name to unit and count over time
    "queues_in_retry": ("queues", lambda v: v.here.in_retry),
    "queues_in_retry_all": ("queues", lambda v: v.retry),
    "hung_autoreplies": ("messages", lambda v: v.here.hung),
    "queued": ("messages", _queued),
    "connections": ("connections", _connections),
}

OF_ALL: Final = ("queued", "connections")  # what is counted and has no row is missing in them


@dataclass(frozen=True)
class WarmUp:
    """A count over several long runs of the same scenario, cut where its warm-up ends."""

    count: str
    unit: str
    step: Seconds
    run: RunInfo  # of the first run
    runs: Floats = field(repr=False)  # float64[runs, stretches]
    curve: Floats = field(repr=False)  # Welch's: float64[stretches - window]
    window: int  # stretches on either side of a point of the curve
    cut: Seconds
    settled: bool
    batches: Steady  # of the mean over the runs
    estimate: Estimate

    @property
    def replications(self) -> int:
        """How many runs."""
        return len(self.runs)


def series(record: Record, count: str, step: Seconds = HOUR) -> Floats:
    """The mean of a count over each whole stretch of a run. float64[stretches]. BadInput where there is no such count."""
    if count not in COUNTS:
        raise BadInput("count", f"{count!r} is not one of {', '.join(COUNTS)}{nearest(count, COUNTS)}")
    if record.run.tallied and count in OF_ALL:
        raise BadInput("count", f"{count!r} needs a row for every message and attempt, and a run of so large an office keeps none for most")
    edges = step * np.arange(int(record.run.horizon // step) + 1)
    if len(edges) < 2:
        raise BadInput("step", f"{step:g} s is longer than the run, {record.run.horizon:g} s")
    steps = COUNTS[count][1](View(record))
    if not len(steps.at):
        return np.zeros(len(edges) - 1)
    # the area under the count up to each of its changes, and from the last of these to each edge
    area = np.concatenate([[0.0], np.cumsum(steps.level[:-1] * np.diff(steps.at))])
    last = np.searchsorted(steps.at, edges, side="right") - 1
    upto = np.where(last >= 0, area[last] + steps.level[last] * (edges - steps.at[last]), 0.0)
    found: Floats = np.diff(upto) / step
    return found


def warm_up(records: Sequence[Record], count: str, step: Seconds = HOUR, window: int | None = None, batches: int = BATCHES) -> WarmUp:
    """Where a count has settled, by MSER-5 on the mean over the runs, and its mean from there on.

    records: runs of one scenario and policy that differ in their replication. window: stretches on either side of a point of Welch's
    curve, a twentieth of the run by default. The estimate is over runs where there are at least two (replication and deletion; Law 2015,
    9.5.2), and from batch means where there is one. BadInput where the runs differ, or are too short.
    """
    if len({(r.run.inputs_sha256, r.run.policy, r.run.horizon) for r in records}) != 1:
        raise BadInput("records", f"{len(records)} records are not of one scenario and policy: a warm-up is that of one system")
    runs = np.stack([series(record, count, step) for record in records])
    mean = runs.mean(axis=0)
    try:
        of_mean = steady(mean, batches)
    except ValueError as error:
        raise BadInput(f"count {count}", str(error)) from None
    width = max(1, len(mean) // 20) if window is None else window
    first = runs[:, of_mean.cut :].mean(axis=1)
    return WarmUp(
        count=count,
        unit=COUNTS[count][0],
        step=step,
        run=records[0].run,
        runs=runs,
        curve=smoothed(runs, width),
        window=width,
        cut=mser5(mean) * step if of_mean.settled else of_mean.cut * step,
        settled=of_mean.settled,
        batches=of_mean,
        estimate=estimate(first.tolist()) if len(records) > 1 else of_mean.estimate,
    )
