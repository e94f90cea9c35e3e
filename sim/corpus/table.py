"""A CSV of metadata: one row per message, for who may not show the mail itself.

Needed are the columns `NEEDED`; those of `FLAGS` may be there. Addresses are `local_hash@domain`, so who must not show addresses hashes the
local part. Such a table cannot tell the seven list headers of RFC 2369 from other List-* headers; all count as one of the seven.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from sim.corpus.flags import flags
from sim.corpus.headers import joined, plausible
from sim.errors import BadInput

__all__ = ["FLAGS", "NEEDED", "Found", "rows"]

NEEDED: Final = ("received_utc_epoch", "size_bytes", "env_kind", "env_domain", "env_local_hash", "from_domain", "from_local_hash")
FLAGS: Final = ("auto_submitted", "precedence", "has_list_header", "has_list_id", "has_list_unsubscribe", "x_auto_response_suppress", "spf")


class Found(NamedTuple):
    """One message. `sender` is empty for the null sender."""

    at: float | None  # seconds since 1970; a model cannot use a message without a time, a responder can judge it
    size: int
    sender: str
    flags: int
    from_used: bool


def rows(source: Path, lines: Iterable[bytes]) -> Iterator[Found | None]:
    """Rows of a CSV. A row that cannot be split is malformed, None, like one with a wrong value."""
    table = csv.reader(line.decode("utf-8", "replace") for line in lines)
    try:
        names = [name.strip().lstrip("\ufeff").lower() for name in next(table, [])]
    except csv.Error:
        names = []
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise BadInput(str(source), f"column {missing[0]!r} is missing; needed are {', '.join(NEEDED)}")
    while True:
        try:
            row = next(table)
        except StopIteration:
            return
        except csv.Error:
            yield None
            continue
        if row:
            yield _row(dict(zip(names, row, strict=False))) if len(row) == len(names) else None


def _row(row: Mapping[str, str]) -> Found | None:
    try:
        size = int(row["size_bytes"])
    except ValueError:
        return None
    kind = row["env_kind"].strip().lower()
    if not 0 <= size < 2**53 or kind not in ("address", "null", "absent"):
        return None
    sender = "" if kind == "null" else None
    if kind == "address":
        sender = joined(row["env_local_hash"].strip(), row["env_domain"].strip())
    known = sender is not None
    author = joined(row["from_local_hash"].strip(), row["from_domain"].strip())
    if sender is None:
        sender = author
    if sender is None:
        return None
    automatic, precedence, *listed, suppress, spf = (row.get(name, "").strip() for name in FLAGS)
    found = flags(
        automatic=[automatic] if automatic not in ("", "0") else [],
        precedence=[precedence],
        names=["List-Id"] if any(cell not in ("", "0") for cell in listed) else [],
        suppress=["all" if suppress == "1" else suppress],  # the tables of measured mail say 0 or 1
        spam=[],
        spf=spf.lower(),
        sender=sender,
        author=author or "",
    )
    return Found(_time(row["received_utc_epoch"]), size, sender, found, not known)


def _time(text: str) -> float | None:
    try:
        return plausible(float(text))
    except ValueError:
        return None
