"""Real mail as columns: an mbox, a folder of .eml files, or a CSV of metadata.

What a model needs of a message is when it came, how long it is, whom it names as its sender, and what its headers say to a responder. All
else is left in the file: header by header, message by message, so a mailbox of any size can be read. No mail is so damaged that reading
stops; what has no usable sender or no time is counted as malformed, and read = kept + malformed always holds.

Sender: Return-Path, X-Envelope-From, the From_ line of an mbox; where none of them is an address, From, counted in `from_used`. `<>` is the
null sender. Time: the topmost Received, the From_ line, Date. A CSV has the columns `NEEDED`, and may have those of `FLAGS`; its addresses
are `local_hash@domain`, so who must not show addresses hashes the local part.
"""

from __future__ import annotations

import calendar
import csv
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parsedate_tz
from pathlib import Path
from typing import IO, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.errors import BadInput
from sim.mail import NULL_SENDER, Flag, Ints
from sim.units import Floats, grid

__all__ = ["FLAGS", "LARGE_PROVIDERS", "NEEDED", "Corpus", "read"]

NEEDED: Final = ("received_utc_epoch", "size_bytes", "env_kind", "env_domain", "env_local_hash", "from_domain", "from_local_hash")
FLAGS: Final = ("auto_submitted", "precedence", "has_list_header", "has_list_id", "has_list_unsubscribe", "x_auto_response_suppress")

_PROVIDERS: Final = """
126.com 163.com aim.com aol.com att.net bellsouth.net bigpond.com btinternet.com charter.net comcast.net compuserve.com cox.net
daum.net earthlink.net excite.com fastmail.com free.fr freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com
hanmail.net hotmail.co.uk hotmail.com hotmail.fr icloud.com iname.com juno.com laposte.net libero.it live.com lycos.com mac.com
mail.com mail.ru me.com msn.com naver.com netscape.net netzero.net orange.fr outlook.com prodigy.net proton.me protonmail.com qq.com
rediffmail.com rocketmail.com rogers.com sbcglobal.net shaw.ca sina.com sohu.com sympatico.ca t-online.de terra.com.br tiscali.it
uol.com.br verizon.net virgilio.it wanadoo.fr web.de xtra.co.nz yahoo.ca yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com yahoo.com.br
yahoo.de yahoo.es yahoo.fr yandex.ru ymail.com zoho.com
"""
# Companies that give mailboxes to anybody, in 2002 or today: a reply to a forged address there finds a server that answers.
LARGE_PROVIDERS: Final = frozenset(_PROVIDERS.split())

_ADDRESS: Final = re.compile(
    r"""("[^"\x00-\x1f\x7f]*"|[^\s@<>"(),;:\\\x00-\x1f\x7f]+)@(\[[^\s\[\]\x00-\x1f\x7f]*\]|[^\s@<>"(),;:\\\[\]\x00-\x1f\x7f]+)"""
)
# RFC 3834 section 2 and RFC 5230 section 4.6 name these; noreply and its kin they do not.
_SYSTEM: Final = re.compile(r"mailer-daemon|listserv|majordomo|owner-.*|.*-request")
_ENVELOPE: Final = ("Return-Path", "X-Envelope-From")
_HEADER_LIMIT: Final = 102400  # bytes; header_size_limit, postconf(5). A file without an empty line must not fill the memory.
_LONGEST: Final = 4096  # characters of a header in which an address is looked for: the search is quadratic, and spam is long
_HEAD: Final = 65536  # bytes that tell an mbox from a CSV from noise
_LATEST: Final = 2.0**32  # a time beyond 2106 is damage; below it, differences are exact on the time grid


@dataclass(frozen=True, eq=False)
class Corpus:
    """The messages of a file or folder, sorted by time. Arrays have one element per message kept."""

    path: str
    sha256: str  # of the file; of a folder, over the sorted names and contents
    epoch: str  # UTC of the first message
    at: Floats  # seconds since the first message, on the time grid
    size: Ints  # bytes, headers included
    sender: Ints  # index into addresses; -1 is the null sender
    domain: Ints  # of the sender, index into domains; -1 for the null sender
    flags: npt.NDArray[np.uint16]  # mail.Flag, as far as the message alone shows it
    addresses: tuple[str, ...]  # lower case, in order of first appearance in the file
    domains: tuple[str, ...]
    read: int  # messages found
    malformed: int  # without a sender, or without a time
    from_used: int  # whose sender is their From, for want of an envelope

    def __len__(self) -> int:
        return len(self.at)

    def __repr__(self) -> str:
        return f"<Corpus {self.path}: {len(self)} messages from {len(self.domains)} domains, {self.malformed} malformed>"


class _Found(NamedTuple):
    """One usable message. `sender` is empty for the null sender."""

    at: float
    size: int
    sender: str
    flags: int
    from_used: bool


