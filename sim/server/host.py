"""The clock and who acts when: hour after hour of arrivals, absences and changes in between, the transport advanced behind them.

SimPy conducts. One process walks through the moments at which something may change (hours, edges of absences, changes); at each, all that
came before it is delivered and played, and only then is the change made: what is seen at t is what happened before t. Where something
that the transport does may come back as mail (a report to an outside sender), no step is longer than the time this takes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace

import numpy as np
import simpy

from sim.mail import HERE, NULL_SENDER, OUTGOING, SMARTHOST, Answer, Code, Dsn, Ints, Kind, Outcome, Truth, born
from sim.names import Names
from sim.policy.acquaintance import Acquaintance
from sim.policy.autoreply import Audience, History
from sim.policy.own import Own
from sim.profiles import Profile
from sim.record import SCHEMA, Record, RunInfo, Table
from sim.scenario import Scenario
from sim.server import ledger
from sim.server.breaker import Breaker
from sim.server.gates import Gates
from sim.server.inbound import InForce, deliver
from sim.server.ledger import Batch, Born, Ledger
from sim.server.loops import Loops
from sim.server.outward import NOTICE, Outward
from sim.server.relay import Relay
from sim.server.reputation import Reputation
from sim.server.transport import Done, Message, Outside
from sim.server.transport.processes import Transport
from sim.units import Seconds
from sim.workload import Gated, Rows, empty, in_order, join
from sim.world import World

__all__ = ["Host"]


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
    ) -> None:
        self.scenario, self.policy, self.seed, self.replication = scenario, policy, seed, replication
        self.env = simpy.Environment()
        self.world, self.workload = world, workload
        facing = world if scenario.relay is None else _beyond(scenario, world)  # the outside as the server that faces it meets it
        self.reputation = Reputation(facing, scenario)
        outside: Outside = self.reputation if math.isfinite(self.reputation.lag) else facing
        self.relay = None if scenario.relay is None else Relay(scenario, world, outside)
        self.transport = Transport(scenario.queue_rules(), self.relay or outside)
        self.rule, self.history = scenario.filter(), History()
        office = scenario.document.office
        boxes = office.mailboxes
        self.names = Names(office.domain, tuple(office.people), scenario.replay, scenario.replay_wanted, office.locale)
        scenario.audience(policy)  # complains of one that the server does not offer
        self.policies = scenario.in_turn(policy)
        self.owns = {name: Own(found.function) for name, found in self.policies.items() if found.function is not None}
        known = any(found.audience is Audience.KNOWN for found in self.policies.values())
        self.force = InForce(
            np.full(boxes, -1, dtype=np.int64),
            np.ones(boxes, dtype=np.bool_),
            self.policies[policy].audience,
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
        self.pending: list[Message] = []
        self.held = 0  # mail that waits for the store when the run ends

    def run(self) -> Record:
        """Play it to the horizon."""
        done = self.env.process(self._walk())
        self.env.run(until=done)
        return self._record()

    def _walk(self) -> Generator[simpy.Event, object, None]:
        """From moment to moment."""
        edges = self._edges()
        begin = 0.0
        for end, rows in self.workload:
            for moment in [*(edge for edge in edges if begin <= edge < end), end]:
                while begin < moment:
                    until = min(moment, begin + self.step)
                    yield self.env.timeout(until - begin)
                    story = rows.take(slice(*np.searchsorted(rows.at, (begin, until))))
                    self._play(in_order([story, self.gates.open(begin, until)]), until)
                    begin = until
                self._change(moment)

    def _edges(self) -> list[Seconds]:
        edges = {0.0}.union(*self.looks.values()) | {change.at for change in self.scenario.changes}
        for absence in self.scenario.absences:
            edges |= {absence.since, absence.until}
        return sorted(edge for edge in edges if edge < self.scenario.horizon)

    def _change(self, now: Seconds) -> None:
        """Put in force what holds from now on."""
        self.force.absence[:] = -1
        for absence in self.scenario.absences:
            if absence.since <= now < absence.until:
                self.force.absence[absence.mailbox] = absence.number
        for change in self.scenario.changes:
            if change.at == now and change.replies is not None:
                self._switch(change.mailbox, change.replies)
            if change.at == now and change.policy and self.policy == self.scenario.policy:
                self.breaker.close(now)
                self._adopt(change.policy)
        while self.by_hand and self.by_hand[0].at <= now:  # each once: a moment comes twice where two chunks meet
            act = self.by_hand.popleft().act
            assert act is not None
            self.transport.apply(act)
        if now in self.looks[self.reply.breaker]:
            self.breaker.look(now, self.transport.in_retry())
        self.force.audience = self.breaker.narrow(self.reply.audience)

    def _switch(self, mailbox: int, on: bool) -> None:
        """A user switches his replies; some responders then forget whom he has answered."""
        if self.force.replies_on[mailbox] != on and self.reply.responder.cleared:
            self.history.clear(mailbox)
            for own in self.owns.values():
                own.clear(mailbox)
        self.force.replies_on[mailbox] = on

    def _adopt(self, policy: str) -> None:
        """From now on this policy is in force."""
        self.reply = self.policies[policy]
        self.breaker = self.breakers[self.reply.breaker]
        self.force.own = self.owns.get(policy)

    def _play(self, rows: Rows, until: Seconds) -> None:
        """Deliver the rows, then let the transport catch up."""
        echoes, turn = self.loops.due(until)
        if len(echoes):
            rows, turn = join([rows, echoes]), np.concatenate([np.zeros(len(rows), dtype=np.int64), turn])
            order = np.lexsort((turn, rows.row, rows.at))
            self._deliver(rows.take(order), turn[order])
        elif len(rows):
            self._deliver(rows, np.zeros(len(rows), dtype=np.int64))
        self.pending.sort(key=lambda message: (message.accepted_at, message.id))
        now = [message for message in self.pending if message.accepted_at < until]
        self.pending = self.pending[len(now) :]
        self.transport.submit(now)
        done = self.transport.advance(until)
        for notice in self._notices(done, self.scenario.profile, HERE):
            self._send(notice)
        left = done.settled
        if self.relay is not None:
            left = self._relayed(self.relay, done, until)
        for m in left:
            note = self.ledger.sent.get(m.id)
            if note is not None and m.outcome is Outcome.DELIVERED:
                self._arrived(m, note)

    def _notices(self, done: Done, profile: Profile, by: int) -> Iterator[Born]:
        """The reports on what a server could not deliver, or not yet."""
        for m in done.settled:
            if m.dsn is Dsn.SENT:
                yield self.outward.notice(m, self.ledger.sent.get(m.id), Kind.FAILURE, m.settled_at, by)
        for at, m in done.delayed:
            if m.sender != NULL_SENDER and (profile.delays_autoreplies or m.id & 15 != Kind.AUTOREPLY):
                yield self.outward.notice(m, self.ledger.sent.get(m.id), Kind.DELAY, at, by)

    def _relayed(self, relay: Relay, done: Done, until: Seconds) -> list[Message]:
        """What our server handed over goes on from the smarthost, whose reports come back as mail from outside. What left it."""
        relay.late.update(m.id for _, m in done.delayed)
        relay.take(done.settled)
        beyond = relay.advance(until)
        beyond.delayed = [(at, m) for at, m in beyond.delayed if m.id not in relay.late]
        for notice in self._notices(beyond, relay.profile, SMARTHOST):
            if notice.next_hop == HERE:
                self._send(notice)
            else:
                self.ledger.sent[notice.id] = notice
                relay.submit(_message(notice))
        return beyond.settled

    def _arrived(self, message: Message, note: Born) -> None:
        """What the outside makes of a message that has arrived there."""
        if note.truth is Truth.TRAP:
            self.reputation.trapped(message)
        elif note.truth is Truth.SPAMMER and note.mailbox >= 0:
            self.gates.confirm(note.mailbox, message.recipient, message.settled_at)
        self.loops.arrived(message, note)

    def _deliver(self, rows: Rows, turn: Ints) -> None:
        """What arrives, and what follows from it at once. `turn`: of a mail loop, 0 for what begins a chain."""
        lag, key = self.scenario.document.world.reply_lag, self.world.key
        reached = self.outward.reaching(rows)
        seen = replace(rows, at=reached)
        outcome, answer, replies = deliver(
            seen, self.force, self.rule, self.reply.responder, self.history, key, lag, self.scenario.document.filter.recipients, turn
        )
        stuck = np.isinf(reached)
        outcome[stuck], answer[stuck] = Outcome.QUEUED, Answer.NOT_ASKED
        self.held += int(stuck.sum())
        dsn = self.outward.duties(rows, outcome)
        code = np.where(outcome == Outcome.BOUNCED, Code.NO_MAILBOX, Code.NONE).astype(np.int64)
        settled = np.where(stuck, np.nan, reached)
        self.ledger.batches.append(Batch(rows, turn, outcome.astype(np.int64), answer.astype(np.int64), settled, code, dsn))
        truth = dict(zip(rows.row.tolist(), rows.truth.tolist(), strict=True))
        for reply in replies:
            if math.isinf(reply.accepted_at):
                continue
            what = Truth(truth[reply.root])
            self._send(
                Born(
                    reply.id,
                    reply.caused_by,
                    what,
                    reply.sender,
                    HERE,
                    reply.recipient,
                    reply.next_hop,
                    NOTICE,
                    reply.accepted_at,
                    reply.mailbox,
                )
            )
        absent = self.force.absence[np.maximum(rows.mailbox, 0)] >= 0
        ids = ledger.ids(rows, turn)
        for message in (*self.outward.from_arrivals(seen, ids, outcome, dsn, absent), *self.outward.late(rows, ids, reached)):
            self._send(message)
        for i in np.flatnonzero(np.isin(rows.kind, OUTGOING)).tolist():
            self._leave(rows, i)

    def _leave(self, rows: Rows, i: int) -> None:
        """Hand a row on its way out to the transport, in its time."""
        kind = Kind(int(rows.kind[i]))
        id, sender, recipient = born(int(rows.row[i]), kind), int(rows.sender[i]), int(rows.recipient[i])
        hop, size, at = int(rows.recipient_domain[i]), int(rows.size[i]), float(rows.at[i])
        if kind is not Kind.OUTBOUND:  # a message without a note is mail that our people write
            truth = Truth(int(rows.truth[i]))
            self.ledger.sent[id] = Born(id, -1, truth, sender, int(rows.sender_domain[i]), recipient, hop, size, at)
        self._queue(Message(id, sender, recipient, hop, size, at))

    def _queue(self, message: Message) -> None:
        """Hand a message to the transport in its time, by the route that all mail takes."""
        self.pending.append(message if self.relay is None else self.relay.first_leg(message))

    def _send(self, message: Born) -> None:
        """Hand a message to the transport in its time, or to a mailbox here at once, if its time comes before the run ends."""
        if message.accepted_at >= self.scenario.horizon:
            return
        if message.next_hop == HERE:
            self.ledger.stayed.append(message)
            return
        self.ledger.sent[message.id] = message
        self._queue(_message(message))

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
            "simpy",
            _version(),
            scenario.sha256(),
            transport.queued() + self.held,
            scenario.document.office.mailboxes,
            tuple(sorted({a.mailbox for a in scenario.absences})),
            scenario.alarms(),
            relay.profile.name if relay is not None else "",
            relay.transport.queued() if relay is not None else 0,
        )
        messages = self.ledger.messages(transport.messages, relay.bound if relay is not None else {})
        attempts = ledger.attempts(transport.attempts)
        tables = {
            "messages": messages,
            "queues": ledger.queues(transport.episodes),
            "attempts": attempts,
            "hours": ledger.hours(messages, attempts),
            "acts": self._acts(),
        }
        if relay is not None:
            tables |= {
                "relay_messages": self.ledger.relayed(relay.transport.messages),
                "relay_queues": ledger.queues(relay.transport.episodes),
                "relay_attempts": ledger.attempts(relay.transport.attempts),
            }
        return Record(tables, info, self.names)

    def _acts(self) -> Table:
        """Absences, changes, causes, listings, the breaker."""
        rows: list[tuple[float, float, str, str]] = [
            (absence.since, absence.until, "absence", self.scenario.person(absence.mailbox)) for absence in self.scenario.absences
        ]
        for change in self.scenario.changes:
            if change.replies is not None:
                rows.append((change.at, np.nan, change.words(), self.scenario.person(change.mailbox)))
            elif change.act is not None or (change.policy and self.policy == self.scenario.policy):
                rows.append((change.at, np.nan, change.words(), "server"))
        for cause in self.scenario.causes:
            who = cause.who if cause.who == "server" else self.scenario.person(self.scenario.mailbox(cause.who))
            rows.append((cause.since, cause.until, f"cause {cause.name.replace('_', '-')}", who))
        for breaker in self.breakers.values():
            rows += [(since, until, "breaker open", "server") for since, until in breaker.spans]
        listed = "server" if self.relay is None else "smarthost"
        for name, since, until in self.reputation.listings():
            if since < self.scenario.horizon:
                rows.append((since, min(until, self.scenario.horizon), f"listed by {name.replace('_', '-')}", listed))
        rows.sort(key=lambda row: row[0])
        return {name: np.array([row[i] for row in rows], dtype=column.dtype) for i, (name, column) in enumerate(SCHEMA["acts"].items())}


def _beyond(scenario: Scenario, world: World) -> World:
    """The outside as a scenario's smarthost meets it."""
    connect, dns, tried = (
        float(str(scenario.relay_number(f"server.{key}"))) for key in ("connect_timeout", "dns_timeout", "addresses_tried")
    )
    return world.as_met_by(connect, dns, int(tried))


def _message(born: Born) -> Message:
    return Message(born.id, born.sender, born.recipient, born.next_hop, born.size, born.accepted_at)


def _version() -> str:
    from sim import __version__

    return __version__
