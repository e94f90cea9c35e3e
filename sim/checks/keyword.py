"""Which expectations are meant: `-k "retry and not (external or day)"`.

As in pytest: `and`, `or`, `not` and parentheses between words; a word holds where it is part of `scenario::expectation`, in large or small
letters. A word with a blank in it stands in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sim.errors import BadInput

__all__ = ["keyword"]

Choice = Callable[[str], bool]


def keyword(expression: str, where: str = "-k") -> Choice:
    """The function that says of an id whether it is meant; an empty expression means all."""
    if not expression.strip():
        return lambda name: True
    tokens: list[str] = re.findall(r"""[()]|"[^"]*"|'[^']*'|[^\s()"']+|["']""", expression)
    if "'" in tokens or '"' in tokens:
        raise BadInput(where, f"{expression!r} has a quotation mark without its fellow")
    place = 0

    def peek() -> str:
        return tokens[place] if place < len(tokens) else ""

    def take() -> str:
        nonlocal place
        place += 1
        return tokens[place - 1]

    def either() -> Choice:
        parts = [both()]
        while peek() == "or":
            take()
            parts.append(both())
        return lambda name: any(part(name) for part in parts)

    def both() -> Choice:
        parts = [negated()]
        while peek() == "and":
            take()
            parts.append(negated())
        return lambda name: all(part(name) for part in parts)

    def negated() -> Choice:
        if peek() == "not":
            take()
            part = negated()
            return lambda name: not part(name)
        return single()

    def single() -> Choice:
        word = peek()
        if word == "(":
            take()
            inner = either()
            if peek() != ")":
                raise BadInput(where, f"{expression!r} lacks a closing parenthesis")
            take()
            return inner
        if word in ("", ")", "and", "or"):
            found = f"found {word!r}" if word else "found its end"
            raise BadInput(where, f"{expression!r}: {found} where a word was wanted, as in 'retry and not external'")
        text = take().strip("\"'").lower()
        return lambda name: text in name.lower()

    choice = either()
    if peek():
        raise BadInput(where, f"{expression!r}: found {peek()!r} where 'and' or 'or' was wanted; a word with a blank stands in quotes")
    return choice
