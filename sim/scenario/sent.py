"""A scenario on its way to other processes: packed once, and opened once by each of them, however many of its replications go there."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["packed", "reduced"]


def packed(scenario: Scenario) -> bytes:
    """All of it, what has been worked out so far among it."""
    return pickle.dumps(_state(scenario))


def reduced(scenario: Scenario) -> tuple[Callable[..., Scenario], tuple[type[Scenario], Any]]:
    """What `Scenario.__reduce__` gives. Functions are packed by whoever sends them, each time: a script's need more than pickle, and one
    that keeps something in mind is new for each replication. Nor is real mail kept twice."""
    if scenario.functions or scenario.replay is not None or scenario.replay_wanted is not None:
        return _made, (type(scenario), _state(scenario))
    return _opened, (type(scenario), scenario.packed)


def _state(scenario: Scenario) -> dict[str, Any]:
    return {name: value for name, value in vars(scenario).items() if name != "packed"}


def _made(kind: type[Scenario], state: Mapping[str, Any]) -> Scenario:
    found = object.__new__(kind)
    vars(found).update(state)
    return found


@lru_cache(maxsize=4)  # replications of a scenario come together
def _opened(kind: type[Scenario], content: bytes) -> Scenario:
    return _made(kind, pickle.loads(content))
