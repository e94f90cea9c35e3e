"""What the keys of a scenario file are made of: types that read a text with its unit, and what is known of a default."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sim import units
from sim.policy.autoreply import EVERY_MESSAGE, ONCE, UNLIMITED
from sim.profiles import Tag

__all__ = [
    "Duration",
    "Every",
    "History",
    "HopRate",
    "Limit",
    "Moment",
    "OfficeRate",
    "Patience",
    "Rate",
    "Rest",
    "Share",
    "Size",
    "Table",
    "hourly",
    "key",
    "of_profile",
]


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


def _rate(per: str, example: str) -> Callable[[object], float]:
    def parse(text: str) -> float:
        value = units.rate(text, per)
        if value * units.DAY > _MOST_PER_DAY:
            raise ValueError(f"{text!r} is more than {_MOST_PER_DAY:,}/{per}/day, which no scenario means")
        return value

    return _text(parse, example)


def _every(value: object) -> float:
    if value == "absence":
        return ONCE
    if value == "message":
        return EVERY_MESSAGE
    try:
        return _text(units.duration, "7 d")(value)
    except ValueError as error:
        raise ValueError(f"{error}; or 'absence' (once per absence) or 'message' (every message)") from None


def _history(value: object) -> object:
    return UNLIMITED if value == "unlimited" else value


def _limit(value: object) -> float:
    """Replies in an hour."""
    return math.inf if value == "off" else _rate("mailbox", "20/mailbox/hour")(value) * units.HOUR


def hourly(value: object) -> float:
    """Messages of the office in an hour, or no limit."""
    return math.inf if value == "off" else _rate("office", "100/hour")(value) * units.HOUR


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
Every = Annotated[float, BeforeValidator(_every)]
History = Annotated[int, BeforeValidator(_history)]
Limit = Annotated[float, BeforeValidator(_limit)]


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
