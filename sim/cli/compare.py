"""mailflow compare: policies side by side."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
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
    announce,
    given,
    progress,
    resolve,
    varied,
)
from sim.errors import BadInput

if TYPE_CHECKING:
    from sim.comparison import Comparison

__all__ = ["compare"]


def compare(
    scenario: ScenarioName = "sbs_2003",
    policy: Annotated[list[str] | None, typer.Option("--policy", help="A policy to compare; repeatable; all by default.")] = None,
    filter: Filter = "",
    settings: Set = None,
    replications: Annotated[
        int | None, typer.Option("--replications", help="By default until the headlines are known to 5 %, 10 to 200.")
    ] = None,
    until: Annotated[
        list[str] | None,
        typer.Option(
            "--until",
            metavar="[POLICY:]MEASURE=PRECISION",
            help="Instead: runs in batches of 10 until the half-width of the 95 % interval of this measure's mean under the policy, the "
            "widest by default, is at most 5% of the mean, or at most 0.5 in its unit; --replications is then the most, 200 by "
            "default; repeatable.",
        ),
    ] = None,
    best: Annotated[
        str,
        typer.Option(
            "--best",
            metavar="MEASURE",
            help="Which policy is best, right with 95 % (Kim and Nelson 2001): margin (wanted people told less strangers told) "
            "and what else is wanted shall be high, all others low; runs in batches of 10 until it is decided.",
        ),
    ] = "",
    zone: Annotated[float, typer.Option("--zone", help="With --best: a difference smaller than this does not matter to you.")] = 1.0,
    unpaired: Annotated[bool, typer.Option("--unpaired", help="Every policy meets mail of its own: what is pairing worth?")] = False,
    no_bands: Annotated[
        bool,
        typer.Option(
            "--no-bands", help="Do not play again at the ends of assumed inputs: quicker, and the answer says what it leaves out."
        ),
    ] = False,
    together: Annotated[
        bool, typer.Option("--together", help="Differences that hold for all policies together at 95 % (Bonferroni).")
    ] = False,
    percentiles: Annotated[
        list[float] | None, typer.Option("--percentile", metavar="P", help="This percentile of the runs, with its interval; repeatable.")
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option("--vary", metavar="KEY=A,B,C", help="Compare again with each of these values; several: with every combination."),
    ] = None,
    server: Annotated[
        list[str] | None,
        typer.Option("--server", metavar="NAME", help="Compare again on this server; repeatable; `all`: on every server there is."),
    ] = None,
    seed: Seed = 1,
    jobs: Jobs = None,
    executor: Executor = "",
    engine: Engine = "auto",
    resume: Resume = "",
    replay: Replay = "",
    replay_wanted: ReplayWanted = "",
    compress: Compress = "",
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="Write everything: answer, table, JSON, charts, page.")] = "",
    html: Annotated[str, typer.Option("--html", metavar="FILE", help="Write the page for the client.")] = "",
    csv: Annotated[str, typer.Option("--csv", metavar="FILE", help="Write every measure of every policy; - for standard output.")] = "",
    json: Annotated[
        str, typer.Option("--json", metavar="FILE", help="Write the result; - for standard output and nothing else there.")
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no answer on standard output.")] = False,
) -> None:
    """Compare reply policies on the same mail, and give the answer."""
    from sim import experiment, report
    from sim.server.transport import engines

    found = resolve(scenario, settings, filter, replay, replay_wanted, compress)
    for percent in percentiles or []:
        if not 0 < percent < 100:
            raise BadInput("--percentile", f"{percent:g} is not between 0 and 100")
    output.check_all(html, csv, json, folder=out)
    parts = ["mailflow", "compare", scenario]
    parts += [part for name in policy or [] for part in ("--policy", name)]
    parts += given(settings, filter, replay, replay_wanted, compress)
    parts += [part for item in until or [] for part in ("--until", item)] + ["--no-bands"] * no_bands
    parts += ["--best", best, "--zone", str(zone)] * bool(best) + ["--unpaired"] * unpaired + ["--together"] * together
    parts += [part for item in percentiles or [] for part in ("--percentile", str(item))]
    parts += [part for item in vary or [] for part in ("--vary", item)] + [part for item in server or [] for part in ("--server", item)]
    announce(found, quiet or "-" in (json, csv, html))
    with progress(quiet) as show:
        result = experiment.compare(
            found,
            policy or (),
            seed=seed,
            replications=replications,
            jobs=jobs,
            bands=not no_bands,
            until=until or (),
            best=best,
            zone=zone,
            pairs=not unpaired,
            together=together,
            vary=_varied(vary, server),
            executor=executor,
            engine=engines.known(engine),
            resume=resume or None,
            progress=show,
        )
    command = shlex.join([*parts, "--seed", str(seed), "--replications", str(result.replications)])
    answer = report.answer(result, command, percentiles or ())
    text = report.text(answer)
    if "-" not in (json, csv, html) and not quiet:
        _print(text, answer.sentence)
    files = _files(result, answer, text, percentiles or (), out, html, csv, json)
    for path, content in files:
        output.write(path, content)
    if quiet or "-" in (json, csv, html):
        return
    if files:
        output.note("Written: " + ", ".join(path for path, _ in files))
    elif sys.stdout.isatty():
        days = max(1, round((found.horizon / 86400 + 1) / 2))
        output.note(f"Next: --html page.html, --out DIR; mailflow run {shlex.quote(scenario)} --at 'day {days} 12:00'")


def _varied(vary: list[str] | None, server: list[str] | None) -> dict[str, list[object]]:
    """What --vary and --server ask for."""
    found = varied(vary)
    if server:
        from sim import profiles

        names = list(profiles.PROFILES) if "all" in server else server
        for name in names:
            profiles.find(name)
        found["server.profile"] = list(names)
    return found


def _print(text: str, first: str) -> None:
    """The answer; on a terminal its first sentence stands out."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        output.emit(text)
        return
    from rich.console import Console
    from rich.text import Text

    styled = Text(text)
    styled.stylize("bold", 0, len(first) + text[: len(first)].count("\n"))
    Console(soft_wrap=True, highlight=False).print(styled)


def _files(
    result: Comparison, answer: object, text: str, percentiles: Sequence[float], out: str, html: str, csv: str, json: str
) -> list[tuple[str, str | bytes]]:
    """What is to be written: (path, content)."""
    import csv as table
    import io
    import json as form

    from sim import report

    def json_text() -> str:
        found = report.document(result, report.sentence(result)) | report.extras(result, percentiles)
        return form.dumps(found, indent=2, default=str, allow_nan=False) + "\n"

    def csv_text() -> str:
        buffer = io.StringIO()
        table.writer(buffer, lineterminator="\n").writerows(report.csv_rows(result))
        return buffer.getvalue()

    def page_text() -> str:
        from sim.report.page import page

        assert isinstance(answer, report.Answer)
        return page(result, answer)

    files: list[tuple[str, str | bytes]] = []
    if out:
        from sim import plots

        files += [
            (os.path.join(out, name), make())
            for name, make in (("table.csv", csv_text), ("result.json", json_text), ("page.html", page_text))
        ]
        files.insert(0, (os.path.join(out, "answer.txt"), text + "\n"))
        for name, draw in (("story", plots.story), ("decision", plots.decision), ("differences", plots.differences)):
            figure = draw(result)
            files.append((os.path.join(out, f"{name}.svg"), plots.svg(figure)))
            files.append((os.path.join(out, f"{name}.png"), plots.png(figure, 150)))
    files += [(path, make()) for path, make in ((html, page_text), (csv, csv_text), (json, json_text)) if path]
    return files
