"""Where messages lie: an mbox, a Maildir, a folder of .eml files, a file with one message.

Message by message, headers only as far as memory goes, so a mailbox of any size can be read. Of a Maildir the folders `cur` and `new` are
read, not `tmp` and not the subfolders of IMAP. Files are opened for reading only and never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from sim.errors import BadInput

__all__ = ["HEAD", "Raw", "folder", "is_mbox", "mbox", "messages"]

HEAD: Final = 65536  # bytes that tell an mbox from a CSV from noise
_HEADER_LIMIT: Final = 102400  # bytes; header_size_limit, postconf(5). A file without an empty line must not fill the memory.


class Raw(NamedTuple):
    """A message as it is found. `envelope` is the From_ line of an mbox without its first word; `error` says why there is no content."""

    name: str
    content: bytes  # at least the headers
    size: int  # bytes of the whole message
    envelope: str = ""
    error: str = ""


def messages(path: Path) -> Iterator[Raw]:
    """The messages of a path, with names by which an administrator finds them again; a file of a folder that cannot be read is one
    with an `error`. BadInput where the path itself cannot be read, or holds no message."""
    try:
        if path.is_dir():
            yield from folder(path, lambda name, content: None, keep_going=True)
            return
        with path.open("rb") as file:
            head = file.read(HEAD)
            file.seek(0)
            if not head.strip():
                raise BadInput(str(path), "is empty; wanted is a message, an mbox, a Maildir, or a folder of .eml files")
            if is_mbox(head):
                yield from mbox(file, str(path))
                return
            content = file.read(_HEADER_LIMIT)
            yield Raw(str(path), content, len(content) + sum(map(len, iter(lambda: file.read(HEAD), b""))))
    except OSError as error:
        raise BadInput(str(error.filename or path), f"cannot be read: {(error.strerror or str(error)).lower()}") from None


def is_mbox(head: bytes) -> bool:
    """Does a file begin as an mbox does?"""
    return b"\0" not in head and head.lstrip().startswith(b"From ")


def folder(source: Path, seen: Callable[[str, bytes], None], keep_going: bool = False) -> Iterator[Raw]:
    """Every message of a Maildir, or every .eml below a folder, by name. `seen` is told of each file before it is yielded."""
    boxes = [source / name for name in ("cur", "new") if (source / name).is_dir()]
    if boxes:
        mail = {path.relative_to(source).as_posix(): path for box in boxes for path in box.iterdir() if path.is_file()}
        if not mail:
            raise BadInput(str(source), "is a Maildir without a message in cur or new")
    else:
        files = {path.relative_to(source).as_posix(): path for path in source.rglob("*") if path.is_file()}
        mail = {name: path for name, path in files.items() if name.lower().endswith(".eml")}
        if not mail:
            raise BadInput(
                str(source), f"none of the {len(files)} files in this folder is named *.eml, and it is no Maildir (no cur, no new)"
            )
    for name in sorted(mail):
        try:
            content = mail[name].read_bytes()
        except OSError as error:
            if not keep_going:
                raise
            yield Raw(str(mail[name]), b"", 0, error=f"cannot be read: {(error.strerror or str(error)).lower()}")
            continue
        seen(name, content)
        yield Raw(str(mail[name]), content, len(content))


def mbox(lines: Iterable[bytes], name: str = "") -> Iterator[Raw]:
    """A message begins at a line with `From `; bodies have it quoted. Like the standard library's mailbox.mbox, but that opens the
    administrator's file for writing, and reads it once more than needed. A message is named by the file and its number in it."""
    envelope: bytes | None = None
    header: list[bytes] = []
    held, size, number, last, inside = 0, 0, 0, b"", True
    for line in lines:
        if line.startswith(b"From "):
            if envelope is not None:
                yield Raw(f"{name}#{number}", b"".join(header), size - _blank(last), envelope.decode("latin-1"))
            envelope, header, held, size, inside = line[5:], [], 0, 0, True
            number += 1
        else:
            size += len(line)
            inside = inside and _blank(line) == 0
            if inside and held < _HEADER_LIMIT:
                header.append(line[:_HEADER_LIMIT])
                held += len(line)
        last = line
    if envelope is not None:
        yield Raw(f"{name}#{number}", b"".join(header), size - _blank(last), envelope.decode("latin-1"))


def _blank(line: bytes) -> int:
    """The length of an empty line, which separates headers from a body and a message from the next; 0 for any other."""
    return len(line) if line in (b"\n", b"\r\n") else 0
