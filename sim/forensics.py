"""Which inbound mail caused this queue, and what would the published decision rules say of it?

The method of the story: take the recipient of one hung message and look it up in the SMTP log as the *sender* of mail that came in shortly
before the hung message was made. If somebody is there, the queue is made of answers. The published rules (`sim.diagnosis`, given here too)
look at the senders of queued messages and at nothing else. An administrator can do both without a model, and neither `cause`, `hung` nor a
rule knows more than he does; only `culprit`, which says whether a rule is right, reads what the messages are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sim.diagnosis import RULES, Conclusion, Culprit, culprit, judge, rule_a, rule_b
from sim.mail import NULL_SENDER
from sim.record import Record
from sim.units import Seconds, words

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RULES", "Conclusion", "Culprit", "Finding", "cause", "causes", "culprit", "hung", "judge", "rule_a", "rule_b"]


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


def causes(sessions: pd.DataFrame, hung: pd.DataFrame, within: Seconds = 600.0) -> pd.DataFrame:
    """What `cause` finds for each of many messages: one row per row of `hung` and with its index.

    hung: columns recipient and time (UTC, whole seconds), as `hung` gives them. Columns time and recipient of the message, then of the
    mail that came in from that recipient: came (NaT where there is none), came_to, client_ip, seconds_before."""
    import pandas as pd

    accepted = sessions[(sessions["direction"] == "in") & (sessions["status"] < 400) & (sessions["sender"] != "")]
    inbound = pd.DataFrame(
        {
            "moment": accepted["time"].astype("datetime64[us]"),
            "party": accepted["sender"].astype(str).str.lower(),
            "came": accepted["time"].astype("datetime64[s]"),
            "came_to": accepted["recipient"],
            "client_ip": accepted["client_ip"],
        }
    ).sort_values("moment", kind="stable")
    asked = pd.DataFrame(
        {
            "time": hung["time"].astype("datetime64[s]"),
            "recipient": hung["recipient"],
            "moment": hung["time"].astype("datetime64[us]"),
            "party": hung["recipient"].astype(str).str.lower(),
            "row": range(len(hung)),
        }
    ).sort_values("moment", kind="stable")
    found = pd.merge_asof(asked, inbound, on="moment", by="party", tolerance=pd.Timedelta(seconds=within)).sort_values("row")
    found["seconds_before"] = (found["time"] - found["came"]).dt.total_seconds()
    return found[["time", "recipient", "came", "came_to", "client_ip", "seconds_before"]].set_index(hung.index)


def hung(record: Record, at: Seconds) -> pd.DataFrame:
    """The messages that stand at `at` in a queue that is in Retry, oldest first, as a queue viewer lists them.

    Columns id, next_hop, next_hop_name, sender, recipient (names), kind, accepted_at, attempts, last_code, time (accepted_at as date and
    time, in whole seconds as a log has it). What is seen at t is what happened before t: a message accepted_at < t <= settled_at, a queue
    since < t <= until, each also while there is no end yet. A record does not say what attempts and
    last_code were at t: `last_code` is what the queue's episode met last, `attempts` the message's own in all."""
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
            "time": record.when(rows["accepted_at"] // 1).astype("datetime64[s]"),
        }
    ).reset_index(drop=True)
