"""Measures of small records made by hand, and of a run."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sim
from sim.mail import Kind
from sim.measures import MEASURES, Steps, View, moments, summarise
from sim.standing import Standing

STORY = sim.load(Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml")


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), max_size=20), st.integers(0, 110))
def test_a_count_is_the_number_of_intervals_that_began_before_and_have_not_ended_before(spans, at):
    starts = np.array([float(a) for a, _ in spans])
    ends = np.array([float(a + d) if d < 45 else np.nan for a, d in spans])
    steps = Steps.of(starts, ends)
    expected = sum(a < at and not b < at for a, b in zip(starts, ends, strict=True))
    assert steps.before(np.array([float(at)]))[0] == expected
    inner = [sum(a <= t and not b <= t for a, b in zip(starts, ends, strict=True)) for t in range(200)]
    assert steps.peak() == max(inner)


def test_the_mean_of_a_count_is_its_area_over_the_horizon():
    steps = Steps.of(np.array([0.0, 10.0]), np.array([20.0, np.nan]))
    assert steps.mean(100.0) == pytest.approx((20 + 90) / 100)
    assert Steps.of(np.array([]), np.array([])).mean(100.0) == 0.0
    assert steps.first_above(1) == 10.0
    assert np.isnan(steps.first_above(2))


def test_queues_with_an_autoreply_are_among_all_queues_in_retry_at_any_time():
    view = View(sim.run(STORY))
    times = moments(STORY.horizon)
    assert (view.here.in_retry.before(times) <= view.retry.before(times)).all()
    assert view.here.in_retry.peak() > 0


stays = st.tuples(st.integers(1, 4), st.integers(0, 20), st.integers(0, 9) | st.just(math.nan))  # queue, since, for how long


@given(st.lists(stays, max_size=15), st.lists(stays, max_size=8))
def test_a_queue_in_retry_counts_while_an_autoreply_is_there_and_once_however_many(messages, episodes):
    def table(hop: str, since: str, until: str, rows: list[tuple[int, int, float]]) -> dict[str, np.ndarray]:
        columns = np.array(rows, dtype=np.float64).reshape(-1, 3).T
        return {hop: columns[0].astype(np.int64), since: columns[1], until: columns[1] + columns[2]}

    ends: dict[int, float] = {}  # of a queue one episode begins when the last has ended, or later
    apart = []
    for queue, since, long in sorted(episodes, key=lambda row: row[1]):
        if not since < ends.get(queue, 0.0):
            apart.append((queue, since, long))
            ends[queue] = math.inf if math.isnan(long) else since + long
    m, q = table("next_hop", "accepted_at", "settled_at", messages), table("next_hop", "since", "until", apart)
    m["kind"] = np.full(len(messages), Kind.AUTOREPLY, dtype=np.uint8)
    counted = Standing(m, q).in_retry
    for at in np.arange(0.25, 31.0, 0.5):
        there = {queue for queue, since, long in messages if since < at and not since + long < at}
        in_retry = {queue for queue, since, long in apart if since < at and not since + long < at}
        assert counted.before(np.array([at]))[0] == len(there & in_retry)


def test_a_summary_of_some_measures_has_these_and_no_others():
    record = sim.run(STORY)
    few = summarise(record, np.array([4.5 * 86400]), 10, ("strangers_told", "queues_in_retry"))
    every = summarise(record, np.array([4.5 * 86400]), 10)
    assert few.measures == {"strangers_told": every.measures["strangers_told"]}
    assert few.curves == {"queues_in_retry": every.curves["queues_in_retry"]}
    assert (few.alert_at, few.answers) == (every.alert_at, every.answers)


def test_a_summary_gives_the_measures_of_the_record_and_the_counts_at_the_times():
    record = sim.run(STORY)
    summary = summarise(record, np.array([0.0, 4.5 * 86400]), 10)
    assert repr(summary.measures) == repr(sim.measure(record))
    assert summary.curves["queues_in_retry"][0] == 0
    assert 0 < summary.curves["queues_in_retry"][1] <= summary.measures["queues_in_retry_peak"]
    assert summary.curves["notices_to_user"][1] <= summary.measures["notices_to_user"]
    assert 0 < summary.alert_at < 4 * 86400


def test_every_measure_has_a_unit_and_a_meaning_and_shows_them():
    values = sim.measure(sim.run(STORY, "off"))
    assert set(values) == set(MEASURES)
    for name, entry in MEASURES.items():
        assert entry.unit
        assert entry.meaning in values._repr_html_()
        assert name in repr(values)


def test_there_is_nothing_to_tell_where_nobody_is_away():
    quiet = STORY.with_settings({"absence[1].until": "day 1 00:01", "absence[2].until": "day 2 00:01", "absence[3].until": "day 3 12:01"})
    values = sim.measure(sim.run(quiet, "external"))
    assert values["strangers_told"] <= 2
    assert values["queues_in_retry_peak"] <= 2


def test_extreme_values_still_run():
    none = STORY.with_settings({"spam.rate": "0/mailbox/day", "spam.mailboxes.ann": "0/mailbox/day", "spam.unknown_recipients": "0/day"})
    assert sim.measure(sim.run(none, "external"))["strangers_told"] == 0
    lost = STORY.with_settings({"spam.unresolvable": "100 %", "spam.nxdomain": "0 %", "spam.providers": "0 %"})
    values = sim.measure(sim.run(lost, "external"))
    assert values["strangers_told"] == 0
    assert values["queues_in_retry_peak"] > 60
    silent = STORY.with_settings({"wanted.into": "0/mailbox/day", "wanted.out": "0/mailbox/day", "wanted.internal": "0/mailbox/day"})
    assert np.isnan(sim.measure(sim.run(silent, "external"))["wanted_delay_p95"])
