"""Record to numbers: one registry of names, units and meanings.

A measure is a function of a record and of nothing else, so a model, a lab and a log are measured alike. Counts over time are exact: they
follow from the times in the record. At t counts what began before t and had not ended before t.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from sim import detection, diagnosis, legs, standing, tally
from sim.counts import Steps
from sim.mail import ATTRACTED, HERE, Answer, Code, Ints, Kind, Outcome, Truth, among, word
from sim.policy.autoreply import POLICIES
from sim.record import Record, Table
from sim.units import DAY, HOUR, Floats, Seconds

__all__ = ["CURVES", "MEASURES", "Curve", "Measure", "Steps", "Summary", "Values", "View", "measure", "moments", "summarise"]

Bools = npt.NDArray[np.bool_]


class View:
    """A record with what several measures share."""

    def __init__(self, record: Record) -> None:
        self.record, self.run = record, record.run
        self.messages, self.queues, self.tallied = record.columns("messages"), record.columns("queues"), record.columns("tallied")

    @cached_property
    def autoreplies(self) -> Bools:
        """Autoreplies to the outside."""
        return standing.autoreplies(self.messages)

    @cached_property
    def told(self) -> Bools:
        """Which messages of `ended` are autoreplies that arrived, wherever."""
        m = self.ended
        found: Bools = (m["kind"] == Kind.AUTOREPLY) & among(m["outcome"], (Outcome.DELIVERED, Outcome.MAILBOX))
        return found

    @cached_property
    def notices(self) -> Bools:
        """Failure and delay notices that an absent user finds because of an autoreply."""
        m = self.messages
        found: Bools = (
            among(m["kind"], (Kind.FAILURE, Kind.DELAY))
            & ((m["caused_by"] & 15) == Kind.AUTOREPLY)
            & np.isin(m["recipient"], self.run.absent)
        )
        return found

    @cached_property
    def retry_with_autoreply(self) -> Steps:
        """Next hops in Retry that hold at least one autoreply."""
        return standing.in_retry_with_autoreply(self.messages, self.queues)

    @cached_property
    def relay_retry_with_autoreply(self) -> Steps:
        """The same at the smarthost; without one, of nothing."""
        return standing.in_retry_with_autoreply(self.record.columns("relay_messages"), self.record.columns("relay_queues"))

    @cached_property
    def ended(self) -> Table:
        """Each message with what became of it in the end, a smarthost's own among them (`legs.ended`): first the rows of `messages`."""
        return legs.ended(self.record)

    @cached_property
    def retry(self) -> Steps:
        """All next hops in Retry."""
        return Steps.of(self.queues["since"], self.queues["until"])

    @cached_property
    def alarms(self) -> dict[str, detection.Alarm]:
        """What each alarm rule shows."""
        return {name: detection.alarm(self.record, name) for name in detection.RULES}

    @cached_property
    def automatic(self) -> Bools:
        """Which messages of `ended` are replies, notices and receipts to the outside: what no person wrote."""
        found: Bools = among(self.ended["kind"], _AUTOMATIC) & (self.ended["next_hop"] != HERE)
        return found

    def automatic_to(self, truth: Truth, kinds: tuple[Kind, ...], arrived: bool = True) -> float:
        """How many of them went, or arrived, at addresses of a kind."""
        m = self.ended
        which = self.automatic & (m["truth"] == truth) & among(m["kind"], kinds)
        return float((which & (m["outcome"] == Outcome.DELIVERED)).sum() if arrived else which.sum())

    def turns(self) -> Ints:
        """Replies of ours in each mail loop: int64[loops]."""
        m = self.messages
        _, count = np.unique(m["root"][m["kind"] == Kind.AUTOREPLY], return_counts=True)
        return count[count > 1].astype(np.int64)

    def listed(self) -> Steps:
        """On how many block lists the server stands."""
        return self._acts("listed by ")

    def _acts(self, what: str) -> Steps:
        """How many acts of a kind are under way."""
        acts = self.record.columns("acts")
        on = np.array([act.startswith(what) for act in acts["what"].tolist()], dtype=np.bool_)
        return Steps.of(acts["at"][on], acts["until"][on])

    def breaker_open(self) -> Steps:
        """Is the breaker open?"""
        return self._acts("breaker open")

    @cached_property
    def conclusions(self) -> list[tuple[diagnosis.Conclusion, ...]]:
        """What the published rules say at noon of each day."""
        return diagnosis.days(self.record)

    def rule_days(self, rule: int, right: bool) -> float:
        """Days at whose noon a published rule is right, or wrong."""
        return float(sum(noon[rule].right is right for noon in self.conclusions))

    @cached_property
    def compromises(self) -> list[tuple[Seconds, Seconds]]:
        """Spans in which somebody misuses the server."""
        return detection.compromises(self.record)

    def compromise_noticed(self, rule: str) -> float:
        """From the beginning of a compromise until the rule's alarm goes off anew; the rest of the run where it never does."""
        if not self.compromises:
            return float("nan")
        begins = min(self.compromises)[0]
        noticed = self.alarms[rule].after(begins)
        return (self.run.horizon if np.isnan(noticed) else noticed) - begins

    def compromise_missed(self, rule: str) -> float:
        """1 where the alarm does not go off anew after a compromise has begun, else 0; NaN where there is none."""
        return float(np.isnan(self.alarms[rule].after(min(self.compromises)[0]))) if self.compromises else float("nan")

    @cached_property
    def hung(self) -> Steps:
        """Autoreplies that have been deferred and still wait."""
        return standing.hung(self.messages)

    def people(self, truth: tuple[Truth, ...]) -> float:
        """Distinct recipients of autoreplies that arrived, by what they are."""
        return float(len(np.unique(self.ended["recipient"][self.told & among(self.ended["truth"], truth)])))

    def arrived(self, kinds: tuple[Kind, ...] = tuple(Kind), truth: tuple[Truth, ...] = tuple(Truth)) -> float:
        """Messages of some kinds that arrived outside at addresses of some kinds."""
        m = self.ended
        which = among(m["kind"], kinds) & among(m["truth"], truth) & (m["next_hop"] != HERE)
        return float((which & (m["outcome"] == Outcome.DELIVERED)).sum())

    def wanted_delay(self, percent: float) -> float:
        """A percentile of the time in the queues of wanted outbound mail that arrived, from our acceptance on."""
        m = self.ended
        which = (m["kind"] == Kind.OUTBOUND) & (m["outcome"] == Outcome.DELIVERED)
        counted = self.tallied["kind"] == Kind.OUTBOUND
        exact = m["settled_at"][which] - m["accepted_at"][which]
        return tally.percentile(exact, self.tallied["delay"][counted], self.tallied["messages"][counted], percent)

    def wanted_wait(self) -> float:
        """The mean wait of wanted outbound mail for a connection."""
        m, t = self.messages, self.tallied
        which, counted = m["kind"] == Kind.OUTBOUND, t["kind"] == Kind.OUTBOUND
        total = m["wait_seconds"][which].sum() + t["wait_seconds"][counted].sum()
        return float(total) / max(1.0, float(which.sum() + t["messages"][counted].sum()))

    def writers(self) -> float:
        """Distinct wanted people outside who wrote to somebody absent whose replies were on."""
        m = self.messages
        asked = ~among(m["answer"], (Answer.NOT_ASKED, Answer.NOT_ABSENT, Answer.REPLIES_OFF))
        return float(len(np.unique(m["sender"][(m["kind"] == Kind.WANTED) & asked])))

    def notices_before(self, times: Floats) -> Floats:
        """How many of these notices there were just before each time."""
        found = np.sort(self.messages["accepted_at"][self.notices])
        return np.searchsorted(found, times, side="left").astype(np.float64)

    def drained_after(self, messages: Table) -> float:
        """From the first switch-off until the last autoreply that was hung then leaves; NaN if none was hung, or one never leaves.
        `messages`: our server's, or the smarthost's."""
        acts = self.record.columns("acts")
        narrower = itertools.takewhile(lambda name: name not in (self.record.run.policy, "external"), POLICIES)
        words = {"replies off", *(f"policy {name}" for name in narrower)}
        off = [at for at, what in zip(acts["at"].tolist(), acts["what"].tolist(), strict=True) if what in words]
        return standing.drained_after(messages, min(off)) if off else float("nan")

    def undelivered(self, column: str) -> float:
        """The sum of a column of our server over autoreplies that never arrived."""
        lost = self.ended["outcome"][: len(self.autoreplies)] != Outcome.DELIVERED
        return float(self.messages[column][self.autoreplies & lost].sum())

    def throttled(self) -> float:
        """Wanted outbound messages that the smarthost made wait since its limit was reached."""
        a = self.record.columns("attempts")
        which = (a["code"] == Code.TOO_MUCH) & ((a["message"].astype(np.int64) & 15) == Kind.OUTBOUND)
        return float(len(np.unique(a["message"][which])))

    def relay_failed(self) -> float:
        """Messages from here that the smarthost could not deliver."""
        theirs = self.record.columns("relay_messages")
        return float(among(theirs["outcome"], (Outcome.BOUNCED, Outcome.EXPIRED)).sum())


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


