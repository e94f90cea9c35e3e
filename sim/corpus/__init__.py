"""Real mail as columns: an mbox, a Maildir, a folder of .eml files, or a CSV of metadata.

What a model needs of a message is when it came, how long it is, whom it names as its sender, and what its headers say to a responder. All
else is left in the file. No mail is so damaged that reading stops; what has no usable sender or no time is counted as malformed, and
read = kept + malformed always holds.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import numpy as np

from sim.corpus.headers import parse
from sim.corpus.messages import HEAD, Raw, folder, is_mbox, mbox
from sim.corpus.providers import LARGE_PROVIDERS
from sim.corpus.table import FLAGS, NEEDED, Found, rows
from sim.errors import BadInput
from sim.mail import NULL_SENDER, Flags, Ints
from sim.units import Floats, grid

__all__ = ["FLAGS", "LARGE_PROVIDERS", "NEEDED", "Corpus", "read"]


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
    flags: Flags  # mail.Flag, as far as the message alone shows it
    addresses: tuple[str, ...]  # lower case, in order of first appearance in the file
    domains: tuple[str, ...]
    read: int  # messages found
    malformed: int  # without a sender, or without a time
    from_used: int  # whose sender is their From, for want of an envelope

    def __len__(self) -> int:
        return len(self.at)

    def __repr__(self) -> str:
        return f"<Corpus {self.path}: {len(self)} messages from {len(self.domains)} domains, {self.malformed} malformed>"


def read(path: str | os.PathLike[str]) -> Corpus:
    """Read an mbox, a CSV of metadata, a Maildir, or every .eml file below a folder."""
    source = Path(path)
    digest = hashlib.sha256()

    def seen(name: str, content: bytes) -> None:
        digest.update(b"%s\0%d\0" % (os.fsencode(name), len(content)))
        digest.update(content)

    try:
        if source.is_dir():
            return _columns(source, digest, map(_found, folder(source, seen)))
        with source.open("rb") as file:
            head = file.read(HEAD)
            file.seek(0)
            lines = _hashed(file, digest)
            return _columns(source, digest, map(_found, mbox(lines)) if _mbox_not_csv(source, head) else rows(source, lines))
    except OSError as error:
        raise BadInput(str(error.filename or source), f"cannot be read: {(error.strerror or str(error)).lower()}") from None


def _mbox_not_csv(source: Path, head: bytes) -> bool:
    """An mbox, or else a CSV; anything else is refused."""
    first = head.lstrip().split(b"\n", 1)[0]
    if not first:
        raise BadInput(str(source), "is empty; wanted is an mbox, a Maildir, a folder of .eml files, or a CSV of metadata")
    if is_mbox(head):
        return True
    if b"\0" not in head and (b"," in first or source.suffix.lower() == ".csv"):
        return False
    raise BadInput(str(source), "is neither an mbox (its first line begins with 'From ') nor a CSV (its first line names columns)")


def _hashed(file: IO[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    for line in file:
        digest.update(line)
        yield line


def _found(raw: Raw) -> Found | None:
    mail = parse(raw)
    if mail.sender is None:
        return None
    return Found(mail.at, mail.size, mail.sender, mail.flags(), mail.from_used)


def _columns(source: Path, digest: hashlib._Hash, found: Iterable[Found | None]) -> Corpus:
    """Put what was found, None or without a time where it is malformed, into columns. `digest` is complete when `found` is exhausted."""
    addresses: dict[str, int] = {}
    domains: dict[str, int] = {}
    where: list[int] = []  # domain of each address
    times, sizes, senders, flags = [], [], [], []
    count = malformed = from_used = 0
    for message in found:
        count += 1
        if message is None or message.at is None:
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
        flags=np.array(flags, dtype=np.uint32)[order],
        addresses=tuple(addresses),
        domains=tuple(domains),
        read=count,
        malformed=malformed,
        from_used=from_used,
    )
