"""Arrivals in batches: admission, the mailbox, and the replies it makes.

`deliver` takes rows of the workload and what is in force while they arrive; it gives the outcome and the answer of every row, and the
replies that follow, with the id, time and sender that they have under every policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from sim.mail import HERE, NULL_SENDER, OUTGOING, Answer, Flag, Ints, Kind, Outcome, Place, among, are
from sim.policy import admission, autoreply
from sim.policy.acquaintance import Acquaintance
from sim.policy.own import Incoming, Own
from sim.record import Words
from sim.server.ledger import Born, born_of
from sim.streams import Draw, us
from sim.units import Seconds, grid
from sim.workload import Rows

__all__ = ["NOTICE", "InForce", "Pieces", "Reception", "deliver"]

NOTICE: Final = 1000  # bytes of a reply, notice or receipt; assumed to change nothing


@dataclass(frozen=True, slots=True)
class Reception:
    """What is the same for all batches of a run."""

    rule: admission.Filter
    key: int  # of the world's dice
    lag: Seconds  # from delivery to the reply: a hash die of the reply's id, 0.5 to 1.5 times this mean
    recipients: bool = True  # mail to a mailbox that does not exist is refused at RCPT; else it is taken, and BOUNCED
    history: autoreply.History = field(default_factory=autoreply.History)
    acquaintance: Acquaintance | None = None  # where some policy asks for it
    words: Words | None = None  # names, for what a function sees that is the policy


@dataclass(slots=True)
class InForce:
    """What holds for a while: per mailbox whether its replies are on; the policy's audience and responder, and its function."""

    replies_on: npt.NDArray[np.bool_]
    audience: autoreply.Audience
    responder: autoreply.Responder
    own: Own | None = None


Pieces = Callable[[Ints], Iterable[tuple[slice, InForce]]]


def deliver(
    rows: Rows, away: tuple[Ints, Ints], pieces: Pieces, reception: Reception, turn: Ints | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], Born]:
    """Outcome and answer of each row, uint8[n] each, and the replies in order of the rows. Rows on their way out stay QUEUED
    and NOT_ASKED.

    `away`: which rows came to a mailbox whose owner is away, and the numbers of the absences, int64[m] each. `pieces` cuts those of them
    that a responder is asked about, int64[k], where something is switched, and says what is in force for each piece; each is done with
    before the next is asked for. `turn`, int64[n]: which turn of a mail loop each row is, from 1; 0 for what begins a chain, as all rows
    are where it is left out."""
    spam, outside = are(rows.kind, Kind.SPAM), ~are(rows.kind, Kind.INTERNAL)
    outcome = admission.admit(reception.rule, spam, outside, rows.unresolvable, rows.dice)
    strange = rows.mailbox < 0
    if not reception.recipients:
        strange &= ~are(outcome, Outcome.REFUSED)
    outcome[strange] = Outcome.REFUSED if reception.recipients else Outcome.BOUNCED
    outcome[among(rows.kind, OUTGOING)] = Outcome.QUEUED
    asked = among(outcome, (Outcome.MAILBOX, Outcome.JUNK))
    answer = asked * np.uint8(Answer.NOT_ABSENT)  # NOT_ASKED is 0
    known = None
    if reception.acquaintance is not None:
        writes = are(rows.kind, Kind.OUTBOUND)
        met = writes | are(outcome, Outcome.MAILBOX)
        known = reception.acquaintance.meet(rows.mailbox, np.where(writes, rows.recipient, rows.sender), met)
    which, absence = (found[asked[away[0]]] for found in away)
    boxes, sender = rows.mailbox[which], rows.sender[which]
    facts = autoreply.Facts(
        absent=np.ones(len(which), dtype=np.bool_),
        replies_on=np.ones(len(which), dtype=np.bool_),
        place=np.where(sender == NULL_SENDER, int(Place.STRANGE), sender >> 40).astype(np.uint8),
        sender=sender,
        flags=rows.flags[which],
        outcome=outcome[which],
        known=known[which] if known is not None else None,
    )
    why, by_user = np.zeros(len(which), dtype=np.uint8), np.zeros(len(which), dtype=np.bool_)
    for piece, force in pieces(which):
        facts.replies_on[piece] = force.replies_on[boxes[piece]]
        why[piece] = _answers(rows, which[piece], absence[piece], facts.take(piece), force, reception)
        by_user[piece] = force.responder.user_return_path
    answer[which] = why
    granted = are(why, Answer.ANSWERED)
    replies = _replies(rows, which[granted], by_user[granted], reception, turn[which[granted]] if turn is not None else 0)
    return outcome, answer, replies


def _answers(rows: Rows, which: Ints, absence: Ints, facts: autoreply.Facts, force: InForce, reception: Reception) -> npt.NDArray[np.uint8]:
    """What becomes of some rows that a responder is asked about. uint8[k]."""
    why = autoreply.reasons(force.audience, force.responder, facts)
    survivors = np.flatnonzero(are(why, Answer.ANSWERED))
    if not len(survivors):
        return why
    chosen = which[survivors]
    asking = (rows.at[chosen], rows.mailbox[chosen], absence[survivors], facts.sender[survivors])
    if force.own is None:
        why[survivors] = autoreply.grants(reception.history, force.responder, *asking)
    else:
        one_by_one = zip(*(column.tolist() for column in (chosen, facts.outcome[survivors], *asking)), strict=True)
        seen = ((_incoming(rows, i, outcome, reception.words), who) for i, outcome, *who in one_by_one)
        why[survivors] = [_asked(mail, force.own, force.responder, reception.history, *who) for mail, who in seen]
    return why


def _asked(
    mail: Incoming,
    own: Own,
    responder: autoreply.Responder,
    history: autoreply.History,
    at: Seconds,
    mailbox: int,
    absence: int,
    sender: int,
) -> Answer:
    """What becomes of a message that a function may answer."""
    if not own.wants(mail, mailbox, absence, sender):
        return Answer.OWN_FUNCTION
    why = autoreply.grant(history, responder, at, mailbox, absence, sender)
    if why is Answer.ANSWERED:
        own.sent(mailbox, absence, sender)
    return why


def _replies(rows: Rows, which: Ints, by_user: npt.NDArray[np.bool_], reception: Reception, turn: Ints | int) -> Born:
    """The replies to some of the rows; `by_user`: with the return path of the user, else the null sender."""
    row, mailbox = rows.row[which], rows.mailbox[which]
    id = (row << 20) | (turn << 4) | int(Kind.AUTOREPLY)
    return born_of(
        len(which),
        id=id,
        caused_by=(row << 20) | (np.maximum(turn - 1, 0) << 4) | rows.kind[which],
        truth=rows.truth[which],
        sender=np.where(by_user, mailbox, NULL_SENDER),
        sender_domain=HERE,
        recipient=rows.sender[which],
        next_hop=rows.sender_domain[which],
        size=NOTICE,
        accepted_at=grid(rows.at[which] + np.maximum(0.001, grid(reception.lag * (0.5 + us(reception.key, id, Draw.REPLY_LAG))))),
        mailbox=mailbox,
    )


def _incoming(rows: Rows, i: int, outcome: int, words: Words | None) -> Incoming:
    """What a function sees of a row."""
    flags = Flag(int(rows.flags[i])) | (Flag.JUNK if outcome == Outcome.JUNK else Flag(0))
    sender = int(rows.sender[i]), int(rows.sender_domain[i])
    return Incoming(float(rows.at[i]), int(rows.size[i]), flags, words or Words(), sender, int(rows.recipient[i]))
