"""The answer as plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from sim.report.answer import Answer, Table

__all__ = ["columns", "filled", "numeric", "text"]


def text(found: Answer, width: int = 110) -> str:
    """The answer as plain text that can be pasted into a ticket."""

    def fill(line: str, indent: str = "") -> str:
        return filled(line, indent, width)

    parts = [fill(found.sentence), fill(found.cost_and_gain), "", _aligned(found.table), ""]
    parts += [fill(line) for line in found.decided]
    parts += ["", f"{found.why_title}:"] + [fill(line, "  - ") for line in found.why] if found.why else []
    parts += ["", fill("Not an argument here: " + "; ".join(found.not_arguments) + ".")]
    parts += [fill("Not in this scenario: " + "; ".join(found.not_modelled) + ".")] if found.not_modelled else []
    parts += [fill(line) for line in found.gain]
    if found.by_hand:
        parts.append(fill("By hand: " + found.by_hand[0]))
        parts += [fill(line) for line in found.by_hand[1:]]
    parts += [fill(line) for line in found.replay]
    for above, rows in found.tables:
        parts += ["", fill(above), columns(rows)]
    if found.statistics:
        parts += ["", *map(fill, found.statistics)]
    parts += ["", fill(found.footer), found.reproduce]
    return "\n".join(parts)


def filled(line: str, indent: str = "", width: int = 110) -> str:
    """Wrapped, but never between a number and its sign."""
    kept = line.replace(" %", "\xa0%").replace(" ± ", "\xa0±\xa0")
    wrapped = textwrap.fill(
        kept, width, initial_indent=indent, subsequent_indent=" " * len(indent), break_on_hyphens=False, break_long_words=False
    )
    return wrapped.replace("\xa0", " ")


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as aligned text: columns of numbers stand at the right, and so do their heads."""
    widths, right = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))], numeric(rows)
    return "\n".join(
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)).rstrip() for row in rows
    )


def numeric(rows: Sequence[Sequence[str]]) -> list[bool]:
    """Which columns hold numbers: below the head every cell begins with a digit, a sign or a dash."""
    return [all(row[i][:1] in "0123456789-+−" for row in rows[1:]) for i in range(len(rows[0]))]


def _aligned(table: Table) -> str:
    """Columns with a two-line header."""
    heads = [
        [part.replace("\xa0", " ") for part in textwrap.wrap(head.replace("(of ", "(of\xa0"), 16)]
        if 0 < n < len(table.header) - 1
        else [head]
        for n, head in enumerate(table.header)
    ]
    depth = max(map(len, heads))
    lines = [tuple(head[i] if i < len(head) else "" for head in heads) for i in range(depth)] + list(table.rows)
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.header))]
    last = len(widths) - 1

    def row(cells: tuple[str, ...]) -> str:
        return "  ".join(
            cell.ljust(w) if i in (0, last) else cell.rjust(w) for i, (cell, w) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()

    return "\n".join(map(row, lines))
