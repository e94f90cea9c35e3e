"""The keys of `[expect]`: what a run is to give. Here only its form; `sim.checks` knows measures, limits and times."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from sim.errors import nearest
from sim.scenario.fields import Table

__all__ = ["Expectation", "Expected"]


class Expected(Table):
    """What a scenario is to give: limits as text, a setting under which it must not, and the reason."""

    limits: str
    fails_with: tuple[str, ...] = ()
    because: str = ""


def _expected(value: object) -> object:
    """`"20 .. 30"`, `0`, or `{ is = "20 .. 30", fails_with = "spam.rate=1/day", because = "..." }`."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return Expected(limits=str(value))
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is not an expectation: write limits, as in '20 .. 30', '< 5' or '0'")
    known = ("is", "fails_with", "because")
    for word in value:
        if word not in known:
            raise ValueError(f"{word!r} is not one of {', '.join(known)}{nearest(word, known)}")
    limits, fails, because = value.get("is"), value.get("fails_with", []), value.get("because", "")
    if isinstance(limits, bool) or not isinstance(limits, str | int | float):
        raise ValueError("is = ... is missing: the limits, as in is = '20 .. 30'")
    settings = [fails] if isinstance(fails, str) else fails
    if not isinstance(settings, list) or not all(isinstance(setting, str) for setting in settings):
        raise ValueError(f"fails_with: {fails!r} is not a setting or a list of them, as in 'spam.unresolvable=2 %'")
    if not isinstance(because, str):
        raise ValueError(f"because: {because!r} is not a text")
    return Expected(limits=str(limits), fails_with=tuple(settings), because=because)


Expectation = Annotated[Expected, BeforeValidator(_expected)]
