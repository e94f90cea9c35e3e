"""The pages of docs/ that the program writes itself, as Markdown: assumptions.md and measures.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sim import profiles
from sim.measures import CURVES, MEASURES
from sim.profiles import Setting, Tag
from sim.profiles.responders import RESPONDERS
from sim.scenario import reader
from sim.scenario.reader import plain

__all__ = ["assumptions", "measures"]


def assumptions() -> Iterator[str]:
    """The page, line by line."""
    yield "# Assumptions"
    yield ""
    yield "Every number that has no source, or whose sources disagree, with the band in which the answer varies it (`mailflow compare`)"
    yield "and what is known of it. A scenario that writes a plain value says that it knows better."
    yield "This page is made by `mailflow show assumptions`."
    yield ""
    yield "## Of a scenario"
    yield ""
    yield "| key | value | low to high | meaning | what is known |"
    yield "|---|---|---|---|---|"
    for key, (meaning, info) in reader.fields().items():
        extra = info.json_schema_extra or {}
        if extra.get("tag") == Tag.ASSUMED.value and reader.NAME not in key:  # they are those of `[breaker]`
            yield _row(key, info.default, extra.get("low"), extra.get("high"), meaning, extra["source"])
    for title, known in (
        ("Of a server", {name: profile.settings for name, profile in profiles.PROFILES.items()}),
        ("Of an autoresponder", {name: responder.settings for name, responder in RESPONDERS.items()}),
    ):
        yield ""
        yield f"## {title}"
        for name, settings in known.items():
            rows = list(_settings(settings))
            if rows:
                yield from (
                    "",
                    f"### {name}",
                    "",
                    "| key | value | low to high | meaning | what is known |",
                    "|---|---|---|---|---|",
                    *rows,
                )


def measures() -> Iterator[str]:
    """The page of measures, line by line."""
    yield "# Measures"
    yield ""
    yield "What a run or a comparison counts. A measure is a function of the record of one run and of nothing else. This page is made by"
    yield "`mailflow show measures`."
    yield ""
    yield "| measure | unit | meaning |"
    yield "|---|---|---|"
    for name, measure in MEASURES.items():
        yield f"| `{name}` | {measure.unit} | {measure.meaning} |"
    yield ""
    yield 'Counts over time, which an expectation may ask for at a moment (`"queues_in_retry at day 5 12:00" = "15 .. 35"`):'
    yield ""
    yield "| count | unit | meaning |"
    yield "|---|---|---|"
    for name, curve in CURVES.items():
        yield f"| `{name}` | {curve.unit} | {curve.meaning} |"


def _settings(settings: Mapping[str, Setting]) -> Iterator[str]:
    fields = reader.fields()
    for key, setting in settings.items():
        if setting.tag is Tag.ASSUMED:
            yield _row(key, setting.value, setting.low, setting.high, fields[key][0], setting.source)


def _row(key: str, value: object, low: object, high: object, meaning: str, source: str) -> str:
    band = f"{plain(low)} to {plain(high)}" if low is not None else ""
    return " | ".join((f"| `{key}`", plain(value), band, meaning, source)) + " |"
