"""Spam behind gates: it comes only where replies had confirmed the address."""

from pathlib import Path

import numpy as np
import pytest

import sim
from sim import realise
from sim.mail import ATTRACTED, Kind, Outcome, Truth
from sim.server.gates import Gates
from sim.units import DAY
from sim.workload import Gated, Rows

STORY = sim.load(Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml")
WHAT_IF = STORY.with_settings({"confirmed.rate": "1/day", "confirmed.lag": "6 h"})


def gated(scenario=WHAT_IF) -> Gated:
    return realise.attracted(scenario, 1, 0, realise.world(scenario, 1, 0))


@pytest.fixture(scope="module")
def record():
    return sim.run(WHAT_IF, "external")


def test_a_row_passes_once_as_many_spammers_as_it_needs_were_told_more_than_the_lag_before():
    some = gated().rows.take(slice(0, 3))
    some.at, some.mailbox = np.array([100.0, 200.0, 300.0]), np.array([0, 0, 0])
    gates = Gates(Gated(some, np.array([1, 2, 1])), lag=50.0)
    gates.confirm(0, 7, 50.0)  # not more than the lag before 100
    gates.confirm(0, 7, 60.0)  # the same spammer again
    gates.confirm(1, 8, 60.0)  # another mailbox
    assert gates.open(0.0, 150.0).at.tolist() == []
    assert gates.open(150.0, 400.0).at.tolist() == [300.0]
    gates.confirm(0, 9, 149.0)
    assert gates.open(150.0, 400.0).at.tolist() == [200.0, 300.0]


def test_every_attracted_message_had_its_confirmations_and_every_other_row_had_not(record):
    table, offered = record.columns("messages"), gated()
    came = set(table["root"][(table["kind"] == Kind.SPAM) & (table["root"] >= ATTRACTED)].tolist())
    assert len(came) > 20
    reply = (table["kind"] == Kind.AUTOREPLY) & (table["truth"] == Truth.SPAMMER) & (table["outcome"] == Outcome.DELIVERED)
    first: dict[tuple[int, int], float] = {}
    for mailbox, spammer, at in zip(
        table["sender"][reply].tolist(), table["recipient"][reply].tolist(), table["settled_at"][reply].tolist(), strict=True
    ):
        first[mailbox, spammer] = min(at, first.get((mailbox, spammer), np.inf))
    for row, at, mailbox, needs in zip(
        offered.rows.row.tolist(), offered.rows.at.tolist(), offered.rows.mailbox.tolist(), offered.needs.tolist(), strict=True
    ):
        confirmed = sum(who == mailbox and when < at - 0.25 * DAY for (who, _), when in first.items())
        assert (row in came) == (confirmed >= needs)


def test_all_policies_share_the_rows_behind_gates_and_only_replies_to_the_outside_open_them(record):
    assert sim.measure(record)["spam_attracted"] > 20
    assert sim.measure(sim.run(WHAT_IF, "internal-only"))["spam_attracted"] == 0


def test_without_the_what_if_nothing_is_behind_a_gate_and_the_rest_of_the_mail_is_the_same(record):
    assert len(gated(STORY).rows) == 0
    plain = sim.run(STORY, "external").columns("messages")
    table = record.columns("messages")
    mine, other = (t["id"][(t["root"] < ATTRACTED) & (t["kind"] <= Kind.LIST)] for t in (table, plain))
    assert np.array_equal(mine, other)


def test_a_higher_rate_brings_more_and_none_brings_none():
    more = STORY.with_settings({"confirmed.rate": "3/day", "confirmed.lag": "6 h"})
    none = STORY.with_settings({"confirmed.rate": "0/day"})
    low, high = (sim.measure(sim.run(scenario, "external"))["spam_attracted"] for scenario in (WHAT_IF, more))
    assert high > 2 * low
    assert sim.measure(sim.run(none, "external"))["spam_attracted"] == 0


def test_rows_behind_gates_lie_in_the_run_in_order_with_numbers_of_their_own():
    offered = gated()
    rows: Rows = offered.rows
    assert (np.diff(rows.at) >= 0).all()
    assert 0 <= rows.at[0] <= rows.at[-1] < STORY.horizon
    assert (rows.row >= ATTRACTED).all()
    assert set(rows.mailbox.tolist()) <= {0, 1, 2}
    assert offered.needs.min() >= 1
    assert offered.needs.max() <= 20


def test_the_law_of_conservation_holds_with_attracted_spam(record):
    table = record.columns("messages")
    assert (table["outcome"] == Outcome.QUEUED).sum() == record.run.queued
    assert len(np.unique(table["id"])) == len(table["id"])
