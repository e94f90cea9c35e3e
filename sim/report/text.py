"""The answer as plain text."""

from __future__ import annotations

import textwrap

from sim.report.answer import Answer, Table

__all__ = ["text"]


def text(found: Answer, width: int = 110) -> str:
    """The answer as plain text that can be pasted into a ticket."""

    def fill(line: str, indent: str = "") -> str:
        """Wrapped, but never between a number and its sign."""
        kept = line.replace(" %", "\xa0%").replace(" ± ", "\xa0±\xa0")
        filled = textwrap.fill(
            kept, width, initial_indent=indent, subsequent_indent=" " * len(indent), break_on_hyphens=False, break_long_words=False
        )
        return filled.replace("\xa0", " ")

    parts = [fill(found.sentence), fill(found.cost_and_gain), "", _aligned(found.table), ""]
    parts += [fill(line) for line in found.decided]
    parts += ["", "Why:"] + [fill(line, "  - ") for line in found.why] if found.why else [""]
    parts += ["", fill("Not an argument here: " + "; ".join(found.not_arguments) + ".")]
    parts.append(fill("Not modelled: " + "; ".join(found.not_modelled) + "."))
    parts += [fill(line) for line in found.gain]
    if found.by_hand:
        parts.append(fill("By hand: " + found.by_hand[0]))
        parts += [fill(line) for line in found.by_hand[1:]]
    parts += [fill(line) for line in found.replay]
    parts += ["", fill(found.footer), found.reproduce]
    return "\n".join(parts)


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
