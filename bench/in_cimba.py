"""The retry queue in cimba: a process per message, compiled by numba, on an engine in C. It says counts, and nothing of each message."""

from __future__ import annotations

import cimba
import numpy as np
from cimba import inputs

from bench.instance import EXPIRY, WAITS, Instance
from bench.outcome import Outcome, Played, cpu
from sim.mail import Code

__all__ = ["play"]

FIRST, LATER = WAITS[0], WAITS[-1]
FIRSTS = WAITS.count(FIRST)
assert WAITS == (FIRST,) * FIRSTS + (LATER,)  # so it is written here: compiled code takes no tuple from outside


class Message(cimba.Model):
    """From its arrival until it leaves."""

    server: cimba.Ref[Server]
    seconds: cimba.Param[float]
    last: cimba.Param[int]
    arrives: cimba.Param[int]  # with the last attempt; else it bounces

    @cimba.process
    def deliver(self) -> None:
        """Try, wait, try again."""
        late = cimba.now() + EXPIRY
        made = 0
        while True:
            self.server.connections.acquire()
            self.server.attempts += 1
            cimba.hold(self.seconds)
            self.server.connections.release()
            made += 1
            wait = FIRST if made <= FIRSTS else LATER
            if made == self.last:
                self.server.delivered += self.arrives
                self.server.bounced += 1 - self.arrives
                return
            if cimba.now() + wait > late:
                self.server.expired += 1
                return
            cimba.hold(wait)


class Server(cimba.Model):
    """All of them."""

    messages: cimba.Param[int]
    gaps: cimba.Input[float]
    lengths: cimba.Input[float]
    lasts: cimba.Input[int]
    arrivals: cimba.Input[int]
    connections: cimba.Resource
    attempts: cimba.Output[int]
    delivered: cimba.Output[int]
    bounced: cimba.Output[int]
    expired: cimba.Output[int]

    @cimba.process
    def arrive(self) -> None:
        """One after the other."""
        for _ in range(self.messages):
            cimba.hold(self.gaps.next())
            cimba.spawn(Message, server=self, seconds=self.lengths.next(), last=self.lasts.next(), arrives=self.arrivals.next())


def play(instance: Instance, connections: int) -> Played:
    """Play it to its end, compiled before."""
    _play(Instance.mixed(20), connections)
    return _play(instance, connections)


def _play(instance: Instance, connections: int) -> Played:
    model = Server()
    model.messages = len(instance.at)
    model.gaps = inputs.trace(np.diff(instance.at, prepend=0.0))
    model.lengths = inputs.trace(np.array(instance.seconds))
    model.lasts = inputs.trace(np.array(instance.last))
    model.arrivals = inputs.trace((np.array(instance.ends) == Code.OK).astype(np.int64))
    model.connections = cimba.Resource(capacity=connections)
    experiment = cimba.Experiment(model, window=cimba.Window(duration=instance.until))
    begin = cpu()
    results = experiment.run(workers=1)
    seconds = cpu() - begin
    attempts, *left = (int(getattr(results[model], name).values[0, 0]) for name in ("attempts", "delivered", "bounced", "expired"))
    delivered, bounced, expired = left
    return Played(seconds, Outcome(attempts, delivered, bounced, expired, len(instance.at) - sum(left)))
