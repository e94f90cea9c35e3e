"""Workload and world: all dice, thrown once."""

import itertools
from pathlib import Path

import numpy as np
import pytest

import sim
from sim import realise
from sim.mail import Code, Kind, Place, Truth
from sim.workload import Rows, join

STORY = sim.load(Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml")


def rows(scenario=STORY, seed=1, replication=0, chunk=1) -> Rows:
    world = realise.world(scenario, seed, replication)
    return join([part for _, part in realise.hours(scenario, seed, replication, world, chunk)])


def same(a: Rows, b: Rows) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in Rows.__slots__)


def test_the_workload_does_not_depend_on_chunks_and_does_on_the_seed():
    assert same(rows(), rows(chunk=24))
    assert not same(rows(), rows(seed=2))
    assert not same(rows(), rows(replication=1))


def test_times_lie_on_the_grid_in_order_and_inside_the_run():
    at = rows().at
    assert (np.diff(at) >= 0).all()
    assert ((at * 2**20) % 1 == 0).all()
    assert 0 <= at[0] <= at[-1] < STORY.horizon


def test_a_hundred_spam_messages_bring_42_to_71_sender_domains():
    # FACTS 9: the range over three corpora. The mean over 50 runs must lie in it; so must nine runs of ten.
    found = []
    for replication in range(50):
        part = rows(replication=replication)
        spam = (part.kind == Kind.SPAM) & (part.mailbox >= 0)
        found.append(len(np.unique(part.sender_domain[spam][:100])))
    assert 42 <= np.mean(found) <= 71
    assert np.mean([42 <= n <= 71 for n in found]) >= 0.9


def test_about_42_percent_of_new_sender_domains_never_answer():
    world = realise.world(STORY, 1, 0)
    fate = world.domains((Place.STRANGE << 40) + np.arange(20_000))
    hang = np.isin(fate, (Code.DNS_TIMEOUT, Code.TIMEOUT, Code.REFUSED, Code.BUSY)).mean()
    assert 0.40 <= hang <= 0.43
    assert (world.domains((Place.PROVIDER << 40) + np.arange(100)) == Code.OK).all()


def test_who_a_sender_is_agrees_with_what_its_mailbox_answers():
    world = realise.world(STORY, 1, 0)
    addresses = (Place.STRANGE << 40) + np.arange(3000)
    truth = world.senders(addresses, addresses)
    for address, what in zip(addresses.tolist(), truth.tolist(), strict=True):
        if world.domain(address) in (Code.OK, Code.GREYLISTED, Code.BUSY):
            nobody = world.mailbox(address) is Code.NO_MAILBOX
            assert nobody == (what == Truth.FORGED_DEAD)


@pytest.mark.parametrize("hours", [0, 100])
def test_a_busy_host_changes_its_state_only_at_its_edges(hours):
    world = realise.world(STORY, 1, 0)
    busy = next(d for d in range(Place.STRANGE << 40, (Place.STRANGE << 40) + 10_000) if world.domain(d) is Code.BUSY)
    states = [world.connects(busy, hours * 3600.0 + n) for n in range(3600)]
    assert set(states) <= {Code.OK, Code.BUSY}
    assert sum(a is not b for a, b in itertools.pairwise(states)) < 60
