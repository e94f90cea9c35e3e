"""The answer in words."""

import math
from pathlib import Path

import pytest

import sim
from sim import experiment, report, runs, scenario
from sim.comparison import Comparison, Estimate
from sim.errors import BadInput
from sim.mail import HERE
from sim.report.queues import queue_ages, queue_table, queue_view, what_happened
from sim.scenario import Scenario
from sim.scenario.estimate import by_hand, hanging
from sim.units import moment

STORY = sim.load(Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml")


@pytest.fixture(scope="module")
def story() -> Comparison:
    return experiment.compare(STORY, replications=10, jobs=2, bands=False)


def test_the_first_sentence_says_what_to_do_and_the_story_answers_partners_only(story):
    answer = report.answer(story)
    assert answer.sentence.startswith("Do not answer everyone from this server.")
    assert "Naming your partner domains" in answer.sentence
    assert (story.verdict.answer, story.verdict.policy) == ("yes-to", "partners-only")
    assert report.text(answer).startswith("Do not answer everyone")


def test_a_number_is_written_with_its_half_width_and_nothing_as_a_dash():
    assert report.number(Estimate(101.84, 3.26, 40), "strangers_told") == "101.8 ± 3.3"
    assert report.number(Estimate(0.0, 0.0, 40), "strangers_told") == "0"
    assert report.number(Estimate(math.nan, math.nan, 0), "drained_after") == "-"
    assert report.number(Estimate(12345.6, math.nan, 1), "attempts_on_undelivered_autoreplies") == "12,346"


def test_an_argument_that_is_not_modelled_is_never_said_not_to_hold(story):
    answer = report.answer(story)
    for word in ("listing", "loops", "compromise that hides"):
        assert any(word in line for line in answer.not_modelled)
        assert not any(word in line for line in answer.not_arguments)


def test_delay_of_wanted_mail_is_an_argument_only_where_a_limit_binds(story):
    assert any("delay of wanted mail" in line for line in report.answer(story).not_arguments)
    tight = experiment.compare(STORY.with_settings({"server.connections": 1}), ["external"], replications=3, jobs=2, bands=False)
    assert any(line.startswith("Wanted mail waits") for line in report.answer(tight).why)
    assert tight.policies["external"].measures["wanted_delay_p95"].mean > 2 * story.policies["external"].measures["wanted_delay_p95"].mean


def test_with_a_null_return_path_no_notice_comes_back_and_the_answer_says_so():
    null = experiment.compare(STORY.with_settings({"replies.return_path": "null"}), ["external"], replications=2, jobs=2, bands=False)
    assert null.policies["external"].measures["notices_to_user"].mean == 0
    assert any("notices" in line for line in report.answer(null).not_arguments)


def test_a_filter_before_the_reply_removes_most_strangers():
    junked = experiment.compare(STORY.with_settings({"filter.kind": "junk-first"}), ["external"], replications=3, jobs=2, bands=False)
    assert junked.policies["external"].measures["strangers_told"].mean < 20
    assert any("Intelligent Message Filter" in line for line in report.answer(junked).decided)


def test_what_is_not_this_server_s_own_is_said_to_be_simulated():
    changed = STORY.with_settings({"replies.rate_limit": "5/mailbox/hour", "replies.responder": "rfc5230"})
    decided = report.answer(experiment.compare(changed, ["external"], replications=2, jobs=2, bands=False)).decided
    assert "replies.rate_limit 5/mailbox/hour is not a setting of this server: it is simulated." in decided
    assert any(line.startswith("Replies as rfc5230 makes them") for line in decided)


def test_a_filter_that_the_server_did_not_have_says_so():
    scenario = STORY.with_settings({"filter.kind": "refuse-unresolvable"})
    refused = experiment.compare(scenario, ["external"], replications=2, jobs=2, bands=False)
    assert any("this server did not have it" in line for line in report.answer(refused).decided)
    plain = experiment.compare(STORY, ["external"], replications=2, jobs=2, bands=False)
    peak = (found.policies["external"].measures["queues_in_retry_peak"].mean for found in (refused, plain))
    assert next(peak) < 0.7 * next(peak)


def test_the_estimate_by_hand_is_messages_times_domains_times_share_and_lies_near_the_simulation(story):
    estimate = by_hand(STORY)
    assert estimate is not None
    assert estimate.messages == pytest.approx(100)
    assert estimate.domains == pytest.approx(57)
    assert 0.40 <= hanging(STORY) <= 0.43
    assert estimate.queues == pytest.approx(estimate.domains * hanging(STORY))
    lines = report.answer(story).by_hand
    assert lines[0].startswith("100 messages in 2 d come from 57 domains x 4")
    simulated = float(lines[0].partition("simulated ")[2].split()[0])
    assert abs(simulated - estimate.queues) < 6
    assert "differ because" in lines[1]


TWO = """
title = "Two are away"
days = 10
server = { profile = "sbs-2003", policy = "external" }
office = { mailboxes = 3, people = ["ann", "bob"] }
spam = { rate = "2/mailbox/day", mailboxes = { ann = "40/mailbox/day", bob = "25/mailbox/day" } }
"""


def away(*spans: tuple[str, int, int]) -> Scenario:
    absences = (f'[[absence]]\nwho = "{who}"\nfrom = "day {since}"\nuntil = "day {until}"\n' for who, since, until in spans)
    return scenario.loads(TWO + "".join(absences), "two")


def test_the_estimate_by_hand_adds_up_all_who_are_away_together():
    # two days of 40 + 25 messages a day, of whose n messages 100 x 0.57 x (n / 100)^0.93 bring a new domain: 130 make 73
    both = by_hand(away(("ann", 1, 9), ("bob", 2, 9)))
    assert both is not None
    assert both.messages == pytest.approx(130)
    assert both.domains == pytest.approx(57 * 1.3**0.93)
    assert both.others == 0
    assert both.sum().startswith("130 messages to Ann and Bob in 2 d")
    # Bob is away for one day of the eight: never full, and so only a reason why the simulation differs
    one = by_hand(away(("ann", 1, 9), ("bob", 4, 5)))
    assert one is not None
    assert one.messages == pytest.approx(80)
    assert one.others == pytest.approx(25)
    assert one.sum().startswith("80 messages in 2 d")


def test_the_estimate_by_hand_is_set_against_the_longest_absence_and_not_against_the_first():
    # Ann is away for a day, is back for one, and is then away for six: her queues are full from day 5 to day 9
    two = away(("ann", 1, 2), ("ann", 3, 9))
    found = report.answer(experiment.compare(two, ["external"], replications=3, jobs=1, bands=False)).by_hand
    assert found[0].startswith("80 messages in 2 d")
    assert found[0].endswith("on average, day 5 00:00 to day 9 00:00.")
    # an absence shorter than a lifetime: what hangs stands until the first of it expires
    short = by_hand(away(("ann", 2, 3)))
    assert short is not None
    assert short.messages == pytest.approx(40)
    assert (short.since, short.until) == (moment("day 3"), moment("day 4"))


def test_spam_that_has_no_rows_in_a_large_office_is_counted_all_the_same_and_the_queue_view_says_what_it_lacks(monkeypatch):
    def said(record):
        return what_happened(STORY, record).partition(";")[0], "counted and not listed" in queue_view(STORY, record, moment("day 5 12:00"))

    whole = said(runs.run(STORY, "external"))
    monkeypatch.setattr(runs, "ROWS", 0.0)
    tallied = runs.run(STORY, "external")
    assert tallied.run.tallied
    assert not whole[1]
    assert said(tallied) == (whole[0], True)


def test_the_queue_view_lists_every_queue_with_its_next_retry_as_the_run_then_makes_it():
    record = sim.run(STORY)
    at = moment("day 5 12:00")
    view = queue_view(STORY, record, at).splitlines()
    queues = [line.split() for line in view[2:] if line.startswith("Retry")]
    assert len(queues) > 10
    names = {name: code for code, name in zip(record.domains["domain"], record.domains["name"], strict=True)}
    attempts = record.columns("attempts")
    for line in queues:
        later = attempts["at"][(attempts["next_hop"] == names[line[1]]) & (attempts["at"] >= at)]
        hours, minutes, seconds = (int(part) for part in line[7].split(":"))
        shown = hours * 3600 + minutes * 60 + seconds
        if len(later):  # else the message expires before
            assert 0 <= later[0] % 86400 - shown < 1


def test_the_table_of_queues_holds_what_the_view_shows():
    record, at = sim.run(STORY), moment("day 5 12:00")
    table, view = queue_table(STORY, record, at), queue_view(STORY, record, at).splitlines()
    retry = [line.split() for line in view[2:] if line.startswith("Retry")]
    shown = table[table["state"] == "Retry"]
    assert len(retry) == len(shown) > 10
    cells = shown[["queue", "messages", "oldest", "next_retry", "senders", "last_error"]].astype(str).values.tolist()
    for line, (*row, error) in zip(retry, cells, strict=True):
        assert [line[1], line[2], " ".join(line[4:6]), " ".join(line[6:8]), line[8]] == row
        assert " ".join(line[9:]) == error
    assert len(queue_table(STORY, record, 0.0)) == 0


def test_ages_count_every_queued_message_once_and_between_the_right_minutes():
    record, at = sim.run(STORY), moment("day 5 12:00")
    m = record.messages
    queued = m[(m["next_hop"] != HERE) & (m["accepted_at"] < at) & ~(m["settled_at"] < at)]
    minutes = (at - queued["accepted_at"]) / 60
    ages = {by: queue_ages(STORY, record, at, by) for by in ("queue", "sender")}
    for table in ages.values():
        assert table.loc["TOTAL", "T"] == len(queued) > 10
        assert (table.drop(columns="T").sum(axis=1) == table["T"]).all()
        assert (table.iloc[1:].sum() == table.iloc[0]).all()
        assert table.loc["TOTAL", "1280+"] == (minutes >= 1280).sum()
        assert table.loc["TOTAL", "640"] == ((minutes >= 320) & (minutes < 640)).sum()
    ann = minutes[queued["sender"] == STORY.mailbox("ann")]
    assert ages["sender"].loc["ann@office.example", "1280+"] == (ann >= 1280).sum() < (minutes >= 1280).sum()
    assert queue_ages(STORY, record, 0.0)["T"].tolist() == [0]
    with pytest.raises(BadInput, match="by: 'age' is not one of queue, sender"):
        queue_ages(STORY, record, at, "age")


def test_what_happened_is_said_in_sentences_with_the_numbers_of_the_record():
    record = sim.run(STORY)
    values = sim.measure(record)
    said = what_happened(STORY, record)
    assert f"{values['strangers_told']:.0f} strangers" in said
    assert "After the switch-off the last hung reply left" in said
    assert "queues stood in Retry" not in what_happened(STORY, sim.run(STORY, "internal-only"))
