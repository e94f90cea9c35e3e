"""Answer or not, and why not.

Decided in a fixed order, the first "no" is the reason: is the mailbox absent, are replies on, whom does the policy answer, the
responder's suppression rules (each a switch), the history. `reasons` is stateless and takes columns; `grant` sees the survivors one by one
and keeps the history, keyed (mailbox, absence, sender), so that a new absence starts afresh without any code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt

from sim.mail import NULL_SENDER, Answer, Flag, Ints, Outcome, Place

__all__ = ["POLICIES", "Audience", "Facts", "History", "Responder", "grant", "reasons"]

Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]


class Audience(Enum):
    """Whom a policy answers."""

    NOBODY = "nobody"
    INTERNAL = "internal"
    PARTNERS = "partners"  # internal, and the named partner domains
    CONTACTS = "contacts"  # internal, and the user's own contacts
    EVERYBODY = "everybody"


POLICIES: Final = {
    "off": Audience.NOBODY,
    "internal-only": Audience.INTERNAL,
    "partners-only": Audience.PARTNERS,
    "contacts-only": Audience.CONTACTS,
    "external": Audience.EVERYBODY,
}


@dataclass(frozen=True, slots=True)
class Responder:
    """The suppression rules of an autoresponder; True means that such mail is not answered."""

    auto_submitted: bool
    precedence: bool
    list_header: bool
    suppress_header: bool
    system_sender: bool
    own_address: bool
    not_to_me: bool
    junk: bool
    history: int  # senders remembered per absence; above it every message is answered
    user_return_path: bool  # the reply's return path is the user; else it is null


@dataclass(frozen=True, slots=True)
class Facts:
    """What `reasons` looks at, one element per message that reached a mailbox."""

    absent: Bools
    replies_on: Bools
    place: Bytes  # of the sender
    sender: Ints
    flags: npt.NDArray[np.uint16]
    outcome: Bytes  # MAILBOX or JUNK


def reasons(audience: Audience, responder: Responder, facts: Facts) -> Bytes:
    """For each message `Answer.ANSWERED`, subject to the history, or the first reason against it. uint8[n].

    The null sender is never answered, by any policy or switch (RFC 3834 section 2, RFC 5321 4.5.5)."""
    reason = np.full(facts.absent.shape, Answer.ANSWERED, dtype=np.uint8)

    def unless(against: Bools, why: Answer) -> None:
        reason[(reason == Answer.ANSWERED) & against] = why

    def flagged(flag: Flag) -> Bools:
        found: Bools = (facts.flags & flag) != 0
        return found

    unless(~facts.absent, Answer.NOT_ABSENT)
    unless(~facts.replies_on, Answer.REPLIES_OFF)
    inside = facts.place == Place.OFFICE
    if audience is Audience.NOBODY:
        unless(np.ones_like(inside), Answer.AUDIENCE)
    elif audience is Audience.INTERNAL:
        unless(~inside, Answer.AUDIENCE)
    elif audience is Audience.PARTNERS:
        unless(~inside & (facts.place != Place.PARTNER), Answer.AUDIENCE)
    elif audience is Audience.CONTACTS:
        unless(~inside & ~flagged(Flag.CONTACT), Answer.AUDIENCE)
    unless(facts.sender == NULL_SENDER, Answer.NULL_SENDER)
    for on, flag, why in (
        (responder.auto_submitted, Flag.AUTO_SUBMITTED, Answer.AUTO_SUBMITTED),
        (responder.precedence, Flag.PRECEDENCE, Answer.PRECEDENCE),
        (responder.list_header, Flag.LIST_HEADER, Answer.LIST_HEADER),
        (responder.suppress_header, Flag.SUPPRESS_HEADER, Answer.SUPPRESS_HEADER),
        (responder.system_sender, Flag.SYSTEM_SENDER, Answer.SYSTEM_SENDER),
        (responder.own_address, Flag.OWN_ADDRESS, Answer.OWN_ADDRESS),
        (responder.not_to_me, Flag.NOT_TO_ME, Answer.NOT_TO_ME),
    ):
        if on:
            unless(flagged(flag), why)
    if responder.junk:
        unless(facts.outcome == Outcome.JUNK, Answer.JUNK)
    return reason


@dataclass(slots=True)
class History:
    """Who was answered: the caller's to keep. `count` is per (mailbox, absence)."""

    seen: set[tuple[int, int, int]] = field(default_factory=set)
    count: dict[tuple[int, int], int] = field(default_factory=dict)


def grant(history: History, limit: int, mailbox: int, absence: int, sender: int) -> bool:
    """Once per sender and absence, up to `limit` senders; a sender that no longer fits is answered every time (FACTS S55)."""
    if (mailbox, absence, sender) in history.seen:
        return False
    known = history.count.get((mailbox, absence), 0)
    if known < limit:
        history.seen.add((mailbox, absence, sender))
        history.count[mailbox, absence] = known + 1
    return True
