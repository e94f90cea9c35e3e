"""Seconds inside, on the time grid; words at the edges.

Inside the package every time, duration and wait is a float number of seconds and a multiple of 2**-20 s (about 1 us), so that sums and
differences are exact and two implementations can agree to the bit. Times count from the start of the run. Day 1 is its first day.
Every parser raises ValueError with the text of what would be right; who knows the file and the key adds them.
"""

from __future__ import annotations

import math
import re
from typing import Final, overload

import numpy as np
import numpy.typing as npt

__all__ = [
    "DAY",
    "HOUR",
    "MINUTE",
    "Floats",
    "Seconds",
    "clock",
    "counted",
    "digits",
    "duration",
    "grid",
    "moment",
    "rate",
    "share",
    "size",
    "words",
]

Seconds = float
Floats = npt.NDArray[np.float64]

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86400.0
_STEPS: Final = float(2**20)
_FAR: Final = float(2**31)
_STEPS_AWAY: Final = 1.5 * 2**32  # so far from 0 numbers are 2**-20 apart, and a sum is rounded to one of them

_UNITS: Final = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "min": MINUTE,
    "m": MINUTE,
    "minute": MINUTE,
    "h": HOUR,
    "hour": HOUR,
    "d": DAY,
    "day": DAY,
    "week": 7 * DAY,
    "w": 7 * DAY,
}
_NUMBER: Final = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"


@overload
def grid(seconds: float) -> float: ...
@overload
def grid(seconds: Floats) -> Floats: ...
def grid(seconds: float | Floats) -> float | Floats:
    """The nearest multiple of 2**-20 s."""
    if isinstance(seconds, np.ndarray):
        result: Floats = np.rint(seconds * _STEPS) / _STEPS
        return result
    if -_FAR < seconds < _FAR:
        return (seconds + _STEPS_AWAY) - _STEPS_AWAY
    return round(seconds * _STEPS) / _STEPS if math.isfinite(seconds) else seconds


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a finite number")
    return value


def duration(text: str) -> Seconds:
    """`7.5m`, `48 h`, `2 d` to seconds."""
    match = re.fullmatch(rf"{_NUMBER}\s*([a-z]+?)s?", text.strip()) or re.fullmatch(rf"{_NUMBER}\s*(s)", text.strip())
    if not match or match[2] not in _UNITS:
        raise ValueError(f"{text!r} is not a duration: write a number and a unit (s, min, h, d), as in '10 min'")
    seconds = _number(match[1]) * _UNITS[match[2]]
    if seconds < 0:
        raise ValueError(f"{text!r} is negative; a duration is at least 0")
    return grid(seconds)


def rate(text: str, per: str = "mailbox") -> float:
    """`50/mailbox/day` to events per second. `per` is the thing counted; it may be left out where it is clear: `50/day`."""
    match = re.fullmatch(rf"{_NUMBER}\s*/\s*(?:([a-z]+)\s*/\s*)?([a-z]+)", text.strip())
    if not match or match[3] not in _UNITS or (match[2] or per) != per:
        raise ValueError(f"{text!r} is not a rate: write a number, a unit and a period, as in '50/{per}/day'")
    value = _number(match[1]) / _UNITS[match[3]]
    if value < 0:
        raise ValueError(f"{text!r} is negative; a rate is at least 0")
    return value


def share(text: str | float) -> float:
    """`42 %` or 0.42 to 0.42."""
    match = re.fullmatch(rf"{_NUMBER}\s*(%?)", text.strip()) if isinstance(text, str) else None
    if isinstance(text, str) and not match:
        raise ValueError(f"{text!r} is not a share: write a percentage, as in '42 %'")
    value = (_number(match[1]) / (100.0 if match[2] else 1.0)) if match else float(text)
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{text!r} is not between 0 % and 100 %")
    return value


def size(text: str) -> float:
    """`4 kB` to bytes."""
    match = re.fullmatch(rf"{_NUMBER}\s*(B|kB|KB|MB)", text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a size: write a number and a unit (B, kB, MB), as in '4 kB'")
    value = _number(match[1]) * {"B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6}[match[2]]
    if value <= 0:
        raise ValueError(f"{text!r} is not a size: it must be above 0")
    return value


def moment(text: str) -> Seconds:
    """`day 3 12:00` to seconds from the start. Day 1 is the first day; without a time of day, midnight at its start."""
    match = re.fullmatch(r"day\s+(\d+)(?:\s+(\d{1,2}):(\d{2})(?::(\d{2}))?)?", text.strip().lower())
    if not match or int(match[1]) < 1 or int(match[2] or 0) > 24 or int(match[3] or 0) > 59 or int(match[4] or 0) > 59:
        raise ValueError(f"{text!r} is not a moment of the run: write a day from 1 and a time, as in 'day 3 12:00'")
    return (int(match[1]) - 1) * DAY + int(match[2] or 0) * HOUR + int(match[3] or 0) * MINUTE + int(match[4] or 0)


def clock(seconds: Seconds) -> str:
    """Seconds from the start to `day 3 12:00`."""
    minutes = math.floor(seconds / MINUTE)
    return f"day {minutes // 1440 + 1} {minutes // 60 % 24:02d}:{minutes % 60:02d}"


def words(seconds: Seconds) -> str:
    """Seconds to at most two units: `2 d 3 h`, `10 min`, `0.5 s`."""
    if not math.isfinite(seconds):
        return "never"
    if seconds < 0:
        return "-" + words(-seconds)
    if seconds < MINUTE:
        return f"{digits(seconds, 3)} s"
    parts = []
    rest = round(seconds) if seconds < HOUR else round(seconds / MINUTE) * MINUTE
    for name, length in (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", 1.0)):
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count:.0f} {name}")
    return " ".join(parts[:2])


def digits(value: float, most: int = 6) -> str:
    """A number to so many digits that count, all of those before the point besides, and never with an exponent: `12,346`, `0.0045`."""
    if not value or not math.isfinite(value):
        return f"{value:.0f}"
    text = f"{value:,.{max(0, most - 1 - math.floor(math.log10(abs(value))))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_SINGULAR: Final = {"people": "person", "replies": "reply", "tries": "try"}


def counted(number: str | float, many: str, one: str = "") -> str:
    """A number, as it is shown or rounded to a whole one, and its word: `2 queues`, `1.0 queues`, `1 queue`. `one` is the word for one
    where it is more than `many` without its ending."""
    shown = number if isinstance(number, str) else f"{number:,.0f}"
    return f"{shown} {many if shown != '1' else one or _SINGULAR.get(many, many.removesuffix('s'))}"
