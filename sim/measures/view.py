"""A record with what several measures share: its tables, what became of each message, counts over time."""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from sim import detection, diagnosis, legs, standing, tally
from sim.counts import Steps
from sim.mail import HERE, Answer, Code, Ints, Kind, Outcome, Truth, among
from sim.policy.autoreply import POLICIES
from sim.record import Record, Table
from sim.units import Floats, Seconds

__all__ = ["AUTOMATIC", "View"]

Bools = npt.NDArray[np.bool_]

AUTOMATIC: Final = (Kind.AUTOREPLY, Kind.FAILURE, Kind.DELAY, Kind.RECEIPT)  # what no person wrote


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
        found: Bools = among(m["kind"], (Kind.FAILURE, Kind.DELAY))
        some = np.flatnonzero(found)
        found[some] = ((m["caused_by"][some] & 15) == Kind.AUTOREPLY) & np.isin(m["recipient"][some], self.run.absent)
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
        return detection.alarms(self.record)

    @cached_property
    def automatic(self) -> Bools:
        """Which messages of `ended` are replies, notices and receipts to the outside: what no person wrote."""
        found: Bools = among(self.ended["kind"], AUTOMATIC) & (self.ended["next_hop"] != HERE)
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

    @cached_property
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

    @cached_property
    def wanted_delay(self) -> dict[int, float]:
        """The 50th, 95th and 99th percentile of the time in the queues of wanted outbound mail that arrived, from our acceptance on."""
        counted, percents = self.tallied["kind"] == Kind.OUTBOUND, (50, 95, 99)
        found = tally.percentiles(self.delays, self.tallied["delay"][counted], self.tallied["messages"][counted], percents)
        return dict(zip(percents, found, strict=True))

    @cached_property
    def delays(self) -> Floats:
        """The time in the queues of each wanted outbound message that arrived and has a row."""
        m = self.ended
        which = (m["kind"] == Kind.OUTBOUND) & (m["outcome"] == Outcome.DELIVERED)
        found: Floats = m["settled_at"][which] - m["accepted_at"][which]
        return found

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
