"""mailflow sweep: where does the answer flip as one input moves, and which input decides?"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli import output
from sim.cli.options import (
    Compress,
    Engine,
    Executor,
    Filter,
    Jobs,
    Replay,
    ReplayWanted,
    Resume,
    ScenarioName,
    Seed,
    Set,
    given,
    progress,
    resolve,
)
from sim.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.breakeven import Sweep
    from sim.influence import Sensitivity

__all__ = ["sweep"]


def sweep(
    scenario: ScenarioName = "sbs_2003",
    over: Annotated[str, typer.Option("--over", metavar="KEY=LOW..HIGH", help="As in 'spam.unresolvable=2%..46%'.")] = "",
    all: Annotated[
        bool,
        typer.Option("--all", help="Instead: which of all assumed inputs decide? Morris screening, then Sobol' indices and a tornado."),
    ] = False,
    budget: Annotated[int, typer.Option("--budget", help="With --all: the most runs that are spent; said beforehand on what.")] = 2000,
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
    executor: Executor = "",
    engine: Engine = "auto",
    resume: Resume = "",
    replay: Replay = "",
    replay_wanted: ReplayWanted = "",
    compress: Compress = "",
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="Write everything: text, table, JSON, chart as PNG and SVG.")] = "",
    csv: Annotated[str, typer.Option("--csv", metavar="FILE", help="Write every value; - for standard output.")] = "",
    json: Annotated[
        str, typer.Option("--json", metavar="FILE", help="Write the result; - for standard output and nothing else there.")
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, nothing on standard output.")] = False,
) -> None:
    """Move one input between two values, and find where the answer flips.

    At every value the same replications are played. Between two values with different answers the search halves the way, and says how sure
    it is: up to which value, and from which on, the 95 % interval does not cross the limit. With --all every assumed input moves over its
    band instead.
    """
    if bool(over) == all:
        raise BadInput("--over", "is missing: KEY=LOW..HIGH, as in 'spam.unresolvable=2%..46%', or --all for every assumed input, not both")
    parts = given(settings, filter, replay, replay_wanted, compress)
    parts += [part for name in policy or [] for part in ("--policy", name)] + ["--measure", measure] * bool(measure)
    parts += ["--seed", str(seed)]
    found = resolve(scenario, settings, filter, replay, replay_wanted, compress)
    output.check_all(csv, json, folder=out)
    from sim.server.transport import engines

    back_end = engines.known(engine)
    if all:
        from sim import sensitivity

        if len(policy or []) > 1:
            raise BadInput("--policy", "is given twice; with --all one policy is looked at")
        plan = str(sensitivity.plan(found, budget))
        if not quiet and sys.stderr.isatty():
            output.note(plan)
        with progress(quiet) as show:
            weighed = sensitivity.weigh(
                found,
                policy=policy[0] if policy else "",
                measure=measure,
                budget=budget,
                seed=seed,
                jobs=jobs,
                executor=executor,
                engine=back_end,
                resume=resume or None,
                progress=show,
            )
        finding = _weighed(weighed, plan, shlex.join(["mailflow", "sweep", scenario, "--all", "--budget", str(budget), *parts]))
    else:
        from sim import sweeps
        from sim.scenario import span

        with progress(quiet) as show:
            swept = sweeps.sweep(
                found,
                span.over(over, log=log),
                policies=policy or (),
                measure=measure,
                crosses=crosses,
                points=points,
                replications=replications,
                seed=seed,
                jobs=jobs,
                executor=executor,
                engine=back_end,
                resume=resume or None,
                progress=show,
            )
        parts += ["--points", str(points), "--replications", str(replications), *["--log"] * log]
        parts += ["--crosses", str(crosses)] if crosses is not None else []
        finding = _swept(swept, shlex.join(["mailflow", "sweep", scenario, "--over", over, *parts]))
    _give(finding, out, csv, json, quiet)


@dataclass(frozen=True, slots=True)
class _Finding:
    """What is printed and written."""

    text: str
    rows: list[list[str]]
    document: dict[str, object]
    chart: str
    draw: Callable[[], Figure]


def _swept(result: Sweep, command: str) -> _Finding:
    from sim.report import sweeps as report

    def draw() -> Figure:
        from sim import plots

        return plots.sweep(result)

    return _Finding(report.text(result, command), report.rows(result), report.document(result), "sweep", draw)


def _weighed(result: Sensitivity, plan: str, command: str) -> _Finding:
    from sim.report import sensitivity as report

    def draw() -> Figure:
        from sim import plots

        return plots.tornado(result)

    return _Finding(report.text(result, plan, command), report.rows(result), report.document(result), "tornado", draw)


def _give(finding: _Finding, out: str, csv: str, json: str, quiet: bool) -> None:
    """Print and write."""
    import csv as table
    import io
    import json as form

    buffer = io.StringIO()
    table.writer(buffer, lineterminator="\n").writerows(finding.rows)
    as_json = form.dumps(finding.document, indent=2, default=str, allow_nan=False) + "\n"
    files: list[tuple[str, str | bytes]] = []
    if out:
        from sim import plots

        figure = finding.draw()
        contents: list[tuple[str, str | bytes]] = [
            ("answer.txt", finding.text + "\n"),
            ("table.csv", buffer.getvalue()),
            ("result.json", as_json),
            (f"{finding.chart}.svg", plots.svg(figure)),
            (f"{finding.chart}.png", plots.png(figure, 150)),
        ]
        files += [(os.path.join(out, name), content) for name, content in contents]
    files += [(path, content) for path, content in ((csv, buffer.getvalue()), (json, as_json)) if path]
    if not quiet and "-" not in (csv, json):
        output.emit(finding.text)
    for path, content in files:
        output.write(path, content)
    if quiet or "-" in (csv, json):
        return
    if files:
        output.note("Written: " + ", ".join(path for path, _ in files))
    elif sys.stdout.isatty():
        output.note("Next: --out DIR for the chart")
