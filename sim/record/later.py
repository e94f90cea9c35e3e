"""A table in memory whose columns are made when they are asked for.

Who compares policies reads a few columns of a run; to put all of them in order takes as long as a run of many mailboxes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import RLock
from typing import Any

from sim.record.schema import Array

__all__ = ["Later"]


class Later(Mapping[str, Array]):
    """A mapping from names to arrays. Each is made once, whoever asks; a copy, and what is sent to another process, is a plain dict."""

    def __init__(self, names: Iterable[str], begin: Callable[[], Callable[[str], Array]]) -> None:
        """begin: called when a column is first asked for, gives what makes each column; kept until all of them are made."""
        self._names, self._begin = tuple(names), begin
        self._make: Callable[[str], Array] | None = None
        self._made: dict[str, Array] = {}
        self._one_at_a_time = RLock()

    def __getitem__(self, name: str) -> Array:
        found = self._made.get(name)
        return self._made_now(name) if found is None else found

    def _made_now(self, name: str) -> Array:
        if name not in self._names:
            raise KeyError(name)
        with self._one_at_a_time:
            if name in self._made:  # somebody else has asked meanwhile
                return self._made[name]
            if self._make is None:
                self._make = self._begin()
            found = self._made[name] = self._make(name)
            if len(self._made) == len(self._names):
                del self._make, self._begin  # and what they are made of
            return found

    def __contains__(self, name: object) -> bool:
        return name in self._names  # without making it

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)