_AUTOMATIC: Final = (Kind.AUTOREPLY, Kind.FAILURE, Kind.DELAY, Kind.RECEIPT)
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
        lambda v: float(
            ((v.messages["root"] >= ATTRACTED) & (v.messages["root"] < ATTRACTED + (1 << 34)) & (v.messages["kind"] == Kind.SPAM)).sum()
        ),
    ),
    "answers_to_replies": Measure(
        "messages", "answers of responders outside to our replies", lambda v: float((v.messages["kind"] == Kind.ECHO).sum())
    ),
    "loops": Measure(
        "chains", "mail loops: chains in which our responder answered an answer to its reply", lambda v: float(len(v.turns()))
    ),
    "loop_longest": Measure("replies", "replies of ours in the longest chain", lambda v: float(v.turns().max(initial=0))),
    "breaker_open": Measure(
        "h",
        "time for which a breaker kept replies from the outside (not a setting of any server here)",
        lambda v: v.breaker_open().mean(v.run.horizon) * v.run.horizon / HOUR,
    ),
    "trap_hits": Measure("messages", "autoreplies that arrived at spamtraps", lambda v: v.arrived((Kind.AUTOREPLY,), (Truth.TRAP,)), 1),
    "backscatter": Measure(
        "messages",
        "autoreplies that arrived at innocent people whose address was forged",
        lambda v: v.arrived((Kind.AUTOREPLY,), (Truth.FORGED_REAL,)),
    ),
    "backscatter_notices": Measure(
        "messages",
        "failure and delay notices and receipts that arrived at innocent people whose address was forged",
        lambda v: v.automatic_to(Truth.FORGED_REAL, _NOTICES),
    ),
    "backscatter_spammers": Measure(
        "messages", "replies, notices and receipts that arrived at spammers", lambda v: v.automatic_to(Truth.SPAMMER, _AUTOMATIC)
    ),
    "backscatter_traps": Measure(
        "messages", "replies, notices and receipts that arrived at spamtraps", lambda v: v.automatic_to(Truth.TRAP, _AUTOMATIC)
    ),
    "backscatter_nobody": Measure(
        "messages",
        "replies, notices and receipts to addresses that nobody has: they bounce or hang",
        lambda v: v.automatic_to(Truth.FORGED_DEAD, _AUTOMATIC, arrived=False),
    ),
    "spam_relayed": Measure(
        "messages",
        "spam from an infected PC, a stolen account or an open relay that arrived",
        lambda v: v.arrived((Kind.RELAY,)),
    ),
    "trap_hits_all": Measure(
        "messages",
        "messages of any kind that arrived at spamtraps",
        lambda v: v.arrived(truth=(Truth.TRAP,)),
    ),
    "listed": Measure("runs", "share of runs in which a block list has the server", lambda v: float(v.listed().peak() > 0), 2),
    "listed_hours": Measure(
        "h",
        "time on at least one block list",
        lambda v: Steps(v.listed().at, np.minimum(v.listed().level, 1)).mean(v.run.horizon) * v.run.horizon / HOUR,
    ),
    "listed_after": Measure("h", "until a block list first has the server", lambda v: v.listed().first_above(0) / HOUR),
    "wanted_refused": Measure(
        "messages",
        "wanted outbound messages refused because a block list has the server",
        lambda v: float(((v.ended["kind"] == Kind.OUTBOUND) & (v.ended["last_code"] == Code.LISTED)).sum()),
    ),
    "notices_to_user": Measure("messages", "failure and delay notices that the absent find", lambda v: float(v.notices.sum())),
    "queues_in_retry_peak": Measure(
        "queues", "next hops in Retry that hold an autoreply, highest number", lambda v: v.retry_with_autoreply.peak(), 1
    ),
    "queues_in_retry_mean": Measure(
        "queues", "next hops in Retry that hold an autoreply, mean over the run", lambda v: v.retry_with_autoreply.mean(v.run.horizon), 1
    ),
    "queues_in_retry_all_peak": Measure("queues", "all next hops in Retry, highest number", lambda v: v.retry.peak(), 1),
    "hung_autoreplies_peak": Measure("messages", "autoreplies deferred and waiting, highest number", lambda v: v.hung.peak(), 1),
    "autoreplies": Measure("messages", "autoreplies sent to the outside", lambda v: float(v.autoreplies.sum())),
    "attempts_on_undelivered_autoreplies": Measure(
        "attempts",
        "delivery attempts spent on autoreplies that never arrive",
        lambda v: v.undelivered("attempts"),
        0,
    ),
    "connection_hours_on_undelivered_autoreplies": Measure(
        "h", "connection time spent on autoreplies that never arrive", lambda v: v.undelivered("connection_seconds") / HOUR, 1
    ),
    "wanted_delay_p50": Measure("s", "time in the queues of wanted outbound mail, median", lambda v: v.wanted_delay(50), 2),
    "wanted_delay_p95": Measure("s", "time in the queues of wanted outbound mail, 95th percentile", lambda v: v.wanted_delay(95), 2),
    "wanted_delay_p99": Measure("s", "time in the queues of wanted outbound mail, 99th percentile", lambda v: v.wanted_delay(99), 2),
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
    "drained_after": Measure(
        "h", "from the switch-off until the last hung autoreply leaves", lambda v: v.drained_after(v.messages) / HOUR, 1
    ),
    "wanted_throttled": Measure(
        "messages", "wanted outbound messages that the smarthost made wait since its limit was reached", _relayed(View.throttled)
    ),
    "relay_failed": Measure("messages", "messages from here that the smarthost took and could not deliver", _relayed(View.relay_failed)),
    "relay_queues_in_retry_peak": Measure(
        "queues",
        "next hops in Retry at the smarthost that hold an autoreply from here, highest number",
        _relayed(lambda v: v.relay_retry_with_autoreply.peak()),
    ),
    "relay_queues_in_retry_mean": Measure(
        "queues",
        "next hops in Retry at the smarthost that hold an autoreply from here, mean over the run",
        _relayed(lambda v: v.relay_retry_with_autoreply.mean(v.run.horizon)),
    ),
    "relay_hung_autoreplies_peak": Measure(
        "messages",
        "autoreplies from here deferred and waiting at the smarthost, highest number",
        _relayed(lambda v: standing.hung(v.record.columns("relay_messages")).peak()),
    ),
    "relay_drained_after": Measure(
        "h",
        "from the switch-off until the last autoreply that hung at the smarthost leaves",
        _relayed(lambda v: v.drained_after(v.record.columns("relay_messages")) / HOUR),
    ),
}


