"""The compiled back end behind the interface: fills the arrays of the kernel, forgets what has left, and reads them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np

from sim.destinations import Destinations
from sim.mail import Ints
from sim.policy.intervention import Act, Deed
from sim.policy.retry import QueueRules
from sim.record import SCHEMA, Table
from sim.server.transport import forgetting, growth, kernel
from sim.server.transport.columns import CARRIED, Mail, Report, Tabled
from sim.server.transport.hops import Hops
from sim.server.transport.kernel import NONE, Array
from sim.server.transport.start import empty
from sim.units import Floats, Seconds

__all__ = ["Compiled"]

_AT_ONCE: Final = 4096  # rows
_FEW: Final = 1024  # queues that are not worth forgetting


def _one(dtype: np.dtype[Any], **fields: float) -> Array:
    """A row with these fields, as plain numbers."""
    made = np.zeros(1, dtype)
    for name, value in fields.items():
        made[name] = value
    return made.view(np.uint64)


_NEW_MESSAGE: Final = _one(kernel.MESSAGE, deferred=math.nan, doomed=kernel.SPARED, line=kernel.NO_LINE, prev=NONE, next=NONE)
_NEW_QUEUE: Final = _one(kernel.QUEUE, line=kernel.NO_LINE, **dict.fromkeys(("head", "tail", "episode", "prev", "next"), NONE))


class Compiled:
    """All outbound queues of a server, as arrays."""

    def __init__(self, rules: QueueRules, outside: Tabled) -> None:
        self.rules, self.outside = rules, outside
        self._hops = Hops()
        self._edges, self._greylisted = 0, False
        self._pairs: dict[tuple[int, int], int] = {}
        self._read = [0, 0]  # of what has left, and of what was late
        self.logged: list[Array] = []  # attempts before those in the state
        self._before = np.zeros(0), np.zeros(0)  # of messages that have stayed: first attempt, and seconds of all, before those
        self._waiting: list[Act] = []
        self.manner = outside.manner()
        self._relayed = self.manner.relayed
        self.state = empty(rules, self.manner)

    # The interface.

    def submit(self, mail: Mail) -> None:
        """Hand over messages."""
        count = len(mail)
        if not count:
            return
        one = self.state.one[0]
        first, last = int(one["submitted"]), int(one["submitted"]) + count
        queue = self._queues(mail.next_hop)
        self.state = growth.for_messages(self.state, self.rules, last)
        rows = self.state.messages[first:last]
        fields = {"id": mail.id, "queue": queue, "accepted": mail.accepted_at, "null": mail.sender < 0}
        if not self._relayed:
            fields["says"] = self.outside.mailboxes(mail.recipient)
        for some in _pieces(count):
            part = rows[some]
            _set(part, _NEW_MESSAGE)
            for name, values in fields.items():
                part[name] = values[some]
        self.state.sizes[first:last] = mail.size
        self.state.suspended[first:last] = 0
        self._meet(first, queue, mail)
        one["submitted"], one["comes"] = last, 0.0

    def apply(self, act: Act) -> None:
        """Have an act done now."""
        self._waiting.append(act)
        if act.deed is Deed.LIMIT:
            self.rules = replace(
                self.rules,
                connections=act.connections or self.rules.connections,
                connections_per_hop=act.connections_per_hop or self.rules.connections_per_hop,
            )
            self.state = growth.for_connections(self.state, self.rules.connections)

    def advance(self, until: Seconds) -> Report:
        """Play everything before `until`."""
        if self._waiting or len(self.state.acts):
            self._put_acts()
        listed = self.outside.listed()
        if len(listed) or len(self.state.listed):
            rows = np.zeros(len(listed), kernel.SPELL)
            for row, (name, since, end) in zip(rows, listed, strict=True):
                row["since"], row["until"], row["code"] = since, end, name
            self.state = self.state._replace(listed=rows)
        while kernel.play(self.state, float(until)) == kernel.FULL:
            self._make_room()
        return self._report()

    def _make_room(self) -> None:
        """In the logs."""
        attempts, made = self.state.attempts, int(self.state.one[0]["made"])
        self.state = growth.for_logs(self.state)
        if attempts is not self.state.attempts:
            self.logged.append(attempts[:made])

    def queued(self) -> int:
        """Messages accepted that have not left."""
        one = self.state.one[0]
        return int(one["accepted"] - one["left"])

    def in_retry(self) -> int:
        """Next hops in a retry episode."""
        return int(self.state.one[0]["in_retry"])

    def messages(self) -> Table:
        """What became of each message, by number."""
        return self._table(slice(int(self.state.one[0]["submitted"])), *self._in_all())

    def _in_all(self) -> tuple[Floats, Floats]:
        """The first attempt of each message, NaN for none, and seconds of connections of all its attempts."""
        count = int(self.state.one[0]["submitted"])
        first, held = np.full(count, np.nan), np.zeros(count)
        for column, before in zip((first, held), self._before, strict=True):
            column[: len(before)] = before
        for log in self._log():
            kernel.in_all(log, first, held)
        return first, held

    def _log(self) -> list[Array]:
        """All attempts, in order of time."""
        return [*self.logged, self.state.attempts[: int(self.state.one[0]["made"])]]

    def _table(self, which: Ints | slice, first: Floats, held: Floats) -> Table:
        """Of some messages. first, held: of all."""
        state, rows = self.state, self.state.messages[which]
        names = {"accepted_at": "accepted", "deferred_at": "deferred", "settled_at": "when", "last_code": "code", "wait_seconds": "waited"}
        elsewhere = {"first_attempt_at": first, "connection_seconds": held, "size": state.sizes, "suspended": state.suspended}
        types = {name: SCHEMA["messages"][name].dtype for name in CARRIED}
        found = {name: np.empty(len(rows), types[name]) for name in CARRIED if name not in elsewhere}
        names["next_hop"] = "queue"
        for some in _pieces(len(rows)):
            part = rows[some]
            for name, column in found.items():
                column[some] = part[names.get(name, name)]
            found["settled_at"][some][part["place"] != kernel.GONE] = np.nan
        found["next_hop"] = state.queues["hop"][found["next_hop"]]
        for name, values in elsewhere.items():
            found[name] = values[which].astype(types[name]) if len(values) else np.zeros(len(rows), types[name])
        return found

    def queues(self) -> Table:
        """The record's table of retry episodes."""
        rows = self.state.episodes[: int(self.state.one[0]["episodes"])]
        names = {"next_hop": "hop", "connection_seconds": "seconds", "last_code": "code", "ended_by": "ended"}
        return {name: rows[names.get(name, name)].astype(column.dtype) for name, column in SCHEMA["queues"].items()}

    def attempts(self) -> Table:
        """The record's table of attempts."""
        log, messages, first = self._log(), self.state.messages[: int(self.state.one[0]["submitted"])], 0
        id, hop = messages["id"].copy(), self.state.queues["hop"].take(messages["queue"])
        found = {name: np.empty(sum(map(len, log)), column.dtype) for name, column in SCHEMA["attempts"].items()}
        for part in log:
            for some in _pieces(len(part)):
                rows = part[some]
                where = slice(first, first + len(rows))
                number = rows["message"]
                found["message"][where], found["next_hop"][where] = id.take(number), hop.take(number)
                for name in ("at", "code", "seconds"):
                    found[name][where] = rows[name]
                first = where.stop
        return found

    def release(self) -> tuple[Ints, Table, Table]:
        """What has left is forgotten."""
        stays = self.state.messages["place"][: int(self.state.one[0]["submitted"])] != kernel.GONE
        gone = np.flatnonzero(~stays)
        first, held = self._in_all()
        messages, attempts = self._table(gone, first, held), self.attempts()
        self._before = first[stays], held[stays]
        self.logged.clear()
        self._read = [0, 0]
        forgetting.forget_messages(self.state, self.rules, stays)
        idle = forgetting.idle(self.state, self.rules, self._hops.count)
        if idle.sum() >= max(_FEW, len(idle) // 2):
            self.state = forgetting.forget_queues(self.state, self.rules, ~idle)
            self._edges = len(self.state.edges)
            self._hops.restart(self.state.queues[: len(idle) - int(idle.sum())])
        return gone, messages, attempts

    # Filling.

    def _queues(self, hops: Ints) -> Array:
        """The queue of each message; new ones are set up."""
        first = self._hops.count
        numbers, new = self._hops.numbers(hops, self.state.queues)
        if len(new):
            self._set_up(first, new)
        return numbers

    def _set_up(self, first: int, hops: Ints) -> None:
        found, last = self.outside.destinations(hops), first + len(hops)
        self.state = state = growth.for_queues(self.state, self.rules, last, counted=found.last is not None)
        rows = state.queues[first:last]
        _set(rows, _NEW_QUEUE)
        rows["hop"] = hops
        if found.last is None:
            self._meet_hosts(state.hosts[first:last], found)
        else:
            counters = state.counters[first:last]
            counters["last"], counters["meets"], counters["ends"], counters["seconds"] = found.last, found.meets, found.ends, found.seconds
            state.one[0]["counting"] = 1
        if self.rules.resubmit_after < math.inf:
            state.resubmits["at"][first:last] = np.inf

    def _meet_hosts(self, rows: Array, found: Destinations) -> None:
        """What new next hops are like. Those that are now one thing and now another have their edges behind those of all before."""
        rows["code"], rows["times"], rows["greylists"] = found.code, found.times, found.greylists
        rows["lists"], rows["detour"] = found.lists, found.detour > 0.0
        one = self.state.one[0]
        one["detour"] = max(float(one["detour"]), float(found.detour.max(initial=0.0)))
        self._greylisted |= bool(found.greylists.any())
        if not len(found.edges):
            return
        first = self._edges
        self._edges += len(found.edges)
        self.state = self.state._replace(edges=growth.grown(self.state.edges, self._edges))
        self.state.edges[first : self._edges] = found.edges
        rows["bad"], rows["edge"], rows["edges"] = found.bad, first + found.first[:-1], found.first[1:] - found.first[:-1]

    def _meet(self, first: int, queue: Array, mail: Mail) -> None:
        """The pair of each message from the first on: what a greylisting host, or a smarthost, remembers."""
        if not self._relayed and not self._greylisted:
            return
        chosen = range(len(mail)) if self._relayed else np.flatnonzero(self.state.hosts["greylists"][queue]).tolist()
        self.state = self.state._replace(pair=growth.grown(self.state.pair, len(self.state.messages)))
        known, recipients, pair = self._pairs, [], self.state.pair[first:]
        for i in chosen:
            recipient = int(mail.recipient[i])
            key = (0 if self._relayed else int(mail.sender[i]), recipient)
            number = known.get(key)
            if number is None:
                number = known[key] = len(known)
                recipients.append(recipient)
            pair[i] = number
        if recipients:
            new = slice(len(known) - len(recipients), len(known))
            self.state = self.state._replace(pairs=growth.grown(self.state.pairs, len(known)))
            self.state.pairs["met"][new], self.state.pairs["recipient"][new] = np.nan, recipients

    def _put_acts(self) -> None:
        rows = np.zeros(len(self._waiting), kernel.ACT)
        for row, act in zip(rows, self._waiting, strict=True):
            row["deed"], row["only_in_retry"], row["report"] = kernel.DEEDS[act.deed], act.only_in_retry, act.report
            row["kinds"] = kernel.ANY if act.kinds is None else sum(1 << int(kind) for kind in act.kinds)
            row["connections"], row["per_hop"] = act.connections or 0, act.connections_per_hop or 0
        self._waiting.clear()
        self.state.one[0]["acts"] = len(rows)
        self.state = self.state._replace(acts=rows)

    def _report(self) -> Report:
        state, one = self.state, self.state.one[0]
        count = int(one["left"]) - self._read[0]
        late = state.late[self._read[1] : int(one["late"])].astype(np.int64)
        self._read = [int(one["left"]), int(one["late"])]
        settled, when = np.empty(count, dtype=np.int64), np.empty(count)
        outcome, dsn = np.empty(count, dtype=np.uint8), np.empty(count, dtype=np.uint8)
        kernel.who_left(state.messages, int(one["first_left"]), settled, when, outcome, dsn)
        one["first_left"] = one["last_left"] = NONE
        return Report(settled, when, outcome, dsn, late, state.messages["accepted"][late] + float(one["delay_notice"]))


def _pieces(count: int) -> Iterator[slice]:
    """Of rows that stay in the cache while their fields are written or read one by one."""
    for first in range(0, count, _AT_ONCE):
        yield slice(first, first + _AT_ONCE)


def _set(rows: Array, one: Array) -> None:
    """Make all rows like one of plain numbers: field by field numpy takes several times as long."""
    rows.view(np.uint64).reshape(len(rows), len(one))[:] = one
