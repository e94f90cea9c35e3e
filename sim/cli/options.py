"""Options that several commands share, and what they do to a scenario."""

from __future__ import annotations

import re
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli import output
from sim.errors import BadInput, Notice

if TYPE_CHECKING:
    from sim.scenario import Scenario
    from sim.workers import Progress

__all__ = [
    "Compress",
    "Engine",
    "Executor",
    "Filter",
    "Jobs",
    "Replay",
    "ReplayWanted",
    "Resume",
    "ScenarioName",
    "Seed",
    "Set",
    "announce",
    "given",
    "progress",
    "resolve",
    "time_left",
    "varied",
]

ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario file, or the name of one; the story by default.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the scenario; repeatable.")]
Filter = Annotated[str, typer.Option("--filter", metavar="KIND", help="none, junk-first or refuse-unresolvable.")]
Jobs = Annotated[int | None, typer.Option("--jobs", help="Worker processes; one per core by default.")]
Executor = Annotated[
    str, typer.Option("--executor", metavar="dask://HOST:PORT", help="Play on the workers of a Dask cluster; needs the extra `cluster`.")
]
Resume = Annotated[
    str, typer.Option("--resume", metavar="DIR", help="Keep every replication here when it is done; the same command goes on from there.")
]
Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        help="simpy (the reference), kernel (compiled) or auto (whichever is sooner done); the result is the same.",
    ),
]
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


def given(settings: list[str] | None, filter: str, replay: str, replay_wanted: str, compress: str) -> list[str]:
    """What `resolve` was asked for, as it stands on a command line."""
    parts = ["--filter", filter] * bool(filter) + [part for pair in settings or [] for part in ("--set", pair)]
    parts += ["--replay", replay] * bool(replay) + ["--replay-wanted", replay_wanted] * bool(replay_wanted)
    return parts + ["--compress", compress] * bool(compress)


def announce(found: Scenario, quiet: bool) -> bool:
    """Say what a run of a large office will cost, before it begins. Was there anything to say?"""
    from sim import runs
    from sim.units import words

    seconds, needed = runs.cost(found)
    large = not quiet and seconds >= 5.0
    if large:
        messages = f"{runs.rows(found):,.0f}"
        output.note(
            f"A run has about {messages} messages: {words(seconds)} of one core, {needed / 2**30:.1f} GiB. All are played; none is scaled."
        )
    return large


@contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """A bar on standard error, only on a terminal and only for what takes longer than a second; and notices, a line each."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", Notice)
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
            if issubclass(category, Notice):
                output.note(f"mailflow: {message}")
            else:
                shown(message, category, *rest, **more)

        warnings.showwarning = show
        with _bar(quiet) as bar:
            yield bar


@contextmanager
def _bar(quiet: bool) -> Iterator[Progress]:
    if quiet or not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    began = since = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=False) as bar:
        task = bar.add_task("", total=None, visible=False, left="")

        def show(what: str, done: int, total: int) -> None:
            nonlocal since
            now = time.monotonic()
            since = now if done == 0 else since
            left = time_left(now - since, done, total)
            bar.update(task, description=what, completed=done, total=total, visible=now - began > 1.0, left=left)

        yield show


def time_left(took: float, done: int, total: int) -> str:
    """How long the rest of a step takes, in words, if it goes on as before: `done` of `total` took so many seconds."""
    from sim.units import words

    return f"about {words(max(1.0, round(took / done * (total - done))))} left" if 0 < done < total else ""
