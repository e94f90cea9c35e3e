"""The command line: the only module that prints, writes files or exits."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sim import __version__
from sim.errors import BadInput, MailflowError, nearest

__all__ = ["main"]

app = typer.Typer(help="Make visible what out-of-office replies do to a mail server.", no_args_is_help=True, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mailflow {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")] = False,
) -> None:
    pass


@app.command()
def show(
    what: Annotated[str, typer.Argument(help="scenarios, servers, policies, schema, a key, or a scenario's file or name")] = "scenarios",
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key first; repeatable.")] = None,
) -> None:
    """List or document what there is, or resolve a scenario with every value, its unit and source. Runs nothing."""
    from sim import profiles, scenario
    from sim.policy.autoreply import POLICIES
    from sim.scenario import reader

    known = reader.fields()
    if what == "scenarios":
        for path in sorted(reader.shipped().glob("*.toml")):
            typer.echo(f"{path.stem:24} {scenario.load(path).document.title}")
    elif what == "servers":
        for profile in profiles.PROFILES.values():
            typer.echo(f"{profile.name:24} {profile.title}")
            for item in profile.undocumented:
                typer.echo(f"{'':24}   not documented: {item}")
    elif what == "policies":
        for profile in profiles.PROFILES.values():
            typer.echo(f"on {profile.short}:")
            for name in POLICIES:
                switch = profile.policies[name]
                typer.echo(f"  {name:16} {switch.set_by or 'not available here: ' + switch.why_not}")
    elif what == "schema":
        for key, (meaning, info) in known.items():
            typer.echo(f"{key:32} {_unit(info):8} {meaning}")
    elif what in known:
        meaning, info = known[what]
        extra = _extra(info)
        typer.echo(f"{what}: {meaning}")
        for name in ("unit", "source", "tag", "low", "high"):
            if extra.get(name) not in (None, ""):
                typer.echo(f"  {name:8} {extra[name]}")
        if not info.is_required():
            typer.echo(f"  default  {info.default if info.default is not None else 'as the profile of the server says'}")
    else:
        try:
            resolved = scenario.load(what, settings or [])
        except BadInput as error:
            if error.where == "scenario":
                words = ["scenarios", "servers", "policies", "schema", *known]
                raise BadInput("show", f"{what!r} is not a word, a key or a scenario{nearest(what, words)}") from None
            raise
        typer.echo(f"{resolved.document.title} ({resolved.file})")
        for entry in resolved.inputs():
            band = f" [{entry.low} to {entry.high}]" if entry.low is not None else ""
            typer.echo(f"  {entry.key:32} {entry.value!s:20} {entry.tag.value:10} {entry.source}{band}")


def _extra(info: Any) -> dict[str, Any]:
    return dict(info.json_schema_extra or {})


def _unit(info: Any) -> str:
    return str(_extra(info).get("unit") or "-")


def main() -> None:
    """Run the command; bad input becomes one line and exit status 2."""
    try:
        app()
    except MailflowError as error:
        typer.echo(f"mailflow: {error}", err=True)
        raise SystemExit(2) from None
