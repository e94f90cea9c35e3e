"""The SMTP log of Exchange 2000/2003 in IIS W3C extended form: written from a record, read into a table.

One line is one command, or one reply of a remote server; nothing says which lines belong together. A reader puts them together by client
IP and HELO name, in order; two sessions at once from one host under one name cannot be told apart, nor can two connections to one host.
Times are UTC without a zone in W3C form; NCSA form carries an offset. Blanks in a value are `+`.

Only what happens on a connection is in this log: a DNS failure, a refused connection and one that times out leave no line (assumed; the
real samples show none). So queues in Retry cannot be seen in it, but the spam that caused them can. The writer gives every attempt a
connection of its own, and all lines of a session the second of its end; the real server reuses connections and spreads the lines.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.errors import BadInput, BadOutput
from sim.legs import from_relay
from sim.mail import HERE, NULL_SENDER, SMARTHOST, TEXTS, Code, Kind, Outcome, Place
from sim.record import Record, Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read", "sessions", "write"]

# --- writing -----------------------------------------------------------------------------------

_FIELDS: Final = (
    "date time c-ip cs-username s-sitename s-computername s-ip s-port cs-method cs-uri-stem cs-uri-query sc-status sc-win32-status "
    "sc-bytes cs-bytes time-taken cs-version cs-host cs(User-Agent) cs(Cookie) cs(Referer)"
)
_NETS: Final = ("192.0.2", "198.51.100", "203.0.113")  # the documentation ranges of RFC 5737: nobody's
_OURS: Final = "192.168.16.2"  # what the wizard of SBS 2003 gives to the server
_COMMAND: Final = "OutboundConnectionCommand"
_RESPONSE: Final = "OutboundConnectionResponse"
_OUTSIDE: Final = (Kind.SPAM, Kind.WANTED, Kind.LIST, Kind.ECHO)
_CONNECTED: Final = (
    *(Code.OK, Code.GREYLISTED, Code.FULL, Code.OVER_QUOTA, Code.NO_MAILBOX, Code.BUSY, Code.LISTED),
    *(Code.TOO_MUCH, Code.TRY_LATER),
)
_REFUSAL: Final = "550 5.7.1 Requested action not taken: message refused"


@dataclass(frozen=True, slots=True)
class _Line:
    """What one line says, without its time."""

    client: str
    user: str
    method: str
    query: str
    status: int = 0
    sent: int = 0  # bytes to the client
    got: int = 0  # bytes from the client

    def text(self, moment: str) -> str:
        server = "- 25" if self.user in (_COMMAND, _RESPONSE) else f"{_OURS} 0"
        values = (_plus(self.user), "SMTPSVC1", "SRV1", server, self.method, "-", _plus(self.query), self.status, 0, self.sent, self.got, 0)
        return " ".join((moment, self.client, *map(str, values), "SMTP - - - -"))


def write(record: Record, path: str | os.PathLike[str]) -> Path:
    """Write the inbound sessions and outbound connections of a record, sorted by time; the file appears whole or not at all.

    The outbound ones come from the table of attempts, which a record need not have. BadInput of a run in which most mail is counted and
    has no row: a log leaves nothing out."""
    if record.run.tallied:
        raise BadInput("record", "most mail of so large an office is counted and has no row, so there is no log of it")
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with beside.open("w", encoding="utf-8", newline="\r\n") as file:
            file.writelines(f"{line}\n" for line in _lines(record))
        beside.replace(target)
    except OSError as error:
        raise BadOutput(str(target), f"cannot be written: {(error.strerror or str(error)).lower()}") from error
    finally:
        beside.unlink(missing_ok=True)
    return target


def _lines(record: Record) -> Iterator[str]:
    start = datetime.fromisoformat(record.run.epoch)
    start = start.astimezone(UTC).replace(tzinfo=None) if start.tzinfo else start
    names = _Names.of(record)
    messages, attempts = record.columns("messages"), record.columns("attempts")
    row_of = {id: row for row, id in enumerate(messages["id"].tolist())}
    relayed = (messages["kind"] == Kind.RELAY) & (messages["sender"] >> 40 != Place.OFFICE)  # comes in before it goes out
    reports = from_relay(record)
    inbound = np.flatnonzero(((messages["next_hop"] == HERE) & np.isin(messages["kind"], _OUTSIDE)) | relayed | reports)
    outbound = np.flatnonzero(np.isin(attempts["code"], _CONNECTED) & np.isin(attempts["message"], messages["id"]))
    ends = np.concatenate([messages["accepted_at"][inbound], attempts["at"][outbound] + attempts["seconds"][outbound]])
    ids = np.concatenate([messages["id"][inbound], attempts["message"][outbound]])
    day = ""
    for i in np.lexsort((ids, ends)).tolist():
        moment = (start + timedelta(seconds=int(np.floor(ends[i])))).isoformat(" ")
        if moment[:10] != day:
            day = moment[:10]
            yield from _header(moment)
        if i < len(inbound):
            said = _received(messages, int(inbound[i]), names, names.domains[SMARTHOST] if reports[inbound[i]] else "")
        else:
            said = _delivered(messages, row_of[int(ids[i])], attempts, int(outbound[i - len(inbound)]), names)
        for line in said:
            yield line.text(moment)
    if not day:
        yield from _header(start.isoformat(" ", "seconds"))


def _header(moment: str) -> tuple[str, ...]:
    return "#Software: Microsoft Internet Information Services 6.0", "#Version: 1.0", f"#Date: {moment}", f"#Fields: {_FIELDS} "


@dataclass(frozen=True, slots=True)
class _Names:
    """What the codes of a record are called."""

    addresses: Mapping[int, tuple[str, int]]  # name, domain
    domains: Mapping[int, str]

    @classmethod
    def of(cls, record: Record) -> _Names:
        people, domains = record.columns("addresses"), record.columns("domains")
        pairs = zip(people["name"].tolist(), people["domain"].tolist(), strict=True)
        return cls(
            dict(zip(people["address"].tolist(), pairs, strict=True)),
            dict(zip(domains["domain"].tolist(), domains["name"].tolist(), strict=True)),
        )

    def server(self) -> str:
        return f"srv1.{self.domains[HERE]}"

    def sender(self, code: int) -> tuple[str, str]:
        """Return path and the name of its domain. A record does not know who sent a message with the null sender."""
        if code == NULL_SENDER:
            return "", "unknown.invalid"
        name, domain = self.addresses[code]
        return name, self.domains[domain]

    def recipient(self, code: int) -> str:
        """A code below 0 stands for all addresses that do not exist here."""
        return self.addresses[code][0] if code >= 0 else f"unknown@{self.domains[HERE]}"


def _received(messages: Table, row: int, names: _Names, known: str = "") -> Iterator[_Line]:
    """A session from outside; byte counts follow the real server's replies. `known`: the host, where its return path does not tell."""
    sender, helo = names.sender(int(messages["sender"][row]))
    helo = known or helo
    recipient, id = names.recipient(int(messages["recipient"][row])), f"<{int(messages['id'][row]):x}@{helo}>"
    client, refused = _ip(helo), messages["outcome"][row] == Outcome.REFUSED
    hello = f"250 {names.server()} Hello [{client}]"
    yield _Line(client, helo, "HELO", f" {helo}", 250, len(hello) + 2, len(helo) + 5)
    yield _Line(client, helo, "MAIL", f" FROM:<{sender}>", 250, len(f"250 2.1.0 {sender}....Sender OK") + 2, len(sender) + 12)
    answer = _REFUSAL if refused else f"250 2.1.5 {recipient} "
    yield _Line(client, helo, "RCPT", f" TO:<{recipient}>", int(answer[:3]), len(answer) + 2, len(recipient) + 10)
    if not refused:
        told = len("354 Start mail input; end with <CRLF>.<CRLF>") + len(f"250 2.6.0  {id} Queued mail for delivery") + 4
        yield _Line(client, helo, "DATA", f" {id}", 250, told, int(messages["size"][row]))
    yield _Line(client, helo, "QUIT", helo, 240, 68, 4)


