"""Which program this is: two that say the same of themselves give the same result, to the last bit, for the same task.

The version does not tell it all, in a checkout least of all. So the code counts too, but for the parts that start after a replication; and
the Python and the libraries that draw, sort and sum.
"""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from sim import __version__

__all__ = ["program"]

_AFTERWARDS: Final = ("cli", "plots", "report")  # import-linter holds it: no run imports them
_LIBRARIES: Final = ("numba", "numpy", "scipy", "simpy")


@cache
def program() -> str:
    """One line: `mailflow-sim 0.1.0 (code 0a1b2c3d), Python 3.11, numba 0.61, ...`."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py"), key=lambda path: path.relative_to(folder).as_posix()):
        name = path.relative_to(folder).as_posix()
        if not name.startswith(tuple(f"{part}/" for part in _AFTERWARDS)):
            digest.update(name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    libraries = ", ".join(f"{name} {metadata.version(name)}" for name in _LIBRARIES)
    python = ".".join(map(str, sys.version_info[:2]))
    return f"mailflow-sim {__version__} (code {digest.hexdigest()[:8]}), Python {python}, {libraries}"
