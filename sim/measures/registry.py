"""The names, units and meanings of all measures and curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim import detection
from sim.counts import Steps
from sim.mail import Kind, Truth, are
from sim.measures.view import AUTOMATIC, View
from sim.units import DAY, HOUR, Floats

__all__ = ["CURVES", "MEASURES", "Curve", "Measure"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure: unit, meaning, function, decimals that a reader wants."""

    unit: str
    meaning: str
    of: Callable[[View], float]
    decimals: int = 1


def _alarms(name: str, rule: detection.Rule) -> dict[str, Measure]:
    """Four measures of an alarm rule."""
    return {
        f"alarm_after_{name}": Measure("h", f"until an alarm first goes off: {rule.meaning}", lambda v: v.alarms[name].first() / HOUR),
        f"false_alarm_days_{name}": Measure(
            "d", f"days with an alarm and no compromise: {rule.meaning}", lambda v: v.alarms[name].days(v.compromises)
        ),
        f"compromise_noticed_{name}": Measure(
            "d",
            f"from the beginning of a compromise until an alarm goes off anew, the rest of the run if never: {rule.meaning}",
            lambda v: v.compromise_noticed(name) / DAY,
            2,
        ),
        f"compromise_missed_{name}": Measure(
            "runs",
            f"share of runs in which no alarm goes off anew after a compromise begins: {rule.meaning}",
            lambda v: v.compromise_missed(name),
            2,
        ),
    }


def _relayed(of: Callable[[View], float]) -> Callable[[View], float]:
    """A measure of the smarthost: NaN where there is none."""
    return lambda view: of(view) if view.run.relay else float("nan")


