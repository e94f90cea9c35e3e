"""Policies as arithmetic, without running a simulation."""

import numpy as np
import pytest

from sim.mail import NULL_SENDER, Answer, Dsn, Flag, Outcome, Place
from sim.policy import autoreply, bounce, retry
from sim.policy.admission import Filter, FilterKind, admit
from sim.policy.autoreply import Audience, Facts, History, Responder

EXCHANGE_2003 = (3.0, 60.0, 600.0, 600.0, 600.0, 900.0)
ALL_OFF = Responder(False, False, False, False, False, False, False, False, history=3, user_return_path=True)


def test_a_failure_that_does_not_glitch_ends_the_glitch_stage():
    failures = retry.next_failure(retry.INTERVALS, EXCHANGE_2003, 1, glitch=False)
    assert retry.wait(retry.INTERVALS, EXCHANGE_2003, 0.0, 0.0, failures) == 600.0
    assert retry.next_failure(retry.INTERVALS, EXCHANGE_2003, failures, glitch=True) == failures + 1


def test_the_null_sender_is_owed_no_report():
    assert bounce.duty(NULL_SENDER, reports=True) is Dsn.NULL_SENDER
    assert bounce.duty(5, reports=True) is Dsn.SENT
    assert bounce.duty(5, reports=False) is Dsn.OFF


def facts(**change):
    one = {"absent": True, "replies_on": True, "place": Place.STRANGE, "sender": 7, "flags": 0, "outcome": Outcome.MAILBOX} | change
    types = {"absent": bool, "replies_on": bool, "place": np.uint8, "sender": np.int64, "flags": np.uint16, "outcome": np.uint8}
    return Facts(**{name: np.array([value], dtype=types[name]) for name, value in one.items()})


@pytest.mark.parametrize("audience", list(Audience))
def test_no_policy_and_no_switch_answers_the_null_sender(audience):
    for place in Place:
        assert autoreply.reasons(audience, ALL_OFF, facts(sender=NULL_SENDER, place=place))[0] != Answer.ANSWERED


@pytest.mark.parametrize(
    ("audience", "answered"),
    [
        (Audience.NOBODY, set()),
        (Audience.INTERNAL, {Place.OFFICE}),
        (Audience.PARTNERS, {Place.OFFICE, Place.PARTNER}),
        (Audience.EVERYBODY, set(Place)),
    ],
)
def test_a_policy_answers_its_audience_and_nobody_else(audience, answered):
    assert {p for p in Place if autoreply.reasons(audience, ALL_OFF, facts(place=p))[0] == Answer.ANSWERED} == answered


def test_contacts_are_answered_where_the_policy_knows_them():
    assert autoreply.reasons(Audience.CONTACTS, ALL_OFF, facts(flags=Flag.CONTACT))[0] == Answer.ANSWERED
    assert autoreply.reasons(Audience.CONTACTS, ALL_OFF, facts())[0] == Answer.AUDIENCE


def test_the_first_reason_against_is_the_one_recorded():
    strict = Responder(True, True, True, True, True, True, True, True, history=3, user_return_path=True)
    everything = facts(flags=127, outcome=Outcome.JUNK)
    assert autoreply.reasons(Audience.EVERYBODY, strict, everything)[0] == Answer.AUTO_SUBMITTED
    assert autoreply.reasons(Audience.EVERYBODY, ALL_OFF, everything)[0] == Answer.ANSWERED
    assert autoreply.reasons(Audience.EVERYBODY, strict, facts(outcome=Outcome.JUNK))[0] == Answer.JUNK
    assert autoreply.reasons(Audience.EVERYBODY, strict, facts(flags=127, absent=False))[0] == Answer.NOT_ABSENT


def test_a_sender_is_answered_once_per_absence_and_always_once_the_history_is_full():
    history = History()
    assert [autoreply.grant(history, 2, 0, 0, sender) for sender in (1, 1, 2, 3, 3)] == [True, False, True, True, True]
    assert autoreply.grant(history, 2, 0, 1, 1)


def test_a_relay_that_refuses_unresolvable_senders_leaves_other_spam_alone():
    yes, no = np.array([True]), np.array([False])
    rule = Filter(FilterKind.REFUSE_UNRESOLVABLE, hit=1.0, false_positive=0.0)
    assert admit(rule, yes, yes, yes, np.array([0.5]))[0] == Outcome.REFUSED
    assert admit(rule, yes, yes, no, np.array([0.5]))[0] == Outcome.MAILBOX
    assert admit(Filter(FilterKind.JUNK_FIRST, 0.9), yes, yes, no, np.array([0.5]))[0] == Outcome.JUNK
    assert admit(Filter(FilterKind.JUNK_FIRST, 0.9), yes, no, no, np.array([0.5]))[0] == Outcome.MAILBOX