def _delivered(messages: Table, row: int, attempts: Table, attempt: int, names: _Names) -> Iterator[_Line]:
    """A connection to the outside, which the other side may have closed in its greeting."""
    hop, code = names.domains[int(attempts["next_hop"][attempt])], Code(int(attempts["code"][attempt]))
    client, sender = _ip(hop), int(messages["sender"][row])
    return_path = "" if sender == NULL_SENDER else names.addresses[sender][0]

    def response(text: str) -> _Line:
        return _Line(client, _RESPONSE, "-", text, 0, len(text))

    def command(method: str, query: str, answer: str) -> Iterator[_Line]:
        yield _Line(client, _COMMAND, method, query, 0, len(method))
        yield response(answer)

    if code == Code.BUSY:
        yield response(TEXTS[code])
        return
    yield response(f"220 {hop} ESMTP")
    yield from command("EHLO", names.server(), f"250-{hop} Hello")
    yield from command("MAIL", f"FROM:<{return_path}>", "250 2.1.0 sender ok")
    yield from command("RCPT", f"TO:<{names.recipient(int(messages['recipient'][row]))}>", TEXTS[code])
    if code == Code.OK:
        yield from command("DATA", "-", "354 start mail input; end with <CRLF>.<CRLF>")
        yield response("250 2.6.0 queued")
    yield from command("QUIT", "-", "221 2.0.0 closing")


