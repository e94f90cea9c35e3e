"""A record as a log: its inbound sessions and outbound connections, in order of time."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from sim.errors import BadInput, BadOutput
from sim.legs import from_relay
from sim.logs.iis.line import COMMAND, FIELDS, RESPONSE, Line
from sim.mail import HERE, NULL_SENDER, SMARTHOST, TEXTS, Code, Kind, Outcome, Place
from sim.record import Record, Table

__all__ = ["write"]

_NETS: Final = ("192.0.2", "198.51.100", "203.0.113")  # the documentation ranges of RFC 5737: nobody's
_OUTSIDE: Final = (Kind.SPAM, Kind.WANTED, Kind.LIST, Kind.ECHO)
_CONNECTED: Final = (
    *(Code.OK, Code.GREYLISTED, Code.FULL, Code.OVER_QUOTA, Code.NO_MAILBOX, Code.BUSY, Code.LISTED),
    *(Code.TOO_MUCH, Code.TRY_LATER),
)
_REFUSAL: Final = "550 5.7.1 Requested action not taken: message refused"


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
    messages, attempts = dict(record.columns("messages")), dict(record.columns("attempts"))  # at hand: they are read line by line
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
    return "#Software: Microsoft Internet Information Services 6.0", "#Version: 1.0", f"#Date: {moment}", f"#Fields: {FIELDS} "


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


def _received(messages: Table, row: int, names: _Names, known: str = "") -> Iterator[Line]:
    """A session from outside; byte counts follow the real server's replies. `known`: the host, where its return path does not tell."""
    sender, helo = names.sender(int(messages["sender"][row]))
    helo = known or helo
    recipient, id = names.recipient(int(messages["recipient"][row])), f"<{int(messages['id'][row]):x}@{helo}>"
    client, refused = _ip(helo), messages["outcome"][row] == Outcome.REFUSED
    hello = f"250 {names.server()} Hello [{client}]"
    yield Line(client, helo, "HELO", f" {helo}", 250, len(hello) + 2, len(helo) + 5)
    yield Line(client, helo, "MAIL", f" FROM:<{sender}>", 250, len(f"250 2.1.0 {sender}....Sender OK") + 2, len(sender) + 12)
    answer = _REFUSAL if refused else f"250 2.1.5 {recipient} "
    yield Line(client, helo, "RCPT", f" TO:<{recipient}>", int(answer[:3]), len(answer) + 2, len(recipient) + 10)
    if not refused:
        told = len("354 Start mail input; end with <CRLF>.<CRLF>") + len(f"250 2.6.0  {id} Queued mail for delivery") + 4
        yield Line(client, helo, "DATA", f" {id}", 250, told, int(messages["size"][row]))
    yield Line(client, helo, "QUIT", helo, 240, 68, 4)


def _delivered(messages: Table, row: int, attempts: Table, attempt: int, names: _Names) -> Iterator[Line]:
    """A connection to the outside, which the other side may have closed in its greeting."""
    hop, code = names.domains[int(attempts["next_hop"][attempt])], Code(int(attempts["code"][attempt]))
    client, sender = _ip(hop), int(messages["sender"][row])
    return_path = "" if sender == NULL_SENDER else names.addresses[sender][0]

    def response(text: str) -> Line:
        return Line(client, RESPONSE, "-", text, 0, len(text))

    def command(method: str, query: str, answer: str) -> Iterator[Line]:
        yield Line(client, COMMAND, method, query, 0, len(method))
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