@dataclass(frozen=True, slots=True)
class Curve:
    """One count over time: unit, meaning, its values just before each of some times."""

    unit: str
    meaning: str
    of: Callable[[View, Floats], Floats]


CURVES: Final[Mapping[str, Curve]] = {
    "queues_in_retry": Curve("queues", "next hops in Retry that hold an autoreply", lambda v, at: v.retry_with_autoreply.before(at)),
    "queues_in_retry_all": Curve("queues", "all next hops in Retry", lambda v, at: v.retry.before(at)),
    "hung_autoreplies": Curve("messages", "autoreplies deferred and waiting", lambda v, at: v.hung.before(at)),
    "notices_to_user": Curve("messages", "failure and delay notices to the absent so far", View.notices_before),
    "relay_queues_in_retry": Curve(
        "queues",
        "next hops in Retry at the smarthost that hold an autoreply from here",
        lambda v, at: v.relay_retry_with_autoreply.before(at),
    ),
}


class Values(dict[str, float]):
    """Measures of one record by name, with their units where they are shown."""

    def __repr__(self) -> str:
        return "\n".join(f"{name:44} {value:12,.{MEASURES[name].decimals}f} {MEASURES[name].unit}" for name, value in self.items())

    def _repr_html_(self) -> str:
        rows = (
            f"<tr><td>{name}</td><td>{value:,.{MEASURES[name].decimals}f}</td><td>{MEASURES[name].unit}</td><td>{MEASURES[name].meaning}</td></tr>"
            for name, value in self.items()
        )
        return f"<table><tr><th>measure</th><th>value</th><th>unit</th><th>meaning</th></tr>{''.join(rows)}</table>"


