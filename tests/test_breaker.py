"""A breaker on replies to the outside."""

import math
from pathlib import Path

import numpy as np
import pytest

import sim
from sim import experiment, report
from sim.mail import HERE, Answer, Kind
from sim.policy.autoreply import Audience
from sim.server.breaker import Breaker

STORY = sim.load(Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml")
BROKEN = STORY.with_settings({"breaker.queues": 8, "breaker.rest": "12 h"})


@pytest.fixture(scope="module")
def record():
    return sim.run(BROKEN, "external")


def test_it_opens_above_its_limit_and_closes_after_its_rest_at_a_look_that_finds_fewer():
    breaker = Breaker(queues=3, poll=10.0, rest=25.0)
    for now, queues in ((10.0, 3), (20.0, 4), (30.0, 0), (40.0, 9), (50.0, 4), (60.0, 3), (70.0, 3), (80.0, 5)):
        breaker.look(now, queues)
    assert breaker.spans[0] == [20.0, 60.0]  # at 30 s and 40 s it rests, at 50 s there are too many
    assert breaker.spans[1][0] == 80.0
    assert math.isnan(breaker.spans[1][1])


def test_while_open_colleagues_are_answered_and_nobody_else():
    breaker = Breaker(queues=0, poll=10.0, rest=1.0)
    assert breaker.narrow(Audience.EVERYBODY) is Audience.EVERYBODY
    breaker.look(10.0, 1)
    assert [breaker.narrow(a) for a in (Audience.EVERYBODY, Audience.PARTNERS)] == [Audience.INTERNAL] * 2
    assert breaker.narrow(Audience.NOBODY) is Audience.NOBODY


def test_no_message_that_arrives_while_it_is_open_is_answered_to_the_outside(record):
    table, acts = record.columns("messages"), record.columns("acts")
    spans = [(a, b) for a, b, what in zip(acts["at"], acts["until"], acts["what"], strict=True) if what == "breaker open"]
    assert spans
    during = np.zeros(len(table["id"]), dtype=bool)
    for since, until in spans:
        during |= (table["accepted_at"] >= since) & ~(table["accepted_at"] >= until)
    arrived = during & (table["next_hop"] == HERE) & np.isin(table["kind"], (Kind.SPAM, Kind.WANTED))
    assert (table["answer"][arrived] == Answer.AUDIENCE).any()
    assert (table["answer"][arrived] != Answer.ANSWERED).all()
    outside = (table["kind"] == Kind.AUTOREPLY) & (table["next_hop"] != HERE)
    assert not np.isin(table["caused_by"][outside], table["id"][arrived]).any()


def test_it_bounds_the_queues_and_costs_wanted_people():
    plain, broken = sim.measure(sim.run(STORY, "external")), sim.measure(sim.run(BROKEN, "external"))
    # between two looks more replies may hang, and what hangs stays: a few above the limit, far from the peak without
    assert broken["queues_in_retry_all_peak"] <= 8 + 4 < plain["queues_in_retry_all_peak"]
    assert broken["strangers_told"] < plain["strangers_told"]
    assert broken["wanted_told"] < plain["wanted_told"]
    assert broken["breaker_open"] >= 12
    assert plain["breaker_open"] == 0


def test_it_reads_the_queues_of_the_record_at_its_looks(record):
    queues, acts = record.columns("queues"), record.columns("acts")
    for at in acts["at"][acts["what"] == "breaker open"].tolist():
        assert at % 300 == 0
        assert ((queues["since"] < at) & ~(queues["until"] < at)).sum() > 8


def test_the_answer_says_that_it_is_no_setting_of_the_server():
    found = experiment.compare(BROKEN, ["external"], replications=2, jobs=2, bands=False)
    assert any("not a setting of this server" in line for line in report.answer(found).decided)
