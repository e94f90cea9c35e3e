"""A record with what several measures share: its tables, what became of each message, counts over time."""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import Final

import numpy as np

from sim import detection, diagnosis, legs, tally
from sim.counts import Steps
from sim.destinations import Codes
from sim.mail import ATTRACTED, HERE, Answer, Code, Ints, Kind, Outcome, Truth, among, are
from sim.policy.autoreply import POLICIES
from sim.record import Record, Table
from sim.standing import Standing
from sim.units import Floats, Seconds

__all__ = ["AUTOMATIC", "View"]

AUTOMATIC: Final = (Kind.AUTOREPLY, Kind.FAILURE, Kind.DELAY, Kind.RECEIPT)  # what no person wrote


class View:
    """A record with what several measures share."""

    def __init__(self, record: Record) -> None:
        self.record, self.run = record, record.run
        self.messages, self.queues, self.tallied = record.columns("messages"), record.columns("queues"), record.columns("tallied")
        self.here = Standing(self.messages, self.queues)

    @cached_property
    def there(self) -> Standing:
        """What stands at the smarthost; without one, nothing."""
        return Standing(self.record.columns("relay_messages"), self.record.columns("relay_queues"))

    @cached_property
    def told(self) -> tuple[Ints, Codes]:
        """Of each autoreply that arrived, wherever: its recipient, and what that is."""
        m = self.ended
        which = np.flatnonzero(are(m["kind"], Kind.AUTOREPLY) & among(m["outcome"], (Outcome.DELIVERED, Outcome.MAILBOX)))
        return m["recipient"].take(which), m["truth"].take(which)

    @cached_property
    def notices(self) -> Floats:
        """When failure and delay notices come that an absent user finds because of an autoreply, in order."""
        m = self.messages
        some = np.flatnonzero(among(m["kind"], (Kind.FAILURE, Kind.DELAY)))
        of_reply = (m["caused_by"].take(some) & 15) == Kind.AUTOREPLY
        return np.sort(m["accepted_at"][some[of_reply & np.isin(m["recipient"].take(some), self.run.absent)]])

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
    def counts(self) -> Ints:
        """How many messages of `ended` there are: int64[kind, truth, outcome, 1 where they go to the outside]."""
        m = self.ended
        kind, truth, outcome = (m[name].astype(np.uint16) for name in ("kind", "truth", "outcome"))
        cell = kind << np.uint16(9) | truth << np.uint16(5) | outcome << np.uint16(1) | (m["next_hop"] != HERE)
        found: Ints = np.bincount(cell, minlength=1 << 13).reshape(16, 16, 16, 2)
        return found

    def outside(self, kinds: tuple[Kind, ...] = tuple(Kind), truth: tuple[Truth, ...] = tuple(Truth), arrived: bool = True) -> float:
        """Messages of some kinds that arrived outside at addresses of some kinds, or, else, that went there."""
        found = self.counts[:, :, Outcome.DELIVERED, 1] if arrived else self.counts[:, :, :, 1].sum(axis=2)
        return float(found[np.ix_(kinds, truth)].sum())

    @cached_property
    def turns(self) -> Ints:
        """Replies of ours in each mail loop: int64[loops]."""
        m = self.messages
        _, count = np.unique(m["root"][are(m["kind"], Kind.AUTOREPLY)], return_counts=True)
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

    def people(self, truth: tuple[Truth, ...]) -> float:
        """Distinct recipients of autoreplies that arrived, by what they are."""
        recipient, what = self.told
        return float(len(np.unique(recipient[among(what, truth)])))

    @cached_property
    def wanted_delay(self) -> dict[int, float]:
        """The 50th, 95th and 99th percentile of the time in the queues of wanted outbound mail that arrived, from our acceptance on."""
        counted, percents = self.tallied["kind"] == Kind.OUTBOUND, (50, 95, 99)
        found = tally.percentiles(self.delays, self.tallied["delay"][counted], self.tallied["messages"][counted], percents)
        return dict(zip(percents, found, strict=True))

    @cached_property
    def outbound(self) -> Ints:
        """The rows, of `messages` and of `ended`, of what our people write to the outside."""
        return np.flatnonzero(are(self.messages["kind"], Kind.OUTBOUND))

    @cached_property
    def delays(self) -> Floats:
        """The time in the queues of each wanted outbound message that arrived and has a row."""
        m = self.ended
        which = self.outbound[are(m["outcome"].take(self.outbound), Outcome.DELIVERED)]
        found: Floats = m["settled_at"].take(which) - m["accepted_at"].take(which)
        return found

    def wanted_wait(self) -> float:
        """The mean wait of wanted outbound mail for a connection."""
        t = self.tallied
        counted = t["kind"] == Kind.OUTBOUND
        total = self.messages["wait_seconds"].take(self.outbound).sum() + t["wait_seconds"][counted].sum()
        return float(total) / max(1.0, len(self.outbound) + float(t["messages"][counted].sum()))

    def wanted_refused(self) -> float:
        """Wanted outbound messages that were refused for a listing."""
        return float(np.count_nonzero(are(self.ended["last_code"].take(self.outbound), Code.LISTED)))

    def writers(self) -> float:
        """Distinct wanted people outside who wrote to somebody absent whose replies were on."""
        m = self.messages
        wanted = np.flatnonzero(are(m["kind"], Kind.WANTED))
        asked = ~among(m["answer"].take(wanted), (Answer.NOT_ASKED, Answer.NOT_ABSENT, Answer.REPLIES_OFF))
        return float(len(np.unique(m["sender"][wanted[asked]])))

    def attracted(self) -> float:
        """Spam that came only because a reply confirmed the address."""
        m = self.messages
        root = m["root"][are(m["kind"], Kind.SPAM)]
        return float(np.count_nonzero((root >= ATTRACTED) & (root < ATTRACTED + (1 << 34))))

    def notices_before(self, times: Floats) -> Floats:
        """How many of these notices there were just before each time."""
        return np.searchsorted(self.notices, times, side="left").astype(np.float64)

    def drained_after(self, standing: Standing) -> float:
        """From the first switch-off until the last autoreply that was hung then leaves; NaN if none was hung, or one never leaves."""
        acts = self.record.columns("acts")
        narrower = itertools.takewhile(lambda name: name not in (self.record.run.policy, "external"), POLICIES)
        words = {"replies off", *(f"policy {name}" for name in narrower)}
        off = [at for at, what in zip(acts["at"].tolist(), acts["what"].tolist(), strict=True) if what in words]
        return standing.drained_after(min(off)) if off else float("nan")

    def undelivered(self, column: str) -> float:
        """The sum of a column of our server over autoreplies that never arrived."""
        replies = self.here.autoreplies
        lost = ~are(self.ended["outcome"].take(replies), Outcome.DELIVERED)
        return float(self.messages[column][replies[lost]].sum())

    def throttled(self) -> float:
        """Wanted outbound messages that the smarthost made wait since its limit was reached."""
        a = self.record.columns("attempts")
        which = (a["code"] == Code.TOO_MUCH) & ((a["message"].astype(np.int64) & 15) == Kind.OUTBOUND)
        return float(len(np.unique(a["message"][which])))

    def relay_failed(self) -> float:
        """Messages from here that the smarthost could not deliver."""
        theirs = self.record.columns("relay_messages")
        return float(among(theirs["outcome"], (Outcome.BOUNCED, Outcome.EXPIRED)).sum())
