"""mailflow-sim: a simulation and test harness for mail-flow scenarios."""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["load"]
__version__ = "0.1.0"

if TYPE_CHECKING:
    from sim.scenario import load


def __getattr__(name: str) -> object:
    """Names are imported when first used: `import sim` costs nothing."""
    if name == "load":
        from sim.scenario import load

        return load
    raise AttributeError(f"module 'sim' has no attribute {name!r}")
