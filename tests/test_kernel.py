"""The compiled transport plays what the reference plays, to the bit.

KERNEL_EXAMPLES=20000 in the environment looks further; without it 2,000 instances are drawn, the same each time.
"""

import math
import os
import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.counted import Counted
from sim.mail import Code, Kind, Place, address
from sim.policy import retry
from sim.policy.retry import Expiry, Family, QueueRules
from sim.server.transport import compiled
from sim.server.transport.columns import Reference
from sim.server.transport.families import QueueRetries
from sim.world import FULL, Fates, Spell
from tests import both_engines
from tests.both_engines import ACTS, Instance, Listing, parting, played

MORE = int(os.environ.get("KERNEL_EXAMPLES", "0"))
FUZZ = settings(
    max_examples=MORE or 2000,
    derandomize=not MORE,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


# --- instances ------------------------------------------------------------------------------------------

TIMES = st.one_of(st.integers(0, 40).map(lambda n: 50.0 * n), st.sampled_from([1.0, 2.0, 10.0, 300.0, 601.0, 610.0, 1201.0, 1210.0]))
SCHEDULES: list[tuple[int, tuple[float, ...]]] = [
    (retry.INTERVALS, (2.0, 60.0, 600.0, 600.0, 900.0)),
    (retry.INTERVALS, (0.0, 60.0, 300.0)),
    (retry.CLAMPED_AGE, (300.0, 4000.0, 300.0)),
    (retry.CLAMPED_AGE, (100.0, 500.0, 50.0)),
    (retry.EACH_RUN, (600.0,)),
    (retry.PIECES, (7200.0, 900.0, 1.0, 57600.0, 3600.0, 1.5)),
    (retry.SQUARES_OF_AGE, (20.0,)),
    (retry.SQUARES, (100.0,)),
    (retry.DOUBLING, (60.0, 600.0)),
    (retry.DOUBLING, (50.0, math.inf)),
]
CODES = [Code.OK, Code.GREYLISTED, Code.NO_MAILBOX, Code.TIMEOUT, Code.BUSY, Code.NXDOMAIN, Code.NULL_MX, Code.REFUSED]


@st.composite
def rules(draw) -> QueueRules:
    kind, params = draw(st.sampled_from(SCHEDULES))
    by_queue = kind in (retry.INTERVALS, retry.PIECES) and draw(st.booleans())
    return QueueRules(
        family=Family.QUEUE if by_queue else Family.MESSAGE,
        kind=kind,
        params=params,
        glitch_on=draw(st.sampled_from([frozenset(), frozenset({Code.BUSY, Code.TIMEOUT})])),
        message_retry=draw(st.sampled_from([60.0, 300.0, 600.0])),
        expiry=draw(st.sampled_from([600.0, 1200.0, 1210.0, 6000.0])),
        expires=draw(st.sampled_from([Expiry.TIMER, Expiry.AT_FAILED_ATTEMPT] if by_queue else list(Expiry))),
        delay_notice=draw(st.sampled_from([math.inf, 300.0, 601.0])),
        forget_after=draw(st.sampled_from([0.0, 180.0])),
        connections=draw(st.sampled_from([1, 2, 3, 1000])),
        connections_per_hop=draw(st.sampled_from([1, 2, 1000])),
        messages_per_connection=draw(st.integers(1, 3)),
        reports_failures=draw(st.booleans()),
        most_attempts=draw(st.sampled_from([0, 0, 2])),
        resubmit_after=draw(st.sampled_from([math.inf, 1200.0, 1500.0])) if by_queue else math.inf,
        nxdomain_retries=draw(st.booleans()),
        null_mx_retries=draw(st.booleans()),
        suspend_for=0.0 if by_queue else draw(st.sampled_from([0.0, 60.0, 300.0])),
        suspend_after=draw(st.integers(1, 2)),
    )


@st.composite
def instances(draw) -> Instance:
    chosen = draw(rules())
    hops = draw(st.integers(1, 4))
    count = draw(st.integers(1, 12))
    counted = draw(st.booleans())
    key = draw(st.integers(0, 200))
    places = [Place.STRANGE, Place.STRANGE, Place.PARTNER, Place.PROVIDER, Place.TARGET]
    codes = list(range(hops)) if counted else [address(places[(key + n) % 5], n) for n in range(hops)]
    mail = []
    for n in range(count):
        number = draw(st.integers(0, hops - 1))
        kind, sender = draw(st.sampled_from([(Kind.OUTBOUND, 1), (Kind.AUTOREPLY, 2), (Kind.FAILURE, -1)]))
        recipient = (
            (codes[number] >> 40 << 40) + number * 8 + draw(st.integers(0, 2)) + (FULL if codes[number] >> 40 == Place.TARGET else 0)
        )
        size = draw(st.sampled_from([50_000, 500_000, 1_050_000]))
        mail.append((draw(st.integers(0, 30)) << 20 | n << 4 | kind, sender, recipient, codes[number], size, draw(TIMES)))
    if counted:
        last, ends = [draw(st.integers(1, 5)) for _ in codes], [draw(st.sampled_from(CODES)) for _ in codes]
        meets, lengths = [draw(st.sampled_from(CODES[3:])) for _ in codes], [draw(st.sampled_from([1.0, 10.0, 50.0])) for _ in codes]
        outside: Counted | Listing = Counted(last, meets, ends, lengths)
    else:
        spans = draw(st.sampled_from([[], [(0, 100.0, 700.0)], [(0, 0.0, 50.0), (1, 600.0, 1200.0)]]))
        outside = draw(worlds(key, spans))
    acts = [(draw(TIMES), draw(ACTS)) for _ in range(draw(st.integers(0, 4)))]
    return Instance(chosen, outside, mail, acts, draw(st.lists(TIMES, max_size=3)), draw(st.booleans()))


@st.composite
def worlds(draw, key: int, spans: list[tuple[int, float, float]]) -> Listing:
    """Attempts that are answered last as long as the message is large, so that many end together."""
    fates = Fates(
        unresolvable=0.2,
        nxdomain=0.5,
        silent=0.25,
        refusing=0.15,
        busy=draw(st.sampled_from([0.1, 0.5])),
        mailboxes=(0.2, 0.4, 0.9, 0.95),
        greylisting=draw(st.sampled_from([0.0, 0.5])),
        greylist_delay=draw(st.sampled_from([300.0, 601.0])),
        outages=1 / 2000.0,
        outage=400.0,
        busy_spell=draw(st.sampled_from([500.0, 3000.0])),
        session=draw(st.sampled_from([0.0, 2.0])),
        connect_timeout=21.0,
        dns_timeout=draw(st.sampled_from([10.0, 21.0])),
        null_mx=0.1,
        several=0.5,
        addresses=2,
        first_dead=0.5,
        tried=draw(st.integers(1, 2)),
        for_good=0.5,
    )
    spells = draw(
        st.sampled_from([(), (Spell(None, 50.0, 700.0, Code.DNS_TIMEOUT),), (Spell(address(Place.PARTNER, 0), 0.0, 610.0, Code.REFUSED),)])
    )
    return Listing(key, fates, spells, spans)


@pytest.fixture(autouse=True, scope="module")
def _forgets_queues_however_few() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "_FEW", 1)
        yield


