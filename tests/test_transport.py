"""The queues of the Exchange family, rule by rule; each test is named by the sentence that would be false."""

from bisect import bisect_right
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.mail import NULL_SENDER, Code, Dsn, Outcome
from sim.policy.retry import DOUBLING, INTERVALS, Expiry, Family, QueueRules
from sim.record import EndedBy
from sim.server.transport import Message
from sim.server.transport.processes import Transport
from sim.units import grid

HOP = 7


def rules(**change) -> QueueRules:
    params = (change.pop("glitches", 3.0), 60.0, 600.0, 600.0, 600.0, 900.0)
    values: dict[str, Any] = {
        "family": Family.QUEUE,
        "kind": INTERVALS,
        "params": params,
        "glitch_on": frozenset({Code.BUSY}),
        "message_retry": 300.0,
        "expiry": 172800.0,
        "expires": Expiry.TIMER,
        "delay_notice": 43200.0,
        "forget_after": 180.0,
        "connections": 1000,
        "connections_per_hop": 100,
        "messages_per_connection": 20,
        "reports_failures": True,
    } | change
    return QueueRules(**values)


class Script:
    """A world that does as it is told: `fails` names a failure of connections in [0, up_at), `answers` what recipients say."""

    def __init__(self, fails=Code.TIMEOUT, up_at=0.0, seconds=1.0, answers=None):
        self.fails, self.up_at, self.length, self.answers, self.dead = fails, up_at, seconds, answers or {}, -1

    def connects(self, hop, now):
        return self.fails if now < self.up_at or hop == self.dead else Code.OK

    def accepts(self, hop, recipient, met, now):
        return self.answers.get(recipient, Code.OK)

    def seconds(self, hop, code, message, attempt, opens, size):
        return self.length


def outside(script) -> Any:
    """A script where a World is wanted: the transport asks it three things only."""
    return script


def mail(n, at=0.0, hop=HOP, sender=1):
    return Message(n, sender, 100 + n, hop, 1000, at)


def play(messages, until=400_000.0, world=None, **change):
    transport = Transport(rules(**change), outside(world or Script()))
    transport.submit(messages)
    return transport, transport.advance(until)


@pytest.mark.parametrize("seconds", [0.25, 15.0, 21.0])
@pytest.mark.parametrize("fails", [Code.TIMEOUT, Code.BUSY])
def test_a_dead_hop_is_tried_as_often_as_an_independent_count_says(seconds, fails):
    transport, _ = play([mail(1)], world=Script(fails, up_at=1e9, seconds=seconds))
    waits = ([60.0] * 3 if fails is Code.BUSY else []) + [600.0] * 3
    now, count = 0.0, 0
    while now < 172800.0:  # a wake at the moment of expiry finds the message gone
        count += 1
        now += seconds + (waits.pop(0) if waits else 900.0)
    assert len(transport.attempts) == transport.messages[0].attempts == count
    assert transport.messages[0].outcome is Outcome.EXPIRED
    assert transport.episodes[0].ended_by is EndedBy.EMPTY


def test_a_message_that_joins_a_queue_in_retry_waits_with_it():
    transport, _ = play([mail(1), mail(2, at=100.0)], world=Script(up_at=500.0))
    first, second = transport.messages
    assert second.deferred_at == 100.0
    assert second.attempts == 1
    assert first.settled_at == 602.0  # 0, fails at 1, wakes at 601
    assert second.settled_at == 603.0  # on the same connection
    assert [(e.since, e.until, e.failures) for e in transport.episodes] == [(1.0, 602.0, 1)]


def test_a_success_sets_the_failures_back_to_none():
    world = Script(up_at=5000.0)
    transport, _ = play([mail(1)], until=9000.0, world=world)
    world.up_at = 1e9
    transport.submit([mail(2, at=9000.0)])
    transport.advance(9602.0)
    assert [at for _, at, *_ in transport.attempts][-2:] == [9000.0, 9601.0]


def test_a_connection_carries_at_most_20_messages_and_one_is_opened_for_every_20():
    transport, _ = play([mail(n) for n in range(45)], until=2.0)
    starts = [at for _, at, *_ in transport.attempts]
    assert starts.count(0.0) == 1  # not known to be up: one connection
    assert starts.count(1.0) == 3
    assert transport.open == 3
    transport.advance(1000.0)
    assert all(m.outcome is Outcome.DELIVERED for m in transport.messages)
    assert transport.open == 0


def test_a_message_refused_4xx_waits_alone_and_rejoins_at_the_tail():
    world = Script(answers={101: Code.GREYLISTED})
    transport, _ = play([mail(1), mail(2)], until=10.0, world=world)
    assert [m.outcome for m in transport.messages] == [Outcome.QUEUED, Outcome.DELIVERED]
    assert transport.queued() == 1
    world.answers = {}
    transport.advance(400.0)
    assert transport.messages[0].settled_at == 302.0
    assert not transport.episodes


def test_nxdomain_bounces_at_once_and_is_reported_but_never_to_the_null_sender():
    transport, done = play([mail(1), mail(2, sender=NULL_SENDER)], world=Script(Code.NXDOMAIN, up_at=1e9))
    assert [m.dsn for m in transport.messages] == [Dsn.SENT, Dsn.NULL_SENDER]
    assert [m.outcome for m in done.settled] == [Outcome.BOUNCED] * 2
    assert not transport.episodes


def test_a_message_still_queued_after_12_hours_is_reported_as_delayed_once():
    _, done = play([mail(1), mail(2, hop=8, at=5.0)], world=Script(up_at=50_000.0))
    assert [(at, m.id) for at, m in done.delayed] == [(43200.0, 1), (43205.0, 2)]


