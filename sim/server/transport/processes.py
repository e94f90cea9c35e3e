"""The reference back end: queues of the Exchange family on SimPy, to be read, traced and taught.

The queue retries, not the message:
* A next hop has one queue. A message that joins it goes to the tail.
* A queue that is not known to be up opens one connection, which carries the head message. If that works the queue is Active: its count of
  failures is 0, and it opens more connections, one for every 20 messages, as limits allow. A connection carries at most 20 messages.
* If it fails the queue is in Retry: no connection is open until its next wake. Sibling connections finish their message and close. A
  message that joins now waits with the others.
* A message that is refused 4xx waits alone and rejoins at the tail; one that is refused 5xx leaves, and so does each message to a domain
  that does not exist.
* A message expires when its lifetime is over, wherever it stands; one that is under way expires at the end of its attempt, if that fails.
* A queue that has been empty for 3 minutes forgets its count of failures.

Three SimPy processes carry what has a fixed order: arrivals, expiries, delay notices. Everything else waits for a SimPy timeout, whose
callback posts to the instant (`instant.py`): a process per connection would be no clearer and cost twice the time.
"""

from __future__ import annotations

import math
from bisect import insort
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field

import simpy

from sim.mail import CONNECTION_FAILURES, PERMANENT, Code, Outcome
from sim.policy import bounce, retry
from sim.policy.retry import QueueRules
from sim.record import EndedBy
from sim.server.transport import Done, Episode, Message
from sim.server.transport.instant import Instant, Rank
from sim.units import Seconds
from sim.world import World

__all__ = ["Queue", "Transport"]


@dataclass(slots=True, eq=False)
class Connection:
    """One open connection of a queue and how many messages it has carried."""

    carried: int = 0


@dataclass(slots=True, eq=False)
class Queue:
    """The messages to one next hop."""

    next_hop: int
    ready: deque[Message] = field(default_factory=deque)  # not those under way, not those that wait alone
    alone: int = 0
    connections: int = 0  # each has one message under way
    active: bool = False  # a connection has worked since the last time none was open
    failures: int = 0
    retry: Episode | None = None
    asleep: bool = False  # in Retry, and not yet woken
    naps: int = 0  # counts them, so that a wake of a forgotten one does nothing
    emptied_at: Seconds = math.nan
    wants: bool = False  # stands in the line for a connection

    @property
    def waiting(self) -> int:
        """Messages in the queue that no connection carries."""
        return len(self.ready) + self.alone


