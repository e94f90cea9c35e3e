"""Every value that goes into a run, with its unit, its source and what is known of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.profiles import Setting, Tag, responders
from sim.scenario import reader
from sim.scenario.optional import off

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["A_DEFAULT", "Input", "assumed", "inputs"]

A_DEFAULT: Final = "a default that stands in for a fact of the site: put in your own"
_NULL_MX: Final = dt.date(2015, 6, 1)  # RFC 7505


@dataclass(frozen=True, slots=True)
class Input:
    """One resolved value with everything that is known of it. `value`, `low` and `high` are as they would be written in the file."""

    key: str
    value: object
    unit: str
    meaning: str
    source: str
    tag: Tag
    low: object = None
    high: object = None


def inputs(scenario: Scenario) -> list[Input]:
    """Every value with unit, source and tag, in the order of the schema."""
    found = []
    for key, parts, meaning, info in _keys():
        if off(scenario.document, key):
            continue
        extra = info.json_schema_extra or {}
        node: Any = scenario.plain
        for part in parts:
            node = node.get(part) if isinstance(node, dict) else None
        setting = scenario.default(key)
        if extra.get("tag") == "profile" and setting is None:
            continue  # no setting of this server
        if key in scenario.origins:
            origin = scenario.origins[key]
            source = origin.source
            if setting is not None and setting.source.startswith(responders.NOT_HERE) and node != setting.value:
                source = f"{responders.NOT_HERE}, simulated; {source}"
            found.append(Input(key, node, extra["unit"], meaning, source, origin.tag, origin.low, origin.high))
        elif isinstance(setting, Setting):
            found.append(Input(key, setting.value, extra["unit"], meaning, setting.source, setting.tag, setting.low, setting.high))
        elif isinstance(node, dict) and node:
            found.append(Input(key, node, extra["unit"], meaning, f"given in {Path(scenario.file).name}", Tag.SITE))
        else:
            default = str(info.default) if not isinstance(info.default, str | int | float | bool | list | dict | None) else info.default
            source = A_DEFAULT if extra["source"] == "a fact of the site" else extra["source"]
            found.append(Input(key, default, extra["unit"], meaning, source, Tag(extra["tag"]), extra["low"], extra["high"]))
    return found


@cache
def _keys() -> list[tuple[str, list[str], str, Any]]:
    """Every key that may be an input, taken apart, with its meaning and pydantic field. What is expected of a run, and at what scale it is
    tested, is none."""
    return [
        (key, key.split("."), meaning, info)
        for key, (meaning, info) in reader.fields().items()
        if "[]" not in key and reader.NAME not in key and key not in ("expect", "tested_with")
    ]


def assumed(scenario: Scenario) -> list[Input]:
    """The assumed inputs that have a band and can change a run: a filter that is off, campaigns that do not
    come, a null MX before there was one, or the verdict's own rule, cannot."""
    unfiltered = scenario.document.filter.kind == "none"
    idle = tuple(
        prefix
        for prefix, used in (
            ("spam.campaigns.", scenario.document.spam.arrivals == "campaigns"),
            ("spam.harvest_length", scenario.document.spam.harvests > 0.0),
            ("spam.null_mx", scenario.document.start >= _NULL_MX),
            ("server.null_mx", scenario.document.spam.null_mx > 0.0),
            ("server.addresses_tried", scenario.document.world.several > 0.0),
            ("world.addresses", scenario.document.world.several > 0.0),
            ("world.first_dead", scenario.document.world.several > 0.0),
        )
        if not used
    )
    return [
        item
        for item in scenario.inputs()
        if item.tag is Tag.ASSUMED
        and item.low is not None
        and not item.key.startswith(("verdict.", *idle))
        and not (unfiltered and (item.key.startswith("filter.") or item.key == "replies.ignore_junk"))
    ]
