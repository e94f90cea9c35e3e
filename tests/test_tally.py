"""A run that counts what nothing follows from says what one with a row for every message says."""

from collections import Counter
from functools import cache

import numpy as np
import pytest

from sim import measures, runs, steady, tally
from sim.errors import BadInput
from sim.logs import iis
from sim.mail import Answer, Kind, Outcome
from sim.record import Record
from sim.report.events import events
from sim.report.queues import queue_view, what_happened
from sim.scenario import loads
from sim.server import host
from sim.server.transport.engines import Asked
from sim.tally import Tally
from sim.units import DAY, HOUR

SCENARIO = """title = "an office with a tenth away"
start = 2006-12-18
days = 2.3
[server]
profile = "{server}"
policy = "external"
connections = 2
[office]
mailboxes = 60
people = ["ann"]
[spam]
rate = "30/mailbox/day"
arrivals = "{arrivals}"
unknown_recipients = "200/day"
[wanted]
out = "20/mailbox/day"
[world]
outages = "20/hop/week"
[filter]
kind = "{filter}"
[confirmed]
rate = "20/day"
lag = "1 h"
[[absence]]
who = "10 %"
until = "day 2 12:00"
[[absence]]
who = "ann"
[[change]]
at = "day 1 15:00"
mailbox = "ann"
replies = "off"
[[change]]
at = "day 2 10:00"
policy = "internal-only"
"""
WIDTH = 2.0 ** (1 / 8)  # of a step: 9 %


def scenario(server, filter="none", arrivals="steady"):
    return loads(SCENARIO.format(server=server, filter=filter, arrivals=arrivals))


@cache
def both(server: str, filter: str, arrivals: str, engine: Asked) -> tuple[Record, Record]:
    """The same run with a row for every message, and tallied, the transport forgetting every few messages."""
    found = scenario(server, filter, arrivals)
    whole = runs.run(found, seed=3, engine=engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "ROWS", 0)
        patch.setattr(host, "_FORGETS", 20)
        tallied = runs.run(found, seed=3, engine=engine)
    assert (whole.run.tallied, tallied.run.tallied) == (False, True)
    return whole, tallied


CASES = [
    ("exchange-2003", "none", "steady", "simpy"),
    ("exchange-2003", "junk-first", "campaigns", "kernel"),
    ("postfix", "junk-first", "steady", "simpy"),
    ("postfix", "none", "steady", "kernel"),
    ("exim", "refuse-unresolvable", "steady", "kernel"),
]
of_each_case = pytest.mark.parametrize("case", CASES, ids="-".join)


@of_each_case
def test_every_measure_is_the_same_but_for_percentiles_which_are_as_good_as_a_step(case):
    whole, tallied = both(*case)
    exact, counted = measures.measure(whole), measures.measure(tallied)
    delays = {name for name in exact if name.startswith("wanted_delay_")}
    assert len(delays) == 3
    for name in exact.keys() - delays:
        assert counted[name] == pytest.approx(exact[name], rel=1e-12, nan_ok=True), name
    m = whole.columns("messages")
    left = (m["kind"] == Kind.OUTBOUND) & (m["outcome"] == Outcome.DELIVERED)
    took = m["settled_at"][left] - m["accepted_at"][left]
    for percent in (50, 95, 99):  # between two messages a percentile is interpolated; a count says which of them it is
        low, high = (np.percentile(took, percent, method=method) for method in ("lower", "higher"))
        assert low / WIDTH <= counted[f"wanted_delay_p{percent}"] <= high * WIDTH


@of_each_case
def test_hours_answers_curves_and_episodes_are_the_same(case):
    whole, tallied = both(*case)
    for table in ("hours", "queues", "acts"):
        for name, values in whole.columns(table).items():
            assert np.array_equal(values, tallied.columns(table)[name], equal_nan=values.dtype.kind == "f"), (table, name)
    times = measures.moments(whole.run.horizon)
    one, other = (measures.summarise(record, times, 10.0) for record in (whole, tallied))
    assert one.answers == other.answers
    assert one.alert_at == pytest.approx(other.alert_at, nan_ok=True)
    for name, curve in one.curves.items():
        assert curve.tolist() == other.curves[name].tolist()


