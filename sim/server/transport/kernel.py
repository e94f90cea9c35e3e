# mypy: disable-error-code="no-any-return, return-value, arg-type, call-overload"
# Types say what is meant; what an element of an array is, the compiler knows.
"""The compiled back end: the rules of `docs/instant.md` as one loop over arrays.

It plays what `processes.py` plays, to the bit, and reads like it, function by function; a fuzz holds one against the other. What differs is
how things are found. Whatever is due lies in a line that is in order of time by itself: accepted mail for arrivals, lifetimes and delay
notices; one line for each retry interval, or for each scan of the deferred queue; a heap only for attempts under way and for waits of no
fixed length. Mail in a queue and everything in a line is linked by number, so it is taken out from anywhere in one step, and nothing that
is void is left behind. What is due at one instant is taken rank by rank, and sorted by (next hop, id) where it is more than one.

All state is in the structured arrays of `State`; the functions change it in place. They are called with numbers of messages, queues and
connections, NONE for none. Numbers are unsigned: of a signed index it is asked each time whether it counts from the end. Arrays grow
between calls: `play` comes back with FULL before it begins an instant for which there might be no room in the logs, and is called again.
"""

from __future__ import annotations

import inspect
import math
import zlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, NamedTuple, TypeVar

import numba
import numpy as np

from sim import mail, streams, units
from sim.destinations import Codes
from sim.mail import CONNECTION_FAILURES, NO_HOST, Code, Dsn, Ints, Outcome
from sim.policy import retry
from sim.policy.intervention import Deed
from sim.policy.retry import Expiry, Family
from sim.record import EndedBy, schema
from sim.streams import Draw
from sim.units import HOUR, Floats, Seconds

__all__ = ["DONE", "FULL", "State", "in_all", "kept", "play", "who_left"]

Array = np.ndarray[Any, Any]
F = TypeVar("F", bound=Callable[..., Any])
Number: Final[Any] = np.uint32
NONE: Final = 0xFFFFFFFF  # no message, queue, connection or episode
ANY: Final = -1  # next hop of a spell; kinds of an act


