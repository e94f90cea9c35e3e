"""The compiled back end behind the interface: fills the arrays of the kernel, lets them grow, and reads them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import numpy as np

from sim.destinations import Manner
from sim.mail import PERMANENT, Code, Ints
from sim.policy import retry
from sim.policy.intervention import Act, Deed
from sim.policy.retry import QueueRules
from sim.record import SCHEMA, Table
from sim.server.transport import kernel
from sim.server.transport.columns import CARRIED, Mail, Report, Tabled
from sim.server.transport.kernel import NONE, Array, State
from sim.units import Seconds

__all__ = ["Compiled", "warm_up"]

_LINE: Final = 64  # bytes of a line of cache
_ROOM: Final = 1024  # the least that an array grows to
_MUCH: Final = 1_000_000  # attempts for which there is room at first, where there may be so many
_MANY: Final = 100_000  # messages at once
_FEW: Final = 1024  # queues that are not worth forgetting
_LINES: Final = 100  # of more than these, a heap is quicker; below 128, since a line's number is a byte


class Compiled:
    """All outbound queues of a server, as arrays."""

    def __init__(self, rules: QueueRules, outside: Tabled) -> None:
        self.rules, self.outside = rules, outside
        self._numbers: dict[int, int] = {}  # of queues, by next hop
        self._pairs: dict[tuple[int, int], int] = {}
        self._read = [0, 0]  # of what has left, and of what was late
        self._waiting: list[Act] = []
        self.manner = outside.manner()
        self._relayed = self.manner.relayed
        self.state = _state(rules, self.manner, self._relayed)

    # The interface.

    def submit(self, mail: Mail) -> None:
        """Hand over messages."""
        count = len(mail)
        if not count:
            return
        one = self.state.one[0]
        first, last = int(one["submitted"]), int(one["submitted"]) + count
        queue = self._queues(mail.next_hop)
        self._grow_for_messages(last)
        rows = self.state.messages[first:last]
        rows["id"], rows["queue"], rows["size"], rows["accepted"] = mail.id, queue, mail.size, mail.accepted_at
        rows["first"] = rows["deferred"] = np.nan
        rows["null"] = mail.sender < 0
        rows["doomed"], rows["line"], rows["prev"], rows["next"] = kernel.SPARED, NONE, NONE, NONE
        rows["says"] = 0 if self._relayed else self.outside.mailboxes(mail.recipient)
        rows["pair"] = self._meeting(mail, queue)
        one["submitted"] = last

    def apply(self, act: Act) -> None:
        """Have an act done now."""
        self._waiting.append(act)
        if act.deed is Deed.LIMIT:
            self.rules = replace(
                self.rules,
                connections=act.connections or self.rules.connections,
                connections_per_hop=act.connections_per_hop or self.rules.connections_per_hop,
            )
            self._grow_for_connections(self.rules.connections)

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
            self._grow_logs()
        return self._report()

    def queued(self) -> int:
        """Messages accepted that have not left."""
        one = self.state.one[0]
        return int(one["accepted"] - one["left"])

    def in_retry(self) -> int:
        """Next hops in a retry episode."""
        return int(self.state.one[0]["in_retry"])

    def messages(self) -> Table:
        """What became of each message, by number."""
        return self._table(self.state.messages[: int(self.state.one[0]["submitted"])])

    def _table(self, rows: Array) -> Table:
        found = {
            "id": rows["id"],
            "next_hop": self.state.queues["hop"][rows["queue"]],
            "size": rows["size"],
            "accepted_at": rows["accepted"],
            "first_attempt_at": rows["first"],
            "deferred_at": rows["deferred"],
            "settled_at": np.where(rows["place"] == kernel.GONE, rows["when"], np.nan),
            "outcome": rows["outcome"],
            "last_code": rows["code"],
            "dsn": rows["dsn"],
            "attempts": rows["attempts"],
            "suspended": rows["suspended"],
            "wait_seconds": rows["waited"],
            "connection_seconds": rows["held"],
        }
        return {name: found[name].astype(SCHEMA["messages"][name].dtype) for name in CARRIED}

    def queues(self) -> Table:
        """The record's table of retry episodes."""
        rows = self.state.episodes[: int(self.state.one[0]["episodes"])]
        names = {"next_hop": "hop", "connection_seconds": "seconds", "last_code": "code", "ended_by": "ended"}
        return {name: rows[names.get(name, name)].astype(column.dtype) for name, column in SCHEMA["queues"].items()}

    def attempts(self) -> Table:
        """The record's table of attempts."""
        rows = self.state.attempts[: int(self.state.one[0]["made"])]
        messages = self.state.messages
        found = {
            "message": messages["id"][rows["message"]],
            "at": rows["at"],
            "next_hop": self.state.queues["hop"][messages["queue"][rows["message"]]],
            "code": rows["code"],
            "seconds": rows["seconds"],
        }
        return {name: found[name].astype(column.dtype) for name, column in SCHEMA["attempts"].items()}

    def release(self) -> tuple[Ints, Table, Table]:
        """What has left is forgotten, and what is linked by number gets its new number."""
        state, one = self.state, self.state.one[0]
        rows = state.messages[: int(one["submitted"])]
        stays = rows["place"] != kernel.GONE
        gone = np.flatnonzero(~stays)
        messages, attempts = self._table(rows[gone]), self.attempts()
        number = np.append(np.cumsum(stays) - 1, NONE).astype(np.int32)  # -1, for none, is the last
        kept = rows[stays]
        linked = (kept["place"] == kernel.READY) | ((kept["place"] == kernel.ALONE) & (kept["line"] >= 0))
        for name in ("prev", "next"):
            kept[name][linked] = number[kept[name][linked]]
        for ends in (state.queues, state.lines):
            ends["head"], ends["tail"] = number[ends["head"]], number[ends["tail"]]
        under_way = state.under_way["message"][: int(one["under_way"])]
        under_way[:] = number[under_way]
        if self.rules.family is retry.Family.MESSAGE:
            state.waits[: int(one["waits"])] = number[state.waits[: int(one["waits"])]]
        for name in ("accepted", "expiring", "delaying"):
            one[name] = stays[: int(one[name])].sum()
        state.messages[: len(kept)] = kept
        state.messages[len(kept) : len(rows)] = 0
        one["submitted"], one["left"], one["late"], one["made"] = len(kept), 0, 0, 0
        self._read = [0, 0]
        self._forget_queues()
        return gone, messages, attempts

    def _forget_queues(self) -> None:
        """Where most queues are empty and remember nothing, those are set up anew should they be needed again."""
        state, one = self.state, self.state.one[0]
        rows = state.queues[: len(self._numbers)]
        idle = (rows["flags"] & (kernel.EXISTS | kernel.ASLEEP | kernel.ICED | kernel.ASKS)) == kernel.EXISTS
        idle &= (rows["ready"] + rows["alone"] + rows["open"] == 0) & (rows["emptied"] + self.rules.forget_after <= one["now"])
        if self.rules.family is retry.Family.MESSAGE:
            idle &= rows["when"] <= one["now"]  # dead no more
        if idle.sum() < max(_FEW, len(rows) // 2) or one["counting"] or one["accepted"] < one["submitted"]:
            return
        if one["frozen"]:  # a new queue would be, these are not
            return
        stays = ~idle
        number = np.append(np.cumsum(stays) - 1, NONE).astype(np.int32)
        kept = rows[stays]
        asleep, asks = kept["line"] >= 0, (kept["flags"] & kernel.ASKS) != 0
        for names, linked in ((("prev", "next"), asleep), (("earlier", "later"), asks)):
            for name in names:
                kept[name][linked] = number[kept[name][linked]]
        for name in ("head", "tail"):
            state.naps[name] = number[state.naps[name]]
        for name in ("asking", "last_asking", "resubmits", "last_resubmit"):
            one[name] = number[one[name]]
        if self.rules.family is retry.Family.QUEUE:
            state.waits[: int(one["waits"])] = number[state.waits[: int(one["waits"])]]
        if len(state.resubmits):
            entries = state.resubmits[: len(rows)][stays]
            waits = np.isfinite(entries["at"])
            for name in ("prev", "next"):
                entries[name][waits] = number[entries[name][waits]]
            state.resubmits[: len(kept)] = entries
        messages = state.messages[: int(one["submitted"])]
        messages["queue"] = number[messages["queue"]]
        first = np.cumsum(kept["edges"]) - kept["edges"]
        edges = state.edges[np.repeat(kept["edge"] - first, kept["edges"]) + np.arange(kept["edges"].sum())]
        kept["edge"] = first
        state.queues[: len(kept)] = kept
        state.queues[len(kept) : len(rows)] = 0
        self._numbers = {hop: n for n, hop in enumerate(kept["hop"].tolist())}
        self.state = state._replace(edges=edges)

    # Filling and growing.

    def _queues(self, hops: Ints) -> Ints:
        """The queue of each message; new ones are set up, in order of their next hops."""
        known = self._numbers
        different, where = np.unique(hops, return_inverse=True) if len(hops) > _MANY else (hops, None)  # else it is not worth it
        listed = different.tolist()
        new = sorted({hop for hop in listed if hop not in known})
        if new:
            first = len(known)
            known.update(zip(new, range(first, first + len(new)), strict=True))
            self._set_up(first, np.array(new, dtype=np.int64))
        numbers = np.fromiter(map(known.__getitem__, listed), np.int64, len(listed))
        return numbers if where is None else numbers[where]

    def _set_up(self, first: int, hops: Ints) -> None:
        found = self.outside.destinations(hops)
        state, last = self.state, first + len(hops)
        state = state._replace(queues=_grown(state.queues, last))
        rows = state.queues[first:last]
        rows["hop"] = hops
        rows["emptied"] = np.nan
        for name in ("head", "tail", "episode", "prev", "next", "earlier", "later", "line"):
            rows[name] = NONE
        edges = len(state.edges)
        rows["edge"], rows["edges"] = edges + found.first[:-1], np.diff(found.first)
        rows["code"], rows["bad"], rows["times"], rows["greylists"], rows["lists"] = (
            found.code,
            found.bad,
            found.times,
            found.greylists,
            found.lists,
        )
        rows["detour"] = found.detour > 0.0
        if len(found.edges):
            state = state._replace(edges=np.concatenate([state.edges, found.edges]))
        state.one[0]["detour"] = max(float(state.one[0]["detour"]), float(found.detour.max(initial=0.0)))
        if found.last is not None:
            assert found.meets is not None
            assert found.ends is not None
            assert found.seconds is not None
            state = state._replace(counters=_grown(state.counters, last))
            counters = state.counters[first:last]
            counters["last"], counters["meets"], counters["ends"], counters["seconds"] = (
                found.last,
                found.meets,
                found.ends,
                found.seconds,
            )
            state.one[0]["counting"] = 1
        if self.rules.resubmit_after < math.inf:
            state = state._replace(resubmits=_grown(state.resubmits, last))
            state.resubmits["at"][first:last] = np.inf
        self.state = state._replace(fresh=_grown(state.fresh, len(state.queues)))
        self._grow_scratch()

    def _meeting(self, mail: Mail, queue: Ints) -> Ints:
        """The pair of each message: what a greylisting host, or a smarthost, remembers."""
        pairs = np.full(len(mail), NONE, dtype=np.int64)
        chosen = range(len(mail)) if self._relayed else np.flatnonzero(self.state.queues["greylists"][queue]).tolist()
        known, recipients = self._pairs, []
        for i in chosen:
            recipient = int(mail.recipient[i])
            key = (0 if self._relayed else int(mail.sender[i]), recipient)
            number = known.get(key)
            if number is None:
                number = known[key] = len(known)
                recipients.append(recipient)
            pairs[i] = number
        if recipients:
            first, last = len(known) - len(recipients), len(known)
            self.state = self.state._replace(pairs=_grown(self.state.pairs, last))
            self.state.pairs["met"][first:last] = np.nan
            self.state.pairs["recipient"][first:last] = recipients
        return pairs

    def _grow_for_messages(self, count: int) -> None:
        state = self.state
        if count <= len(state.messages):
            return
        messages = _grown(state.messages, count)
        left = _grown(state.left, len(messages))
        late = _grown(state.late, len(messages))
        waits = state.waits
        if not len(state.naps if self.rules.family is retry.Family.QUEUE else state.lines):
            waits = _grown(state.waits, max(len(messages), len(state.queues)))
        self.state = state._replace(messages=messages, left=left, late=late, waits=waits)
        self._grow_for_connections(self.rules.connections)
        self._grow_scratch()

    def _grow_for_connections(self, limit: int) -> None:
        """No more connections are open than there are messages."""
        state = self.state
        had, wanted = len(state.connections), min(limit, len(state.messages))
        if wanted <= had:
            return
        connections = np.zeros(wanted, kernel.CONNECTION)
        connections[:had] = state.connections
        free, under_way = np.zeros(wanted, np.int32), np.zeros(wanted, kernel.ENDING)
        one = state.one[0]
        count = int(one["free"])
        free[:count] = state.free[:count]
        free[count : count + wanted - had] = np.arange(had, wanted)
        one["free"] = count + wanted - had
        under_way[:had] = state.under_way
        self.state = state._replace(connections=connections, free=free, under_way=under_way)

    def _grow_scratch(self) -> None:
        state = self.state
        room = max(len(state.messages), len(state.queues), len(state.connections))
        if room > len(state.due):
            self.state = state._replace(due=np.zeros(room, np.int32))
        if len(state.waits) and len(state.waits) < room:
            self.state = self.state._replace(waits=_grown(state.waits, room))

    def _grow_logs(self) -> None:
        """Whichever has not the room that an instant may need."""
        state, one = self.state, self.state.one[0]
        attempts, episodes = len(state.attempts), len(state.episodes)
        if int(one["made"]) + len(state.connections) > attempts:
            attempts = max(int(one["made"]) + len(state.connections) + _ROOM, 2 * attempts, min(32 * len(state.messages), _MUCH))
        episodes = max(episodes, int(one["episodes"]) + len(state.queues) + len(state.connections) + _ROOM)
        self.state = state._replace(attempts=_grown(state.attempts, attempts), episodes=_grown(state.episodes, episodes))

    def _put_acts(self) -> None:
        rows = np.zeros(len(self._waiting), kernel.ACT)
        for row, act in zip(rows, self._waiting, strict=True):
            row["deed"], row["only_in_retry"], row["report"] = kernel.DEEDS[act.deed], act.only_in_retry, act.report
            row["kinds"] = NONE if act.kinds is None else sum(1 << int(kind) for kind in act.kinds)
            row["connections"], row["per_hop"] = act.connections or 0, act.connections_per_hop or 0
        self._waiting.clear()
        self.state.one[0]["acts"] = len(rows)
        self.state = self.state._replace(acts=rows)

    def _report(self) -> Report:
        state, one = self.state, self.state.one[0]
        settled = state.left[self._read[0] : int(one["left"])].astype(np.int64)
        late = state.late[self._read[1] : int(one["late"])].astype(np.int64)
        self._read = [int(one["left"]), int(one["late"])]
        when, outcome, dsn = (state.messages[name][settled] for name in ("when", "outcome", "dsn"))
        return Report(settled, when, outcome, dsn, late, state.messages["accepted"][late] + float(one["delay_notice"]))


def _zeros(count: int, dtype: np.dtype[Any]) -> Array:
    """An empty array that begins with a line of cache."""
    room = np.zeros(count * dtype.itemsize + _LINE, np.uint8)
    first = -room.ctypes.data % _LINE
    return room[first : first + count * dtype.itemsize].view(dtype)


def _grown(array: Array, count: int) -> Array:
    """The same with room for `count` elements, and then some."""
    if count <= len(array):
        return array
    found = _zeros(max(_ROOM, count, len(array) * 3 // 2), array.dtype)
    found.view(np.uint8)[: array.nbytes] = array.view(np.uint8)  # numpy copies structures one by one, but bytes in one piece
    return found


def warm_up(rules: QueueRules) -> None:
    """Read the machine code, or make it: an empty transport is played."""
    kernel.play(_state(rules, Manner(0, 0.0, 1.0, 0.0, tuple(0.0 for _ in Code)), False), 0.0)


def _state(rules: QueueRules, manner: Manner, relayed: bool) -> State:
    """An empty transport."""
    one = np.zeros(1, kernel.ONE)
    numbers: dict[str, float] = {
        "expiry": rules.expiry,
        "message_retry": rules.message_retry,
        "delay_notice": rules.delay_notice,
        "forget_after": rules.forget_after,
        "resubmit_after": rules.resubmit_after,
        "suspend_for": rules.suspend_for,
        "session": manner.session,
        "bandwidth": manner.bandwidth,
        "greylist_delay": manner.greylist_delay,
        "refuses": manner.refuses,
        "throttle": manner.throttle,
        "family": kernel.FAMILIES[rules.family],
        "kind": rules.kind,
        "expires": kernel.EXPIRIES[rules.expires],
        "connections": rules.connections,
        "per_hop": rules.connections_per_hop,
        "per_connection": rules.messages_per_connection,
        "reports": rules.reports_failures,
        "most_attempts": rules.most_attempts,
        "suspend_after": rules.suspend_after,
        "final": sum(1 << int(code) for code in PERMANENT if not rules.retries(code)),
        "glitches": sum(1 << int(code) for code in rules.glitch_on),
        "relayed": relayed,
    }
    for name, value in numbers.items():
        one[0][name] = value
    one["key"] = np.array([manner.key], dtype=np.uint64).view(np.int64)
    for name in ("asking", "last_asking", "resubmits", "last_resubmit"):
        one[0][name] = NONE
    spells = np.zeros(len(manner.spells), kernel.SPELL)
    for row, spell in zip(spells, manner.spells, strict=True):
        row["hop"], row["since"], row["until"], row["code"] = (
            NONE if spell.hop is None else spell.hop,
            spell.since,
            spell.until,
            spell.code,
        )
    lines, naps = _lines(rules)
    none = np.zeros(0, np.int32)
    return State(
        one=one,
        params=np.array(rules.params, dtype=np.float64),
        messages=np.zeros(0, kernel.MESSAGE),
        queues=np.zeros(0, kernel.QUEUE),
        edges=np.zeros(0),
        counters=np.zeros(0, kernel.COUNTER),
        resubmits=np.zeros(0, kernel.RESUBMISSION),
        pairs=np.zeros(0, kernel.PAIR),
        spells=spells,
        listed=np.zeros(0, kernel.SPELL),
        lengths=np.array(manner.lengths, dtype=np.float64),
        taken=np.zeros(math.ceil(manner.throttle) + 1 if math.isfinite(manner.throttle) else 1),
        connections=np.zeros(0, kernel.CONNECTION),
        free=none,
        under_way=np.zeros(0, kernel.ENDING),
        lines=lines,
        naps=naps,
        waits=none,
        fresh=np.zeros(0, kernel.ASKING),
        due=none,
        episodes=np.zeros(0, kernel.EPISODE),
        attempts=np.zeros(0, kernel.ATTEMPT),
        left=none,
        late=none,
        acts=np.zeros(0, kernel.ACT),
    )


def _lines(rules: QueueRules) -> tuple[Array, Array]:
    """Lines of messages that wait alone, and of queues that sleep: one for each length that a wait may have, or for each scan; none where
    these would be many, or waits have no fixed length."""
    kind, params = rules.kind, rules.params
    waits: list[float] = []
    if kind == retry.INTERVALS:
        waits = sorted(set(params[1:]))
    elif kind == retry.DOUBLING:
        waits = sorted({retry.wait(kind, params, 0.0, 0.0, failures) for failures in range(1, 42)})
    by_queue = _line_array(waits)
    if rules.family is retry.Family.QUEUE:
        return _line_array([rules.message_retry]), by_queue
    if kind == retry.CLAMPED_AGE:
        return _line_array([math.nan] * (math.ceil(params[1] / params[2]) + 3)), _line_array([])
    if kind == retry.EACH_RUN:
        return _line_array([math.nan] * 3), _line_array([])
    return by_queue, _line_array([])


def _line_array(waits: list[float]) -> Array:
    waits = waits if len(waits) <= _LINES else []
    lines = np.zeros(len(waits), kernel.LINE)
    lines["wait"], lines["head"], lines["tail"] = waits, NONE, NONE
    return lines
