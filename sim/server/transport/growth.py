"""Room in the arrays of the kernel: the same state, where there was too little of it with larger arrays."""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.policy import retry
from sim.policy.retry import QueueRules
from sim.server.transport import kernel
from sim.server.transport.kernel import Array, State

__all__ = ["for_connections", "for_logs", "for_messages", "grown", "scratch"]

_ROOM: Final = 1024  # the least that an array grows to


def grown(array: Array, count: int) -> Array:
    """The same with room for `count` elements, and then some."""
    if count <= len(array):
        return array
    found = np.zeros(max(_ROOM, count, len(array) * 3 // 2), array.dtype)
    found[: len(array)] = array
    return found


def for_messages(state: State, rules: QueueRules, count: int) -> State:
    """For `count` messages, and what they need besides."""
    if count <= len(state.messages):
        return state
    messages = grown(state.messages, count)
    left = grown(state.left, len(messages))
    late = grown(state.late, len(messages))
    waits = state.waits
    if rules.kind not in (retry.INTERVALS, retry.DOUBLING, retry.CLAMPED_AGE, retry.EACH_RUN):
        waits = grown(state.waits, max(len(messages), len(state.queues)))
    state = state._replace(messages=messages, left=left, late=late, waits=waits)
    return scratch(for_connections(state, rules.connections))


def for_connections(state: State, limit: int) -> State:
    """For up to `limit` connections; no more are open than there are messages."""
    had, wanted = len(state.connections), min(limit, len(state.messages))
    if wanted <= had:
        return state
    connections = np.zeros(wanted, kernel.CONNECTION)
    connections[:had] = state.connections
    free, under_way = np.zeros(wanted, np.int32), np.zeros(wanted, np.int32)
    one = state.one[0]
    count = int(one["free"])
    free[:count] = state.free[:count]
    free[count : count + wanted - had] = np.arange(had, wanted)
    one["free"] = count + wanted - had
    under_way[:had] = state.under_way
    return state._replace(connections=connections, free=free, under_way=under_way)


def scratch(state: State) -> State:
    """For what the kernel puts down while it plays."""
    room = max(len(state.messages), len(state.queues), len(state.connections))
    if room > len(state.due):
        state = state._replace(due=np.zeros(room, np.int32))
    if len(state.waits) and len(state.waits) < room:
        state = state._replace(waits=grown(state.waits, room))
    return state


def for_logs(state: State) -> State:
    """For more attempts and episodes."""
    one = state.one[0]
    attempts = int(one["made"]) + len(state.connections) + _ROOM
    episodes = int(one["episodes"]) + len(state.queues) + len(state.connections) + _ROOM
    return state._replace(attempts=grown(state.attempts, attempts), episodes=grown(state.episodes, episodes))