class Transport:
    """All outbound queues of a server."""

    def __init__(self, rules: QueueRules, world: World) -> None:
        self.rules, self.world = rules, world
        self.env = simpy.Environment()
        self.queues: dict[int, Queue] = {}
        self.messages: list[Message] = []
        self.episodes: list[Episode] = []
        self.attempts: list[tuple[int, Seconds, int, Code, Seconds]] = []  # message, at, next hop, code, seconds
        self.open = 0
        self._instant = Instant(self.env, self._dispatch)
        self._wanting: list[tuple[Seconds, int, Queue]] = []
        self._met: dict[tuple[int, int], Seconds] = {}
        self._arriving: deque[Message] = deque()
        self._expiring: deque[Message] = deque()
        self._delaying: deque[Message] = deque()
        self._done = Done()
        self._bells = {name: self.env.event() for name in ("arrivals", "expiries", "delays")}
        self.env.process(self._in_order("arrivals", self._arriving, 0.0, Rank.ACCEPTANCE, self._accept))
        self.env.process(self._in_order("expiries", self._expiring, rules.expiry, Rank.EXPIRY, self._expire))
        self.env.process(self._in_order("delays", self._delaying, rules.delay_notice, Rank.DELAY_NOTICE, self._delayed))

    # The interface.

    def submit(self, messages: Iterable[Message]) -> None:
        """Hand over messages in order of (accepted_at, id), none before now."""
        for message in messages:
            self._arriving.append(message)
        self._ring("arrivals")

    def advance(self, until: Seconds) -> Done:
        """Play everything before `until`."""
        self.env.run(until=until)
        done, self._done = self._done, Done()
        return done

    def queued(self) -> int:
        """Messages in the live queues: ready, waiting alone, under way."""
        return sum(queue.waiting + queue.connections for queue in self.queues.values())

    # What has a fixed order: one process each.

    def _in_order(
        self, name: str, line: deque[Message], age: Seconds, rank: Rank, apply: Callable[[Message], None]
    ) -> Generator[simpy.Event, object, None]:
        """Apply something to each message of a line when it has reached an age; a line is in order of acceptance."""
        while True:
            while line:
                message = line[0]
                if message.outcome is not Outcome.QUEUED:
                    line.popleft()
                    continue
                due = message.accepted_at + age
                if due > self.env.now:
                    yield self.env.timeout(due - self.env.now)
                    continue
                line.popleft()
                self._instant.post(rank, message.next_hop, message.id, apply, message)
            self._bells[name] = self.env.event()
            yield self._bells[name]

    def _ring(self, name: str) -> None:
        if not self._bells[name].triggered:
            self._bells[name].succeed()

    def _accept(self, message: Message) -> None:
        self.messages.append(message)
        queue = self.queues.get(message.next_hop)
        if queue is None:
            queue = self.queues[message.next_hop] = Queue(message.next_hop)
        if queue.emptied_at + self.rules.forget_after <= self.env.now:
            queue.failures = 0
            queue.asleep = False
            queue.naps += 1
        queue.emptied_at = math.nan
        if queue.retry:
            message.deferred_at = self.env.now
        for name, line in (("expiries", self._expiring), ("delays", self._delaying)):
            line.append(message)
            self._ring(name)
        self._join(queue, message)

    def _expire(self, message: Message) -> None:
        """Its lifetime is over. Under way, its attempt decides."""
        if message.under_way or message.outcome is not Outcome.QUEUED:
            return
        queue = self.queues[message.next_hop]
        if message in queue.ready:
            queue.ready.remove(message)
        else:
            queue.alone -= 1
        message.last_code = Code.EXPIRED if message.last_code is Code.NONE else message.last_code
        self._settle(queue, message, Outcome.EXPIRED, ends_attempt=False)

    def _delayed(self, message: Message) -> None:
        if message.outcome is Outcome.QUEUED and self.rules.reports_failures:
            self._done.delayed.append((self.env.now, message))

    # The queue.

    def _join(self, queue: Queue, message: Message) -> None:
        message.ready_since = self.env.now
        queue.ready.append(message)
        self._want(queue)

    def _want(self, queue: Queue) -> None:
        """Ask for a connection, if the queue may have one more."""
        if queue.asleep or queue.wants or not queue.ready:
            return
        may = 1
        if queue.active:
            may = math.ceil((len(queue.ready) + queue.connections) / self.rules.messages_per_connection)
        if queue.connections < may:
            queue.wants = True
            insort(self._wanting, (self.env.now, queue.ready[0].id, queue))  # ids differ: queues are never compared

    def _dispatch(self) -> None:
        """Grant connections by (waiting since, id); a queue stopped by its own limit does not stop those behind it."""
        if not self._wanting:
            return
        kept: list[tuple[Seconds, int, Queue]] = []
        while self._wanting and self.open < self.rules.connections:
            want = self._wanting.pop(0)
            queue = want[2]
            if not queue.ready or queue.asleep:
                queue.wants = False
            elif queue.connections >= self.rules.connections_per_hop:
                kept.append(want)
            else:
                queue.wants = False
                queue.connections += 1
                self.open += 1
                self._attempt(queue, Connection(), opens=True)
                self._want(queue)
        self._wanting[:0] = kept

    def _attempt(self, queue: Queue, connection: Connection, opens: bool) -> None:
        """Carry the head message."""
        now = self.env.now
        message = queue.ready.popleft()
        message.under_way = True
        connection.carried += 1
        message.attempts += 1
        message.wait_seconds += now - message.ready_since
        if math.isnan(message.first_attempt_at):
            message.first_attempt_at = now
        code = self.world.connects(queue.next_hop, now) if opens else Code.OK
        if code is Code.OK:
            met = self._met.setdefault((message.sender, message.recipient), now)
            code = self.world.accepts(queue.next_hop, message.recipient, met, now)
        seconds = self.world.seconds(code, message.id, message.attempts, opens, message.size)
        message.connection_seconds += seconds
        self.attempts.append((message.id, now, queue.next_hop, code, seconds))
        self._instant.after(seconds, Rank.ATTEMPT_END, queue.next_hop, message.id, self._ended, queue, connection, message, code, seconds)

    def _ended(self, queue: Queue, connection: Connection, message: Message, code: Code, seconds: Seconds) -> None:
        """An attempt is over: what follows for the message, then for the connection."""
        now = self.env.now
        message.under_way = False
        message.last_code = code
        failed = code in CONNECTION_FAILURES
        if failed:
            self._fail(queue, code, seconds)
        elif code is not Code.NXDOMAIN and not queue.asleep:  # asleep: a sibling has failed meanwhile
            self._answered(queue)
        if code is Code.OK:
            self._settle(queue, message, Outcome.DELIVERED)
        elif code in PERMANENT:
            self._settle(queue, message, Outcome.BOUNCED)
        else:
            if math.isnan(message.deferred_at):
                message.deferred_at = now
            if now >= message.accepted_at + self.rules.expiry:
                self._settle(queue, message, Outcome.EXPIRED)
            elif failed:
                message.ready_since = now
                queue.ready.appendleft(message)
            else:
                message.failures += 1
                queue.alone += 1
                self._instant.after(self.rules.message_retry, Rank.WAKE, queue.next_hop, message.id, self._rejoin, queue, message)
        if queue.ready and not queue.asleep and not failed and connection.carried < self.rules.messages_per_connection:
            self._attempt(queue, connection, opens=code is Code.NXDOMAIN)
        else:
            queue.connections -= 1
            self.open -= 1
            if queue.connections == 0:
                queue.active = False
        self._want(queue)

    def _rejoin(self, queue: Queue, message: Message) -> None:
        """A message that waited alone comes back, unless it has expired meanwhile."""
        if message.outcome is Outcome.QUEUED:
            queue.alone -= 1
            self._join(queue, message)

    def _answered(self, queue: Queue) -> None:
        """The other side has answered: no failures, no Retry."""
        queue.active = True
        queue.failures = 0
        self._end_retry(queue, EndedBy.ANSWERED)

    def _fail(self, queue: Queue, code: Code, seconds: Seconds) -> None:
        """A connection failed: the queue is in Retry until it wakes."""
        now = self.env.now
        if queue.retry is None:
            queue.retry = Episode(queue.next_hop, now)
            self.episodes.append(queue.retry)
            for message in queue.ready:
                if math.isnan(message.deferred_at):
                    message.deferred_at = now
        queue.retry.failures += 1
        queue.retry.connection_seconds += seconds
        queue.retry.last_code = code
        queue.active = False
        if queue.asleep:  # a sibling's connection failed at the same time: one sleep is enough
            return
        queue.failures = retry.next_failure(self.rules.params, queue.failures, code in self.rules.glitch_on)
        queue.asleep = True
        queue.naps += 1
        sleep = retry.wait(self.rules.kind, self.rules.params, 0.0, now, queue.failures)
        self._instant.after(sleep, Rank.WAKE, queue.next_hop, -1, self._wake, queue, queue.naps)

    def _wake(self, queue: Queue, nap: int) -> None:
        if nap != queue.naps:
            return
        queue.asleep = False
        for message in queue.ready:
            message.ready_since = self.env.now
        self._want(queue)

    def _end_retry(self, queue: Queue, ended_by: EndedBy) -> None:
        if queue.retry is not None:
            queue.retry.until = self.env.now
            queue.retry.ended_by = ended_by
            queue.retry = None

    def _settle(self, queue: Queue, message: Message, outcome: Outcome, ends_attempt: bool = True) -> None:
        """A message leaves."""
        message.settled_at = self.env.now
        message.outcome = outcome
        if outcome in (Outcome.BOUNCED, Outcome.EXPIRED):
            message.dsn = bounce.duty(message.sender, self.rules.reports_failures)
        self._done.settled.append(message)
        if queue.waiting == 0 and queue.connections == (1 if ends_attempt else 0):
            self._end_retry(queue, EndedBy.EMPTY)
            queue.emptied_at = self.env.now
