"""mailflow new: a scenario file, ready to edit."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from sim.cli import output
from sim.errors import BadOutput

__all__ = ["new"]


def new(
    name: Annotated[str, typer.Argument(help="Name of the scenario; NAME.toml is written.")],
    source: Annotated[str, typer.Option("--from", metavar="SCENARIO", help="The scenario to begin with.")] = "sbs_2003",
) -> None:
    """Write a commented scenario file."""
    from pathlib import Path

    from sim import scenario
    from sim.scenario import reader

    target = Path(name if name.endswith(".toml") else f"{name}.toml")
    if os.path.exists(target):
        raise BadOutput(str(target), "exists already; it is not replaced")
    path = reader.find(source)
    scenario.load(path)
    text = path.read_text(encoding="utf-8")
    output.check(str(target))
    note = (
        f"# {target.stem}: begun from {path.stem}. Put in your own numbers; `mailflow show schema` lists every key, `mailflow "
        "show KEY` explains one.\n"
        "# A plain value is a fact of your site. One that you guess is written with its band, and is then varied between its ends:\n"
        '#   unresolvable = { value = "25 %", low = "2 %", high = "46 %", source = "where it comes from" }\n\n'
    )
    output.write(str(target), note + text)
    output.note(f"Written: {target}\nNext: mailflow show {target}, mailflow compare {target}")
