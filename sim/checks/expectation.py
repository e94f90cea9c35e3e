"""What a scenario expects of its runs: `[expect]`, read and checked.

    [expect]
    queues_in_retry_peak = "20 .. 40"                       # the mean over runs, under the policy in force
    "queues_in_retry at day 5 12:00" = "15 .. 35"           # a count, at a time
    "partners-only: strangers_told" = "0"                   # under another policy; an exact number is meant of every run
    "external - internal-only: wanted_told" = "> 5"         # the difference of two policies on the same mail
    "probability queues_in_retry_peak > 10" = "> 90 %"      # the share of runs in which something holds

Instead of limits a line may hold `{ is = "20 .. 40", because = "...", fails_with = "spam.unresolvable=2 %" }`: why it is expected, and a
setting under which it must fail, which shows that it can.

Limits are `20 .. 30` (ends included), `< 5`, `<= 5`, `> 5`, `>= 5`, the same in words (`at least 5`), or a number. A time may carry its
unit (`< 2 d`); without one it is in the measure's own.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sim import units
from sim.errors import BadInput, nearest
from sim.measures import CURVES, MEASURES
from sim.scenario import Scenario

__all__ = ["Expectation", "Key", "Limits", "read"]

Key = tuple[str, units.Seconds | None]  # a measure of a whole run, or a count and the time at which it is taken

_WANTED: Final = "write '20 .. 30', '< 5', '>= 5' or '0'"
_WORDS: Final = {
    "at least": ">=",
    "at most": "<=",
    "more than": ">",
    "above": ">",
    "less than": "<",
    "fewer than": "<",
    "below": "<",
    "exactly": "=",
    "≥": ">=",
    "≤": "<=",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """A range of numbers; an end belongs to it unless it is open."""

    text: str
    low: float = -math.inf
    high: float = math.inf
    open: bool = False

    @property
    def exact(self) -> bool:
        """A single number?"""
        return self.low == self.high

    def holds(self, value: float) -> bool:
        """Does a value lie within?"""
        if self.exact:
            return math.isclose(value, self.low, rel_tol=1e-9, abs_tol=1e-9)
        return self.low < value < self.high if self.open else self.low <= value <= self.high

    def excludes(self, low: float, high: float) -> bool:
        """Does all of the interval from low to high lie outside?"""
        return high < self.low or low > self.high or (self.open and (high == self.low or low == self.high))


@dataclass(frozen=True, slots=True)
class Expectation:
    """A number that runs give, and the limits it must keep."""

    scenario: str
    name: str  # as the file has it
    policy: str
    minus: str  # the policy whose value is taken off; empty: none
    key: Key
    event: Limits | None  # asked for is the share of runs in which the number keeps these; None: the mean over runs
    limits: Limits
    unit: str
    decimals: int
    fails_with: tuple[str, ...] = ()  # settings under which it must fail
    because: str = ""

    @property
    def id(self) -> str:
        """`scenario::name`, by which it is chosen and reported."""
        return f"{self.scenario}::{self.name}"

    @property
    def policies(self) -> tuple[str, ...]:
        """The policies whose runs it needs."""
        return (self.policy, self.minus) if self.minus else (self.policy,)


def read(scenario: Scenario) -> tuple[Expectation, ...]:
    """The expectations of a scenario, in order of its file.

    Raises BadInput with file, key, what was found and what is wanted: unknown measures, times outside the run, policies that the server
    does not offer, limits that are none, and settings in `fails_with` that the scenario does not take.
    """
    return tuple(_expectations(scenario))


def _expectations(scenario: Scenario) -> Iterator[Expectation]:
    for name, entry in scenario.document.expect.items():
        where = f"{scenario.file}: expect." + (name if re.fullmatch(r"[\w-]+", name) else json.dumps(name, ensure_ascii=False))
        try:
            policy, minus, quantity = _policies(name, scenario)
            key, event_text, unit, decimals = _quantity(quantity, scenario)
            event = _limits(event_text, unit) if event_text else None
            if event:
                unit, decimals = "%", 0
            limits = _limits(entry.limits, unit)
            if event and limits.exact and limits.low not in (0.0, 1.0):
                raise ValueError(f"{entry.limits!r}: no number of runs shows that a share is exactly this; write a range")
            about = (limits, unit, decimals, entry.fails_with, entry.because)
            yield Expectation(scenario.name, name, policy, minus, key, event, *about)
        except ValueError as error:
            raise BadInput(where, str(error)) from None
        except BadInput as error:
            raise type(error)(where, error.found if error.where.startswith("policy") else str(error)) from None
        try:
            scenario.with_settings(entry.fails_with)
        except BadInput as error:
            raise BadInput(f"{where}: fails_with", f"{', '.join(entry.fails_with)}: {error.found}") from None


def _policies(name: str, scenario: Scenario) -> tuple[str, str, str]:
    """`external - off: x` to external, off, x. The colon of a time of day follows a digit, and so is none of ours."""
    head, colon, rest = name.partition(":") if not re.match(r"[^:]*\d:\d", name) else ("", "", name)
    if not colon:
        return scenario.policy, "", name.strip()
    names = [part.strip() for part in re.split(r"\s-\s", head)]
    if len(names) > 2:
        raise ValueError(f"{head.strip()!r} names {len(names)} policies; a difference is of two, as in 'external - off: wanted_told'")
    for policy in names:
        scenario.audience(policy)
    return names[0], names[1] if len(names) == 2 else "", rest.strip()


def _quantity(text: str, scenario: Scenario) -> tuple[Key, str, str, int]:
    """The number meant, the limits of an event (empty: none), unit and decimals."""
    words = re.fullmatch(r"probability\s+(?:of\s+)?(.*)", text)
    event = ""
    if words:
        parts = re.fullmatch(rf"(\S+(?:\s+at\s+day\s[\d\s:]+?)?)\s*((?:[<>=≤≥]|\bin\b|{'|'.join(_WORDS)}).*)", words[1])
        if not parts:
            raise ValueError(f"{text!r} does not say of what: write 'probability queues_in_retry_peak > 10'")
        text, event = parts[1], re.sub(r"^in\s+", "", parts[2])
    found = re.fullmatch(r"(\S+)(?:\s+at\s+(.*))?", text)
    if not found:
        raise ValueError(f"{text!r} is not a measure, nor 'COUNT at day 5 12:00'")
    name, at = found[1], found[2]
    if at is None:
        if name in MEASURES:
            return (name, None), event, MEASURES[name].unit, MEASURES[name].decimals
        if name in CURVES:
            raise ValueError(f"{name!r} is a count over time: say when, as in '{name} at day 5 12:00'{nearest(name + '_peak', MEASURES)}")
        raise ValueError(f"{name!r} is not a measure{nearest(name, MEASURES)}; `mailflow show expect` lists them")
    if name not in CURVES:
        if name in MEASURES:
            raise ValueError(f"{name!r} is one number of a whole run; counts over time are {', '.join(CURVES)}")
        raise ValueError(f"{name!r} is not a count over time{nearest(name, CURVES) or ': known are ' + ', '.join(CURVES)}")
    moment = units.moment(at)
    knows_end = scenario.document.days is not None or scenario.replay is not None or scenario.replay_wanted is not None
    if knows_end and moment > scenario.horizon:
        raise ValueError(f"{at!r} is after the end of the run, {units.clock(scenario.horizon)}")
    return (name, moment), event, CURVES[name].unit, 1


def _limits(text: str, unit: str) -> Limits:
    plain = text.strip()
    for words, sign in _WORDS.items():
        if plain.startswith(words):
            plain = sign + plain.removeprefix(words)
    ends = re.split(r"\s*\.\.\s*|\s+to\s+", plain, maxsplit=1)
    if len(ends) == 2:
        low, high = (_amount(end, unit, text) for end in ends)
        if low > high:
            raise ValueError(f"{text!r}: the lower limit comes first")
        return Limits(text, low, high)
    found = re.fullmatch(r"(<=|>=|<|>|=)?\s*(.*)", plain, re.DOTALL)
    assert found
    value, sign = _amount(found[2], unit, text), found[1] or "="
    return Limits(
        text, value if sign in (">", ">=", "=") else -math.inf, value if sign in ("<", "<=", "=") else math.inf, open=sign in ("<", ">")
    )


def _amount(text: str, unit: str, whole: str) -> float:
    """A number, with or without the measure's unit; a time with any."""
    found = re.fullmatch(r"([+-]?(?:\d+(?:,\d{3})*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*)", text.strip())
    value = float(found[1].replace(",", "")) if found else math.inf
    if not found or math.isinf(value):
        raise ValueError(f"{whole!r} is not a limit: {_WANTED}")
    if unit == "%" and found[2] in ("%", ""):
        return units.share(text.strip())
    if not found[2] or found[2] == unit:
        return value
    try:
        seconds = units.duration(text.strip().lstrip("+-")) if unit in ("s", "h") else math.nan
    except ValueError:
        seconds = math.nan
    if math.isnan(seconds):
        raise ValueError(f"{whole!r} is not a limit in {unit}: {_WANTED}")
    return math.copysign(seconds / (units.HOUR if unit == "h" else 1.0), value)
