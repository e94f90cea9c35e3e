"""The transport against theory: laws that hold on any sample path, and closed forms.

Tolerances are set beforehand: from the standard error that theory gives where it gives one, else from independent runs; four standard
errors, so that a true model fails once in 16,000 times. Each closed form has a twin that is wrong in one thing and must fail its check.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import sim
from sim import realise
from sim.mail import HERE, Code, Kind, Outcome
from sim.measures import Steps
from sim.policy.retry import DOUBLING, INTERVALS, Expiry, Family, QueueRules
from sim.record import Record
from sim.server.transport import Message
from sim.server.transport.processes import Transport
from sim.units import grid


def rules(**change) -> QueueRules:
    values: dict[str, Any] = {
        "family": Family.QUEUE,
        "kind": INTERVALS,
        "params": (0.0, 60.0, 600.0),
        "glitch_on": frozenset(),
        "message_retry": 600.0,
        "expiry": 1e7,
        "expires": Expiry.TIMER,
        "delay_notice": 1e7,
        "forget_after": 180.0,
        "connections": 100_000,
        "connections_per_hop": 100_000,
        "messages_per_connection": 20,
        "reports_failures": False,
    } | change
    return QueueRules(**values)


class Outside:
    """Every attempt takes the seconds drawn for its message, and meets the code drawn for its attempt."""

    def __init__(self, seconds: np.ndarray, connects: Callable[[], Code] = lambda: Code.OK, accepts: Callable[[], Code] = lambda: Code.OK):
        self.lengths = np.maximum(grid(seconds), 0.001).tolist()
        self.opened, self.accepted = connects, accepts

    def connects(self, hop: int, now: float) -> Code:
        return self.opened()

    def accepts(self, hop: int, recipient: int, met: float, now: float) -> Code:
        return self.accepted()

    def seconds(self, hop: int, code: Code, message: int, attempt: int, opens: bool, size: int) -> float:
        return self.lengths[message]


def played(at: np.ndarray, outside: Outside, until: float, **change) -> Transport:
    """Messages at these times, each to a next hop of its own."""
    world: Any = outside  # the transport asks a world three things only
    transport = Transport(rules(**change), world)
    transport.submit(Message(n, 1, 2, n, 1000, when) for n, when in enumerate(grid(at).tolist()))
    transport.advance(until)
    return transport


# Little's law on the sample path: the mean number there, times the length of the run, is the sum of the times spent there. Exact, so 1e-9.


@cache
def record(policy: str, *settings: str) -> Record:
    return sim.run(sim.load("sbs_2003", settings), policy)


RUNS = [
    ("external", ()),
    ("internal-only", ()),
    ("external", ("server.connections=2",)),
    ("external", ("server.expiry=6 h", "server.delay_notice=2 h", "spam.unresolvable=46 %")),
    ("external", ("server.profile=postfix", "server.connections=20")),
    ("partners-only", ("world.outages=1/hop/week", "world.outage=4 h")),
]


@pytest.mark.parametrize(("policy", "settings"), RUNS)
def test_littles_law_holds_for_the_messages_in_the_queues_all_together_and_to_each_next_hop(policy, settings):
    found = record(policy, *settings)
    m, end = found.columns("messages"), found.run.horizon
    carried = (m["next_hop"] != HERE) & (m["accepted_at"] < end)
    hops = np.unique(m["next_hop"][carried])
    assert len(hops) > 3
    for which in [carried, *(carried & (m["next_hop"] == hop) for hop in hops[:: max(1, len(hops) // 25)])]:
        spent = np.fmin(m["settled_at"][which], end) - m["accepted_at"][which]
        there = Steps.of(m["accepted_at"][which], m["settled_at"][which])
        assert there.mean(end) * end == pytest.approx(spent.sum(), rel=1e-9)


@pytest.mark.parametrize(("policy", "settings"), RUNS)
def test_littles_law_holds_for_the_connections_and_for_the_hung_autoreplies(policy, settings):
    found = record(policy, *settings)
    a, m, end = found.columns("attempts"), found.columns("messages"), found.run.horizon
    begun = a["at"] < end
    ends = np.minimum(a["at"] + a["seconds"], end)[begun]
    open_connections = Steps.of(a["at"][begun], np.where(ends < end, ends, np.nan))
    assert open_connections.mean(end) * end == pytest.approx((ends - a["at"][begun]).sum(), rel=1e-9)
    hung = (m["kind"] == Kind.AUTOREPLY) & (m["next_hop"] != HERE) & ~np.isnan(m["deferred_at"])
    waited = (np.fmin(m["settled_at"][hung], end) - m["deferred_at"][hung]).sum()
    assert sim.measures.View(found).here.hung.mean(end) * end == pytest.approx(waited, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("policy", "settings"), [RUNS[0], RUNS[2], RUNS[4]])
def test_littles_law_holds_for_what_the_live_queues_hold_and_not_only_for_what_the_record_says(policy, settings):
    # the transport is stopped before every change, and its queues and open connections are counted
    found, scenario = record(policy, *settings), sim.load("sbs_2003", settings)
    m, a, end = found.columns("messages"), found.columns("attempts"), found.run.horizon
    carried = (m["next_hop"] != HERE) & (m["accepted_at"] < end)
    transport = Transport(scenario.queue_rules(), realise.world(scenario, found.run.seed, found.run.replication))
    columns = (m[name][carried].tolist() for name in ("id", "sender", "recipient", "next_hop", "size", "accepted_at"))
    transport.submit(Message(*values) for values in zip(*columns, strict=True))
    changes = np.unique(np.concatenate([m["accepted_at"][carried], m["settled_at"][carried], a["at"], a["at"] + a["seconds"], [end]]))
    messages, connections, before = 0.0, 0.0, 0.0
    for now in changes[(changes > 0) & (changes <= end)].tolist():
        transport.advance(now)
        messages += transport.queued() * (now - before)
        connections += transport.open * (now - before)
        before = now
    assert messages == pytest.approx((np.fmin(m["settled_at"][carried], end) - m["accepted_at"][carried]).sum(), rel=1e-9)
    assert connections == pytest.approx((np.minimum(a["at"] + a["seconds"], end) - a["at"]).sum(), rel=1e-9)


# M/M/c: Poisson messages, exponential sessions, a limit of c connections (Erlang 1917).

ARRIVALS, SESSION = 0.12, 20.0  # a second; mean seconds: an offered load of 2.4 connections
LOAD = ARRIVALS * SESSION
RUNS_OF_MMC, LENGTH, WARM = 24, 60_000.0, 4_000.0  # some 7,000 messages a run; WARM is cut from what is measured


def erlang_c(servers: int, load: float) -> float:
    """The probability that a message must wait for a connection."""
    blocked = 1.0  # Erlang B, by its recursion
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return servers * blocked / (servers - load * (1.0 - blocked))


RETRIES: dict[Family, dict[str, Any]] = {
    Family.QUEUE: {},
    Family.MESSAGE: {"family": Family.MESSAGE, "kind": DOUBLING, "params": (60.0, 600.0), "expires": Expiry.AT_FAILED_ATTEMPT},
}


def mmc(seed: int, connections: int, family: Family) -> tuple[float, float, float]:
    """Mean wait in seconds, share that waits, mean number of open connections."""
    rng = np.random.default_rng(seed)
    at = np.cumsum(rng.exponential(1 / ARRIVALS, int(1.1 * ARRIVALS * LENGTH)))
    at = at[at < LENGTH]
    transport = played(at, Outside(rng.exponential(SESSION, len(at))), LENGTH + 3600.0, connections=connections, **RETRIES[family])
    waits = np.array([m.wait_seconds for m in transport.messages if m.accepted_at >= WARM])
    spans = np.array([(start, start + seconds) for _, start, _, _, seconds in transport.attempts])
    inside = np.clip(spans, WARM, LENGTH)
    return float(waits.mean()), float((waits > 0).mean()), float((inside[:, 1] - inside[:, 0]).sum() / (LENGTH - WARM))


@cache
def means_of_mmc(connections: int, family: Family = Family.QUEUE) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard error over independent runs of what `mmc` gives."""
    found = np.array([mmc(seed, connections, family) for seed in range(RUNS_OF_MMC)])
    return found.mean(axis=0), found.std(axis=0, ddof=1) / math.sqrt(RUNS_OF_MMC)


