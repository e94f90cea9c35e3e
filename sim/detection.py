"""When would an alarm have gone off? Rules over a record, looked at as a monitor does: every few minutes.

A rule is met while a count exceeds its limit. An alarm goes off at the first look at which it is met, and again after it was not. Limits
are the run's own (`record.run.alarms`, from the scenario's `[detection]`), else the defaults here; none is documented: the threshold of the
alert that Small Business Server has built in was not found (FACTS 0, S6, S9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sim.counts import Steps
from sim.mail import HERE, NULL_SENDER, Ints, Kind, among
from sim.record import Record, Table
from sim.units import DAY, HOUR, Floats, Seconds

__all__ = ["POLL", "RULES", "Alarm", "Rule", "alarms", "compromises"]

POLL: Final = 300.0  # seconds between two looks, where the run does not say
_COMPROMISES: Final = ("cause infected-pc", "cause stolen-account", "cause open-relay", "cause reverse-ndr")


@dataclass(frozen=True, slots=True)
class Rule:
    """An alarm rule: its limit by default, what it means, and from (what is seen, limit) a count that exceeds 0 while it is met."""

    limit: float
    meaning: str
    met: Callable[[_Seen, float], Steps]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the rules look at: the retry episodes, and columns of the messages that went to the outside."""

    queues: Table
    accepted_at: Floats
    settled_at: Floats
    sender: Ints
    kind: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, record: Record) -> _Seen:
        """Of a run."""
        m = record.columns("messages")
        out = np.flatnonzero((m["next_hop"] != HERE) & ~np.isnan(m["accepted_at"]))
        return cls(record.columns("queues"), *(m[name][out] for name in ("accepted_at", "settled_at", "sender", "kind")))


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a monitor sees: when it looks, float64[n], and whether the rule is met then, bool[n]."""

    times: Floats
    raised: npt.NDArray[np.bool_]

    def first(self) -> Seconds:
        """When it first goes off; NaN if never."""
        return self.after(0.0)

    def after(self, since: Seconds) -> Seconds:
        """When it goes off anew at or after a time; NaN if never. One that stands already is no news."""
        anew = self.raised & ~np.concatenate([[False], self.raised[:-1]]) & (self.times >= since)
        return float(self.times[np.argmax(anew)]) if anew.any() else float("nan")

    def days(self, but: Iterable[tuple[Seconds, Seconds]] = ()) -> float:
        """Days of the run on which it is raised, times within the spans `but` left out."""
        shown = self.raised.copy()
        for since, until in but:
            shown &= (self.times < since) | (self.times > until)
        return float(len(np.unique(np.ceil(self.times[shown] / DAY))))


def alarms(record: Record) -> dict[str, Alarm]:
    """What each rule shows over a run."""
    seen, limits = _Seen.of(record), record.run.alarms
    poll = limits.get("poll", POLL)
    times = np.arange(1, int(record.run.horizon / poll) + 1, dtype=np.float64) * poll
    return {name: Alarm(times, rule.met(seen, limits.get(name, rule.limit)).before(times) > 0) for name, rule in RULES.items()}


def compromises(record: Record) -> list[tuple[Seconds, Seconds]]:
    """Spans in which somebody misuses the server, each until the last of what it caused has left: an alarm is right then."""
    acts, m = record.columns("acts"), record.columns("messages")
    spans = [
        (since, until)
        for since, until, what in zip(acts["at"].tolist(), acts["until"].tolist(), acts["what"].tolist(), strict=True)
        if what in _COMPROMISES
    ]
    if not spans:
        return []
    about = m["caused_by"] & 15
    misuse = (m["kind"] == Kind.RELAY) | (among(m["kind"], (Kind.FAILURE, Kind.DELAY)) & among(about, (Kind.RELAY, Kind.SPAM)))
    left = np.where(np.isnan(m["settled_at"][misuse]), record.run.horizon, m["settled_at"][misuse])
    begun = m["accepted_at"][misuse]

    def gone(since: Seconds, until: Seconds) -> Seconds:
        return max(until, float(left[(begun >= since) & (begun <= until)].max(initial=until)))

    return [(since, gone(since, until)) for since, until in spans]


def _more_than(steps: Steps, limit: float) -> Steps:
    return Steps(steps.at, (steps.level > limit).astype(np.int64))


def _queues(seen: _Seen, limit: float) -> Steps:
    return _more_than(Steps.of(seen.queues["since"], seen.queues["until"]), limit)


def _pending(seen: _Seen, limit: float) -> Steps:
    return _more_than(Steps.of(seen.accepted_at, seen.settled_at), limit)


def _oldest(seen: _Seen, limit: float) -> Steps:
    old = ~(seen.settled_at <= seen.accepted_at + limit)
    return Steps.of(seen.accepted_at[old] + limit, seen.settled_at[old])


def _by_sender(kinds: tuple[Kind, ...] | None) -> Callable[[_Seen, float], Steps]:
    def met(seen: _Seen, limit: float) -> Steps:
        """How many senders have sent more than `limit` messages to the outside within the last hour."""
        which = seen.sender != NULL_SENDER
        if kinds is not None:
            which &= among(seen.kind, kinds)
        at, sender, n = seen.accepted_at[which], seen.sender[which], int(limit)
        if len(at) <= n:
            return Steps.of(np.zeros(0), np.zeros(0))
        order = np.lexsort((at, sender))
        at, sender = at[order], sender[order]
        first, last = at[: len(at) - n], at[n:]  # the message n before, and this one
        over = (sender[n:] == sender[: len(at) - n]) & (last - first < HOUR)
        return Steps.of(last[over], first[over] + HOUR)

    return met


RULES: Final[Mapping[str, Rule]] = {
    "queues": Rule(10, "more than a number of next hops in Retry", _queues),
    "pending": Rule(20, "more than a number of messages pending outbound, as the alert of SBS 2003", _pending),
    "oldest": Rule(4 * HOUR, "an outbound message older than a limit", _oldest),
    "autoreplies": Rule(5, "more than a number of autoreplies by one sender within an hour", _by_sender((Kind.AUTOREPLY,))),
    "messages": Rule(30, "more than a number of outbound messages by one sender within an hour", _by_sender(None)),
}
