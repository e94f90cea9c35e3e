"""The clock and who acts when: hour after hour of arrivals, absences and changes in between, the transport advanced behind them.

SimPy conducts. One process walks through the moments at which something may change (hours, edges of absences, changes); at each, all that
came before it is delivered and played, and only then is the change made: what is seen at t is what happened before t. Nothing that the
transport does comes back into the model before the next such moment.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable

import numpy as np
import simpy

from sim.mail import HERE, NULL_SENDER, Answer, Dsn, Ints, Kind, Outcome, Truth, born
from sim.names import Names
from sim.policy.autoreply import History
from sim.record import SCHEMA, Record, RunInfo, Table
from sim.scenario import Scenario
from sim.server.inbound import InForce, Reply, deliver
from sim.server.transport import Message
from sim.server.transport.processes import Transport
from sim.units import HOUR, Seconds
from sim.workload import Rows
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
    ) -> None:
        self.scenario, self.policy, self.seed, self.replication = scenario, policy, seed, replication
        self.env = simpy.Environment()
        self.world, self.workload = world, workload
        self.transport = Transport(scenario.queue_rules(), self.world)
        self.rule, self.responder, self.history = scenario.filter(), scenario.responder(), History()
        boxes = scenario.document.office.mailboxes
        self.force = InForce(np.full(boxes, -1, dtype=np.int64), np.ones(boxes, dtype=np.bool_), scenario.audience(policy))
        self.batches: list[tuple[Rows, Ints, Ints]] = []
        self.replies: dict[int, tuple[Reply, int]] = {}
        self.local: list[tuple[Reply, int]] = []
        self.pending: list[Message] = []
        self.notices: list[tuple[Seconds, Message, Kind]] = []

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
        self.batches.append((rows, outcome.astype(np.int64), answer.astype(np.int64)))
        truth = dict(zip(rows.row.tolist(), rows.truth.tolist(), strict=True))
        for reply in replies:
            if reply.next_hop == HERE:
                self.local.append((reply, truth[reply.root]))
                continue
            self.replies[reply.id] = (reply, truth[reply.root])
            self.pending.append(Message(reply.id, reply.sender, reply.recipient, reply.next_hop, 1000, reply.accepted_at))
        for i in np.flatnonzero(rows.kind == Kind.OUTBOUND).tolist():
            id = born(int(rows.row[i]), Kind.OUTBOUND)
            message = Message(
                id, int(rows.mailbox[i]), int(rows.recipient[i]), int(rows.recipient_domain[i]), int(rows.size[i]), float(rows.at[i])
            )
            self.pending.append(message)
        self.pending.sort(key=lambda message: (message.accepted_at, message.id))
        now = [message for message in self.pending if message.accepted_at < until]
        self.pending = self.pending[len(now) :]
        self.transport.submit(now)
        done = self.transport.advance(until)
        self.notices += [(m.settled_at, m, Kind.FAILURE) for m in done.settled if m.dsn is Dsn.SENT]
        told = self.scenario.profile.delays_autoreplies
        self.notices += [(at, m, Kind.DELAY) for at, m in done.delayed if m.sender != NULL_SENDER and (told or m.id & 15 != Kind.AUTOREPLY)]

    # What it leaves.

    def _record(self) -> Record:
        parts = [self._inbound(*batch) for batch in self.batches] + [self._carried(), self._stayed()]
        messages = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        order = np.lexsort((messages["id"], messages["accepted_at"]))
        scenario = self.scenario
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
            self.transport.queued(),
            scenario.document.office.mailboxes,
            tuple(sorted({a.mailbox for a in scenario.absences})),
        )
        attempts: Table = {
            name: np.fromiter((row[i] for row in self.transport.attempts), column.dtype, len(self.transport.attempts))
            for i, (name, column) in enumerate(SCHEMA["attempts"].items())
        }
        queues: Table = {
            name: np.array([getattr(episode, name) for episode in self.transport.episodes], dtype=column.dtype)
            for name, column in SCHEMA["queues"].items()
        }
        everything = {name: column[order] for name, column in messages.items()}
        tables = {
            "messages": everything,
            "queues": queues,
            "attempts": attempts,
            "hours": _hours(everything, attempts),
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

    def _inbound(self, rows: Rows, outcome: Ints, answer: Ints) -> Table:
        """Rows that came here; OUTBOUND rows are in `_carried`."""
        rows_in, here = rows.take(rows.kind != Kind.OUTBOUND), rows.kind != Kind.OUTBOUND
        n = len(rows_in)
        return _table(
            n,
            id=(rows_in.row << 20) | rows_in.kind,
            root=rows_in.row,
            caused_by=-1,
            kind=rows_in.kind,
            truth=rows_in.truth,
            sender=rows_in.sender,
            recipient=rows_in.recipient,
            next_hop=HERE,
            size=rows_in.size,
            answer=answer[here],
            accepted_at=rows_in.at,
            settled_at=rows_in.at,
            outcome=outcome[here],
            sender_domain=rows_in.sender_domain,
        )

    def _carried(self) -> Table:
        """What the transport took."""
        carried = self.transport.messages
        reply = [self.replies.get(m.id) for m in carried]
        return _table(
            len(carried),
            id=[m.id for m in carried],
            root=[m.id >> 20 for m in carried],
            caused_by=[r[0].caused_by if r else -1 for r in reply],
            kind=[m.id & 15 for m in carried],
            truth=[r[1] if r else Truth.WANTED for r in reply],
            sender=[m.sender for m in carried],
            sender_domain=HERE,
            **{
                name: [getattr(m, name) for m in carried]
                for name in (
                    "recipient",
                    "next_hop",
                    "size",
                    "accepted_at",
                    "first_attempt_at",
                    "deferred_at",
                    "settled_at",
                    "outcome",
                    "last_code",
                    "dsn",
                    "attempts",
                    "suspended",
                    "wait_seconds",
                    "connection_seconds",
                )
            },
        )

    def _stayed(self) -> Table:
        """Replies to colleagues and notices to users: delivered here at once."""
        made = [(r.id, r.root, r.caused_by, r.sender, r.recipient, r.accepted_at, t, Kind.AUTOREPLY) for r, t in self.local]
        made += [
            ((m.id >> 20) << 20 | ((m.id & 15) << 4) | kind, m.id >> 20, m.id, NULL_SENDER, m.sender, at, Truth.INTERNAL, kind)
            for at, m, kind in self.notices
        ]
        ids, root, cause, sender, recipient, at, truth, kind = ([row[i] for row in made] for i in range(8))
        return _table(
            len(made),
            id=ids,
            root=root,
            caused_by=cause,
            kind=kind,
            truth=truth,
            sender=sender,
            recipient=recipient,
            next_hop=HERE,
            size=1000,
            answer=Answer.NOT_ASKED,
            accepted_at=at,
            settled_at=at,
            outcome=Outcome.MAILBOX,
            sender_domain=HERE,
        )


def _table(n: int, **columns: object) -> Table:
    """All columns of `messages`, and the sender's domain, which puts names on senders; what is not given is 0, times NaN."""
    table: Table = {}
    for name, column in [*SCHEMA["messages"].items(), ("sender_domain", SCHEMA["messages"]["next_hop"])]:
        missing = np.nan if name.endswith("_at") else 0
        table[name] = np.broadcast_to(np.asarray(columns.get(name, missing), dtype=column.dtype), n)
    return table


