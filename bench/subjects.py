"""What is measured, by name. Each subject prepares what does not count, then measures the rest, in this process."""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bench import plain, reference
from bench.instance import Instance
from sim.policy.retry import Family

__all__ = ["BYTES", "SECONDS", "measure"]

Spent = tuple[float, int]  # user CPU seconds, and the attempts made in them; 0 where there are none to count
Play = Callable[[Instance, int], tuple[object, list[Any]]]  # instance and connections to what holds the messages, and the attempts made
PLAYS: Final[dict[str, Play]] = {
    "plain SimPy": plain.play,
    "transport, the queue retries": partial(reference.play, Family.QUEUE),
    "transport, the message retries": partial(reference.play, Family.MESSAGE),
}
LOOSE: Final = 1000  # connections
TIGHT: Final = 3


def _cpu(who: int = resource.RUSAGE_SELF) -> float:
    return resource.getrusage(who).ru_utime


def _plays(play: Play, connections: int) -> Callable[[int], Spent]:
    def measured(messages: int) -> Spent:
        instance = Instance.mixed(messages)
        begin = _cpu()
        _, attempts = play(instance, connections)
        return _cpu() - begin, len(attempts)

    return measured


def _run(messages: int) -> Spent:
    """The story under the policy that fills its queues, as every replication but the first costs."""
    import sim

    story = sim.load("sbs_2003")
    sim.run(story, "external", seed=1)
    begin = _cpu()
    record = sim.run(story, "external", seed=1)
    return _cpu() - begin, len(record.columns("attempts")["at"])


def _realise(messages: int) -> Spent:
    import sim
    from sim import realise

    story = sim.load("sbs_2003")
    list(realise.hours(story, 1, 0, realise.world(story, 1, 0), 24))
    begin = _cpu()
    list(realise.hours(story, 1, 0, realise.world(story, 1, 0), 24))
    return _cpu() - begin, 0


def _measures(messages: int) -> Spent:
    import sim

    first, second = (sim.run(sim.load("sbs_2003"), "external", seed=1) for _ in range(2))  # a record keeps what was worked out
    sim.measure(first)
    begin = _cpu()
    sim.measure(second)
    return _cpu() - begin, 0


def _starts(code: str, *arguments: str) -> Callable[[int], Spent]:
    def measured(messages: int) -> Spent:
        begin = _cpu(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}", *arguments], check=True, stdout=subprocess.DEVNULL
        )
        return _cpu(resource.RUSAGE_CHILDREN) - begin, 0

    return measured


SECONDS: Final[dict[str, Callable[[int], Spent]]] = {
    **{name: _plays(play, LOOSE) for name, play in PLAYS.items()},
    **{f"{name}, {TIGHT} connections": _plays(play, TIGHT) for name, play in PLAYS.items()},
    "a run of the story": _run,
    "of it, realise": _realise,
    "the measures of its record": _measures,
    "import typer, rich": _starts("import typer, rich"),
    "mailflow --help": _starts("from sim.cli import main; main()", "--help"),
}


def _holds(play: Play) -> Callable[[int], float]:
    """Bytes a message that waits in a queue, without the list of the attempts made so far."""

    def measured(messages: int) -> float:
        instance = Instance.stuck(messages)
        play(Instance.stuck(10), LOOSE)  # what is made once
        gc.collect()
        tracemalloc.start()
        kept, attempts = play(instance, LOOSE)
        attempts.clear()
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        del kept
        return held / messages

    return measured


BYTES: Final[dict[str, Callable[[int], float]]] = {name: _holds(play) for name, play in PLAYS.items()}


def measure(what: str, messages: int) -> None:
    """Print what one subject costs, as JSON."""
    kind, _, name = what.partition(" ")
    print(json.dumps(BYTES[name](messages) if kind == "bytes" else SECONDS[name](messages)))
