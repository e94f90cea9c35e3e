"""What follows when a batch of rows arrives."""

from pathlib import Path

import numpy as np

import sim
from sim import realise
from sim.mail import NULL_SENDER, Answer, Kind, Outcome, Place
from sim.policy.admission import Filter, FilterKind
from sim.policy.autoreply import POLICIES
from sim.server.inbound import InForce, Reception, deliver
from sim.workload import join

STORY = sim.load(Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml")
WORLD = realise.world(STORY, 1, 0)
ROWS = join([part for _, part in realise.hours(STORY, 1, 0, WORLD, 24)])


NO_FILTER = Filter()


def play(policy, rule=NO_FILTER, replies_on=True, scenario=STORY):
    to_ann = np.flatnonzero(ROWS.mailbox == 0)
    force = InForce(np.full(15, replies_on), POLICIES[policy], scenario.responder())
    return deliver(ROWS, (to_ann, np.zeros_like(to_ann)), lambda _: [(slice(None), force)], Reception(rule, WORLD.key, 3.0))


def test_a_reply_to_the_same_message_has_the_same_id_and_time_under_every_policy():
    everybody = {reply["id"]: reply for reply in play("external")[2]}
    for policy in ("internal-only", "partners-only"):
        for reply in play(policy)[2]:
            assert everybody[reply["id"]] == reply


def test_every_sender_is_answered_once_and_the_null_sender_never():
    replies = play("external")[2]
    recipients = replies["recipient"].tolist()
    assert len(recipients) == len(set(recipients)) > 100
    assert NULL_SENDER not in recipients


def test_internal_only_answers_nobody_outside_and_off_answers_nobody():
    assert set(play("internal-only")[2]["recipient"] >> 40) == {Place.OFFICE}
    assert set(play("partners-only")[2]["recipient"] >> 40) == {Place.OFFICE, Place.PARTNER}
    assert len(play("off")[2]) == 0
    assert len(play("external", replies_on=False)[2]) == 0


def test_every_row_has_one_outcome_and_only_what_reached_a_mailbox_is_asked():
    outcome, answer, replies = play("external")
    assert ((outcome == Outcome.REFUSED) == (ROWS.mailbox < 0)).all()
    assert ((outcome == Outcome.QUEUED) == (ROWS.kind == Kind.OUTBOUND)).all()
    assert (answer[(outcome == Outcome.REFUSED) | (outcome == Outcome.QUEUED)] == Answer.NOT_ASKED).all()
    assert (answer == Answer.ANSWERED).sum() == len(replies)


def test_spam_junked_first_is_not_answered():
    outcome, answer, _ = play("external", Filter(FilterKind.JUNK_FIRST, hit=1.0, false_positive=0.0))
    assert (outcome[(ROWS.kind == Kind.SPAM) & (ROWS.mailbox >= 0)] == Outcome.JUNK).all()
    assert (answer[outcome == Outcome.JUNK] != Answer.ANSWERED).all()


def test_another_responder_is_another_answer_to_the_same_rows():
    # list mail of the story carries a List-* header or Precedence: bulk; Exchange minds the second, Sieve vacation both
    listed = ROWS.kind == Kind.LIST
    exchange, sieve = (
        play("external", scenario=STORY.with_settings({"replies.responder": name}))[1][listed] for name in ("exchange-2003", "rfc5230")
    )
    assert not (sieve[exchange == Answer.PRECEDENCE] == Answer.ANSWERED).any()
    assert (sieve == Answer.LIST_HEADER).sum() > 0
    assert not (exchange == Answer.LIST_HEADER).any()


def test_a_rate_limit_holds_in_every_hour_and_says_so_of_what_it_leaves_unanswered():
    _, answer, replies = play("external", scenario=STORY.with_settings({"replies.rate_limit": "2/mailbox/hour"}))
    arrived = ROWS.at[answer == Answer.ANSWERED]
    assert len(arrived) == len(replies) > 0
    assert all(((arrived >= at) & (arrived < at + 3600.0)).sum() <= 2 for at in arrived)
    assert (answer == Answer.RATE_LIMIT).sum() > 0
