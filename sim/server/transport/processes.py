"""The reference back end: outbound queues on SimPy, to be read, traced and taught.

What both families of servers have in common (`families.py` has what they have not):
* A next hop has one queue. A message that joins it goes to the tail.
* A queue asks for connections when a message stands ready; it may have as many as its family says, within the limits. A connection carries
  the head message, then the next, up to the server's number.
* If connecting fails, the queue's retry episode begins. It ends when the other side answers, or when the queue is empty.
* A message that is refused 5xx leaves, and so does each message to a domain that does not exist, where this server takes that as final.
* A message expires by the server's rule: on time wherever it stands, unless it is under way, or at a failed attempt.
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
from operator import itemgetter

import simpy

from sim.mail import CONNECTION_FAILURES, NO_HOST, PERMANENT, Code, Dsn, Outcome
from sim.policy import bounce, retry
from sim.policy.retry import QueueRules
from sim.record import EndedBy
from sim.server.transport import Act, Done, Episode, Message, Outside
from sim.server.transport.families import family
from sim.server.transport.hand import Hand
from sim.server.transport.instant import Instant, Rank
from sim.units import Seconds

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
    alone: dict[int, Message] = field(default_factory=dict)  # those that wait for themselves
    carried: dict[int, Message] = field(default_factory=dict)  # under way, one on each connection
    connections: int = 0
    active: bool = False  # a connection has worked since the last time none was open
    failures: int = 0
    retry: Episode | None = None
    asleep: bool = False  # the queue retries: in Retry, and not yet woken
    naps: int = 0  # counts them, so that a wake of a forgotten one does nothing
    suspended_until: Seconds = 0.0  # the message retries: mail is deferred without an attempt before
    frozen: bool = False
    emptied_at: Seconds = math.nan
    wants: bool = False  # stands in the line for a connection

    @property
    def waiting(self) -> int:
        """Messages in the queue that no connection carries."""
        return len(self.ready) + len(self.alone)


class Transport:
    """All outbound queues of a server."""

    def __init__(self, rules: QueueRules, world: Outside) -> None:
        self.rules, self.world = rules, world
        self.env = simpy.Environment()
        self.queues: dict[int, Queue] = {}
        self.messages: list[Message] = []
        self.episodes: list[Episode] = []
        self.attempts: list[tuple[int, Seconds, int, Code, Seconds]] = []  # message, at, next hop, code, seconds
        self.open = 0
        self.instant = Instant(self.env, self._dispatch)
        self.family = family(self)
        self.hand = Hand(self)
        self._wanting: list[tuple[Seconds, int, Queue]] = []
        self._met: dict[tuple[int, int], Seconds] = {}
        self._arriving: deque[Message] = deque()
        self._expiring: deque[Message] = deque()
        self._delaying: deque[Message] = deque()
        self._done = Done()
        self._bells = {name: self.env.event() for name in ("arrivals", "expiries", "delays")}
        self.env.process(self._in_order("arrivals", self._arriving, 0.0, Rank.ACCEPTANCE, self._accept))
        if rules.expires is retry.Expiry.TIMER:
            self.env.process(self._in_order("expiries", self._expiring, rules.expiry, Rank.EXPIRY, self._expire))
        if rules.delay_notice < math.inf:
            self.env.process(self._in_order("delays", self._delaying, rules.delay_notice, Rank.DELAY_NOTICE, self._delayed))

    # The interface.

    def submit(self, messages: Iterable[Message]) -> None:
        """Hand over messages in order of (accepted_at, id), none before now."""
        for message in messages:
            self._arriving.append(message)
        self._ring("arrivals")

    def apply(self, act: Act) -> None:
        """Do now what an administrator does, before anything else at this instant; to be called between two `advance`s."""
        self.hand.apply(act)

    def advance(self, until: Seconds) -> Done:
        """Play everything before `until`."""
        self.env.run(until=until)
        done, self._done = self._done, Done()
        return done

    def queued(self) -> int:
        """Messages in the live queues: ready, waiting alone, under way."""
        return sum(queue.waiting + queue.connections for queue in self.queues.values())

    def in_retry(self) -> int:
        """Next hops in a retry episode."""
        return sum(queue.retry is not None for queue in self.queues.values())

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
                self.instant.post(rank, message.next_hop, message.id, apply, message)
            self._bells[name] = self.env.event()
            yield self._bells[name]

    def _ring(self, name: str) -> None:
        if not self._bells[name].triggered:
            self._bells[name].succeed()

    def _accept(self, message: Message) -> None:
        self.messages.append(message)
        queue = self.queues.get(message.next_hop)
        if queue is None:
            queue = self.queues[message.next_hop] = Queue(message.next_hop, frozen=self.hand.frozen)
        if queue.emptied_at + self.rules.forget_after <= self.env.now:
            queue.failures = 0
            queue.asleep = False
            queue.naps += 1
        queue.emptied_at = math.nan
        if self.rules.expires is retry.Expiry.TIMER:
            self._expiring.append(message)
            self._ring("expiries")
        if self.rules.delay_notice < math.inf:
            self._delaying.append(message)
            self._ring("delays")
        self.family.joins(queue, message)
        self.look_if_empty(queue)

    def _expire(self, message: Message) -> None:
        """Its lifetime is over. Under way, its attempt decides."""
        if message.under_way or message.outcome is not Outcome.QUEUED:
            return
        queue = self.queues[message.next_hop]
        message.last_code = Code.EXPIRED if message.last_code is Code.NONE else message.last_code
        self._take_out(queue, message)
        self.settle(message, Outcome.EXPIRED)
        self.look_if_empty(queue)

    def _delayed(self, message: Message) -> None:
        if message.outcome is Outcome.QUEUED and self.rules.reports_failures:
            self._done.delayed.append((self.env.now, message))

    # The queue.

    def stand(self, queue: Queue, message: Message) -> None:
        """Ready, at the tail."""
        message.ready_since = self.env.now
        queue.ready.append(message)
        self.want(queue)

    def wait_alone(self, queue: Queue, message: Message, seconds: Seconds) -> None:
        """Out of the line, until it comes back by itself."""
        if math.isnan(message.deferred_at):
            message.deferred_at = self.env.now
        message.naps += 1
        queue.alone[message.id] = message
        self.instant.after(seconds, Rank.WAKE, queue.next_hop, message.id, self.rejoin, queue, message, message.naps)

    def rejoin(self, queue: Queue, message: Message, nap: int) -> None:
        """A message that waited alone comes back, unless it has left or was woken before."""
        if queue.alone.get(message.id) is message and nap == message.naps:
            del queue.alone[message.id]
            self.family.joins(queue, message)
            self.look_if_empty(queue)

    def count_wait(self, queue: Queue) -> None:
        """What stands ready ceases to wait for a connection: the queue falls asleep, or is frozen."""
        for message in queue.ready:
            message.wait_seconds += self.env.now - message.ready_since

    def want(self, queue: Queue) -> None:
        """Ask for a connection, if the queue may have one more."""
        if queue.asleep or queue.wants or queue.frozen or not queue.ready:
            return
        if queue.connections < self.family.connections(queue):
            queue.wants = True
            insort(self._wanting, (self.env.now, queue.ready[0].id, queue))  # ids differ: queues are never compared

    def step_back(self, queue: Queue) -> None:
        """Give up the place in the line for a connection."""
        if queue.wants:
            queue.wants = False
            self._wanting = [want for want in self._wanting if want[2] is not queue]

    def _dispatch(self) -> None:
        """Grant connections by (waiting since, id); a queue stopped by its own limit does not stop those behind it."""
        if not self._wanting:
            return
        kept: list[tuple[Seconds, int, Queue]] = []
        while self._wanting and self.open < self.rules.connections:
            want = self._wanting.pop(0)
            queue = want[2]
            if not queue.ready or queue.asleep or queue.frozen:
                queue.wants = False
            elif queue.connections >= self.rules.connections_per_hop:
                kept.append(want)
            else:
                queue.wants = False
                queue.connections += 1
                self.open += 1
                self._attempt(queue, Connection(), opens=True)
                self.want(queue)
        if kept:
            self._wanting = sorted([*kept, *self._wanting], key=itemgetter(0, 1))

    def _attempt(self, queue: Queue, connection: Connection, opens: bool) -> None:
        """Carry the head message."""
        now = self.env.now
        message = queue.ready.popleft()
        message.under_way = True
        queue.carried[message.id] = message
        connection.carried += 1
        message.attempts += 1
        message.wait_seconds += now - message.ready_since
        if math.isnan(message.first_attempt_at):
            message.first_attempt_at = now
        code = self.world.connects(queue.next_hop, now) if opens else Code.OK
        if code is Code.OK:
            met = self._met.setdefault((message.sender, message.recipient), now)
            code = self.world.accepts(queue.next_hop, message.recipient, met, now)
        seconds = self.world.seconds(queue.next_hop, code, message.id, message.attempts, opens, message.size)
        message.connection_seconds += seconds
        self.attempts.append((message.id, now, queue.next_hop, code, seconds))
        self.instant.after(seconds, Rank.ATTEMPT_END, queue.next_hop, message.id, self._ended, queue, connection, message, code, seconds)

    def _ended(self, queue: Queue, connection: Connection, message: Message, code: Code, seconds: Seconds) -> None:
        """An attempt is over: what follows for the message, then for the connection."""
        now = self.env.now
        message.under_way = False
        del queue.carried[message.id]
        message.last_code = code
        final = code in PERMANENT and not self.rules.retries(code)
        failed = code in CONNECTION_FAILURES or (code in NO_HOST and not final)
        if failed:
            self._fail(queue, code, seconds)
        elif code not in NO_HOST and not queue.asleep:  # asleep: a sibling has failed meanwhile
            self._answered(queue)
        if code is Code.OK:
            self.settle(message, Outcome.DELIVERED)
        elif final:
            self.settle(message, Outcome.BOUNCED)
        else:
            if math.isnan(message.deferred_at):
                message.deferred_at = now
            if message.doomed is not None:
                self.settle(message, Outcome.DELETED)
            elif retry.too_old(self.rules.expires is retry.Expiry.AT_FAILED_ATTEMPT, self.rules.expiry, message.accepted_at, now):
                self.settle(message, Outcome.EXPIRED)
            elif failed:
                self.family.again(queue, message)
            else:
                self.family.refused(queue, message)
        more = queue.ready and not (queue.asleep or queue.frozen or failed)
        if more and connection.carried < self.rules.messages_per_connection:
            self._attempt(queue, connection, opens=code in NO_HOST)
        else:
            queue.connections -= 1
            self.open -= 1
            if queue.connections == 0:
                queue.active = False
            self.look_if_empty(queue)
        self.want(queue)

    def _answered(self, queue: Queue) -> None:
        """The other side has answered: no failures, no Retry."""
        queue.active = True
        queue.failures = 0
        self._end_retry(queue, EndedBy.ANSWERED)

    def _fail(self, queue: Queue, code: Code, seconds: Seconds) -> None:
        """A connection failed: the queue is in Retry."""
        episode = queue.retry or self.begin_retry(queue)
        episode.failures += 1
        episode.connection_seconds += seconds
        episode.last_code = code
        self.family.fails(queue, code, episode)

    def begin_retry(self, queue: Queue) -> Episode:
        """A retry episode."""
        queue.retry = Episode(queue.next_hop, self.env.now)
        self.episodes.append(queue.retry)
        return queue.retry

    def _end_retry(self, queue: Queue, ended_by: EndedBy) -> None:
        if queue.retry is not None:
            queue.retry.until = self.env.now
            queue.retry.ended_by = ended_by
            queue.retry = None

    def settle(self, message: Message, outcome: Outcome) -> None:
        """A message leaves; it stands in no line any more."""
        message.settled_at = self.env.now
        message.outcome = outcome
        if outcome in (Outcome.BOUNCED, Outcome.EXPIRED):
            message.dsn = bounce.duty(message.sender, self.rules.reports_failures)
        elif outcome is Outcome.DELETED:
            message.dsn = message.doomed or Dsn.OFF
        self._done.settled.append(message)

    def _take_out(self, queue: Queue, message: Message) -> None:
        if queue.alone.pop(message.id, None) is None:
            queue.ready.remove(message)

    def look_if_empty(self, queue: Queue) -> None:
        """An empty queue is in no episode, and forgets after a while."""
        if queue.waiting == 0 and queue.connections == 0 and math.isnan(queue.emptied_at):
            self._end_retry(queue, EndedBy.EMPTY)
            queue.emptied_at = self.env.now