def expected(servers: int) -> np.ndarray:
    waits = erlang_c(servers, LOAD)
    return np.array([waits * SESSION / (servers - LOAD), waits, LOAD])


def test_erlangs_formula_gives_the_values_of_its_tables():
    # one server: the load itself; three at a load of 2.4: B = 0.2684, C = 0.6472 (by hand: B1 = 12/17, B2 = 144/314, B3 = 0.26840)
    assert erlang_c(1, 0.7) == pytest.approx(0.7)
    assert erlang_c(3, 2.4) == pytest.approx(0.6472, abs=5e-5)


@pytest.mark.parametrize("family", Family)
def test_waits_for_a_connection_are_erlangs_whoever_retries(family):
    mean, error = means_of_mmc(3, family)
    assert (np.abs(mean - expected(3)) <= 4 * error).all(), (mean, expected(3), error)
    assert (4 * error <= 0.12 * expected(3)).all()  # and the check is sharp: the twin's wait is six times shorter


def test_a_server_with_one_connection_more_fails_that_check():
    mean, error = means_of_mmc(4)
    wrong = np.abs(mean - expected(3)) > 4 * error
    assert wrong[:2].all()
    assert not wrong[2]  # the load is the same, whoever carries it
    assert (np.abs(mean - expected(4)) <= 4 * error).all()


