"""Long runs: the series of a count, where its warm-up ends, and the chart of both."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sim
from sim import plots, steady
from sim.errors import BadInput
from sim.measures import View
from sim.record import Record, RunInfo
from tests.test_plots import title, unreadable, words

STORY = sim.load(Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml")
HOURS = 1000
RATE, STAY = 6.0, 40.0  # an hour; hours


def record(starts: np.ndarray, ends: np.ndarray, horizon: float = HOURS * 3600.0, replication: int = 0) -> Record:
    """Messages in an outbound queue from their starts to their ends, and nothing else."""
    run = RunInfo("long", "external", "x", 1, replication, horizon, "2006-04-19", "by hand", "0.1.0", "0", 0, 1)
    messages = {"next_hop": np.ones(len(starts), dtype=np.int64), "accepted_at": starts, "settled_at": ends}
    return Record({"messages": messages, "queues": {"next_hop": np.zeros(0, dtype=np.int64)}}, run)


def filling(replication: int) -> Record:
    """Poisson arrivals that each stay 40 hours, beginning empty: after 40 hours 6 x 40 = 240 of them, before that a ramp."""
    rng = np.random.default_rng(replication)
    at = np.sort(rng.uniform(0, HOURS, rng.poisson(RATE * HOURS))) * 3600.0
    return record(at, at + STAY * 3600.0, replication=replication)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 60)), max_size=15), st.sampled_from([1.0, 7.0, 50.0]))
def test_a_series_is_the_mean_of_the_count_over_each_whole_stretch(spans, step):
    starts, ends = np.array([a for a, _ in spans]), np.array([a + d for a, d in spans])
    found = steady.series(record(starts, ends, horizon=100.0), "queued", step)
    assert len(found) == 100 // step
    for n, value in enumerate(found.tolist()):
        low, high = n * step, (n + 1) * step
        area = sum(max(0.0, min(b, high) - max(a, low)) for a, b in zip(starts.tolist(), ends.tolist(), strict=True))
        assert value * step == pytest.approx(area, abs=1e-9)


@pytest.mark.parametrize("count", steady.COUNTS)
def test_a_series_of_a_run_has_the_mean_that_the_measures_give(count):
    found = sim.run(STORY)
    values = steady.series(found, count, 3600.0)
    assert values.mean() == pytest.approx(steady.COUNTS[count][1](View(found)).mean(found.run.horizon), rel=1e-9)


def test_a_queue_that_fills_settles_after_its_ramp_at_littles_number():
    # 240 by Little's law. The autocovariance falls from 240 to 0 within 40 h, so a mean over T hours of 8 runs has a standard error of
    # sqrt(2 x 240 x 20 / T / 8): 1.6 at the shortest, half of the run. The ramp takes 40 h; MSER-5 may cut more, never much less.
    found = steady.warm_up([filling(n) for n in range(8)], "queued")
    assert found.settled
    assert found.cut >= 30 * 3600
    assert abs(found.estimate.mean - RATE * STAY) <= 4 * 1.6
    # with its ramp the mean is 240 (1 - 20 / 1000) = 235.2, of the standard error 1.1
    whole = np.mean([steady.series(filling(n), "queued").mean() for n in range(8)])
    assert whole == pytest.approx(RATE * STAY * (1 - STAY / 2 / HOURS), abs=4 * 1.1)


def test_one_run_has_an_interval_from_batches_and_several_have_one_over_runs():
    alone, several = (steady.warm_up([filling(n) for n in range(runs)], "queued") for runs in (1, 4))
    assert alone.estimate == alone.batches.estimate
    assert alone.estimate.n == 20
    assert several.estimate.n == several.replications == 4


def test_a_queue_that_only_grows_does_not_settle():
    at = np.arange(0.0, HOURS * 3600.0, 600.0)
    found = steady.warm_up([record(at, np.full(len(at), np.nan))], "queued")
    assert not found.settled
    assert title(plots.welch(found)) == "queued does not settle within 41 d 16 h"


def test_runs_of_different_systems_and_runs_too_short_are_refused():
    other = filling(1)
    other.run = replace(other.run, policy="off")
    for records, count, says in (
        ([filling(0), other], "queued", "not of one scenario and policy"),
        ([filling(0)], "queue", "did you mean 'queued'"),
        ([record(np.zeros(1), np.ones(1), horizon=20 * 3600.0)], "queued", "run longer"),
        ([record(np.zeros(1), np.ones(1), horizon=20.0)], "queued", "is longer than the run"),
    ):
        with pytest.raises(BadInput, match=says):
            steady.warm_up(records, count)


@pytest.mark.parametrize("kind", ["several", "one", "growing", "empty", "late"])
def test_every_label_of_welchs_chart_can_be_read(kind):
    at = np.arange(0.0, HOURS * 3600.0, 600.0)
    never = np.full(len(at), np.nan)
    found = {
        "several": lambda: steady.warm_up([filling(n) for n in range(4)], "queued"),
        "one": lambda: steady.warm_up([filling(0)], "queued"),
        "growing": lambda: steady.warm_up([record(at, never)], "queued"),
        "empty": lambda: steady.warm_up([record(at[:0], never[:0])], "queued"),
        "late": lambda: steady.warm_up([record(at, np.where(at < 1.6e6, np.nan, at + 3600.0))], "queued", window=10),
    }[kind]()
    assert unreadable(plots.welch(found)) == []


def test_welchs_chart_says_where_it_settles_and_at_what():
    found = steady.warm_up([filling(n) for n in range(4)], "queued")
    figure = plots.welch(found)
    assert title(figure).startswith("queued settles after 1 d ")
    assert f"at {found.estimate.mean:,.3g} ±" in title(figure)
    assert "warm-up ends" in words(figure)
    assert "4 runs, seed 1" in words(figure)
    assert plots.svg(figure) == plots.svg(plots.welch(found))
