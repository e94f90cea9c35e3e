"""A key between two values: `spam.unresolvable` from 2 % to 46 %.

A share u of the way, 0 at the low end and 1 at the high one, gives a value as it would be written in the file. Numbers keep the unit in
which the ends are written; whole numbers stay whole; what is no number (yes or no, user or null) has its two ends and nothing between.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from sim import units
from sim.errors import BadInput, nearest
from sim.scenario import reader

__all__ = ["Span", "over", "span"]

_NUMBER: Final = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*")


@dataclass(frozen=True, slots=True)
class Span:
    """A key, its ends as they are written, and how to go from one to the other."""

    key: str
    low: object
    high: object
    first: float = 0.0  # the ends as numbers, in `unit`
    last: float = 1.0
    unit: str = ""
    quoted: bool = False  # values are texts, with their unit
    whole: bool = False
    choice: bool = False  # the two ends and nothing between
    log: bool = False

    def number(self, u: float) -> float:
        """The number at a share of the way."""
        if self.choice:
            return float(u >= 0.5)
        if self.log:
            number = self.first * math.exp(u * math.log(self.last / self.first))
        else:
            number = self.first + (self.last - self.first) * u
        return float(round(number)) if self.whole else number

    def at(self, u: float) -> object:
        """The value at a share of the way, as it would be written."""
        if self.choice:
            return self.low if u < 0.5 else self.high
        number = self.number(u)
        if self.whole:
            return round(number)
        return self.text(number) if self.quoted else float(f"{number:.6g}")

    def text(self, number: float) -> str:
        """A number with the unit, as it would be written."""
        gap = "" if self.unit.startswith("/") or not self.unit else " "
        return f"{number:.6g}{gap}{self.unit}"

    def said(self, u: float, figures: int = 4) -> str:
        """The value at a share of the way as prose says it, with that many figures."""
        return reader.plain(self.at(u)) if self.choice else self.text(float(f"{self.number(u):.{figures}g}"))

    def shares(self, count: int) -> list[float]:
        """Up to `count` shares from 0 to 1 whose values differ."""
        listed = [0.0, 1.0] if self.choice else [n / (count - 1) for n in range(count)]
        found: dict[object, float] = {}
        for u in listed:
            found.setdefault(self.at(u), u)
        return list(found.values())


def span(key: str, low: object, high: object, *, log: bool = False, where: str = "--over") -> Span:
    """From one value of a key to another; BadInput where there is no way between them."""
    known = reader.fields()
    name = reader.generic(key)
    if name not in known and not key.startswith("spam.mailboxes."):
        able = [name for name in known if "[]" not in name]
        raise BadInput(where, f"{key!r} is not a key of a scenario{nearest(key, able)}; `mailflow show schema` lists them")
    if isinstance(low, bool) or isinstance(high, bool):
        return Span(key, low, high, choice=True)
    if isinstance(low, int | float) and isinstance(high, int | float):
        whole = name in known and "int" in str(known[name][1].annotation) and "float" not in str(known[name][1].annotation)
        found = Span(key, low, high, float(low), float(high), whole=whole, log=log)
    elif isinstance(low, str) and isinstance(high, str):
        found = _texts(key, low, high, log, where)
    else:
        raise BadInput(where, f"{key} from {low!r} to {high!r}: write both ends with the same unit")
    if found.choice:
        return found
    if found.first == found.last:
        raise BadInput(where, f"{key} from {low} to {high} goes nowhere")
    if log and min(found.first, found.last) <= 0:
        raise BadInput(where, f"{key} from {low} to {high}: a logarithmic scale begins above 0")
    return found


def _texts(key: str, low: str, high: str, log: bool, where: str) -> Span:
    ends = [_NUMBER.fullmatch(text) for text in (low, high)]
    if ends[0] is None or ends[1] is None:
        if ends[0] is ends[1]:
            return Span(key, low, high, choice=True)
        raise BadInput(where, f"{key} from {low!r} to {high!r}: one end is a number and the other is not")
    (first, one), (last, other) = (match.groups() for match in ends if match)
    if one == other:
        return Span(key, low, high, float(first), float(last), one, quoted=True, log=log)
    try:
        a, b = units.duration(low), units.duration(high)
    except ValueError:
        raise BadInput(where, f"{key} from {low!r} to {high!r}: write both ends with the same unit") from None
    name, length = next(
        (n, s) for n, s in (("d", units.DAY), ("h", units.HOUR), ("min", units.MINUTE), ("s", 1.0)) if min(a, b) >= s or s == 1
    )
    return Span(key, low, high, a / length, b / length, name, quoted=True, log=log)


def over(text: str, *, log: bool = False, where: str = "--over") -> Span:
    """`spam.unresolvable=2%..46%` to a span."""
    key, equals, ends = (part.strip() for part in text.partition("="))
    low, dots, high = (part.strip() for part in ends.partition(".."))
    if not key or not equals or not low or not dots or not high:
        raise BadInput(where, f"{text!r} is not KEY=LOW..HIGH, as in 'spam.unresolvable=2%..46%'")
    values = [reader.written(end) for end in (low, high)]
    if any(isinstance(value, int | float) and not isinstance(value, bool) and not math.isfinite(value) for value in values):
        raise BadInput(where, f"{text!r} does not end")
    return span(key, *values, log=log, where=where)
