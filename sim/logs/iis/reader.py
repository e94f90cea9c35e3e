"""A log as a table, a row per line, in W3C extended or NCSA form; broken lines are left out and counted."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LeftOut", "read"]

_NCSA: Final = re.compile(
    r'(\S+) \S+ (\S+) \[(\d\d)/(\w{3})/(\d{4}):(\d\d:\d\d:\d\d) ([+-])(\d\d)(\d\d)\] "(\S+) -(?:\?(.*))? SMTP" (\d+|-) \S+'
)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # in any locale
_WANTED: Final = "wanted is '#Fields: date time c-ip cs-username ...' (W3C extended), or NCSA form"
_NEEDED: Final = ("time", "cs-username", "cs-method", "cs-uri-query")

_Values = tuple[datetime, str, str, str, str, int]


@dataclass(slots=True)
class LeftOut:
    """How many lines were left out, and why the first one was."""

    count: int = 0
    first: str = ""

    def add(self, where: str, found: str) -> None:
        """Leave out one more; `where` is file and line."""
        self.count += 1
        self.first = self.first or f"{where}: {found}; line left out"

    def attach(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The same frame, which says what is not in it."""
        frame.attrs |= {"left_out": self.count, "first_left_out": self.first}
        return frame


def read(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Columns time (UTC), client_ip, user, method, query, status, as they stand in the log; the index is the number of the line.

    `attrs` has `path`, `left_out` (how many broken lines) and `first_left_out` (where the first one is, and what is wrong with it)."""
    import pandas as pd

    source, left = str(path), LeftOut()
    numbers: list[int] = []
    rows: list[_Values] = []
    fields: list[str] | None = None
    day = ""
    broken = (1, "the file ends before any line of a log")
    try:
        with Path(path).open(encoding="utf-8-sig", errors="replace") as file:
            for number, line in enumerate(file, 1):
                line = line.strip("\0 \r\n")  # a server that fell over leaves a log filled up with NULs
                if line.startswith("#Fields:"):
                    fields = line.split()[1:]
                elif line.startswith("#Date:"):
                    day = line[6:].split()[0] if line[6:].strip() else ""
                elif line and not line.startswith("#"):
                    values = _ncsa(line) or _w3c(line, fields, day)
                    if isinstance(values, str):
                        left.add(f"{source}:{number}", values)
                        broken = (number, f"{line[:40]!r} is no line of an SMTP log") if left.count == 1 else broken
                    else:
                        numbers.append(number)
                        rows.append(values)
    except OSError as error:
        raise BadInput(source, f"cannot be read: {(error.strerror or str(error)).lower()}") from None
    if not rows and fields is None:
        raise BadInput(f"{source}:{broken[0]}", f"{broken[1]}; {_WANTED}")
    frame = pd.DataFrame(
        {
            "time": np.array([row[0] for row in rows], dtype="datetime64[s]"),
            "client_ip": [row[1] for row in rows],
            "user": [row[2] for row in rows],
            "method": [row[3] for row in rows],
            "query": [row[4] for row in rows],
            "status": np.array([row[5] for row in rows], dtype=np.int64),
        },
        index=pd.Index(numbers, name="line", dtype=np.int64),
    )
    frame.attrs["path"] = source
    return left.attach(frame)


def _w3c(line: str, fields: Sequence[str] | None, day: str) -> _Values | str:
    """The values, or what is wrong with the line."""
    if fields is None:
        return "no #Fields line stands before it"
    missing = [name for name in _NEEDED if name not in fields]
    if missing:
        return f"#Fields names no {missing[0]}"
    parts = line.split()
    if len(parts) != len(fields):
        return f"{len(parts)} values where #Fields names {len(fields)}"
    value = dict(zip(fields, parts, strict=True))
    stamp = f"{value.get('date', day)} {value['time']}"
    time, status = _time(stamp), value.get("sc-status", "-")
    if time is None:
        return f"{stamp!r} is not a time"
    if not re.fullmatch(r"[0-9]{1,9}|-", status):
        return f"{status!r} is not a status"
    client = value.get("c-ip", "-")
    return time, client, value["cs-username"], value["cs-method"], value["cs-uri-query"], 0 if status == "-" else int(status)


def _ncsa(line: str) -> _Values | None:
    match = _NCSA.fullmatch(line)
    if not match:
        return None
    client, user, day, month, year, clock, sign, hours, minutes, method, query, status = match.groups()
    time = _time(f"{year}-{_MONTHS.index(month) + 1:02d}-{day} {clock}") if month in _MONTHS else None
    if time is None or int(hours) > 23:
        return None
    zone = timezone(timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1))
    try:
        utc = time.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        return None
    return utc, client, user, method, query or "-", 0 if status == "-" else int(status[:9])


def _time(stamp: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp) if re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", stamp, re.ASCII) else None
    except ValueError:
        return None
