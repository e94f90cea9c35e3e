"""What a run leaves: notes taken while it is played, and the record made of them at the end.

The host notes batches of arrivals with what became of them, and every message that the run gives birth to; what the transport took it is
asked for at the end. Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from sim.destinations import Codes
from sim.mail import HERE, OUTGOING, Answer, Ints, Kind, Outcome, Truth, among, are
from sim.record import MESSAGES, SCHEMA, Array, Later, Table
from sim.server.hourly import hours
from sim.server.merging import Made, merged, order
from sim.server.transport.columns import ByColumn
from sim.tally import Tally
from sim.units import DAY, Floats, Seconds
from sim.workload import Rows, join

__all__ = [
    "BORN",
    "Batch",
    "Born",
    "Ledger",
    "Released",
    "Sent",
    "born_of",
    "ids",
    "inbound",
    "one_behind_the_other",
    "outgoing",
    "relayed",
]


# A message that the run gives birth to, or a workload row on its way out: what a transport need not know of it stands here too.
BORN: Final = np.dtype(
    [
        ("id", "i8"),
        ("caused_by", "i8"),  # -1 for a workload row
        ("sender", "i8"),
        ("sender_domain", "i8"),
        ("recipient", "i8"),
        ("next_hop", "i8"),  # the recipient's domain; HERE: it stays
        ("accepted_at", "f8"),
        ("size", "i4"),
        ("mailbox", "i4"),  # of ours that it speaks for, or -1
        ("truth", "u1"),
        ("noted", "?"),  # not: mail that our people write, of which nothing follows but what comes back
    ],
    align=True,
)
_WHOLE: Final = np.dtype((np.void, BORN.itemsize))  # numpy copies a structure field by field, but bytes, and in `take`, in one piece
_AT_ONCE: Final = 1 << 13  # messages that stay in the cache while their fields are written one by one
Born = npt.NDArray[np.void]  # of BORN
_UNSAID: Final[Mapping[str, object]] = {**dict.fromkeys(BORN.fields or (), 0), "caused_by": -1, "mailbox": -1, "noted": True}
_DTYPES: Final = {name: np.dtype(column.dtype) for name, column in MESSAGES.items()}
_NOTHING: Final[Made] = {
    name: np.array(np.nan if name.endswith("_at") else 0, dtype=dtype) for name, dtype in _DTYPES.items() if name not in ("root", "kind")
}
_NO_MESSAGES: Final[Table] = {name: np.zeros(0, dtype) for name, dtype in _DTYPES.items()}
_NO_ATTEMPTS: Final[Table] = {name: np.zeros(0, dtype=column.dtype) for name, column in SCHEMA["attempts"].items()}


def born_of(n: int, **columns: object) -> Born:
    """n messages; what is not given is -1 for `caused_by` and `mailbox`, True for `noted`, else 0."""
    made = np.empty(n, BORN)
    given = {**_UNSAID, **columns}.items()
    for first in range(0, n, _AT_ONCE):
        block = made[first : first + _AT_ONCE]
        for name, value in given:
            block[name] = value[first : first + _AT_ONCE] if isinstance(value, np.ndarray) else value
    return made


def one_behind_the_other(parts: Sequence[Born]) -> Born:
    """Several pieces as one."""
    made, first = np.empty(sum(map(len, parts)), BORN), 0
    for part in parts:  # `numpy.concatenate` looks at the fields of each anew
        made[first : first + len(part)].view(_WHOLE)[:] = part.view(_WHOLE)
        first += len(part)
    return made


def outgoing(rows: Rows, which: Ints) -> Born:
    """Those workload rows that are on their way out, as a transport takes them. Without a note: mail that our people write."""
    kind = rows.kind[which]
    noted = ~are(kind, Kind.OUTBOUND)
    return born_of(
        len(which),
        id=(rows.row[which] << 20) | kind,
        truth=np.where(noted, rows.truth[which], np.uint8(Truth.WANTED)),
        sender=rows.sender[which],
        sender_domain=np.where(noted, rows.sender_domain[which], HERE),
        recipient=rows.recipient[which],
        next_hop=rows.recipient_domain[which],
        size=rows.size[which],
        accepted_at=rows.at[which],
        noted=noted,
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that came here, and what became of them: turn in a mail loop (0: none), Outcome, Answer, when it was settled (NaN: not yet),
    last Code, Dsn."""

    rows: Rows
    turn: Ints | None  # None: no row is one of a loop
    outcome: Codes
    answer: Codes
    settled_at: Floats
    code: Codes
    dsn: Codes

    @classmethod
    def joined(cls, parts: Sequence[Batch]) -> Batch:
        """One behind the other."""
        if len(parts) == 1:
            return parts[0]
        names = ("outcome", "answer", "settled_at", "code", "dsn")
        turn = None
        if any(part.turn is not None for part in parts):
            turn = np.concatenate([np.zeros(len(part.rows), dtype=np.int64) if part.turn is None else part.turn for part in parts])
        return cls(join([part.rows for part in parts]), turn, *(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def take(self, which: npt.NDArray[np.bool_]) -> Batch:
        """Some of it."""
        turn = None if self.turn is None else self.turn[which]
        codes = (self.outcome[which], self.answer[which])
        return Batch(self.rows.take(which), turn, *codes, self.settled_at[which], self.code[which], self.dsn[which])


@dataclass(slots=True)
class Ledger:
    """The notes of one run."""

    batches: list[Batch] = field(default_factory=list)
    released: Released = field(default_factory=lambda: Held())  # rows that a run which tallies is done with
    hours: list[Table] = field(default_factory=list)  # of these rows, and of attempts that a transport has forgotten
    sent: Sent = field(default_factory=lambda: Sent())
    stayed: list[Born] = field(default_factory=list)  # delivered to a mailbox here at once

    def messages(self, carried: Callable[[], Table]) -> Table:
        """The table of messages in order of (accepted_at, id), with the domains of senders and recipients, which put names on them.
        carried: what a transport took, which has come to its end; it is asked when somebody asks for a column."""
        return Later(MESSAGES, lambda: self._merged(carried()))

    def _merged(self, carried: Table) -> Callable[[str], Array]:
        others = [_carried(carried, self.sent.rows), self._stayed()]
        if not self.batches:
            return _in_order(others[0], None, others[1:])
        came = Batch.joined(self.batches)
        self.batches = []
        return _in_order(inbound(came), np.flatnonzero(~among(came.rows.kind, OUTGOING)), others)

    def let_go(self, made: Made, attempts: Table | None = None) -> None:
        """Of a run that tallies: what nothing can happen to any more, and what has been attempted."""
        messages = _whole(made)
        self.hours.append(hours(messages, _NO_ATTEMPTS if attempts is None else attempts))
        self.released.append(messages)

    def close(self, carried: Table, attempts: Table, tallied: Table) -> tuple[Table, Table]:
        """The tables of messages and hours of a run that tallies, what a transport still has among them."""
        self.let_go(_carried(carried, self.sent.rows), attempts)
        return self.released.table(), hours(_NO_MESSAGES, _NO_ATTEMPTS, self.hours, tallied)

    def release(self, transport: ByColumn, tally: Tally, poll: Seconds) -> None:
        """Have a transport forget what has left it; wanted mail that left at its first attempt, and that nobody saw meanwhile, is counted,
        the rest keeps its row. `poll`: a monitor looks so often; who judges what fills the queues does at noon."""
        numbers, messages, attempts = transport.release()
        sent = self.sent.rows.take(numbers)
        counted = (messages["attempts"] == 1) & (messages["outcome"] == Outcome.DELIVERED) & (messages["id"] & 15 == Kind.OUTBOUND)
        counted &= np.isnan(messages["deferred_at"])
        for first, every in ((0.0, poll), (DAY / 2, DAY)):
            looks = [np.floor((messages[name] - first) / every) for name in ("accepted_at", "settled_at")]
            counted &= looks[0] == looks[1]
        of = {name: column[counted] for name, column in messages.items()}
        tally.add(
            of["accepted_at"],
            Kind.OUTBOUND,
            outcome=Outcome.DELIVERED,
            place=of["next_hop"] >> 40,
            delay=of["settled_at"] - of["accepted_at"],
            wait=of["wait_seconds"],
            held=of["connection_seconds"],
        )
        self.let_go(_carried({name: column[~counted] for name, column in messages.items()}, sent.compress(~counted)), attempts)
        self.let_go(self._stayed())
        self.stayed.clear()
        self.sent.forget(numbers)

    def _stayed(self) -> Made:
        """Replies to colleagues and notices to users."""
        made = one_behind_the_other(self.stayed)
        made = made.take(order(made["accepted_at"], made["id"]))
        return _table(
            id=made["id"],
            settled_at=made["accepted_at"],
            next_hop=HERE,
            answer=Answer.NOT_ASKED,
            outcome=Outcome.MAILBOX,
            **{name: made[name] for name in ("caused_by", "truth", "sender", "sender_domain", "recipient", "size", "accepted_at")},
        )


class Released(Protocol):
    """Where rows go that a run is done with: it takes some, in any order, and gives all in the end in order of (accepted_at, id)."""

    def append(self, rows: Table, /) -> None: ...

    def table(self) -> Table: ...


class Held:
    """In memory."""

    def __init__(self) -> None:
        self._parts: list[Table] = []

    def append(self, rows: Table) -> None:
        """Some more."""
        self._parts.append(rows)

    def table(self) -> Table:
        """All of them; none is left here. Column by column: a large table is never there twice."""
        parts, self._parts = [dict(part) for part in self._parts], []
        placed = order(*(np.concatenate([part[name] for part in parts]) for name in ("accepted_at", "id")))
        return {name: np.concatenate([part.pop(name) for part in parts])[placed] for name in list(parts[0])}


class Sent:
    """What was handed to a transport, in its order: row n is the transport's message n."""

    def __init__(self) -> None:
        self._rows, self._count = np.zeros(0, BORN), 0

    @property
    def rows(self) -> Born:
        """All of it."""
        return self._rows[: self._count]

    def add(self, parts: Sequence[Born], places: Sequence[Ints]) -> Born:
        """More of it: parts, and where the rows of each come behind what there is. What was added."""
        first, count = self._count, self._count + sum(map(len, parts))
        if count > len(self._rows):
            rows = np.empty(max(1024, count, len(self._rows) * 3 // 2), BORN)
            rows[: self._count].view(_WHOLE)[:] = self.rows.view(_WHOLE)
            self._rows = rows
        self._count, added = count, self._rows[first:count]
        for part, place in zip(parts, places, strict=True):
            added.view(_WHOLE)[place] = part.view(_WHOLE)
        return added

    def forget(self, numbers: Ints) -> None:
        """Of some a transport has forgotten."""
        stays = np.ones(self._count, dtype=np.bool_)
        stays[numbers] = False
        kept = self.rows.compress(stays)
        self._rows[: len(kept)].view(_WHOLE)[:] = kept.view(_WHOLE)
        self._count = len(kept)


def relayed(carried: Callable[[], Table], sent: Born) -> Table:
    """The table of messages of a smarthost, in order of (accepted_at, id). carried: as for `Ledger.messages`."""
    return Later(SCHEMA["relay_messages"], lambda: _in_order(_carried(carried(), sent), None, []))


def _in_order(first: Made, chosen: Ints | None, others: Sequence[Made]) -> Callable[[str], Array]:
    """As `merged`, with what an id says of a message."""
    column = merged(first, chosen, others)
    id = column("id")

    def made(name: str) -> Array:
        if name == "root":
            return _root(id)
        if name == "kind":
            return _kind(id)
        return id if name == "id" else column(name)

    return made


def _root(id: Ints) -> Ints:
    return id >> 20


def _kind(id: Ints) -> Codes:
    return id.astype(np.uint8) & np.uint8(15)


def _carried(carried: Table, sent: Born) -> Made:
    """What a transport took, and what the notes say of it."""
    return _table(
        caused_by=sent["caused_by"],
        truth=sent["truth"],
        sender=sent["sender"],
        recipient=sent["recipient"],
        sender_domain=sent["sender_domain"],
        recipient_domain=sent["next_hop"],
        **carried,
    )


def ids(rows: Rows, turn: Ints | None, which: Ints | slice = slice(None)) -> Ints:
    """The ids of some of the rows that came here. `turn`, int64[n]: of a mail loop, 0 for what begins a chain, as all do without it."""
    found: Ints = (rows.row[which] << 20) | rows.kind[which]
    if turn is not None:
        found |= np.maximum(turn[which] - 1, 0) << 4
    return found


def inbound(batch: Batch) -> Made:
    """What came here, a row for each of a batch."""
    rows, turn = batch.rows, batch.turn
    return _table(
        id=ids(rows, turn),
        caused_by=-1 if turn is None else _answered(rows, turn),
        truth=rows.truth,
        sender=rows.sender,
        sender_domain=rows.sender_domain,
        recipient=rows.recipient,
        next_hop=HERE,
        size=rows.size,
        answer=batch.answer,
        accepted_at=rows.at,
        settled_at=batch.settled_at,
        outcome=batch.outcome,
        last_code=batch.code,
        dsn=batch.dsn,
    )


def _answered(rows: Rows, turn: Ints) -> Ints:
    """The ids of the replies that turns of a loop answer; -1 for what begins a chain."""
    return np.where(turn > 0, (rows.row << 20) | (np.maximum(turn - 1, 0) << 4) | Kind.AUTOREPLY, -1)


def _table(**columns: object) -> Made:
    """What is noted of messages, and the domains of sender and recipient; what is not given is 0, times NaN. What their ids say is left
    out."""
    return _NOTHING | {name: np.asarray(values, dtype=_DTYPES[name]) for name, values in columns.items()}


def _whole(made: Made) -> Table:
    """All columns of `messages`, one value for each row."""
    id, n = made["id"], len(made["id"])
    # one for all is kept once; `numpy.broadcast_to` takes ten times as long
    found = {name: values if values.ndim else np.ndarray(n, values.dtype, values, strides=(0,)) for name, values in made.items()}
    found |= {"root": _root(id), "kind": _kind(id)}
    return {name: found[name] for name in MESSAGES}
