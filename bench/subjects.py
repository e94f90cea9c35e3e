"""What is measured, in groups. Each subject prepares what does not count, then measures the rest, in a process of its own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from bench import memory, runs
from bench.engines import ENGINES
from bench.instance import Instance
from bench.outcome import cpu

__all__ = ["GROUPS", "SETS", "Group", "Subject", "find", "measure"]

Found = dict[str, Any]  # figure, attempts, outcome; or missing: why there is no figure


@dataclass(frozen=True, slots=True)
class Subject:
    """One line of the table."""

    name: str
    measure: Callable[[], Found]
    most: int = 1000  # rounds
    ours: bool = False  # of this checkout: measured in another one too


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that have one yardstick, the first of them."""

    name: str
    kind: str  # what is found: "attempts", "seconds" or a unit
    subjects: tuple[Subject, ...]


SETS: Final = {  # messages, connections
    "M, the limit binds": (37_926, 30),
    "M, it does not": (37_926, 1000),
    "S, the limit binds": (3_557, 3),
    "S, it does not": (3_557, 1000),
}
_FAST: Final = ("plain SimPy", "the kernel", "the kernel, conducted hour by hour", "C", "C, with a log of attempts", "cimba")
_SLOW: Final = ("plain SimPy", "SimPy, own counter of slots", "the reference", "the kernel")
_SLOWEST: Final = ("Ciw", "salabim")  # on one set only
_MANY: Final = 1000  # rounds: as many as are asked for
_SOME: Final = 3  # at most, of what is slow
_ROUNDS: Final = {("M", "plain SimPy"): _SOME, ("S", "Ciw"): 1, ("S", "salabim"): 1}


def _queue(set: str, engine: str) -> Found:
    messages, connections = SETS[set]
    instance = Instance.mixed(messages)
    try:
        played = ENGINES[engine](instance, connections)
    except ModuleNotFoundError as missing:
        return {"missing": str(missing)}
    return {"figure": played.seconds, "attempts": played.outcome.attempts, "outcome": asdict(played.outcome)}


def _queues(set: str) -> Group:
    names = _FAST if set.startswith("M") else (*_SLOW, *_SLOWEST) if "the limit" in set else _SLOW
    return Group(
        f"The retry queue, {set}",
        "attempts",
        tuple(
            Subject(
                name, partial(_queue, set, name), _ROUNDS.get((set[0], name), _MANY if set[0] == "M" else _SOME), name.startswith("the ")
            )
            for name in names
        ),
    )


def _run(measured: Callable[..., tuple[float, int]], *of: str) -> Found:
    seconds, attempts = measured(*of)
    return {"figure": seconds, "attempts": attempts}


def _whole(name: str) -> Group:
    """Of the 40,000 mailboxes plain SimPy plays a tenth, and ten times that is its figure."""
    large = name == "a day of 40,000 mailboxes"
    most = 2 if large else _SOME
    kernel = (
        Subject("the kernel", partial(_run, runs.played, name, "kernel"), most, ours=True),
        Subject("the kernel, all columns asked for", partial(_run, partial(runs.played, read=True), name, "kernel"), most, ours=True),
        Subject("the kernel, rows drawn too", partial(_run, runs.drawn_and_played, name, "kernel"), most, ours=True),
    )
    if large:
        return Group(f"A run to a record: {name}", "attempts", (Subject("plain SimPy, ten times a tenth", _tenth, most), *kernel))
    plain = Subject("plain SimPy", partial(_run, runs.plainly, name), _SOME)
    reference = (
        Subject("the reference", partial(_run, runs.played, name, "simpy"), _SOME, ours=True),
        Subject("the reference, rows drawn too", partial(_run, runs.drawn_and_played, name, "simpy"), _SOME, ours=True),
    )
    return Group(f"A run to a record: {name}", "attempts", (plain, *reference, *kernel))


def _tenth() -> Found:
    seconds, attempts = runs.plainly("a day of 4,000 mailboxes")
    return {"figure": 10 * seconds, "attempts": 10 * attempts}


def _measures() -> Found:
    import sim

    first, second = (sim.run(sim.load("sbs_2003"), "external", seed=1) for _ in range(2))  # a record keeps what was worked out
    sim.measure(first)
    begin = cpu()
    sim.measure(second)
    return {"figure": cpu() - begin}


def _child(code: str, *arguments: str, fresh: bool = False, wall: bool = False) -> Found:
    """A process of its own, which keeps what it has made of the package's text, as Python does unless told not to. fresh: with an empty
    folder for machine code; wall: seconds as a clock on the wall has them."""
    with tempfile.TemporaryDirectory() as folder:
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env |= {"NUMBA_CACHE_DIR": folder} if fresh else {}
        command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}", *arguments]
        began, user = time.perf_counter(), cpu(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=env, cwd=folder)
        took = time.perf_counter() - began
        return {"figure": took if wall else cpu(resource.RUSAGE_CHILDREN) - user}


_MAIN: Final = "from sim.cli import main; main()"
_FIRST: Final = (
    "from bench import product; from bench.instance import Instance; from sim.policy.retry import Family; "
    "product.play('{}', Family.MESSAGE, Instance.mixed(20), 3)"
)
_STARTS: Final = (
    Subject("import typer, rich", partial(_child, "import typer, rich")),
    Subject("mailflow --help", partial(_child, _MAIN, "--help"), ours=True),
    Subject("import numba", partial(_child, "import numba")),
    Subject("first use of the reference", partial(_child, _FIRST.format("simpy")), ours=True),
    Subject("first use of the kernel, machine code kept", partial(_child, _FIRST.format("kernel")), ours=True),
    Subject("first use of the kernel, none kept", partial(_child, _FIRST.format("kernel"), fresh=True), 1, ours=True),
    Subject("mailflow compare, by the clock on the wall", partial(_child, _MAIN, "compare", wall=True), _SOME, ours=True),
    Subject("the measures of a record of the story", _measures, ours=True),
)
_WAITING: Final = 30_000  # messages; of fewer one would measure what is there once


def _peak(of: Callable[[], object]) -> Found:
    of()
    return {"figure": memory.peak()}


_PEAKS: Final = (
    Subject("import of the package and this benchmark", partial(_peak, lambda: None), 1),
    Subject("the story, the reference", partial(_peak, partial(runs.drawn_and_played, "the story", "simpy")), 1),
    Subject("the story, the kernel", partial(_peak, partial(runs.drawn_and_played, "the story", "kernel")), 1),
    Subject(
        "a day of 40,000 mailboxes, the kernel", partial(_peak, partial(runs.drawn_and_played, "a day of 40,000 mailboxes", "kernel")), 1
    ),
)

GROUPS: Final = (
    *(_queues(set) for set in SETS),
    *(_whole(name) for name in runs.RUNS),
    Group("Start-up, whole processes", "seconds", _STARTS),
    Group(
        "Bytes of an outbound message that waits",
        "bytes",
        tuple(Subject(name, partial(lambda held: {"figure": held(_WAITING)}, held), 1) for name, held in memory.HELD.items()),
    ),
    Group("Most memory of a process", "MiB", _PEAKS),
)


def find(group: str, name: str) -> Subject:
    """By names."""
    return next(subject for found in GROUPS if found.name == group for subject in found.subjects if subject.name == name)


def measure(group: str, name: str) -> None:
    """Print what one subject costs, as JSON."""
    print(json.dumps(find(group, name).measure()))
