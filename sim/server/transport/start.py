"""The arrays of the kernel before anything is handed over: numbers of the server and the outside, lines without messages."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np

from sim.destinations import Manner
from sim.mail import PERMANENT, Code
from sim.policy import retry
from sim.policy.retry import QueueRules
from sim.server.transport import kernel
from sim.server.transport.hops import Hops
from sim.server.transport.kernel import NONE, Array, State

__all__ = ["empty", "warm_up"]

_LINES: Final = 100  # of more than these, a heap is quicker; below 128, since a line's number is a byte


def warm_up(rules: QueueRules) -> None:
    """Read the machine code, or make it: an empty transport is played, no next hop looked up, and nobody has left."""
    Hops().numbers(np.zeros(0, dtype=np.int64), np.zeros(0, kernel.QUEUE))
    state, none = empty(rules, Manner(0, 0.0, 1.0, 0.0, tuple(0.0 for _ in Code))), np.zeros(0, dtype=np.uint8)
    kernel.play(state, 0.0)
    kernel.who_left(state.messages, NONE, np.zeros(0, dtype=np.int64), np.zeros(0), none, none)
    kernel.in_all(state.attempts, np.zeros(0), np.zeros(0))


def empty(rules: QueueRules, manner: Manner) -> State:
    """An empty transport."""
    of_rules = _of_rules(rules)
    one = of_rules.one.copy()
    for name in ("session", "bandwidth", "greylist_delay", "refuses", "throttle", "relayed"):
        one[0][name] = getattr(manner, name)
    one["key"] = np.array([manner.key], dtype=np.uint64).view(np.int64)
    spells = np.zeros(len(manner.spells), kernel.SPELL)
    for row, spell in zip(spells, manner.spells, strict=True):
        row["hop"], row["since"], row["until"], row["code"] = (
            kernel.ANY if spell.hop is None else spell.hop,
            spell.since,
            spell.until,
            spell.code,
        )
    return of_rules._replace(
        one=one,
        spells=spells,
        lengths=np.array(manner.lengths, dtype=np.float64),
        taken=np.zeros(math.ceil(manner.throttle) + 1 if math.isfinite(manner.throttle) else 1),
        lines=of_rules.lines.copy(),
        naps=of_rules.naps.copy(),
    )


@lru_cache(maxsize=64)
def _of_rules(rules: QueueRules) -> State:
    """What depends on nothing else; of what is not copied nothing is changed in place."""
    one = np.zeros(1, kernel.ONE)
    numbers: dict[str, float] = {
        "expiry": rules.expiry,
        "message_retry": rules.message_retry,
        "delay_notice": rules.delay_notice,
        "forget_after": rules.forget_after,
        "resubmit_after": rules.resubmit_after,
        "suspend_for": rules.suspend_for,
        "family": kernel.FAMILIES[rules.family],
        "kind": rules.kind,
        "expires": kernel.EXPIRIES[rules.expires],
        "connections": rules.connections,
        "per_hop": rules.connections_per_hop,
        "per_connection": rules.messages_per_connection,
        "reports": rules.reports_failures,
        "most_attempts": rules.most_attempts,
        "suspend_after": rules.suspend_after,
        "final": sum(1 << int(code) for code in PERMANENT if not rules.retries(code)),
        "glitches": sum(1 << int(code) for code in rules.glitch_on),
    }
    for name, value in numbers.items():
        one[0][name] = value
    for name in ("asking", "last_asking", "resubmits", "last_resubmit", "first_left", "last_left"):
        one[0][name] = NONE
    lines, naps = _lines(rules)
    none = np.zeros(0, np.uint32)
    return State(
        one=one,
        params=np.array(rules.params, dtype=np.float64),
        messages=np.zeros(0, kernel.MESSAGE),
        sizes=np.zeros(0, np.int32),
        pair=none,
        suspended=np.zeros(0, np.int32),
        queues=np.zeros(0, kernel.QUEUE),
        hosts=np.zeros(0, kernel.HOST),
        edges=np.zeros(0),
        counters=np.zeros(0, kernel.COUNTER),
        resubmits=np.zeros(0, kernel.RESUBMISSION),
        pairs=np.zeros(0, kernel.PAIR),
        spells=np.zeros(0, kernel.SPELL),
        listed=np.zeros(0, kernel.SPELL),
        lengths=np.zeros(0),
        taken=np.zeros(0),
        connections=np.zeros(0, kernel.CONNECTION),
        free=none,
        under_way=np.zeros(0, kernel.ENDING),
        lines=lines,
        naps=naps,
        waits=none,
        fresh=np.zeros(0, kernel.ASKING),
        due=none,
        episodes=np.zeros(0, kernel.EPISODE),
        attempts=np.zeros(0, kernel.ATTEMPT),
        late=none,
        acts=np.zeros(0, kernel.ACT),
    )


def _lines(rules: QueueRules) -> tuple[Array, Array]:
    """Lines of messages that wait alone, and of queues that sleep: one for each length that a wait may have, or for each scan; none where
    these would be many, or waits have no fixed length."""
    kind, params = rules.kind, rules.params
    waits: list[float] = []
    if kind == retry.INTERVALS:
        waits = sorted(set(params[1:]))
    elif kind == retry.DOUBLING:
        waits = sorted({retry.wait(kind, params, 0.0, 0.0, failures) for failures in range(1, 42)})
    by_queue = _line_array(waits)
    if rules.family is retry.Family.QUEUE:
        return _line_array([rules.message_retry]), by_queue
    if kind == retry.CLAMPED_AGE:
        return _line_array([math.nan] * (math.ceil(params[1] / params[2]) + 3)), _line_array([])
    if kind == retry.EACH_RUN:
        return _line_array([math.nan] * 3), _line_array([])
    return by_queue, _line_array([])


def _line_array(waits: list[float]) -> Array:
    waits = waits if len(waits) <= _LINES else []
    lines = np.zeros(len(waits), kernel.LINE)
    lines["wait"], lines["at"], lines["head"], lines["tail"] = waits, math.inf, NONE, NONE
    return lines
