"""Room in the arrays of the kernel: the same state, where there was too little of it with larger arrays."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from sim.policy import retry
from sim.policy.retry import QueueRules
from sim.server.transport import kernel
from sim.server.transport.kernel import Array, State

__all__ = ["for_connections", "for_logs", "for_messages", "for_queues", "grown", "scratch"]

_ROOM: Final = 1024  # the least that an array grows to
_LINE: Final = 64  # bytes of a line of cache
_MUCH: Final = 500_000  # the most attempts in one array


def grown(array: Array, count: int) -> Array:
    """The same with room for `count` elements, and then some."""
    if count <= len(array):
        return array
    found = _zeros(max(_ROOM, count, len(array) * 3 // 2), array.dtype)
    found.view(np.uint8)[: array.nbytes] = array.view(np.uint8)  # numpy copies structures one by one, but bytes in one piece
    return found


def _zeros(count: int, dtype: np.dtype[Any]) -> Array:
    """An empty array that begins with a line of cache."""
    room = np.zeros(count * dtype.itemsize + _LINE, np.uint8)
    first = -room.ctypes.data % _LINE
    return room[first : first + count * dtype.itemsize].view(dtype)


def for_messages(state: State, rules: QueueRules, count: int) -> State:
    """For `count` messages, and what they need besides."""
    if count <= len(state.messages):
        return state
    messages = grown(state.messages, count)
    sizes = grown(state.sizes, len(messages))
    late = grown(state.late, len(messages)) if rules.delay_notice < math.inf else state.late
    suspended = grown(state.suspended, len(messages)) if rules.suspend_for > 0.0 else state.suspended
    waits = state.waits
    if not len(state.naps if rules.family is retry.Family.QUEUE else state.lines):
        waits = grown(state.waits, max(len(messages), len(state.queues)))
    state = state._replace(messages=messages, sizes=sizes, suspended=suspended, late=late, waits=waits)
    return scratch(for_connections(state, rules.connections))


def for_queues(state: State, rules: QueueRules, count: int, *, counted: bool) -> State:
    """For `count` queues, and what they need besides: a counter each, if they are counted, else what is known of the host."""
    if count <= len(state.queues):
        return state
    queues = grown(state.queues, count)
    state = state._replace(queues=queues, fresh=grown(state.fresh, len(queues)))
    if counted:
        state = state._replace(counters=grown(state.counters, len(queues)))
    else:
        state = state._replace(hosts=grown(state.hosts, len(queues)))
    if rules.resubmit_after < math.inf:
        state = state._replace(resubmits=grown(state.resubmits, len(queues)))
    return scratch(state)


def for_connections(state: State, limit: int) -> State:
    """For up to `limit` connections; no more are open than there are messages."""
    had, wanted = len(state.connections), min(limit, len(state.messages))
    if wanted <= had:
        return state
    connections = np.zeros(wanted, kernel.CONNECTION)
    connections[:had] = state.connections
    free, under_way = np.zeros(wanted, np.uint32), np.zeros(wanted, kernel.ENDING)
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
        state = state._replace(due=np.zeros(room, np.uint32))
    if len(state.waits) and len(state.waits) < room:
        state = state._replace(waits=grown(state.waits, room))
    return state


def for_logs(state: State) -> State:
    """For more attempts or episodes, whichever have not the room that an instant may need. Attempts have an empty array then: whoever wants
    the ones so far keeps the array that there was."""
    one = state.one[0]
    attempts, episodes = len(state.attempts), int(one["episodes"]) + len(state.queues) + len(state.connections)
    if int(one["made"]) + len(state.connections) > attempts:
        room = min(_MUCH, max(2 * attempts, 32 * len(state.messages), _ROOM))
        state = state._replace(attempts=np.empty(room + len(state.connections), kernel.ATTEMPT))
        one["made"] = 0
    return state._replace(episodes=grown(state.episodes, episodes))
