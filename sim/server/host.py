"""The clock and who acts when: step after step of arrivals, absences and changes in between, the transport advanced behind them.

SimPy conducts. One process walks through the moments at which the transport is looked at or changed by hand; at each, all that came before
it is delivered and played, and only then is the change made: what is seen at t is what happened before t. What the transport does not mind,
who is away and who is answered, is looked up or switched while the mail of a step is delivered. Where something that the transport does may
come back as mail (a report to an outside sender), no step is longer than the time this takes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import simpy

from sim import __version__
from sim.mail import ATTRACTED, HERE, NULL_SENDER, OUTGOING, SMARTHOST, Answer, Code, Dsn, Ints, Kind, Outcome, Truth, among, are
from sim.names import Names
from sim.policy.acquaintance import Acquaintance
from sim.policy.autoreply import Audience
from sim.policy.own import Own
from sim.profiles import Profile
from sim.record import SCHEMA, Later, Record, RunInfo, Table
from sim.scenario import Scenario
from sim.server import ledger
from sim.server.acts import acts
from sim.server.breaker import Breaker
from sim.server.gates import Gates
from sim.server.hourly import hours
from sim.server.inbound import InForce, Reception, deliver
from sim.server.ledger import Batch, Born, Ledger, Released
from sim.server.loops import Loops
from sim.server.outward import Outward
from sim.server.relay import Relay, hand_over
from sim.server.reputation import Reputation
from sim.server.transport.columns import Report
from sim.server.transport.engines import Engine, begin
from sim.tally import Tally
from sim.units import Floats, Seconds
from sim.workload import Gated, Rows, empty, in_order, join
from sim.world import World

__all__ = ["Host"]

_TOGETHER: Final = 250_000  # rows that are played at once; what becomes of them does not depend on it
_FORGETS: Final = 200_000  # messages that have left, when the transport is to forget them
_AT_ONCE: Final = (Outcome.MAILBOX, Outcome.REFUSED, Outcome.FILTERED, Outcome.JUNK)


class Host:
    """One run of a scenario under a policy."""

    def __init__(
        self,
        scenario: Scenario,
        policy: str,
        seed: int,
        replication: int,
        world: World,
        workload: Iterable[tuple[Seconds, Rows]],
        gated: Gated | None = None,
        engine: Engine = "simpy",
        tally: Tally | None = None,
    ) -> None:
        """tally: counts what nothing follows from, instead of keeping a row for it; what it has counted already never came here."""
        self.scenario, self.policy, self.seed, self.replication, self.engine = scenario, policy, seed, replication, engine
        self.env = simpy.Environment()
        self.world, self.workload = world, workload
        facing = world if scenario.relay is None else _beyond(scenario, world)  # the outside as the server that faces it meets it
        self.reputation = Reputation(facing, scenario)
        self.relay = None if scenario.relay is None else Relay(scenario, world, self.reputation, engine)
        self.transport = begin(engine, scenario.queue_rules(), self.relay or self.reputation)
        office = scenario.document.office
        boxes = office.mailboxes
        self.names = Names(office.domain, tuple(office.people), scenario.replay, scenario.replay_wanted, office.locale)
        scenario.audience(policy)  # complains of one that the server does not offer
        self.policies = scenario.in_turn(policy)
        self.owns = {name: Own(found.function) for name, found in self.policies.items() if found.function is not None}
        known = any(found.audience is Audience.KNOWN for found in self.policies.values())
        self.force = InForce(np.ones(boxes, dtype=np.bool_), self.policies[policy].audience, self.policies[policy].responder)
        self.reception = Reception(
            scenario.filter(),
            world.key,
            scenario.document.world.reply_lag,
            scenario.document.filter.recipients,
            acquaintance=Acquaintance() if known else None,
            words=self.names,
        )
        self.ledger, self.outward = Ledger(), Outward(scenario, world)
        reports = self.outward.lag if self.outward.strangers_send else math.inf
        confirmed = scenario.document.confirmed
        self.gates = Gates(gated or Gated(empty(), np.zeros(0, dtype=np.int64)), confirmed.lag if confirmed is not None else math.inf)
        self.loops = Loops(world, scenario)
        # nothing that the transport does matters sooner than this
        self.step = min(reports, self.reputation.lag, self.gates.lag, self.loops.lag)
        self.breakers = {found.breaker: Breaker.of(found.breaker) for found in self.policies.values()}
        self.looks = {table: frozenset(breaker.looks(scenario.horizon)) for table, breaker in self.breakers.items()}
        self._adopt(policy)
        self.by_hand = deque(change for change in scenario.changes if change.act is not None)
        self.switches = deque(change for change in scenario.changes if change.policy or change.replies is not None)
        self.pending: list[Born] = []
        self.tally, self.left = tally, 0  # messages that have left and are not yet forgotten
        self.held = 0  # mail that waits for the store when the run ends

    def run(self, released: Released | None = None) -> Record:
        """Play it to the horizon. released: takes the rows that a run which tallies is done with; without it they stay in memory."""
        if released is not None:
            self.ledger.released = released
        done = self.env.process(self._walk())
        self.env.run(until=done)
        return self._record()

    def _walk(self) -> Generator[simpy.Event, object, None]:
        """From moment to moment."""
        edges = self._edges()
        begin = 0.0
        for end, rows in self.workload:
            step = self.step if self.tally is None else min(self.step, _step(end - begin, len(rows)))
            for moment in [*(edge for edge in edges if begin <= edge < end), end]:
                while begin < moment:
                    until = min(moment, begin + step)
                    yield self.env.timeout(until - begin)
                    story = rows.take(slice(*np.searchsorted(rows.at, (begin, until))))
                    self._play(in_order([story, self.gates.open(begin, until)]), until)
                    begin = until
                self._change(moment)
            del rows, story  # of a large office they need not be there beside the next ones

    def _edges(self) -> list[Seconds]:
        """When somebody looks at the queues or lays a hand on them."""
        edges = {0.0}.union(*self.looks.values()) | {change.at for change in self.by_hand}
        return sorted(edge for edge in edges if edge < self.scenario.horizon)

    def _change(self, now: Seconds) -> None:
        """Put in force what holds from now on."""
        self._switch(now)
        while self.by_hand and self.by_hand[0].at <= now:
            act = self.by_hand.popleft().act
            assert act is not None
            self.transport.apply(act)
        if now in self.looks[self.reply.breaker]:
            self.breaker.look(now, self.transport.in_retry())
        self.force.audience = self.breaker.narrow(self.reply.audience)

    def _switch(self, now: Seconds) -> None:
        """Do what is switched up to now: a user's replies, or the policy."""
        while self.switches and self.switches[0].at <= now:
            change = self.switches.popleft()
            if change.replies is not None:
                self._switch_replies(change.mailbox, change.replies)
            if change.policy and self.policy == self.scenario.policy:
                self.breaker.close(change.at)
                self._adopt(change.policy)
        self.force.audience = self.breaker.narrow(self.reply.audience)

    def _switch_replies(self, mailbox: int, on: bool) -> None:
        """A user switches his replies; some responders then forget whom he has answered."""
        if self.force.replies_on[mailbox] != on and self.reply.responder.cleared:
            self.reception.history.clear(mailbox)
            for own in self.owns.values():
                own.clear(mailbox)
        self.force.replies_on[mailbox] = on

    def _adopt(self, policy: str) -> None:
        """From now on this policy is in force."""
        self.reply = self.policies[policy]
        self.breaker = self.breakers[self.reply.breaker]
        self.force.own, self.force.responder = self.owns.get(policy), self.reply.responder

    def _play(self, rows: Rows, until: Seconds) -> None:
        """Deliver the rows, then let the transport catch up."""
        echoes, turn = self.loops.due(until)
        if len(echoes):
            rows, turn = join([rows, echoes]), np.concatenate([np.zeros(len(rows), dtype=np.int64), turn])
            order = np.lexsort((turn, rows.row, rows.at))
            self._deliver(rows.take(order), turn[order], until)
        elif len(rows):
            self._deliver(rows, None, until)
        hop = None if self.relay is None else SMARTHOST  # one route for all mail
        self.pending = hand_over(self.transport, self.ledger.sent, self.pending, until, hop)
        report = self.transport.advance(until)
        for notices in self._notices(report, self.ledger.sent.rows, self.scenario.profile, HERE):
            self._send(notices)
        if self.relay is not None:
            self._arrived(*self._relayed(self.relay, report, until))
        else:
            self._arrived(self.ledger.sent.rows, report)
        self.left += len(report.settled)
        if self.tally is not None and self.left > _FORGETS:
            self._release(self.tally)

    def _release(self, tally: Tally) -> None:
        self.ledger.release(self.transport, tally, self.scenario.alarms()["poll"])
        self.left = 0

    def _notices(
        self, report: Report, sent: Born, profile: Profile, by: int, but: frozenset[int] | set[int] = frozenset()
    ) -> Iterator[Born]:
        """The reports on what a server could not deliver, or not yet, messages `but` left out."""
        failed = are(report.dsn, Dsn.SENT)
        if failed.any():
            yield self.outward.notices(sent.take(report.settled[failed]), Kind.FAILURE, report.settled_at[failed], by)
        if len(report.late):
            about = sent.take(report.late)
            told = (about["sender"] != NULL_SENDER) & (profile.delays_autoreplies | ~are(about["id"] & 15, Kind.AUTOREPLY))
            if but:
                told &= ~np.isin(about["id"], list(but))
            yield self.outward.notices(about.compress(told), Kind.DELAY, report.late_at[told], by)

    def _relayed(self, relay: Relay, report: Report, until: Seconds) -> tuple[Born, Report]:
        """What our server handed over goes on from the smarthost, whose reports come back as mail from outside. What left it."""
        ours = self.ledger.sent.rows
        relay.late.update(ours["id"][report.late].tolist())
        delivered = are(report.outcome, Outcome.DELIVERED)
        relay.take(ours.take(report.settled[delivered]), report.settled_at[delivered])
        beyond = relay.advance(until)
        for notices in self._notices(beyond, relay.sent.rows, relay.profile, SMARTHOST, relay.late):
            here = notices["next_hop"] == HERE
            self._send(notices.compress(here))
            relay.submit(notices.compress(~here))
        return relay.sent.rows, beyond

    def _arrived(self, sent: Born, report: Report) -> None:
        """What the outside makes of messages that have arrived there, if anything."""
        if math.isinf(min(self.reputation.lag, self.gates.lag, self.loops.lag)):
            return
        delivered = are(report.outcome, Outcome.DELIVERED)
        settled, at = report.settled[delivered], report.settled_at[delivered]
        noted = sent["noted"][settled]
        arrived, at = sent.take(settled[noted]), at[noted]
        for i in np.flatnonzero(among(arrived["truth"], (Truth.TRAP, Truth.SPAMMER))).tolist():
            note, when = arrived[i], float(at[i])
            if note["truth"] == Truth.TRAP:
                self.reputation.trapped(Kind(int(note["id"]) & 15), int(note["sender"]), when)
            elif note["mailbox"] >= 0:
                self.gates.confirm(int(note["mailbox"]), int(note["recipient"]), when)
        self.loops.arrived(arrived, at)

    def _in_force(self, at: Floats, until: Seconds) -> Iterator[tuple[slice, InForce]]:
        """Pieces of what comes at these times, and what holds for each. Between them is switched what is switched before `until`: no
        transport minds that."""
        first = 0
        for moment in [*(change.at for change in self.switches if change.at < until), until]:
            last = int(np.searchsorted(at, moment))
            if first < last:
                yield slice(first, last), self.force
            if moment < until:
                self._switch(moment)
            first = last

    def _deliver(self, rows: Rows, turn: Ints | None, until: Seconds) -> None:
        """What arrives, and what follows from it at once. `turn`: of a mail loop, 0 for what begins a chain, as all rows do without it."""
        away = self.scenario.who_is_away.found(rows.mailbox, rows.at)
        reached = self.outward.reaching(rows)
        seen = replace(rows, at=reached)
        outcome, answer, replies = deliver(seen, away, lambda which: self._in_force(rows.at[which], until), self.reception, turn)
        settled, stuck = reached, np.isinf(reached)
        if stuck.any():
            outcome[stuck], answer[stuck] = Outcome.QUEUED, Answer.NOT_ASKED
            settled = np.where(stuck, np.nan, reached)
            self.held += int(stuck.sum())
        dsn = self.outward.duties(rows, outcome)
        code = np.zeros(len(rows), dtype=np.uint8)  # Code.NONE
        code[are(outcome, Outcome.BOUNCED)] = Code.NO_MAILBOX
        batch = Batch(rows, turn, outcome, answer, settled, code, dsn)
        if self.tally is None:
            self.ledger.batches.append(batch)
        else:
            self.ledger.let_go(ledger.inbound(self._counted(batch, self.tally)))
        reports = self.outward.from_arrivals(seen, turn, outcome, dsn, away[0])
        for messages in (replies, *reports, *self.outward.late(rows, turn, reached)):
            self._send(messages)
        leaving = np.flatnonzero(among(rows.kind, OUTGOING))
        if len(leaving):
            self.pending.append(ledger.outgoing(rows, leaving))

    def _counted(self, batch: Batch, tally: Tally) -> Batch:
        """Count what nothing follows from: mail to people who are there, or that was not taken, but for spam that a reply has attracted.
        The rest of what came here."""
        here = ~among(batch.rows.kind, OUTGOING)
        counted = here & among(batch.answer, (Answer.NOT_ABSENT, Answer.NOT_ASKED)) & (batch.dsn == Dsn.NONE)
        counted &= among(batch.outcome, _AT_ONCE) & (batch.rows.row < ATTRACTED)
        rows = batch.rows.take(counted)
        tally.add(rows.at, rows.kind, outcome=batch.outcome[counted], answer=batch.answer[counted])
        return batch.take(here & ~counted)

    def _send(self, messages: Born) -> None:
        """Hand messages to the transport in their time, or to a mailbox here at once, if their time comes before the run ends."""
        if not len(messages):
            return
        in_time = messages["accepted_at"] < self.scenario.horizon
        here = messages["next_hop"] == HERE
        for place, which in ((self.ledger.stayed, in_time & here), (self.pending, in_time & ~here)):
            chosen = messages.compress(which)
            if len(chosen):
                place.append(chosen)

    # What it leaves.

    def _record(self) -> Record:
        scenario, transport, relay = self.scenario, self.transport, self.relay
        info = RunInfo(
            scenario.name,
            self.policy,
            scenario.profile.name,
            self.seed,
            self.replication,
            scenario.horizon,
            scenario.document.start.isoformat(),
            self.engine,
            __version__,
            scenario.sha256(),
            transport.queued() + self.held,
            scenario.document.office.mailboxes,
            tuple(sorted({a.mailbox for a in scenario.absences})),
            scenario.alarms(),
            relay.profile.name if relay is not None else "",
            relay.transport.queued() if relay is not None else 0,
            tallied=self.tally is not None,
        )
        if self.tally is not None:
            self._release(self.tally)
        attempts: Table = Later(SCHEMA["attempts"], lambda: transport.attempts().__getitem__)
        if self.tally is None:
            messages = self.ledger.messages(transport.messages)
            by_hour: Table = Later(SCHEMA["hours"], lambda: hours(messages, attempts).__getitem__)
        else:
            messages, by_hour = self.ledger.close(transport.messages(), attempts, self.tally.table())
        policy, breakers, listings = self.policy, list(self.breakers.values()), self.reputation.listings()
        tables = {
            "messages": messages,
            "queues": transport.queues(),
            "attempts": attempts,
            "hours": by_hour,
            "acts": Later(SCHEMA["acts"], lambda: acts(scenario, policy, breakers, listings).__getitem__),
        }
        if self.tally is not None:
            tables["tallied"] = self.tally.table()
        if relay is not None:
            tables |= {
                "relay_messages": ledger.relayed(relay.transport.messages, relay.sent.rows),
                "relay_queues": relay.transport.queues(),
                "relay_attempts": Later(SCHEMA["relay_attempts"], lambda: relay.transport.attempts().__getitem__),
            }
        return Record(tables, info, self.names)


def _beyond(scenario: Scenario, world: World) -> World:
    """The outside as a scenario's smarthost meets it."""
    connect, dns, tried = (
        float(str(scenario.relay_number(f"server.{key}"))) for key in ("connect_timeout", "dns_timeout", "addresses_tried")
    )
    return world.as_met_by(connect, dns, int(tried))


def _step(span: Seconds, rows: int) -> Seconds:
    """How long steps are of which each has about `_TOGETHER` rows at most: a power of two of them, so that they end on the time grid."""
    return span / float(1 << max(0, math.ceil(math.log2(max(1, rows) / _TOGETHER))))
