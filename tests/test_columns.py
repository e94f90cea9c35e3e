"""The interface of a transport by columns: what is forgotten while much is alive, and what the kernel once did differently."""

import inspect
import itertools
import math
import random
from dataclasses import replace
from typing import Any

import numba
import numpy as np
import pytest

from bench.counted import Counted
from sim import units
from sim.mail import Code, Kind, Place, address
from sim.policy import retry
from sim.policy.intervention import Act, Deed
from sim.policy.retry import Expiry, Family, QueueRules
from sim.server.transport import compiled, kernel
from sim.server.transport.columns import Mail, Reference
from sim.server.transport.compiled import Compiled
from sim.world import Fates, Spell
from tests.both_engines import Instance, Listing, Play, first_difference, parting, played, rows

BY_MESSAGE = QueueRules(
    family=Family.MESSAGE,
    kind=retry.INTERVALS,
    params=(0.0, 60.0, 600.0),
    glitch_on=frozenset(),
    message_retry=600.0,
    expiry=1e6,
    expires=Expiry.AT_FAILED_ATTEMPT,
    delay_notice=math.inf,
    forget_after=0.0,
    connections=1000,
    connections_per_hop=1000,
    messages_per_connection=1,
    reports_failures=True,
)
EASY = Fates(  # every domain answers, every mailbox takes what comes, an attempt lasts 10 s for 500,000 bytes
    unresolvable=0.0,
    nxdomain=0.0,
    silent=0.0,
    refusing=0.0,
    busy=0.0,
    mailboxes=(0.0, 0.0, 1.0, 1.0),
    greylisting=0.0,
    greylist_delay=300.0,
    outages=0.0,
    outage=0.0,
    busy_spell=1000.0,
    session=0.0,
    connect_timeout=21.0,
    dns_timeout=15.0,
)
PROVIDER = address(Place.PROVIDER, 0)


BY_QUEUE = replace(BY_MESSAGE, family=Family.QUEUE, expires=Expiry.TIMER, forget_after=180.0)


def message(n: int, hop: int, at: float, kind: Kind = Kind.OUTBOUND, size: int = 500_000) -> tuple[int, int, int, int, int, float]:
    return n << 20 | kind, 1, hop + n, hop, size, at


def attempts(play: Play) -> list[tuple[float, int, Code]]:
    return [(row["at"], row["message"] >> 20, Code(row["code"])) for row in rows(play.tables["attempts"])]


@pytest.fixture
def forgets_queues_however_few(monkeypatch):
    monkeypatch.setattr(compiled, "_FEW", 1)


# What the kernel did differently.


def test_a_queue_stopped_by_its_own_limit_keeps_the_place_that_it_asked_for_though_the_message_at_its_head_is_deleted_at_that_instant():
    """At 50 s queues 0 and 1 ask, 0 with autoreply 2 at its head, 1 with message 5, and both have the one connection that they may have.
    The autoreply is deleted at once. When both connections close, only one may be opened: for queue 0, which asked with the smaller id."""
    instance = Instance(
        replace(BY_MESSAGE, connections_per_hop=1),
        Counted(last=[1, 1], meets=[Code.OK, Code.OK], ends=[Code.OK, Code.OK], lengths=[1000.0, 1000.0]),
        [message(1, 0, 0.0), message(3, 1, 0.0), message(2, 0, 10.0, Kind.AUTOREPLY), message(9, 0, 10.0), message(5, 1, 10.0)],
        [
            (5.0, Act(Deed.FREEZE)),
            (50.0, Act(Deed.THAW)),
            (50.0, Act(Deed.DELETE, kinds=frozenset({Kind.AUTOREPLY}))),
            (60.0, Act(Deed.LIMIT, connections=1)),
        ],
    )
    for make in (Reference, Compiled):
        assert attempts(played(make, instance)) == [
            (0.0, 1, Code.OK),
            (0.0, 3, Code.OK),
            (1000.0, 9, Code.OK),
            (2000.0, 5, Code.OK),
        ]
    assert not parting(instance)


