"""Who plays the instance, by name. The product is entered by its own door; whoever is not installed here says how it would be."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from bench import native, plain, product, slots
from bench.instance import Instance
from bench.outcome import Outcome, Played, cpu
from sim.policy.retry import Family
from sim.server.transport.columns import ByColumn
from sim.server.transport.engines import Engine
from sim.units import HOUR, Seconds

__all__ = ["ENGINES", "Play", "outcome"]

Play = Callable[[Instance, int], Played]


def _simpy(play: Callable[[Instance, int], tuple[object, list[plain.Attempt]]], instance: Instance, connections: int) -> Played:
    begin = cpu()
    _, attempts = play(instance, connections)
    seconds = cpu() - begin
    return Played(seconds, Outcome.told(instance, attempts))


def _product(engine: Engine, every: Seconds | None, instance: Instance, connections: int) -> Played:
    """All that its door needs, from `begin` to the horizon; the machine code has been read before."""
    product.play(engine, Family.MESSAGE, Instance.mixed(20), connections)
    made = product.rules(Family.MESSAGE, connections), product.outside(instance), product.mail(instance), instance.until
    begin = cpu()
    transport = product.played(engine, *made, every)
    seconds = cpu() - begin
    return Played(seconds, outcome(instance, transport))


def outcome(instance: Instance, transport: ByColumn) -> Outcome:
    """As the transport says it."""
    found = transport.messages()
    left = np.where(np.isnan(found["settled_at"]), instance.until, found["settled_at"])
    return Outcome.of(instance, found["attempts"].astype(np.int32), left)


def _other(name: str, instance: Instance, connections: int) -> Played:
    try:
        module: Any = importlib.import_module(f"bench.in_{name}")
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(f"not installed: pip install {name}") from missing
    played: Played = module.play(instance, connections)
    return played


ENGINES: Final[dict[str, Play]] = {
    "plain SimPy": partial(_simpy, plain.play),
    "SimPy, own counter of slots": partial(_simpy, slots.play),
    "the reference": partial(_product, "simpy", None),
    "the kernel": partial(_product, "kernel", None),
    "the kernel, conducted hour by hour": partial(_product, "kernel", HOUR),
    "C": native.play,
    "C, with a log of attempts": partial(native.play, log=True),
    "cimba": partial(_other, "cimba"),
    "Ciw": partial(_other, "ciw"),
    "salabim": partial(_other, "salabim"),
}
