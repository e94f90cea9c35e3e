"""Laws that hold on every run: of the whole, of each of its legs, and of two policies on the same workload.

A law is a function that fails. It looks at the record, and where it can at what was counted while the run was played.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from sim import runs
from sim.legs import ended
from sim.mail import ATTRACTED, CONNECTION_FAILURES, HERE, NO_HOST, NULL_SENDER, OUTGOING, Answer, Code, Dsn, Kind, Outcome
from sim.policy.retry import Expiry
from sim.record import EndedBy, Record, Table
from sim.scenario import Scenario
from sim.server import host, relay
from sim.server.transport.columns import Reference
from sim.server.transport.processes import Transport

__all__ = ["OF_A_LEG", "OF_A_RUN", "OF_TWO_POLICIES", "Leg", "Run", "alike", "played"]


@dataclass
class Level:
    """A number of things that are there, and the area under it so far."""

    number: int = 0
    since: float = 0.0
    area: float = 0.0

    def changes(self, now: float, by: int = 0) -> None:
        self.area += self.number * (now - self.since)
        self.number, self.since = self.number + by, now


class Watched(Transport):
    """A transport whose messages and attempts are counted as they come and go, and its live queues whenever it has been advanced."""

    def __init__(self, rules, world):
        super().__init__(rules, world)
        self.limits = {(rules.connections, rules.connections_per_hop)}
        self.seen: list[tuple[float, int, int, int]] = []  # time, messages, next hops in Retry, open connections
        self.there, self.under_way = Level(), Level()

    def advance(self, until):
        done = super().advance(until)
        self.there.changes(until)
        self.under_way.changes(until)
        self.seen.append((until, self.queued(), self.in_retry(), self.open))
        self.limits.add((self.rules.connections, self.rules.connections_per_hop))
        assert (self.there.number, self.under_way.number) == (self.queued(), self.open)
        return done

    def _accept(self, message):
        self.there.changes(self.env.now, 1)
        super()._accept(message)

    def settle(self, message, outcome):
        self.there.changes(self.env.now, -1)
        super().settle(message, outcome)

    def _attempt(self, queue, connection, opens):
        self.under_way.changes(self.env.now, 1)
        super()._attempt(queue, connection, opens)

    def _ended(self, queue, connection, message, code, seconds):
        self.under_way.changes(self.env.now, -1)
        super()._ended(queue, connection, message, code, seconds)


@dataclass(frozen=True)
class Leg:
    """One server's part of a record, our own or the smarthost's: what it carried, and the transport that did."""

    messages: Table
    queues: Table
    attempts: Table
    transport: Watched
    until: float

    @classmethod
    def of(cls, record: Record, transport: Watched, prefix: str) -> "Leg":
        messages, queues, attempts = (record.columns(prefix + name) for name in ("messages", "queues", "attempts"))
        carried = messages["next_hop"] != HERE
        return cls({name: column[carried] for name, column in messages.items()}, queues, attempts, transport, record.run.horizon)


@dataclass(frozen=True)
class Run:
    scenario: Scenario
    record: Record
    legs: list[Leg]


def played(scenario: Scenario, policies: list[str], seed: int) -> list[Run]:
    """A replication under each policy in turn."""
    ours: list[Watched] = []
    theirs: list[Watched] = []

    def watched(made):
        def make(engine, rules, world):
            begun = Reference(rules, world, Watched)
            made.append(begun.transport)
            return begun

        return make

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host, "begin", watched(ours))
        patch.setattr(relay, "begin", watched(theirs))
        records = list(runs.runs(scenario, policies, seed, 0))
    found = []
    for n, record in enumerate(records):
        legs = [Leg.of(record, ours[n], "")] + [Leg.of(record, transport, "relay_") for transport in theirs[n : n + 1]]
        found.append(Run(scenario, record, legs))
    return found


# --- laws of one run ----------------------------------------------------------------------------------


def counted(starts: np.ndarray, ends: np.ndarray, times: np.ndarray) -> list[int]:
    """How many of the intervals are under way just before each time: they began before it and have not ended before it."""
    ends = np.where(np.isnan(ends), np.inf, ends)
    return (np.searchsorted(np.sort(starts), times) - np.searchsorted(np.sort(ends), times)).tolist()


def nothing_is_lost(run: Run) -> None:
    m, here = run.record.columns("messages"), run.record.columns("messages")["next_hop"] == HERE
    queued = m["outcome"] == Outcome.QUEUED
    assert queued.sum() == run.record.run.queued
    assert (queued & ~here).sum() == run.legs[0].transport.queued()
    taken = {Outcome.REFUSED, Outcome.FILTERED, Outcome.JUNK, Outcome.MAILBOX, Outcome.BOUNCED, Outcome.QUEUED}
    assert set(m["outcome"][here].tolist()) <= taken
    if len(run.legs) > 1:
        theirs = run.legs[1].messages
        assert (theirs["outcome"] == Outcome.QUEUED).sum() == run.record.run.relay_queued
        handed = ~here & (m["outcome"] == Outcome.DELIVERED)
        assert set(m["id"][handed].tolist()) <= set(theirs["id"].tolist())
        row = {id: n for n, id in enumerate(theirs["id"].tolist())}
        for id, settled in zip(m["id"][handed].tolist(), m["settled_at"][handed].tolist(), strict=True):
            assert theirs["accepted_at"][row[id]] == settled


def the_live_queues_hold_what_the_record_says(leg: Leg) -> None:
    """At every stop of the run, and not only at its end."""
    m, q, a = leg.messages, leg.queues, leg.attempts
    times, messages, in_retry, connections = (np.array(column) for column in zip(*leg.transport.seen, strict=True))
    assert times[-1] == leg.until
    assert counted(m["accepted_at"], m["settled_at"], times) == messages.tolist()
    assert counted(q["since"], q["until"], times) == in_retry.tolist()
    assert counted(a["at"], a["at"] + a["seconds"], times) == connections.tolist()


def each_has_an_id_and_a_cause(run: Run) -> None:
    """A message that the smarthost took has the same id there; each that is not a row of the workload was caused by one before it."""
    at: dict[int, float] = {}
    for prefix in ("", "relay_"):
        m = run.record.columns(prefix + "messages")
        ids = m["id"].tolist()
        assert len(set(ids)) == len(ids)
        assert (m["root"] == m["id"] >> 20).all()
        assert (m["kind"] == m["id"] & 15).all()
        at |= {id: when for id, when in zip(ids, m["accepted_at"].tolist(), strict=True) if id not in at}
    for prefix in ("", "relay_"):
        m = run.record.columns(prefix + "messages")
        for id, cause in zip(m["id"].tolist(), m["caused_by"].tolist(), strict=True):
            assert cause == -1 or (at[cause] < at[id] and cause >> 20 == id >> 20)
    rows = m["caused_by"] == -1
    assert not np.isin(m["kind"][rows], (Kind.AUTOREPLY, Kind.FAILURE, Kind.DELAY, Kind.RECEIPT, Kind.FORWARD, Kind.ECHO)).any()


def times_are_in_order(run: Run) -> None:
    end = run.record.run.horizon
    for prefix in ("", "relay_"):
        m, q, a = (run.record.columns(prefix + table) for table in ("messages", "queues", "attempts"))
        assert (np.isnan(m["settled_at"]) == (m["outcome"] == Outcome.QUEUED)).all()
        assert (np.diff(m["accepted_at"]) >= 0).all()
        for before, after in (
            ("accepted_at", "first_attempt_at"),
            ("accepted_at", "deferred_at"),
            ("accepted_at", "settled_at"),
            ("first_attempt_at", "settled_at"),
            ("deferred_at", "settled_at"),
        ):
            assert not (m[before] > m[after]).any(), (before, after)
        assert (m["accepted_at"] < end).all()
        assert not (m["settled_at"] > end).any()
        assert (m["wait_seconds"] >= 0).all()
        times = [m[name] for name in ("accepted_at", "first_attempt_at", "deferred_at", "settled_at", "wait_seconds")]
        for known in (*times, q["since"], q["until"], a["at"], a["seconds"]):
            steps = known[~np.isnan(known)] * 2**20
            assert (steps == np.floor(steps)).all()


def nobody_answers_nobody(run: Run) -> None:
    m = ended(run.record)
    automatic = np.isin(m["kind"], (Kind.AUTOREPLY, Kind.FAILURE, Kind.DELAY, Kind.RECEIPT))
    assert (m["recipient"][automatic] != NULL_SENDER).all()
    assert (m["sender"][automatic & (m["kind"] != Kind.AUTOREPLY)] == NULL_SENDER).all()
    sender = dict(zip(m["id"].tolist(), m["sender"].tolist(), strict=True))
    for recipient, cause in zip(m["recipient"][automatic].tolist(), m["caused_by"][automatic].tolist(), strict=True):
        assert recipient == sender[cause]
    ours = run.record.columns("messages")
    answered = Counter(ours["caused_by"][ours["kind"] == Kind.AUTOREPLY].tolist())
    assert set(answered.values()) <= {1}
    assert set(answered) <= set(ours["id"][ours["answer"] == Answer.ANSWERED].tolist())


def failures_are_reported(run: Run) -> None:
    """To whom a duty to report is owed, one report goes, and nobody else gets one."""
    m = ended(run.record)
    failed = np.isin(m["outcome"], (Outcome.BOUNCED, Outcome.EXPIRED))
    deleted = m["outcome"] == Outcome.DELETED
    assert (m["dsn"][~failed & ~deleted] == Dsn.NONE).all()
    assert (m["dsn"][failed | deleted] != Dsn.NONE).all()
    null = m["sender"] == NULL_SENDER
    assert not (m["dsn"][null] == Dsn.SENT).any()
    assert not (m["dsn"][~null] == Dsn.NULL_SENDER).any()
    due = m["dsn"] == Dsn.SENT
    reports = Counter(m["caused_by"][m["kind"] == Kind.FAILURE].tolist())
    assert set(reports.values()) <= {1}
    assert set(reports) <= set(m["id"][due].tolist())
    lag = 1.5 * run.scenario.document.cause.notice_lag + 1.0  # until it is made
    assert set(m["id"][due & (m["settled_at"] + lag < run.record.run.horizon)].tolist()) <= set(reports)


def episodes_do_not_overlap(leg: Leg) -> None:
    q = leg.queues
    assert (np.isnan(q["until"]) == (q["ended_by"] == EndedBy.STILL_OPEN)).all()
    assert not (q["since"] > q["until"]).any()
    spans: dict[int, list[tuple[float, float]]] = {}
    for hop, since, until in zip(*(q[name].tolist() for name in ("next_hop", "since", "until")), strict=True):
        spans.setdefault(hop, []).append((since, until))
    for one in spans.values():
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(one)))  # NaN, still open, can only be the last


def attempts_belong_to_messages(leg: Leg) -> None:
    m, a = leg.messages, leg.attempts
    made: dict[int, list[tuple[float, float, int]]] = {}
    hops = dict(zip(m["id"].tolist(), m["next_hop"].tolist(), strict=True))
    for id, at, seconds, code, hop in zip(*(a[name].tolist() for name in ("message", "at", "seconds", "code", "next_hop")), strict=True):
        assert hops[id] == hop
        made.setdefault(id, []).append((at, at + seconds, code))
    columns = ("id", "attempts", "accepted_at", "first_attempt_at", "settled_at", "outcome", "last_code", "connection_seconds")
    for id, attempts, accepted, first, settled, outcome, last, spent in zip(*(m[name].tolist() for name in columns), strict=True):
        mine = made.get(id, [])
        assert len(mine) == attempts
        assert spent == pytest.approx(sum(end - begin for begin, end, _ in mine), rel=1e-12)
        assert all(before[1] <= after[0] for before, after in pairwise(mine))  # the same where a queue is resubmitted just then
        assert np.isnan(first) if not mine else accepted <= first == mine[0][0]
        if outcome in (Outcome.DELIVERED, Outcome.BOUNCED):
            assert (settled, last) == mine[-1][1:]
            assert (last == Code.OK) == (outcome == Outcome.DELIVERED)
        elif outcome != Outcome.QUEUED:
            assert last != Code.OK
            assert not mine or mine[-1][1] <= settled


def limits_are_kept(leg: Leg) -> None:
    a = leg.attempts
    begins, ends = a["at"], a["at"] + a["seconds"]
    in_all, to_one = (max(limits) for limits in zip(*leg.transport.limits, strict=True))
    assert busiest(begins, ends) <= in_all
    for hop in np.unique(a["next_hop"]).tolist():
        assert busiest(begins[a["next_hop"] == hop], ends[a["next_hop"] == hop]) <= to_one


def busiest(begins: np.ndarray, ends: np.ndarray) -> int:
    """The most intervals [begin, end) at one time."""
    times = np.unique(begins)
    level = np.searchsorted(np.sort(begins), times, side="right") - np.searchsorted(np.sort(ends), times, side="right")
    return int(level.max(initial=0))


def lifetimes_are_kept(leg: Leg) -> None:
    """Nothing is given up before its time; where a timer gives it up, nothing stays longer but what is under way."""
    m, rules = leg.messages, leg.transport.rules
    age = np.fmin(m["settled_at"], leg.until) - m["accepted_at"]
    given_up = (rules.most_attempts > 0) & (m["attempts"] == rules.most_attempts)
    expired = (m["outcome"] == Outcome.EXPIRED) & ~given_up
    if rules.expires is Expiry.TIMER:
        assert (age[expired] >= rules.expiry).all()
        assert (age <= rules.expiry + leg.attempts["seconds"].max(initial=0.0)).all()
    elif rules.expires is Expiry.AT_FAILED_ATTEMPT:  # in whole seconds
        assert (age[expired] > rules.expiry - 1.0).all()


def the_hours_add_up(run: Run) -> None:
    m, a, hours = (run.record.columns(table) for table in ("messages", "attempts", "hours"))
    assert hours["attempts"].sum() == len(a["at"])
    assert hours["refused"].sum() == (m["outcome"] == Outcome.REFUSED).sum()
    assert hours["filtered"].sum() == np.isin(m["outcome"], (Outcome.FILTERED, Outcome.JUNK)).sum()
    assert hours["connection_seconds"].sum() == pytest.approx(a["seconds"].sum(), rel=1e-9)
    assert hours["wait_seconds"].sum() == pytest.approx(m["wait_seconds"].sum(), rel=1e-9)


def littles_law_holds(leg: Leg) -> None:
    """On the sample path: the area under the number there, counted as they came and went, is the sum of the times spent there."""
    m, a, watched = leg.messages, leg.attempts, leg.transport
    assert watched.there.area == pytest.approx((np.fmin(m["settled_at"], leg.until) - m["accepted_at"]).sum(), rel=1e-9)
    assert watched.under_way.area == pytest.approx((np.fmin(a["at"] + a["seconds"], leg.until) - a["at"]).sum(), rel=1e-9)


# --- laws of two policies ----------------------------------------------------------------------------


def what_comes_from_outside_is_the_same(one: Record, other: Record) -> None:
    """Every row of the workload is there under both policies with the same dice, but for spam that a reply attracted, and echoes."""
    rows = []
    for record in (one, other):
        m = record.columns("messages")
        attracted = (m["root"] >= ATTRACTED) & (m["root"] < ATTRACTED + (1 << 34))
        own = (m["caused_by"] < 0) & (m["kind"] != Kind.ECHO) & ~attracted
        rows.append({name: column[own] for name, column in m.items()})
    inbound = ~np.isin(rows[0]["kind"], OUTGOING)
    for name in ("id", "accepted_at", "sender", "recipient", "next_hop", "size", "truth"):
        assert np.array_equal(rows[0][name], rows[1][name]), name
    for name in ("outcome", "dsn", "last_code"):
        assert np.array_equal(rows[0][name][inbound], rows[1][name][inbound]), name
    assert np.array_equal(rows[0]["settled_at"][inbound], rows[1]["settled_at"][inbound], equal_nan=True)


def what_is_born_of_the_same_is_the_same(one: Record, other: Record) -> None:
    """A first reply, a receipt, a forward: the same id is the same message at the same time."""
    found = []
    for record in (one, other):
        m = record.columns("messages")
        first = np.isin(m["kind"], (Kind.RECEIPT, Kind.FORWARD)) | ((m["kind"] == Kind.AUTOREPLY) & (m["id"] >> 4 & 0xFFFF == 0))
        columns = ("accepted_at", "recipient", "next_hop", "size", "truth")  # a policy of one's own may have another return path
        found.append(dict(zip(m["id"][first].tolist(), zip(*(m[name][first].tolist() for name in columns), strict=True), strict=True)))
    for id in found[0].keys() & found[1].keys():
        assert found[0][id] == found[1][id]


def an_attempt_at_the_same_time_meets_the_same(one: Record, other: Record) -> None:
    """What a connection meets, and what a mailbox says, depends on the time alone. Not so greylisting, block lists and a smarthost's
    limit, which remember; and where a connection is open already, none has to be made."""
    found = []
    for record in (one, other):
        a = record.columns("attempts")
        found.append(dict(zip(zip(a["message"].tolist(), a["at"].tolist(), strict=True), a["code"].tolist(), strict=True)))
    for attempt in found[0].keys() & found[1].keys():
        codes = {found[0][attempt], found[1][attempt]}
        assert len(codes) == 1 or not (codes <= CONNECTION_FAILURES | NO_HOST or codes <= _MAILBOX_SAYS)


_MAILBOX_SAYS = {Code.OK, Code.FULL, Code.OVER_QUOTA, Code.NO_MAILBOX}


def alike(one: Record, other: Record) -> bool:
    return all(
        np.array_equal(values, other.columns(table)[name], equal_nan=values.dtype.kind == "f")
        for table in ("messages", "queues", "attempts", "hours", "relay_messages", "relay_queues", "relay_attempts")
        for name, values in one.columns(table).items()
    )


OF_A_RUN = (
    nothing_is_lost,
    each_has_an_id_and_a_cause,
    times_are_in_order,
    nobody_answers_nobody,
    failures_are_reported,
    the_hours_add_up,
)
OF_A_LEG = (
    the_live_queues_hold_what_the_record_says,
    episodes_do_not_overlap,
    attempts_belong_to_messages,
    limits_are_kept,
    lifetimes_are_kept,
    littles_law_holds,
)
OF_TWO_POLICIES = (
    what_comes_from_outside_is_the_same,
    what_is_born_of_the_same_is_the_same,
    an_attempt_at_the_same_time_meets_the_same,
)
