"""What the keys of a scenario file are made of: types that read a text with its unit, and what is known of a default."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sim import units
from sim.profiles import Tag

__all__ = ["Duration", "HopRate", "Moment", "OfficeRate", "Patience", "Rate", "Rest", "Share", "Size", "Table", "Week", "key", "of_profile"]


def _text(parse: Callable[[str], float], example: str) -> Callable[[object], float]:
    def read(value: object) -> float:
        if not isinstance(value, str):
            raise ValueError(f"{value!r} has no unit: write it as a text, as in '{example}'")
        return parse(value)

    return read


def _patience(text: str) -> float:
    return math.inf if text in ("never", "none") else units.duration(text)


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is not a share: write a percentage, as in '42 %'")
    return units.share(value)


def _rest(value: object) -> float | None:
    return None if value == "rest" else _share(value)


def _week(value: object) -> list[float]:
    """Weights of the 168 hours of the week from Monday 00:00, mean 1; none where the working hours decide."""
    if isinstance(value, str) and value in _WEEKS:
        value = _WEEKS[value]
    if not isinstance(value, list) or len(value) not in (0, 24, 168):
        names = ", ".join(f"'{name}'" for name in _WEEKS)
        found = f"a list of {len(value)}" if isinstance(value, list) else repr(value)
        raise ValueError(f"{found} is neither one of {names} nor 24 weights of a day or 168 of a week from Monday 00:00")
    if not all(isinstance(weight, int | float) and 0.0 <= weight < 1e9 for weight in value) or (value and not any(value)):
        raise ValueError("a weight is a number of at least 0, and not all of them are 0")
    mean = sum(value) / len(value) if value else 1.0
    return [float(weight) / mean for weight in value] * (7 if len(value) == 24 else 1)


# Messages of spam-2002.csv by day of the week, from Monday (UTC). Hours of the day do not differ: chi-squared 32 at 23 degrees of freedom.
_SPAM_DAYS = (300, 341, 294, 289, 262, 195, 216)
_WEEKS: dict[str, list[float]] = {
    "flat": [1.0] * 168,
    "office": [],
    "measured": [float(sum(days) / len(days)) for days in (_SPAM_DAYS[:5],) * 5 + (_SPAM_DAYS[5:],) * 2 for _ in range(24)],
}


def _rate(per: str, example: str) -> Callable[[object], float]:
    def parse(text: str) -> float:
        value = units.rate(text, per)
        if value * units.DAY > _MOST_PER_DAY:
            raise ValueError(f"{text!r} is more than {_MOST_PER_DAY:,}/{per}/day, which no scenario means")
        return value

    return _text(parse, example)


_MOST_PER_DAY = 100_000
Duration = Annotated[float, BeforeValidator(_text(units.duration, "10 min"))]
Patience = Annotated[float, BeforeValidator(_text(_patience, "10 min"))]
Moment = Annotated[float, BeforeValidator(_text(units.moment, "day 3 12:00"))]
Rate = Annotated[float, BeforeValidator(_rate("mailbox", "50/mailbox/day"))]
OfficeRate = Annotated[float, BeforeValidator(_rate("office", "20/day"))]
HopRate = Annotated[float, BeforeValidator(_rate("hop", "1/hop/week"))]
Size = Annotated[float, BeforeValidator(_text(units.size, "4 kB"))]
Share = Annotated[float, BeforeValidator(_share)]
Rest = Annotated[float | None, BeforeValidator(_rest)]
Week = Annotated[list[float], BeforeValidator(_week)]


def key(
    default: Any,
    meaning: str,
    unit: str = "",
    source: str = "a fact of the site",
    tag: Tag = Tag.SITE,
    low: object = None,
    high: object = None,
    **limits: Any,
) -> Any:
    """A key with its default and what is known of it: meaning, unit, source, tag, band."""
    extra: dict[str, Any] = {"unit": unit, "source": source, "tag": tag.value, "low": low, "high": high}
    return Field(default=default, description=meaning, json_schema_extra=extra, validate_default=True, **limits)


def of_profile(meaning: str, unit: str = "", **limits: Any) -> Any:
    """A key whose default is the profile's."""
    return Field(default=None, description=meaning, json_schema_extra={"unit": unit, "source": "profile", "tag": "profile"}, **limits)


class Table(BaseModel):
    """A table of a scenario file: frozen, and no key that is not listed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
