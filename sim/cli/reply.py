"""mailflow reply: would a responder answer this message, and with what?"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli import output
from sim.errors import BadInput

if TYPE_CHECKING:
    from sim.scenario.schema import Replies
    from sim.verdicts import Seen

__all__ = ["reply"]


def reply(
    messages: Annotated[list[str], typer.Argument(metavar="MESSAGE", help="Messages: .eml files, mboxes, Maildirs, folders of .eml.")],
    responder: Annotated[
        list[str] | None, typer.Option("--responder", help="Which responder; repeatable; rfc5230 by default. mailflow show responders")
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="ADDRESS", help="The user's own address; repeatable; by default Delivered-To, X-Original-To or To."),
    ] = None,
    junk: Annotated[bool, typer.Option("--junk", help="As if the messages had been filed as junk.")] = False,
    history: Annotated[bool, typer.Option("--history", help="In order of time, remembering who was answered.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Switch a rule of them all, as in replies.only_if_addressed=false; repeatable."),
    ] = None,
    brief: Annotated[bool, typer.Option("--summary", help="Of many messages, only the table.")] = False,
    json: Annotated[
        str, typer.Option("--json", metavar="FILE", help="Write the result; - for standard output and nothing else there.")
    ] = "",
) -> None:
    """Would this message be answered? By which rule not, with what reply, and which responders decide otherwise.

    The user is away and the policy answers everybody."""
    from sim.corpus.headers import address
    from sim.profiles import responders as known
    from sim.report import verdicts as report
    from sim.scenario.replies import responder as build
    from sim.verdicts import judge

    names = list(dict.fromkeys(responder or ["rfc5230"]))
    for name in names:
        known.find(name, "--responder")
    own = []
    for text in to or []:
        found = address(text)
        if found is None:
            raise BadInput("--to", f"{text!r} is not an address, as in ann@office.example")
        own.append(found)
    if json:
        output.check(json)
    given = _switches(settings or [])
    everybody = {name: build(auto, given) for name, auto in known.RESPONDERS.items()}
    left_out: dict[str, str] = {}
    seen = list(_read(messages, own, left_out, history))
    if not seen:
        name, why = next(iter(left_out.items()))
        more = f" (and {len(left_out) - 1:,} more)" if len(left_out) > 1 else ""
        raise BadInput(name, f"{why}; no message is left to judge{more}")
    judged = judge(seen, everybody, junk, history)
    if json:
        import json as form

        text = form.dumps(report.document(judged, names, everybody, left_out), indent=2, allow_nan=False) + "\n"
        output.write(json, text)
        if json == "-":
            return
    if len(judged) == 1 and not left_out:
        output.emit("\n".join(report.single(judged[0], names, everybody)))
    else:
        shown = [] if brief else [*report.lines(judged, names[0]), ""]
        sources = {one.own_header for one in seen if one.own_header}
        notes = [f"Own addresses taken from {', '.join(sorted(sources))}; --to names yours."] if sources else []
        unknown = sum(not one.own for one in seen)
        notes += [f"{unknown:,} name no own address: rules about it were not asked."] if unknown else []
        notes += [f"{len(left_out):,} left out:"] * bool(left_out) + [f"  {name}: {why}" for name, why in left_out.items()]
        output.emit("\n".join([*shown, *report.summary(judged, names, notes)]))
    if json:
        output.note(f"Written: {json}")
    elif sys.stdout.isatty() and not responder:
        output.note("Next: --responder NAME, --json FILE; mailflow show rfc5230")


def _read(paths: Sequence[str], own: Sequence[str], left_out: dict[str, str], needs_time: bool) -> Iterator[Seen]:
    """The messages that can be judged; the others, and why, go into `left_out`."""
    from pathlib import Path

    from sim.corpus.headers import parse
    from sim.corpus.messages import messages
    from sim.verdicts import look, trouble

    for path in paths:
        try:
            for raw in messages(Path(path)):
                mail = parse(raw)
                why = raw.error or trouble(mail, needs_time)
                if why:
                    left_out[raw.name] = why
                else:
                    yield look(mail, own)
        except BadInput as error:
            left_out[error.where] = error.found


def _switches(settings: Sequence[str]) -> Replies:
    """The table `[replies]` that --set describes."""
    from sim.scenario import reader

    plain: dict[str, object] = {"title": "-", "days": 1}
    for setting in settings:
        key = setting.partition("=")[0].strip()
        if key == "replies.responder" or not key.startswith("replies."):
            raise BadInput("--set", f"{key!r} is no switch of a responder; `mailflow show schema` lists them as replies.*")
        reader.assign(plain, {}, setting, "--set")
    return reader.check(plain, "--set").replies
