"""Intervals, pairing, stopping, and the verdict's rule."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sim
from sim import comparison, experiment, report
from sim.comparison import Assumption, Band, Outcome, decide, estimate, estimates
from sim.errors import BadInput
from sim.measures import MEASURES, Summary

STORY = sim.load(Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml")


def summary(**values: float) -> Summary:
    return Summary(sim.measures.Values(dict.fromkeys(MEASURES, 0.0) | values), {}, math.nan, {})


def outcome(name: str, *runs: Summary) -> Outcome:
    return Outcome(name, True, measures=estimates([run.measures for run in runs]), runs=runs)


def told(name: str, wanted: float, strangers: float, spread: float = 0.0, **more: float) -> Outcome:
    runs = (summary(wanted_told=wanted + d, strangers_told=strangers, **more) for d in (-spread, 0.0, spread))
    return outcome(name, *runs)


def verdict(*outcomes: Outcome, assumptions: tuple[Assumption, ...] = ()):
    return decide(STORY, {o.name: o for o in outcomes}, outcomes[-1].name, assumptions)


def test_the_half_width_is_students_at_95_percent():
    # mean 3, s = sqrt(2.5), t(4, 0.975) = 2.776
    found = estimate([1, 2, 3, 4, 5, math.nan])
    assert (found.mean, found.n) == (3.0, 5)
    assert found.half_width == pytest.approx(2.776 * math.sqrt(2.5 / 5), rel=1e-3)
    assert math.isnan(estimate([]).mean)
    assert math.isnan(estimate([1.0]).half_width)


def test_an_interval_covers_the_mean_about_95_times_in_100():
    # binomial, 2,000 trials: 95 % +- 4 standard errors of 0.49 %
    rng = np.random.default_rng(1)
    covers = [abs((e := estimate(rng.normal(7, 2, 10))).mean - 7) <= e.half_width for _ in range(2000)]
    assert 0.93 <= np.mean(covers) <= 0.97


def test_yes_where_more_wanted_people_than_strangers_are_told():
    assert verdict(told("internal-only", 0, 0), told("external", 20, 5)).answer == "yes"


def test_yes_to_a_narrower_policy_that_reaches_enough_of_the_wanted():
    found = verdict(told("internal-only", 0, 0), told("partners-only", 9, 0), told("external", 14, 100))
    assert (found.answer, found.policy) == ("yes-to", "partners-only")


def test_no_where_no_narrower_policy_reaches_enough():
    found = verdict(told("internal-only", 0, 0), told("partners-only", 3, 0), told("external", 14, 100))
    assert (found.answer, found.policy) == ("no", "internal-only")


def test_it_depends_where_the_band_of_an_assumed_input_flips_the_answer():
    item = next(i for i in STORY.assumed() if i.key == "spam.unresolvable")
    base = told("external", 20, 15)
    low, high = (told("external", 20, s) for s in (30, 10))
    bands = [Band(v, o.measures, o.runs) for v, o in ((item.low, low), (item.high, high))]
    found = verdict(told("internal-only", 0, 0), base, assumptions=(Assumption(item, base.measures, *bands),))
    assert (found.answer, found.deciding) == ("depends", "spam.unresolvable")


def test_it_depends_where_the_interval_crosses_the_limit():
    assert verdict(told("internal-only", 0, 0), told("external", 10, 10.1, spread=5)).answer == "depends"
    assert verdict(told("partners-only", 8.5, 0, spread=4), told("external", 14, 100)).answer == "depends"


def test_the_weight_of_a_stranger_and_what_is_enough_are_the_scenarios():
    lenient = STORY.with_settings({"verdict.stranger_weight": 0.0})
    outcomes = {o.name: o for o in (told("internal-only", 0, 0), told("external", 14, 100))}
    assert decide(lenient, outcomes, "external", ()).answer == "yes"
    strict = STORY.with_settings({"verdict.enough": "90 %"})
    outcomes = {o.name: o for o in (told("partners-only", 9, 0), told("external", 14, 100))}
    assert decide(strict, outcomes, "external", ()).answer == "no"


def test_external_replies_that_delay_wanted_mail_get_no_yes():
    assert verdict(told("internal-only", 0, 0), told("external", 20, 5, wanted_wait=100.0)).answer == "no"


def numbers(result: comparison.Comparison) -> str:
    return repr(report.document(result, ""))


def test_the_result_does_not_depend_on_the_number_of_jobs_and_does_on_the_seed():
    short = STORY.with_settings({"spam.mailboxes.ann": "20/mailbox/day"})
    one, two = (experiment.compare(short, ["internal-only"], replications=3, jobs=jobs, bands=False) for jobs in (1, 2))
    other = experiment.compare(short, ["internal-only"], replications=3, jobs=2, seed=2, bands=False)
    assert numbers(one) == numbers(two)
    assert numbers(one) != numbers(other)


def test_replications_are_added_in_tens_until_the_headlines_are_known(monkeypatch):
    sure, unsure = summary(strangers_told=100.0), iter(range(10_000))

    def play(task):
        noise = 0.0 if task.replication >= 30 else float(next(unsure) % 2)
        return {name: replace(sure, measures=sure.measures | {"strangers_told": 100 + noise * 60}) for name in task.policies}

    monkeypatch.setattr(experiment, "play", play)
    result = experiment.compare(STORY, ["external"], jobs=1, bands=False)
    assert result.replications % experiment.BATCH == 0
    assert experiment.BATCH < result.replications <= experiment.MOST
    rows = result.policies["external"].rows
    assert comparison.enough(rows)
    assert not comparison.enough(rows[: -experiment.BATCH])


def test_a_policy_that_the_server_lacks_is_listed_with_the_reason():
    result = experiment.compare(STORY, ["contacts-only"], replications=1, jobs=1, bands=False)
    assert not result.policies["contacts-only"].available
    assert "contacts" in result.policies["contacts-only"].why_not
    with pytest.raises(BadInput, match="is not one of"):
        experiment.compare(STORY, ["nobody"], replications=1)


def test_an_input_that_moves_nothing_is_not_pursued_and_one_that_does_is():
    result = experiment.compare(STORY, ["external"], replications=3, jobs=2)
    by_key = {item.input.key: item for item in result.assumptions}
    assert by_key["server.delay_notice"].moves == 0.0
    assert by_key["server.delay_notice"].low.measures["strangers_told"].n == 2
    assert by_key["spam.unresolvable"].low.measures["strangers_told"].n == 3
    assert (
        by_key["spam.unresolvable"].low.measures["strangers_told"].mean > by_key["spam.unresolvable"].high.measures["strangers_told"].mean
    )
    assert [a.moves for a in result.assumptions] == sorted((a.moves for a in result.assumptions), reverse=True)