def _version() -> str:
    from sim import __version__

    return __version__


def _hours(messages: Table, attempts: Table) -> Table:
    """What can be cut at a window: sums per hour, kind and class of next hop."""
    hour = (messages["accepted_at"].astype(float) // HOUR).astype(np.int64)
    parts = [
        (
            hour,
            messages["kind"],
            messages["next_hop"],
            {
                "wait_seconds": messages["wait_seconds"],
                "refused": messages["outcome"] == Outcome.REFUSED,
                "filtered": np.isin(messages["outcome"], (Outcome.FILTERED, Outcome.JUNK)),
            },
        ),
        (
            (attempts["at"].astype(float) // HOUR).astype(np.int64),
            attempts["message"].astype(np.int64) & 15,
            attempts["next_hop"],
            {
                "attempts": np.ones(len(attempts["at"])),
                "connection_seconds": attempts["seconds"],
            },
        ),
    ]
    keys = [(at << 8) + (kind.astype(np.int64) << 4) + (hop.astype(np.int64) >> 40) for at, kind, hop, _ in parts]
    cells = np.unique(np.concatenate(keys))
    table: Table = {"hour": cells >> 8, "kind": cells >> 4 & 15, "place": cells & 15}
    for cell, (_, _, _, sums) in zip(keys, parts, strict=True):
        where = np.searchsorted(cells, cell)
        for name, values in sums.items():
            table[name] = np.bincount(where, weights=values.astype(float), minlength=len(cells))
    return {name: table[name].astype(column.dtype) for name, column in SCHEMA["hours"].items()}
