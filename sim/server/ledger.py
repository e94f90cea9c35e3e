"""What a run leaves: notes taken while it is played, and the record made of them at the end.

The host notes batches of arrivals with what became of them, and every message that the run gives birth to; what the transport took it is
asked for at the end. Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sim.mail import HERE, OUTGOING, Answer, Code, Ints, Kind, Outcome, Truth
from sim.record import SCHEMA, Table
from sim.server.transport import Episode, Message
from sim.units import HOUR, Floats, Seconds
from sim.workload import Rows

__all__ = ["Batch", "Born", "Ledger", "attempts", "hours", "ids", "queues"]


@dataclass(frozen=True, slots=True)
class Born:
    """A message that the run gives birth to, or a workload row on its way out: what a transport need not know of it."""

    id: int
    caused_by: int  # -1 for a workload row
    truth: Truth
    sender: int
    sender_domain: int
    recipient: int
    next_hop: int
    size: int
    accepted_at: Seconds
    mailbox: int = -1  # the mailbox of ours that it speaks for


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that came here, and what became of them: turn in a mail loop (0: none), Outcome, Answer, when it was settled (NaN: not yet),
    last Code, Dsn."""

    rows: Rows
    turn: Ints
    outcome: Ints
    answer: Ints
    settled_at: Floats
    code: Ints
    dsn: Ints


@dataclass(slots=True)
class Ledger:
    """The notes of one run."""

    batches: list[Batch] = field(default_factory=list)
    sent: dict[int, Born] = field(default_factory=dict)  # handed to the transport, by id
    stayed: list[Born] = field(default_factory=list)  # delivered to a mailbox here at once

    def messages(self, carried: Sequence[Message], bound: Mapping[int, int]) -> Table:
        """The table of messages in order of (accepted_at, id), with the domains of senders and recipients, which put names on them.

        `bound`: the recipient's domain of messages that a smarthost takes, by id; of the others it is the next hop."""
        parts = [_inbound(batch) for batch in self.batches] + [self._carried(carried, bound), self._stayed()]
        messages = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        order = np.lexsort((messages["id"], messages["accepted_at"]))
        return {name: column[order] for name, column in messages.items()}

    def relayed(self, carried: Sequence[Message]) -> Table:
        """The table of messages of a smarthost, in order of (accepted_at, id)."""
        messages = self._carried(carried, {})
        order = np.lexsort((messages["id"], messages["accepted_at"]))
        return {name: messages[name][order] for name in SCHEMA["relay_messages"]}

    def _carried(self, carried: Sequence[Message], bound: Mapping[int, int]) -> Table:
        """What the transport took. Mail that our people write to the outside needs no note."""
        born = [self.sent.get(m.id) for m in carried]
        return _table(
            len(carried),
            id=[m.id for m in carried],
            root=[m.id >> 20 for m in carried],
            caused_by=[b.caused_by if b else -1 for b in born],
            kind=[m.id & 15 for m in carried],
            truth=[b.truth if b else Truth.WANTED for b in born],
            sender_domain=[b.sender_domain if b else HERE for b in born],
            recipient_domain=[bound.get(m.id, m.next_hop) for m in carried],
            **{
                name: [getattr(m, name) for m in carried]
                for name in (
                    "sender",
                    "recipient",
                    "next_hop",
                    "size",
                    "accepted_at",
                    "first_attempt_at",
                    "deferred_at",
                    "settled_at",
                    "outcome",
                    "last_code",
                    "dsn",
                    "attempts",
                    "suspended",
                    "wait_seconds",
                    "connection_seconds",
                )
            },
        )

    def _stayed(self) -> Table:
        """Replies to colleagues and notices to users."""
        made = self.stayed
        return _table(
            len(made),
            id=[b.id for b in made],
            root=[b.id >> 20 for b in made],
            kind=[b.id & 15 for b in made],
            settled_at=[b.accepted_at for b in made],
            next_hop=HERE,
            answer=Answer.NOT_ASKED,
            outcome=Outcome.MAILBOX,
            **{
                name: [getattr(b, name) for b in made]
                for name in ("caused_by", "truth", "sender", "sender_domain", "recipient", "size", "accepted_at")
            },
        )


