"""mailflow show: lists, explains, resolves; runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli import output
from sim.cli.options import Set
from sim.errors import BadInput, nearest

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["show"]


def show(
    what: Annotated[
        str,
        typer.Argument(
            help="scenarios, policies, servers, responders, assumptions, measures, schema; or a server, a responder, a key, a scenario."
        ),
    ] = "scenarios",
    settings: Set = None,
) -> None:
    """List what there is, explain a key, or resolve a scenario with every value, its unit and source. Runs nothing."""
    from sim import profiles, scenario
    from sim.profiles.responders import RESPONDERS
    from sim.report import responders
    from sim.report.pages import assumptions, measures
    from sim.report.servers import server_list, server_page
    from sim.scenario import reader

    lists = {
        "scenarios": _scenarios,
        "policies": _policies,
        "servers": server_list,
        "responders": responders.listing,
        "assumptions": assumptions,
        "measures": measures,
        "schema": _schema,
    }
    key = reader.generic(what)
    if what in lists:
        lines = lists[what]()
    elif what in profiles.PROFILES or what in profiles.ALIASES:
        lines = server_page(profiles.find(what))
    elif key in reader.fields():
        lines = _expect() if key == "expect" else _key(key)
    elif what in RESPONDERS:
        lines = responders.page(RESPONDERS[what])
    else:
        try:
            lines = _resolved(scenario.load(what, settings or []))
        except BadInput as error:
            if error.where == "scenario":
                words = [*lists, *profiles.PROFILES, *profiles.ALIASES, *RESPONDERS, *reader.fields(), *reader.known()]
                raise BadInput(
                    "show", f"{what!r} is not a list, a server, a responder, a key or a scenario{nearest(what, words)}"
                ) from None
            raise
    output.emit("\n".join(lines))


def _scenarios() -> Iterator[str]:
    from sim import scenario
    from sim.scenario import reader

    for name in reader.known():
        yield f"{name:24} {scenario.load(name).document.title}"


def _policies() -> Iterator[str]:
    from sim import profiles
    from sim.policy.autoreply import POLICIES

    for profile in profiles.PROFILES.values():
        yield f"on {profile.short} (default: {profile.default_policy})"
        for name in POLICIES:
            switch = profile.policies[name]
            yield f"  {name:16} " + (switch.set_by or f"not available here: {switch.why_not}")
            if switch.undo:
                yield f"  {'':16} undone by: {switch.undo}"
        yield "filters"
        for name, how in profile.filters.items():
            yield f"  {name:20} {how}"


def _schema() -> Iterator[str]:
    from sim.scenario import reader

    for key, (meaning, info) in reader.fields().items():
        yield f"{key:34} {_extra(info).get('unit') or '-':8} {meaning}"


def _key(key: str) -> Iterator[str]:
    from sim import profiles
    from sim.profiles import Setting, responders
    from sim.scenario import reader
    from sim.scenario.reader import plain

    meaning, info = reader.fields()[key]
    extra = _extra(info)
    yield f"{key}: {meaning}"
    yield f"  type     {reader.kind(info)}"
    if extra.get("unit"):
        yield f"  unit     {extra['unit']}"
    if extra.get("tag") == "profile":
        if key.endswith("replies.responder"):
            known = {profile.short: Setting(profile.responder, "its own") for profile in profiles.PROFILES.values()}
        elif ".replies." in f".{key}":
            key = key[key.index("replies.") :]
            known = {name: auto.settings[key] for name, auto in responders.RESPONDERS.items()}
        else:
            known = {profile.short: profile.settings[key] for profile in profiles.PROFILES.values() if key in profile.settings}
        for name, setting in known.items():
            band = f" [{setting.low} to {setting.high}]" if setting.low is not None else ""
            yield f"  default  {plain(setting.value)} on {name} ({setting.tag.value}: {setting.source}){band}"
        return
    yield "  default  " + ("none, it must be given" if info.is_required() else plain(info.default) if info.default is not None else "none")
    source = extra.get("source", "a fact of the site").removeprefix("assumed: ").removeprefix("assumed, ")
    yield f"  source   {extra.get('tag', 'site')}: {source}"
    if extra.get("low") is not None:
        yield f"  band     {extra['low']} to {extra['high']}"


def _expect() -> Iterator[str]:
    from sim.checks import expectation
    from sim.measures import CURVES, MEASURES

    yield from (expectation.__doc__ or "").rstrip().splitlines()
    yield ""
    yield "of a whole run"
    for name, measure in MEASURES.items():
        yield f"  {name:44} {measure.unit:10} {measure.meaning}"
    yield "at a time"
    for name, curve in CURVES.items():
        yield f"  {name:44} {curve.unit:10} {curve.meaning}"


def _resolved(found: Scenario) -> Iterator[str]:
    from sim.scenario.estimate import by_hand
    from sim.scenario.reader import plain
    from sim.units import clock

    yield f"{found.document.title} ({found.file})"
    yield f"{'key':34} {'value':22} {'unit':8} {'known':11} source"
    for item in found.inputs():
        band = f" [{plain(item.low)} to {plain(item.high)}]" if item.low is not None else ""
        unit = item.unit if isinstance(item.value, int | float) and item.unit else "-"
        yield f"{item.key:34} {plain(item.value):22} {unit:8} {item.tag.value:11} {item.source}{band}"
    for absence in found.absences:
        yield f"away: {found.person(absence.mailbox)}, {clock(absence.since)} to {clock(absence.until)}"
    for change in found.changes:
        who = found.person(change.mailbox) if change.mailbox >= 0 else "server"
        yield f"change: {clock(change.at)}, {who}: {change.words()}"
    for name in found.document.policy:
        yield f"policy {name}: {found.reply_policy(name).switch.set_by}"
    for name, entry in found.document.expect.items():
        yield f"expected: {name}: {entry.limits}"
    estimate = by_hand(found)
    if estimate is not None:
        yield f"By hand, with replies to everyone: {estimate.sum()}."


def _extra(info: Any) -> dict[str, Any]:
    return dict(info.json_schema_extra or {})
