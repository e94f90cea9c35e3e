"""The back ends by name, and which to choose. They leave the same record, so only time is at stake.

The compiled one has a price, in each process: its compiler is imported, and its machine code read, or made where none is kept on disk. From
then on it costs a small part of the reference. So the reference plays what is small, and what it has played in this process is remembered:
when that would have paid the price, the other takes over.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from sim.errors import BadInput
from sim.policy.retry import QueueRules
from sim.server.transport.columns import ByColumn, Reference, Tabled

__all__ = ["ENGINES", "Asked", "Engine", "begin", "chosen", "known", "make_ready", "settled"]

Engine = Literal["simpy", "kernel"]
Asked = Literal["simpy", "kernel", "auto"]
ENGINES: Final[tuple[Asked, ...]] = ("simpy", "kernel", "auto")
# Attempts that the reference makes in the time in which machine code is read, and made; both measured (docs/performance.md).
_READING: Final = 60_000
_MAKING: Final = 1_500_000
# What is compiled is decided by these files of the package.
_SOURCES: Final = (
    "server/transport/kernel.py",
    "policy/retry.py",
    "mail.py",
    "record/schema.py",
    "streams.py",
    "units.py",
)

_played = 0  # attempts expected of the reference in this process so far


def known(name: str) -> Asked:
    """The engine that a user names, or `auto`; BadInput where there is none of that name."""
    for engine in ENGINES:
        if name == engine:
            return engine
    raise BadInput("--engine", f"{name!r} is not one of {', '.join(ENGINES)}")


def settled(asked: Asked, attempts: float) -> Engine:
    """The back end of work, over several processes perhaps, in which about so many attempts are expected. It depends on nothing else, so
    a result can name it."""
    if asked != "auto":
        return asked
    return "kernel" if attempts >= 2 * _READING else "simpy"


def chosen(asked: Asked, attempts: float) -> Engine:
    """The back end of one run, which may be one of many, in which about so many attempts are expected."""
    global _played
    if asked != "auto":
        return asked
    if "sim.server.transport.compiled" in sys.modules:
        return "kernel"
    _played += round(attempts)
    if _played < _READING or (_played < _MAKING and not _kept()):
        return "simpy"
    return "kernel"


def begin(engine: Engine, rules: QueueRules, outside: Tabled) -> ByColumn:
    """An empty transport."""
    if engine == "simpy":
        return Reference(rules, outside)
    from sim.server.transport.compiled import Compiled  # the compiler takes a while to import

    return Compiled(rules, outside)


def make_ready(rules: QueueRules, progress: Callable[[str, int, int], None]) -> None:
    """Have machine code in this process, made where none is kept, so that processes which it forks have it too."""
    if not _kept():
        progress("the kernel is compiled, once", 0, 1)
    from sim.server.transport.start import warm_up

    warm_up(rules)


def _kept() -> bool:
    """Is there machine code of the kernel on disk, of this Python and made since its rules were last changed: beside it or, where numba is
    told so or that cannot be written, elsewhere?"""
    package = Path(__file__).parents[2]
    changed = max((package / source).stat().st_mtime for source in _SOURCES)
    index = f"kernel.play-*.py{sys.version_info.major}{sys.version_info.minor}*.nbi"
    elsewhere = os.environ.get("NUMBA_CACHE_DIR") or _cache()
    found = [*Path(__file__).with_name("__pycache__").glob(index), *Path(elsewhere).glob(f"*/{index}")]
    return any(path.stat().st_mtime >= changed for path in found)


def _cache() -> str:
    """Where numba keeps what it cannot write beside its source, on Windows, macOS and elsewhere."""
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA", ""), "numba", "Cache")
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Caches/numba")
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "numba")
