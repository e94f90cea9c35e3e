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
    """What holds for a batch: per mailbox the number of its absence (-1: present) and whether its replies are on; the policy's audience."""

    absence: Ints
    replies_on: npt.NDArray[np.bool_]
    audience: autoreply.Audience
    acquaintance: Acquaintance | None = None  # of the run, where some policy asks for it
    own: Own | None = None  # a Python function as the policy
    words: Words | None = None  # names, for what such a function sees


def deliver(
    rows: Rows,
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

    `recipients`: mail to a mailbox that does not exist is refused at RCPT; else it is taken, and BOUNCED. `key` and `lag` give the time
    from delivery to the reply: a hash die of the reply's id, 0.5 to 1.5 times the mean. `turn`, int64[n]: which turn of a mail loop each
    row is, from 1; 0 for what begins a chain, as all rows are where it is left out."""
    outside = rows.kind != Kind.INTERNAL
    outcome = admission.admit(rule, rows.kind == Kind.SPAM, outside, rows.unresolvable, rows.dice)
    outcome[(rows.mailbox < 0) & (outcome != Outcome.REFUSED)] = Outcome.REFUSED if recipients else Outcome.BOUNCED
    outgoing = among(rows.kind, OUTGOING)
    outcome[outgoing] = Outcome.QUEUED
    box = np.maximum(rows.mailbox, 0)
    absent = force.absence[box] >= 0
    place = np.where(rows.sender == NULL_SENDER, Place.STRANGE, rows.sender >> 40).astype(np.uint8)
    known = None
    if force.acquaintance is not None:
        writes = rows.kind == Kind.OUTBOUND
        met = writes | (outcome == Outcome.MAILBOX)
        known = force.acquaintance.meet(rows.mailbox, np.where(writes, rows.recipient, rows.sender), met)
    facts = autoreply.Facts(absent, force.replies_on[box], place, rows.sender, rows.flags, outcome, known)
    answer = autoreply.reasons(force.audience, responder, facts)
    answer[outgoing | among(outcome, (Outcome.REFUSED, Outcome.BOUNCED))] = Answer.NOT_ASKED
    granted = []
    asked = np.flatnonzero(answer == Answer.ANSWERED)
    boxes = rows.mailbox[asked]
    columns = (asked, rows.at[asked], boxes, force.absence[boxes], rows.sender[asked])
    for i, at, mailbox, absence, sender in zip(*(column.tolist() for column in columns), strict=True):
        if force.own is not None and not force.own.wants(_incoming(rows, i, outcome, force.words), mailbox, absence, sender):
            answer[i] = Answer.OWN_FUNCTION
            continue
        why = autoreply.grant(history, responder, at, mailbox, absence, sender)
        if why is not Answer.ANSWERED:
            answer[i] = why
            continue
        if force.own is not None:
            force.own.sent(mailbox, absence, sender)
        granted.append(i)
    return (
        outcome,
        answer,
        _replies(rows.take(np.array(granted, dtype=np.int64)), responder, key, lag, turn[granted] if turn is not None else 0),
    )


def _replies(rows: Rows, responder: autoreply.Responder, key: int, lag: Seconds, turn: Ints | int) -> Born:
    """The replies to rows."""
    id = (rows.row << 20) | (turn << 4) | Kind.AUTOREPLY
    return born_of(
        len(rows),
        id=id,
        caused_by=(rows.row << 20) | (np.maximum(turn - 1, 0) << 4) | rows.kind,
        truth=rows.truth,
        sender=rows.mailbox if responder.user_return_path else NULL_SENDER,
        sender_domain=HERE,
        recipient=rows.sender,
        next_hop=rows.sender_domain,
        size=NOTICE,
        accepted_at=grid(rows.at + np.maximum(0.001, grid(lag * (0.5 + us(key, id, Draw.REPLY_LAG))))),
        mailbox=rows.mailbox,
    )


def _incoming(rows: Rows, i: int, outcome: npt.NDArray[np.uint8], words: Words | None) -> Incoming:
    """What a function sees of a row."""
    flags = Flag(int(rows.flags[i])) | (Flag.JUNK if outcome[i] == Outcome.JUNK else Flag(0))
    sender = int(rows.sender[i]), int(rows.sender_domain[i])
    return Incoming(float(rows.at[i]), int(rows.size[i]), flags, words or Words(), sender, int(rows.recipient[i]))
