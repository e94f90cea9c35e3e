"""The record's table of acts: absences, changes, causes, listings, the breaker."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sim.record import SCHEMA, Table
from sim.scenario import Scenario
from sim.server.breaker import Breaker
from sim.units import Seconds

__all__ = ["acts"]


def acts(scenario: Scenario, policy: str, breakers: Iterable[Breaker], listings: Iterable[tuple[str, Seconds, Seconds]]) -> Table:
    """What was done or happened in a run under a policy, in order of time. `listings`: name of the block list, from when, until when."""
    rows: list[tuple[float, float, str, str]] = [
        (absence.since, absence.until, "absence", scenario.person(absence.mailbox)) for absence in scenario.absences
    ]
    for change in scenario.changes:
        if change.replies is not None:
            rows.append((change.at, np.nan, change.words(), scenario.person(change.mailbox)))
        elif change.act is not None or (change.policy and policy == scenario.policy):
            rows.append((change.at, np.nan, change.words(), "server"))
    for cause in scenario.causes:
        who = cause.who if cause.who == "server" else scenario.person(scenario.mailbox(cause.who))
        rows.append((cause.since, cause.until, f"cause {cause.name.replace('_', '-')}", who))
    for breaker in breakers:
        rows += [(since, until, "breaker open", "server") for since, until in breaker.spans]
    listed = "server" if scenario.relay is None else "smarthost"
    for name, since, until in listings:
        if since < scenario.horizon:
            rows.append((since, min(until, scenario.horizon), f"listed by {name.replace('_', '-')}", listed))
    rows.sort(key=lambda row: row[0])
    return {name: np.array([row[i] for row in rows], dtype=column.dtype) for i, (name, column) in enumerate(SCHEMA["acts"].items())}