def _ip(domain: str) -> str:
    """The same domain has the same address in every log."""
    hashed = zlib.crc32(domain.encode())
    return f"{_NETS[hashed % 3]}.{hashed // 3 % 254 + 1}"


def _plus(text: str) -> str:
    return re.sub(r"\s", "+", text) or "-"


# --- reading -----------------------------------------------------------------------------------

_NCSA: Final = re.compile(
    r'(\S+) \S+ (\S+) \[(\d\d)/(\w{3})/(\d{4}):(\d\d:\d\d:\d\d) ([+-])(\d\d)(\d\d)\] "(\S+) -(?:\?(.*))? SMTP" (\d+|-) \S+'
)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # in any locale
_WANTED: Final = "wanted is '#Fields: date time c-ip cs-username ...' (W3C extended), or NCSA form"
_NEEDED: Final = ("time", "cs-username", "cs-method", "cs-uri-query")
_PATH: Final = re.compile(r"\+*(?:FROM|TO):", re.IGNORECASE)
_PARAMETER: Final = re.compile(r"\+[A-Z0-9-]+=", re.IGNORECASE)

_Values = tuple[datetime, str, str, str, str, int]


@dataclass(slots=True)
class _LeftOut:
    """How many lines were left out, and why the first one was."""

    count: int = 0
    first: str = ""

    def add(self, where: str, found: str) -> None:
        self.count += 1
        self.first = self.first or f"{where}: {found}; line left out"

    def attach(self, frame: pd.DataFrame) -> pd.DataFrame:
        frame.attrs |= {"left_out": self.count, "first_left_out": self.first}
        return frame


def read(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Columns time (UTC), client_ip, user, method, query, status, as they stand in the log; the index is the number of the line.

    `attrs` has `path`, `left_out` (how many broken lines) and `first_left_out` (where the first one is, and what is wrong with it)."""
    import pandas as pd

    source, left = str(path), _LeftOut()
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


# --- sessions ----------------------------------------------------------------------------------


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

    source, left = frame.attrs.get("path", "log"), _LeftOut()
    rows: list[list[object]] = []
    status: list[int] = []
    running: dict[tuple[str, str], _Session] = {}
    columns = (frame[name].tolist() for name in ("time", "client_ip", "user", "method", "query", "status"))
    for number, time, client, user, method, query, code in zip(frame.index.tolist(), *columns, strict=True):
        ours = user in (_COMMAND, _RESPONSE)
        session = running.setdefault((client, "" if ours else user), _Session("" if ours or user == "-" else user))
        method, row = method.upper(), -1
        if user == _RESPONSE:
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