def measure(record: Record) -> Values:
    """Every measure of a record by name; NaN where it means nothing."""
    return _measured(View(record))


def _measured(view: View) -> Values:
    return Values((name, entry.of(view)) for name, entry in MEASURES.items())


@dataclass(frozen=True, slots=True)
class Summary:
    """What is kept of a run when the record is not: every measure, counts at some times, when the number of queues in Retry first exceeded
    an alert's limit (NaN: never), and how spam and wanted mail fared with the responder, by the words of mail.Kind and mail.Answer."""

    measures: dict[str, float]
    curves: dict[str, Floats]
    alert_at: Seconds
    answers: dict[str, dict[str, int]]


def summarise(record: Record, times: Floats, alert_limit: float) -> Summary:
    """Measure a record. The curves count just before each time."""
    view = View(record)
    m = view.messages
    curves = {name: entry.of(view, times) for name, entry in CURVES.items()}
    answers = {}
    for kind in (Kind.SPAM, Kind.WANTED):
        counts = np.bincount(m["answer"][m["kind"] == kind].astype(np.int64), minlength=len(Answer))
        which = view.tallied["kind"] == kind
        np.add.at(counts, view.tallied["answer"][which].astype(np.int64), view.tallied["messages"][which])
        answers[word(kind)] = {word(answer): int(counts[answer]) for answer in Answer if counts[answer]}
    return Summary(_measured(view), curves, view.retry.first_above(alert_limit), answers)


def moments(horizon: Seconds) -> Floats:
    """The times at which a summary keeps counts: every hour, at most about 1,000."""
    step = max(1, round(horizon / HOUR / 1000))
    return np.arange(0.0, horizon + 1.0, step * HOUR)
