"""A page with parts that are written by a program, between two comments that name the part and the program."""

from __future__ import annotations

from pathlib import Path

__all__ = ["put"]


def put(page: Path, part: str, program: str, text: str) -> None:
    """Put text into the place of a part; SystemExit where the page has none."""
    whole = page.read_text(encoding="utf-8")
    begin, end = f"<!-- {part}: begin; {program} writes what is between -->", f"<!-- {part}: end -->"
    if begin not in whole or end not in whole:
        raise SystemExit(f"{page}: wants a line {begin!r} and a line {end!r}")
    before, rest = whole.split(begin, 1)
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")
