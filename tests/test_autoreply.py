"""Answer or not: audience, suppression rules, history and rate limit as arithmetic, without running a simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.mail import NULL_SENDER, Answer, Flag, Outcome, Place
from sim.policy import autoreply
from sim.policy.autoreply import EVERY_MESSAGE, Audience, Facts, History, Responder, Rule
from sim.units import DAY, HOUR

ALL_OFF = Responder((), user_return_path=True)
YES, BEFORE, LIMIT = Answer.ANSWERED, Answer.ANSWERED_BEFORE, Answer.RATE_LIMIT


def facts(**change):
    one = {"absent": True, "replies_on": True, "place": Place.STRANGE, "sender": 7, "flags": 0, "outcome": Outcome.MAILBOX} | change
    types = {"absent": bool, "replies_on": bool, "place": np.uint8, "sender": np.int64, "flags": np.uint32, "outcome": np.uint8}
    return Facts(**{name: np.array([value], dtype=types[name]) for name, value in one.items()})


def first(responder, audience=Audience.EVERYBODY, **change):
    return Answer(int(autoreply.reasons(audience, responder, facts(**change))[0]))


def granted(responder, *arrivals):
    """Answers to (time, sender) of one mailbox in one absence."""
    history = History()
    return [autoreply.grant(history, responder, at, 0, 0, sender) for at, sender in arrivals]


@pytest.mark.parametrize("audience", list(Audience))
def test_no_policy_and_no_switch_answers_the_null_sender(audience):
    for place in Place:
        assert first(ALL_OFF, audience, sender=NULL_SENDER, place=place) is not YES


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
    assert {place for place in Place if first(ALL_OFF, audience, place=place) is YES} == answered


def test_contacts_are_answered_where_the_policy_knows_them():
    assert first(ALL_OFF, Audience.CONTACTS, flags=Flag.CONTACT) is YES
    assert first(ALL_OFF, Audience.CONTACTS) is Answer.AUDIENCE


def test_the_first_reason_against_in_the_responder_s_own_order_is_the_one_recorded():
    bulk, own = Rule(Answer.PRECEDENCE, Flag.PRECEDENCE | Flag.PRECEDENCE_LIST), Rule(Answer.OWN_ADDRESS, Flag.OWN_ADDRESS)
    both = Flag.PRECEDENCE_LIST | Flag.OWN_ADDRESS
    assert first(Responder((bulk, own), True), flags=both) is Answer.PRECEDENCE
    assert first(Responder((own, bulk), True), flags=both) is Answer.OWN_ADDRESS
    assert first(Responder((own, bulk), True), flags=both, absent=False) is Answer.NOT_ABSENT
    assert first(ALL_OFF, flags=both) is YES


def test_junk_is_a_rule_like_any_other_and_known_from_the_outcome():
    careful = Responder((Rule(Answer.JUNK, Flag.JUNK),), True)
    assert first(careful, outcome=Outcome.JUNK) is Answer.JUNK
    assert first(careful) is YES
    assert first(ALL_OFF, outcome=Outcome.JUNK) is YES


def test_every_flag_can_be_refused():
    for flag in Flag:
        assert first(Responder((Rule(Answer.SYSTEM_SENDER, flag),), True), flags=flag) is Answer.SYSTEM_SENDER


def test_once_per_absence_is_once_and_a_new_absence_starts_afresh():
    history = History()
    assert [autoreply.grant(history, ALL_OFF, at, 0, 0, 1) for at in (0.0, 400 * DAY)] == [YES, BEFORE]
    assert autoreply.grant(history, ALL_OFF, 401 * DAY, 0, 1, 1) is YES
    assert autoreply.grant(history, ALL_OFF, 401 * DAY, 1, 0, 1) is YES


def test_a_period_ends_at_its_end_and_counts_from_the_last_answer():
    weekly = Responder((), True, every=7 * DAY)
    # answered on day 0; refused the instant before day 7; answered on day 7, and then not before day 14
    arrivals = [(0.0, 1), (7 * DAY - 1.0, 1), (7 * DAY, 1), (13 * DAY, 1), (14 * DAY, 1)]
    assert granted(weekly, *arrivals) == [YES, BEFORE, YES, BEFORE, YES]


def test_every_message_is_answered_where_the_period_is_0():
    assert granted(Responder((), True, every=EVERY_MESSAGE), (0.0, 1), (0.0, 1), (1.0, 1)) == [YES, YES, YES]


def test_above_its_limit_exchange_answers_every_message_of_those_who_do_not_fit():
    full = Responder((), True, history=2)
    assert granted(full, *((0.0, sender) for sender in (1, 1, 2, 3, 3, 2))) == [YES, BEFORE, YES, YES, YES, BEFORE]


def test_a_history_that_forgets_loses_the_sender_answered_longest_ago():
    small = Responder((), True, history=2, forgets=True)
    # 3 pushes out 1; 1 pushes out 2; 3 is still known
    assert granted(small, *((0.0, sender) for sender in (1, 2, 3, 1, 3, 2))) == [YES, YES, YES, YES, BEFORE, YES]


def test_a_sender_told_again_is_the_youngest_of_the_history():
    small = Responder((), True, every=DAY, history=2, forgets=True)
    # 1 is told again on day 1 and so outlives 2
    assert granted(small, (0.0, 1), (HOUR, 2), (DAY, 1), (DAY, 3), (DAY + 1, 1)) == [YES, YES, YES, YES, BEFORE]


def test_the_rate_limit_counts_replies_of_the_last_hour_and_does_not_remember_whom_it_refused():
    two = Responder((), True, rate_limit=2)
    arrivals = [(0.0, 1), (10.0, 2), (20.0, 3), (HOUR - 1.0, 3), (HOUR, 3), (HOUR, 4)]
    # the reply at 0 has left the hour at 3600, so 3 is told then, and 4 is the third within the hour
    assert granted(two, *arrivals) == [YES, YES, LIMIT, LIMIT, YES, LIMIT]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), max_size=60), st.integers(0, 4), st.integers(1, 9))
def test_no_window_of_an_hour_holds_more_replies_than_the_limit(steps, limit, minutes):
    at, arrivals = 0.0, []
    for step, sender in steps:
        at += step * minutes * 60.0
        arrivals.append((at, sender))
    answers = granted(Responder((), True, every=EVERY_MESSAGE, rate_limit=limit), *arrivals)
    sent = [at for (at, _), answer in zip(arrivals, answers, strict=True) if answer is YES]
    assert all(sum(begin <= at < begin + HOUR for at in sent) <= limit for begin in sent)
    assert limit == 0 or not arrivals or sent


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=60), st.sampled_from([DAY, 4 * DAY, 7 * DAY, math.inf]))
def test_a_sender_is_never_answered_twice_within_the_period(steps, every):
    at = 0.0
    last: dict[int, float] = {}
    history, responder = History(), Responder((), True, every=every)
    for step, sender in steps:
        at += step * 6 * HOUR
        answer = autoreply.grant(history, responder, at, 0, 0, sender)
        assert (answer is YES) == (sender not in last or at >= last[sender] + every)
        if answer is YES:
            last[sender] = at


RESPONDERS = [
    ALL_OFF,
    Responder((), True, every=EVERY_MESSAGE),
    Responder((), True, every=10.0),
    Responder((), True, history=2),
    Responder((), True, history=2, forgets=True),
    Responder((), True, every=10.0, rate_limit=3.0),
]


@pytest.mark.parametrize("responder", RESPONDERS)
@given(
    st.lists(st.tuples(st.integers(0, 3 * 3600), st.integers(0, 2), st.integers(0, 1), st.integers(0, 4)), max_size=30), st.integers(0, 30)
)
def test_many_messages_at_once_are_answered_as_they_are_one_by_one(responder, asked, middle):
    asked, singly, at_once = sorted(asked), History(), History()
    expected = [autoreply.grant(singly, responder, float(at), *who) for at, *who in asked]
    found = []
    for part in (asked[:middle], asked[middle:]):
        at, *who = (np.array([one[i] for one in part], dtype=np.int64) for i in range(4))
        found += autoreply.grants(at_once, responder, at.astype(float), *who).tolist()
    assert found == expected
    assert {key: list(at_once.known(*key)) for key in at_once.seen} == {key: list(singly.known(*key)) for key in singly.seen}


@pytest.mark.parametrize("asked_since", [False, True])
def test_a_mailbox_that_forgets_answers_the_same_sender_anew_and_another_does_not(asked_since):
    history, boxes, none = History(), np.array([0, 1]), np.zeros(2, dtype=np.int64)
    sender = np.array([7, 7])
    assert autoreply.grants(history, ALL_OFF, np.array([1.0, 1.0]), boxes, none, sender).tolist() == [YES, YES]
    if asked_since:
        assert [history.known(box, 0) for box in (0, 1)] == [{7: 1.0}, {7: 1.0}]
    history.clear(0)
    assert autoreply.grants(history, ALL_OFF, np.array([2.0, 2.0]), boxes, none, sender).tolist() == [YES, BEFORE]
