"""Who is away when: the absences of a scenario file written out, calendars of part-timers among them.

An absence is a stretch of time with the out-of-office reply on. What makes two stretches one absence is the switch, not the person:
servers forget whom they answered when the reply is switched off and on (FACTS 2.1). So consecutive days of a calendar are one absence, and
a day off that touches or lies in a holiday belongs to it, since nobody switches in between; a calendar's other days are absences of their
own, unless its reply is set once for all of them (a rule that looks at the day of the week): then they share one list of who was answered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sim.scenario import schema
from sim.units import DAY, Seconds

__all__ = ["Absence", "absences", "overlap", "part"]

Mailboxes = Callable[[str], Sequence[int]]  # whom `who` of an entry means


@dataclass(frozen=True, slots=True)
class Absence:
    """A mailbox is away in [since, until). Absences with the same number share one list of who was answered."""

    mailbox: int
    since: Seconds
    until: Seconds
    number: int = 0


def part(share: float, first: int, count: int) -> list[int]:
    """A share of the mailboxes from `first` up to `count`, spread evenly over them."""
    n = round(share * (count - first))
    return [first + i * (count - first) // n for i in range(n)]


def overlap(entries: Sequence[schema.Absence], mailboxes: Mailboxes) -> tuple[int, int] | None:
    """The first two entries, calendars left out, that have the same person away at the same time."""
    written = [
        (box, e.since, math.inf if e.until is None else e.until, n)
        for n, e in enumerate(entries)
        if e.every is None
        for box in mailboxes(e.who)
    ]
    written.sort()
    for (who, _, until, first), (next_who, since, _, second) in pairwise(written):
        if who == next_who and since < until:
            return min(first, second), max(first, second)
    return None


def absences(entries: Sequence[schema.Absence], mailboxes: Mailboxes, weekday: int, horizon: Seconds) -> list[Absence]:
    """All absences, in order of (entry, beginning), numbered. `weekday` of day 1: 0 is a Monday."""
    spans: list[tuple[int, Absence]] = []  # entry, and one stretch of it
    for n, entry in enumerate(entries):
        until = horizon if entry.until is None else min(entry.until, horizon)
        for mailbox in mailboxes(entry.who):
            whole = Absence(mailbox, entry.since, until)
            spans += [(n, span) for span in ([whole] if entry.every is None else _days(whole, entry.every, weekday))]
    calendars = {n for n, entry in enumerate(entries) if entry.every is not None}
    spans = _joined(spans, calendars) if calendars else spans
    found: list[Absence] = []
    shared: dict[int, int] = {}
    for n, span in spans:
        number = len(found)
        if entries[n].switched == "once":
            number = shared.setdefault(n, number)
        found.append(replace(span, number=number))
    return found


def _days(whole: Absence, every: Sequence[int], weekday: int) -> list[Absence]:
    """The days of a calendar within a stretch of time, consecutive ones as one."""
    found: list[Absence] = []
    for day in range(int(whole.since // DAY), math.ceil(whole.until / DAY)):
        since, until = max(whole.since, day * DAY), min(whole.until, (day + 1) * DAY)
        if (weekday + day) % 7 in every and since < until:
            if found and found[-1].until == since:
                since = found.pop().since
            found.append(Absence(whole.mailbox, since, until))
    return found


def _joined(spans: list[tuple[int, Absence]], calendars: set[int]) -> list[tuple[int, Absence]]:
    """Stretches of one person that overlap or touch are one where a calendar has a part in it, and belong to the entry without calendar."""
    found: list[tuple[int, Absence]] = []
    for n, span in sorted(spans, key=lambda item: (item[1].mailbox, item[1].since, item[0])):
        if found:
            before, last = found[-1]
            if last.mailbox == span.mailbox and span.since <= last.until and (n in calendars or before in calendars):
                written = [entry for entry in (before, n) if entry not in calendars]
                found[-1] = (min(written or [before, n]), replace(last, until=max(last.until, span.until)))
                continue
        found.append((n, span))
    return sorted(found, key=lambda item: (item[0], item[1].since))
