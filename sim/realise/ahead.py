"""Mail drawn by another process, while this one does what no second core can share. What it has drawn by then is kept as if it had been
drawn here, so nothing but time depends on it.
"""

from __future__ import annotations

import mmap
import multiprocessing
import pickle
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from sim.realise.rows import KEPT, Drawn, drawn, keep, kept

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["drawing"]

_ROOM: Final = 1 << 26  # bytes that both processes see; what is not written takes no memory
_LENGTH: Final = 8  # bytes before each replication that say how many follow


@contextmanager
def drawing(scenario: Scenario, seed: int, chunk: int) -> Iterator[None]:
    """Meanwhile have replications drawn, from the first on, if they are so small that what is drawn is kept. chunk: hours at a time."""
    context = multiprocessing.get_context()
    if context.get_start_method() != "fork":  # nor would worker processes have what is kept here
        yield
        return
    with mmap.mmap(-1, _ROOM) as room:
        process = context.Process(target=_draw, args=(room, scenario, seed, chunk), daemon=True)
        process.start()
        try:
            yield
        finally:
            process.kill()
            process.join()
            for replication, found in enumerate(_read(room)):
                keep(scenario, seed, replication, chunk, found)


def _draw(room: mmap.mmap, scenario: Scenario, seed: int, chunk: int) -> None:
    """Until this process is killed, or the room is full, or something is wrong: then who draws it anew says what."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process says when it is enough
    with suppress(Exception):
        _draw_into(room, scenario, seed, chunk)


def _draw_into(room: mmap.mmap, scenario: Scenario, seed: int, chunk: int) -> None:
    first = 0
    for replication in range(KEPT):
        for _ in drawn(scenario, seed, replication, chunk):
            pass
        found = kept(scenario, seed, replication, chunk)
        if found is None:  # too large
            return
        content = pickle.dumps(found, protocol=5)
        last = first + _LENGTH + len(content)
        if last + _LENGTH > _ROOM:
            return
        room[first + _LENGTH : last] = content
        room[first : first + _LENGTH] = len(content).to_bytes(_LENGTH, "little")  # last: now it is there
        first = last


def _read(room: mmap.mmap) -> Iterator[Drawn]:
    while count := int.from_bytes(room.read(_LENGTH), "little"):
        yield pickle.loads(room.read(count))
