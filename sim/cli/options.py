"""Options that several commands share, and what they do to a scenario."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from sim.errors import BadInput

if TYPE_CHECKING:
    from sim.scenario import Scenario
    from sim.workers import Progress

__all__ = ["Compress", "Filter", "Jobs", "Replay", "ReplayWanted", "ScenarioName", "Seed", "Set", "progress", "resolve", "varied"]

ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario file, or the name of one; the story by default.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the scenario; repeatable.")]
Filter = Annotated[str, typer.Option("--filter", metavar="KIND", help="none, junk-first or refuse-unresolvable.")]
Jobs = Annotated[int | None, typer.Option("--jobs", help="Worker processes; one per core by default.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of all dice.")]
Replay = Annotated[
    str, typer.Option("--replay", metavar="FILE", help="Real mail instead of the spam: mbox, folder of .eml, CSV of metadata.")
]
ReplayWanted = Annotated[str, typer.Option("--replay-wanted", metavar="FILE", help="Real mail instead of the wanted mail from outside.")]

Compress = Annotated[
    str, typer.Option("--compress", metavar="TIME", help="Cut gaps of the replayed mail that are longer than this down to it, as in '1 h'.")
]


def resolve(name: str, settings: Sequence[str] | None, filter: str, replay: str, replay_wanted: str, compress: str = "") -> Scenario:
    """The scenario that the options describe."""
    from sim import scenario

    found = scenario.load(name)
    listed = list(settings or [])
    if listed:
        found = found.with_settings(listed)
    if filter:
        found = found.with_settings([f'filter.kind="{filter}"'], "--filter")
    if replay or replay_wanted:
        from sim import corpus

        found = found.with_replay(corpus.read(replay) if replay else None, corpus.read(replay_wanted) if replay_wanted else None)
    if compress:
        found = _compressed(found, compress)
    return found


def varied(listed: Sequence[str] | None) -> dict[str, list[object]]:
    """`key=a,b,c` to the key and its values; a comma within brackets or quotes belongs to its value."""
    from sim.scenario import reader

    found: dict[str, list[object]] = {}
    for text in listed or []:
        key, equals, values = text.partition("=")
        parts = re.findall(r"""(?:\[[^\]]*\]|"[^"]*"|'[^']*'|[^,])+""", values)
        if not equals or not key.strip() or not parts:
            raise BadInput("--vary", f"{text!r} is not key=value,value,..., as in 'spam.unresolvable=5 %,25 %,46 %'")
        if key.strip() in found:
            raise BadInput("--vary", f"{key.strip()!r} is given twice; write all of its values at once")
        found[key.strip()] = [reader.written(part) for part in parts]
    return found


def _compressed(found: Scenario, longest: str) -> Scenario:
    from sim import units
    from sim.realise.replayed import compressed

    try:
        return compressed(found, units.duration(longest))
    except ValueError as error:
        raise BadInput("--compress", str(error)) from None
    except BadInput as error:
        raise BadInput("--compress", error.found) from None


@contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """A bar on standard error, only on a terminal, and only for what takes longer than a second."""
    if quiet or not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    began = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=False) as bar:
        task = bar.add_task("", total=None, visible=False)

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total, visible=time.monotonic() - began > 1.0)

        yield show
