"""From a `[[change]]` to what an administrator does to the queues."""

from __future__ import annotations

from sim.mail import Kind
from sim.policy.intervention import Act, Deed
from sim.scenario.schema import Change

__all__ = ["act"]


def act(change: Change) -> Act | None:
    """The act that a change means; None where it is done to no queue."""
    for deed, which in ((Deed.FREEZE, change.freeze), (Deed.THAW, change.thaw), (Deed.FORCE_RETRY, change.force_retry)):
        if which is not None:
            return Act(deed, only_in_retry=which == "retry")
    if change.delete is not None:
        kinds = frozenset({Kind.AUTOREPLY}) if change.delete == "autoreplies" else None
        return Act(Deed.DELETE, only_in_retry=change.delete == "retry", kinds=kinds, report=bool(change.dsn))
    if change.connections is not None or change.connections_per_hop is not None:
        return Act(Deed.LIMIT, connections=change.connections, connections_per_hop=change.connections_per_hop)
    return None