@FUZZ
@given(instances())
def test_both_play_the_same_whatever_the_rules_the_outside_and_the_administrators_hand(instance):
    difference = parting(instance)
    assert not difference, difference


# What the fuzz says when it finds something.


def test_an_instance_is_written_as_python_that_makes_it_again():
    @settings(max_examples=20, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(instances())
    def check(instance):
        again = eval(repr(instance), vars(both_engines))
        assert again == instance
        assert both_engines.events(played(Reference, again).tables) == both_engines.events(played(Reference, instance).tables)

    check()


def test_a_difference_is_told_by_its_first_event_and_by_the_smallest_instance_that_can_be_played_again(monkeypatch):
    """The reference is broken on purpose: on Exchange a message that failed to connect goes to the tail."""

    def to_the_tail(self, queue, message):
        message.ready_since = self.transport.env.now
        queue.ready.append(message)

    monkeypatch.setattr(QueueRetries, "again", to_the_tail)
    broken = settings(max_examples=500, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))

    @broken
    @given(instances())
    def check(instance):
        difference = parting(instance)
        assert not difference, difference

    with pytest.raises(AssertionError) as failure:
        check()
    said = str(failure.value)
    notes = "\n".join(failure.value.__notes__)
    assert re.match(r"the kernel has: at [\d.]+ s attempt with message \d+ to next hop \d+: \w+, [\d.]+ s", said)
    assert "the reference has: at " in said
    assert "both before: at " in said
    written = re.search(r"    instance=(Instance\(.*),\n\)", notes, re.DOTALL)
    assert written is not None, notes
    smallest = eval(written[1], vars(both_engines))
    assert smallest.rules.family is Family.QUEUE
    assert len(smallest.mail) == 2  # the failing one, and one that it should not have been put behind
    assert said.splitlines()[0] == parting(smallest).splitlines()[0]
    monkeypatch.undo()
    assert not parting(smallest)
