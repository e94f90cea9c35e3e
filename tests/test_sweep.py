"""One key between two values, and the search for where the answer flips."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sim
from sim import breakeven, plots, sweeps
from sim.breakeven import CLOSE, SURE_CLOSE, Point, search
from sim.comparison import Estimate
from sim.errors import BadInput
from sim.report import sweeps as report
from sim.scenario.span import Span, over, span
from tests.stories import TWO_DAYS
from tests.test_plots import title, unreadable, words


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    path = tmp_path_factory.mktemp("scenario") / "short.toml"
    path.write_text(TWO_DAYS)
    return sim.load(path)


# A key between two values.


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("spam.unresolvable=2%..46%", ["2 %", "24 %", "46 %"]),
        ("spam.unresolvable=0.1..0.3", [0.1, 0.2, 0.3]),
        ("spam.mailboxes.ann=1/mailbox/day..30/mailbox/day", ["1/mailbox/day", "15.5/mailbox/day", "30/mailbox/day"]),
        ("server.expiry=12 h..2 d", ["12 h", "30 h", "48 h"]),
        ("server.connections=1..4", [1, 2, 4]),  # 2.5 is rounded to the even neighbour
        ("verdict.stranger_weight=0..1", [0.0, 0.5, 1.0]),
        ("replies.return_path=user..null", ["user", "null"]),
        ("replies.ignore_junk=false..true", [False, True]),
        ("spam.unresolvable=46%..2%", ["46 %", "24 %", "2 %"]),
    ],
)
def test_a_span_gives_its_ends_and_what_lies_between_as_it_would_be_written(text, values, short):
    way = over(text)
    assert [way.at(u) for u in way.shares(3)] == values
    for value in values:
        short.with_settings({way.key: value})


def test_a_logarithmic_span_multiplies():
    way = over("server.message_retry=1 min..100 min", log=True)
    assert [way.at(u) for u in way.shares(3)] == ["1 min", "10 min", "100 min"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("spam.unresolvable", "is not KEY=LOW..HIGH"),
        ("spam.unresolvable=2%", "is not KEY=LOW..HIGH"),
        ("spam.unresolvabel=2%..46%", "did you mean 'spam.unresolvable'"),
        ("spam.unresolvable=2%..46", "write both ends with the same unit"),
        ("spam.rate=2/mailbox/day..4/mailbox/hour", "same unit"),
        ("spam.rate=2/mailbox/day..many", "one end is a number"),
        ("spam.unresolvable=2%..2%", "goes nowhere"),
        ("server.connections=1..inf", "does not end"),
    ],
)
def test_a_span_that_leads_nowhere_is_refused(text, says):
    with pytest.raises(BadInput, match=says):
        over(text)
    with pytest.raises(BadInput, match="begins above 0"):
        over("spam.unresolvable=0%..46%", log=True)


# The search.


def no_counts() -> list[float]:
    return []


def staged(edges: list[float], unsure: float, way: Span, counts: list[float]):
    """Points whose label counts the edges passed, and that are unsure within a distance of an edge."""

    def point(u: float) -> Point:
        counts.append(u)
        near = min((abs(u - edge) for edge in edges), default=math.inf)
        return Point(u, way.at(u), str(sum(u > edge for edge in edges)), near > unsure, {})

    return point


@given(st.floats(0.01, 0.99), st.floats(0.0, 0.3), st.integers(2, 12))
def test_the_search_brackets_an_edge_and_the_stretch_where_the_runs_are_not_sure(edge, unsure, points):
    way, counts = over("spam.unresolvable=0%..100%"), no_counts()
    point = staged([edge], unsure, way, counts)
    (flip,), more = search([point(u) for u in way.shares(points)], point, way)
    assert more == 0
    assert len(counts) == len(set(counts))  # no value is played twice
    assert flip.low.share <= edge < flip.high.share
    assert flip.high.share - flip.low.share <= CLOSE
    assert (flip.before, flip.after) == ("0", "1")
    if flip.sure_low is None:
        assert edge - unsure <= 0
    else:
        assert flip.sure_low.sure
        assert edge - unsure - max(SURE_CLOSE, CLOSE) <= flip.sure_low.share <= edge - unsure
    if flip.sure_high is None:
        assert edge + unsure >= 1
    else:
        assert edge + unsure <= flip.sure_high.share <= edge + unsure + max(SURE_CLOSE, CLOSE)


def test_every_flip_is_found_and_those_beyond_the_third_are_counted():
    way, counts = over("spam.unresolvable=0%..100%"), no_counts()
    point = staged([0.05, 0.3, 0.55, 0.8], 0.01, way, counts)
    flips, more = search([point(n / 8) for n in range(9)], point, way)
    assert [(flip.before, flip.after) for flip in flips] == [("0", "1"), ("1", "2"), ("2", "3")]
    assert more == 1


def test_between_neighbouring_whole_numbers_and_between_the_two_values_of_a_choice_nothing_is_sought():
    for text, ends in (("server.connections=1..9", (4, 5)), ("replies.return_path=user..null", ("user", "null"))):
        way, counts = over(text), no_counts()
        point = staged([0.45], 0.0, way, counts)
        (flip,), _ = search([point(u) for u in way.shares(3)], point, way)
        assert (flip.low.value, flip.high.value) == ends


def test_no_flip_no_search():
    way, counts = over("spam.unresolvable=0%..100%"), no_counts()
    point = staged([], 0.0, way, counts)
    assert search([point(u) for u in way.shares(5)], point, way) == ([], 0)
    assert len(counts) == 5


# Sweeps of a scenario.


@pytest.fixture(scope="module")
def flipping(short):
    return sweeps.sweep(short, "spam.mailboxes.ann=1/mailbox/day..30/mailbox/day", points=3, replications=6, jobs=1)


def test_replies_to_everyone_are_worth_it_until_spam_brings_as_many_strangers_as_wanted_people(flipping, short):
    # about 0.55 strangers a message answered, 4 to 5 wanted people: some 9 messages in two days, give or take what few runs say
    (flip,) = flipping.flips
    assert (flip.before, flip.after) == ("yes", "yes-to partners-only")
    assert 2 < flipping.span.number(flip.low.share) < 10
    low, high = (
        sim.compare(short.with_settings({flipping.span.key: p.value}), replications=6, jobs=1, bands=False) for p in (flip.low, flip.high)
    )
    assert low.verdict.margin.mean > 0 >= high.verdict.margin.mean
    assert repr(flip.low.measures["external"]) == repr(low.verdict.margin)


def test_a_sweep_does_not_depend_on_the_number_of_jobs(flipping, short):
    again = sweeps.sweep(short, "spam.mailboxes.ann=1/mailbox/day..30/mailbox/day", points=3, replications=6, jobs=2)
    assert repr(report.document(again)) == repr(report.document(flipping))


def test_a_measure_passes_a_level_where_its_mean_does(short):
    # fewer domains that resolve, fewer strangers; the level is half way between the ends, so it is passed
    ends = [
        sim.compare(short.with_settings({"spam.unresolvable": end}), ["external"], replications=6, jobs=1, bands=False)
        for end in ("2 %", "46 %")
    ]
    first, last = (result.policies["external"].measures["strangers_told"].mean for result in ends)
    assert first > last
    level = (first + last) / 2
    found = sweeps.sweep(short, "spam.unresolvable=2%..46%", measure="strangers_told", crosses=level, points=3, replications=6, jobs=1)
    assert found.policies == ("external",)
    (flip,) = found.flips
    assert flip.low.measures["external"].mean > level >= flip.high.measures["external"].mean
    for point in found.searched:
        e = point.measures["external"]
        assert point.sure == (e.low > level or e.high <= level)
    assert f"passes {level:g} at spam.unresolvable" in found.headline()


def test_what_is_said_of_a_sweep_agrees_with_its_numbers(flipping):
    said = report.text(flipping, "mailflow sweep")
    (flip,) = flipping.flips
    assert f"The answer is yes at spam.mailboxes.ann {flipping.span.said(flip.low.share)}" in said
    assert said.endswith("\nmailflow sweep")
    table = report.rows(flipping)
    assert len(table) == 1 + 4 * len(flipping.searched)
    assert report.document(flipping)["flips"][0]["between"] == [flip.low.value, flip.high.value]


def test_a_sweep_whose_answer_stays_says_so(short):
    found = sweeps.sweep(short, "world.reply_lag=1 s..60 s", points=2, replications=5, jobs=1)
    assert found.flips == ()
    assert found.headline() == "The answer is yes-to partners-only from world.reply_lag 1 s to 60 s"
    assert "sure" in report.sentences(found)[0]


@pytest.mark.parametrize(
    "bad", [{"points": 1}, {"replications": 1}, {"measure": "stranger_told"}, {"key": "spam.silent=5%..98%"}, {"policies": ["extern"]}]
)
def test_a_sweep_that_cannot_be_played_is_refused_before_anything_is(bad, short, monkeypatch):
    monkeypatch.setattr(sweeps, "workers", None)
    with pytest.raises(BadInput):
        sweeps.sweep(short, **({"key": "spam.unresolvable=2%..46%"} | bad))


# The chart.


def charted(kind: str, folder: Path) -> breakeven.Sweep:
    """Sweeps at the edge of what can come, without runs."""
    file = folder / "small.toml"
    file.write_text(TWO_DAYS)
    scenario = sim.load(file)
    way = over("replies.return_path=user..null") if kind == "a choice" else over("spam.unresolvable=2%..46%", log=kind == "logarithmic")
    edges = {"many flips": [0.2, 0.5, 0.7], "no flip": [], "at the left end": [0.01], "at the right end": [0.99]}.get(kind, [0.4])
    counts: list[float] = []
    scale = {"large numbers": 1e6, "zeros": 0.0}.get(kind, 1.0)

    def point(u: float) -> Point:
        base = staged(edges, 0.3 if kind == "never sure" else 0.08, way, counts)(u)
        half = math.nan if kind == "no intervals" else 2.0 * scale
        mean = math.nan if kind == "no values" else 20.0 * (u - 0.4) * scale
        measures = {"off": Estimate(0.0, 0.0, 9), "internal-only": Estimate(0.0, 0.0, 9), "external": Estimate(mean, half, 9)}
        return Point(u, way.at(u), f"yes-to policy-{base.label}", base.sure and kind != "never sure", measures)

    table = [point(u) for u in way.shares(9)]
    flips, more = search(table, point, way)
    shares = sorted({*counts})
    level = 5.0 * scale if kind == "a level" else None
    names = ("off", "internal-only", "external")
    everything = tuple(point(u) for u in shares)
    return breakeven.Sweep(scenario, way, 7, 9, "0.1.0", "margin", level, names, "external", tuple(table), tuple(flips), everything, more)


CHARTED = (
    *("usual", "no flip", "many flips", "at the left end", "at the right end", "never sure", "a choice", "logarithmic", "a level"),
    *("large numbers", "zeros", "no intervals", "no values"),
)


@pytest.mark.parametrize("kind", CHARTED)
def test_every_label_of_the_chart_can_be_read(kind, tmp_path):
    assert unreadable(plots.sweep(charted(kind, tmp_path))) == []


def test_the_chart_says_where_the_answer_flips_and_how_sure_that_is(tmp_path):
    # the edge lies at 0.4 of the way from 2 % to 46 %: 19.6 %; unsure 0.08 x 44 = 3.5 on either side, to a 64th of the way
    figure = plots.sweep(charted("usual", tmp_path))
    assert title(figure) == "The answer flips from yes-to policy-0 to yes-to policy-1 at spam.unresolvable of about 20 %"
    said = words(figure)
    assert "break-even 19.6 % (95 %: 15." in said
    assert "off, internal-only" in said
    assert plots.svg(figure) == plots.svg(plots.sweep(charted("usual", tmp_path)))


def test_a_span_is_made_of_the_band_of_any_assumed_input(short):
    for item in short.assumed():
        way = span(item.key, item.low, item.high)
        for u in way.shares(3):
            short.with_settings({item.key: way.at(u)})
