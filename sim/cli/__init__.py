"""The command line: the only part that prints, writes files or exits.

Exit status 0 done; 2 bad input, said in one line; 130 interrupted; `mailflow test` has 1, 3 and 5 of its own. Anything else
is a bug and keeps its traceback.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated, Final

import typer

from sim import __version__
from sim.cli.compare import compare
from sim.cli.new import new
from sim.cli.reply import reply
from sim.cli.run import run
from sim.cli.show import show
from sim.cli.sweep import sweep
from sim.cli.test import check_scenarios
from sim.errors import MailflowError

__all__ = ["app", "main"]

_SELDOM: Final = 100_000  # new objects between two looks; 700 or 2,000 by default, by the version of Python

app = typer.Typer(
    name="mailflow",
    help="Make visible what out-of-office replies do to a mail server.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: drawing boxes would take half of the start-up
)
for command in (compare, sweep, run, new, reply, show):
    app.command()(command)
app.command("test")(check_scenarios)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mailflow {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")] = False,
) -> None:
    pass


def main() -> None:
    """Run the command. Of the many objects here nearly all are parts of modules and stay until the end: Python is told to look through them
    for what nobody needs seldom, and not once more on its way out, which would take half a second after a comparison. And numpy's linear
    algebra, which nothing here needs, is kept from starting threads that wait for it."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(_SELDOM)
    try:
        _run_command()
    finally:
        gc.freeze()


def _run_command() -> None:
    try:
        status = app(standalone_mode=False)
    except MailflowError as error:
        _complain(str(error), 2)
    except KeyboardInterrupt:
        _complain("interrupted", 130)
    except BrokenPipeError:  # the reader of a pipe has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except Exception as error:
        # Typer's own complaints about the command line carry their text and no more in common than this.
        say = getattr(error, "format_message", None)
        if say is None:
            raise
        _complain(str(say()).replace("\n", " ") or "no command given; mailflow --help lists them", 2)
    if status == 130:
        _complain("interrupted", 130)
    raise SystemExit(status if isinstance(status, int) else 0)


def _complain(text: str, status: int) -> None:
    typer.echo(f"mailflow: {text}", err=True)
    raise SystemExit(status) from None
