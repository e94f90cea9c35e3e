"""The back ends by name, and which to choose."""

from __future__ import annotations

from typing import Final, Literal

from sim.policy.retry import QueueRules
from sim.server.transport.columns import ByColumn, Reference, Tabled

__all__ = ["ENGINES", "Engine", "begin"]

Engine = Literal["simpy", "kernel"]
ENGINES: Final[tuple[Engine, ...]] = ("simpy", "kernel")


def begin(engine: Engine, rules: QueueRules, outside: Tabled) -> ByColumn:
    """An empty transport."""
    if engine == "simpy":
        return Reference(rules, outside)
    from sim.server.transport.compiled import Compiled  # the compiler takes a while to import

    return Compiled(rules, outside)
