"""What the kernel forgets in a run that tallies: messages that have left, and queues that are empty and remember nothing.

What stays moves to the front of its array, in the same order, and whatever is linked by number gets its new number. To be called between
two advances.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.policy import retry
from sim.policy.retry import QueueRules
from sim.server.transport import kernel
from sim.server.transport.kernel import NONE, Array, State

__all__ = ["forget_messages", "forget_queues", "idle"]

Bools = npt.NDArray[np.bool_]


def forget_messages(state: State, rules: QueueRules, stays: Bools) -> None:
    """Forget messages but for these, and the log of attempts. stays: bool[n] of all that were submitted; who has not left stays."""
    one, number = state.one[0], _numbers(stays)
    kept = state.messages[: len(stays)].compress(stays)
    _renumber(kept, ("prev", "next"), number, (kept["place"] == kernel.READY) | ((kept["place"] == kernel.ALONE) & _in_line(kept)))
    for ends in (state.queues, state.lines):
        _renumber(ends, ("head", "tail"), number)
    _renumber(state.under_way[: int(one["under_way"])], ("message",), number)
    if rules.family is retry.Family.MESSAGE:
        _renumber_waits(state, number)
    for name in ("accepted", "expiring", "delaying"):
        one[name] = stays[: int(one[name])].sum()
    _put(state.messages, kept, len(stays))
    for column in (state.sizes, state.pair, state.suspended):
        if len(column):
            column[: len(kept)] = column[: len(stays)][stays]
    one["submitted"], one["left"], one["late"], one["made"] = len(kept), 0, 0, 0


def idle(state: State, rules: QueueRules, count: int) -> Bools:
    """Which of the queues would be the same if they were set up anew: bool[count]. None where they count their connections, while mail is
    on its way to them, or where a new queue would be frozen and these are not."""
    one, rows = state.one[0], state.queues[:count]
    if one["counting"] or one["accepted"] < one["submitted"] or one["frozen"]:
        return np.zeros(count, dtype=np.bool_)
    empty = kernel.EXISTS | kernel.EMPTIED
    found: Bools = (rows["flags"] & (empty | kernel.ASLEEP | kernel.ICED | kernel.ASKS)) == empty
    found &= rows["since"] + rules.forget_after <= one["now"]
    if rules.family is retry.Family.MESSAGE:
        found &= rows["when"] <= one["now"]  # dead no more
    return found


def forget_queues(state: State, rules: QueueRules, stays: Bools) -> State:
    """Forget queues but for these. stays: bool[n] of all that were set up; who is not idle stays."""
    one, number = state.one[0], _numbers(stays)
    kept = state.queues[: len(stays)].compress(stays)
    _renumber(kept, ("prev", "next"), number, _in_line(kept) | ((kept["flags"] & kernel.ASKS) != 0))
    _renumber(state.naps, ("head", "tail"), number)
    for name in ("asking", "last_asking", "resubmits", "last_resubmit"):
        one[name] = _renumbered(one[name], number)
    if rules.family is retry.Family.QUEUE:
        _renumber_waits(state, number)
    if len(state.resubmits):
        entries = state.resubmits[: len(stays)].compress(stays)
        _renumber(entries, ("prev", "next"), number, np.isfinite(entries["at"]))
        _put(state.resubmits, entries, len(stays))
    _renumber(state.messages[: int(one["submitted"])], ("queue",), number)
    hosts = state.hosts[: len(stays)].compress(stays)
    first = np.cumsum(hosts["edges"]) - hosts["edges"]
    edges = state.edges[np.repeat(hosts["edge"] - first, hosts["edges"]) + np.arange(hosts["edges"].sum())]
    hosts["edge"] = first
    _put(state.hosts, hosts, len(stays))
    _put(state.queues, kept, len(stays))
    return state._replace(edges=edges)


def _in_line(items: Array) -> Bools:
    """Which wait in a line; in a heap, `prev` is a place."""
    found: Bools = items["line"] < kernel.IN_HEAP
    return found


def _put(array: Array, kept: Array, count: int) -> None:
    """At the front, where there were `count`."""
    array[: len(kept)] = kept
    array[len(kept) : count] = 0


def _numbers(stays: Bools) -> Array:
    """The new number of each that stays; and, as the last, NONE."""
    return np.append(np.cumsum(stays) - 1, NONE).astype(np.uint32)


def _renumber(items: Array, links: tuple[str, ...], number: Array, which: Bools | slice = slice(None)) -> None:
    """What these items are linked to."""
    for name in links:
        items[name][which] = _renumbered(items[name][which], number)


def _renumber_waits(state: State, number: Array) -> None:
    waits = state.waits[: int(state.one[0]["waits"])]
    waits[:] = _renumbered(waits, number)


def _renumbered(links: Array, number: Array) -> Array:
    """By their new numbers; NONE stays NONE."""
    return number[np.minimum(links, len(number) - 1)]