def read(path: str | os.PathLike[str]) -> Corpus:
    """Read an mbox, a CSV of metadata, or every .eml file below a folder."""
    source = Path(path)
    digest = hashlib.sha256()
    try:
        if source.is_dir():
            return _columns(source, digest, _folder(source, digest))
        with source.open("rb") as file:
            head = file.read(_HEAD)
            file.seek(0)
            lines = _hashed(file, digest)
            return _columns(source, digest, _mbox(lines) if _is_mbox(source, head) else _csv(source, lines))
    except OSError as error:
        raise BadInput(str(error.filename or source), f"cannot be read: {(error.strerror or str(error)).lower()}") from None


def _is_mbox(source: Path, head: bytes) -> bool:
    """An mbox, or else a CSV; anything else is refused."""
    first = head.lstrip().split(b"\n", 1)[0]
    if not first:
        raise BadInput(str(source), "is empty; wanted is an mbox, a folder of .eml files, or a CSV of metadata")
    if b"\0" not in head:
        if first.startswith(b"From "):
            return True
        if b"," in first or source.suffix.lower() == ".csv":
            return False
    raise BadInput(str(source), "is neither an mbox (its first line begins with 'From ') nor a CSV (its first line names columns)")


def _hashed(file: IO[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    for line in file:
        digest.update(line)
        yield line


def _columns(source: Path, digest: hashlib._Hash, found: Iterable[_Found | None]) -> Corpus:
    """Put what was found, None for a malformed message, into columns. `digest` is complete when `found` is exhausted."""
    addresses: dict[str, int] = {}
    domains: dict[str, int] = {}
    where: list[int] = []  # domain of each address
    times, sizes, senders, flags = [], [], [], []
    count = malformed = from_used = 0
    for message in found:
        count += 1
        if message is None:
            malformed += 1
            continue
        if message.sender and message.sender not in addresses:
            addresses[message.sender] = len(addresses)
            where.append(domains.setdefault(message.sender.rpartition("@")[2], len(domains)))
        times.append(message.at)
        sizes.append(message.size)
        senders.append(addresses[message.sender] if message.sender else NULL_SENDER)
        flags.append(message.flags)
        from_used += message.from_used
    if not times:
        raise BadInput(str(source), f"no message with a sender and a time among the {count} in it")
    at = np.array(times, dtype=np.float64)
    order = np.argsort(at, kind="stable")
    first = float(at[order[0]])
    sender = np.array(senders, dtype=np.int64)[order]
    return Corpus(
        path=str(source),
        sha256=digest.hexdigest(),
        epoch=datetime.fromtimestamp(first, UTC).isoformat().replace("+00:00", "Z"),
        at=grid(at[order] - first),
        size=np.array(sizes, dtype=np.int64)[order],
        sender=sender,
        domain=np.array([*where, -1], dtype=np.int64)[sender],  # NULL_SENDER, -1, is the last
        flags=np.array(flags, dtype=np.uint16)[order],
        addresses=tuple(addresses),
        domains=tuple(domains),
        read=count,
        malformed=malformed,
        from_used=from_used,
    )


# --- messages ----------------------------------------------------------------------------------


def _folder(source: Path, digest: hashlib._Hash) -> Iterator[_Found | None]:
    """Every .eml below a folder, by name."""
    files = {path.relative_to(source).as_posix(): path for path in source.rglob("*") if path.is_file()}
    mail = sorted(name for name in files if name.lower().endswith(".eml"))
    if not mail:
        raise BadInput(str(source), f"none of the {len(files)} files in this folder is named *.eml")
    for name in mail:
        content = files[name].read_bytes()
        digest.update(b"%s\0%d\0" % (os.fsencode(name), len(content)))
        digest.update(content)
        yield _message(content, len(content), "")


def _mbox(lines: Iterable[bytes]) -> Iterator[_Found | None]:
    """A message begins at a line with `From `; bodies have it quoted. Like the standard library's mailbox.mbox, but that opens the
    administrator's file for writing, and reads it once more than needed."""
    envelope: bytes | None = None
    header: list[bytes] = []
    held, size, last, inside = 0, 0, b"", True
    for line in lines:
        if line.startswith(b"From "):
            if envelope is not None:
                yield _message(b"".join(header), size - _blank(last), envelope.decode("latin-1"))
            envelope, header, held, size, inside = line[5:], [], 0, 0, True
        else:
            size += len(line)
            inside = inside and _blank(line) == 0
            if inside and held < _HEADER_LIMIT:
                header.append(line[:_HEADER_LIMIT])
                held += len(line)
        last = line
    if envelope is not None:
        yield _message(b"".join(header), size - _blank(last), envelope.decode("latin-1"))


def _blank(line: bytes) -> int:
    """The length of an empty line, which separates headers from a body and a message from the next; 0 for any other."""
    return len(line) if line in (b"\n", b"\r\n") else 0


def _message(content: bytes, size: int, envelope: str) -> _Found | None:
    """What the headers say. `envelope` is the From_ line of an mbox without its first word."""
    headers: Message = BytesHeaderParser().parsebytes(content)
    named, _, stamped = envelope.partition(" ")
    at = _received(headers)
    at = _seconds(stamped) if at is None else at
    at = _seconds(_text(headers, "Date")) if at is None else at
    # MAILER-DAEMON in a From_ line is no evidence of the null sender: Python's mailbox writes it where it knows nothing.
    stated = [_envelope(text) for text in (*(_text(headers, name) for name in _ENVELOPE), named)]
    known = next((address for address in stated if address is not None), None)
    sender = known if known is not None else _address(_text(headers, "From"))
    if at is None or sender is None:
        return None
    return _Found(at, size, sender, _flags(headers, sender), known is None)


def _text(headers: Message, name: str) -> str:
    """A header on one line; bytes that are no characters come out as replacement characters."""
    return " ".join(str(headers.get(name, "")).split())


def _received(headers: Message) -> float | None:
    _, semicolon, date = _text(headers, "Received").rpartition(";")
    return _seconds(date) if semicolon else None


def _seconds(text: str) -> float | None:
    """A date of RFC 5322, or of an mbox (UTC where it has no zone), in seconds since 1970."""
    try:
        parsed = parsedate_tz(text)
        if parsed is None:
            return None
        year, month, day, hour, minute, second = parsed[:6]
        moment = datetime(year, month, day, hour, minute, min(second, 59))  # 60 is a leap second
        return _plausible(calendar.timegm(moment.timetuple()) - (parsed[9] or 0))
    except (ValueError, OverflowError, TypeError, IndexError):  # neither parsedate_tz nor datetime takes every damaged date
        return None


def _plausible(seconds: float) -> float | None:
    return float(seconds) if 0 <= seconds < _LATEST else None


def _envelope(text: str) -> str | None:
    """An envelope sender: an address, empty for the null sender, None where it is neither."""
    return "" if re.fullmatch(r"<\s*>", text) else _address(text)


def _address(text: str) -> str | None:
    """The first address in angle brackets, else the first at all, in lower case."""
    text = text[:_LONGEST]
    bracketed = (_ADDRESS.fullmatch(inner.rpartition(":")[2].strip()) for inner in re.findall(r"<([^<>]*)>", text))
    match = next((match for match in bracketed if match), None) or _ADDRESS.search(text)
    return _joined(match[1], match[2]) if match else None


def _joined(local: str, domain: str) -> str | None:
    address = f"{local}@{domain.rstrip('.')}".lower()
    return address if _ADDRESS.fullmatch(address) else None


def _flags(headers: Message, sender: str) -> int:
    return _rules(
        _text(headers, "Auto-Submitted"),
        _text(headers, "Precedence"),
        any(name.lower().startswith("list-") for name in headers),
        _text(headers, "X-Auto-Response-Suppress"),
        sender,
    )


def _rules(automatic: str, precedence: str, listed: bool, suppress: str, sender: str) -> int:
    """mail.Flag of a message."""
    first = re.split(r"[;\s(]", automatic.strip().lower(), maxsplit=1)[0]
    return (
        (Flag.AUTO_SUBMITTED if first not in ("", "no") else 0)
        | (Flag.PRECEDENCE if precedence.strip().lower() in ("bulk", "list", "junk") else 0)
        | (Flag.LIST_HEADER if listed else 0)
        | (Flag.SUPPRESS_HEADER if {"oof", "autoreply", "all"} & set(re.split(r"[,;\s]+", suppress.lower())) else 0)
        | (Flag.SYSTEM_SENDER if _SYSTEM.fullmatch(sender.rpartition("@")[0]) else 0)
    )


# --- metadata ----------------------------------------------------------------------------------


def _csv(source: Path, lines: Iterable[bytes]) -> Iterator[_Found | None]:
    """Rows of a CSV. A row that cannot be split is malformed like one with a wrong value."""
    rows = csv.reader(line.decode("utf-8", "replace") for line in lines)
    try:
        names = [name.strip().lstrip("\ufeff").lower() for name in next(rows, [])]
    except csv.Error:
        names = []
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise BadInput(str(source), f"column {missing[0]!r} is missing; needed are {', '.join(NEEDED)}")
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:
            yield None
            continue
        if row:
            yield _row(dict(zip(names, row, strict=False))) if len(row) == len(names) else None


def _row(row: Mapping[str, str]) -> _Found | None:
    try:
        at, size = _plausible(float(row["received_utc_epoch"])), int(row["size_bytes"])
    except ValueError:
        return None
    kind = row["env_kind"].strip().lower()
    if at is None or not 0 <= size < 2**53 or kind not in ("address", "null", "absent"):
        return None
    sender = "" if kind == "null" else None
    if kind == "address":
        sender = _joined(row["env_local_hash"].strip(), row["env_domain"].strip())
    known = sender is not None
    if sender is None:
        sender = _joined(row["from_local_hash"].strip(), row["from_domain"].strip())
    if sender is None:
        return None
    automatic, precedence, *listed, suppress = (row.get(name, "").strip() for name in FLAGS)
    flags = _rules(
        "" if automatic == "0" else automatic,
        precedence,
        any(cell not in ("", "0") for cell in listed),
        "all" if suppress == "1" else suppress,  # the tables of measured mail say 0 or 1
        sender,
    )
    return _Found(at, size, sender, flags, not known)
