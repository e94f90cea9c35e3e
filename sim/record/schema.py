"""What the tables of a record hold: every column with its dtype, unit and meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy.typing as npt

from sim import mail

__all__ = ["DOMAINS", "MESSAGES", "RELAY", "SCHEMA", "TALLIED", "Array", "Column", "EndedBy", "Table"]

Array = npt.NDArray[Any]
Table = Mapping[str, Array]  # a dict, or what makes (`sim.record.later`) or reads (`sim.record.stored`) its columns when they are asked for


class EndedBy(IntEnum):
    """What ended a retry episode of a next hop."""

    STILL_OPEN = 0
    ANSWERED = 1  # the other side answered a connection
    EMPTY = 2  # the last message left without it: expired, deleted


@dataclass(frozen=True, slots=True)
class Column:
    """One column: numpy dtype, unit (empty where there is none), meaning, and the enumeration whose words it holds."""

    dtype: str
    unit: str
    meaning: str
    words: type[IntEnum] | None = None


_ID: Final = "row << 20 | n << 4 | kind: the workload row that started it, how many of this kind it had caused before, the kind"
_MESSAGES: Final[Mapping[str, Column]] = {
    "id": Column("int64", "", _ID),
    "root": Column("int64", "", "number of the workload row that started it all"),
    "caused_by": Column("int64", "", "id of the message that caused this one, -1 for a workload row"),
    "kind": Column("uint8", "", "what it is", mail.Kind),
    "truth": Column("uint8", "", "what the other side really is; unknown from logs", mail.Truth),
    "sender": Column("int64", "", "return path, a code of the table addresses; -1 is the null sender"),
    "recipient": Column("int64", "", "a code of the table addresses"),
    "next_hop": Column("int64", "", "a code of the table domains; 0 is the office itself"),
    "size": Column("int64", "bytes", "size"),
    "answer": Column("uint8", "", "why it was replied to, or not", mail.Answer),
    "accepted_at": Column("float64", "s", "taken over from its sender (or refused) at"),
    "first_attempt_at": Column("float64", "s", "first delivery attempt began at"),
    "deferred_at": Column("float64", "s", "its own first deferral, or when it joined a queue in Retry"),
    "settled_at": Column("float64", "s", "left, one way or another, at"),
    "outcome": Column("uint8", "", "how it left", mail.Outcome),
    "last_code": Column("uint8", "", "last answer of the outside", mail.Code),
    "dsn": Column("uint8", "", "what became of the duty to report", mail.Dsn),
    "attempts": Column("int32", "", "delivery attempts that carried it"),
    "suspended": Column("int32", "", "deferrals without an attempt (Postfix family)"),
    "wait_seconds": Column("float64", "s", "time it stood ready for want of a connection; not behind one that then failed"),
    "connection_seconds": Column("float64", "s", "connection time its attempts used"),
}
_QUEUES: Final[Mapping[str, Column]] = {
    "next_hop": Column("int64", "", "a code of the table domains"),
    "since": Column("float64", "s", "first failure to connect; the episode includes the attempts made during it"),
    "until": Column("float64", "s", "end of the episode"),
    "failures": Column("int32", "", "failed connections in it"),
    "connection_seconds": Column("float64", "s", "connection time they used"),
    "last_code": Column("uint8", "", "what the last one met", mail.Code),
    "ended_by": Column("uint8", "", "what ended it", EndedBy),
}
_ATTEMPTS: Final[Mapping[str, Column]] = {
    "message": Column("int64", "", "id of the message"),
    "at": Column("float64", "s", "began at"),
    "next_hop": Column("int64", "", "a code of the table domains"),
    "code": Column("uint8", "", "what the outside answered", mail.Code),
    "seconds": Column("float64", "s", "how long it took"),
}
SCHEMA: Final[Mapping[str, Mapping[str, Column]]] = {
    "messages": _MESSAGES,
    "queues": _QUEUES,
    "hours": {
        "hour": Column("int32", "h", "hour from the start"),
        "kind": Column("uint8", "", "kind of message", mail.Kind),
        "place": Column("uint8", "", "class of next hop", mail.Place),
        "attempts": Column("int64", "", "attempts that began in it"),
        "connection_seconds": Column("float64", "s", "connection time of these attempts"),
        "wait_seconds": Column("float64", "s", "time the messages accepted in it stood ready while no connection was free"),
        "refused": Column("int64", "", "messages refused at SMTP"),
        "filtered": Column("int64", "", "messages taken and then discarded or filed as junk"),
    },
    "attempts": _ATTEMPTS,
    "acts": {
        "at": Column("float64", "s", "begins at"),
        "until": Column("float64", "s", "ends at; NaN where it does not end"),
        "what": Column("object", "", "absence, replies off, replies on, policy ..."),
        "who": Column("object", "", "mailbox or server"),
    },
    "addresses": {
        "address": Column("int64", "", "code"),
        "name": Column("object", "", "as in a log"),
        "domain": Column("int64", "", "code of its domain"),
        "truth": Column("uint8", "", "what it really is", mail.Truth),
    },
    "domains": {
        "domain": Column("int64", "", "code"),
        "name": Column("object", "", "as in a log"),
        "place": Column("uint8", "", "class", mail.Place),
    },
    "tallied": {
        "hour": Column("int32", "h", "hour from the start, of its acceptance"),
        "kind": Column("uint8", "", "kind of message", mail.Kind),
        "place": Column("uint8", "", "class of next hop", mail.Place),
        "outcome": Column("uint8", "", "how it ended", mail.Outcome),
        "answer": Column("uint8", "", "why it was not replied to", mail.Answer),
        "delay": Column("uint8", "", "step of its time in the queues, 9 % wide (`sim.tally.middle`); 0: it went through none"),
        "messages": Column("int64", "", "how many"),
        "wait_seconds": Column("float64", "s", "time they stood ready for want of a connection"),
        "connection_seconds": Column("float64", "s", "connection time they used"),
    },
    "relay_messages": _MESSAGES,
    "relay_queues": _QUEUES,
    "relay_attempts": _ATTEMPTS,
}
RELAY: Final = ("relay_messages", "relay_queues", "relay_attempts")  # a smarthost's; empty, and not saved, where there is none
TALLIED: Final = "tallied"  # counts in place of rows, in runs of large offices (`sim.tally`); else empty, and not saved
_OF_A_DOMAIN: Final = "a code of the table domains: of the {}, whose name needs it"
DOMAINS: Final[Mapping[str, Column]] = {  # behind the columns of `messages`, where the names of its addresses are not made yet
    "sender_domain": Column("int64", "", _OF_A_DOMAIN.format("sender")),
    "recipient_domain": Column("int64", "", _OF_A_DOMAIN.format("recipient")),
}
MESSAGES: Final[Mapping[str, Column]] = {**_MESSAGES, **DOMAINS}  # what a run notes of each