def test_a_queue_stopped_by_its_own_limit_does_not_stop_those_behind_it():
    messages = [mail(n) for n in range(60)] + [mail(99, at=10.5, hop=8)]
    transport, _ = play(messages, until=12.0, world=Script(seconds=1.0), connections_per_hop=1)
    assert transport.messages[-1].outcome is Outcome.DELIVERED
    assert transport.queues[HOP].ready


def test_a_queue_that_falls_asleep_gives_up_its_place_in_the_line_for_a_connection():
    class GoesDown(Script):
        """HOP answers at first; sessions with the others last as long as is said."""

        def connects(self, hop, now):
            return Code.TIMEOUT if hop == HOP and now > 0.5 else Code.OK

        def seconds(self, hop, code, message, attempt, opens, size):
            return 21.0 if code is Code.TIMEOUT else {8: 1000.0, 9: 5000.0, 10: 5000.0}.get(hop, 1.0)

    # Of three connections 8 holds one to 1000. HOP has worked, holds the others and asks for one more from 2 on; these fail at 22 and 23,
    # and 9 and 10, who asked at 1.5, take them. HOP wakes at 622 and asks anew: behind 11, who has asked since 100.
    messages = [*(mail(n) for n in range(40)), mail(40, hop=8), mail(41, 1.5, 9), mail(42, 1.5, 10), mail(43, 100.0, 11)]
    transport, _ = play(messages, until=1500.0, world=GoesDown(), connections=3, messages_per_connection=2)
    at = {hop: [when for _, when, next_hop, *_ in transport.attempts if next_hop == hop] for hop in (HOP, 9, 10, 11)}
    assert (at[9], at[10], at[11]) == ([22.0], [23.0], [1000.0])
    assert at[HOP] == [0.0, 1.0, 1.0, 2.0, 1001.0]


def test_with_one_connection_wanted_mail_waits_behind_a_dead_hop():
    def delay(connections):
        world = Script(seconds=21.0)
        world.dead = HOP
        transport, _ = play([mail(1), mail(2, at=1.0, hop=8)], until=100.0, world=world, connections=connections)
        return transport.messages[1].wait_seconds

    assert delay(1000) == 0.0
    assert delay(1) == 20.0


def test_an_empty_queue_forgets_its_stage_after_3_minutes():
    def attempts_after_expiry(gap):
        transport, _ = play([mail(1)], until=3600.0, world=Script(up_at=1e9), expiry=2000.0, delay_notice=1e6)
        expired = transport.messages[0].settled_at
        transport.submit([mail(2, at=3600.0 + gap)])
        transport.advance(3600.0 + gap + 2000.0)
        assert expired == 2000.0
        return transport.messages[1].first_attempt_at - 3600.0 - gap

    assert attempts_after_expiry(0.0) == 0.0


@pytest.mark.parametrize("family", Family)
def test_a_wake_on_the_instant_of_a_submission_is_not_put_off(family):
    # it fails at 1; the queue wakes 600 s after that, the message 600 s after that too. Mail that comes later is handed over just then.
    change: dict[str, Any] = {"glitches": 0.0}
    if family is Family.MESSAGE:
        change = {"family": family, "kind": DOUBLING, "params": (600.0, 600.0), "expires": Expiry.AT_FAILED_ATTEMPT}
    transport, _ = play([mail(1)], until=601.0, world=Script(up_at=500.0), **change)
    transport.submit([mail(2, at=700.0, hop=8)])
    transport.advance(1000.0)
    assert [at for _, at, *_ in transport.attempts] == [0.0, 601.0, 700.0]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_message_is_lost_and_littles_law_holds_on_any_path(data):
    n = data.draw(st.integers(1, 25))
    at = sorted(grid(data.draw(st.floats(0, 3000))) for _ in range(n))
    messages = [mail(i, a, hop=data.draw(st.integers(1, 3))) for i, a in enumerate(at)]
    codes = st.sampled_from([Code.OK, Code.GREYLISTED, Code.NO_MAILBOX])
    world = Script(
        data.draw(st.sampled_from([Code.TIMEOUT, Code.BUSY, Code.NXDOMAIN])),
        up_at=data.draw(st.floats(0, 5000)),
        seconds=grid(data.draw(st.floats(0.01, 30))),
        answers={100 + i: data.draw(codes) for i in range(n)},
    )
    change = {
        "connections": data.draw(st.integers(1, 4)),
        "connections_per_hop": data.draw(st.integers(1, 3)),
        "messages_per_connection": data.draw(st.integers(1, 3)),
        "expiry": float(data.draw(st.sampled_from([600, 1200, 2000]))),
    }
    end = 4000.0
    transport, done = play(messages, until=end, world=world, **change)
    alive = [m for m in transport.messages if m.outcome is Outcome.QUEUED]
    assert len(transport.messages) == len(done.settled) + transport.queued()
    assert len(alive) == transport.queued()
    # Little's law on the path: the area under the number in the queue is the sum of the times spent in it.
    left = sorted(m.settled_at for m in done.settled)
    times = sorted({*at, *left, end})
    area = sum((b - a) * (bisect_right(at, a) - bisect_right(left, a)) for a, b in pairwise(times))
    spent = sum(min(m.settled_at, end) - m.accepted_at if m not in alive else end - m.accepted_at for m in transport.messages)
    assert area == pytest.approx(spent, rel=1e-9)
    # Advancing in small steps changes nothing.
    again = Transport(rules(**change), outside(world))
    again.submit([mail(m.id, m.accepted_at, m.next_hop) for m in messages])
    for step in range(1, 41):
        again.advance(step * 100.0)
    assert [(m.id, repr(m.settled_at), m.attempts) for m in again.messages] == [
        (m.id, repr(m.settled_at), m.attempts) for m in transport.messages
    ]
