"""What the answer says where a scenario is unlike the story: nobody away, other servers, lists, compromises."""

import math
import re
from dataclasses import replace

import sim
from sim import experiment, report
from sim.comparison import Comparison, Estimate, Outcome, longer_wait
from sim.measures import MEASURES
from sim.report.answer import Answer


def compared(name: str, *settings: str, replications: int = 2) -> Comparison:
    return experiment.compare(sim.load(name, settings), ["off", "external"], replications=replications, jobs=1, bands=False)


def answer(name: str, *settings: str) -> Answer:
    return report.answer(compared(name, *settings))


def test_where_nobody_is_away_the_answer_speaks_of_no_reply():
    found = answer("newsletter")
    assert found.sentence.startswith("Nobody is away in this scenario")
    assert (found.why, found.gain, found.by_hand, found.not_modelled) == ((), (), (), ())
    assert "strangers" not in found.cost_and_gain
    said = report.text(found)
    assert "Why:" not in said
    assert "Not in this scenario" not in said


def test_a_documented_return_path_is_not_called_undocumented():
    (qmail,) = (line for line in answer("story_qmail").why if "come back to" in line)
    assert "not documented" not in qmail
    assert qmail.startswith("Failure notices come back")  # qmail tells nobody of a delay
    (exchange,) = (line for line in answer("sbs_2003").why if "come back to" in line)
    assert "which is not documented for this server" in exchange
    assert exchange.startswith("Failure and delay notices")


def test_filing_spam_as_junk_is_no_advice_where_junk_is_answered():
    (qmail,) = (line for line in answer("story_qmail").why if "backscatter" in line)
    (online,) = (line for line in answer("story_exchange_online").why if "backscatter" in line)
    assert "filing it as junk removes none" in qmail
    assert online.endswith("Refusing or junking spam before replying removes most.")


def test_mail_refused_for_a_listing_is_set_against_a_policy_without_replies():
    # The scenario's own policy is external: set against that, the difference would always be nothing.
    comparison = compared("listed", "listing.backscatterer.asked_by=100 %", replications=3)
    refused = comparison.policies["external"].measures["wanted_refused"].mean
    assert refused > 1
    (line,) = (line for line in report.answer(comparison).why if "gets listed" in line)
    assert ", 0.0 under off (" in line


def test_an_alert_by_sender_is_said_to_tell_only_where_it_does():
    (quiet,) = (line for line in answer("infected_pc").why if "hides in the noise" in line)
    assert "An alert at more than 30 messages an hour by one sender says nothing of it in 100 % of runs." in quiet
    (loud,) = (line for line in answer("infected_pc", "detection.messages=5").why if "hides in the noise" in line)
    assert "An alert at more than 5 messages an hour by one sender tells of it after 0.0" in loud


def test_exchange_online_says_that_fewer_are_told_than_in_the_model():
    assert any("high risk delivery pool" in line for line in answer("microsoft_365").decided)
    assert not any("high risk delivery pool" in line for line in answer("office_of_12").decided)


def test_no_sum_by_hand_for_one_person_where_the_others_bring_more_mail():
    # Bob is away for two days of the story's seven, so the sum is Ann's
    assert answer("sbs_2003", "spam.mailboxes.bob=500/mailbox/day").by_hand == ()
    assert answer("infected_pc").by_hand != ()


def test_the_sum_by_hand_is_that_of_all_who_are_away_together():
    # eight are away all the time: 8 x 13 a day x 2 d
    assert answer("listed").by_hand[0].startswith("208 messages to 8 people in 2 d")


def test_the_look_of_the_queues_is_no_argument_where_they_look_alike_without_replies():
    # Reports on mail to nobody raise the alarm on day 1 or 2, whether Ann's replies are on or not.
    found = answer("infected_pc", "filter.recipients=no", "spam.unknown_recipients=400/day", "spam.mailboxes.ann=5/mailbox/day")
    assert any("fires by day 1 without replies, too" in line for line in found.not_arguments)
    assert not any("look like a compromise" in line for line in found.why)


def played(wait: float) -> Outcome:
    known = {name: Estimate(0.0, 0.0, 2) for name in MEASURES} | {"wanted_wait": Estimate(wait, 0.0, 2)}
    return Outcome("external", True, measures=known)


def test_a_wait_that_wanted_mail_has_without_replies_too_is_not_held_against_them():
    assert longer_wait({"off": played(7.0), "external": played(7.5)}, played(7.5)) == 0.5
    assert longer_wait({"external": played(7.5)}, played(7.5)) == 7.5  # nothing to set it against
    assert math.isclose(longer_wait({"off": played(7.0)}, played(7.0)), 0.0)


def test_a_single_one_of_anything_is_written_in_the_singular_and_no_number_with_an_exponent():
    # Every measure is 1 in a single run: whatever counts something counts one of it.
    comparison = compared("mail_loop", "listing.spamcop.hits=2", "verdict.alert_queues=1", replications=1)
    one = {name: Estimate(1.0, math.nan, 1) for name in MEASURES}
    even = replace(comparison, policies={name: replace(outcome, measures=one) for name, outcome in comparison.policies.items()})
    found = report.text(report.answer(even, percentiles=[50.0]))
    assert re.findall(r"(?<![\d.,:±] )(?<![\d.,:])\b1 (?:[a-z]+ )?[a-z]{3,}s\b", found) == []
    assert re.findall(r"\d(?:\.\d+)?e[+-]\d+", found) == []
    assert "1 run, seed 1" in found
    assert "1 stranger would learn" in found


def test_the_trap_share_is_written_without_an_exponent():
    # One reply arrives, and half of the addresses of spam are nobody's: a trap share of half of them would bring one hit.
    comparison = compared("sbs_2003", replications=1)
    measures = {
        **comparison.policies["external"].measures,
        "backscatter": Estimate(2.0, math.nan, 1),
        "backscatter_spammers": Estimate(0.0, math.nan, 1),
        "backscatter_traps": Estimate(0.0, math.nan, 1),
    }
    few = replace(comparison.policies["external"], measures=measures)
    (line,) = (line for line in report.answer(replace(comparison, policies={"external": few})).not_modelled if "trap share" in line)
    share = line.split("trap share of ")[1].split(" %")[0]
    assert float(share) > 9.5
    assert share.isdigit()