def _compiled(function: F) -> F:
    """Part of `play`: always inlined, since the arrays are many; without the counting of references, since it makes none; and without
    what only a call from Python needs, which would double the time to compile."""
    return numba.njit(_nrt=False, error_model="numpy", forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


def kept(function: F) -> F:
    """Compiled once, and kept on disk for the next start where that is possible."""
    try:
        return numba.njit(cache=True, _nrt=False, error_model="numpy")(function)
    except RuntimeError:  # no folder that can be written
        return numba.njit(_nrt=False, error_model="numpy")(function)


# --- state --------------------------------------------------------------------------------------------

# A message and a queue are 64 bytes each, a line of cache. What is seldom asked for, or only of some servers, has arrays of its own.
MESSAGE: Final = np.dtype(
    [
        ("when", "f8"),  # READY: since; ALONE: until; GONE: settled
        ("accepted", "f8"),
        ("waited", "f8"),
        ("deferred", "f8"),
        ("id", "i8"),
        ("queue", "u4"),
        ("prev", "u4"),  # in its queue, or in a line; its place in a heap; UNDER_WAY: the connection
        ("next", "u4"),  # GONE: who left next
        ("attempts", "i4"),
        ("place", "u1"),
        ("line", "u1"),
        ("code", "u1"),
        ("doomed", "u1"),  # a Dsn, or SPARED
        ("outcome", "u1"),
        ("dsn", "u1"),
        ("says", "u1"),  # its recipient, a Code
        ("null", "u1"),  # has the null sender
    ]
)
QUEUE: Final = np.dtype(
    [
        ("since", "f8"),  # nothing has stood ready for longer; EMPTIED: since then
        ("when", "f8"),  # asleep until; where the message retries, dead until
        ("hop", "i8"),
        ("head", "u4"),  # of what stands ready
        ("tail", "u4"),
        ("ready", "i4"),  # how many
        ("alone", "i4"),
        ("open", "i4"),
        ("failures", "i4"),
        ("episode", "u4"),
        ("prev", "u4"),  # in the line for a connection, or in the one that it sleeps in: it asks for none in its sleep
        ("next", "u4"),
        ("flags", "u1"),
        ("line", "u1"),
        ("room", "u2"),
    ]
)
HOST: Final = np.dtype(
    [
        ("edge", "u4"),  # its first
        ("edges", "i4"),
        ("code", "u1"),  # what every connection meets; 0: it alternates between OK and `bad`
        ("bad", "u1"),
        ("greylists", "u1"),
        ("times", "u1"),
        ("detour", "u1"),  # it answers at its second address
        ("lists", "u1"),
        ("room", "u2"),
    ]
)
COUNTER: Final = np.dtype([("seconds", "f8"), ("last", "i4"), ("made", "i4"), ("meets", "u1"), ("ends", "u1")], align=True)
RESUBMISSION: Final = np.dtype([("at", "f8"), ("prev", "u4"), ("next", "u4")])
PAIR: Final = np.dtype([("met", "f8"), ("recipient", "i8"), ("asked", "i8")])
SPELL: Final = np.dtype([("hop", "i8"), ("since", "f8"), ("until", "f8"), ("code", "i8")])
CONNECTION: Final = np.dtype([("seconds", "f8"), ("carried", "i4"), ("code", "i4")])
ENDING: Final = np.dtype([("when", "f8"), ("message", "u4")], align=True)  # an attempt under way
LINE: Final = np.dtype([("wait", "f8"), ("at", "f8"), ("head", "u4"), ("tail", "u4")])  # at: its head has waited until then
ASKING: Final = np.dtype([("message", "u4"), ("queue", "u4")])  # the message that was at its head when it asked
EPISODE: Final = np.dtype(
    [("hop", "i8"), ("since", "f8"), ("until", "f8"), ("seconds", "f8"), ("failures", "i4"), ("code", "u1"), ("ended", "u1")], align=True
)
ATTEMPT: Final = np.dtype([("at", "f8"), ("seconds", "f8"), ("message", "u4"), ("code", "u1")])
ACT: Final = np.dtype([(name, "i8") for name in ("deed", "only_in_retry", "kinds", "report", "connections", "per_hop")])


def _texts(*modules: ModuleType) -> int:
    """A checksum of the texts of modules."""
    found = 0
    for module in modules:
        found = zlib.crc32(inspect.getsource(module).encode(), found)
    return found


# What is kept on disk is found by the text of this file and by the types of the arguments. So the texts of others that decide what is
# compiled, the rules and the numbers of codes and dice, are in the name of a field.
DECIDE: Final = (retry, mail, schema, streams, units)
_RULES: Final = _texts(*DECIDE)
ONE: Final = np.dtype(
    [
        (f"rules_{_RULES:08x}", "i8"),
        *(
            (name, "f8")
            for name in (
                # what the rules say
                "expiry",
                "message_retry",
                "delay_notice",
                "forget_after",
                "resubmit_after",
                "suspend_for",
                # and what the outside is like
                "session",
                "bandwidth",
                "greylist_delay",
                "detour",
                "refuses",
                "throttle",
                # and what is
                "now",
                "wakes",  # no wait ends before
                "comes",  # before, no mail comes, has lived too long or is late
            )
        ),
        *(
            (name, "i8")
            for name in (
                # what the rules say
                "family",
                "kind",
                "expires",
                "connections",
                "per_hop",
                "per_connection",
                "reports",
                "most_attempts",
                "suspend_after",
                "final",  # Codes with which a message leaves, a bit each
                "glitches",
                # and what the outside is like
                "counting",
                "relayed",
                "key",
                "taken",
                "first_taken",
            )
        ),
        *(
            (name, "u4")
            for name in (
                # what is: numbers and counts
                "submitted",
                "accepted",
                "expiring",  # the next one whose lifetime ends
                "delaying",
                "left",
                "first_left",  # since the last report
                "last_left",
                "late",
                "made",
                "episodes",
                "in_retry",
                "open",
                "free",
                "under_way",
                "waits",
                "fresh",
                "asking",  # the queue that has asked for a connection for longest
                "last_asking",
                "resubmits",  # the first
                "last_resubmit",
                "frozen",
                "acts",
                "due",
            )
        ),
    ]
)


class State(NamedTuple):
    """Everything that a transport knows: arrays of the types above."""

    one: Array  # ONE, a single element
    params: Floats  # of the retry rule
    messages: Array
    sizes: Ints  # int32, of each message
    pair: Array  # uint32, of each message: its PAIR, where its next hop greylists or is a smarthost; else anything
    suspended: Ints  # int32: how often each message was, where one can be
    queues: Array
    hosts: Array  # what each queue meets, or none where it is counted
    edges: Floats
    counters: Array  # of each queue, or none
    resubmits: Array  # of each queue, or none
    pairs: Array
    spells: Array
    listed: Array  # SPELL; the code is the number of the list
    lengths: Floats  # of attempts, by Code
    taken: Floats  # by a smarthost within the hour: a ring
    connections: Array
    free: Array  # uint32: connections that are not
    under_way: Array  # ENDING: attempts, a heap by their end
    lines: Array  # of messages that wait alone; the first of fixed length, or each of one scan
    naps: Array  # lines of queues that sleep
    waits: Array  # uint32: what waits for no fixed length, a heap by end
    fresh: Array  # ASKING: queues that ask since this instant, a heap by the id of the message
    due: Array  # uint32
    episodes: Array
    attempts: Array
    late: Array  # uint32: messages whose delay notice was due; none where there are no notices
    acts: Array


BY_QUEUE, BY_MESSAGE = 0, 1
FAMILIES: Final = {Family.QUEUE: BY_QUEUE, Family.MESSAGE: BY_MESSAGE}
TIMER, AT_FAILED_ATTEMPT, WHEN_THE_NEXT_IS_LATE = 0, 1, 2
EXPIRIES: Final = {
    Expiry.TIMER: TIMER,
    Expiry.AT_FAILED_ATTEMPT: AT_FAILED_ATTEMPT,
    Expiry.WHEN_THE_NEXT_IS_LATE: WHEN_THE_NEXT_IS_LATE,
}
FREEZE, THAW, FORCE_RETRY, DELETE, LIMIT = 0, 1, 2, 3, 4
DEEDS: Final = {Deed.FREEZE: FREEZE, Deed.THAW: THAW, Deed.FORCE_RETRY: FORCE_RETRY, Deed.DELETE: DELETE, Deed.LIMIT: LIMIT}
COMING, READY, ALONE, UNDER_WAY, GONE = 0, 1, 2, 3, 4  # where a message is
EXISTS, ACTIVE, ASLEEP, ICED, ASKS, FRESHLY, TOUCHED, EMPTIED = 1, 2, 4, 8, 16, 32, 64, 128  # flags of a queue
SPARED: Final = 255
NO_LINE, IN_HEAP = 255, 254  # instead of a line
DONE, FULL = 0, 1

# Plain numbers, as the compiler takes them.
OK, GREYLISTED, LISTED, EXPIRED_CODE = int(Code.OK), int(Code.GREYLISTED), int(Code.LISTED), int(Code.EXPIRED)
TIMEOUT, REFUSED, BUSY, TOO_MUCH, TRY_LATER = (
    int(Code.TIMEOUT),
    int(Code.REFUSED),
    int(Code.BUSY),
    int(Code.TOO_MUCH),
    int(Code.TRY_LATER),
)
FAILURES = sum(1 << code for code in CONNECTION_FAILURES)
NOBODY = sum(1 << code for code in NO_HOST)
LOOKED_UP = NOBODY | 1 << Code.DNS_TIMEOUT | 1 << Code.SERVFAIL
DELIVERED, BOUNCED, EXPIRED, DELETED = int(Outcome.DELIVERED), int(Outcome.BOUNCED), int(Outcome.EXPIRED), int(Outcome.DELETED)
SENT, NULL_SENDER, OFF = int(Dsn.SENT), int(Dsn.NULL_SENDER), int(Dsn.OFF)
ANSWERED, EMPTY = int(EndedBy.ANSWERED), int(EndedBy.EMPTY)
SESSION, RELAY_REFUSES = int(Draw.SESSION), int(Draw.RELAY_REFUSES)
INTERVALS, CLAMPED_AGE, DOUBLING, EACH_RUN = retry.INTERVALS, retry.CLAMPED_AGE, retry.DOUBLING, retry.EACH_RUN

_wait = _compiled(retry.wait)
_next_failure = _compiled(retry.next_failure)
_too_old = _compiled(retry.too_old)


# --- the outside: what an attempt meets ---------------------------------------------------------------


@_compiled
def _mixed(z: Any) -> Any:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@_compiled
def _die(key: int, first: int, second: int, third: int) -> float:
    """`sim.streams.u` of three parts."""
    gamma = np.uint64(0x9E3779B97F4A7C15)
    z = _mixed(np.uint64(key) + gamma + np.uint64(first))
    z = _mixed(z + gamma + np.uint64(second))
    z = _mixed(z + gamma + np.uint64(third))
    return np.float64(z >> np.uint64(11)) * 2.0**-53


@_compiled
def _connects(s: State, q: int) -> int:
    """What opening a connection meets."""
    one, queue = s.one[0], s.queues[q]
    for k in range(len(s.spells)):
        spell = s.spells[k]
        if spell.since <= one.now < spell.until and (spell.hop == ANY or spell.hop == queue.hop):
            return spell.code
    if one.counting:
        counter = s.counters[q]
        counter.made += 1
        if counter.made < counter.last:
            return np.int64(counter.meets)
        return np.int64(counter.ends) if (FAILURES | NOBODY) >> counter.ends & 1 else OK
    host = s.hosts[q]
    if host.code != 0:
        return np.int64(host.code)
    passed = np.searchsorted(s.edges[host.edge : host.edge + host.edges], one.now, side="right")
    return np.int64(host.bad) if passed % 2 else OK


@_compiled
def _accepts(s: State, q: int, m: int) -> int:
    """What a host that answers says to the recipient."""
    one = s.one[0]
    if one.relayed:
        return _takes(s, s.pair[m])
    if one.counting:
        return np.int64(s.counters[q].ends)
    host = s.hosts[q]
    met = one.now
    if host.greylists:
        pair = s.pairs[s.pair[m]]
        if math.isnan(pair.met):
            pair.met = one.now
        met = pair.met
    if host.lists:
        for k in range(len(s.listed)):
            span = s.listed[k]
            if span.since <= one.now < span.until and host.lists >> span.code & 1:
                return LISTED
    if host.greylists and one.now < met + one.greylist_delay:
        return GREYLISTED
    return np.int64(s.messages[m].says)


@_compiled
def _takes(s: State, pair: int) -> int:
    """A smarthost takes any recipient, but not more than so many messages in an hour, and now and then not now."""
    one, who = s.one[0], s.pairs[pair]
    who.asked += 1
    if _die(one.key, who.recipient, who.asked, RELAY_REFUSES) < one.refuses:
        return TRY_LATER
    if one.throttle < math.inf:
        while one.taken > 0 and s.taken[one.first_taken] <= one.now - HOUR:
            one.first_taken = (one.first_taken + 1) % len(s.taken)
            one.taken -= 1
        if one.taken >= one.throttle:
            return TOO_MUCH
        s.taken[(one.first_taken + one.taken) % len(s.taken)] = one.now
        one.taken += 1
    return OK


@_compiled
def _seconds(s: State, q: int, m: int, code: int, opens: bool) -> Seconds:
    """How long an attempt holds its connection."""
    one, message = s.one[0], s.messages[m]
    if one.counting:
        return s.counters[q].seconds
    if LOOKED_UP >> code & 1:
        return s.lengths[code]
    host = s.hosts[q]
    if code in (TIMEOUT, REFUSED):
        return s.lengths[code] * host.times
    detour = one.detour if opens and host.detour else 0.0
    if code == BUSY:
        return s.lengths[code] + detour
    spread = 0.5 + _die(one.key, message.id, message.attempts, SESSION)
    length = one.session * spread * (1.0 if opens else 0.5) + s.sizes[m] / one.bandwidth
    return max(0.001, np.rint(length * 1048576.0) / 1048576.0) + detour


# --- lines --------------------------------------------------------------------------------------------


@_compiled
def _stand_at_the_tail(s: State, q: int, m: int) -> None:
    queue, message = s.queues[q], s.messages[m]
    message.place, message.next, message.prev = READY, NONE, queue.tail
    if queue.tail == NONE:
        queue.head = m
    else:
        s.messages[queue.tail].next = m
    queue.tail = m
    queue.ready += 1


@_compiled
def _stand_at_the_head(s: State, q: int, m: int) -> None:
    queue, message = s.queues[q], s.messages[m]
    message.place, message.prev, message.next = READY, NONE, queue.head
    if queue.head == NONE:
        queue.tail = m
    else:
        s.messages[queue.head].prev = m
    queue.head = m
    queue.ready += 1


@_compiled
def _step_out(s: State, q: int, m: int) -> None:
    """A message leaves the ready mail of its queue."""
    queue, message = s.queues[q], s.messages[m]
    if message.prev == NONE:
        queue.head = message.next
    else:
        s.messages[message.prev].next = message.next
    if message.next == NONE:
        queue.tail = message.prev
    else:
        s.messages[message.next].prev = message.prev
    queue.ready -= 1


@_compiled
def _into(items: Array, lines: Array, n: int, i: int) -> None:
    """To the end of a line: items wait equally long, so it is in order of time."""
    line, item = lines[n], items[i]
    item.line, item.next, item.prev = n, NONE, line.tail
    if line.tail == NONE:
        line.head, line.at = i, item.when
    else:
        items[line.tail].next = i
    line.tail = i


@_compiled
def _out_of(items: Array, lines: Array, i: int) -> None:
    """Out of its line, from anywhere."""
    item = items[i]
    line = lines[item.line]
    if item.prev == NONE:
        line.head = item.next
        line.at = items[item.next].when if item.next != NONE else math.inf
    else:
        items[item.prev].next = item.next
    if item.next == NONE:
        line.tail = item.prev
    else:
        items[item.next].prev = item.prev
    item.line = NO_LINE


@_compiled
def _up(items: Array, heap: Array, k: int) -> None:
    """Put the k-th of a heap where its time belongs, towards the front. Each item knows its place, in `prev`."""
    i, k = heap[k], Number(k)
    while k > 0 and items[i].when < items[heap[(k - 1) >> 1]].when:
        heap[k] = heap[(k - 1) >> 1]
        items[heap[k]].prev = k
        k = Number((k - 1) >> 1)
    heap[k] = i
    items[i].prev = k


@_compiled
def _down(items: Array, heap: Array, count: int, k: int) -> None:
    """The same, towards the back."""
    i, k = heap[k], Number(k)
    while True:
        child = Number(2 * k + 1)
        if child >= count:
            break
        if child + 1 < count and items[heap[child + 1]].when < items[heap[child]].when:
            child = Number(child + 1)
        if items[i].when <= items[heap[child]].when:
            break
        heap[k] = heap[child]
        items[heap[k]].prev = k
        k = child
    heap[k] = i
    items[i].prev = k


@_compiled
def _pulled(items: Array, heap: Array, count: int, k: int) -> int:
    """The k-th of `count`, taken out of a heap."""
    i, last = heap[k], heap[count - 1]
    if k < count - 1:
        heap[k] = last
        _up(items, heap, k)
        _down(items, heap, count - 1, items[last].prev)
    return i


# --- waits --------------------------------------------------------------------------------------------


@_compiled
def _sets_in(s: State, items: Array, lines: Array, i: int, seconds: Seconds, fixed: bool) -> None:
    """A message alone, or a queue, begins to wait. Lines of a fixed length are found by it, those of a scan by its number."""
    one, item = s.one[0], items[i]
    item.when = one.now + seconds
    one.wakes = min(one.wakes, item.when)
    if fixed:
        for n in range(len(lines)):
            if lines[n].wait == seconds:
                _into(items, lines, n, i)
                return
    elif len(lines) > 0:  # of scans
        every = s.params[2] if one.kind == CLAMPED_AGE else s.params[0]
        _into(items, lines, np.int64(np.rint(item.when / every)) % len(lines), i)
        return
    item.line = IN_HEAP
    s.waits[one.waits] = i
    _up(items, s.waits, one.waits)
    one.waits += 1


@_compiled
def _ceases(s: State, items: Array, lines: Array, i: int) -> None:
    """It waits no longer."""
    one, item = s.one[0], items[i]
    if item.line == IN_HEAP:
        _pulled(items, s.waits, one.waits, item.prev)
        one.waits -= 1
        item.line = NO_LINE
    elif item.line != NO_LINE:
        _out_of(items, lines, i)


@_compiled
def _resubmit_later(s: State, q: int) -> None:
    one, entry = s.one[0], s.resubmits[q]
    entry.at, entry.next, entry.prev = one.now + one.resubmit_after, NONE, one.last_resubmit
    one.wakes = min(one.wakes, entry.at)
    if one.last_resubmit == NONE:
        one.resubmits = q
    else:
        s.resubmits[one.last_resubmit].next = q
    one.last_resubmit = q


@_compiled
def _resubmit_not(s: State, q: int) -> None:
    if len(s.resubmits) == 0 or s.resubmits[q].at == math.inf:
        return
    one, entry = s.one[0], s.resubmits[q]
    if entry.prev == NONE:
        one.resubmits = entry.next
    else:
        s.resubmits[entry.prev].next = entry.next
    if entry.next == NONE:
        one.last_resubmit = entry.prev
    else:
        s.resubmits[entry.next].prev = entry.prev
    entry.at = math.inf


# --- a message ----------------------------------------------------------------------------------------


@_compiled
def _settle(s: State, m: int, outcome: int) -> None:
    """A message leaves; it stands in no line any more."""
    one, message = s.one[0], s.messages[m]
    message.place, message.outcome, message.when = GONE, outcome, one.now
    if outcome in (BOUNCED, EXPIRED):
        message.dsn = NULL_SENDER if message.null else SENT if one.reports else OFF
    elif outcome == DELETED:
        message.dsn = message.doomed
    message.next = NONE
    if one.last_left == NONE:
        one.first_left = m
    else:
        s.messages[one.last_left].next = m
    one.last_left = m
    one.left += 1


@_compiled
def _stand(s: State, m: int) -> None:
    """Ready, at the tail."""
    q = s.messages[m].queue
    s.messages[m].when = s.one[0].now
    _stand_at_the_tail(s, q, m)
    _want(s, q)


@_compiled
def _wait_alone(s: State, m: int, seconds: Seconds) -> None:
    """Out of the line, until it comes back by itself."""
    one, message = s.one[0], s.messages[m]
    if math.isnan(message.deferred):
        message.deferred = one.now
    message.place = ALONE
    s.queues[message.queue].alone += 1
    _sets_in(s, s.messages, s.lines, m, seconds, one.family == BY_QUEUE or one.kind in (INTERVALS, DOUBLING))


@_compiled
def _rejoin(s: State, m: int) -> None:
    """A message that waited alone comes back."""
    q = s.messages[m].queue
    s.queues[q].alone -= 1
    _joins(s, m)
    _look_if_empty(s, q)


# --- the families -------------------------------------------------------------------------------------


@_compiled
def _joins(s: State, m: int) -> None:
    """Accepted, or back from waiting: to the tail; or it must wait with its queue, or (again) alone."""
    one, message = s.one[0], s.messages[m]
    queue = s.queues[message.queue]
    if one.family == BY_MESSAGE:
        if one.now < queue.when:
            _suspended(s, m)
        else:
            _stand(s, m)
        return
    if queue.flags & ASLEEP and queue.episode == NONE:
        _begin_retry(s, message.queue)
    if queue.episode != NONE and math.isnan(message.deferred):
        message.deferred = one.now
    _stand(s, m)


@_compiled
def _queue_fails(s: State, q: int, code: int) -> None:
    """The queue sleeps, and all its messages are deferred."""
    one, queue = s.one[0], s.queues[q]
    queue.flags &= ~ACTIVE
    m = queue.head
    while m != NONE:
        if math.isnan(s.messages[m].deferred):
            s.messages[m].deferred = one.now
        m = s.messages[m].next
    if queue.flags & ASLEEP:
        return
    _ask_not(s, q)
    episode = s.episodes[queue.episode]
    queue.failures = _next_failure(one.kind, s.params, queue.failures, one.glitches >> code & 1 == 1)
    queue.flags |= ASLEEP
    seconds = _wait(one.kind, s.params, episode.since, one.now, queue.failures)
    _sets_in(s, s.queues, s.naps, q, seconds, one.kind in (INTERVALS, DOUBLING))
    if episode.failures == 1 and one.resubmit_after < math.inf:
        _resubmit_later(s, q)


@_compiled
def _hop_fails(s: State, q: int) -> None:
    """When so many connections in a row have failed, all others are deferred without an attempt."""
    one, queue = s.one[0], s.queues[q]
    queue.failures += 1
    if one.suspend_for > 0.0 and queue.failures >= one.suspend_after:
        queue.failures = 0
        queue.when = math.floor(one.now) + one.suspend_for - 1.0
        while queue.head != NONE:
            m = queue.head
            _step_out(s, q, m)
            _suspended(s, m)


@_compiled
def _suspended(s: State, m: int) -> None:
    """Deferred without an attempt."""
    one, message = s.one[0], s.messages[m]
    s.suspended[m] += 1
    if _too_old(one.expires == AT_FAILED_ATTEMPT, one.expiry, message.accepted, one.now):
        _settle(s, m, EXPIRED)
    else:
        _refused(s, m)


@_compiled
def _refused(s: State, m: int) -> None:
    """A message waits alone: for a fixed time where the queue retries, else by the schedule, counted from its acceptance. It has failed at
    each attempt so far, and each time that it was suspended."""
    one, message = s.one[0], s.messages[m]
    if one.family == BY_QUEUE:
        _wait_alone(s, m, one.message_retry)
        return
    failures = message.attempts + s.suspended[m] if len(s.suspended) > 0 else message.attempts
    seconds = _wait(one.kind, s.params, message.accepted, one.now, failures)
    late = one.expires == WHEN_THE_NEXT_IS_LATE and one.now + seconds > message.accepted + one.expiry
    if late or 0 < one.most_attempts <= message.attempts:
        _settle(s, m, EXPIRED)
    else:
        _wait_alone(s, m, seconds)


@_compiled
def _awake(s: State, q: int) -> None:
    queue = s.queues[q]
    _ceases(s, s.queues, s.naps, q)
    queue.flags &= ~ASLEEP
    if not queue.flags & EMPTIED:
        queue.since = s.one[0].now
    _want(s, q)


# --- the queue ----------------------------------------------------------------------------------------


@_compiled
def _begin_retry(s: State, q: int) -> None:
    one, queue = s.one[0], s.queues[q]
    episode = s.episodes[one.episodes]
    episode.hop, episode.since, episode.until, episode.seconds = queue.hop, one.now, math.nan, 0.0
    episode.failures, episode.code, episode.ended = 0, 0, 0
    queue.episode = one.episodes
    one.episodes += 1
    one.in_retry += 1


@_compiled
def _end_retry(s: State, q: int, ended: int) -> None:
    one, queue = s.one[0], s.queues[q]
    if queue.episode != NONE:
        episode = s.episodes[queue.episode]
        episode.until, episode.ended = one.now, ended
        queue.episode = NONE
        one.in_retry -= 1
        _resubmit_not(s, q)


@_compiled
def _look_if_empty(s: State, q: int) -> None:
    """An empty queue is in no episode, and forgets after a while."""
    queue = s.queues[q]
    if queue.ready + queue.alone == 0 and queue.open == 0 and not queue.flags & EMPTIED:
        _end_retry(s, q, EMPTY)
        queue.flags |= EMPTIED
        queue.since = s.one[0].now


@_compiled
def _want(s: State, q: int) -> None:
    """Ask for a connection, if the queue may have one more."""
    one, queue = s.one[0], s.queues[q]
    if queue.flags & (ASLEEP | ASKS | ICED) or queue.ready == 0:
        return
    most = queue.ready + queue.open
    if one.family == BY_QUEUE:
        most = (most + one.per_connection - 1) // one.per_connection if queue.flags & ACTIVE else 1
    if queue.open < most:
        queue.flags |= ASKS | FRESHLY
        _ask_freshly(s, q, queue.head)


@_compiled
def _older(s: State, m: int, other: int) -> bool:
    """Has this message the smaller id?"""
    return s.messages[m].id < s.messages[other].id


@_compiled
def _ask_freshly(s: State, q: int, m: int) -> None:
    """To those that ask since this instant, by the message at its head."""
    one = s.one[0]
    k = one.fresh
    one.fresh += 1
    while k > 0 and _older(s, m, s.fresh[(k - 1) >> 1].message):
        s.fresh[k] = s.fresh[(k - 1) >> 1]
        k = Number((k - 1) >> 1)
    s.fresh[k].message, s.fresh[k].queue = m, q


@_compiled
def _first_fresh(s: State, k: int) -> int:
    """The k-th of the queues that ask since this instant, taken out; the first has the smallest id."""
    one, k = s.one[0], Number(k)
    q = s.fresh[k].queue
    one.fresh -= 1
    m, moved = s.fresh[one.fresh].message, s.fresh[one.fresh].queue
    if k == one.fresh:
        return q
    while k > 0 and _older(s, m, s.fresh[(k - 1) >> 1].message):
        s.fresh[k] = s.fresh[(k - 1) >> 1]
        k = Number((k - 1) >> 1)
    while True:
        child = Number(2 * k + 1)
        if child >= one.fresh:
            break
        if child + 1 < one.fresh and _older(s, s.fresh[child + 1].message, s.fresh[child].message):
            child = Number(child + 1)
        if not _older(s, s.fresh[child].message, m):
            break
        s.fresh[k] = s.fresh[child]
        k = child
    s.fresh[k].message, s.fresh[k].queue = m, moved
    return q


@_compiled
def _ask(s: State, q: int) -> None:
    """To the end of the line for a connection."""
    one, queue = s.one[0], s.queues[q]
    queue.flags &= ~FRESHLY
    queue.next, queue.prev = NONE, one.last_asking
    if one.last_asking == NONE:
        one.asking = q
    else:
        s.queues[one.last_asking].next = q
    one.last_asking = q


@_compiled
def _ask_not(s: State, q: int) -> None:
    """Give up the place in the line for a connection."""
    one, queue = s.one[0], s.queues[q]
    if not queue.flags & ASKS:
        return
    if queue.flags & FRESHLY:
        for k in range(one.fresh):
            if s.fresh[k].queue == q:
                _first_fresh(s, k)
                break
    else:
        if queue.prev == NONE:
            one.asking = queue.next
        else:
            s.queues[queue.prev].next = queue.next
        if queue.next == NONE:
            one.last_asking = queue.prev
        else:
            s.queues[queue.next].prev = queue.prev
    queue.flags &= ~(ASKS | FRESHLY)


@_compiled
def _dispatch(s: State) -> None:
    """Grant connections by (waiting since, id); a queue stopped by its own limit does not stop those behind it."""
    one = s.one[0]
    q = one.asking
    while q != NONE and one.open < one.connections:
        queue = s.queues[q]
        later = queue.next
        if queue.ready == 0:
            _ask_not(s, q)
        elif queue.open < one.per_hop:
            _ask_not(s, q)
            _grant(s, q)
        q = later
    stopped, last = 0, len(s.fresh) - 1  # stopped by their own limit: at the other end of the array, with the message by which they asked
    while one.fresh > 0 and one.open < one.connections:
        m = s.fresh[0].message
        q = _first_fresh(s, 0)
        queue = s.queues[q]
        if queue.ready > 0 and queue.open >= one.per_hop:
            s.fresh[last - stopped].message, s.fresh[last - stopped].queue = m, q
            stopped += 1
            continue
        queue.flags &= ~(ASKS | FRESHLY)
        if queue.ready > 0:
            _grant(s, q)
    for k in range(stopped):
        _ask_freshly(s, s.fresh[last - k].queue, s.fresh[last - k].message)
    while one.fresh > 0:
        _ask(s, _first_fresh(s, 0))


@_compiled
def _grant(s: State, q: int) -> None:
    one, queue = s.one[0], s.queues[q]
    queue.open += 1
    one.open += 1
    one.free -= 1
    c = s.free[one.free]
    s.connections[c].carried = 0
    _attempt(s, q, c, True)
    _want(s, q)


# --- an attempt ---------------------------------------------------------------------------------------


@_compiled
def _begins(s: State, when: Seconds, m: int) -> None:
    """An attempt with a message is under way until then. The heap holds the times themselves: nothing leaves it but at the front."""
    one, heap = s.one[0], s.under_way
    k = one.under_way
    one.under_way += 1
    while k > 0 and when < heap[(k - 1) >> 1].when:
        parent = Number((k - 1) >> 1)
        heap[k].when, heap[k].message = heap[parent].when, heap[parent].message
        k = parent
    heap[k].when, heap[k].message = when, m


@_compiled
def _first_to_end(s: State) -> int:
    """The message whose attempt ends first, taken out: the gap goes to the back, always to the sooner child, and the last one from there to
    its place, which is seldom far."""
    one, heap = s.one[0], s.under_way
    first, k, child = heap[0].message, Number(0), Number(1)
    one.under_way -= 1
    when, m = heap[one.under_way].when, heap[one.under_way].message
    while child < one.under_way:
        # one beyond the last may be compared: it is the last itself, and its place is here
        child = Number(child + (heap[child + 1].when < heap[child].when))
        heap[k].when, heap[k].message = heap[child].when, heap[child].message
        k, child = child, Number(2 * child + 1)
    while k > 0 and when < heap[(k - 1) >> 1].when:
        parent = Number((k - 1) >> 1)
        heap[k].when, heap[k].message = heap[parent].when, heap[parent].message
        k = parent
    heap[k].when, heap[k].message = when, m
    return first


@_compiled
def _attempt(s: State, q: int, c: int, opens: bool) -> None:
    """Carry the head message."""
    one, queue, connection = s.one[0], s.queues[q], s.connections[c]
    m = queue.head
    message = s.messages[m]
    _step_out(s, q, m)
    message.place, message.prev = UNDER_WAY, c
    connection.carried += 1
    message.attempts += 1
    message.waited += one.now - max(message.when, queue.since)
    code = _connects(s, q) if opens else OK
    if code == OK:
        code = _accepts(s, q, m)
    seconds = _seconds(s, q, m, code, opens)
    made = s.attempts[one.made]
    made.message, made.at, made.code, made.seconds = m, one.now, code, seconds
    one.made += 1
    connection.code, connection.seconds = code, seconds
    _begins(s, one.now + seconds, m)


@_compiled
def _ended(s: State, m: int) -> None:
    """An attempt is over: what follows for the message, then for the connection."""
    one, message = s.one[0], s.messages[m]
    q, c = message.queue, message.prev
    queue, connection = s.queues[q], s.connections[c]
    code = connection.code
    message.code = code
    final = one.final >> code & 1
    failed = FAILURES >> code & 1 or (NOBODY >> code & 1 and not final)
    if failed:
        if queue.episode == NONE:
            _begin_retry(s, q)
        episode = s.episodes[queue.episode]
        episode.failures += 1
        episode.seconds += connection.seconds
        episode.code = code
        if one.family == BY_QUEUE:
            _queue_fails(s, q, code)
        else:
            _hop_fails(s, q)
    elif not NOBODY >> code & 1 and not queue.flags & ASLEEP:
        queue.flags |= ACTIVE
        queue.failures = 0
        _end_retry(s, q, ANSWERED)
    if code == OK:
        _settle(s, m, DELIVERED)
    elif final:
        _settle(s, m, BOUNCED)
    else:
        if math.isnan(message.deferred):
            message.deferred = one.now
        if message.doomed != SPARED:
            _settle(s, m, DELETED)
        elif _too_old(one.expires == AT_FAILED_ATTEMPT, one.expiry, message.accepted, one.now):
            _settle(s, m, EXPIRED)
        elif failed and one.family == BY_QUEUE:
            message.when = one.now
            _stand_at_the_head(s, q, m)
        else:
            _refused(s, m)
    more = queue.ready > 0 and not queue.flags & (ASLEEP | ICED) and not failed
    if more and connection.carried < one.per_connection:
        _attempt(s, q, c, NOBODY >> code & 1 == 1)
    else:
        queue.open -= 1
        one.open -= 1
        s.free[one.free] = c
        one.free += 1
        if queue.open == 0:
            queue.flags &= ~ACTIVE
        _look_if_empty(s, q)
    _want(s, q)


# --- what is due at an instant, by rank ----------------------------------------------------------------


@_compiled
def _act(s: State, act: Any) -> None:
    """Rank 0: an administrator acts. What is under way goes on."""
    one = s.one[0]
    if act.deed == LIMIT:
        if act.connections > 0:
            one.connections = act.connections
        if act.per_hop > 0:
            one.per_hop = act.per_hop
        return
    if act.deed in (FREEZE, THAW) and not act.only_in_retry:
        one.frozen = act.deed == FREEZE
    for q in range(len(s.queues)):
        queue = s.queues[q]
        if not queue.flags & EXISTS or (act.only_in_retry and queue.episode == NONE):
            continue
        queue.flags |= TOUCHED
        if act.deed == FREEZE and not queue.flags & ICED:
            if not queue.flags & ASLEEP:
                m = queue.head
                while m != NONE:
                    s.messages[m].waited += one.now - max(s.messages[m].when, queue.since)
                    m = s.messages[m].next
            queue.flags |= ICED
            _ask_not(s, q)
        elif act.deed == THAW and queue.flags & ICED:
            queue.flags &= ~ICED
            if not queue.flags & EMPTIED:
                queue.since = one.now
            _want(s, q)
        elif act.deed == FORCE_RETRY and one.family == BY_QUEUE:
            if queue.flags & ASLEEP:
                _awake(s, q)
        elif act.deed == FORCE_RETRY:
            queue.when = 0.0
    if act.deed == DELETE or (act.deed == FORCE_RETRY and one.family == BY_MESSAGE):
        _act_on_mail(s, act)
    for q in range(len(s.queues)):
        s.queues[q].flags &= ~TOUCHED


@_compiled
def _act_on_mail(s: State, act: Any) -> None:
    """Mail of the touched queues is deleted, or comes back from waiting."""
    one = s.one[0]
    one.due = 0
    for m in range(one.accepted):
        message = s.messages[m]
        if not s.queues[message.queue].flags & TOUCHED:
            continue
        if act.deed == DELETE:
            chosen = message.place != GONE and (act.kinds == ANY or act.kinds >> (message.id & 15) & 1)
        else:
            chosen = message.place == ALONE
        if chosen:
            s.due[one.due] = m
            one.due += 1
    _in_turn(s)
    for k in range(one.due):
        m = s.due[k]
        message = s.messages[m]
        if act.deed == FORCE_RETRY:
            _ceases(s, s.messages, s.lines, m)
            _rejoin(s, m)
            continue
        message.doomed = OFF if not act.report else NULL_SENDER if message.null else SENT if one.reports else OFF
        if message.place != UNDER_WAY:
            _take_out(s, m)
            _settle(s, m, DELETED)
    if act.deed == DELETE:
        for q in range(len(s.queues)):
            if s.queues[q].flags & TOUCHED:
                _look_if_empty(s, q)


@_compiled
def _take_out(s: State, m: int) -> None:
    message = s.messages[m]
    if message.place == ALONE:
        _ceases(s, s.messages, s.lines, m)
        s.queues[message.queue].alone -= 1
    else:
        _step_out(s, message.queue, m)


@_compiled
def _expire(s: State, m: int) -> None:
    """Rank 2: its lifetime is over. Under way, its attempt decides."""
    message = s.messages[m]
    if message.place == UNDER_WAY or message.place == GONE:
        return
    if message.code == 0:
        message.code = EXPIRED_CODE
    _take_out(s, m)
    _settle(s, m, EXPIRED)
    _look_if_empty(s, message.queue)


@_compiled
def _accept(s: State, m: int) -> None:
    """Rank 5: it joins the queue of its next hop."""
    one, q = s.one[0], s.messages[m].queue
    queue = s.queues[q]
    if not queue.flags & EXISTS:
        queue.flags |= EXISTS | (ICED if one.frozen else 0)
    if queue.flags & EMPTIED and queue.since + one.forget_after <= one.now:
        queue.failures = 0
        queue.flags &= ~ASLEEP
        _ceases(s, s.queues, s.naps, q)
    queue.flags &= ~EMPTIED
    _joins(s, m)
    _look_if_empty(s, q)


@_compiled
def _earlier(s: State, m: int, other: int) -> bool:
    """Is it this message's turn first, at one instant?"""
    hop, other_hop = s.queues[s.messages[m].queue].hop, s.queues[s.messages[other].queue].hop
    return hop < other_hop or (hop == other_hop and s.messages[m].id < s.messages[other].id)


@_compiled
def _in_turn(s: State) -> None:
    """Sort what is due by (next hop, id)."""
    one, due = s.one[0], s.due
    if one.due < 2:
        return
    for k in range(1, one.due):  # a heap, the last in turn first
        m = due[k]
        while k > 0 and _earlier(s, due[(k - 1) >> 1], m):
            due[k] = due[(k - 1) >> 1]
            k = (k - 1) >> 1
        due[k] = m
    for end in range(one.due - 1, 0, -1):
        m, due[end], k = due[end], due[0], 0
        while 2 * k + 1 < end:
            child = 2 * k + 1
            if child + 1 < end and _earlier(s, due[child], due[child + 1]):
                child += 1
            if not _earlier(s, m, due[child]):
                break
            due[k] = due[child]
            k = child
        due[k] = m


@_compiled
def _attempts_end(s: State) -> None:
    """Rank 1."""
    one = s.one[0]
    one.due = 0
    while one.under_way > 0 and s.under_way[0].when == one.now:
        s.due[one.due] = _first_to_end(s)
        one.due += 1
    _in_turn(s)
    for k in range(one.due):
        _ended(s, s.due[k])


@_compiled
def _lifetimes_end(s: State) -> None:
    """Rank 2."""
    one = s.one[0]
    if one.expires != TIMER or one.comes > one.now:
        return
    one.due = 0
    while one.expiring < one.accepted and s.messages[one.expiring].accepted + one.expiry <= one.now:
        s.due[one.due] = one.expiring
        one.due += 1
        one.expiring += 1
    _in_turn(s)
    for k in range(one.due):
        _expire(s, s.due[k])


@_compiled
def _waits_end(s: State) -> None:
    """Rank 3: queues first, then messages, within each next hop."""
    one = s.one[0]
    if one.wakes > one.now:
        return
    while one.resubmits != NONE and s.resubmits[one.resubmits].at == one.now:
        q = one.resubmits
        _resubmit_not(s, q)
        s.queues[q].failures = 0
        _resubmit_later(s, q)
        if s.queues[q].flags & ASLEEP:
            _awake(s, q)
    for n in range(len(s.naps)):
        while s.naps[n].at == one.now:
            _awake(s, s.naps[n].head)
    while one.family == BY_QUEUE and one.waits > 0 and s.queues[s.waits[0]].when == one.now:
        _awake(s, s.waits[0])
    one.due = 0
    for n in range(len(s.lines)):
        while s.lines[n].at == one.now:
            s.due[one.due] = s.lines[n].head
            one.due += 1
            _out_of(s.messages, s.lines, s.lines[n].head)
    while one.family == BY_MESSAGE and one.waits > 0 and s.messages[s.waits[0]].when == one.now:
        s.due[one.due] = s.waits[0]
        one.due += 1
        _ceases(s, s.messages, s.lines, s.waits[0])
    _in_turn(s)
    for k in range(one.due):
        _rejoin(s, s.due[k])


@_compiled
def _notices_are_due(s: State) -> None:
    """Rank 4."""
    one = s.one[0]
    if one.delay_notice == math.inf or one.comes > one.now:
        return
    one.due = 0
    while one.delaying < one.accepted and s.messages[one.delaying].accepted + one.delay_notice <= one.now:
        s.due[one.due] = one.delaying
        one.due += 1
        one.delaying += 1
    _in_turn(s)
    for k in range(one.due):
        if s.messages[s.due[k]].place != GONE and one.reports:
            s.late[one.late] = s.due[k]
            one.late += 1


@_compiled
def _mail_comes(s: State) -> None:
    """Rank 5."""
    one = s.one[0]
    if one.comes > one.now:
        return
    one.due = 0
    while one.accepted < one.submitted and s.messages[one.accepted].accepted == one.now:
        s.due[one.due] = one.accepted
        one.due += 1
        one.accepted += 1
    _in_turn(s)
    for k in range(one.due):
        _accept(s, s.due[k])


@_compiled
def _wakes(s: State) -> Seconds:
    """When the next wait ends."""
    one = s.one[0]
    at = math.inf
    for n in range(len(s.naps)):
        at = min(at, s.naps[n].at)
    for n in range(len(s.lines)):
        at = min(at, s.lines[n].at)
    if one.waits > 0:
        at = min(at, s.queues[s.waits[0]].when if one.family == BY_QUEUE else s.messages[s.waits[0]].when)
    if one.resubmits != NONE:
        at = min(at, s.resubmits[one.resubmits].at)
    return at


@_compiled
def _comes(s: State) -> Seconds:
    """When the next mail comes, has lived too long or is late."""
    one = s.one[0]
    at = s.messages[one.accepted].accepted if one.accepted < one.submitted else math.inf
    if one.expires == TIMER:
        while one.expiring < one.accepted and s.messages[one.expiring].place == GONE:
            one.expiring += 1
        if one.expiring < one.accepted:
            at = min(at, s.messages[one.expiring].accepted + one.expiry)
    if one.delay_notice < math.inf:
        while one.delaying < one.accepted and s.messages[one.delaying].place == GONE:
            one.delaying += 1
        if one.delaying < one.accepted:
            at = min(at, s.messages[one.delaying].accepted + one.delay_notice)
    return at


@_compiled
def _next(s: State) -> Seconds:
    """The next time at which something may be due."""
    one = s.one[0]
    if one.acts > 0:
        return one.now
    if one.wakes <= one.now:  # these are over
        one.wakes = _wakes(s)
    if one.comes <= one.now:
        one.comes = _comes(s)
    at = min(one.wakes, one.comes)
    if one.under_way > 0 and s.under_way[0].when < at:
        at = s.under_way[0].when
    return at


@kept
def play(s: State, until: Seconds) -> int:
    """Play everything before `until`. DONE, or FULL where the logs of attempts and episodes need more room."""
    one = s.one[0]
    while True:
        at = _next(s)
        if at >= until:
            one.now = until
            return DONE
        # an attempt takes a connection; an episode begins with an attempt's end or with mail that joins
        if one.made + len(s.connections) > len(s.attempts) or one.episodes + len(s.queues) + len(s.connections) > len(s.episodes):
            return FULL
        one.now = at
        for k in range(one.acts):
            _act(s, s.acts[k])
        one.acts = 0
        _attempts_end(s)
        _lifetimes_end(s)
        _waits_end(s)
        _notices_are_due(s)
        _mail_comes(s)
        _dispatch(s)


@kept
def who_left(messages: Array, first: int, numbers: Ints, when: Floats, outcome: Codes, dsn: Codes) -> None:
    """Messages in the order in which they left, from one on: as many as there is room for."""
    m = np.uint32(first)
    for k in range(len(numbers)):
        message = messages[m]
        numbers[k], when[k], outcome[k], dsn[k] = m, message.when, message.outcome, message.dsn
        m = message.next


@kept
def in_all(attempts: Array, first: Floats, held: Floats) -> None:
    """Add to each message's attempts some more, in order of time: when the first was, and the seconds of all."""
    for k in range(len(attempts)):
        made = attempts[k]
        if math.isnan(first[made.message]):
            first[made.message] = made.at
        held[made.message] += made.seconds