_NOTICES: Final = (Kind.FAILURE, Kind.DELAY, Kind.RECEIPT)
_STRANGERS: Final = (Truth.FORGED_REAL, Truth.SPAMMER, Truth.TRAP)
MEASURES: Final[Mapping[str, Measure]] = {
    "wanted_told": Measure("people", "wanted people outside who got an autoreply", lambda v: v.people((Truth.WANTED,)), 1),
    "wanted_writers": Measure("people", "wanted people outside who wrote to somebody absent", View.writers, 1),
    "strangers_told": Measure("people", "strangers who got an autoreply, and so know that someone is away", lambda v: v.people(_STRANGERS)),
    "colleagues_told": Measure("people", "colleagues who got an autoreply", lambda v: v.people((Truth.INTERNAL,)), 1),
    "spammers_told": Measure(
        "people", "of the strangers, spammers, who now know the address is live", lambda v: v.people((Truth.SPAMMER,)), 1
    ),
    "spam_attracted": Measure(
        "messages",
        "spam that came only because a reply confirmed the address (a what-if)",
        View.attracted,
    ),
    "answers_to_replies": Measure(
        "messages", "answers of responders outside to our replies", lambda v: float(np.count_nonzero(are(v.messages["kind"], Kind.ECHO)))
    ),
    "loops": Measure("chains", "mail loops: chains in which our responder answered an answer to its reply", lambda v: float(len(v.turns))),
    "loop_longest": Measure("replies", "replies of ours in the longest chain", lambda v: float(v.turns.max(initial=0))),
    "breaker_open": Measure(
        "h",
        "time for which a breaker kept replies from the outside (not a setting of any server here)",
        lambda v: v.breaker_open().mean(v.run.horizon) * v.run.horizon / HOUR,
    ),
    "trap_hits": Measure("messages", "autoreplies that arrived at spamtraps", lambda v: v.outside((Kind.AUTOREPLY,), (Truth.TRAP,)), 1),
    "backscatter": Measure(
        "messages",
        "autoreplies that arrived at innocent people whose address was forged",
        lambda v: v.outside((Kind.AUTOREPLY,), (Truth.FORGED_REAL,)),
    ),
    "backscatter_notices": Measure(
        "messages",
        "failure and delay notices and receipts that arrived at innocent people whose address was forged",
        lambda v: v.outside(_NOTICES, (Truth.FORGED_REAL,)),
    ),
    "backscatter_spammers": Measure(
        "messages", "replies, notices and receipts that arrived at spammers", lambda v: v.outside(AUTOMATIC, (Truth.SPAMMER,))
    ),
    "backscatter_traps": Measure(
        "messages", "replies, notices and receipts that arrived at spamtraps", lambda v: v.outside(AUTOMATIC, (Truth.TRAP,))
    ),
    "backscatter_nobody": Measure(
        "messages",
        "replies, notices and receipts to addresses that nobody has: they bounce or hang",
        lambda v: v.outside(AUTOMATIC, (Truth.FORGED_DEAD,), arrived=False),
    ),
    "spam_relayed": Measure(
        "messages",
        "spam from an infected PC, a stolen account or an open relay that arrived",
        lambda v: v.outside((Kind.RELAY,)),
    ),
    "trap_hits_all": Measure(
        "messages",
        "messages of any kind that arrived at spamtraps",
        lambda v: v.outside(truth=(Truth.TRAP,)),
    ),
    "listed": Measure("runs", "share of runs in which a block list has the server", lambda v: float(v.listed.peak() > 0), 2),
    "listed_hours": Measure(
        "h",
        "time on at least one block list",
        lambda v: Steps(v.listed.at, np.minimum(v.listed.level, 1)).mean(v.run.horizon) * v.run.horizon / HOUR,
    ),
    "listed_after": Measure("h", "until a block list first has the server", lambda v: v.listed.first_above(0) / HOUR),
    "wanted_refused": Measure(
        "messages",
        "wanted outbound messages refused because a block list has the server",
        View.wanted_refused,
    ),
    "notices_to_user": Measure("messages", "failure and delay notices that the absent find", lambda v: float(len(v.notices))),
    "queues_in_retry_peak": Measure(
        "queues", "next hops in Retry that hold an autoreply, highest number", lambda v: v.here.in_retry.peak(), 1
    ),
    "queues_in_retry_mean": Measure(
        "queues", "next hops in Retry that hold an autoreply, mean over the run", lambda v: v.here.in_retry.mean(v.run.horizon), 1
    ),
    "queues_in_retry_all_peak": Measure("queues", "all next hops in Retry, highest number", lambda v: v.retry.peak(), 1),
    "hung_autoreplies_peak": Measure("messages", "autoreplies deferred and waiting, highest number", lambda v: v.here.hung.peak(), 1),
    "autoreplies": Measure("messages", "autoreplies sent to the outside", lambda v: float(len(v.here.autoreplies))),
    "attempts_on_undelivered_autoreplies": Measure(
        "attempts",
        "delivery attempts spent on autoreplies that never arrive",
        lambda v: v.undelivered("attempts"),
        0,
    ),
    "connection_hours_on_undelivered_autoreplies": Measure(
        "h", "connection time spent on autoreplies that never arrive", lambda v: v.undelivered("connection_seconds") / HOUR, 1
    ),
    "wanted_delay_p50": Measure("s", "time in the queues of wanted outbound mail, median", lambda v: v.wanted_delay[50], 2),
    "wanted_delay_p95": Measure("s", "time in the queues of wanted outbound mail, 95th percentile", lambda v: v.wanted_delay[95], 2),
    "wanted_delay_p99": Measure("s", "time in the queues of wanted outbound mail, 99th percentile", lambda v: v.wanted_delay[99], 2),
    "wanted_wait": Measure(
        "s",
        "mean wait of wanted outbound mail for a free connection",
        View.wanted_wait,
        1,
    ),
    **{name: entry for rule, what in detection.RULES.items() for name, entry in _alarms(rule, what).items()},
    "rule_a_wrong_days": Measure("d", "days at whose noon rule A (KB 909005) names a wrong cause", lambda v: v.rule_days(0, False)),
    "rule_a_right_days": Measure("d", "days at whose noon rule A (KB 909005) names the right cause", lambda v: v.rule_days(0, True)),
    "rule_b_wrong_days": Measure("d", "days at whose noon rule B (Hardisty) names a wrong cause", lambda v: v.rule_days(1, False)),
    "rule_b_right_days": Measure("d", "days at whose noon rule B (Hardisty) names the right cause", lambda v: v.rule_days(1, True)),
    "drained_after": Measure("h", "from the switch-off until the last hung autoreply leaves", lambda v: v.drained_after(v.here) / HOUR, 1),
    "wanted_throttled": Measure(
        "messages", "wanted outbound messages that the smarthost made wait since its limit was reached", _relayed(View.throttled)
    ),
    "relay_failed": Measure("messages", "messages from here that the smarthost took and could not deliver", _relayed(View.relay_failed)),
    "relay_queues_in_retry_peak": Measure(
        "queues",
        "next hops in Retry at the smarthost that hold an autoreply from here, highest number",
        _relayed(lambda v: v.there.in_retry.peak()),
    ),
    "relay_queues_in_retry_mean": Measure(
        "queues",
        "next hops in Retry at the smarthost that hold an autoreply from here, mean over the run",
        _relayed(lambda v: v.there.in_retry.mean(v.run.horizon)),
    ),
    "relay_hung_autoreplies_peak": Measure(
        "messages",
        "autoreplies from here deferred and waiting at the smarthost, highest number",
        _relayed(lambda v: v.there.hung.peak()),
    ),
    "relay_drained_after": Measure(
        "h",
        "from the switch-off until the last autoreply that hung at the smarthost leaves",
        _relayed(lambda v: v.drained_after(v.there) / HOUR),
    ),
}


@dataclass(frozen=True, slots=True)
class Curve:
    """One count over time: unit, meaning, its values just before each of some times."""

    unit: str
    meaning: str
    of: Callable[[View, Floats], Floats]


CURVES: Final[Mapping[str, Curve]] = {
    "queues_in_retry": Curve("queues", "next hops in Retry that hold an autoreply", lambda v, at: v.here.in_retry.before(at)),
    "queues_in_retry_all": Curve("queues", "all next hops in Retry", lambda v, at: v.retry.before(at)),
    "hung_autoreplies": Curve("messages", "autoreplies deferred and waiting", lambda v, at: v.here.hung.before(at)),
    "notices_to_user": Curve("messages", "failure and delay notices to the absent so far", View.notices_before),
    "relay_queues_in_retry": Curve(
        "queues",
        "next hops in Retry at the smarthost that hold an autoreply from here",
        lambda v, at: v.there.in_retry.before(at),
    ),
}