# M/G/infinity: no limit. Looked at long enough after the beginning, the number of open connections is Poisson with the offered load as its
# mean, whatever the distribution of their lengths, if none is longer than the time between two looks: then looks are independent.

GAP, LOOKS, RATE, MEAN = 130.0, 2000, 0.25, 40.0
LENGTHS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "always 40 s": lambda rng, n: np.full(n, 40.0),
    "even from 1 to 79 s": lambda rng, n: rng.uniform(1, 79, n),
    "10 s, or one in four 130 s": lambda rng, n: np.where(rng.random(n) < 0.25, 130.0, 10.0),
}


def looks(lengths: Callable[[np.random.Generator, int], np.ndarray], seed: int, connections: int = 100_000) -> np.ndarray:
    """Open connections at the looks."""
    rng, end = np.random.default_rng(seed), GAP * (LOOKS + 2)
    at = np.cumsum(rng.exponential(1 / RATE, int(1.1 * RATE * end)))
    at = at[at < end]
    transport = played(at, Outside(lengths(rng, len(at))), end, connections=connections)
    spans = np.array([(start, start + seconds) for _, start, _, _, seconds in transport.attempts])
    return Steps.of(spans[:, 0], spans[:, 1]).before(np.linspace(2 * GAP, GAP * (LOOKS + 1), LOOKS))


def poisson(counts: np.ndarray, load: float) -> bool:
    """Are mean and variance those of a Poisson variable, within four standard errors? That of the variance of n: (load + 2 load^2) / n."""
    near = abs(counts.mean() - load) <= 4 * math.sqrt(load / len(counts))
    return bool(near and abs(counts.var(ddof=1) - load) <= 4 * math.sqrt((load + 2 * load**2) / len(counts)))


@pytest.mark.parametrize("name", LENGTHS)
def test_without_a_limit_the_open_connections_are_poisson_whatever_their_lengths(name):
    assert poisson(looks(LENGTHS[name], seed=1), RATE * MEAN)


def test_a_limit_or_longer_sessions_fail_that_check():
    assert not poisson(looks(LENGTHS["always 40 s"], seed=1, connections=13), RATE * MEAN)  # one standard deviation above the mean
    assert not poisson(looks(lambda rng, n: np.full(n, 44.0), seed=1), RATE * MEAN)


# Expiry: a next hop that answers each attempt with probability p, by itself. With k attempts within a lifetime a message expires with
# (1 - p)^k, and it takes (1 - (1 - p)^k) / p attempts in the mean: a geometric distribution cut at k.

P, MESSAGES, TAKES, WAIT, LIFETIME = 0.2, 8_000, 5.0, 600.0, 7_000.0
K = math.ceil(LIFETIME / (TAKES + WAIT))  # attempts at 0, 605, 1210, ...: the last one begins before the lifetime is over


def geometric(refuses_connections: bool, lifetime: float = LIFETIME, seed: int = 1) -> tuple[float, float]:
    """The share that expires, and the mean number of attempts."""
    rng = np.random.default_rng(seed)

    def answers(bad: Code) -> Callable[[], Code]:
        return lambda: Code.OK if rng.random() < P else bad

    calls = {"connects": answers(Code.TIMEOUT)} if refuses_connections else {"accepts": answers(Code.GREYLISTED)}
    outside = Outside(np.full(MESSAGES, TAKES), **calls)
    transport = played(np.arange(MESSAGES) * 0.5, outside, 1e5, expiry=lifetime)
    assert {m.outcome for m in transport.messages} == {Outcome.DELIVERED, Outcome.EXPIRED}
    expired = np.mean([m.outcome is Outcome.EXPIRED for m in transport.messages])
    return float(expired), float(np.mean([m.attempts for m in transport.messages]))


def is_geometric(found: tuple[float, float], attempts: int) -> bool:
    """Within four standard errors of theory: a binomial share, and a geometric number cut at `attempts`."""
    q = 1.0 - P
    share, mean = q**attempts, (1.0 - q**attempts) / P
    second = sum((2 * n + 1) * q**n for n in range(attempts))  # E[N^2] = sum over n of (2 n + 1) P(N > n)
    errors = math.sqrt(share * (1 - share) / MESSAGES), math.sqrt((second - mean**2) / MESSAGES)
    return abs(found[0] - share) <= 4 * errors[0] and abs(found[1] - mean) <= 4 * errors[1]


@pytest.mark.parametrize("refuses_connections", [True, False])
def test_a_message_expires_as_often_as_independent_attempts_all_fail(refuses_connections):
    assert K == 12
    assert is_geometric(geometric(refuses_connections), K)


def test_a_lifetime_of_one_attempt_more_or_less_fails_that_check():
    for longer in (-1, 1):
        found = geometric(True, LIFETIME + longer * (TAKES + WAIT))
        assert not is_geometric(found, K)
        assert is_geometric(found, K + longer)
