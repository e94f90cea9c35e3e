"""Every record keeps the laws, whatever the scenario, the server, the policy, the causes and the administrator's hand.

LAWS_EXAMPLES=5000 in the environment looks further, and elsewhere each time; without it the same few are drawn again.
"""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim import runs
from sim.mail import HERE, NULL_SENDER, Dsn, Kind, Outcome
from sim.record import Record
from sim.scenario import loads
from tests import laws
from tests.any_office import documents, toml

MORE = int(os.environ.get("LAWS_EXAMPLES", "0"))
FUZZ = settings(
    max_examples=MORE or 150,
    derandomize=not MORE,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@FUZZ
@given(document=documents(), number=st.integers(0, 4), seed=st.integers(0, 2**40))
def test_every_record_keeps_the_laws(document, number, seed):
    scenario = loads(toml(document))
    offered = [name for name in scenario.policies if not scenario.reply_policy(name).switch.why_not or name == "mine"]
    one, other, again = laws.played(scenario, [scenario.policy, offered[number % len(offered)], scenario.policy], seed)
    for run in (one, other):
        for law in laws.OF_A_RUN:
            law(run)
        for leg in run.legs:
            for law_of_a_leg in laws.OF_A_LEG:
                law_of_a_leg(leg)
    for law_of_two in laws.OF_TWO_POLICIES:
        law_of_two(one.record, other.record)
    assert laws.alike(one.record, again.record)  # a run leaves the workload and the world as they were
    assert laws.alike(one.record, next(runs.runs(scenario, [scenario.policy], seed, 0, "kernel")))


OFFICE = """
title = "an office with hung mail"
days = 3
[server]
policy = "external"
connections = 1
expiry = "1 d"
[office]
mailboxes = 2
people = ["ann"]
[spam]
rate = "40/mailbox/day"
unresolvable = "46 %"
[[absence]]
who = "ann"
"""


@pytest.fixture(scope="module")
def office():
    return laws.played(loads(OFFICE), ["external"], 1)[0]


def carried(outcome):
    return lambda tables: (tables["messages"]["outcome"] == outcome) & (tables["messages"]["next_hop"] != HERE)


def of_kind(kind):
    return lambda tables: tables["messages"]["kind"] == kind


def any_row(tables):
    return slice(0, 1)


@pytest.mark.parametrize(
    ("law", "table", "where", "column", "value"),
    [
        (laws.nothing_is_lost, "messages", carried(Outcome.QUEUED), "outcome", Outcome.EXPIRED),
        (laws.each_has_an_id_and_a_cause, "messages", of_kind(Kind.AUTOREPLY), "caused_by", 5),
        (laws.each_has_an_id_and_a_cause, "messages", of_kind(Kind.WANTED), "id", 0),
        (laws.times_are_in_order, "messages", carried(Outcome.DELIVERED), "settled_at", 0.0),
        (laws.times_are_in_order, "attempts", any_row, "at", 0.1),  # not on the grid
        (laws.nobody_answers_nobody, "messages", of_kind(Kind.AUTOREPLY), "recipient", NULL_SENDER),
        (laws.nobody_answers_nobody, "messages", of_kind(Kind.FAILURE), "sender", 0),
        (laws.the_live_queues_hold_what_the_record_says, "messages", carried(Outcome.DELIVERED), "settled_at", np.nan),
        (laws.the_live_queues_hold_what_the_record_says, "queues", any_row, "until", np.nan),
        (laws.episodes_do_not_overlap, "queues", any_row, "until", 0.0),
        (laws.attempts_belong_to_messages, "attempts", any_row, "next_hop", 7),
        (laws.attempts_belong_to_messages, "attempts", any_row, "at", 1.0),
        (laws.attempts_belong_to_messages, "messages", carried(Outcome.DELIVERED), "outcome", Outcome.BOUNCED),
        (laws.limits_are_kept, "attempts", any_row, "seconds", 1e6),
        (laws.lifetimes_are_kept, "messages", carried(Outcome.DELIVERED), "outcome", Outcome.EXPIRED),
        (laws.littles_law_holds, "messages", carried(Outcome.DELIVERED), "accepted_at", 0.0),
        (laws.littles_law_holds, "attempts", any_row, "seconds", 1e6),
        (laws.failures_are_reported, "messages", carried(Outcome.EXPIRED), "dsn", Dsn.NONE),
        (laws.failures_are_reported, "messages", of_kind(Kind.FAILURE), "caused_by", 5),
        (laws.the_hours_add_up, "messages", of_kind(Kind.SPAM), "outcome", Outcome.REFUSED),
    ],
)
def test_a_record_that_breaks_a_law_is_found_out(office, law, table, where, column, value):
    def holds(tables):
        record = Record(tables, office.record.run)
        leg = laws.Leg.of(record, office.legs[0].transport, "")
        law(leg if law in laws.OF_A_LEG else laws.Run(office.scenario, record, [leg]))

    tables = {name: {key: values.copy() for key, values in office.record.columns(name).items()} for name in office.record.tables}
    holds(tables)
    chosen = where(tables)
    assert len(tables[table][column][chosen])
    tables[table][column][chosen] = value
    with pytest.raises((AssertionError, KeyError)):
        holds(tables)
