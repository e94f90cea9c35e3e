"""Laws that hold on every record, whatever the scenario, the server, the policy, the causes and the administrator's hand.

LAWS_EXAMPLES=5000 in the environment looks further, and elsewhere each time; without it the same few are drawn again.
"""

import json
import os
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim import runs
from sim.legs import ended
from sim.mail import ATTRACTED, CONNECTION_FAILURES, HERE, NO_HOST, NULL_SENDER, OUTGOING, Answer, Code, Dsn, Kind, Outcome
from sim.policy.retry import Expiry
from sim.profiles import PROFILES
from sim.profiles.responders import RESPONDERS
from sim.record import EndedBy, Record, Table
from sim.scenario import Scenario, loads
from sim.server import host, relay
from sim.server.transport.processes import Transport

MORE = int(os.environ.get("LAWS_EXAMPLES", "0"))
FUZZ = settings(
    max_examples=MORE or 60,
    derandomize=not MORE,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# --- scenarios ---------------------------------------------------------------------------------------

SHARE = st.sampled_from(["0 %", "5 %", "50 %", "100 %"])
MOMENT = st.sampled_from(["day 1", "day 1 00:01", "day 1 09:30", "day 1 13:00:07", "day 1 23:00", "day 2", "day 2 12:00", "day 3 08:00"])
ON = st.booleans()


def of(*values: object) -> st.SearchStrategy:
    return st.sampled_from(values)


def some(**keys: st.SearchStrategy) -> st.SearchStrategy:
    """A table with any of these keys."""
    return st.fixed_dictionaries({}, optional=keys)


@st.composite
def few(draw: st.DrawFn, keys: dict[str, st.SearchStrategy], most: int) -> dict[str, Any]:
    """A table with so many of these keys at most."""
    return {key: draw(keys[key]) for key in sorted(draw(st.sets(st.sampled_from(sorted(keys)), max_size=most)))}


SERVER = {
    "retry": of(["1 min"], ["10 min", "15 min"], ["30 s", "3 h"]),
    "minimal_backoff": of("1 min", "5 min"),
    "maximal_backoff": of("5 min", "1 h"),
    "queue_run": of("1 min", "5 min", "30 min"),
    "retry_rule": of("F,1h,15m", "F,2h,5m; G,16h,1h,1.5; F,1d,6h"),
    "retry_skip": of(1, 20),
    "retry_unit": of("1 s", "400 s"),
    "first_retry": of("1 min", "20 min"),
    "longest_retry": of("30 min", "none"),
    "most_attempts": of(1, 2, 8),
    "resubmit_after": of("20 min", "2 h", "never"),
    "suspend_for": of("0 s", "10 min", "1 h"),
    "suspend_after": of(1, 3),
    "nxdomain": of("permanent", "temporary"),
    "null_mx": of("permanent", "temporary"),
    "addresses_tried": of(1, 3),
    "glitch_retries": of(0, 3),
    "message_retry": of("1 s", "5 min"),
    "expiry": of("30 s", "1 h", "6 h", "1 d"),
    "delay_notice": of("10 s", "1 h", "4 h", "never"),
    "forget_after": of("1 s", "1 h"),
    "connections": of(1, 2, 20),
    "connections_per_hop": of(1, 2),
    "messages_per_connection": of(1, 3),
    "connect_timeout": of("1 s", "90 s"),
    "reports_failures": ON,
}
REPLIES = some(
    responder=of(*RESPONDERS),
    return_path=of("user", "null"),
    every=of("absence", "message", "1 h"),
    history=of(1, 3, "unlimited"),
    when_full=of("answer", "forget"),
    rate_limit=of("off", "1/mailbox/hour"),
    ignore_auto_submitted=ON,
    ignore_precedence=ON,
    ignore_junk=ON,
)
SPAM = some(
    rate=of("0/mailbox/day", "10/mailbox/day", "60/mailbox/day"),
    unknown_recipients=of("0/day", "40/day"),
    arrivals=of("steady", "campaigns"),
    harvests=of("0/day", "1/day"),
    harvest_size=of(20),
    providers=of("0 %", "27 %", "43 %"),
    new_addresses=SHARE,
    null_sender=SHARE,
    flagged=SHARE,
    unresolvable=SHARE,
    nxdomain=SHARE,
    silent=of("0 %", "40 %"),
    refusing=of("0 %", "30 %"),
    busy=of("0 %", "30 %"),
    null_mx=SHARE,
    addresses=of(
        {},
        {"stranger": "100 %", "full": "0 %", "spammer": "0 %", "trap": "0 %"},
        {"stranger": "0 %", "full": "100 %", "spammer": "0 %", "trap": "0 %"},
        {"stranger": "0 %", "full": "0 %", "spammer": "50 %", "trap": "50 %"},
        {"stranger": "0 %", "full": "0 %", "spammer": "0 %", "trap": "0 %"},
    ),
)
WANTED = some(
    into=of("0/mailbox/day", "20/mailbox/day"),
    out=of("0/mailbox/day", "40/mailbox/day"),
    internal=of("0/mailbox/day", "10/mailbox/day"),
    lists=of("0/mailbox/day", "10/mailbox/day"),
    partners=of(1, 2),
    correspondents=of(1, 8),
    partner_share=SHARE,
    newcomers=SHARE,
    typos=SHARE,
)
WORLD = some(
    greylisting=SHARE,
    greylist_delay=of("1 s", "5 min", "2 h"),
    outages=of("0/hop/week", "20/hop/week"),
    outage=of("1 min", "4 h"),
    busy_spell=of("20 min", "3 h"),
    several=SHARE,
    addresses=of(2, 5),
    first_dead=SHARE,
    full_for_good=SHARE,
    session=of("0.001 s", "2 s", "60 s"),
    reply_lag=of("0.001 s", "3 s", "2 h"),
)
FILTER = some(kind=of("none", "junk-first", "refuse-unresolvable"), recipients=ON, hit=SHARE, false_positive=SHARE)
RATE = of("0/day", "30/day", "200/day")
WHO = of("ann", "1")
SPAN = {"from": MOMENT}
CAUSES = {
    "notice_lag": of("1 min", "1 h"),
    "targets": some(providers=SHARE, domains=of(1, 500), gone=SHARE, nobody=of("0 %", "50 %"), trap=of("0 %", "50 %")),
    "reverse_ndr": some(**SPAN, rate=RATE),
    "infected_pc": some(**SPAN, who=WHO, rate=RATE, senders=of("user", "forged")),
    "stolen_account": some(**SPAN, who=WHO, rate=RATE, senders=of("user", "forged")),
    "open_relay": some(**SPAN, rate=RATE),
    "receipts": some(**SPAN, wanted=SHARE, spam=SHARE, delivery=ON, read=SHARE, read_lag=of("1 min", "4 h")),
    "newsletter": some(**SPAN, who=WHO, over=of("1 min", "1 h"), recipients=of(1, 60), gone=SHARE, nobody=of("0 %", "50 %")),
    "forward": some(**SPAN, who=WHO, to=of("living", "full", "nobody", "gone"), keeps_sender=ON),
    "store_outage": some(**SPAN, delay_notice=of("1 s", "1 h")),
    "partner_outage": some(**SPAN, how=of("silent", "refused", "dns")),
    "dns_outage": some(**SPAN, how=of("timeout", "servfail")),
}
LIST = some(hits=of(1, 3), within=of("1 h", "7 d"), delay=of("1 min", "1 h"), lasts=of("1 min", "1 d"), asked_by=SHARE)
LISTING = few(dict.fromkeys(("spamcop", "backscatterer", "sem_backscatter", "abusix"), LIST), 2)
ROUTE = some(
    relay=of("postfix", "exchange-2016", "kumomta"),
    expiry=of("1 h", "1 d"),
    connections=of(1, 20),
    throttle=of("off", "2/hour", "100/hour"),
    refuses=of("0 %", "50 %"),
    outages=of("0/hop/week", "20/hop/week"),
    outage=of("10 min", "6 h"),
)
OWN = some(replies=REPLIES, breaker=some(queues=of(0, 2), poll=of("5 min", "1 h"), rest=of("1 s", "6 h"))).flatmap(
    lambda table: of(*(table | {"audience": who} for who in ("internal", "partners", "contacts", "known", "everybody")))
)
HAND = of(
    *({deed: which} for deed in ("freeze", "thaw", "force_retry") for which in ("all", "retry")),
    *({"delete": which, "dsn": dsn} for which in ("all", "autoreplies", "retry") for dsn in (True, False)),
    {"connections": 1},
    {"connections": 30, "connections_per_hop": 3},
)
TABLES = {
    "route": ROUTE.map(lambda table: {"to": "smarthost"} | table),
    "policy": OWN.map(lambda table: {"mine": table}),
    "confirmed": some(rate=of("1/day", "20/day"), lag=of("1 min", "1 d"), most=of(1, 20)),
    "loops": some(responders=SHARE, every_message=SHARE, marked=ON, lag=of("1 min", "3 h"), most=of(1, 30)),
    "breaker": some(queues=of(0, 2, 10), poll=of("5 min", "1 h"), rest=of("1 s", "6 h")),
    "cause": few(CAUSES, 3),
    "listing": LISTING,
}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A small office, one to three days long, anything in it."""
    profile = PROFILES[draw(st.sampled_from(sorted(PROFILES)))]
    offered = sorted(policy for policy, switch in profile.policies.items() if not switch.why_not)
    server = {key: values for key, values in SERVER.items() if f"server.{key}" in profile.settings}
    days = draw(of(1, 2, 3))
    begins, ends = draw(of("day 1", "day 1 06:30", "day 1 09:30:01")), draw(of("day 1 09:31", "day 1 18:00", "day 2 06:00", None))
    absences = [{"who": "ann", "from": begins} | ({} if ends is None else {"until": ends})]
    if draw(ON):
        absences.append({"who": "1", "every": draw(of("Mon", "Tue Wed")), "switched": draw(of("once", "each-time"))})
    deeds = of(
        {"mailbox": "ann", "replies": "off"},
        {"mailbox": "ann", "replies": "on"},
        {"mailbox": "ann", "absence": "ends"},
        *({"policy": policy} for policy in offered),
    )
    deeds = deeds if profile.no_hand else deeds | HAND | HAND
    changes = [{"at": draw(MOMENT.filter(lambda at: at <= f"day {days}"))} | draw(deeds) for _ in range(draw(st.integers(0, 4)))]
    found: dict[str, Any] = {
        "title": "any office",
        "days": days,
        "office": {"mailboxes": draw(of(2, 3, 6)), "people": ["ann"]},
        "absence": absences,
        "change": changes,
        "server": {"profile": profile.name, "policy": draw(st.sampled_from(offered))} | draw(some(**server)),
        "replies": draw(REPLIES),
        "spam": draw(SPAM),
        "filter": draw(FILTER),
        "wanted": draw(WANTED),
        "world": draw(WORLD),
    }
    return found | draw(few(TABLES, 3))


def toml(table: dict[str, Any], name: str = "") -> str:
    """A document as a scenario file has it."""
    lines = [f"[{name}]"] if name else []
    tables = {key: value for key, value in table.items() if isinstance(value, dict)}
    lists = {key: value for key, value in table.items() if isinstance(value, list) and value and isinstance(value[0], dict)}
    lines += [f"{key} = {json.dumps(value)}" for key, value in table.items() if key not in tables and key not in lists and value != []]
    for key, entries in lists.items():
        lines += [f"[[{key}]]\n" + toml(entry) for entry in entries]
    lines += [toml(value, f"{name}.{key}" if name else key) for key, value in tables.items()]
    return "\n".join(lines)


# --- what a run leaves -------------------------------------------------------------------------------


class Watched(Transport):
    """A transport whose live queues are counted whenever it has been advanced."""

    def __init__(self, rules, world):
        super().__init__(rules, world)
        self.limits = {(rules.connections, rules.connections_per_hop)}
        self.seen: list[tuple[float, int, int, int]] = []  # time, messages, next hops in Retry, open connections

    def advance(self, until):
        done = super().advance(until)
        self.seen.append((until, self.queued(), self.in_retry(), self.open))
        self.limits.add((self.rules.connections, self.rules.connections_per_hop))
        return done


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
    record: Record
    legs: list[Leg]


def played(scenario: Scenario, policies: list[str], seed: int) -> list[Run]:
    """A replication under each policy in turn."""
    ours: list[Watched] = []
    theirs: list[Watched] = []

    def watched(made):
        def make(rules, world):
            made.append(Watched(rules, world))
            return made[-1]

        return make

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host, "Transport", watched(ours))
        patch.setattr(relay, "Transport", watched(theirs))
        records = list(runs.runs(scenario, policies, seed, 0))
    found = []
    for n, record in enumerate(records):
        legs = [Leg.of(record, ours[n], "")] + [Leg.of(record, transport, "relay_") for transport in theirs[n : n + 1]]
        found.append(Run(record, legs))
    return found


# --- laws of one record ------------------------------------------------------------------------------


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


def failures_are_reported(run: Run, scenario: Scenario) -> None:
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
    lag = 1.5 * scenario.document.cause.notice_lag + 1.0  # until it is made
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
        assert all(before[1] < after[0] for before, after in pairwise(mine))
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


def the_hours_add_up(record: Record) -> None:
    m, a, hours = record.columns("messages"), record.columns("attempts"), record.columns("hours")
    assert hours["attempts"].sum() == len(a["at"])
    assert hours["refused"].sum() == (m["outcome"] == Outcome.REFUSED).sum()
    assert hours["filtered"].sum() == np.isin(m["outcome"], (Outcome.FILTERED, Outcome.JUNK)).sum()
    assert hours["connection_seconds"].sum() == pytest.approx(a["seconds"].sum(), rel=1e-9)
    assert hours["wait_seconds"].sum() == pytest.approx(m["wait_seconds"].sum(), rel=1e-9)


def littles_law_holds(leg: Leg) -> None:
    """The area under the number there is the sum of the times spent there: messages, hung messages, connections, next hops in Retry."""
    m, a, q = leg.messages, leg.attempts, leg.queues
    hung = ~np.isnan(m["deferred_at"])
    for starts, ends in (
        (m["accepted_at"], m["settled_at"]),
        (m["deferred_at"][hung], m["settled_at"][hung]),
        (a["at"], a["at"] + a["seconds"]),
        (q["since"], q["until"]),
    ):
        ends = np.fmin(ends, leg.until)
        times = np.unique(np.concatenate([starts, ends]))
        level = counted(starts, ends, times[1:])
        assert (np.diff(times) * level).sum() == pytest.approx((ends - starts).sum(), rel=1e-9)


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
        columns = ("accepted_at", "sender", "recipient", "next_hop", "size", "truth")
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


OF_A_RUN = (nothing_is_lost, each_has_an_id_and_a_cause, times_are_in_order, nobody_answers_nobody)
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


@FUZZ
@given(document=documents(), number=st.integers(0, 4), seed=st.integers(0, 2**40))
def test_every_record_keeps_the_laws(document, number, seed):
    scenario = loads(toml(document))
    offered = [name for name in scenario.policies if not scenario.reply_policy(name).switch.why_not or name == "mine"]
    one, other, again = played(scenario, [scenario.policy, offered[number % len(offered)], scenario.policy], seed)
    for run in (one, other):
        for law in OF_A_RUN:
            law(run)
        for leg in run.legs:
            for law_of_a_leg in OF_A_LEG:
                law_of_a_leg(leg)
        failures_are_reported(run, scenario)
        the_hours_add_up(run.record)
    for law_of_two in OF_TWO_POLICIES:
        law_of_two(one.record, other.record)
    assert alike(one.record, again.record)  # a run leaves the workload and the world as they were
