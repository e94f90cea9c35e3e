"""The clock and who acts when: hour after hour of arrivals, absences and changes in between, the transport advanced behind them.

SimPy conducts. One process walks through the moments at which something may change (hours, edges of absences, changes); at each, all that
came before it is delivered and played, and only then is the change made: what is seen at t is what happened before t. Nothing that the
transport does comes back into the model before the next such moment.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Final

import numpy as np
import simpy

from sim.mail import HERE, NULL_SENDER, Dsn, Kind, Truth, born
from sim.names import Names
from sim.policy.autoreply import History
from sim.record import SCHEMA, Record, RunInfo, Table
from sim.scenario import Scenario
from sim.server import ledger
from sim.server.inbound import InForce, deliver
from sim.server.ledger import Batch, Born, Ledger
from sim.server.transport import Message
from sim.server.transport.processes import Transport
from sim.units import Seconds
from sim.workload import Rows
from sim.world import World

__all__ = ["Host"]

_REPLY: Final = 1000  # bytes of a reply or a notice; assumed to change nothing


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
    ) -> None:
        self.scenario, self.policy, self.seed, self.replication = scenario, policy, seed, replication
        self.env = simpy.Environment()
        self.world, self.workload = world, workload
        self.transport = Transport(scenario.queue_rules(), self.world)
        self.rule, self.responder, self.history = scenario.filter(), scenario.responder(), History()
        boxes = scenario.document.office.mailboxes
        self.force = InForce(np.full(boxes, -1, dtype=np.int64), np.ones(boxes, dtype=np.bool_), scenario.audience(policy))
        self.ledger = Ledger()
        self.pending: list[Message] = []

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
                if moment > self.env.now:
                    yield self.env.timeout(moment - self.env.now)
                    self._play(rows.take(slice(*np.searchsorted(rows.at, (begin, moment)))), moment)
                    begin = moment
                self._change(moment)

    def _edges(self) -> list[Seconds]:
        edges = {0.0} | {change.at for change in self.scenario.changes}
        for absence in self.scenario.absences:
            edges |= {absence.since, absence.until}
        return sorted(edge for edge in edges if edge < self.scenario.horizon)

    def _change(self, now: Seconds) -> None:
        """Put in force what holds from now on."""
        self.force.absence[:] = -1
        for number, absence in enumerate(self.scenario.absences):
            if absence.since <= now < absence.until:
                self.force.absence[absence.mailbox] = number
        for change in self.scenario.changes:
            if change.at == now and change.replies is not None:
                self.force.replies_on[change.mailbox] = change.replies
            if change.at == now and change.policy and self.policy == self.scenario.policy:
                self.force.audience = self.scenario.audience(change.policy)

    def _play(self, rows: Rows, until: Seconds) -> None:
        """Deliver the rows, then let the transport catch up."""
        lag = self.scenario.document.world.reply_lag
        outcome, answer, replies = deliver(rows, self.force, self.rule, self.responder, self.history, self.world.key, lag)
        none = np.zeros(len(rows), dtype=np.int64)
        self.ledger.batches.append(Batch(rows, outcome.astype(np.int64), answer.astype(np.int64), rows.at, none, none))
        truth = dict(zip(rows.row.tolist(), rows.truth.tolist(), strict=True))
        for reply in replies:
            what = Truth(truth[reply.root])
            self._send(
                Born(reply.id, reply.caused_by, what, reply.sender, HERE, reply.recipient, reply.next_hop, _REPLY, reply.accepted_at)
            )
        for i in np.flatnonzero(rows.kind == Kind.OUTBOUND).tolist():
            id = born(int(rows.row[i]), Kind.OUTBOUND)
            message = Message(
                id, int(rows.sender[i]), int(rows.recipient[i]), int(rows.recipient_domain[i]), int(rows.size[i]), float(rows.at[i])
            )
            self.pending.append(message)
        self.pending.sort(key=lambda message: (message.accepted_at, message.id))
        now = [message for message in self.pending if message.accepted_at < until]
        self.pending = self.pending[len(now) :]
        self.transport.submit(now)
        done = self.transport.advance(until)
        for m in done.settled:
            if m.dsn is Dsn.SENT:
                self._notify(m, Kind.FAILURE, m.settled_at)
        for at, m in done.delayed:
            if m.sender != NULL_SENDER:
                self._notify(m, Kind.DELAY, at)

    def _send(self, message: Born) -> None:
        """Hand a message to the transport in its time, or to a mailbox here at once."""
        if message.next_hop == HERE:
            self.ledger.stayed.append(message)
            return
        self.ledger.sent[message.id] = message
        self.pending.append(Message(message.id, message.sender, message.recipient, message.next_hop, message.size, message.accepted_at))

    def _notify(self, about: Message, kind: Kind, at: Seconds) -> None:
        """Report a message to its sender. In a notice, n is the kind of the message that it reports, and that one's own n."""
        id = born(about.id >> 20, kind, about.id & 0xFFFFF)
        self._send(Born(id, about.id, Truth.INTERNAL, NULL_SENDER, HERE, about.sender, HERE, _REPLY, at))

    # What it leaves.

    def _record(self) -> Record:
        scenario, transport = self.scenario, self.transport
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
            transport.queued(),
            scenario.document.office.mailboxes,
            tuple(sorted({a.mailbox for a in scenario.absences})),
        )
        messages, attempts = self.ledger.messages(transport.messages), ledger.attempts(transport.attempts)
        tables = {
            "messages": messages,
            "queues": ledger.queues(transport.episodes),
            "attempts": attempts,
            "hours": ledger.hours(messages, attempts),
            "acts": self._acts(),
        }
        people = tuple(scenario.document.office.people)
        return Record(tables, info, Names(scenario.document.office.domain, people, scenario.replay, scenario.replay_wanted))

    def _acts(self) -> Table:
        """Absences and changes."""
        rows: list[tuple[float, float, str, str]] = [
            (absence.since, absence.until, "absence", self.scenario.person(absence.mailbox)) for absence in self.scenario.absences
        ]
        for change in self.scenario.changes:
            if change.replies is not None:
                rows.append((change.at, np.nan, f"replies {'on' if change.replies else 'off'}", self.scenario.person(change.mailbox)))
            elif change.policy and self.policy == self.scenario.policy:
                rows.append((change.at, np.nan, f"policy {change.policy}", "server"))
        rows.sort(key=lambda row: row[0])
        return {name: np.array([row[i] for row in rows], dtype=column.dtype) for i, (name, column) in enumerate(SCHEMA["acts"].items())}


def _version() -> str:
    from sim import __version__

    return __version__
