"""mailflow sweep: where does the answer flip as one input moves?"""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli import output
from sim.cli.options import Filter, Jobs, Replay, ReplayWanted, ScenarioName, Seed, Set, progress, resolve
from sim.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["sweep"]


def sweep(
    scenario: ScenarioName = "sbs_2003",
    over: Annotated[str, typer.Option("--over", metavar="KEY=LOW..HIGH", help="As in 'spam.unresolvable=2%..46%'.")] = "",
    points: Annotated[int, typer.Option("--points", help="Values of the table; the search for the break-even adds more.")] = 9,
    log: Annotated[bool, typer.Option("--log", help="Values on a logarithmic scale.")] = False,
    policy: Annotated[list[str] | None, typer.Option("--policy", help="A policy to compare; repeatable; all by default.")] = None,
    measure: Annotated[
        str, typer.Option("--measure", help="What is shown; by default margin: wanted people told less strangers told.")
    ] = "",
    crosses: Annotated[
        float | None,
        typer.Option("--crosses", metavar="LEVEL", help="Search for where the measure passes this, not for where the answer flips."),
    ] = None,
    replications: Annotated[int, typer.Option("--replications", help="Runs at each value, the same at all.")] = 20,
    filter: Filter = "",
    settings: Set = None,
    seed: Seed = 1,
    jobs: Jobs = None,
    replay: Replay = "",
    replay_wanted: ReplayWanted = "",
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="Write everything: text, table, JSON, chart as PNG and SVG.")] = "",
    csv: Annotated[str, typer.Option("--csv", metavar="FILE", help="Write every value; - for standard output.")] = "",
    json: Annotated[
        str, typer.Option("--json", metavar="FILE", help="Write the result; - for standard output and nothing else there.")
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, nothing on standard output.")] = False,
) -> None:
    """Move one input between two values, and find where the answer flips.

    At every value the same replications are played. Between two values with different answers the search halves the way, and says how sure
    it is: up to which value, and from which on, the 95 % interval does not cross the limit.
    """
    if not over:
        raise BadInput("--over", "is missing: KEY=LOW..HIGH, as in 'spam.unresolvable=2%..46%'")
    from sim import sweeps
    from sim.report import sweeps as report
    from sim.scenario import span

    found = resolve(scenario, settings, filter, replay, replay_wanted)
    _check(out, csv, json)
    way = span.over(over, log=log)
    with progress(quiet) as show:
        result = sweeps.sweep(
            found,
            way,
            policies=policy or (),
            measure=measure,
            crosses=crosses,
            points=points,
            replications=replications,
            seed=seed,
            jobs=jobs,
            progress=show,
        )
    parts = ["mailflow", "sweep", scenario, "--over", over, "--points", str(points), *["--log"] * log]
    parts += [part for name in policy or [] for part in ("--policy", name)] + ["--measure", measure] * bool(measure)
    parts += ["--crosses", f"{crosses:g}"] if crosses is not None else []
    parts += ["--filter", filter] * bool(filter) + [part for pair in settings or [] for part in ("--set", pair)]
    parts += ["--replay", replay] * bool(replay) + ["--replay-wanted", replay_wanted] * bool(replay_wanted)
    command = shlex.join([*parts, "--seed", str(seed), "--replications", str(replications)])

    def draw() -> Figure:
        from sim import plots

        return plots.sweep(result)

    _give(report.text(result, command), report.rows(result), report.document(result), {"sweep": draw}, out, csv, json, quiet)


def _check(out: str, csv: str, json: str) -> None:
    """Complain now if something cannot be written later."""
    for path in (csv, json):
        if path:
            output.check(path)
    if out:
        output.check_folder(out)


def _give(
    text: str, rows: list[list[str]], document: dict[str, object], charts: dict[str, object], out: str, csv: str, json: str, quiet: bool
) -> None:
    """Print and write."""
    import csv as table
    import io
    import json as form

    buffer = io.StringIO()
    table.writer(buffer, lineterminator="\n").writerows(rows)
    as_json = form.dumps(document, indent=2, default=str, allow_nan=False) + "\n"
    files: list[tuple[str, str | bytes]] = []
    if out:
        from sim import plots

        files += [
            (os.path.join(out, name), content)
            for name, content in (("answer.txt", text + "\n"), ("table.csv", buffer.getvalue()), ("result.json", as_json))
        ]
        for name, draw in charts.items():
            assert callable(draw)
            figure = draw()
            files += [(os.path.join(out, f"{name}.svg"), plots.svg(figure)), (os.path.join(out, f"{name}.png"), plots.png(figure, 150))]
    files += [(path, content) for path, content in ((csv, buffer.getvalue()), (json, as_json)) if path]
    if not quiet and "-" not in (csv, json):
        output.emit(text)
    for path, content in files:
        output.write(path, content)
    if quiet or "-" in (csv, json):
        return
    if files:
        output.note("Written: " + ", ".join(path for path, _ in files))
    elif sys.stdout.isatty():
        output.note("Next: --out DIR for the chart")
