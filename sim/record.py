"""The tables that a run leaves, whoever made it: a model, a lab, a log.

A table is a dict of equally long numpy arrays, one per column, as `SCHEMA` lists them with dtype, unit and meaning; as attributes
(`record.messages`) the tables are pandas DataFrames with words for enumerations. Times are seconds from the start, NaN is "not yet".
Nothing is sampled: how many messages are queued, or hops in Retry, at t follows exactly from the times. `messages`, `queues`, `attempts`,
and `hours` are our own server's, as its log would show them; a smarthost that relays for it has three tables of its own (`sim.legs`).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from sim import mail
from sim.errors import BadInput, BadOutput

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RELAY", "SCHEMA", "TALLIED", "Column", "EndedBy", "Record", "RunInfo", "Table", "Words"]

Table = dict[str, npt.NDArray[Any]]


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


class Words:
    """Puts names on codes. A record without any names uses the numbers."""

    def address(self, code: int, domain: int) -> str:
        return "" if code == mail.NULL_SENDER else f"a{code & 0xFFFFFFFFFF}@{self.domain(domain)}"

    def domain(self, code: int) -> str:
        return f"d{code}.invalid"


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a run was. `queued` is counted from the live queues at the end, not derived from the table."""

    scenario: str
    policy: str
    server: str
    seed: int
    replication: int
    horizon: float
    epoch: str
    engine: str
    version: str
    inputs_sha256: str
    queued: int
    mailboxes: int
    absent: tuple[int, ...] = ()
    alarms: dict[str, float] = field(default_factory=dict)  # limits of the rules in `sim.detection`, and "poll"
    relay: str = ""  # what a smarthost that took all outbound mail runs; empty: mail went to each domain's own host
    relay_queued: int = 0  # as `queued`, at the smarthost
    tallied: bool = False  # what nothing follows from is counted in a table of its own, and attempts are counted by the hour only


