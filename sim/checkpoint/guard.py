"""One process at a time in a folder.

The lock itself is one of the operating system, taken through SQLite: it is the one way in the standard library that is the same on Windows
and elsewhere. The system gives it up when its process ends, however it ends; so a process that was killed leaves no lock behind, and it
does not matter who has its number (pid) now. Beside it the file `lock` says who holds it. It stays behind after kill -9, and the next
process of this computer takes it over. Of another computer's processes nothing can be known from here: its lock is left to a human being.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from sim.errors import BadInput, BadOutput

__all__ = ["GUARD", "LOCK", "alone"]

GUARD: Final = "lock.sqlite"  # never removed: whoever has it open must mean the same file as whoever comes later
LOCK: Final = "lock"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder that exists. Raises BadInput where another process holds it, BadOutput where it cannot be held."""
    import sqlite3

    lock = folder / LOCK
    with closing(sqlite3.connect(folder / GUARD, timeout=0, isolation_level=None)) as guard:
        try:
            guard.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise BadInput(str(folder), f"is in use by {_holder(lock)[0]}: wait for its end, or name another folder") from None
            raise BadOutput(str(folder), f"cannot be locked: {error}") from None
        said, host = _holder(lock)
        if host not in ("", platform.node()):
            why = f"if that process has ended, delete {lock}"
            raise BadInput(str(folder), f"is in use by {said}, which cannot be looked at from here: {why}")
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        try:
            lock.write_text(json.dumps({"pid": os.getpid(), "host": platform.node(), "since": since}) + "\n", encoding="utf-8")
        except OSError as error:
            raise BadOutput(str(lock), f"cannot be written: {(error.strerror or str(error)).lower()}") from None
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _holder(lock: Path) -> tuple[str, str]:
    """Who wrote the file `lock`, in words, and its computer; "" where that cannot be told."""
    try:
        found = json.loads(lock.read_text(encoding="utf-8"))
        return f"process {found['pid']} on {found['host']} since {found['since']}", str(found["host"])
    except (OSError, ValueError, LookupError, TypeError):
        return "another process", ""
