"""The tables that a run leaves, whoever made it: a model, a lab, a log.

A table is a mapping to equally long numpy arrays, one per column, as `SCHEMA` lists them with dtype, unit and meaning; as attributes
(`record.messages`) the tables are pandas DataFrames with words for enumerations. Times are seconds from the start, NaN is "not yet".
Columns of a run, as of a file, are made when they are first asked for.
Nothing is sampled: how many messages are queued, or hops in Retry, at t follows exactly from the times. `messages`, `queues`, `attempts`,
and `hours` are our own server's, as its log would show them; a smarthost that relays for it has three tables of its own (`sim.legs`).
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim import mail
from sim.errors import BadInput
from sim.record.later import Later
from sim.record.names import Listed, Words, named
from sim.record.schema import DOMAINS, MESSAGES, RELAY, SCHEMA, TALLIED, Array, Column, EndedBy, Table
from sim.record.stored import Stored, Writer, new_directory, writing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MESSAGES", "RELAY", "SCHEMA", "TALLIED", "Array", "Column", "EndedBy", "Later", "Record", "RunInfo", "Table", "Words"]


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
            self.tables.update(named(self.tables["messages"], self.words))
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
        with new_directory(directory) as beside:
            self.fill(beside)
        return Path(directory)

    def fill(self, directory: Path) -> None:
        """Write what is not in the directory yet."""
        for table in _saved(self.run.relay, self.run.tallied):
            path = directory / f"{table}.parquet"
            if path.exists():  # it was written while the run was played
                continue
            columns = self.columns(table)
            if isinstance(columns, Stored):  # as it stands there: column by column for each piece of it would take long
                with writing():
                    shutil.copyfile(columns.path, path)
                continue
            more = {name: column for name, column in DOMAINS.items() if name in columns}
            with Writer(path, {**SCHEMA[table], **more}) as file:
                file.append(columns)
                file.table()
        with writing():
            (directory / "run.json").write_text(json.dumps(asdict(self.run), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: str | os.PathLike[str]) -> Record:
        """What `save` wrote. A column is read when it is first asked for, so the directory must stay."""
        source = Path(directory)
        try:
            info = json.loads((source / "run.json").read_text(encoding="utf-8"))
            saved = _saved(info.get("relay", ""), info.get("tallied", False))
            tables: dict[str, Table] = {table: Stored(source / f"{table}.parquet", SCHEMA[table]) for table in saved}
            run = RunInfo(**(info | {"absent": tuple(info["absent"])}))
            return cls(tables, run, Listed(tables["addresses"], tables["domains"]))
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


def _saved(relay: str, tallied: bool) -> list[str]:
    """The tables that are written."""
    return [table for table in SCHEMA if (relay or table not in RELAY) and (tallied or table != TALLIED)]