@pytest.mark.parametrize(
    "rules",
    [
        replace(BY_QUEUE, params=(0.0, 60.0, *(100.0 + n for n in range(200)))),  # 200 waits, each of another length
        replace(BY_MESSAGE, params=(0.0, 60.0, *(100.0 + n for n in range(200)))),
        replace(BY_MESSAGE, kind=retry.CLAMPED_AGE, params=(60.0, 6000.0, 10.0)),  # up to 600 scans ahead
    ],
)
def test_there_may_be_any_number_of_different_waits(rules):
    mail = [message(n, hop, 7.0 * n) for n, hop in enumerate([0, 1, 0, 1, 0])]
    timeouts = [Code.TIMEOUT, Code.TIMEOUT]
    instance = Instance(rules, Counted([1, 1], timeouts, timeouts, [10.0, 21.0]), mail, until=60_000.0)
    made = attempts(played(Reference, instance))
    assert len({b[0] - a[0] for a, b in itertools.pairwise(row for row in made if row[1] == 0)}) > 5  # waits of many lengths
    assert not parting(instance)


@pytest.mark.usefixtures("forgets_queues_however_few")
def test_a_queue_that_was_thawed_alone_is_not_frozen_when_it_was_forgotten_and_comes_again():
    """All queues are frozen, then those in Retry thawed; so a queue that is new from then on is frozen, and this one is not."""
    outside = Listing(1, EASY, (Spell(PROVIDER, 0.0, 50.0, Code.TIMEOUT),))
    mail = [message(1, PROVIDER, 0.0), message(2, PROVIDER, 1500.0)]
    acts = [(30.0, Act(Deed.FREEZE)), (40.0, Act(Deed.THAW, only_in_retry=True))]
    instance = Instance(BY_QUEUE, outside, mail, acts, [1000.0], forgets=True)
    for make in (Reference, Compiled):
        assert [(m, code) for _, m, code in attempts(played(make, instance))] == [(1, Code.TIMEOUT), (1, Code.OK), (2, Code.OK)]
    assert not parting(instance)


# What is forgotten.


SCHEDULES = {
    "exchange": replace(BY_QUEUE, messages_per_connection=2, resubmit_after=1500.0, connections=3),
    "exim": replace(
        BY_QUEUE, kind=retry.PIECES, params=(2000.0, 300.0, 1.0, 57600.0, 600.0, 1.5), expires=Expiry.AT_FAILED_ATTEMPT, connections=3
    ),
    "postfix": replace(BY_MESSAGE, kind=retry.CLAMPED_AGE, params=(300.0, 4000.0, 300.0), suspend_for=300.0, connections=3),
    "sendmail": replace(BY_MESSAGE, kind=retry.EACH_RUN, params=(600.0,), connections=3),
    "qmail": replace(BY_MESSAGE, kind=retry.SQUARES_OF_AGE, params=(20.0,), connections=3),
    "opensmtpd": replace(BY_MESSAGE, kind=retry.SQUARES, params=(100.0,), connections=3),
    "mox": replace(BY_MESSAGE, kind=retry.DOUBLING, params=(60.0, 600.0), expires=Expiry.WHEN_THE_NEXT_IS_LATE, connections=3),
}
HARD: dict[str, Any] = {
    "silent": 0.3,
    "refusing": 0.1,
    "busy": 0.3,
    "greylisting": 0.5,
    "mailboxes": (0.1, 0.4, 1.0, 1.0),
    "outages": 1 / 2000.0,
    "outage": 400.0,
}


@pytest.mark.usefixtures("forgets_queues_however_few")
@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_what_has_left_may_be_forgotten_at_any_time_whatever_waits_is_under_way_or_was_greylisted(name):
    """40 messages to 8 next hops, forgotten every 100 s: the reference that forgets nothing has the same attempts, episodes and ends."""
    fates = replace(EASY, **HARD)
    hops = [address([Place.STRANGE, Place.STRANGE, Place.PARTNER, Place.OTHER][n % 4], n) for n in range(8)]
    die = random.Random(1)
    mail = [message(n, die.choice(hops), 25.0 * die.randrange(200), size=die.choice([50_000, 500_000])) for n in range(40)]
    acts = [(1550.0, Act(Deed.FREEZE)), (2050.0, Act(Deed.THAW)), (2550.0, Act(Deed.FORCE_RETRY)), (3050.0, Act(Deed.LIMIT, connections=9))]
    pauses = [100.0 * n for n in range(1, 200)]
    rules = replace(SCHEDULES[name], expiry=6000.0, delay_notice=900.0)
    forgetful, keeping = (Instance(rules, Listing(3, fates), mail, acts, pauses, forgets) for forgets in (True, False))
    assert not parting(forgetful)
    some, others = played(Compiled, forgetful), played(Reference, keeping)
    assert len({code for _, _, code in attempts(some)}) >= 4
    for table in ("attempts", "queues"):
        assert not first_difference(some.tables[table], others.tables[table])
    one, other = (
        {name: column[np.argsort(play.tables["messages"]["id"])] for name, column in play.tables["messages"].items()}
        for play in (some, others)
    )
    assert not first_difference(one, other)


