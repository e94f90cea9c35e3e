"""mailflow run: one policy, one replication."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from sim.cli import output
from sim.cli.options import Compress, Filter, Replay, ReplayWanted, ScenarioName, Seed, Set, resolve
from sim.errors import BadInput, BadOutput

__all__ = ["run"]


def run(
    scenario: ScenarioName = "sbs_2003",
    policy: Annotated[str, typer.Option("--policy", help="The reply policy; the scenario's own by default.")] = "",
    at: Annotated[list[str] | None, typer.Option("--at", metavar="'day 3 12:00'", help="Show the queues at this time; repeatable.")] = None,
    filter: Filter = "",
    settings: Set = None,
    seed: Seed = 1,
    replication: Annotated[int, typer.Option("--replication", help="Which replication, from 0.")] = 0,
    replay: Replay = "",
    replay_wanted: ReplayWanted = "",
    compress: Compress = "",
    events: Annotated[
        str, typer.Option("--events", metavar="FILE", help="Write a readable log of the run; - for standard output and nothing else there.")
    ] = "",
    save: Annotated[str, typer.Option("--save", metavar="DIR", help="Save the record's tables as Parquet in a new directory.")] = "",
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
) -> None:
    """Play one run and show the queues as the server's own tool lays them out."""

    from sim import runs, units
    from sim.report.queues import queue_view, what_happened

    found = resolve(scenario, settings, filter, replay, replay_wanted, compress)
    if found.document.replay_required and found.replay is None:
        raise BadInput(found.file, "replays real mail: give --replay FILE, an mbox, a folder of .eml files or a CSV of metadata")
    for what, number in (("--seed", seed), ("--replication", replication)):
        if not 0 <= number <= 2**62:
            raise BadInput(what, f"{number} is not between 0 and {2**62:,}")
    found.audience(policy or found.policy)
    times = []
    for text in at or [units.clock(round(found.horizon / units.DAY / 2) * units.DAY + 12 * units.HOUR)]:
        try:
            times.append(units.moment(text))
        except ValueError as error:
            raise BadInput("--at", str(error)) from None
        if times[-1] > found.horizon:
            raise BadInput("--at", f"{text!r} is after the end of the run, {units.clock(found.horizon)}")
    if save:
        if os.path.exists(save):
            raise BadOutput(save, "exists already; name a new directory")
        output.check(save)
    if events:
        output.check(events)
    record = runs.run(found, policy, seed, replication)
    if save:
        record.save(save)
    if events:
        from sim.report.events import events as lines

        output.stream(events, lines(record))
    if not quiet and events != "-":
        for time in times:
            output.emit(queue_view(found, record, time) + "\n")
        output.emit(what_happened(found, record))
        if cut := found.what_was_cut():
            output.emit(cut)
        written = [name for name in (save, events) if name]
        if written:
            output.note(f"Written: {', '.join(written)}")
