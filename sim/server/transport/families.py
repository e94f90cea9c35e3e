"""The two families of servers: the queue retries, or the message retries.

A family decides what becomes of a message that joins its queue, of a queue that cannot connect, and of a message that alone was refused
4xx. Everything else is the transport's: time, connections, attempts, lifetimes, how a message leaves.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from sim.mail import Code, Outcome
from sim.policy import retry
from sim.server.transport import Episode, Message
from sim.server.transport.instant import Rank

if TYPE_CHECKING:
    from sim.server.transport.processes import Queue, Transport

__all__ = ["Family", "MessageRetries", "QueueRetries", "family"]


class Family(Protocol):
    """What the transport asks of a family."""

    def connections(self, queue: Queue) -> int:
        """How many connections the queue may have, the limits left aside."""

    def joins(self, queue: Queue, message: Message) -> None:
        """A message was accepted, or has waited: it goes to the tail, or must wait (again)."""

    def fails(self, queue: Queue, code: Code, episode: Episode) -> None:
        """Connecting failed, which may have begun the episode: what that means for the queue."""

    def again(self, queue: Queue, message: Message) -> None:
        """The message that failed to connect goes back."""

    def refused(self, queue: Queue, message: Message) -> None:
        """The message alone was refused 4xx."""

    def force(self, queue: Queue) -> None:
        """Retry now, as if the waits were over."""


def family(transport: Transport) -> Family:
    """The family of a transport's rules."""
    return QueueRetries(transport) if transport.rules.family is retry.Family.QUEUE else MessageRetries(transport)


class QueueRetries:
    """Exchange: a queue that cannot connect sleeps, and its messages wait with it.

    While it sleeps no connection is open but those that a message is under way on. A wake opens one, carrying the head message. A queue in
    Retry for as long as `resubmit_after` begins afresh: its messages are categorised again, and tried at once.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def connections(self, queue: Queue) -> int:
        """One until the other side has answered, then one for every so many messages."""
        if not queue.active:
            return 1
        return math.ceil((len(queue.ready) + queue.connections) / self.transport.rules.messages_per_connection)

    def joins(self, queue: Queue, message: Message) -> None:
        """To the tail. In a queue in Retry it waits with the others; one that was emptied and still sleeps is in Retry again."""
        if queue.asleep and queue.retry is None:
            self.transport.begin_retry(queue)
        if queue.retry is not None and math.isnan(message.deferred_at):
            message.deferred_at = self.transport.env.now
        self.transport.stand(queue, message)

    def fails(self, queue: Queue, code: Code, episode: Episode) -> None:
        """The queue sleeps, and all its messages are deferred."""
        now, rules = self.transport.env.now, self.transport.rules
        queue.active = False
        for message in queue.ready:
            if math.isnan(message.deferred_at):
                message.deferred_at = now
        if queue.asleep:  # a sibling's connection failed at the same time: one sleep is enough
            return
        queue.failures = retry.next_failure(rules.kind, rules.params, queue.failures, code in rules.glitch_on)
        queue.asleep = True
        self.transport.step_back(queue)
        queue.naps += 1
        sleep = retry.wait(rules.kind, rules.params, episode.since, now, queue.failures)
        self.transport.instant.after(sleep, Rank.WAKE, queue.next_hop, -1, self._wake, queue, queue.naps)
        if episode.failures == 1 and rules.resubmit_after < math.inf:
            self._resubmit_later(queue, episode)

    def again(self, queue: Queue, message: Message) -> None:
        """To the head. Its wait for a connection begins when the queue wakes."""
        message.ready_since = self.transport.env.now
        queue.ready.appendleft(message)

    def refused(self, queue: Queue, message: Message) -> None:
        """It waits alone and rejoins at the tail; the queue goes on."""
        message.failures += 1
        self.transport.wait_alone(queue, message, self.transport.rules.message_retry)

    def force(self, queue: Queue) -> None:
        """The queue wakes, as if the retry interval had passed; if it fails again, a new wait begins (FACTS S22, S28). A message that was
        refused 4xx waits on alone: what is forced is a connection."""
        if queue.asleep:
            self._awake(queue)

    def _wake(self, queue: Queue, nap: int) -> None:
        if nap == queue.naps:
            self._awake(queue)

    def _awake(self, queue: Queue) -> None:
        queue.asleep = False
        queue.naps += 1
        for message in queue.ready:
            message.ready_since = self.transport.env.now
        self.transport.want(queue)

    def _resubmit_later(self, queue: Queue, episode: Episode) -> None:
        self.transport.instant.after(self.transport.rules.resubmit_after, Rank.WAKE, queue.next_hop, -2, self._resubmit, queue, episode)

    def _resubmit(self, queue: Queue, episode: Episode) -> None:
        if queue.retry is episode:
            queue.failures = 0
            self._resubmit_later(queue, episode)
            self.force(queue)


class MessageRetries:
    """Postfix: each message waits for itself; a dead next hop is suspended, and other mail to it deferred without an attempt."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def connections(self, queue: Queue) -> int:
        """As many as it has messages."""
        return len(queue.ready) + queue.connections

    def joins(self, queue: Queue, message: Message) -> None:
        """To the tail; to a suspended next hop, straight back to waiting."""
        if self.transport.env.now < queue.suspended_until:
            self._suspended(queue, message)
        else:
            self.transport.stand(queue, message)

    def fails(self, queue: Queue, code: Code, episode: Episode) -> None:
        """When so many connections in a row have failed, all others are deferred without an attempt."""
        rules = self.transport.rules
        queue.failures += 1
        if rules.suspend_for > 0.0 and queue.failures >= rules.suspend_after:
            queue.failures = 0
            # Whole seconds, and a second early, as scans are: a message alone is never suspended by its own failure (FACTS 9).
            queue.suspended_until = math.floor(self.transport.env.now) + rules.suspend_for - 1.0
            others = list(queue.ready)
            queue.ready.clear()
            for message in others:
                self._suspended(queue, message)

    def again(self, queue: Queue, message: Message) -> None:
        """It waits for itself."""
        self.refused(queue, message)

    def refused(self, queue: Queue, message: Message) -> None:
        """It waits by the schedule, counted from its acceptance."""
        now, rules = self.transport.env.now, self.transport.rules
        message.failures += 1
        seconds = retry.wait(rules.kind, rules.params, message.accepted_at, now, message.failures)
        late = rules.expires is retry.Expiry.WHEN_THE_NEXT_IS_LATE and now + seconds > message.accepted_at + rules.expiry
        if late or 0 < rules.most_attempts <= message.attempts:
            self.transport.settle(message, Outcome.EXPIRED)
        else:
            self.transport.wait_alone(queue, message, seconds)

    def force(self, queue: Queue) -> None:
        """All that wait rejoin, in order of their ids as at any one instant, and the next hop is no longer suspended."""
        queue.suspended_until = 0.0
        for message in sorted(queue.alone.values(), key=lambda message: message.id):
            self.transport.rejoin(queue, message, message.naps)

    def _suspended(self, queue: Queue, message: Message) -> None:
        """Deferred without an attempt."""
        rules = self.transport.rules
        message.suspended += 1
        if retry.too_old(rules.expires is retry.Expiry.AT_FAILED_ATTEMPT, rules.expiry, message.accepted_at, self.transport.env.now):
            self.transport.settle(message, Outcome.EXPIRED)
        else:
            self.refused(queue, message)
