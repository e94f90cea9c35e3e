"""Policies as arithmetic, without running a simulation."""

import numpy as np

from sim.mail import NULL_SENDER, Dsn, Outcome
from sim.policy import bounce, retry
from sim.policy.admission import Filter, FilterKind, admit

EXCHANGE_2003 = (3.0, 60.0, 600.0, 600.0, 600.0, 900.0)


def test_a_failure_that_does_not_glitch_ends_the_glitch_stage():
    failures = retry.next_failure(retry.INTERVALS, EXCHANGE_2003, 1, glitch=False)
    assert retry.wait(retry.INTERVALS, EXCHANGE_2003, 0.0, 0.0, failures) == 600.0
    assert retry.next_failure(retry.INTERVALS, EXCHANGE_2003, failures, glitch=True) == failures + 1


def test_the_null_sender_is_owed_no_report():
    assert bounce.duty(NULL_SENDER, reports=True) is Dsn.NULL_SENDER
    assert bounce.duty(5, reports=True) is Dsn.SENT
    assert bounce.duty(5, reports=False) is Dsn.OFF


def test_a_relay_that_refuses_unresolvable_senders_leaves_other_spam_alone():
    yes, no = np.array([True]), np.array([False])
    rule = Filter(FilterKind.REFUSE_UNRESOLVABLE, hit=1.0, false_positive=0.0)
    assert admit(rule, yes, yes, yes, np.array([0.5]))[0] == Outcome.REFUSED
    assert admit(rule, yes, yes, no, np.array([0.5]))[0] == Outcome.MAILBOX
    assert admit(Filter(FilterKind.JUNK_FIRST, 0.9), yes, yes, no, np.array([0.5]))[0] == Outcome.JUNK
    assert admit(Filter(FilterKind.JUNK_FIRST, 0.9), yes, no, no, np.array([0.5]))[0] == Outcome.MAILBOX
