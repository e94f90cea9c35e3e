"""Which inbound mail caused this queue, and what would the published decision rules say of it?

The method of the story: take the recipient of one hung message and look it up in the SMTP log as the *sender* of mail that came in shortly
before the hung message was made. If somebody is there, the queue is made of answers. The published rules (FACTS 0) look at the senders of
queued messages and at nothing else. An administrator can do both without a model, and neither `cause`, `hung` nor a rule knows more than
he does; only `culprit`, which says whether a rule is right, reads what the messages are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from sim.mail import HERE, NULL_SENDER, Ints, Kind, Place
from sim.record import Record, Table
from sim.units import Seconds, words

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RULES", "Conclusion", "Culprit", "Finding", "cause", "culprit", "hung", "judge", "rule_a", "rule_b"]


@dataclass(frozen=True, slots=True)
class Finding:
    """An inbound delivery from the address to which a hung message goes."""

    time: datetime  # UTC, as in the log, without a zone
    client_ip: str
    sender: str
    recipient: str
    seconds_before: Seconds  # the hung message was made

    def __str__(self) -> str:
        before = f"{words(self.seconds_before)} before" if self.seconds_before else "at the second when"
        return (
            f"at {self.time} UTC {self.client_ip} delivered mail from {self.sender} to {self.recipient}, {before} the hung message was made"
        )


def cause(sessions: pd.DataFrame, recipient: str, at: datetime, within: Seconds = 600.0) -> Finding | None:
    """The last mail accepted from `recipient` at or before `at`, and not more than `within` seconds before; None where there is none.

    `sessions` is what a reader of SMTP logs gives (`sim.logs.iis.sessions`); `recipient` and `at` belong to one hung message: whom it goes
    to, and when it was made (UTC where it has no zone). The default of ten minutes is ample: a server answers within seconds."""
    moment = at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
    if not recipient:
        return None  # the null sender is everybody's
    accepted = sessions[(sessions["direction"] == "in") & (sessions["status"] < 400)]
    near = accepted[(accepted["time"] <= moment) & (accepted["time"] >= moment - timedelta(seconds=within))]
    found = near[near["sender"].str.lower() == recipient.lower()].sort_values("time", kind="stable")
    if found.empty:
        return None
    last = found.iloc[-1]
    time = last["time"].to_pydatetime()
    return Finding(time, last["client_ip"], last["sender"], last["recipient"], (moment - time).total_seconds())


def hung(record: Record, at: Seconds) -> pd.DataFrame:
    """The messages that stand at `at` in a queue that is in Retry, oldest first, as a queue viewer lists them.

    Columns id, next_hop, next_hop_name, sender, recipient (names), kind, accepted_at, attempts, last_code. What is seen at t is what
    happened before t: a message accepted_at < t <= settled_at, a queue since < t <= until, each also while there is no end yet. A record
    does not say how the last two stood at t: `last_code` is what the queue's episode met last, `attempts` the message's own in all."""
    import pandas as pd

    queues, messages = record.queues, record.messages
    retry = queues[(queues["since"] < at) & ~(queues["until"] < at)].drop_duplicates("next_hop", keep="last")
    there = (messages["accepted_at"] < at) & ~(messages["settled_at"] < at) & messages["next_hop"].isin(retry["next_hop"])
    rows = messages[there].sort_values(["accepted_at", "id"])
    names = dict(zip(record.addresses["address"], record.addresses["name"], strict=True)) | {NULL_SENDER: ""}
    domains = dict(zip(record.domains["domain"], record.domains["name"], strict=True))
    met = dict(zip(retry["next_hop"], retry["last_code"], strict=True))
    return pd.DataFrame(
        {
            "id": rows["id"],
            "next_hop": rows["next_hop"],
            "next_hop_name": rows["next_hop"].map(domains).astype(str),
            "sender": rows["sender"].map(names).astype(str),
            "recipient": rows["recipient"].map(names).astype(str),
            "kind": rows["kind"].astype(str),
            "accepted_at": rows["accepted_at"],
            "attempts": rows["attempts"],
            "last_code": rows["next_hop"].map(met).astype(str),
        }
    ).reset_index(drop=True)


# The published decision rules.


class Culprit(Enum):
    """What fills a queue, in truth or by the word of a rule."""

    NOTHING = "nothing"
    AUTOREPLIES = "autoreplies of our own users"
    REVERSE_NDR = "a reverse NDR attack: reports on mail to mailboxes that do not exist here"
    RELAY = "a relay: spam that leaves through this server"
    RECEIPTS = "delivery and read receipts"
    DELAYS = "delay notices: mail waits for the mailbox store"
    FORWARDS = "mail that a user's rule sends on"
    NEWSLETTER = "one user's newsletter"
    OWN_MAIL = "mail that our people wrote: a host or the DNS does not answer"


_KINDS: Final = {
    Kind.AUTOREPLY: Culprit.AUTOREPLIES,
    Kind.RELAY: Culprit.RELAY,
    Kind.RECEIPT: Culprit.RECEIPTS,
    Kind.FORWARD: Culprit.FORWARDS,
    Kind.NEWSLETTER: Culprit.NEWSLETTER,
    Kind.OUTBOUND: Culprit.OWN_MAIL,
}


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a rule says of the queues in Retry at a time, and what is true by the kinds of the messages in them."""

    rule: str
    says: Culprit | None  # None: the rule has no word for what it sees, or there is no such queue
    truly: Culprit

    @property
    def right(self) -> bool | None:
        """Is it right? None where it says nothing."""
        return None if self.says is None else self.says is self.truly

    def __str__(self) -> str:
        if self.says is None:
            return f"{self.rule} says nothing of it"
        return f"{self.rule} says {self.says.value.split(':')[0]}, {'rightly' if self.right else 'wrongly'}"


