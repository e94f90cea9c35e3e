"""Whole runs: the story, and a day of a university, by the product and by the yardstick, on the same rows and the same outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

import sim
from bench import plain_story
from bench.outcome import cpu
from sim import realise
from sim.mail import Outcome, among
from sim.record import Record
from sim.scenario import Scenario
from sim.server.host import Host
from sim.server.transport.engines import Engine
from sim.units import HOUR, Seconds
from sim.workload import Rows
from sim.world import World

__all__ = ["RUNS", "drawn_and_played", "headline", "host", "played", "plainly", "scenario"]

RUNS: Final = {"the story": 40, "a day of 4,000 mailboxes": 1, "a day of 40,000 mailboxes": 1}  # replications in one figure


def scenario(name: str) -> Scenario:
    """One of RUNS."""
    if name == "the story":
        return sim.load("sbs_2003")
    boxes = int(name.split()[3].replace(",", ""))
    share = boxes / 40_000  # of everything, as in the scenario's own test
    settings = {
        "days": 1,
        "office.mailboxes": boxes,
        "spam.unknown_recipients": f"{37_500 * share:.0f}/day",
        "server.connections": max(1, round(100 * share)),
    }
    return sim.load("big_office").with_settings(settings)


def _rows(found: Scenario, replication: int, world: World) -> list[tuple[Seconds, Rows]]:
    """All of a run's rows in one piece."""
    return list(realise.hours(found, 1, replication, world, round(found.horizon / HOUR)))


def played(name: str, engine: Engine, *, read: bool = False) -> tuple[float, int]:
    """User CPU seconds from rows to a record in memory, and attempts: the mean of some replications, after one that does not count.
    read: every column of it is asked for."""
    found, seconds = scenario(name), 0.0
    sim.run(scenario("the story"), "external", seed=2, engine=engine)  # what is made once
    for begun in [host(found, replication, engine) for replication in range(RUNS[name])]:
        begin = cpu()
        record = begun().run()
        for table in list(record.tables) if read else ():
            dict(record.columns(table))
        seconds += cpu() - begin
    return seconds / RUNS[name], len(record.columns("attempts")["at"])


def host(found: Scenario, replication: int, engine: Engine) -> Callable[[], Host]:
    """What plays the rows of a replication, which are drawn now."""
    world = realise.world(found, 1, replication)
    rows, gated = _rows(found, replication, world), realise.attracted(found, 1, replication, world)
    return lambda: Host(found, "external", 1, replication, world, rows, gated, engine)


def drawn_and_played(name: str, engine: Engine) -> tuple[float, int]:
    """The same, with the drawing of the rows."""
    found, seconds = scenario(name), 0.0
    sim.run(scenario("the story"), "external", seed=2, engine=engine)
    for replication in range(RUNS[name]):
        begin = cpu()
        record = sim.run(found, "external", seed=1, replication=replication, engine=engine)
        seconds += cpu() - begin
    return seconds / RUNS[name], len(record.columns("attempts")["at"])


def plainly(name: str) -> tuple[float, int]:
    """The yardstick on the same rows."""
    found, seconds = scenario(name), 0.0
    for replication in range(RUNS[name]):
        world = realise.world(found, 1, replication)
        rows = _rows(found, replication, world)
        begin = cpu()
        came = plain_story.play(found, "external", world, rows)
        seconds += cpu() - begin
    return seconds / RUNS[name], came.attempts


def headline(record: Record) -> tuple[int, int]:
    """Strangers told, and messages that bounced or expired, to hold against those of the yardstick."""
    messages = record.columns("messages")
    failed = among(messages["outcome"], (Outcome.BOUNCED, Outcome.EXPIRED)) & (messages["attempts"] > 0)
    return int(sim.measure(record)["strangers_told"]), int(np.count_nonzero(failed))
