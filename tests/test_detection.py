"""When alarms go off, on small records made by hand and on the story."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sim
from sim import detection, experiment, report
from sim.counts import Steps
from sim.mail import Kind, Place, address
from sim.record import SCHEMA, Record, RunInfo, Table
from sim.report.queues import what_happened
from sim.units import DAY, HOUR

STORY = sim.load(Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml")
INFECTED = STORY.with_settings({"cause.infected_pc.who": "bob", "cause.infected_pc.from": "day 4 09:00"})
INFO = RunInfo("hand", "external", "exchange-2003", 1, 0, 2 * DAY, "2006-04-19", "hand", "0", "", 0, 3)
HOP = address(Place.STRANGE, 1)


def by_hand(messages=(), queues=(), acts=()) -> Record:
    """A record of (sender, kind, accepted, settled) messages, (since, until) queues and (at, until, what) acts."""
    n = len(messages)
    m = {name: np.zeros(n, dtype=column.dtype) for name, column in SCHEMA["messages"].items()}
    for name, values in zip(("sender", "kind", "accepted_at", "settled_at"), zip(*messages, strict=True), strict=False):
        m[name] = np.array(values, dtype=m[name].dtype)
    m["next_hop"][:] = HOP
    m["caused_by"][:] = -1
    q = {name: np.zeros(len(queues), dtype=column.dtype) for name, column in SCHEMA["queues"].items()}
    q["since"], q["until"] = (np.array([span[i] for span in queues], dtype=np.float64) for i in (0, 1))
    a = {"at": [x[0] for x in acts], "until": [x[1] for x in acts], "what": [x[2] for x in acts], "who": ["server"] * len(acts)}
    tables: dict[str, Table] = {"messages": m, "queues": q, "acts": {k: np.array(v, dtype=SCHEMA["acts"][k].dtype) for k, v in a.items()}}
    return Record(tables, INFO)


def with_limits(record: Record, **limits: float) -> Record:
    return Record(record.tables, replace(record.run, alarms=limits))


def test_an_alarm_goes_off_at_the_first_look_after_its_limit_was_exceeded():
    spans = [(100.0 * n, 5000.0) for n in range(12)]  # the eleventh joins at 1,000 s: more than ten from then on
    assert detection.alarms(by_hand(queues=spans))["queues"].first() == 1200.0
    assert detection.alarms(with_limits(by_hand(queues=spans), poll=60.0))["queues"].first() == 1020.0
    assert detection.alarms(with_limits(by_hand(queues=spans), queues=11.0))["queues"].first() == 1200.0
    assert np.isnan(detection.alarms(with_limits(by_hand(queues=spans), queues=12.0))["queues"].first())


def test_what_comes_and_goes_between_two_looks_is_not_seen():
    spans = [(310.0, 590.0)] * 11
    assert np.isnan(detection.alarms(by_hand(queues=spans))["queues"].first())


def test_the_oldest_message_raises_an_alarm_once_it_is_older_than_the_limit_and_until_it_leaves():
    record = by_hand([(0, Kind.OUTBOUND, 0.0, 6 * HOUR), (0, Kind.OUTBOUND, 0.0, 3 * HOUR)])
    alarm = detection.alarms(record)["oldest"]
    assert alarm.first() == 4 * HOUR + 300  # at the look at 4 h it is not yet older
    assert alarm.raised.sum() == 2 * HOUR / 300


def test_messages_by_one_sender_count_within_any_hour_and_not_together_with_anothers():
    burst = [(0, Kind.AUTOREPLY, 3000.0 + 100 * n, 9000.0) for n in range(6)]
    assert detection.alarms(by_hand(burst))["autoreplies"].first() == 3600.0  # the sixth at 3,500 s
    two = [(n % 2, kind, at, end) for n, (_, kind, at, end) in enumerate(burst)]
    assert np.isnan(detection.alarms(by_hand(two))["autoreplies"].first())
    spread = [(0, Kind.AUTOREPLY, 720.0 * n, 9000.0) for n in range(6)]  # five within any hour
    assert np.isnan(detection.alarms(by_hand(spread))["autoreplies"].first())
    written = [(0, Kind.OUTBOUND, at, end) for _, _, at, end in burst]
    assert np.isnan(detection.alarms(by_hand(written))["autoreplies"].first())
    assert detection.alarms(with_limits(by_hand(written), messages=5.0))["messages"].first() == 3600.0


def test_an_alarm_that_stands_already_is_no_news():
    raised = np.array([True, True, False, True, True])
    alarm = detection.Alarm(np.arange(1.0, 6.0), raised)
    assert alarm.first() == 1.0
    assert alarm.after(1.5) == 4.0
    assert np.isnan(alarm.after(4.5))


def test_a_day_with_an_alarm_is_false_unless_the_server_is_misused_then():
    # both days have an alarm; on the second the server relays, and its last message leaves at the end of the alarm
    queues = [(10 * HOUR, 12 * HOUR)] * 11 + [(30 * HOUR, 40 * HOUR)] * 11
    record = by_hand([(0, Kind.RELAY, 30 * HOUR, 40 * HOUR)], queues, [(29 * HOUR, 31 * HOUR, "cause open-relay")])
    assert detection.compromises(record) == [(29 * HOUR, 40 * HOUR)]
    assert detection.alarms(record)["queues"].days() == 2
    assert sim.measure(record)["false_alarm_days_queues"] == 1
    assert sim.measure(record)["compromise_noticed_queues"] == pytest.approx((HOUR + 300) / DAY)


def test_a_compromise_that_no_alarm_tells_of_counts_to_the_end_of_the_run_and_as_missed():
    record = by_hand([(0, Kind.RELAY, DAY, DAY + 1)], acts=[(DAY, 1.5 * DAY, "cause infected-pc")])
    values = sim.measure(record)
    assert values["compromise_noticed_queues"] == 1.0
    assert values["compromise_missed_queues"] == 1.0
    assert np.isnan(sim.measure(by_hand())["compromise_noticed_queues"])


@pytest.fixture(scope="module")
def compared():
    return experiment.compare(INFECTED, ["internal-only", "external"], replications=6, jobs=2, bands=False)


def test_with_replies_to_everyone_an_infected_pc_is_noticed_later_by_an_alert_on_queues(compared):
    with_replies, without = (compared.policies[name].measures["compromise_noticed_queues"].mean for name in ("external", "internal-only"))
    assert with_replies > without + 1.0
    assert compared.policies["internal-only"].measures["false_alarm_days_queues"].mean == 0
    assert compared.policies["external"].measures["false_alarm_days_queues"].mean >= 1


def test_the_answer_says_that_a_compromise_hides_with_its_numbers_and_only_where_there_is_one(compared):
    answer = report.answer(compared)
    line = next(line for line in answer.why if line.startswith("A real compromise hides in the noise"))
    assert "without replies after" in line
    assert not any("compromise" in line for line in answer.not_modelled)


def test_the_limits_are_the_scenarios():
    limits = sim.run(STORY.with_settings({"detection.poll": "10 min", "verdict.alert_queues": 7}), "off").run.alarms
    assert limits == {"poll": 600.0, "queues": 7.0, "pending": 20.0, "oldest": 4 * HOUR, "autoreplies": 5.0, "messages": 30.0}
    assert set(detection.RULES) == set(limits) - {"poll"}


def test_the_limits_of_a_rule_by_default_are_those_of_the_schema():
    limits = STORY.alarms()
    assert {name: rule.limit for name, rule in detection.RULES.items()} == {k: v for k, v in limits.items() if k != "poll"}
    assert limits["poll"] == detection.POLL


def test_a_run_says_in_sentences_what_its_causes_and_alarms_were():
    said = what_happened(INFECTED, sim.run(INFECTED, "internal-only"))
    assert "infected pc (Bob) from day 4 09:00 to day 10 00:00" in said
    assert "spam messages left through this server and arrived" in said
    assert "Once the server is misused it would have told of it after" in said
    assert "Beside the story" not in what_happened(STORY, sim.run(STORY, "internal-only"))


def test_steps_of_nothing_are_never_raised():
    assert not Steps.of(np.zeros(0), np.zeros(0)).before(np.array([1.0])).any()