@of_each_case
def test_every_message_has_its_row_or_is_counted_as_what_it_is(case):
    whole, tallied = both(*case)
    m, kept, t = whole.columns("messages"), tallied.columns("messages"), tallied.columns("tallied")
    row = {id: n for n, id in enumerate(m["id"].tolist())}
    which = np.array([row[id] for id in kept["id"].tolist()])
    for name, values in kept.items():
        assert np.array_equal(values, m[name][which], equal_nan=values.dtype.kind == "f"), name
    rest = np.ones(len(m["id"]), dtype=bool)
    rest[which] = False
    assert rest.sum() > len(which)  # most is counted
    out = rest & (m["kind"] == Kind.OUTBOUND)
    what = zip(
        (m["accepted_at"] // HOUR)[rest], m["kind"][rest], m["next_hop"][rest] >> 40, m["outcome"][rest], m["answer"][rest], strict=True
    )
    counts: Counter[tuple[int, ...]] = Counter()
    for *key, count in zip(*(t[name].tolist() for name in ("hour", "kind", "place", "outcome", "answer", "messages")), strict=True):
        counts[tuple(key)] += count
    assert counts == Counter(tuple(map(int, key)) for key in what)
    assert out.any()
    for name in ("wait_seconds", "connection_seconds"):
        assert t[name].sum() == m[name][out].sum()
    steps = tally._step(m["settled_at"][out] - m["accepted_at"][out])
    counted = Counter(dict(zip(*np.unique(steps, return_counts=True), strict=True)))
    assert counted == Counter({step: int(t["messages"][t["delay"] == step].sum()) for step in np.unique(t["delay"]).tolist() if step})


def test_what_was_deferred_has_a_row_though_its_first_attempt_was_its_last():
    """Mail that joins a queue in Retry hangs there; when the host answers it leaves at its first attempt."""
    _, tallied = both(*CASES[0])
    m = tallied.columns("messages")
    assert ((m["kind"] == Kind.OUTBOUND) & (m["attempts"] == 1) & ~np.isnan(m["deferred_at"])).any()


def test_spam_that_a_reply_attracted_has_a_row_when_it_comes_to_somebody_who_is_back():
    whole, tallied = both(*CASES[0])
    assert measures.measure(tallied)["spam_attracted"] == measures.measure(whole)["spam_attracted"] > 0
    m = tallied.columns("messages")
    assert ((m["kind"] == Kind.SPAM) & (m["answer"] == Answer.NOT_ABSENT)).any()


def test_a_tallied_run_is_the_same_under_both_engines():
    for first, second in ((CASES[0], (*CASES[0][:3], "kernel")), ((*CASES[3][:3], "simpy"), CASES[3])):
        one, other = both(*first)[1], both(*second)[1]
        for table in ("messages", "queues", "attempts", "hours", "tallied"):
            for name, values in one.columns(table).items():
                assert np.array_equal(values, other.columns(table)[name], equal_nan=values.dtype.kind == "f"), (table, name)


def test_a_saved_record_keeps_what_was_tallied(tmp_path):
    _, tallied = both(*CASES[0])
    loaded = Record.load(tallied.save(tmp_path / "record"))
    assert loaded.run == tallied.run
    for name, values in tallied.columns("tallied").items():
        assert loaded.columns("tallied")[name].tolist() == values.tolist()
    assert measures.measure(loaded) == pytest.approx(measures.measure(tallied), nan_ok=True)
    assert loaded.tallied["messages"].sum() == tallied.columns("tallied")["messages"].sum()
    whole, _ = both(*CASES[0])
    assert "tallied" not in {path.stem for path in whole.save(tmp_path / "whole").iterdir()}


def test_the_queue_view_of_a_tallied_run_shows_the_same_queues_and_says_what_is_not_known():
    whole, tallied = both(*CASES[0])
    found = scenario(*CASES[0][:3])
    noon = 1.5 * DAY
    shown = [queue_view(found, record, noon).splitlines() for record in (whole, tallied)]
    assert "counted and not listed" in shown[1][1]
    assert not any("counted and not listed" in line for line in shown[0])
    queues = [{line.split()[1] for line in lines if line.startswith(("Retry", "Active", "Ready"))} for lines in shown]
    assert queues[0] == queues[1] != set()
    assert what_happened(found, whole).split("wanted outbound")[0] == what_happened(found, tallied).split("wanted outbound")[0]


def test_the_readable_log_of_a_tallied_run_says_what_it_lacks_and_lacks_nothing_but_what_attempts_tell():
    whole, tallied = (list(events(record)) for record in both(*CASES[0]))
    lacks = [line for line in tallied if "not listed in so large an office" in line]
    assert len(lacks) == 1
    assert lacks[0].startswith("day 1 00:00:00")
    of_attempts = (", attempt ", " waits: its queue is in Retry")
    assert [line for line in tallied if line not in lacks] == [line for line in whole if not any(words in line for words in of_attempts)]


def test_what_needs_every_row_is_refused_of_a_tallied_run(tmp_path):
    whole, tallied = both(*CASES[0])
    with pytest.raises(BadInput, match="no log"):
        iis.write(tallied, tmp_path / "log")
    assert not list(tmp_path.iterdir())
    for count in steady.COUNTS:
        if count in steady.OF_ALL:
            with pytest.raises(BadInput, match="needs a row"):
                steady.series(tallied, count)
        else:
            assert steady.series(tallied, count).tolist() == steady.series(whole, count).tolist()


@pytest.mark.parametrize(
    "table", ['[route]\nto = "smarthost"', "[loops]", '[cause.receipts]\nwanted = "5 %"', '[policy.mine]\naudience = "known"']
)
def test_nothing_is_tallied_where_something_may_follow_from_any_mail(table, monkeypatch):
    monkeypatch.setattr(runs, "ROWS", 0)
    assert runs.tallied(loads(SCENARIO.format(server="postfix", filter="none", arrivals="steady")))
    assert not runs.tallied(loads(SCENARIO.format(server="postfix", filter="none", arrivals="steady") + table))


def test_nothing_is_tallied_where_one_person_may_write_so_much_in_an_hour_that_an_alarm_counts_it(monkeypatch):
    """The alarm of more than 30 messages by one sender within an hour counts mail that people write, too."""
    monkeypatch.setattr(runs, "ROWS", 0)
    found = scenario("postfix")
    assert runs.tallied(found)
    assert not runs.tallied(found.with_settings({"wanted.out": "200/mailbox/day"}))
    assert not runs.tallied(found.with_settings({"detection.messages": 2}))


# The counts themselves.


def test_a_delay_is_counted_within_a_step_of_itself():
    delays = 0.0625 * 2.0 ** (30 * np.random.default_rng(1).random(10_000))  # a sixteenth of a second to two years
    ratio = tally.middle(tally._step(delays)) / delays
    assert WIDTH**-0.5 - 1e-9 <= ratio.min() < ratio.max() <= WIDTH**0.5 + 1e-9


def test_what_is_held_is_not_taken_for_a_wait():
    counts = Tally()
    counts.add(np.array([0.0, 10.0]), Kind.OUTBOUND, outcome=Outcome.DELIVERED, held=np.array([3.0, 4.0]))
    table = counts.table()
    assert [table[name].tolist() for name in ("messages", "wait_seconds", "connection_seconds")] == [[2], [0.0], [7.0]]


def test_percentiles_of_some_known_delays_and_some_counted_ones_are_those_of_all():
    delays = np.arange(1.0, 1001.0)
    known, rest = delays[::3], np.delete(delays, np.s_[::3])
    steps, counts = np.unique(tally._step(rest), return_counts=True)
    found = tally.percentiles(known, steps.tolist(), counts.tolist(), (50, 95, 99))
    assert found == pytest.approx(np.percentile(delays, (50, 95, 99)).tolist(), rel=WIDTH - 1)
    assert np.isnan(tally.percentiles(np.zeros(0), [], [], (50, 99))).all()
