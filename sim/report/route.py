"""What a route through a smarthost changes, in words: the queues stand at the provider; not our queue, but our reputation there."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from sim.comparison import Comparison
from sim.profiles import Tag
from sim.record import Record
from sim.report.figures import number
from sim.units import Seconds, counted, words

__all__ = ["argue", "decided", "in_short", "look_of_the_queues", "there"]


def there(record: Record, at: Seconds) -> list[str]:
    """Beside the queues of our own server at a time: those of the smarthost. Nothing where there is none."""
    if not record.run.relay:
        return []
    m, q = record.columns("relay_messages"), record.columns("relay_queues")
    hops = np.unique(m["next_hop"][(m["accepted_at"] < at) & ~(m["settled_at"] < at)])
    retry = np.unique(q["next_hop"][(q["since"] < at) & ~(q["until"] < at)])
    return [
        f"With this route the queues stand at the provider: {len(hops)} with mail from here, {len(np.intersect1d(hops, retry))} of them in "
        "Retry. Its customers cannot look at them."
    ]


def in_short(record: Record, values: Mapping[str, float]) -> list[str]:
    """What the smarthost made of a run, in sentences. `values`: every measure."""
    if not record.run.relay:
        return []
    said = [
        f"All of it went to a smarthost, and with this route the queues stand at the provider: at most "
        f"{values['relay_queues_in_retry_peak']:.0f} of them in Retry because of replies from here.",
        f"It took {counted(values['relay_failed'], 'messages')} that it could not deliver: not our queue, but our reputation there.",
    ]
    if values["wanted_throttled"]:
        said.append(f"Its limit made {counted(values['wanted_throttled'], 'wanted messages')} wait.")
    return said


def decided(comparison: Comparison) -> list[str]:
    """The route, where it is not each domain's own host."""
    scenario = comparison.scenario
    if scenario.relay is None:
        return []
    how = next(item.tag for item in scenario.inputs() if item.key == "route.relay")
    known = " (assumed)" if how is Tag.ASSUMED else ""
    return [
        f"All outbound mail goes to a smarthost that runs {scenario.relay.short}{known}: with this route the queues stand at the "
        f"provider, for up to {words(scenario.relay_rules().expiry)}, and failures come back from there as mail."
    ]


def look_of_the_queues(comparison: Comparison) -> str:
    """Why the look of our queues is no argument with this route."""
    peak = number(comparison.policies[comparison.widest].measures["relay_queues_in_retry_peak"], "relay_queues_in_retry_peak")
    return f"with this route the queues stand at the provider, at the peak {peak} of them in Retry; here none tells of it"


def argue(comparison: Comparison, holds: list[str], fails: list[str]) -> None:
    """The arguments that a smarthost adds: what we are to the provider, and what its limit does to wanted mail."""
    scenario = comparison.scenario
    if scenario.relay is None or comparison.widest != "external":
        return
    wide = comparison.policies[comparison.widest].measures
    quiet = next((p for name in ("off", "internal-only") if (p := comparison.policies.get(name)) is not None and p.available), None)
    base = quiet.measures if quiet is not None else None
    failed = number(wide["relay_failed"], "relay_failed")
    against = "" if quiet is None or base is None else f", {number(base['relay_failed'], 'relay_failed')} under {quiet.name}"
    if wide["relay_failed"].mean - (base["relay_failed"].mean if base is not None else 0.0) >= 1:
        holds.append(
            f"Not our queue, but our reputation there: the smarthost takes {failed} messages from here that it cannot deliver{against}, "
            f"and holds up to {number(wide['relay_queues_in_retry_peak'], 'relay_queues_in_retry_peak')} queues in Retry for them. "
            "It knows whose they are, and may limit the account or close it; whether it does is not modelled."
        )
    else:
        fails.append(f"our reputation at the provider ({failed} messages that it cannot deliver{against})")
    if math.isinf(scenario.document.route.throttle):
        return
    waiting = number(wide["wanted_throttled"], "wanted_throttled")
    against = "" if quiet is None or base is None else f", {number(base['wanted_throttled'], 'wanted_throttled')} under {quiet.name}"
    if wide["wanted_throttled"].mean - (base["wanted_throttled"].mean if base is not None else 0.0) >= 1:
        holds.append(f"Replies use up what the smarthost takes in an hour, and wanted mail waits for it: {waiting} messages{against}.")
    else:
        fails.append(f"the limit of the smarthost ({waiting} wanted messages wait for it{against})")
