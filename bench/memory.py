"""Bytes: of an outbound message that waits, and of a whole process."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench import plain, product, runs
from bench.counted import Counted
from bench.instance import Instance
from sim.policy.retry import Family
from sim.server.transport.columns import Mail
from sim.server.transport.engines import Engine, begin

__all__ = ["HELD", "peak"]

_CONNECTIONS: Final = 1000
_SHARED: Final = 100  # messages to each next hop, where they share it


def _plain(messages: int) -> float:
    instance = Instance.stuck(messages)
    return _held(lambda: plain.play(instance, _CONNECTIONS), lambda kept: kept[1].clear(), messages)


def _product(engine: Engine, family: Family, shared: bool, messages: int) -> float:
    """After the transport has played until all wait; the logs of what was are no part of it."""
    rules, outside, mail, until = _stuck(family, shared, messages)
    product.play(engine, family, Instance.stuck(10), _CONNECTIONS)  # what is made once
    return _held(lambda: product.played(engine, rules, outside, mail, until), _forget, messages)


def _arrays(shared: bool, messages: int) -> float:
    """The arrays of the kernel alone, as they are for so many messages at once."""
    from sim.server.transport.compiled import Compiled

    rules, outside, mail, _ = _stuck(Family.MESSAGE, shared, messages)
    transport = begin("kernel", rules, outside)
    assert isinstance(transport, Compiled)
    transport.submit(mail)
    return _size(transport) / messages


def _size(transport: Any) -> int:
    """Bytes of the kernel's arrays, but for the logs and what is there once for each connection."""
    log = ("attempts", "episodes", "one", "connections", "free", "under_way")
    return sum(array.nbytes for name, array in transport.state._asdict().items() if name not in log)


def _in_a_day(name: str, _: int) -> float:
    """The same after a day of a large office, whose mail goes where its people write to: for each message that left or waits."""
    host = runs.host(runs.scenario(name), 0, "kernel")()
    host.run()
    return _size(host.transport) / int(host.transport.state.one[0]["submitted"])  # type: ignore[attr-defined]


def _stuck(family: Family, shared: bool, messages: int) -> tuple[Any, Counted, Mail, float]:
    instance = Instance.stuck(messages)
    mail, outside = product.mail(instance), product.outside(instance)
    if shared:
        mail = replace(mail, next_hop=np.asarray(mail.id // _SHARED))
    return product.rules(family, _CONNECTIONS), outside, mail, instance.until


def _forget(transport: Any) -> None:
    """The attempts and episodes so far."""
    if hasattr(transport, "transport"):
        transport.transport.attempts.clear()
        return
    state = transport.state
    transport.logged.clear()
    transport.state = state._replace(attempts=state.attempts[:0].copy(), episodes=state.episodes[:0].copy())


def _held(make: Callable[[], Any], forget: Callable[[Any], None], messages: int) -> float:
    gc.collect()
    tracemalloc.start()
    kept = make()
    forget(kept)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return held / messages


HELD: Final[dict[str, Callable[[int], float]]] = {
    "plain SimPy": _plain,
    "the reference, next hops of their own": partial(_product, "simpy", Family.MESSAGE, False),
    "the reference, 100 to a next hop": partial(_product, "simpy", Family.MESSAGE, True),
    "the kernel, next hops of their own": partial(_product, "kernel", Family.MESSAGE, False),
    "the kernel, 100 to a next hop": partial(_product, "kernel", Family.MESSAGE, True),
    "of it the kernel's arrays, next hops of their own": partial(_arrays, False),
    "of it the kernel's arrays, 100 to a next hop": partial(_arrays, True),
    "the kernel's arrays, after a day of 40,000 mailboxes": partial(_in_a_day, "a day of 40,000 mailboxes"),
}


def peak() -> float:
    """Most memory that this process has had, in MiB. (What getrusage says begins with that of the process which started this one.)"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) / 1024
    raise OSError("/proc/self/status does not say it")
