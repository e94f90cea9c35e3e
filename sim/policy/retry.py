"""How long a queue or a deferred message waits before the next delivery attempt.

A retry rule maps (kind, params, accepted, now, failures) to seconds: when the message was accepted (where the queue retries: when the queue
first failed) and when the attempt failed, both in seconds on the time grid, and the failures in a row so far, at least 1. It knows no
network and no die, so it can be printed, compared and tested without running a simulation; it uses scalars only, so a compiler can take
the same text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from sim.mail import Code
from sim.units import Seconds

__all__ = [
    "CLAMPED_AGE",
    "DOUBLING",
    "EACH_RUN",
    "INTERVALS",
    "PIECES",
    "SQUARES",
    "SQUARES_OF_AGE",
    "Expiry",
    "Family",
    "QueueRules",
    "next_failure",
    "schedule",
    "too_old",
    "wait",
]

# The kinds of rule and their params.
INTERVALS: Final = 0  # number of glitch retries, their interval, then the waits after failures 1, 2, 3 ..., the last one for ever
CLAMPED_AGE: Final = 1  # minimal and maximal wait, time between two scans of the deferred queue: Postfix
EACH_RUN: Final = 2  # time between two queue runs: Sendmail
PIECES: Final = 3  # for each piece: age at which it ends, first wait, factor by which waits grow: Exim
SQUARES_OF_AGE: Final = 4  # what is added to the root of the age: qmail
SQUARES: Final = 5  # unit of the squares: OpenSMTPD
DOUBLING: Final = 6  # first wait, longest wait (infinite: none): KumoMTA, mox
_GRID: Final = 2.0**20  # steps of the time grid in a second


class Family(Enum):
    """Who retries."""

    QUEUE = "the queue retries"  # Exchange, and the SMTP service of Windows
    MESSAGE = "the message retries"  # Postfix and most others


class Expiry(Enum):
    """When a message whose lifetime is over leaves."""

    TIMER = "when its lifetime is over"
    AT_FAILED_ATTEMPT = "at the first failed attempt after its lifetime"
    WHEN_THE_NEXT_IS_LATE = "when the next attempt would be after its lifetime"


@dataclass(frozen=True, slots=True)
class QueueRules:
    """Everything that a transport knows of its server. Times in seconds."""

    family: Family
    kind: int
    params: tuple[float, ...]  # of `wait`
    glitch_on: frozenset[Code]
    message_retry: Seconds  # where the queue retries: wait of one message that was refused 4xx
    expiry: Seconds
    expires: Expiry
    delay_notice: Seconds  # infinite: never
    forget_after: Seconds
    connections: int
    connections_per_hop: int
    messages_per_connection: int
    reports_failures: bool
    most_attempts: int = 0  # 0: no limit
    resubmit_after: Seconds = math.inf  # a queue that delivered nothing for so long begins afresh
    nxdomain_retries: bool = False  # a domain that does not exist fails like a connection; else at once and for good
    null_mx_retries: bool = False  # the same of a domain that says it takes no mail
    suspend_for: Seconds = 0.0  # where the message retries: how long a dead next hop is left alone
    suspend_after: int = 1  # failed connections in a row that make it dead

    def retries(self, code: Code) -> bool:
        """Does an answer of DNS that others take as final fail like a connection here?"""
        return (code is Code.NXDOMAIN and self.nxdomain_retries) or (code is Code.NULL_MX and self.null_mx_retries)


def wait(kind: int, params: Sequence[float], accepted: Seconds, now: Seconds, failures: int) -> Seconds:
    """Seconds from `now` to the next attempt after `failures` failures in a row.

    >>> [wait(INTERVALS, (3, 60, 600, 600, 600, 900), 0.0, 0.0, n) for n in (1, 3, 4, 7, 50)]
    [60, 60, 600, 900, 900]
    """
    if kind == INTERVALS:
        glitches = int(params[0])
        if failures <= glitches:
            return params[1]
        return params[min(1 + failures - glitches, len(params) - 1)]
    if kind == CLAMPED_AGE:
        # Whole seconds, and a scan takes what is due one second later (FACTS 9; qmgr_active.c, S41).
        second = math.floor(now)
        due = second + min(max(second - math.floor(accepted), params[0]), params[1])
        scan = math.floor(now / params[2]) + 1
        return max(scan, math.ceil((due - 1.0) / params[2])) * params[2] - now
    if kind == EACH_RUN:
        return (math.floor(now / params[0]) + 1) * params[0] - now
    if kind == PIECES:
        age, began = now - accepted, 0.0
        last = len(params) - 3
        piece = 0
        while piece < last and age >= params[piece]:
            began = params[piece]
            piece += 3
        first, factor = params[piece + 1], params[piece + 2]
        if factor == 1.0:
            return first
        steps = round(math.log(max(age - began, 0.0) * (factor - 1.0) / first + 1.0) / math.log(factor))
        return round(first * factor**steps * _GRID) / _GRID
    if kind == SQUARES_OF_AGE:
        born = math.floor(accepted)
        root = math.floor(math.sqrt(max(math.floor(now) - born, 0.0))) + params[0]
        return born + root * root - now
    if kind == SQUARES:
        step = max(failures, math.floor(math.sqrt(max(now - accepted, 0.0) / params[0])) + 1)
        return accepted + params[0] * step * step - now
    assert kind == DOUBLING
    return min(params[0] * 2.0 ** min(failures - 1, 40), params[1])


def next_failure(kind: int, params: Sequence[float], failures: int, glitch: bool) -> int:
    """The count after one more failure. A failure that does not glitch on this server skips the glitch stage, which is then over."""
    if kind == INTERVALS and not glitch:
        return max(failures, int(params[0])) + 1
    return failures + 1


def too_old(whole: bool, expiry: Seconds, accepted: Seconds, now: Seconds) -> bool:
    """Has a message whose attempt just failed outlived its lifetime? Those who look only then count `whole` seconds (FACTS 1.4)."""
    if whole:
        return math.floor(now) - math.floor(accepted) >= expiry
    return now >= accepted + expiry


def schedule(rules: QueueRules, glitch: bool = False, seconds: Seconds = 0.0) -> list[Seconds]:
    """Times of all attempts at a next hop that never answers, the first at 0, each attempt lasting `seconds`.

    The attempt at the very end of the lifetime is counted, and so is the one after it where the server makes it.

    Written without the transport, so that one can be held against the other.
    """
    times: list[Seconds] = []
    start, failures = 0.0, 0
    first_failed = seconds if rules.family is Family.QUEUE else 0.0
    while start <= rules.expiry or rules.expires is Expiry.AT_FAILED_ATTEMPT:
        times.append(start)
        end = start + seconds
        if len(times) == rules.most_attempts or (rules.expires is Expiry.AT_FAILED_ATTEMPT and too_old(True, rules.expiry, 0.0, end)):
            break
        failures = next_failure(rules.kind, rules.params, failures, glitch)
        start = end + wait(rules.kind, rules.params, first_failed, end, failures)
        if rules.expires is Expiry.WHEN_THE_NEXT_IS_LATE and start > rules.expiry:
            break
    return times
