"""mailflow run: one policy, one replication; or, for its steady state, some."""

from __future__ import annotations

import os
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli import output
from sim.cli.options import Compress, Engine, Filter, Replay, ReplayWanted, ScenarioName, Seed, Set, announce, resolve
from sim.errors import BadInput, BadOutput

if TYPE_CHECKING:
    from sim.record import Record

__all__ = ["run"]


def run(
    scenario: ScenarioName = "sbs_2003",
    policy: Annotated[str, typer.Option("--policy", help="The reply policy; the scenario's own by default.")] = "",
    at: Annotated[list[str] | None, typer.Option("--at", metavar="'day 3 12:00'", help="Show the queues at this time; repeatable.")] = None,
    filter: Filter = "",
    settings: Set = None,
    seed: Seed = 1,
    engine: Engine = "auto",
    replication: Annotated[int, typer.Option("--replication", help="Which replication, from 0.")] = 0,
    replay: Replay = "",
    replay_wanted: ReplayWanted = "",
    compress: Compress = "",
    events: Annotated[
        str, typer.Option("--events", metavar="FILE", help="Write a readable log of the run; - for standard output and nothing else there.")
    ] = "",
    save: Annotated[str, typer.Option("--save", metavar="DIR", help="Save the record's tables as Parquet in a new directory.")] = "",
    steady: Annotated[
        bool,
        typer.Option(
            "--steady",
            help="Instead of the queues: their mean once they have settled, with its interval and where the warm-up ends. For a server "
            "that runs on and on with somebody always away, over weeks (--set days=60).",
        ),
    ] = False,
    runs: Annotated[int, typer.Option("--runs", help="With --steady: so many runs, from --replication on.")] = 1,
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="With --steady: write the table and Welch's chart of each count.")] = "",
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
) -> None:
    """Play one run and show the queues as the server's own tool lays them out."""

    from sim import runs as play
    from sim import units
    from sim.report.queues import queue_view, what_happened
    from sim.server.transport import engines

    found = resolve(scenario, settings, filter, replay, replay_wanted, compress)
    found.demand_replay()
    for what, number in (("--seed", seed), ("--replication", replication)):
        if not 0 <= number <= 2**62:
            raise BadInput(what, f"{number} is not between 0 and {2**62:,}")
    found.audience(policy or found.policy)
    times = []
    for text in at or [] if steady else at or [units.clock(round(found.horizon / units.DAY / 2) * units.DAY + 12 * units.HOUR)]:
        try:
            times.append(units.moment(text))
        except ValueError as error:
            raise BadInput("--at", str(error)) from None
        if times[-1] > found.horizon:
            raise BadInput("--at", f"{text!r} is after the end of the run, {units.clock(found.horizon)}")
    if not 1 <= runs <= 1000:
        raise BadInput("--runs", f"{runs} is not between 1 and 1,000")
    if not steady and (runs != 1 or out):
        raise BadInput("--runs" if runs != 1 else "--out", "goes with --steady; `mailflow compare` plays many runs and writes everything")
    if steady:
        from sim.report.steady import enough_time

        enough_time(found.horizon)
    if out:
        output.check_folder(out)
    if save:
        if os.path.exists(save):
            raise BadOutput(save, "exists already; name a new directory")
        output.check(save)
    if events:
        output.check(events)
    back_end = engines.known(engine)
    large, began = announce(found, quiet or events == "-"), monotonic()
    record = play.run(found, policy, seed, replication, back_end, save or None)
    if large:
        output.note(f"It took {units.words(monotonic() - began)} with the engine {record.run.engine}.")
    if events:
        from sim.report.events import events as lines

        output.stream(events, lines(record))
    if not quiet and events != "-":
        for time in times:
            output.emit(queue_view(found, record, time) + "\n")
        if not steady:
            output.emit(what_happened(found, record))
        if cut := found.what_was_cut():
            output.emit(cut)
    written = [name for name in (save, events) if name]
    if steady:
        others = [play.run(found, policy, seed, replication + n, back_end) for n in range(1, runs)]
        written += _settled([record, *others], out, quiet or events == "-")
    if written and not quiet and events != "-":
        output.note(f"Written: {', '.join(written)}")


def _settled(records: Sequence[Record], out: str, quiet: bool) -> list[str]:
    """Say what the counts settle at; the files that were written."""
    from sim.report import steady as report
    from sim.steady import COUNTS, OF_ALL, warm_up

    found = [warm_up(records, count) for count in COUNTS if not (records[0].run.tallied and count in OF_ALL)]
    text = report.text(found)
    if not quiet:
        output.emit(text)
    if not out:
        return []
    from sim import plots

    files: list[tuple[str, str | bytes]] = [(os.path.join(out, "steady.txt"), text + "\n")]
    for one in found:
        figure = plots.welch(one)
        files.append((os.path.join(out, f"{one.count}.svg"), plots.svg(figure)))
        files.append((os.path.join(out, f"{one.count}.png"), plots.png(figure, 150)))
    for path, content in files:
        output.write(path, content)
    return [path for path, _ in files]
