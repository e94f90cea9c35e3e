"""Tables of a scenario that are switched on by being there: rival causes, block lists, what-ifs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sim.scenario import causes, route

if TYPE_CHECKING:
    from sim.scenario.schema import Document

__all__ = ["off"]

_TABLES: Final = ("breaker", "confirmed", "listing", "loops")


def off(document: Document, name: str) -> bool:
    """Does a key belong to a table that is not there? Such a key changes nothing."""
    if route.off(document, name):
        return True
    parts = name.split(".")
    if parts[0] not in _TABLES:
        return causes.off(document, name)
    table: Any = document
    for part in parts[:-1]:
        table = getattr(table, part)
        if table is None:
            return True
    return False