@pytest.mark.parametrize("make", [Reference, Compiled])
def test_what_was_submitted_and_is_not_yet_accepted_is_neither_in_the_queues_nor_forgotten(make):
    transport = make(BY_QUEUE, Listing(1, EASY))
    rows = [message(1, PROVIDER, 10.0), message(2, PROVIDER, 5000.0)]
    transport.submit(Mail(*(np.array(column) for column in zip(*rows, strict=True))))
    transport.advance(1000.0)
    assert transport.queued() == 0
    numbers, left, _ = transport.release()
    assert (numbers.tolist(), (left["id"] >> 20).tolist()) == ([0], [1])
    report = transport.advance(6000.0)
    assert report.settled.tolist() == [0]  # numbered anew
    assert (transport.messages()["id"] >> 20).tolist() == [2]


@pytest.mark.parametrize("make", [Reference, Compiled])
def test_without_any_mail_there_is_nothing_to_report_and_the_tables_are_empty(make):
    transport = make(BY_QUEUE, Listing(1, EASY))
    none = np.zeros(0, dtype=np.int64)
    transport.submit(Mail(none, none, none, none, none, np.zeros(0)))
    transport.apply(Act(Deed.FREEZE))
    report = transport.advance(1000.0)
    assert [len(column) for column in (report.settled, report.late)] == [0, 0]
    assert [len(table["next_hop"]) for table in (transport.messages(), transport.attempts(), transport.queues())] == [0, 0, 0]
    assert len(transport.release()[0]) == 0


def test_more_connections_by_hand_than_were_ever_allowed_are_used_though_little_mail_has_come_before():
    """2 connections at first; 3,000 messages, more than the arrays have room for at first, come at 100 s, when 2,000 are allowed."""
    mail = [message(1, PROVIDER, 0.0), *(message(n, PROVIDER, 100.0) for n in range(2, 3002))]
    rules = replace(BY_MESSAGE, connections=2, connections_per_hop=5000)
    instance = Instance(rules, Listing(1, EASY), mail, [(50.0, Act(Deed.LIMIT, connections=2000))], until=1000.0)
    made = attempts(played(Compiled, instance))
    assert [at for at, _, _ in made] == [0.0] + [100.0] * 2000 + [110.0] * 1000
    assert not parting(instance)


# What is compiled.


PARAMS = {
    retry.INTERVALS: (3.0, 60.0, 600.0, 600.0, 900.0),
    retry.CLAMPED_AGE: (300.0, 4000.0, 300.0),
    retry.EACH_RUN: (1800.0,),
    retry.PIECES: (7200.0, 900.0, 1.0, 57600.0, 3600.0, 1.3, 345600.0, 21600.0, 1.0),
    retry.SQUARES_OF_AGE: (20.0,),
    retry.SQUARES: (400.0,),
    retry.DOUBLING: (420.0, math.inf),
}


def test_compiled_and_interpreted_retry_rules_wait_to_the_bit_as_long():
    """20,000 ages from a second to a fortnight, on the time grid."""
    machine: Any = numba.njit(retry.wait)
    rng = np.random.default_rng(1)
    accepted, age = units.grid(1e6 * rng.random(20_000)), units.grid(10.0 ** (6.1 * rng.random(20_000)))
    failures = rng.integers(1, 50, 20_000).tolist()
    for kind, params in PARAMS.items():
        array = np.array(params)
        for since, now, failed in zip(accepted.tolist(), (accepted + age).tolist(), failures, strict=True):
            assert machine(kind, array, since, now, failed) == retry.wait(kind, params, since, now, failed), (kind, since, now, failed)


@pytest.mark.parametrize("module", kernel.DECIDE)
def test_a_change_of_any_text_that_the_kernel_is_compiled_from_makes_new_machine_code(module, monkeypatch):
    """What is kept on disk is found by the kernel's own text and by the types of its arguments: one of these has a name that depends on
    all other texts. `math.floor` put for `math.ceil` changes neither byte code nor constants."""
    before = kernel._texts(*kernel.DECIDE)
    assert f"rules_{before:08x}" in (kernel.ONE.names or ())
    assert "ceil" in inspect.getsource(retry)
    text = inspect.getsource

    def as_changed(of):
        return text(of) + "# changed\n" if of is module else text(of)

    monkeypatch.setattr(inspect, "getsource", as_changed)
    assert kernel._texts(*kernel.DECIDE) != before