def ids(rows: Rows, turn: Ints) -> Ints:
    """The ids of rows that came here. `turn`, int64[n]: of a mail loop, 0 for what begins a chain."""
    found: Ints = (rows.row << 20) | (np.maximum(turn - 1, 0) << 4) | rows.kind
    return found


def _inbound(batch: Batch) -> Table:
    """Rows that came here; those on their way out are in `_carried`."""
    here = ~np.isin(batch.rows.kind, OUTGOING)
    rows, turn = batch.rows.take(here), batch.turn[here]
    before = np.maximum(turn - 1, 0) << 4
    return _table(
        len(rows),
        id=ids(rows, turn),
        root=rows.row,
        caused_by=np.where(turn > 0, (rows.row << 20) | before | Kind.AUTOREPLY, -1),
        kind=rows.kind,
        truth=rows.truth,
        sender=rows.sender,
        sender_domain=rows.sender_domain,
        recipient=rows.recipient,
        next_hop=HERE,
        size=rows.size,
        answer=batch.answer[here],
        accepted_at=rows.at,
        settled_at=batch.settled_at[here],
        outcome=batch.outcome[here],
        last_code=batch.code[here],
        dsn=batch.dsn[here],
    )


def _table(n: int, **columns: object) -> Table:
    """All columns of `messages`, and the domains of sender and recipient; what is not given is 0, times NaN."""
    table: Table = {}
    domain = SCHEMA["messages"]["next_hop"]
    for name, column in [*SCHEMA["messages"].items(), ("sender_domain", domain), ("recipient_domain", domain)]:
        missing = np.nan if name.endswith("_at") else 0
        table[name] = np.broadcast_to(np.asarray(columns.get(name, missing), dtype=column.dtype), n)
    return table


def queues(episodes: Sequence[Episode]) -> Table:
    """The table of retry episodes."""
    return {
        name: np.array([getattr(episode, name) for episode in episodes], dtype=column.dtype) for name, column in SCHEMA["queues"].items()
    }


def attempts(made: Sequence[tuple[int, Seconds, int, Code, Seconds]]) -> Table:
    """The table of attempts."""
    return {
        name: np.fromiter((row[i] for row in made), column.dtype, len(made)) for i, (name, column) in enumerate(SCHEMA["attempts"].items())
    }


def hours(messages: Table, attempts: Table) -> Table:
    """What can be cut at a window: sums per hour, kind and class of next hop."""
    hour = (messages["accepted_at"].astype(float) // HOUR).astype(np.int64)
    parts = [
        (
            hour,
            messages["kind"],
            messages["next_hop"],
            {
                "wait_seconds": messages["wait_seconds"],
                "refused": messages["outcome"] == Outcome.REFUSED,
                "filtered": np.isin(messages["outcome"], (Outcome.FILTERED, Outcome.JUNK)),
            },
        ),
        (
            (attempts["at"].astype(float) // HOUR).astype(np.int64),
            attempts["message"].astype(np.int64) & 15,
            attempts["next_hop"],
            {
                "attempts": np.ones(len(attempts["at"])),
                "connection_seconds": attempts["seconds"],
            },
        ),
    ]
    keys = [(at << 8) + (kind.astype(np.int64) << 4) + (hop.astype(np.int64) >> 40) for at, kind, hop, _ in parts]
    cells = np.unique(np.concatenate(keys))
    table: Table = {"hour": cells >> 8, "kind": cells >> 4 & 15, "place": cells & 15}
    for cell, (_, _, _, sums) in zip(keys, parts, strict=True):
        where = np.searchsorted(cells, cell)
        for name, values in sums.items():
            table[name] = np.bincount(where, weights=values.astype(float), minlength=len(cells))
    return {name: table[name].astype(column.dtype) for name, column in SCHEMA["hours"].items()}
