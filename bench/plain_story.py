"""The yardstick of a whole run: the same rows, people and outside as one would first write it in SimPy.

A process for each message that arrives and for each that leaves, a `Resource` for the connections, a generator that retries. It reads the
same workload, meets the same outside and has the same schedule of retries, lifetime and policy. Simpler than the product:

* each message is retried by itself: no queue for each next hop, no limit for one next hop, no second message on an open connection;
* nothing is written down but counts: no tables of messages, attempts and episodes, no delay notices, no mail that failure notices become;
* one responder that answers a sender once in an absence, no filter, no causes but the absence.

So it makes more attempts where several messages wait for one host, and about as many people are told.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field

import simpy

from sim.mail import NULL_SENDER, OUTGOING, PERMANENT, Code, Kind, Place, Truth, place
from sim.policy import retry
from sim.policy.autoreply import Audience
from sim.scenario import Scenario
from sim.streams import Draw, u
from sim.units import Seconds, grid
from sim.workload import Rows
from sim.world import World

__all__ = ["Headline", "play"]

STRANGERS = (Truth.FORGED_REAL, Truth.SPAMMER, Truth.TRAP)
Process = Generator[simpy.Event, object, None]


@dataclass(slots=True)
class Headline:
    """What comes out."""

    strangers: set[int] = field(default_factory=set)  # told that somebody is away
    failures: int = 0  # messages that bounced or expired
    attempts: int = 0


@dataclass(slots=True)
class Row:
    """A row of the workload."""

    row: int
    at: Seconds
    kind: Kind
    truth: Truth
    sender: int
    sender_domain: int
    recipient: int
    recipient_domain: int
    mailbox: int
    size: int
    flags: int


def play(scenario: Scenario, policy: str, world: World, workload: Iterable[tuple[Seconds, Rows]]) -> Headline:
    """Play it to the horizon."""
    office = Office(scenario, policy, world)
    office.env.process(office.arrivals(workload))
    for absence in scenario.absences:
        office.env.process(office.absence(absence.mailbox, absence.since, absence.until, absence.number))
    for change in scenario.changes:
        office.env.process(office.change(change.at, change.mailbox, change.replies, change.policy))
    office.env.run(until=scenario.horizon)
    return office.headline


class Office:
    """The server and its people."""

    def __init__(self, scenario: Scenario, policy: str, world: World) -> None:
        self.scenario, self.world, self.rules = scenario, world, scenario.queue_rules()
        self.env = simpy.Environment()
        self.connections = simpy.Resource(self.env, self.rules.connections)
        self.responder = scenario.in_turn(policy)[policy].responder
        self.audience, self.changeable = scenario.audience(policy), policy == scenario.policy
        self.lag = scenario.document.world.reply_lag
        self.away: dict[int, int] = {}
        self.off: set[int] = set()
        self.answered: set[tuple[int, int, int]] = set()  # mailbox, absence, sender
        self.met: dict[tuple[int, int], Seconds] = {}
        self.headline = Headline()

    def absence(self, mailbox: int, since: Seconds, until: Seconds, number: int) -> Process:
        """Somebody goes, and comes back."""
        yield self.env.timeout(since)
        self.away[mailbox] = number
        yield self.env.timeout(until - since)
        if self.away.get(mailbox) == number:
            del self.away[mailbox]

    def change(self, at: Seconds, mailbox: int, replies: bool | None, policy: str) -> Process:
        """An administrator changes a setting."""
        yield self.env.timeout(at)
        if replies is not None:
            (self.off.discard if replies else self.off.add)(mailbox)
        if policy and self.changeable:
            self.audience = self.scenario.audience(policy)

    def arrivals(self, workload: Iterable[tuple[Seconds, Rows]]) -> Process:
        """All mail, in its time."""
        for _, rows in workload:
            columns = [getattr(rows, name).tolist() for name in Row.__slots__]
            for values in zip(*columns, strict=True):
                row = Row(*values)
                yield self.env.timeout(row.at - self.env.now)
                if row.kind in OUTGOING:
                    self.env.process(self.send(row))
                elif row.mailbox >= 0:
                    self.env.process(self.receive(row))

    def send(self, row: Row) -> Process:
        """One of ours writes to somebody outside."""
        id = row.row << 20 | row.kind
        yield self.env.process(self.deliver(id, row.sender, row.recipient, row.recipient_domain, row.size, Truth.WANTED))

    def receive(self, row: Row) -> Process:
        """A message reaches a mailbox, and may be answered."""
        absence = self.away.get(row.mailbox)
        if absence is None or row.mailbox in self.off or not self.answers(row):
            return
        if (row.mailbox, absence, row.sender) in self.answered:
            return
        self.answered.add((row.mailbox, absence, row.sender))
        id = row.row << 20 | Kind.AUTOREPLY
        yield self.env.timeout(grid(max(0.001, grid(self.lag * (0.5 + u(self.world.key, id, Draw.REPLY_LAG))))))
        if place(row.sender) is not Place.OFFICE:
            sender = row.mailbox if self.responder.user_return_path else NULL_SENDER
            yield self.env.process(self.deliver(id, sender, row.sender, row.sender_domain, 1000, Truth(row.truth)))

    def answers(self, row: Row) -> bool:
        """Does the policy answer it, and the responder?"""
        if row.sender == NULL_SENDER or any(rule.flags & row.flags for rule in self.responder.rules):
            return False
        return self.audience is Audience.EVERYBODY or (self.audience is Audience.INTERNAL and place(row.sender) is Place.OFFICE)

    def deliver(self, id: int, sender: int, recipient: int, hop: int, size: int, truth: Truth) -> Process:
        """A message leaves: try, wait, try again, until it is delivered, refused for good or too old."""
        accepted, attempts, failures = self.env.now, 0, 0
        while True:
            with self.connections.request() as turn:
                yield turn
                attempts += 1
                self.headline.attempts += 1
                code = self.world.connects(hop, self.env.now)
                if code is Code.OK:
                    met = self.met.setdefault((sender, recipient), self.env.now)
                    code = self.world.accepts(hop, recipient, met, self.env.now)
                yield self.env.timeout(self.world.seconds(hop, code, id, attempts, True, size))
            if code is Code.OK:
                if id & 15 == Kind.AUTOREPLY and truth in STRANGERS:
                    self.headline.strangers.add(recipient)
                return
            if code in PERMANENT and not self.rules.retries(code):
                self.headline.failures += 1
                return
            failures = retry.next_failure(self.rules.kind, self.rules.params, failures, code in self.rules.glitch_on)
            wait = retry.wait(self.rules.kind, self.rules.params, accepted, self.env.now, failures)
            if self.env.now + wait > accepted + self.rules.expiry:
                yield self.env.timeout(max(0.0, accepted + self.rules.expiry - self.env.now))
                self.headline.failures += 1
                return
            yield self.env.timeout(wait)
