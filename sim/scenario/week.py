"""The week in a scenario file: weights of its hours, and days by name. Both begin on Monday."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator

from sim.errors import nearest

__all__ = ["DAYS", "Days", "Week"]

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

# Messages of spam-2002.csv by day of the week (UTC). Hours of the day do not differ: chi-squared 32 at 23 degrees of freedom.
_SPAM: Final = (300, 341, 294, 289, 262, 195, 216)
_PROFILES: Final = {
    "flat": [1.0] * 168,
    "office": [],  # the working hours decide
    "measured": [sum(days) / len(days) for days in (_SPAM[:5],) * 5 + (_SPAM[5:],) * 2 for _ in range(24)],
}


def _week(value: object) -> list[float]:
    """Weights of the 168 hours, mean 1; none where the working hours decide."""
    weights = _PROFILES.get(value) if isinstance(value, str) else value
    if not isinstance(weights, list) or len(weights) not in (0, 24, 168):
        found = f"a list of {len(weights)}" if isinstance(weights, list) else repr(value)
        names = ", ".join(f"'{name}'" for name in _PROFILES)
        raise ValueError(f"{found} is neither one of {names} nor 24 weights of a day or 168 of a week from Monday 00:00")
    if not all(type(weight) in (int, float) and 0.0 <= weight < 1e9 for weight in weights) or (weights and not any(weights)):
        raise ValueError("a weight is a number of at least 0, and not all of them are 0")
    mean = sum(weights) / len(weights) if weights else 1.0
    return [float(weight) / mean for weight in weights] * (7 if len(weights) == 24 else 1)


def _days(value: object) -> list[int]:
    """`Mon Tue` to [0, 1]."""
    words = re.split(r"[\s,]+", value.strip()) if isinstance(value, str) else []
    found = []
    for word in words:
        if word not in DAYS:
            raise ValueError(f"{word!r} is not one of {', '.join(DAYS)}{nearest(word, DAYS)}")
        found.append(DAYS.index(word))
    if not found:
        raise ValueError(f"{value!r} names no day of the week: write one or more, as in 'Mon Tue'")
    return sorted(set(found))


Week = Annotated[list[float], BeforeValidator(_week)]
Days = Annotated[list[int], BeforeValidator(_days)]
