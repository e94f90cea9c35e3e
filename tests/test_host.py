"""Whole runs of the story on the host."""

from pathlib import Path

import numpy as np
import pytest

import sim
from sim import runs
from sim.errors import BadInput, BadOutput
from sim.mail import Answer, Dsn, Kind, Outcome, Place
from sim.record import SCHEMA, Record
from sim.scenario import loads
from sim.server import host
from sim.units import HOUR

STORY = sim.load(Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml")
RUNS = {policy: runs.run(STORY, policy) for policy in ("off", "internal-only", "partners-only", "external")}


def messages(policy):
    return RUNS[policy].columns("messages")


@pytest.mark.parametrize("policy", RUNS)
def test_every_message_accepted_is_settled_or_still_in_a_live_queue(policy):
    table = messages(policy)
    assert (table["outcome"] == Outcome.QUEUED).sum() == RUNS[policy].run.queued
    assert (np.isnan(table["settled_at"]) == (table["outcome"] == Outcome.QUEUED)).all()
    assert len(np.unique(table["id"])) == len(table["id"])


def test_the_same_message_has_the_same_id_and_answer_under_every_policy():
    for policy in RUNS:
        inbound = messages(policy)["kind"] <= Kind.LIST
        other = messages("external")["kind"] <= Kind.LIST
        assert np.array_equal(messages(policy)["id"][inbound], messages("external")["id"][other])


def test_without_external_replies_no_queue_holds_an_autoreply():
    for policy in ("off", "internal-only"):
        table = messages(policy)
        assert not ((table["kind"] == Kind.AUTOREPLY) & (table["next_hop"] != 0)).any()


def test_with_external_replies_queues_of_strange_domains_stand_in_retry_and_drain():
    table, queues = messages("external"), RUNS["external"].columns("queues")
    # an autoreply may also expire at a large provider, message by message, where a mailbox is full: no queue is in Retry then
    hung = (table["kind"] == Kind.AUTOREPLY) & (table["outcome"] == Outcome.EXPIRED) & np.isin(table["next_hop"], queues["next_hop"])
    assert hung.sum() > 10
    assert (table["next_hop"][hung] >> 40 == Place.STRANGE).all()
    assert not np.isnan(queues["until"][queues["next_hop"] >> 40 == Place.STRANGE]).any()


def test_nothing_in_a_record_happens_after_its_run():
    # replies to colleagues take half an hour to an hour and a half, so some are due when the run is over
    text = 'title = "an office"\ndays = 1\n[office]\npeople = ["ann"]\n[replies]\nevery = "message"\n[[absence]]\nwho = "ann"\n'
    text += '[world]\nreply_lag = "1 h"\n[wanted]\ninternal = "100/mailbox/day"\nprofile = "flat"\n'
    record = sim.run(loads(text))
    table, end = record.columns("messages"), record.run.horizon
    answered = (table["kind"] == Kind.INTERNAL) & (table["answer"] == Answer.ANSWERED)
    replied = np.isin(table["id"], table["caused_by"][table["kind"] == Kind.AUTOREPLY])
    assert replied[answered & (table["accepted_at"] < end - 5400)].all()
    assert (answered & ~replied & (table["accepted_at"] >= end - 5400)).any()
    assert (table["accepted_at"] < end).all()
    assert not (table["settled_at"] > end).any()


def test_every_failed_reply_is_reported_to_the_user_who_is_away():
    table = messages("external")
    failed = (table["kind"] == Kind.AUTOREPLY) & (table["dsn"] == Dsn.SENT)
    notices = (table["kind"] == Kind.FAILURE) & np.isin(table["caused_by"], table["id"][failed])
    assert notices.sum() == failed.sum() > 0
    assert set(table["recipient"][notices].tolist()) <= {0, 1, 2}


def test_the_hours_add_up_to_the_attempts_and_the_refusals():
    table, hours, attempts = (RUNS["external"].columns(name) for name in ("messages", "hours", "attempts"))
    assert hours["attempts"].sum() == len(attempts["at"]) == table["attempts"].sum()
    assert hours["refused"].sum() == (table["outcome"] == Outcome.REFUSED).sum() > 0
    assert hours["connection_seconds"].sum() == pytest.approx(table["connection_seconds"].sum())


def test_a_saved_record_comes_back_as_it_was(tmp_path):
    record = RUNS["external"]
    again = Record.load(record.save(tmp_path / "record"))
    assert again.run == record.run
    for name, columns in SCHEMA.items():
        for column in columns:
            np.testing.assert_array_equal(again.columns(name)[column], record.columns(name)[column], err_msg=f"{name}.{column}")
    with pytest.raises(BadOutput, match="exists already"):
        record.save(tmp_path / "record")
    with pytest.raises(BadInput, match="is not a saved record"):
        Record.load(tmp_path)


@pytest.mark.parametrize("name", ["sbs_2003", "listed", "story_postfix", "filter_first"])
def test_the_record_of_a_run_that_tallies_does_not_depend_on_how_many_rows_are_played_at_once(name, monkeypatch):
    monkeypatch.setattr(runs, "ROWS", 0)
    plays, times = host.Host._play, []

    def counted(self, rows, until):
        times.append(until)
        plays(self, rows, until)

    monkeypatch.setattr(host.Host, "_play", counted)
    found = sim.load(name)
    whole, few = runs.run(found, engine="kernel"), len(times)
    monkeypatch.setattr(host, "_TOGETHER", 30)
    pieces = runs.run(found, engine="kernel")
    assert whole.run.tallied
    assert len(times) - few > few
    assert whole.run == pieces.run
    for table in whole.tables:
        for column, values in whole.columns(table).items():
            np.testing.assert_array_equal(values, pieces.columns(table)[column], err_msg=f"{table}.{column}")


def test_steps_are_of_a_bounded_number_of_rows_and_on_the_time_grid():
    assert host._step(HOUR, 0) == host._step(HOUR, host._TOGETHER) == HOUR
    for rows in (host._TOGETHER + 1, 2_130_000, 50_000_000):
        step = host._step(HOUR, rows)
        assert rows * step / HOUR <= host._TOGETHER < 2 * rows * step / HOUR
        assert (step * 2**20).is_integer()
