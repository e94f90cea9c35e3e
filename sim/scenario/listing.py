"""Block lists that may list the server: each a table `[listing.NAME]` that is switched on by being there.

A list counts what arrives at its spamtraps. After `hits` of them within `within` it lists the server, `delay` later, until `lasts` after
the last hit. Destinations that ask the list then refuse all mail from here (550, no retry); large providers have lists of their own, which
are not modelled. What each list counts is part of its nature (`COUNTS`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sim.mail import Kind
from sim.profiles import Tag
from sim.scenario.fields import Duration, Share, Table, key

if TYPE_CHECKING:
    from sim.scenario.schema import Document

__all__ = ["AUTOMATIC", "COUNTS", "Abusix", "Backscatterer", "Listing", "SemBackscatter", "SpamCop", "lists"]

AUTOMATIC: Final = frozenset({Kind.AUTOREPLY, Kind.FAILURE, Kind.DELAY, Kind.RECEIPT})  # what no person writes
# Which kinds of our mail a list counts, and whether only with the null sender.
COUNTS: Final[Mapping[str, tuple[frozenset[Kind], bool]]] = {
    "spamcop": (frozenset(Kind), False),
    "backscatterer": (AUTOMATIC, False),  # "misdirected bounces or misdirected autoresponders" (FACTS 6.5, S160)
    "sem_backscatter": (frozenset(Kind), True),  # any MAIL FROM:<> (S169)
    "abusix": (frozenset(Kind), True),  # null-return-path mail (S170)
}


def _hits(value: int, source: str, low: int | None = None, high: int | None = None) -> Any:
    tag = Tag.DOCUMENTED if low is None else Tag.ASSUMED
    return key(value, "messages at its traps that make it list a server", "messages", source, tag, low, high, ge=1)


def _within(value: str, source: str, tag: Tag = Tag.ASSUMED, low: str | None = None, high: str | None = None) -> Any:
    return key(value, "the hits count if they come within this", "s", source, tag, low, high, gt=0)


def _delay() -> Any:
    return key("1 h", "from the hit to the listing", "s", "assumed; no source", Tag.ASSUMED, "10 min", "24 h", ge=60)


def _lasts(value: str, source: str, tag: Tag = Tag.DOCUMENTED, low: str | None = None, high: str | None = None) -> Any:
    return key(value, "from the last hit to the end of the listing", "s", source, tag, low, high, gt=0)


def _asked(value: str, low: str, high: str) -> Any:
    return key(
        value, "destinations that refuse whom it lists, large providers left out", "share", "assumed; no source", Tag.ASSUMED, low, high
    )


class SpamCop(Table):
    """SpamCop's SCBL: trap hits and reports of the last week, weighed by age; autoresponders are named as a cause (FACTS 6.5, S164)."""

    hits: int = _hits(2, "assumed; its score weighs reports against the mail seen (S166-S168)", 1, 10)
    within: Duration = _within("7 d", "reports are ignored after a week (S166)", Tag.DOCUMENTED)
    delay: Duration = _delay()
    lasts: Duration = _lasts(
        "24 h", "usually 24 to 48 h after the last report, by another page 12 h (S166-S168)", Tag.ASSUMED, "12 h", "48 h"
    )
    asked_by: Share = _asked("10 %", "2 %", "40 %")


class Backscatterer(Table):
    """Backscatterer.org: misdirected bounces and autoresponders (FACTS 6.5, S160-S163)."""

    hits: int = _hits(1, "assumed; no source", 1, 5)
    within: Duration = _within("28 d", "assumed: as long as a listing", Tag.ASSUMED, "1 d", "28 d")
    delay: Duration = _delay()
    lasts: Duration = _lasts("28 d", "4 weeks (S160)")
    asked_by: Share = _asked("2 %", "0 %", "10 %")


class SemBackscatter(Table):
    """Spam Eating Monkey BACKSCATTER: any IP that sends MAIL FROM:<> to a trap (FACTS 6.5, S169)."""

    hits: int = _hits(1, "any (S169)")
    within: Duration = _within("15 d", "one hit is enough (S169)", Tag.DOCUMENTED)
    delay: Duration = _delay()
    lasts: Duration = _lasts("15 d", "removed after 15 days (S169)")
    asked_by: Share = _asked("1 %", "0 %", "5 %")


class Abusix(Table):
    """Abusix' backscatter list: mail with the null return path (FACTS 6.5, S170)."""

    hits: int = _hits(1, "assumed; no source", 1, 5)
    within: Duration = _within("7 d", "assumed", Tag.ASSUMED, "1 d", "14 d")
    delay: Duration = _delay()
    lasts: Duration = _lasts("125 h", "about 5.2 days after last seen (S170)")
    asked_by: Share = _asked("1 %", "0 %", "5 %")


class Listing(Table):
    """Block lists, each off unless its table is there."""

    spamcop: SpamCop | None = None
    backscatterer: Backscatterer | None = None
    sem_backscatter: SemBackscatter | None = None
    abusix: Abusix | None = None


def lists(document: Document) -> dict[str, SpamCop | Backscatterer | SemBackscatter | Abusix]:
    """The lists that are switched on, by name, in order of the schema."""
    return {name: table for name in Listing.model_fields if (table := getattr(document.listing, name)) is not None}
