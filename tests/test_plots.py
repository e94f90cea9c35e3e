"""The charts: what their titles say, and that every label can be read."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text

import sim
from sim import comparison, measures, plots
from sim.comparison import Assumption, Band, Comparison, Outcome, Verdict
from sim.measures import MEASURES, Summary
from sim.plots.sheet import lanes
from sim.profiles import Tag
from sim.scenario import Input, Scenario
from sim.units import DAY, Floats

CHARTS = {"story": plots.story, "decision": plots.decision, "differences": plots.differences}
LONG = "answer-only-those-who-have-written-to-us-within-the-last-quarter"

SCENARIO = """
title = "Somebody is away"
start = 2006-04-19
days = {days}
[server]
profile = "sbs-2003"
policy = "external"
[office]
mailboxes = 15
people = ["ann", "bob", "carol"]
"""
AWAY = '[[absence]]\nwho = "{who}"\nfrom = "day 1"\n'
OFF = '[[change]]\nat = "{at}"\nmailbox = "{who}"\nreplies = "off"\n'
NARROW = '[[change]]\nat = "{at}"\npolicy = "internal-only"\n'


def scenario(folder: Path, *parts: str, days: float = 9) -> Scenario:
    file = folder / "small.toml"
    file.write_text(SCENARIO.format(days=days) + "\n".join(parts))
    return sim.load(file)


def curve(times: Floats, peak: float) -> Floats:
    """Rises for a quarter of the run, stays, falls to 0 in the last quarter."""
    share = times / times[-1]
    return np.round(peak * np.minimum(1.0, np.minimum(share * 4, (1 - share) * 4)))


def outcome(name: str, times: Floats, runs: int, peak: float, **values: float) -> Outcome:
    """Runs that differ a little: run n has all of its numbers 1 + n % 5 higher, where they are not 0."""

    def more(n: int, value: float) -> float:
        return value + 1 + n % 5 if value else 0.0

    given = {"queues_in_retry_peak": peak, "wanted_writers": 14.0} | values
    played = tuple(
        Summary(
            measures.Values(dict.fromkeys(MEASURES, 0.0) | {key: more(n, value) for key, value in given.items()}),
            {
                "queues_in_retry": curve(times, more(n, peak)),
                "queues_in_retry_all": curve(times, more(n, peak)),
                "notices_to_user": np.linspace(0.0, more(n, values.get("notices_to_user", 0.0)), len(times)),
            },
            DAY if peak > 10 else math.nan,
            {},
        )
        for n in range(runs)
    )
    return Outcome(name, True, measures=comparison.estimates([run.measures for run in played]), runs=played)


def assumption(base: Outcome, key: str, times: Floats, low: float, high: float) -> Assumption:
    def band(value: str, peak: float) -> Band:
        found = outcome(base.name, times, len(base.runs), peak)
        return Band(value, found.measures, found.runs)

    item = Input(key, "17 %", "share", "of the sender domains that resolve, those that never answer", "assumed", Tag.ASSUMED, "5 %", "40 %")
    return Assumption(item, base.measures, band("5 %", low), band("40 %", high))


def compared(where: Scenario, outcomes: list[Outcome], *, widest: str = "external", verdict: str = "no", deciding: str = "") -> Comparison:
    policies: Mapping[str, Outcome] = {o.name: o for o in outcomes}
    base = policies[widest]
    runs = len(base.runs)
    times = measures.moments(where.horizon)
    bands = (assumption(base, "spam.silent", times, base.rows[0]["queues_in_retry_peak"] / 2, 41.0),) if deciding else ()
    advised = next(o.name for o in outcomes if o.available)
    return Comparison(
        scenario=where,
        seed=7,
        replications=runs,
        version="0.1.0",
        baseline=widest,
        widest=widest,
        policies=policies,
        differences={o.name: comparison.differences(o.rows, base.rows) for o in outcomes if o.available and o.name != widest},
        assumptions=bands,
        verdict=Verdict(verdict, advised, deciding, comparison.estimate([])),
        times=times,
    )


def typical(folder: Path, *, runs: int = 6, days: float = 9, parts: tuple[str, ...] | None = None) -> Comparison:
    """Ann is away; 28 queues; she is switched off on day 6 and the server on day 8."""
    listed = (AWAY.format(who="ann"), OFF.format(at="day 6 17:00", who="ann"), NARROW.format(at="day 8 17:00"))
    where = scenario(folder, *(listed if parts is None else parts), days=days)
    times = measures.moments(where.horizon)
    external = outcome(
        "external", times, runs, 25.0, wanted_told=11.0, strangers_told=100.0, notices_to_user=217.0, backscatter=80.0, drained_after=43.0
    )
    return compared(
        where,
        [
            outcome("off", times, runs, 0.0),
            outcome("internal-only", times, runs, 0.0),
            outcome("partners-only", times, runs, 0.0, wanted_told=8.0),
            Outcome("contacts-only", False, why_not="this server cannot tell a user's contacts apart"),
            external,
        ],
        deciding="spam.silent",
    )


def degenerate(kind: str, folder: Path) -> Comparison:
    """Comparisons at the edge of what can come."""
    usual = typical(folder)
    if kind == "one run":
        return typical(folder, runs=1)
    if kind == "no absence and no change":
        return typical(folder, parts=())
    if kind == "530 days":
        return typical(folder, days=530, parts=(AWAY.format(who="ann"), OFF.format(at="day 400", who="ann")))
    if kind == "60 days":
        return typical(folder, days=60)
    if kind == "three hours":
        return typical(folder, days=0.125, parts=())
    if kind == "everything at the same time":
        parts = [OFF.format(at=at, who=who) for at, who in (("day 6", "ann"), ("day 6", "bob"), ("day 6 01:00", "carol"))]
        return typical(folder, parts=(*(AWAY.format(who=who) for who in ("ann", "bob", "carol")), *parts, NARROW.format(at="day 6 02:00")))
    if kind == "many changes at the end":
        parts = [OFF.format(at=f"day {day} {hour}:00", who="ann") for day in (8, 9) for hour in (10, 14, 18, 22)]
        return typical(folder, parts=(AWAY.format(who="ann"), *parts))
    if kind == "nothing but zeros":
        where = scenario(folder, AWAY.format(who="ann"))
        times = measures.moments(where.horizon)
        return compared(where, [outcome(name, times, 4, 0.0) for name in ("off", "internal-only")], widest="internal-only")
    if kind == "a single policy":
        where = scenario(folder, AWAY.format(who="ann"))
        return compared(where, [usual.policies["external"]])
    if kind == "NaN measures":
        blank = comparison.estimates([dict.fromkeys(MEASURES, math.nan)])
        policies = {name: replace(o, measures=blank if o.available else {}) for name, o in usual.policies.items()}
        return replace(usual, policies=policies, differences=dict.fromkeys(usual.differences, blank))
    if kind == "large numbers":
        times = measures.moments(usual.scenario.horizon)
        values = {"wanted_told": 14_000.0, "strangers_told": 1_234_567.0, "notices_to_user": 2_345_678.0}
        return compared(usual.scenario, [usual.policies["off"], outcome("external", times, 6, 98_765.0, **values)])
    assert kind == "long names"
    times = measures.moments(usual.scenario.horizon)
    named = [outcome(f"{LONG}-{n}", times, 6, 3.0 * n, wanted_told=3.0 * n, strangers_told=20.0 * n) for n in range(5)]
    return compared(usual.scenario, [*named, usual.policies["external"]])


KINDS = (
    "one run",
    "no absence and no change",
    "530 days",
    "60 days",
    "three hours",
    "everything at the same time",
    "many changes at the end",
    "nothing but zeros",
    "a single policy",
    "NaN measures",
    "large numbers",
    "long names",
)


def unreadable(figure: Figure) -> list[str]:
    """Texts that leave the canvas or cover another, as they are really drawn."""
    figure.draw_without_rendering()
    wide, high = figure.bbox.width, figure.bbox.height
    hidden = {
        text
        for ax in figure.axes
        if not ax.axison
        for axis in (ax.xaxis, ax.yaxis)
        for text in axis.findobj(Text)  # the axis is switched off: its labels exist, but are not drawn
    }
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, top = sorted(axis.get_view_interval())
            beyond = [tick for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= top]
            hidden |= {label for tick in beyond for label in (tick.label1, tick.label2)}
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text() and text not in hidden]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    found = [f"{text!r} leaves the canvas" for text, b in boxes if b.x0 < 0 or b.y0 < 0 or b.x1 > wide or b.y1 > high]
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 0.5 and min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5:
            found.append(f"{one!r} covers {other!r}")
    return found


@pytest.mark.parametrize("chart", CHARTS)
def test_no_label_covers_another_or_leaves_the_sheet(chart, tmp_path):
    assert unreadable(CHARTS[chart](typical(tmp_path))) == []


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_label_can_be_read_at_the_edge_of_what_can_come(kind, chart, tmp_path):
    assert unreadable(CHARTS[chart](degenerate(kind, tmp_path))) == []


def test_the_test_for_labels_sees_labels_that_overlap_or_leave_the_sheet(tmp_path):
    figure = plots.story(typical(tmp_path))
    label = next(text for text in figure.texts if text.get_text().startswith("external"))
    figure.text(*label.get_position(), "on top of it")
    figure.text(0.99, 0.5, "cut off")
    assert [line for line in unreadable(figure) if "on top of it" in line]
    assert "'cut off' leaves the canvas" in unreadable(figure)


def test_the_story_says_how_many_queues_stand_in_retry_and_since_when(tmp_path):
    # the peak of run n is 25 + 1 + n % 5: in the mean of six runs (26 + 27 + 28 + 29 + 30 + 26) / 6 = 27.7, reached after a quarter of
    # nine days; 80 % of it on day 2, at whose end it is 27.7 * 2 / 2.25 = 24.6
    assert title(plots.story(typical(tmp_path))) == "After 2 days about 25 queues are in Retry, all holding out-of-office replies"


def test_the_story_says_so_when_queues_have_another_cause(tmp_path):
    usual = typical(tmp_path)
    wide = usual.policies["external"]
    runs = tuple(replace(run, curves=run.curves | {"queues_in_retry_all": run.curves["queues_in_retry"] + 30}) for run in wide.runs)
    changed = replace(usual, policies={**usual.policies, "external": replace(wide, runs=runs)})
    assert title(plots.story(changed)) == "After 2 days about 55 queues are in Retry, 25 of them holding out-of-office replies"


def test_the_story_claims_no_queue_where_there_is_none(tmp_path):
    figure = plots.story(degenerate("nothing but zeros", tmp_path))
    assert title(figure) == "Under internal-only no queue is in Retry because of out-of-office replies"
    assert "No alert" in words(figure)


def test_the_story_marks_the_alert_the_switch_off_and_the_last_reply(tmp_path):
    said = words(plots.story(typical(tmp_path)))
    assert "alert would fire: more than 10 queues (assumed)" in said
    assert "switched off: Ann" in said
    assert "policy internal-only" in said
    assert "last reply leaves, 46 h after the switch-off" in said  # 43 + (1 + 2 + 3 + 4 + 5 + 1) / 6 = 45.7
    assert "off, internal-only, partners-only: 0" in said


def test_the_story_names_the_deciding_assumption_at_both_ends(tmp_path):
    said = words(plots.story(typical(tmp_path)))
    assert "if spam.silent is 5 %" in said
    assert "if spam.silent is 40 %" in said


def test_an_assumption_that_does_not_move_the_queues_gives_its_band_to_the_one_that_moves_them_most(tmp_path):
    usual = typical(tmp_path)
    times, wide = usual.times, usual.policies["external"]
    others = (assumption(wide, "spam.addresses.stranger", times, 25.0, 25.0), assumption(wide, "spam.busy", times, 24.0, 30.0))
    verdict = replace(usual.verdict, deciding="spam.addresses.stranger")
    said = words(plots.story(replace(usual, assumptions=(*others, *usual.assumptions), verdict=verdict)))
    assert "if spam.silent is 40 %" in said
    assert "stranger" not in said
    assert "spam.busy" not in said


def test_a_policy_change_is_marked_only_where_it_takes_effect(tmp_path):
    # a change of the server's policy happens under the scenario's own policy, external, not under others
    usual = typical(tmp_path)
    narrow = replace(usual, widest="partners-only")
    assert "policy internal-only" in words(plots.story(usual))
    assert "policy internal-only" not in words(plots.story(narrow))


def test_the_decision_says_who_is_told_and_what_is_not_to_be_had(tmp_path):
    figure = plots.decision(typical(tmp_path))
    # 11 + 16 / 6 = 13.7 wanted people, 100 + 16 / 6 = 102.7 strangers
    assert title(figure) == "external tells 14 wanted people and 103 strangers; off tells 0 wanted people and 0 strangers"
    said = words(figure)
    assert "Not available on Exchange 2003: contacts-only" in said
    assert "break-even: one stranger for each wanted person; below it, worth it" in said


def test_policies_at_the_same_point_share_a_label(tmp_path):
    said = words(plots.decision(typical(tmp_path)))
    assert "off (recommended), internal-only 0 wanted, 0 strangers" in said


POINTS = st.tuples(st.floats(0.0, 14.0), st.sampled_from([0.0, 0.3, 4.0, 40.0, 100.0]))


@settings(max_examples=20, derandomize=True, deadline=None)  # a panel may be too full for all, and its caption says so then
@given(
    points=st.lists(POINTS, min_size=2, max_size=5),
    unusual=st.sampled_from([("office of 12", 11.7, 0.0), ("two contacts", 9.7, 0.0)]),
)
@example(points=[(9.7, 0.0), (11.7, 0.0), (13.1, 36.4)], unusual=("contacts-only", 0.0, 0.0))
@example(points=[(9.7, 0.0), (11.7, 0.0), (13.1, 3.6)], unusual=("contacts-only", 0.0, 0.0))
@example(points=[(2.9, 0.0), (9.1, 0.0), (13.4, 1.3)], unusual=("contacts-only", 0.0, 0.0))
@example(points=[(0.0, 0.0), (0.0, 0.3)], unusual=("office of 12", 11.7, 0.0))
def test_every_policy_of_the_decision_has_a_label_that_covers_no_other(points, unusual, tmp_path_factory):
    usual = typical(tmp_path_factory.mktemp("decision"))
    name, wanted, strangers = unusual
    named = [(f"policy {n}", *told) for n, told in enumerate(points)] + [(name, wanted, strangers)]
    outcomes = [outcome(who, usual.times, 6, 0.0, wanted_told=w, strangers_told=s) for who, w, s in named]
    figure = plots.decision(compared(usual.scenario, [*outcomes, usual.policies["external"]]))
    assert unreadable(figure) == []
    assert "Not labelled" not in words(figure)
    shown = " ".join(" ".join(text.get_text().split()) for text in figure.texts)
    for who, *_ in [*named, ("external",)]:
        assert who in shown


def test_the_differences_say_what_another_policy_changes(tmp_path):
    figure = plots.differences(typical(tmp_path))
    assert title(figure) == "Compared with external, off tells 103 fewer strangers and 14 fewer wanted people"
    said = words(figure)
    for name, label in plots.DIFFERENCES.items():
        assert label in said
        assert MEASURES[name].unit in said


def test_a_difference_whose_interval_holds_zero_is_marked(tmp_path):
    # off and internal-only agree in every row and share a column: of the eight rows three are 0 in every run
    figure = plots.differences(typical(tmp_path))
    columns = 2
    assert words(figure).count("not distinguishable") == 3 * columns


def test_a_single_run_is_never_said_to_be_undistinguishable(tmp_path):
    figure = plots.differences(degenerate("one run", tmp_path))
    assert "not distinguishable" not in words(figure)
    assert "no interval" in words(figure)


@pytest.mark.parametrize("chart", CHARTS)
def test_a_caption_names_scenario_runs_seed_and_version(chart, tmp_path):
    assert "Scenario small, 6 runs, seed 7, mailflow-sim 0.1.0." in words(CHARTS[chart](typical(tmp_path)))


@pytest.mark.parametrize("chart", CHARTS)
def test_the_same_comparison_gives_the_same_svg(chart, tmp_path):
    one, other = (plots.svg(CHARTS[chart](typical(tmp_path))) for _ in range(2))
    assert one == other
    assert "<dc:date>" not in one


@pytest.mark.parametrize("chart", CHARTS)
def test_a_readers_own_settings_neither_change_a_chart_nor_are_changed(chart, tmp_path):
    usual = typical(tmp_path)
    plain = plots.svg(CHARTS[chart](usual))
    with mpl.rc_context({"font.size": 30.0, "svg.hashsalt": "mine", "axes.spines.top": True, "savefig.bbox": "tight"}):
        before = dict(mpl.rcParams)
        assert plots.svg(CHARTS[chart](usual)) == plain
        assert dict(mpl.rcParams) == before


def test_a_png_has_the_resolution_that_was_asked_for(tmp_path):
    figure = plots.decision(typical(tmp_path))
    for dpi in (50, 150):
        width = int.from_bytes(plots.png(figure, dpi)[16:20], "big")  # PNG: IHDR begins at byte 8, its width at byte 16
        assert width == int(figure.get_figwidth() * dpi)


def test_a_dollar_in_a_name_is_no_formula(tmp_path):
    usual = typical(tmp_path)
    named = replace(usual, scenario=replace(usual.scenario, name="a_$x$_b"))
    assert "a_$x$_b" in words(plots.story(named))
    assert unreadable(plots.story(named)) == []


def test_labels_of_marks_are_crossed_by_no_line_where_that_is_possible():
    # four marks as in the story of sbs_2003: one far to the left with a long label, one in the middle, two close to the right edge
    items = [(158.0, 370.0), (504.0, 130.0), (640.0, 316.0), (646.0, 190.0)]
    places = lanes(items, 760.0)
    spans = [(x, x + w) if side == "left" else (x - w, x) for (x, w), (_, side) in zip(items, places, strict=True)]
    for n, m in itertools.permutations(range(4), 2):
        assert not (spans[m][0] < items[n][0] < spans[m][1] and places[n][0] > places[m][0])


def title(figure: Figure) -> str:
    return " ".join(figure.get_suptitle().split())


def words(figure: Figure) -> str:
    """Every text of the figure, line breaks left out."""
    return " | ".join(" ".join(text.get_text().split()) for text in figure.findobj(Text) if text.get_text())