@dataclass(eq=False)
class Record:
    """What a run leaves. `columns(table)` gives arrays, attributes give DataFrames."""

    tables: dict[str, Table]
    run: RunInfo
    words: Words = field(default_factory=Words, repr=False)

    def columns(self, table: str) -> Table:
        """The arrays of one table; addresses and domains are made when first asked for."""
        if table in (*RELAY, TALLIED) and table not in self.tables:
            self.tables[table] = {name: np.zeros(0, dtype=column.dtype) for name, column in SCHEMA[table].items()}
        if table not in self.tables:
            self.tables.update(_names(self.tables["messages"], self.words))
        return self.tables[table]

    def frame(self, table: str) -> pd.DataFrame:
        """One table as a DataFrame: enumerations become categories, the unit of each column is in `.attrs['units']`."""
        import pandas as pd

        columns = self.columns(table)
        data: dict[str, object] = {}
        for name, column in SCHEMA[table].items():
            values = columns[name]
            if column.words is None:
                data[name] = values
            else:
                data[name] = pd.Categorical.from_codes(values.astype(np.int64), pd.Index([mail.word(w) for w in column.words]))
        frame = pd.DataFrame(data)
        frame.attrs["units"] = {name: column.unit for name, column in SCHEMA[table].items() if column.unit}
        return frame

    def when(self, seconds: Any) -> Any:
        """Date and time (UTC, without a zone) of seconds from the start: of a number a Timestamp, of a column a column; NaN becomes NaT."""
        import pandas as pd

        return pd.Timestamp(self.run.epoch) + pd.to_timedelta(seconds, unit="s")

    @cached_property
    def messages(self) -> pd.DataFrame:
        """One row per message."""
        return self.frame("messages")

    @cached_property
    def queues(self) -> pd.DataFrame:
        """One row per retry episode of a next hop."""
        return self.frame("queues")

    @cached_property
    def hours(self) -> pd.DataFrame:
        """One row per hour, kind and class of next hop."""
        return self.frame("hours")

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """One row per delivery attempt."""
        return self.frame("attempts")

    @cached_property
    def tallied(self) -> pd.DataFrame:
        """Counts of the messages that have no row, in a run of a large office."""
        return self.frame("tallied")

    @cached_property
    def relay_messages(self) -> pd.DataFrame:
        """One row per message that a smarthost took, or wrote to the outside itself."""
        return self.frame("relay_messages")

    @cached_property
    def relay_queues(self) -> pd.DataFrame:
        """One row per retry episode of a next hop at a smarthost."""
        return self.frame("relay_queues")

    @cached_property
    def relay_attempts(self) -> pd.DataFrame:
        """One row per delivery attempt of a smarthost."""
        return self.frame("relay_attempts")

    @cached_property
    def acts(self) -> pd.DataFrame:
        """Absences and interventions."""
        return self.frame("acts")

    @cached_property
    def addresses(self) -> pd.DataFrame:
        """Names and nature of the addresses in `messages`."""
        return self.frame("addresses")

    @cached_property
    def domains(self) -> pd.DataFrame:
        """Names and class of the domains in `messages`."""
        return self.frame("domains")

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write all tables as Parquet and `run.json` into a new directory; it appears whole or not at all."""
        target = Path(directory)
        if target.exists():
            raise BadOutput(str(target), "exists already; name a new directory")
        beside = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            beside.mkdir(parents=True)
            for table in self._saved():
                self.frame(table).to_parquet(beside / f"{table}.parquet", index=False)
            (beside / "run.json").write_text(json.dumps(asdict(self.run), indent=1) + "\n", encoding="utf-8")
            beside.replace(target)
        except OSError as error:
            raise BadOutput(str(target), error.strerror or str(error)) from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return target

    def _saved(self) -> list[str]:
        """The tables that are written."""
        return [table for table in SCHEMA if (self.run.relay or table not in RELAY) and (self.run.tallied or table != TALLIED)]

    @classmethod
    def load(cls, directory: str | os.PathLike[str]) -> Record:
        """Read what `save` wrote."""
        import pandas as pd

        source = Path(directory)
        try:
            info = json.loads((source / "run.json").read_text(encoding="utf-8"))
            tables: dict[str, Table] = {}
            for table, columns in SCHEMA.items():
                if (table in RELAY and not info.get("relay")) or (table == TALLIED and not info.get("tallied")):
                    continue
                frame = pd.read_parquet(source / f"{table}.parquet")
                tables[table] = {
                    name: (frame[name].cat.codes if column.words else frame[name]).to_numpy(dtype=column.dtype)
                    for name, column in columns.items()
                }
            return cls(tables, RunInfo(**(info | {"absent": tuple(info["absent"])})))
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput(str(source), f"is not a saved record ({error})") from error

    def __len__(self) -> int:
        return len(self.tables["messages"]["id"])

    def __repr__(self) -> str:
        run = self.run
        return f"<Record of {run.scenario}, policy {run.policy}, seed {run.seed}, run {run.replication}: {len(self)} messages>"

    def _repr_html_(self) -> str:
        import pandas as pd

        kinds, outcomes = self.messages["kind"], self.messages["outcome"]
        table: str = pd.crosstab(kinds, outcomes).to_html()
        return f"<p>{self!r}</p>{table}".replace("<Record", "&lt;Record").replace("messages></p>", "messages&gt;</p>")


def _names(messages: Table, words: Words) -> dict[str, Table]:
    """The tables addresses and domains for every code in `messages`."""
    codes: dict[int, tuple[int, int]] = {}
    hop, truth = messages["next_hop"].astype(np.int64), messages["truth"].astype(np.int64)
    inbound = hop == mail.HERE
    sender_domain = messages["sender_domain"].astype(np.int64) if "sender_domain" in messages else hop
    recipient_domain = messages["recipient_domain"].astype(np.int64) if "recipient_domain" in messages else hop
    for who, domain, what in (
        (messages["recipient"][~inbound], recipient_domain[~inbound], truth[~inbound]),
        (messages["sender"][inbound], sender_domain[inbound], truth[inbound]),
    ):
        for code, where, nature in zip(who.tolist(), domain.tolist(), what.tolist(), strict=True):
            if mail.place(max(code, 0)) != mail.Place.OFFICE:
                codes.setdefault(code, (where, nature))
    if "sender_domain" in messages:  # what leaves may have a sender outside: relayed, sent on
        for code, where in zip(messages["sender"][~inbound].tolist(), sender_domain[~inbound].tolist(), strict=True):
            if code >= 0 and mail.place(code) != mail.Place.OFFICE:
                codes.setdefault(code, (where, int(mail.Truth.UNKNOWN)))
    local = np.unique(np.concatenate([messages["recipient"][inbound], messages["sender"][~inbound]]).astype(np.int64))
    for code in local.tolist():
        if code >= 0 and mail.place(code) == mail.Place.OFFICE:
            codes[code] = (mail.HERE, int(mail.Truth.INTERNAL))
    listed = sorted(codes)
    domains = sorted({mail.HERE} | {domain for domain, _ in codes.values()} | set(np.unique(hop).tolist()))
    return {
        "addresses": {
            "address": np.array(listed, dtype=np.int64),
            "name": np.array([words.address(code, codes[code][0]) for code in listed], dtype=object),
            "domain": np.array([codes[code][0] for code in listed], dtype=np.int64),
            "truth": np.array([codes[code][1] for code in listed], dtype=np.uint8),
        },
        "domains": {
            "domain": np.array(domains, dtype=np.int64),
            "name": np.array([words.domain(code) for code in domains], dtype=object),
            "place": np.array([mail.place(code) for code in domains], dtype=np.uint8),
        },
    }
