"""A page with parts that are written by a program, between two comments that name the part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["put"]


def put(page: Path, part: str, lines: Sequence[str]) -> None:
    """Write lines between `<!-- PART -->` and `<!-- /PART -->`; ValueError where the page has no such place."""
    text = page.read_text(encoding="utf-8")
    begin, end = f"<!-- {part} -->", f"<!-- /{part} -->"
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{page}: no place {begin} ... {end}")
    page.write_text("\n".join([before + begin, *lines, end + after]), encoding="utf-8")
