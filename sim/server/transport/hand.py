"""The administrator's hand on the queues of a transport.

An act is applied before anything else at its instant (`instant.py`, Rank.INTERVENTION), several in the order in which they are given. It
ends no attempt: what is under way goes on, and its end meets the state that the act has left.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from sim.mail import Dsn, Kind, Outcome
from sim.policy import bounce
from sim.server.transport import Act, Deed
from sim.server.transport.instant import Rank

if TYPE_CHECKING:
    from sim.server.transport.processes import Queue, Transport

__all__ = ["Hand"]


class Hand:
    """What was done by hand, and what of it holds for queues that come later."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.frozen = False  # so is a queue that comes
        self._acts = 0

    def apply(self, act: Act) -> None:
        """Have an act done now, in its turn."""
        self._acts += 1
        self.transport.instant.post(Rank.INTERVENTION, -1, self._acts, self._do, act)

    def _do(self, act: Act) -> None:
        transport = self.transport
        if act.deed is Deed.LIMIT:  # what is open stays open, and carries what one connection may carry
            transport.rules = replace(
                transport.rules,
                connections=act.connections or transport.rules.connections,
                connections_per_hop=act.connections_per_hop or transport.rules.connections_per_hop,
            )
            return
        if act.deed in (Deed.FREEZE, Deed.THAW) and not act.only_in_retry:
            self.frozen = act.deed is Deed.FREEZE
        for _, queue in sorted(transport.queues.items()):
            if act.only_in_retry and queue.retry is None:
                continue
            if act.deed is Deed.FREEZE:
                self._freeze(queue)
            elif act.deed is Deed.THAW:
                self._thaw(queue)
            elif act.deed is Deed.FORCE_RETRY:
                transport.family.force(queue)
            else:
                self._delete(queue, act)

    def _freeze(self, queue: Queue) -> None:
        """No message leaves but what is under way (FACTS 4.1, S22). Time in the frost is no wait for a connection."""
        if queue.frozen:
            return
        if not queue.asleep:
            self.transport.count_wait(queue)
        queue.frozen = True
        self.transport.step_back(queue)

    def _thaw(self, queue: Queue) -> None:
        """It goes on where it stood, and asks for a connection anew, unless it sleeps."""
        if not queue.frozen:
            return
        queue.frozen = False
        for message in queue.ready:
            message.ready_since = self.transport.env.now
        self.transport.want(queue)

    def _delete(self, queue: Queue, act: Act) -> None:
        """What waits is deleted at once. What is under way is delivered, bounced, or deleted where it would have to wait again: in
        Exchange's words, PendingRemove (FACTS 1.2, S34)."""
        chosen = [
            message
            for message in (*queue.ready, *queue.alone.values(), *queue.carried.values())
            if act.kinds is None or Kind(message.id & 15) in act.kinds
        ]
        for message in sorted(chosen, key=lambda message: message.id):
            message.doomed = bounce.duty(message.sender, self.transport.rules.reports_failures) if act.report else Dsn.OFF
            if not message.under_way:
                queue.alone.pop(message.id, None)
                self.transport.settle(message, Outcome.DELETED)
        queue.ready = deque(message for message in queue.ready if message.outcome is Outcome.QUEUED)
        self.transport.look_if_empty(queue)
