"""Intervals, pairing, stopping, and the verdict's rule."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sim
from sim import comparison, experiment, report, workers
from sim.comparison import OF_BANDS, Assumption, Band, Outcome, Verdict, decide, estimate, estimates
from sim.errors import BadInput
from sim.measures import MEASURES, Summary
from tests.stories import TWO_DAYS

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


def test_it_depends_where_a_narrower_policy_just_misses_enough_and_its_interval_reaches_it():
    # 8.0 of the 0.6 x 14 = 8.4 that are wanted; the half-width of the difference is 4.303 x 1 / sqrt 3 = 2.5
    found = verdict(told("partners-only", 8.0, 0, spread=1), told("external", 14, 100))
    assert (found.answer, found.policy, found.deciding, found.limit) == ("depends", "partners-only", "replications", "verdict.enough")
    # 0.4 is told from 0 by n runs of standard deviation 1 where t(n - 1) / sqrt n <= 0.4: 2.052 / sqrt 27 = 0.395, 2.060 / sqrt 26 = 0.404
    assert found.runs == 27
    assert str(found) == "depends on chance: 3 runs leave partners-only open, about 27 would tell"
    # 5.8 is more than 2.5 away from 8.4
    assert verdict(told("partners-only", 5.8, 0, spread=1), told("external", 14, 100)).answer == "no"


def test_a_policy_that_tells_too_many_strangers_for_certain_is_in_no_question():
    assert verdict(told("partners-only", 8.0, 30, spread=1), told("external", 14, 100)).answer == "no"


def test_a_single_run_has_no_interval_and_answers_by_its_numbers():
    runs = {
        name: outcome(name, summary(wanted_told=w, strangers_told=s)) for name, w, s in (("partners-only", 8.0, 0), ("external", 14.0, 100))
    }
    assert decide(STORY, runs, "external", ()).answer == "no"


def test_no_number_of_runs_decides_what_lies_on_the_limit():
    on_it = decide(
        STORY.with_settings({"verdict.enough": "70 %"}),
        {o.name: o for o in (told("partners-only", 7, 0, spread=1), told("external", 10, 100))},
        "external",
        (),
    )
    assert (on_it.answer, on_it.runs) == ("depends", None)
    assert str(on_it) == "depends on chance: 3 runs leave partners-only open, it lies on the limit"


@pytest.mark.parametrize("spread", [4.0, 1.0])
def test_a_policy_of_ones_own_does_not_take_the_place_of_the_servers_where_both_are_in_question(spread):
    # 8.5 and 9 of 8.4 with a half-width of 4.303 x 4 / sqrt 3 = 9.9, and of 2.5
    ours, mine = told("partners-only", 8.5, 0, spread=spread), told("mine", 9.0, 0, spread=spread)
    policies = {o.name: o for o in (ours, told("external", 14, 100), mine)}
    found = decide(STORY, policies, "external", ())
    assert (found.answer, found.policy) == ("depends", "partners-only")
    # nor where the server's just misses
    just = told("partners-only", 8.3, 0, spread=spread)
    found = decide(STORY, policies | {just.name: just}, "external", ())
    assert (found.answer, found.policy) == ("depends", "partners-only")
    # where the server's is out of question, one's own is the question
    short = told("partners-only", 1.0, 0)
    found = decide(STORY, policies | {short.name: short}, "external", ())
    assert (found.answer, found.policy) == ("depends", "mine")


def test_wanted_mail_that_waits_answers_no_however_few_runs_there_are():
    assert verdict(told("internal-only", 0, 0), told("external", 10, 10.1, spread=5, wanted_wait=100.0)).answer == "no"


def undecided(*outcomes: Outcome) -> comparison.Comparison:
    found = experiment.compare(STORY, ["external"], replications=1, jobs=1, bands=False)
    policies = {o.name: o for o in outcomes}
    return replace(found, policies=policies, replications=3, verdict=decide(STORY, policies, "external", ()))


def test_an_answer_that_depends_on_replications_says_what_they_leave_open_and_how_many_tell():
    narrow = undecided(told("partners-only", 8.0, 0, spread=1), told("external", 14, 100))
    assert report.sentence(narrow) == (
        "Do not answer everyone from this server. Whether partners-only is good enough is not decided: 3 runs leave open whether it would "
        "tell 60 % of the wanted people that external tells. About 27 runs would tell (--replications 27)."
    )
    # the margin is -0.1 +- 12.4: t(n - 1) x 5 / sqrt n <= 0.1 where n is about (1.96 x 50)^2 = 9,604
    wide = undecided(told("internal-only", 0, 0), told("external", 10, 10.1, spread=5))
    assert wide.verdict.runs == pytest.approx(9604, rel=0.01)
    assert report.sentence(wide).startswith(
        "Not decided: 3 runs leave open whether replies to everyone would tell more wanted people than strangers. About 9,60"
    )
    assert "3 runs leave external open" in repr(wide)


def test_no_assumption_is_said_to_decide_where_chance_does():
    chance = verdict(told("partners-only", 8.0, 0, spread=1), told("external", 14, 100))
    played = experiment.compare(STORY, ["external"], replications=1, jobs=1, bands=False)
    item = next(i for i in STORY.assumed() if i.key == "spam.unresolvable")
    low, high = (told("external", 14, strangers) for strangers in (60, 150))
    bands = [Band(v, o.measures, o.runs) for v, o in ((item.low, low), (item.high, high))]
    assumptions = (Assumption(item, played.policies["external"].measures, *bands),)
    found = report.answer(replace(played, verdict=chance, assumptions=assumptions)).decided
    assert found[0] == "No assumed input would decide it alone. The numbers depend most on these:"
    assert found[1].startswith("- ")
    assert "spam.unresolvable" in found[1]


def test_the_answer_leans_with_the_ends_of_the_intervals():
    # 10 wanted against 10.1 strangers: by the means no, at the upper end of the interval yes. t(2) s / sqrt 3 = 4.303 x 5 / 1.732 = 12.4
    policies = {o.name: o for o in (told("internal-only", 0, 0), told("external", 10, 10.1, spread=5))}
    assert [decide(STORY, policies, "external", (), lean=lean).answer for lean in (-1.0, 0.0, 1.0)] == ["no", "no", "yes"]
    # a narrower policy that just misses enough of the wanted, 8.0 of 0.6 x 14 = 8.4, is a yes at the upper end
    policies = {o.name: o for o in (told("partners-only", 8.0, 0, spread=1), told("external", 14, 100))}
    assert [decide(STORY, policies, "external", (), lean=lean).answer for lean in (-1.0, 0.0, 1.0)] == ["no", "no", "yes-to"]


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

    monkeypatch.setattr(workers, "play", play)
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
    ends = [estimates for a in result.assumptions for estimates in (a.base, a.low.measures, a.high.measures)]
    assert all(set(found) == {"strangers_told", "queues_in_retry_peak", "wanted_told"} for found in ends)


def test_when_an_alarm_goes_off_changes_none_of_the_measures_at_the_ends_of_assumed_inputs():
    def taken(scenario):
        values = sim.measure(sim.run(scenario, "external", engine="kernel"))
        return [values[name] for name in OF_BANDS]

    looks = [item for item in STORY.assumed() if item.key.startswith("detection.")]
    assert len(looks) == 5
    for item in looks:  # so these are not played again there
        assert taken(STORY.with_settings({item.key: item.low})) == taken(STORY.with_settings({item.key: item.high})) == taken(STORY)


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    path = tmp_path_factory.mktemp("scenario") / "short.toml"
    path.write_text(TWO_DAYS)
    return sim.load(path)


def test_runs_go_on_in_whole_batches_until_the_measure_that_was_asked_for_is_known(short):
    result = experiment.compare(short, ["external"], jobs=1, bands=False, until=["backscatter=8%"])
    rows = result.policies["external"].rows
    wanted = result.until[0]
    assert result.replications % experiment.BATCH == 0
    assert wanted.met(row["backscatter"] for row in rows)
    assert not wanted.met(row["backscatter"] for row in rows[: -experiment.BATCH])
    assert result.missed == ()


def test_a_target_that_is_not_reached_is_said_to_be_missed_and_costs_no_more_than_was_allowed(short):
    result = experiment.compare(short, ["external"], jobs=1, bands=False, until=["trap_hits=1%"], replications=15)
    assert result.replications == 15
    assert [wanted.measure for wanted in result.missed] == ["trap_hits"]
    assert any("NOT known to 1 % after 15 runs" in line for line in report.answer(result).statistics)
    with pytest.raises(BadInput, match="did you mean 'backscatter'"):
        experiment.compare(short, until=["backscater=5%"])


def test_a_target_may_be_that_of_a_narrower_policy(short):
    # partners-only tells 3 to 4 people in a run and external 5: each is known at another number of runs, and that of its own is waited for
    one = experiment.compare(short, ["partners-only"], jobs=1, bands=False, until=["partners-only:wanted_told=12%"])
    (wanted,) = one.until
    rows = one.policies["partners-only"].rows
    assert wanted.met(row["wanted_told"] for row in rows)
    assert not wanted.met(row["wanted_told"] for row in rows[: -experiment.BATCH])
    (line,) = report.answer(one).statistics
    assert line.startswith(f"wanted_told is known to 12 % after {one.replications} runs: ")
    assert line.endswith("people under partners-only.")
    few = experiment.compare(
        short, ["partners-only"], jobs=1, bands=False, until=["partners-only:wanted_told=1%", "strangers_told=500%"], replications=10
    )
    assert [str(missed) for missed in few.missed] == ["partners-only:wanted_told=1%"]
    with pytest.raises(BadInput, match="'contacts-only' is not one of the policies that are compared: partners-only, external"):
        experiment.compare(short, ["partners-only"], until=["contacts-only:wanted_told=5%"])


def test_the_best_policy_by_the_margin_is_the_one_that_reaches_partners_and_no_stranger(short):
    # partners-only tells 3 to 4 wanted people and no stranger, off nobody, external 5 wanted people and 20 strangers
    result = experiment.compare(short, jobs=1, bands=False, best="margin")
    assert result.best is not None
    assert (result.best.policy, result.best.rivals) == ("partners-only", ("partners-only",))
    assert result.best.runs <= result.replications
    fewest = experiment.compare(short, ["off", "external"], jobs=1, bands=False, best="notices_to_user").best
    assert fewest is not None
    assert fewest.policy == "off"


def test_what_shall_be_high_are_measures_that_there_are():
    assert comparison.MORE_IS_BETTER - {comparison.MARGIN} <= set(MEASURES)


def test_a_best_policy_that_cannot_be_told_within_the_runs_allowed_is_not_named(short):
    result = experiment.compare(short, ["partners-only"], jobs=1, bands=False, best="wanted_told", zone=0.01, replications=12)
    assert result.best is not None
    assert (result.best.policy, set(result.best.rivals)) == ("", {"partners-only", "external"})
    assert result.best.most > 12
    for bad in ({"best": "drained_after"}, {"best": "wantd_told"}, {"best": "margin", "zone": 0.0}):
        with pytest.raises(BadInput):
            experiment.compare(short, ["off"], jobs=1, bands=False, replications=10, **bad)


def test_unpaired_policies_meet_mail_of_their_own_and_the_widest_keeps_its_own(short):
    pairs, apart = (experiment.compare(short, ["partners-only"], replications=12, jobs=1, bands=False, pairs=p) for p in (True, False))
    assert repr(apart.policies["external"].rows) == repr(pairs.policies["external"].rows)
    # who writes to Ann depends on the mail and on no policy: the same in pairs, another number apart
    writers = [[row["wanted_writers"] for row in apart.policies[name].rows] for name in ("partners-only", "external")]
    assert writers[0] != writers[1]
    assert pairs.differences["partners-only"]["wanted_writers"].half_width == 0.0
    a, b = ([row["wanted_told"] for row in apart.policies[name].rows] for name in ("partners-only", "external"))
    u, v = (np.var(x, ddof=1) / 12 for x in (a, b))
    freedom = (u + v) ** 2 / ((u**2 + v**2) / 11)
    assert 11 <= freedom <= 22
    assert 2.07 <= apart.differences["partners-only"]["wanted_told"].half_width / math.sqrt(u + v) <= 2.21  # t(22) to t(11)
    again = experiment.compare(short, ["partners-only"], replications=12, jobs=2, bands=False, pairs=False)
    assert numbers(again) == numbers(apart)
    assert pairs.pairing_gain("partners-only", "wanted_told").value > 1
    with pytest.raises(ValueError, match="nothing is paired"):
        apart.pairing_gain("partners-only", "wanted_told")


def test_differences_that_hold_together_are_as_much_wider_as_students_quantile_says(short):
    alone, together = (experiment.compare(short, replications=10, jobs=1, bands=False, together=t) for t in (False, True))
    assert together.level == pytest.approx(1 - 0.05 / 3)
    # t(9) at 0.975 is 2.262, at 1 - 0.025 / 3 = 0.99167 it is 2.933
    for name in ("off", "internal-only", "partners-only"):
        ratio = together.differences[name]["strangers_told"].half_width / alone.differences[name]["strangers_told"].half_width
        assert ratio == pytest.approx(2.933 / 2.262, rel=1e-3)
    assert together.policies["external"].measures == alone.policies["external"].measures


def test_cases_are_the_same_comparison_with_the_keys_changed(short):
    vary = {"spam.unresolvable": ["2 %", "46 %"], "spam.mailboxes.ann": ["1/mailbox/day", "30/mailbox/day"]}
    result = experiment.compare(short, ["external"], replications=4, jobs=1, bands=False, vary=vary, engine="simpy")
    assert [tuple(case.settings.values()) for case in result.cases] == [
        ("2 %", "1/mailbox/day"),
        ("2 %", "30/mailbox/day"),
        ("46 %", "1/mailbox/day"),
        ("46 %", "30/mailbox/day"),
    ]
    alone = experiment.compare(
        short.with_settings(result.cases[3].settings), ["external"], replications=4, jobs=1, bands=False, engine="simpy"
    )
    assert numbers(result.cases[3].result) == numbers(alone)
    assert result.cases[0].result.verdict.answer == "yes"  # one spam a day: hardly a stranger
    with pytest.raises(BadInput, match="121 cases, more than 100"):
        experiment.compare(short, vary={"wanted.partners": list(range(11)), "wanted.correspondents": list(range(11))})


def test_a_percentile_of_the_runs_comes_with_its_interval(short):
    result = experiment.compare(short, ["external"], replications=10, jobs=1, bands=False)
    rows = sorted(row["strangers_told"] for row in result.policies["external"].rows)
    found = result.policies["external"].percentile("strangers_told", 50)
    # of 10 runs the 2nd and the 9th: P(1 < Binomial(10, 1/2) < 9) = 1 - 2 x 11 / 1024 = 97.9 %
    assert (found.low, found.high) == (rows[1], rows[8])


def test_an_answer_in_words_says_only_once_that_a_policy_is_the_only_one():
    said = {name: str(Verdict("yes-to", name, "", estimate([]))) for name in ("mine", "partners-only")}
    assert said == {"mine": "yes, to mine only", "partners-only": "yes, to partners-only"}
