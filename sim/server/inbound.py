"""Arrivals in batches: admission, the mailbox, and the replies it makes.

`deliver` takes rows of the workload and what is in force while they arrive; it gives the outcome and the answer of every row, and the
replies that follow, with the id, time and sender that they have under every policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sim.mail import HERE, NULL_SENDER, OUTGOING, Answer, Flag, Ints, Kind, Outcome, Place, among
from sim.policy import admission, autoreply
from sim.policy.acquaintance import Acquaintance
from sim.policy.own import Incoming, Own
from sim.record import Words
from sim.server.ledger import Born, born_of
from sim.streams import Draw, us
from sim.units import Seconds, grid
from sim.workload import Rows

__all__ = ["NOTICE", "InForce", "deliver"]

NOTICE: Final = 1000  # bytes of a reply, notice or receipt; assumed to change nothing


@dataclass(slots=True)
class InForce:
    """What holds for a batch: per mailbox whether its replies are on; the policy's audience."""

    replies_on: npt.NDArray[np.bool_]
    audience: autoreply.Audience
    acquaintance: Acquaintance | None = None  # of the run, where some policy asks for it
    own: Own | None = None  # a Python function as the policy
    words: Words | None = None  # names, for what such a function sees


def deliver(
    rows: Rows,
    away: tuple[Ints, Ints],
    force: InForce,
    rule: admission.Filter,
    responder: autoreply.Responder,
    history: autoreply.History,
    key: int,
    lag: Seconds,
    recipients: bool = True,
    turn: Ints | None = None,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], Born]:
    """Outcome and answer of each row, uint8[n] each, and the replies in order of the rows. Rows on their way out stay QUEUED
    and NOT_ASKED.

    `away`: which rows came to a mailbox whose owner is away, and the numbers of the absences, int64[m] each.
    `recipients`: mail to a mailbox that does not exist is refused at RCPT; else it is taken, and BOUNCED. `key` and `lag` give the time
    from delivery to the reply: a hash die of the reply's id, 0.5 to 1.5 times the mean. `turn`, int64[n]: which turn of a mail loop each
    row is, from 1; 0 for what begins a chain, as all rows are where it is left out."""
    outcome = admission.admit(rule, rows.kind == Kind.SPAM, rows.kind != Kind.INTERNAL, rows.unresolvable, rows.dice)
    outcome[(rows.mailbox < 0) & (outcome != Outcome.REFUSED)] = Outcome.REFUSED if recipients else Outcome.BOUNCED
    outcome = np.where(among(rows.kind, OUTGOING), np.uint8(Outcome.QUEUED), outcome)
    asked = among(outcome, (Outcome.MAILBOX, Outcome.JUNK))
    answer = asked * np.uint8(Answer.NOT_ABSENT)  # NOT_ASKED is 0
    known = None
    if force.acquaintance is not None:
        writes = rows.kind == Kind.OUTBOUND
        met = writes | (outcome == Outcome.MAILBOX)
        known = force.acquaintance.meet(rows.mailbox, np.where(writes, rows.recipient, rows.sender), met)
    which, absence = (found[asked[away[0]]] for found in away)
    boxes, sender = rows.mailbox[which], rows.sender[which]
    facts = autoreply.Facts(
        absent=np.ones(len(which), dtype=np.bool_),
        replies_on=force.replies_on[boxes],
        place=np.where(sender == NULL_SENDER, Place.STRANGE, sender >> 40).astype(np.uint8),
        sender=sender,
        flags=rows.flags[which],
        outcome=outcome[which],
        known=None if known is None else known[which],
    )
    why = autoreply.reasons(force.audience, responder, facts)
    survivors = np.flatnonzero(why == Answer.ANSWERED)
    at = rows.at[which]
    if force.own is None:
        asking = (boxes[survivors], absence[survivors], sender[survivors])
        why[survivors] = autoreply.grants(history, responder, at[survivors], *asking)
    else:
        one_by_one = zip(*(c[survivors].tolist() for c in (which, at, boxes, absence, sender)), strict=True)
        why[survivors] = [_asked(rows, i, outcome, force, responder, history, *who) for i, *who in one_by_one]
    answer[which] = why
    granted = which[why == Answer.ANSWERED]
    return outcome, answer, _replies(rows, granted, responder, key, lag, turn[granted] if turn is not None else 0)


def _asked(
    rows: Rows,
    i: int,
    outcome: npt.NDArray[np.uint8],
    force: InForce,
    responder: autoreply.Responder,
    history: autoreply.History,
    at: Seconds,
    mailbox: int,
    absence: int,
    sender: int,
) -> Answer:
    """What becomes of a row that a function may answer."""
    assert force.own is not None
    if not force.own.wants(_incoming(rows, i, outcome, force.words), mailbox, absence, sender):
        return Answer.OWN_FUNCTION
    why = autoreply.grant(history, responder, at, mailbox, absence, sender)
    if why is Answer.ANSWERED:
        force.own.sent(mailbox, absence, sender)
    return why


def _replies(rows: Rows, which: Ints, responder: autoreply.Responder, key: int, lag: Seconds, turn: Ints | int) -> Born:
    """The replies to some of the rows."""
    row, mailbox = rows.row[which], rows.mailbox[which]
    id = (row << 20) | (turn << 4) | Kind.AUTOREPLY
    return born_of(
        len(which),
        id=id,
        caused_by=(row << 20) | (np.maximum(turn - 1, 0) << 4) | rows.kind[which],
        truth=rows.truth[which],
        sender=mailbox if responder.user_return_path else NULL_SENDER,
        sender_domain=HERE,
        recipient=rows.sender[which],
        next_hop=rows.sender_domain[which],
        size=NOTICE,
        accepted_at=grid(rows.at[which] + np.maximum(0.001, grid(lag * (0.5 + us(key, id, Draw.REPLY_LAG))))),
        mailbox=mailbox,
    )


def _incoming(rows: Rows, i: int, outcome: npt.NDArray[np.uint8], words: Words | None) -> Incoming:
    """What a function sees of a row."""
    flags = Flag(int(rows.flags[i])) | (Flag.JUNK if outcome[i] == Outcome.JUNK else Flag(0))
    sender = int(rows.sender[i]), int(rows.sender_domain[i])
    return Incoming(float(rows.at[i]), int(rows.size[i]), flags, words or Words(), sender, int(rows.recipient[i]))
