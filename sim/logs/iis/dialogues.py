"""Which lines of a log belong together: commands and their replies, a row for each recipient."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.logs.iis.line import COMMAND, RESPONSE
from sim.logs.iis.reader import LeftOut

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["sessions"]

_PATH: Final = re.compile(r"\+*(?:FROM|TO):", re.IGNORECASE)
_PARAMETER: Final = re.compile(r"\+[A-Z0-9-]+=", re.IGNORECASE)


@dataclass(slots=True)
class _Session:
    """One host under one name, so far. `open` are the numbers of the rows whose message is not through yet."""

    helo: str = ""
    sender: str | None = None
    open: list[int] = field(default_factory=list)
    asked: list[tuple[str, int]] = field(default_factory=list)  # commands of ours without a reply yet; of RCPT also the row

    def clear(self) -> None:
        self.sender, self.open = None, []

    def through(self, code: int, status: list[int]) -> None:
        """The message itself was answered, for every recipient that had been accepted."""
        for row in self.open:
            status[row] = code if code and 200 <= status[row] < 300 else status[row]
        self.clear()


def sessions(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns time, client_ip, helo, sender (empty for the null sender), recipient, direction (in, out), status; a row per recipient of a
    message, at the time of its RCPT.

    `status` is what was answered to the RCPT or, where that was accepted, to the message itself; 0 where the log ends before. `attrs` is as
    in `read`; a RCPT without MAIL, and a MAIL or RCPT that names no path, are left out."""
    import pandas as pd

    source, left = frame.attrs.get("path", "log"), LeftOut()
    rows: list[list[object]] = []
    status: list[int] = []
    running: dict[tuple[str, str], _Session] = {}
    columns = (frame[name].tolist() for name in ("time", "client_ip", "user", "method", "query", "status"))
    for number, time, client, user, method, query, code in zip(frame.index.tolist(), *columns, strict=True):
        ours = user in (COMMAND, RESPONSE)
        session = running.setdefault((client, "" if ours else user), _Session("" if ours or user == "-" else user))
        method, row = method.upper(), -1
        if user == RESPONSE:
            _heard(session, query, status)
            continue
        if method in ("HELO", "EHLO") and ours:
            session.helo = query.strip("+")
            session.asked.clear()
        elif method in ("MAIL", "RCPT"):
            path = _path(query)
            if path is None:
                left.add(f"{source}:{number}", f"{method} names no path in the session of {client}: {query[:40]!r}")
            if method == "MAIL":
                session.sender, session.open = path, []
            elif session.sender is None:
                left.add(f"{source}:{number}", f"RCPT without MAIL in the session of {client}")
            elif path is not None:
                row = len(rows)
                session.open.append(row)
                rows.append([time, client, session.helo, session.sender, path, "out" if ours else "in"])
                status.append(0 if ours else code)
        elif method in ("DATA", "BDAT") and not ours:
            session.through(code, status)
        elif method in ("HELO", "EHLO", "RSET", "QUIT") and not ours:
            session.clear()
        if ours:
            session.asked.append((method, row))
    table = pd.DataFrame(rows, columns=["time", "client_ip", "helo", "sender", "recipient", "direction"])
    table["time"] = table["time"].astype("datetime64[s]")
    table["status"] = np.array(status, dtype=np.int64)
    table.attrs["path"] = source
    return left.attach(table)


def _heard(session: _Session, text: str, status: list[int]) -> None:
    """A reply of the other side, to the oldest command without one. 220, or a reply to nothing, greets: a new connection."""
    match = re.match(r"\+*(\d{3})", text, re.ASCII)
    if not match:
        return
    code = int(match[1])
    if code == 220 or not session.asked:
        session.clear()
        session.asked.clear()
        return
    method, row = session.asked[0]
    if method == "DATA" and code == 354:
        return  # the reply to the message itself is to come
    del session.asked[0]
    if method == "RCPT" and row >= 0:
        status[row] = code
    elif method == "DATA":
        session.through(code, status)


def _path(query: str) -> str | None:
    """The address in `FROM:<a@b>`, `FROM:+<a@b>`, `From:+<a@b>` or a bare `FROM:a@b`, which parameters such as SIZE= may follow; a source
    route is dropped."""
    match = _PATH.match(query)
    if not match:
        return None
    rest = query[match.end() :].strip("+")
    if rest.startswith("<"):
        path, closed, _ = rest[1:].partition(">")
        path = path.strip("+")
        if not closed:
            return None
    else:
        path = _PARAMETER.split(rest, maxsplit=1)[0]
        if not path or re.search(r"[\s<>]", path):
            return None
    return path.rpartition(":")[2] if path.startswith("@") else path
