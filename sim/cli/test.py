"""mailflow test: do scenarios give what they expect of themselves?"""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli import output
from sim.cli.options import Executor, Replay, ReplayWanted, Seed, Set, progress
from sim.errors import BadInput

if TYPE_CHECKING:
    from sim.checks import Checked
    from sim.trial import Case

__all__ = ["check_scenarios"]


def check_scenarios(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Scenarios: names, files, folders; by default all there are.")
    ] = None,
    keyword: Annotated[
        str, typer.Option("-k", metavar="EXPR", help="Only these: words of SCENARIO::EXPECTATION with and, or, not, parentheses.")
    ] = "",
    exit_first: Annotated[bool, typer.Option("-x", "--exitfirst", help="Stop after the first scenario that fails.")] = False,
    settings: Set = None,
    replications: Annotated[
        int | None, typer.Option("--replications", help="By default as many as decide, looked at after 10, 20, 50 and 100.")
    ] = None,
    seed: Seed = 1,
    jobs: Annotated[int | None, typer.Option("--jobs", help="Worker processes; one per core by default.")] = None,
    executor: Executor = "",
    full: Annotated[bool, typer.Option("--full", help="Play big scenarios at their own scale, not at that of their tested_with.")] = False,
    causes: Annotated[bool, typer.Option("--causes/--no-causes", help="Play what failed at the ends of assumed inputs.")] = True,
    replay: Replay = "",
    replay_wanted: ReplayWanted = "",
    junitxml: Annotated[str, typer.Option("--junitxml", metavar="FILE", help="Write JUnit XML; - for standard output.")] = "",
    json: Annotated[str, typer.Option("--json", metavar="FILE", help="Write the result; - for standard output.")] = "",
    table: Annotated[str, typer.Option("--table", metavar="FILE", help="Write what came out as a Markdown table.")] = "",
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="List what has passed too.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing; the exit status tells.")] = False,
) -> None:
    """Check what scenarios expect of themselves. Exit status: 0 passed, 1 failed, 2 bad input, 3 undecided, 5 nothing expected."""
    from sim import trial
    from sim.report import tested

    for path in (junitxml, json, table):
        if path:
            output.check(path)
    if table and (keyword or settings or exit_first or full):
        raise BadInput("--table", "shows all scenarios as they are: leave out -k, -x, --set and --full")
    files = _files(paths or ["scenarios"])
    cases = _cases(files, settings or [], keyword, full, replay, replay_wanted)
    began = time.monotonic()
    found: list[Checked] = []
    with progress(quiet) as show:
        checked = trial.checks_of(
            cases,
            seed=seed,
            replications=replications,
            jobs=jobs,
            executor=executor,
            causes=causes,
            headlines=bool(table),
            progress=show,
        )
        for one in checked:
            found.append(one)
            if exit_first and one.failed:
                break
        checked.close()
    if not quiet and "-" not in (junitxml, json, table):
        missed = [case.scenario.name for case in cases[len(found) :]]
        _print(tested.text(found, verbose), missed, tested.summary(found, time.monotonic() - began))
    _write(found, files, paths or ["scenarios"], junitxml, json, table)
    raise typer.Exit(tested.status(found))


def _files(paths: list[str]) -> list[Path]:
    """The scenario files that are meant, each once."""
    from sim.scenario import reader

    found: list[Path] = []
    for path in paths:
        if os.path.isdir(path):
            try:
                found += sorted(one for one in Path(path).iterdir() if one.suffix == ".toml")
            except OSError as error:
                raise BadInput(path, f"cannot be read: {(error.strerror or str(error)).lower()}") from None
        elif path == "scenarios":  # away from a folder of this name: those that travel with the package
            found += sorted(reader.shipped().glob("*.toml"))
        else:
            found.append(reader.find(path))
    return list({os.path.realpath(path): path for path in found}.values())


def _cases(files: list[Path], settings: list[str], keyword: str, full: bool, replay: str, replay_wanted: str) -> list[Case]:
    """The scenarios with their expectations; what is wrong in any of them is said before anything is run."""
    from sim import checks, corpus, scenario, trial

    checks.keyword(keyword)
    spam, wanted = corpus.read(replay) if replay else None, corpus.read(replay_wanted) if replay_wanted else None
    cases = []
    for file in files:
        found = scenario.load(file)
        if found.document.replay_required:  # others are checked as they are
            found = found.with_replay(spam, wanted)
        cases.append(trial.Case.of(found, settings, keyword, full))
    return [case for case in cases if case.expectations] if keyword else cases


def _print(parts: list[str], missed: list[str], summary: str) -> None:
    """Plain text; on a terminal the verdicts in colour."""
    if missed:
        parts = [*parts, f"Stopped after a failure; not run: {', '.join(missed)}"]
    told = "\n".join([*parts, summary])
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        output.emit(told)
        return
    from rich.console import Console
    from rich.text import Text

    styled = Text(told)
    for word, style in (("FAILED", "bold red"), ("UNDECIDED", "bold yellow"), ("SKIPPED", "yellow"), ("PASSED", "green")):
        styled.highlight_regex(rf"(?m)^{word}\b", style)
    Console(soft_wrap=True, highlight=False).print(styled)


def _write(found: list[Checked], files: list[Path], paths: list[str], junitxml: str, json: str, table: str) -> None:
    import json as form

    from sim import __version__
    from sim.report import tested
    from sim.scenario import reader

    if junitxml:
        output.write(junitxml, tested.junit(found))
    if json:
        output.write(json, form.dumps(tested.document(found, __version__), indent=2, allow_nan=False) + "\n")
    if table:
        command = shlex.join(["mailflow", "test", *paths, "--table", table])
        output.write(table, tested.table(found, {file.stem: reader.lesson(file) for file in files}, command, __version__))
