"""Mail loops with responders outside: when one goes on, and what ends it."""

from pathlib import Path

import numpy as np
import pytest

import sim
from sim import experiment, report
from sim.mail import NULL_SENDER, Answer, Kind, Outcome, Truth

STORY = sim.load(Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml")
MANY = {"loops.responders": "30 %", "loops.every_message": "50 %"}
RUDE = {"loops.responders": "30 %", "loops.every_message": "100 %", "loops.most": 40}
FORGETFUL = {"replies.history": 1}  # whoever does not fit into the history is answered every time (FACTS S55)


def run(*settings, policy="external"):
    return sim.run(STORY.with_settings({key: value for part in settings for key, value in part.items()}), policy)


@pytest.fixture(scope="module")
def endless():
    return run(RUDE, FORGETFUL)


def test_a_history_ends_every_loop_at_the_first_answer():
    record = run(RUDE)
    table = record.columns("messages")
    echoes = table["kind"] == Kind.ECHO
    assert echoes.sum() > 10
    absent_and_asked = echoes & (table["answer"] == Answer.ANSWERED_BEFORE)
    assert absent_and_asked.sum() > 10
    assert not (echoes & (table["answer"] == Answer.ANSWERED)).any()
    assert sim.measure(record)["loops"] == 0


def test_without_a_history_a_loop_with_a_responder_that_answers_every_message_goes_on_to_its_bound(endless):
    values = sim.measure(endless)
    assert values["loops"] > 5
    assert values["loop_longest"] == 41  # the reply that begins the chain, and one to each of 40 answers
    table = endless.columns("messages")
    assert np.bincount(table["root"][table["kind"] == Kind.ECHO]).max() == 40


def test_a_chain_is_an_unbroken_line_of_causes_from_its_root(endless):
    table = endless.columns("messages")
    cause = dict(zip(table["id"].tolist(), table["caused_by"].tolist(), strict=True))
    at = dict(zip(table["id"].tolist(), table["accepted_at"].tolist(), strict=True))
    last = table["id"][(table["kind"] == Kind.ECHO) & (table["id"] >> 4 & 0xFFFF == 39)]
    for id in last.tolist():
        kinds, times = [], []
        while id >= 0:
            kinds.append(id & 15)
            times.append(at[id])
            id = cause[id]
        assert kinds[:-1] == [Kind.ECHO, Kind.AUTOREPLY] * 40
        assert times == sorted(times, reverse=True)


def test_a_polite_responder_answers_a_mailbox_once_and_nothing_that_says_it_is_automatic():
    polite = {"loops.responders": "30 %", "loops.every_message": "0 %"}
    table = run(polite, FORGETFUL).columns("messages")
    echoes = table["kind"] == Kind.ECHO
    pairs = list(zip(table["sender"][echoes].tolist(), table["recipient"][echoes].tolist(), strict=True))
    assert len(pairs) == len(set(pairs)) > 10
    marked = run(polite, FORGETFUL, {"loops.marked": True}).columns("messages")
    assert not (marked["kind"] == Kind.ECHO).any()


def test_our_own_responder_ends_a_loop_if_it_minds_auto_submitted():
    polite = {"loops.responders": "30 %", "loops.every_message": "0 %"}
    table = run(polite, FORGETFUL, {"replies.ignore_auto_submitted": True}).columns("messages")
    echoes = table["kind"] == Kind.ECHO
    assert (table["answer"][echoes] != Answer.ANSWERED).all()
    assert (table["answer"][echoes] == Answer.AUTO_SUBMITTED).any()


def test_replies_with_the_null_sender_are_never_answered_by_anybody():
    table = run(RUDE, FORGETFUL, {"replies.return_path": "null"}).columns("messages")
    assert (table["sender"][table["kind"] == Kind.AUTOREPLY] == NULL_SENDER).any()
    assert not (table["kind"] == Kind.ECHO).any()


def test_only_people_whom_a_reply_has_reached_answer_it(endless):
    table = endless.columns("messages")
    row = {id: i for i, id in enumerate(table["id"].tolist())}
    for i in np.flatnonzero(table["kind"] == Kind.ECHO).tolist():
        reply = row[table["caused_by"][i]]
        assert table["outcome"][reply] == Outcome.DELIVERED
        assert table["sender"][i] == table["recipient"][reply]
        assert table["accepted_at"][i] == table["settled_at"][reply] + 60.0
        assert table["truth"][i] in (Truth.WANTED, Truth.FORGED_REAL)


def test_the_law_of_conservation_and_unique_ids_hold_in_loops(endless):
    table = endless.columns("messages")
    assert (table["outcome"] == Outcome.QUEUED).sum() == endless.run.queued
    assert len(np.unique(table["id"])) == len(table["id"])


def test_loops_are_an_argument_only_where_they_go_on():
    going = experiment.compare(STORY.with_settings({**RUDE, **FORGETFUL}), ["external"], replications=2, jobs=2, bands=False)
    assert any(line.startswith("Mail loops") for line in report.answer(going).why)
    ended = experiment.compare(STORY.with_settings(MANY), ["external"], replications=2, jobs=2, bands=False)
    assert any(line.startswith("mail loops") for line in report.answer(ended).not_arguments)
    assert not any("loops" in line for line in report.answer(ended).not_modelled)


def test_every_turn_of_a_loop_that_a_rule_sends_on_is_a_message_of_its_own():
    absent = STORY.person(STORY.main_absentee).lower()
    table = run(RUDE, FORGETFUL, {"cause.forward.who": absent, "cause.forward.to": "living"}).columns("messages")
    assert len(np.unique(table["id"])) == len(table["id"])
    echoes = (table["kind"] == Kind.ECHO) & (table["recipient"] == STORY.main_absentee) & (table["outcome"] == Outcome.MAILBOX)
    sent_on = (table["kind"] == Kind.FORWARD) & (table["caused_by"] & 15 == Kind.ECHO)
    assert sorted(table["caused_by"][sent_on].tolist()) == sorted(table["id"][echoes].tolist())
    assert echoes.sum() > 40  # more than one chain


def test_every_turn_of_a_loop_that_waits_for_the_store_is_reported_late_by_itself():
    # what is on its way when the store goes down comes back in a loop, and waits: replies of one chain with a lag of an hour between
    outage = {"cause.store_outage.from": "day 3", "cause.store_outage.until": "day 4", "loops.lag": "1 h", "world.reply_lag": "1 s"}
    table = run(RUDE, FORGETFUL, outage).columns("messages")
    assert len(np.unique(table["id"])) == len(table["id"])
    waited = (table["kind"] == Kind.ECHO) & (table["settled_at"] > table["accepted_at"] + 3600.0)
    late = (table["kind"] == Kind.DELAY) & (table["caused_by"] & 15 == Kind.ECHO)
    assert sorted(table["caused_by"][late].tolist()) == sorted(table["id"][waited].tolist())
    assert (table["caused_by"][late] >> 4 & 0xFFFF > 0).any()  # a later turn than the first
