"""Charts of single runs and of retry schedules: what they say, and that every label can be read."""

from pathlib import Path

import numpy as np
import pytest

import sim
from sim import plots
from sim.errors import BadInput
from sim.measures import CURVES, View
from sim.profiles import PROFILES
from sim.record import Record
from sim.units import DAY
from tests.test_plots import title, unreadable, words

STORY = sim.load(Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml")
INFECTED = {"cause.infected_pc.who": "bob", "cause.infected_pc.from": "day 3 09:00", "cause.infected_pc.until": "day 4"}


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    return {
        "replies": sim.run(STORY, "external"),
        "an infected PC": sim.run(STORY.with_settings(INFECTED), "internal-only"),
        "neither": sim.run(STORY, "internal-only"),
    }


@pytest.mark.parametrize("servers", [(), ("mox",), ("sbs-2003", "postfix")])
def test_every_label_of_the_time_lines_can_be_read(servers):
    assert unreadable(plots.schedules(servers)) == []


def test_the_time_lines_say_how_often_and_for_how_long_each_server_tries():
    figure = plots.schedules()
    # 194 and 8 attempts: the schedules of docs/sources.md as tests/test_servers.py counts them
    assert "194 in 2 d" in words(figure)
    assert "8 in 16 h" in words(figure)  # 7.5 min x (2^7 - 1) = 15.9 h
    assert title(figure) == "A host that never answers is tried 364 times by exchange-online, 8 times by mox"
    for name in PROFILES:
        assert name in words(figure)


def test_each_stroke_of_a_time_line_is_an_attempt():
    left, right = plots.schedules(["mox"]).axes
    minutes, days = (ax.collections[0].get_segments() for ax in (left, right))  # type: ignore[attr-defined]
    # 7.5 min doubled after each failure: 7.5, 22.5, 52.5 and 112.5 min are within two hours
    assert [segment[0][0] for segment in minutes] == [0.0, 7.5, 22.5, 52.5, 112.5]
    assert len(days) == 8
    assert days[-1][0][0] == pytest.approx(7.5 * 127 / 1440)


@pytest.mark.parametrize("count", CURVES)
@pytest.mark.parametrize("same_scale", [True, False])
def test_every_label_of_runs_can_be_read(records, count, same_scale):
    assert unreadable(plots.queues(records, count, same_scale=same_scale)) == []
    assert unreadable(plots.queues(records["neither"], count)) == []


def test_long_names_and_many_runs_can_be_read(records):
    long = "answers everybody, and somebody has stolen the password of a user who is away"
    assert unreadable(plots.queues({f"{n}: {long}": records["replies"] for n in range(10)})) == []


def test_a_panel_shows_the_count_of_its_run_and_shades_where_the_cause_acts(records):
    figure = plots.queues(records)
    line = figure.axes[0].lines[0]
    x, y = (np.asarray(values, dtype=np.float64) for values in (line.get_xdata(), line.get_ydata()))
    assert y.tolist() == CURVES["queues_in_retry_all"].of(View(records["replies"]), x).tolist()
    spans = [[patch.get_extents().x0 for patch in ax.patches] for ax in figure.axes]
    assert [len(span) for span in spans] == [0, 1, 0]
    shaded = figure.axes[1].patches[0].get_extents().transformed(figure.axes[1].transData.inverted())
    assert (shaded.x0, shaded.x1) == pytest.approx((2 * DAY + 9 * 3600, 3 * DAY))
    assert "Shaded: the cause acts." in words(figure)
    assert "Shaded" not in words(plots.queues(records["replies"]))


def test_the_title_says_the_most_and_the_least(records):
    tops = {name: CURVES["queues_in_retry"].of(View(r), np.arange(0.0, 9 * DAY, 900.0)).max() for name, r in records.items()}
    assert tops["an infected PC"] == 0
    assert title(plots.queues(records, "queues_in_retry")) == (
        f"Next hops in Retry that hold an autoreply: at most {tops['replies']:.0f} with replies, 0 with an infected PC"
    )
    assert title(plots.queues(records["neither"], "hung_autoreplies")) == "Autoreplies deferred and waiting: none"


def test_panels_have_one_scale_unless_each_is_to_have_its_own(records):
    same, own = (plots.queues(records, same_scale=flag) for flag in (True, False))
    assert len({ax.get_ylim() for ax in same.axes}) == 1
    assert len({ax.get_ylim() for ax in own.axes}) > 1
    assert "Every panel has a scale of its own." in words(own)


def test_a_count_that_there_is_not_and_no_record_are_refused(records):
    with pytest.raises(BadInput, match="did you mean 'queues_in_retry'"):
        plots.queues(records, "queues_in_rety")
    with pytest.raises(BadInput, match="records: there is none"):
        plots.queues({})


def test_the_same_runs_give_the_same_svg(records):
    assert plots.svg(plots.queues(records)) == plots.svg(plots.queues(records))
    assert plots.svg(plots.schedules()) == plots.svg(plots.schedules())
