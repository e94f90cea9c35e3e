"""What stands in the outbound queues of a server, over time: of our own, or of the smarthost that relays for it.

Every function takes the tables `messages` and `queues` of one server (`relay_messages` and `relay_queues` of the other); nothing is
sampled, the counts follow from the times in the tables.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.counts import Steps
from sim.mail import HERE, Kind
from sim.record import Table
from sim.units import Seconds

__all__ = ["autoreplies", "drained_after", "hung", "in_retry_with_autoreply"]


def autoreplies(messages: Table) -> npt.NDArray[np.bool_]:
    """Which messages are autoreplies to the outside."""
    found: npt.NDArray[np.bool_] = (messages["kind"] == Kind.AUTOREPLY) & (messages["next_hop"] != HERE)
    return found


def hung(messages: Table) -> Steps:
    """Autoreplies that have been deferred and still wait."""
    which = autoreplies(messages) & ~np.isnan(messages["deferred_at"])
    return Steps.of(messages["deferred_at"][which], messages["settled_at"][which])


def in_retry_with_autoreply(messages: Table, queues: Table) -> Steps:
    """Next hops in Retry that hold at least one autoreply."""
    m, q = messages, queues
    if not len(q["next_hop"]):
        return Steps.of(np.zeros(0), np.zeros(0))
    which = np.flatnonzero(autoreplies(m))
    which = which[np.isin(m["next_hop"][which], q["next_hop"])]
    held: dict[int, list[tuple[float, float]]] = {}
    order = which[np.argsort(m["accepted_at"][which], kind="stable")]
    settled = m["settled_at"][order]
    ends = np.where(np.isnan(settled), np.inf, settled)
    for hop, since, until in zip(m["next_hop"][order].tolist(), m["accepted_at"][order].tolist(), ends.tolist(), strict=True):
        spans = held.setdefault(hop, [])
        if spans and since <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(until, spans[-1][1]))
        else:
            spans.append((since, until))
    starts, stops = [], []
    untils = np.where(np.isnan(q["until"]), np.inf, q["until"])
    for hop, since, until in zip(q["next_hop"].tolist(), q["since"].tolist(), untils.tolist(), strict=True):
        for begin, end in held.get(hop, ()):
            if max(since, begin) < min(until, end):
                starts.append(max(since, begin))
                stops.append(min(until, end))
    stop = np.array(stops, dtype=np.float64)
    return Steps.of(np.array(starts, dtype=np.float64), np.where(np.isinf(stop), np.nan, stop))


def drained_after(messages: Table, off: Seconds) -> Seconds:
    """From a switch-off until the last autoreply that hung then leaves; NaN if none hung, or one never leaves."""
    m = messages
    hanging = autoreplies(m) & ~np.isnan(m["deferred_at"]) & (m["accepted_at"] < off) & ~(m["settled_at"] <= off)
    return float(m["settled_at"][hanging].max() - off) if hanging.any() else float("nan")
