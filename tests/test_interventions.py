"""What an administrator does to the queues by hand: freeze, thaw, force a retry, delete, limit."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.mail import NULL_SENDER, Code, Dsn, Kind, Outcome
from sim.policy.intervention import Act, Deed
from sim.policy.retry import CLAMPED_AGE, INTERVALS, Expiry, Family, QueueRules
from sim.record import EndedBy
from sim.server.transport import Message
from sim.server.transport.processes import Transport
from tests.both_engines import ACTS

HOP, OTHER = 7, 8
FREEZE, THAW, FORCE = Act(Deed.FREEZE), Act(Deed.THAW), Act(Deed.FORCE_RETRY)
DELETE, DELETE_AND_REPORT = Act(Deed.DELETE), Act(Deed.DELETE, report=True)
EXCHANGE, POSTFIX = "the queue retries", "the message retries"
# An attempt at 0 s that fails at 1 s is followed by the next one: 10 min later, or at the first scan (every 300 s) that is due.
NEXT = {EXCHANGE: 601.0, POSTFIX: 300.0}
BOTH = pytest.mark.parametrize("family", [EXCHANGE, POSTFIX])


def rules(family, **change) -> QueueRules:
    values: dict[str, Any] = {
        "family": Family(family),
        "kind": INTERVALS if family == EXCHANGE else CLAMPED_AGE,
        "params": (0.0, 60.0, 600.0, 600.0, 600.0, 900.0) if family == EXCHANGE else (300.0, 4000.0, 300.0),
        "glitch_on": frozenset(),
        "message_retry": 300.0,
        "expiry": 172800.0,
        "expires": Expiry.TIMER if family == EXCHANGE else Expiry.AT_FAILED_ATTEMPT,
        "delay_notice": 1e9,
        "forget_after": 180.0,
        "connections": 1000,
        "connections_per_hop": 100,
        "messages_per_connection": 20,
        "reports_failures": True,
        "suspend_for": 0.0 if family == EXCHANGE else 60.0,
    } | change
    return QueueRules(**values)


class Script:
    """Connections to `down` fail before `up_at`; recipients answer as `answers` says; an attempt lasts `length`."""

    def __init__(self, up_at=0.0, length=1.0, answers=None, down=(HOP,)):
        self.up_at, self.length, self.answers, self.down = up_at, length, answers or {}, down

    def connects(self, hop, now):
        return Code.TIMEOUT if now < self.up_at and hop in self.down else Code.OK

    def accepts(self, hop, recipient, met, now):
        return self.answers.get(recipient, Code.OK)

    def seconds(self, hop, code, message, attempt, opens, size):
        return self.length


def mail(n, at=0.0, hop=HOP, sender=1, kind=Kind.OUTBOUND):
    return Message(n << 4 | kind, sender, 100 + n, hop, 1000, at)


def play(family, messages, acts=(), until=10_000.0, world=None, **change):
    """Play acts, (time, act) each in order of time."""
    script: Any = world or Script()
    transport = Transport(rules(family, **change), script)
    transport.submit(messages)
    for at, act in acts:
        if at > transport.env.now:
            transport.advance(at)
        transport.apply(act)
    transport.advance(until)
    return transport


def starts(transport, hop=HOP):
    return [at for _, at, to, *_ in transport.attempts if to == hop]


# Freeze and thaw.


@BOTH
def test_nothing_enters_the_wire_from_a_frozen_queue_and_what_is_under_way_arrives(family):
    messages = [mail(1), mail(2, at=0.5), mail(3, at=5.0), mail(4, at=5.0, hop=OTHER)]
    transport = play(family, messages, [(0.25, FREEZE), (50.0, THAW)])
    assert [m.settled_at for m in transport.messages] == [1.0, 51.0, 52.0 if family == EXCHANGE else 51.0, 51.0]
    assert starts(transport)[1:][0] == 50.0


@BOTH
def test_a_freeze_on_the_instant_of_an_attempts_end_lets_it_end_and_the_connection_close(family):
    transport = play(family, [mail(1), mail(2)], [(1.0, FREEZE)], connections_per_hop=1)
    first, second = transport.messages
    assert (first.settled_at, second.attempts) == (1.0, 0)
    assert transport.open == 0
    assert transport.queued() == 1


@BOTH
def test_time_in_the_frost_is_no_wait_for_a_connection(family):
    # The second message stands ready from 0 s, and is frozen from 1 s to 50 s.
    transport = play(family, [mail(1), mail(2)], [(1.0, FREEZE), (50.0, THAW)], connections_per_hop=1)
    assert transport.messages[1].wait_seconds == 1.0
    assert transport.messages[1].first_attempt_at == 50.0


@BOTH
def test_a_wait_that_ends_in_the_frost_is_followed_by_an_attempt_at_the_thaw(family):
    transport = play(family, [mail(1)], [(NEXT[family], FREEZE), (1000.0, THAW)], world=Script(up_at=500.0))
    assert starts(transport) == [0.0, 1000.0]


@BOTH
def test_a_thaw_before_the_wait_is_over_tries_nothing_sooner(family):
    transport = play(family, [mail(1)], [(100.0, FREEZE), (200.0, THAW)], until=NEXT[family] + 0.5, world=Script(up_at=1e9))
    assert starts(transport) == [0.0, NEXT[family]]


@BOTH
def test_a_queue_that_comes_after_all_were_frozen_is_frozen_and_after_those_in_retry_were_is_not(family):
    def first_attempt(only_in_retry):
        messages = [mail(1), mail(2, at=60.0, hop=OTHER)]
        acts = [(50.0, Act(Deed.FREEZE, only_in_retry=only_in_retry)), (2000.0, THAW)]
        transport = play(family, messages, acts, world=Script(up_at=1.0))
        assert starts(transport) == [0.0, 2000.0]
        return starts(transport, OTHER)

    assert first_attempt(False) == [2000.0]
    assert first_attempt(True) == [60.0]


def test_a_lifetime_ends_in_the_frost_where_a_timer_ends_it_and_not_where_only_a_failed_attempt_does():
    acts = [(10.0, FREEZE), (9000.0, THAW)]
    outcomes = [play(family, [mail(1)], acts, world=Script(up_at=5000.0), expiry=1200.0).messages[0] for family in (EXCHANGE, POSTFIX)]
    assert [(m.outcome, m.settled_at) for m in outcomes] == [(Outcome.EXPIRED, 1200.0), (Outcome.DELIVERED, 9001.0)]


def test_a_thaw_at_the_moment_of_expiry_finds_the_message_gone():
    transport = play(EXCHANGE, [mail(1)], [(10.0, FREEZE), (1200.0, THAW)], world=Script(up_at=500.0), expiry=1200.0)
    assert starts(transport) == [0.0]
    assert transport.messages[0].outcome is Outcome.EXPIRED


def test_a_frozen_queue_gives_up_its_place_in_the_line():
    def order(acts):
        # The only connection is busy to 30 s; HOP asks at 1 s for message 5, OTHER at 2 s for message 2. Who asks at the same time, as both
        # do at a thaw, is served in order of ids.
        messages = [mail(1, hop=9), mail(5, at=1.0), mail(2, at=2.0, hop=OTHER)]
        transport = play(EXCHANGE, messages, acts, world=Script(length=30.0), connections=1)
        return starts(transport), starts(transport, OTHER)

    assert order([]) == ([30.0], [60.0])
    assert order([(3.0, FREEZE), (4.0, THAW)]) == order([(3.0, FREEZE), (3.0, THAW)]) == ([60.0], [30.0])


# Force a retry.


@BOTH
def test_a_forced_retry_tries_at_once_and_a_failure_begins_a_new_wait(family):
    transport = play(family, [mail(1)], [(100.0, FORCE)], until=1000.0, world=Script(up_at=1e9))
    # Exchange: failed at 101 s, 10 min more. Postfix: failed at 101 s, at least 300 s more, so due at 401 s: the scan at 600 s would be
    # late by the rule that a scan takes what is due one second later; due - 1 = 400 s, rounded up to 600 s.
    assert starts(transport)[:3] == [0.0, 100.0, 701.0 if family == EXCHANGE else 600.0]


@BOTH
def test_a_forced_retry_at_the_moment_of_the_next_is_one_attempt(family):
    transport = play(family, [mail(1)], [(NEXT[family], FORCE)], until=NEXT[family] + 1.5, world=Script(up_at=1e9))
    assert starts(transport) == [0.0, NEXT[family]]


@BOTH
def test_a_forced_retry_on_the_instant_of_an_attempts_end_finds_nothing_that_waits(family):
    transport = play(family, [mail(1)], [(1.0, FORCE)], until=NEXT[family] + 0.5, world=Script(up_at=1e9))
    assert starts(transport) == [0.0, NEXT[family]]


def test_a_forced_retry_at_the_moment_of_expiry_finds_the_message_gone():
    transport = play(EXCHANGE, [mail(1)], [(500.0, FORCE)], world=Script(up_at=1e9), expiry=500.0)
    assert starts(transport) == [0.0]
    assert transport.messages[0].outcome is Outcome.EXPIRED


@BOTH
def test_a_forced_retry_of_a_frozen_queue_waits_for_the_thaw(family):
    transport = play(family, [mail(1)], [(50.0, FREEZE), (100.0, FORCE), (200.0, THAW)], world=Script(up_at=40.0))
    assert starts(transport) == [0.0, 200.0]


def test_a_message_refused_4xx_waits_on_alone_where_the_queue_retries_and_is_forced_where_the_message_does():
    world = Script(answers={101: Code.GREYLISTED})
    second = {family: starts(play(family, [mail(1)], [(100.0, FORCE)], until=500.0, world=world))[1] for family in (EXCHANGE, POSTFIX)}
    assert second == {EXCHANGE: 301.0, POSTFIX: 100.0}


def test_a_forced_retry_ends_the_suspension_of_a_dead_next_hop():
    messages = [mail(1), mail(2, at=10.0)]
    transport = play(POSTFIX, messages, [(20.0, FORCE)], world=Script(up_at=15.0))
    assert transport.messages[1].suspended == 1
    assert [m.settled_at for m in transport.messages] == [21.0, 21.0]  # not at 60 s or later


# Delete.


@BOTH
@pytest.mark.parametrize(
    ("act", "sender", "dsn"), [(DELETE, 1, Dsn.OFF), (DELETE_AND_REPORT, 1, Dsn.SENT), (DELETE_AND_REPORT, NULL_SENDER, Dsn.NULL_SENDER)]
)
def test_what_waits_is_deleted_at_once_and_reported_only_if_asked_and_never_to_the_null_sender(family, act, sender, dsn):
    transport = play(family, [mail(1, sender=sender), mail(2, sender=sender, at=50.0)], [(100.0, act)], world=Script(up_at=1e9))
    assert [(m.outcome, m.settled_at, m.dsn) for m in transport.messages] == [(Outcome.DELETED, 100.0, dsn)] * 2
    assert starts(transport) == [0.0]
    assert [(e.until, e.ended_by) for e in transport.episodes] == [(100.0, EndedBy.EMPTY)]
    assert transport.queued() == 0


@BOTH
@pytest.mark.parametrize("when", [0.5, 1.0])
@pytest.mark.parametrize(
    ("answer", "up_at", "outcome", "dsn"),
    [
        (Code.OK, 0.0, Outcome.DELIVERED, Dsn.NONE),
        (Code.NO_MAILBOX, 0.0, Outcome.BOUNCED, Dsn.SENT),
        (Code.FULL, 0.0, Outcome.DELETED, Dsn.OFF),
        (Code.OK, 9.0, Outcome.DELETED, Dsn.OFF),
    ],
)
def test_what_is_under_way_is_deleted_only_if_it_would_have_to_wait_again(family, when, answer, up_at, outcome, dsn):
    transport = play(family, [mail(1)], [(when, DELETE)], world=Script(up_at=up_at, answers={101: answer}))
    (message,) = transport.messages
    assert (message.outcome, message.settled_at, message.dsn, message.attempts) == (outcome, 1.0, dsn, 1)
    assert transport.queued() == 0


@BOTH
def test_a_deletion_at_the_moment_of_the_next_attempt_or_of_expiry_comes_first(family):
    for at, expiry in ((NEXT[family], 172800.0), (200.0, 200.0)):
        transport = play(family, [mail(1)], [(at, DELETE)], world=Script(up_at=1e9), expiry=expiry)
        assert starts(transport) == [0.0]
        assert transport.messages[0].outcome is Outcome.DELETED


@BOTH
def test_only_the_chosen_kinds_and_queues_are_deleted(family):
    def deleted(act):
        world = Script(up_at=1e9, answers={103: Code.FULL})
        messages = [mail(1), mail(2, kind=Kind.AUTOREPLY), mail(3, hop=OTHER)]
        transport = play(family, messages, [(100.0, act)], until=150.0, world=world)
        return [m.id >> 4 for m in transport.messages if m.outcome is Outcome.DELETED]

    assert deleted(DELETE) == [1, 2, 3]
    assert deleted(Act(Deed.DELETE, kinds=frozenset({Kind.AUTOREPLY}))) == [2]
    assert deleted(Act(Deed.DELETE, only_in_retry=True)) == [1, 2]


@BOTH
def test_a_frozen_message_can_be_deleted_and_the_queue_goes_on_with_what_comes(family):
    transport = play(family, [mail(1, at=5.0), mail(2, at=20.0)], [(1.0, FREEZE), (10.0, DELETE), (30.0, THAW)])
    assert [(m.outcome, m.settled_at) for m in transport.messages] == [(Outcome.DELETED, 10.0), (Outcome.DELIVERED, 31.0)]


# Limits.


@BOTH
def test_a_higher_limit_is_used_at_once_and_a_lower_one_closes_nothing(family):
    def begun(limits):
        messages = [mail(n, hop=n) for n in range(1, 7)]
        transport = play(family, messages, [(5.0, Act(Deed.LIMIT, **limits))], world=Script(length=10.0), connections=2)
        return sorted(at for _, at, *_ in transport.attempts)

    assert begun({"connections": 4}) == [0, 0, 5, 5, 10, 10]
    assert begun({"connections": 1}) == [0, 0, 10, 20, 30, 40]


def test_the_limit_of_a_next_hop_can_be_changed_by_itself():
    transport = play(
        POSTFIX,
        [mail(n) for n in range(1, 5)],
        [(5.0, Act(Deed.LIMIT, connections_per_hop=3))],
        connections_per_hop=1,
        world=Script(length=10.0),
    )
    assert starts(transport) == [0.0, 5.0, 5.0, 10.0]
    assert transport.rules.connections == 1000


# Laws on any path.


def forced(transport, act):
    """Next hops on which an attempt must begin at the instant of a forced retry: something waits there that can be forced and does not
    expire just then, no connection is open, and no limit is near."""
    if (
        act.deed is not Deed.FORCE_RETRY
        or transport.open + sum(queue.waiting for queue in transport.queues.values()) > transport.rules.connections
    ):
        return set()
    by_queue, rules, now = transport.rules.family is Family.QUEUE, transport.rules, transport.env.now

    def lasts(message):
        return rules.expires is not Expiry.TIMER or message.accepted_at + rules.expiry > now

    return {
        hop
        for hop, queue in transport.queues.items()
        if not queue.frozen
        and not queue.connections
        and (queue.retry is not None or not act.only_in_retry)
        and (not by_queue or queue.asleep)
        and any(lasts(message) for message in (queue.ready if by_queue else queue.alone.values()))
    }


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_on_any_path_nothing_is_lost_nothing_leaves_the_frost_and_after_the_thaw_it_goes_on(data):
    family = data.draw(st.sampled_from([EXCHANGE, POSTFIX]))
    # Few round times, so that acts meet the ends of attempts, wakes and lifetimes.
    times = st.one_of(st.integers(0, 40).map(lambda n: 50.0 * n), st.sampled_from([1.0, 10.0, 601.0, 610.0, 1201.0]))
    n = data.draw(st.integers(1, 10))
    at = sorted(data.draw(times) for _ in range(n))
    kinds = st.sampled_from([Kind.OUTBOUND, Kind.AUTOREPLY])
    messages = [mail(i, a, hop=data.draw(st.integers(1, 3)), kind=data.draw(kinds), sender=i % 2 - 1) for i, a in enumerate(at)]
    acts = [(when, data.draw(ACTS)) for when in sorted(data.draw(st.sets(times, min_size=1, max_size=6)))] + [(3000.0, THAW)]
    codes = st.sampled_from([Code.OK, Code.GREYLISTED, Code.NO_MAILBOX])
    world = Script(
        up_at=data.draw(st.sampled_from([0.0, 300.0, 1e9])),
        length=data.draw(st.sampled_from([1.0, 10.0, 50.0])),
        answers={100 + i: data.draw(codes) for i in range(n)},
        down=(1, 2),
    )
    change = {
        "expiry": float(data.draw(st.sampled_from([600, 1200]))),
        "connections": data.draw(st.sampled_from([2, 1000])),
        "messages_per_connection": data.draw(st.integers(1, 3)),
        "expires": data.draw(st.sampled_from(list(Expiry) if family == POSTFIX else [Expiry.TIMER])),
    }
    script: Any = world
    transport = Transport(rules(family, **change), script)
    transport.submit(messages)
    settled: list[Message] = []
    frosts: dict[int, list[tuple[float, bool]]] = {1: [], 2: [], 3: []}  # (time, frozen from then on)
    must: set[tuple[float, int]] = set()
    for when, act in acts:
        settled += transport.advance(when).settled if when else []
        assert transport.queued() == len(transport.messages) - len(settled)
        must |= {(when, hop) for hop in forced(transport, act)}
        if act.deed in (Deed.FREEZE, Deed.THAW):
            for hop in (1, 2, 3):
                queue = transport.queues.get(hop)
                if not act.only_in_retry or (queue is not None and queue.retry is not None):
                    frosts[hop].append((when, act.deed is Deed.FREEZE))
        transport.apply(act)
    settled += transport.advance(20_000.0).settled
    assert len(transport.messages) == n == len({m.id for m in settled})
    assert transport.queued() == transport.open == 0
    assert all(episode.until >= episode.since for episode in transport.episodes)
    begun = {(start, hop) for _, start, hop, *_ in transport.attempts}
    assert must <= begun
    for start, hop in begun:
        before = [frozen for when, frozen in frosts[hop] if when <= start]
        assert not (before and before[-1])
    for m in settled:
        assert m.dsn is not Dsn.SENT or m.sender != NULL_SENDER
        assert 0.0 <= m.wait_seconds <= m.settled_at - m.accepted_at
