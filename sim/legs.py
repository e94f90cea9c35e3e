"""The two legs of a message that goes through a smarthost, and what became of it in the end.

`messages`, `queues` and `attempts` of a record are our own server's; there a message that the smarthost took is delivered. The tables
`relay_messages`, `relay_queues` and `relay_attempts` are the smarthost's, and the same message has the same id in both. Where mail goes to
each domain's own host, the second three are empty and nothing here changes anything.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.mail import HERE, SMARTHOST, Kind, Outcome
from sim.record import SCHEMA, Array, Record, Table

__all__ = ["ended", "from_relay"]

_FATE = ("settled_at", "outcome", "last_code", "dsn")


def ended(record: Record) -> Table:
    """Each message once, with what became of it in the end (settled_at, outcome, last_code, dsn), whichever server had it last.

    First come the rows of `messages`, in their order; then what the smarthost wrote to the outside itself."""
    ours, theirs = record.columns("messages"), record.columns("relay_messages")
    if not len(theirs["id"]):
        return ours
    handed, row = _handed_over(ours, theirs)
    table: dict[str, Array] = {name: ours[name] for name in SCHEMA["messages"]}
    for name in _FATE:
        table[name] = table[name].copy()
        table[name][handed] = theirs[name][row[handed]]
    born = ~np.isin(theirs["id"], ours["id"])
    return {name: np.concatenate([column, theirs[name][born]]) for name, column in table.items()}


def from_relay(record: Record) -> npt.NDArray[np.bool_]:
    """Which rows of `messages` are failure and delay notices of the smarthost to our users: they came in as mail from outside.

    A notice is the smarthost's if it took the message that the notice is about before."""
    ours, theirs = record.columns("messages"), record.columns("relay_messages")
    found: npt.NDArray[np.bool_] = np.isin(ours["kind"], (Kind.FAILURE, Kind.DELAY)) & (ours["next_hop"] == HERE)
    if not len(theirs["id"]):
        return np.zeros(len(found), dtype=np.bool_)
    row, known = _rows(theirs, ours["caused_by"])
    return found & known & (theirs["accepted_at"][row] < ours["accepted_at"])


def _handed_over(ours: Table, theirs: Table) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
    """Which of our messages the smarthost took, and their rows there."""
    row, known = _rows(theirs, ours["id"])
    return known & (ours["next_hop"] == SMARTHOST) & (ours["outcome"] == Outcome.DELIVERED), row


def _rows(theirs: Table, ids: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Rows of ids in the smarthost's table, and whether they are there at all."""
    order = np.argsort(theirs["id"])
    row = order[np.minimum(np.searchsorted(theirs["id"], ids, sorter=order), len(order) - 1)]
    return row, theirs["id"][row] == ids