def rule_a(queue: Ints, sender: Ints) -> Culprit | None:
    """Microsoft KB 909005 (FACTS 0, S4): the sender is postmaster in most queues: a reverse NDR attack; in most it is not: a relay.

    int64[n] each: the queue and the sender of every hung message. A message with the null sender is shown as postmaster's. A queue is
    postmaster's if most of its messages are."""
    if not len(queue):
        return None
    _, which = np.unique(queue, return_inverse=True)
    postmasters = np.bincount(which, weights=sender == NULL_SENDER) * 2 > np.bincount(which)
    return Culprit.REVERSE_NDR if postmasters.mean() > 0.5 else Culprit.RELAY


def rule_b(queue: Ints, sender: Ints) -> Culprit | None:
    """A. Hardisty 2010 (FACTS 0, S5): the sender is postmaster: a non-delivery attack; 'a random user not in your organisation': an
    authenticated relay. Judged by what most messages are; the rule has no word for one of our own users."""
    ours = (sender != NULL_SENDER) & (sender >> 40 == Place.OFFICE)
    counts = {
        Culprit.REVERSE_NDR: int((sender == NULL_SENDER).sum()),
        Culprit.RELAY: int(((sender != NULL_SENDER) & ~ours).sum()),
        None: int(ours.sum()),
    }
    return max(counts, key=lambda says: counts[says]) if len(queue) else None


RULES: Final[dict[str, Callable[[Ints, Ints], Culprit | None]]] = {"rule A (KB 909005)": rule_a, "rule B (Hardisty)": rule_b}


def judge(record: Record, at: Seconds) -> tuple[Conclusion, ...]:
    """What each published rule would conclude from the messages hung at `at`, and whether it would be right."""
    m = record.columns("messages")
    there = _hung(record, at)
    truly = _most(m, there)
    queue, sender = m["next_hop"][there].astype(np.int64), m["sender"][there].astype(np.int64)
    return tuple(Conclusion(name, rule(queue, sender), truly) for name, rule in RULES.items())


def culprit(record: Record, at: Seconds) -> Culprit:
    """What most of the messages hung at `at` truly are. A report on another message counts as what that message is."""
    return _most(record.columns("messages"), _hung(record, at))


def _hung(record: Record, at: Seconds) -> npt.NDArray[np.bool_]:
    """Which messages stand at `at` in a queue that is in Retry."""
    m, q = record.columns("messages"), record.columns("queues")
    retry = q["next_hop"][(q["since"] < at) & ~(q["until"] < at)]
    there: npt.NDArray[np.bool_] = (
        (m["accepted_at"] < at) & ~(m["settled_at"] < at) & np.isin(m["next_hop"], retry) & (m["next_hop"] != HERE)
    )
    return there


def _most(messages: Table, which: npt.NDArray[np.bool_]) -> Culprit:
    counts: dict[Culprit, int] = {}
    for kind, about in zip(messages["kind"][which].tolist(), (messages["caused_by"][which] & 15).tolist(), strict=True):
        if kind in (Kind.FAILURE, Kind.DELAY):
            report = Culprit.REVERSE_NDR if kind == Kind.FAILURE else Culprit.DELAYS
            what = _KINDS.get(Kind(about), report)
        else:
            what = _KINDS[Kind(kind)]
        counts[what] = counts.get(what, 0) + 1
    return max(counts, key=lambda what: counts[what]) if counts else Culprit.NOTHING
