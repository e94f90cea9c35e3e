"""What the server's own queue tool would show, and what happened in a few sentences.

Exchange 2003's Queue Viewer, Get-Queue of later versions, Postfix's qshape (FACTS 4); the other servers of Unix are shown as qshape does.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from sim import forensics
from sim.errors import BadInput
from sim.mail import HERE, Code, Kind, Outcome, Place
from sim.measures import MEASURES, View
from sim.policy import retry
from sim.record import Record
from sim.report.arguments import notices
from sim.report.consequences import consequences
from sim.report.frost import FROZEN, Frost
from sim.report.route import in_short, there
from sim.scenario import Scenario
from sim.units import MINUTE, Floats, Seconds, clock, counted, words

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["queue_ages", "queue_table", "queue_view", "what_happened"]

_AGES: Final = ("T", "5", "10", "20", "40", "80", "160", "320", "640", "1280", "1280+")  # the total, then minutes
_TALLIED: Final = (
    "In so large an office mail of our people that leaves at its first attempt is counted and not listed, and attempts are counted by the "
    "hour: what is tried now, the next retry and the last error are not known."
)


def queue_view(scenario: Scenario, record: Record, at: Seconds) -> str:
    """The queues just before `at`, those in Retry first, as text, laid out as the server's own tool does."""
    queues = _queues(scenario, record, at)
    stamp = _stamp(scenario, at)
    waiting, connecting = (sum(queue.state in states for queue in queues) for states in (("Retry", "Active"), ("Active",)))
    frozen = sum(queue.state == FROZEN for queue in queues)
    title = f"Queues at {clock(at)} ({stamp}): {len(queues)}, {waiting} of them in Retry"
    title += f", {connecting} of which are trying now" if connecting else ""
    title += f", {frozen} frozen" if frozen else ""
    if not queues:
        return "\n".join([f"{title}. All outbound queues are empty.", *there(record, at)])
    draw = {"Queue Viewer": _queue_viewer, "Get-Queue": _get_queue}.get(scenario.profile.queue_tool, _qshape)
    hidden = [f"Nobody here can see them: {scenario.profile.no_hand}."] if scenario.profile.no_hand else []
    left = [_TALLIED] if record.run.tallied else []
    return "\n".join([title, *hidden, *left, *draw(scenario, queues, at), *_rules(record, at), *there(record, at)])


def queue_table(scenario: Scenario, record: Record, at: Seconds) -> pd.DataFrame:
    """The queues just before `at`, those in Retry first, one row each, whatever the server: queue, state (Retry, Active, Ready), messages,
    oldest (when its oldest message was accepted), next_retry (NaT where none is due, or the message retries), failures, last_error,
    senders."""
    import pandas as pd

    found = _queues(scenario, record, at)
    return pd.DataFrame(
        {
            "queue": [queue.next_hop for queue in found],
            "state": [queue.state for queue in found],
            "messages": [len(queue.accepted) for queue in found],
            "oldest": record.when(pd.Series([float(queue.accepted[0]) for queue in found], dtype="float64")).dt.floor("s"),
            "next_retry": record.when(pd.Series([queue.retry_at for queue in found], dtype="float64")).dt.floor("s"),
            "failures": [queue.failures for queue in found],
            "last_error": [scenario.profile.text(queue.code) for queue in found],
            "senders": [", ".join(sorted(set(queue.senders))) for queue in found],
        }
    )


def queue_ages(scenario: Scenario, record: Record, at: Seconds, by: str = "queue") -> pd.DataFrame:
    """How old the messages in the queues are just before `at`, as Postfix's qshape counts them: a row TOTAL, then one by `queue` or by
    `sender`, the fullest first; columns T, the total, and the upper ends of ages in minutes."""
    import pandas as pd

    if by not in ("queue", "sender"):
        raise BadInput("by", f"{by!r} is not one of queue, sender")
    rows = _ages(_queues(scenario, record, at), at, by == "sender")
    return pd.DataFrame([counts for _, counts in rows], index=pd.Index([name for name, _ in rows], name=by), columns=list(_AGES))


@dataclass(frozen=True, slots=True)
class _Queue:
    """One queue as a tool sees it. Times in seconds."""

    next_hop: str
    state: str
    accepted: Floats  # of its messages, the oldest first
    senders: tuple[str, ...]  # of its messages, in the same order
    kilobytes: int
    retry_at: Seconds  # NaN where none is due
    failures: int
    code: Code


def _queues(scenario: Scenario, record: Record, at: Seconds) -> list[_Queue]:
    m, q, frozen, tries = record.columns("messages"), record.columns("queues"), Frost(record, at), _Tries(scenario, record, at)
    there = np.flatnonzero((m["accepted_at"] < at) & ~(m["settled_at"] < at) & (m["next_hop"] != HERE))
    there = there[np.lexsort((m["accepted_at"][there], m["next_hop"][there]))]
    hops, first = np.unique(m["next_hop"][there], return_index=True)
    episodes = np.flatnonzero((q["since"] < at) & ~(q["until"] < at))
    since = dict(zip(q["next_hop"][episodes].tolist(), q["since"][episodes].tolist(), strict=True))
    found = []
    for hop, mine in zip(hops.tolist(), np.split(there, first[1:]), strict=False):  # of nothing, split makes a piece
        state, upcoming, failures, code = tries.of(hop, since[hop]) if hop in since else ("Ready", math.nan, 0, Code.NONE)
        if hop in frozen:
            state, upcoming = FROZEN, math.nan
        found.append(
            _Queue(
                record.words.domain(hop),
                state,
                m["accepted_at"][mine],
                tuple(_sender(record, i) for i in mine.tolist()),
                max(1, round(float(m["size"][mine].sum()) / 1024)),
                upcoming,
                failures,
                code,
            )
        )
    return sorted(found, key=lambda queue: (queue.state != "Retry", float(queue.accepted[0])))


def _sender(record: Record, i: int) -> str:
    """Who sent the i-th message."""
    m = record.columns("messages")
    return record.words.address(int(m["sender"][i]), int(m["sender_domain"][i]) if "sender_domain" in m else HERE) or "<>"


def _rules(record: Record, at: Seconds) -> list[str]:
    """What the published decision rules would say of the queues in Retry, and whether they would be right."""
    conclusions = forensics.judge(record, at)
    truly = conclusions[0].truly
    if truly is forensics.Culprit.NOTHING:
        return []
    said = "; ".join(str(conclusion) for conclusion in conclusions)
    return ["", f"What fills most of the queues in Retry: {truly.value}. Of the published rules, {said}."]


def _queue_viewer(scenario: Scenario, queues: list[_Queue], at: Seconds) -> list[str]:
    """Exchange 2003's Queue Viewer (FACTS 4.1). The wording of its additional information is not documented."""
    head = ("State", "Queue", "Msgs", "KB", "Oldest submitted", "Next retry", "From", "Additional queue information")
    return _table(
        head,
        [
            (
                queue.state,
                queue.next_hop,
                str(len(queue.accepted)),
                str(queue.kilobytes),
                _stamp(scenario, float(queue.accepted[0])),
                _stamp(scenario, queue.retry_at),
                ", ".join(sorted(set(queue.senders))),
                scenario.profile.text(queue.code),
            )
            for queue in queues
        ],
    )


def _get_queue(scenario: Scenario, queues: list[_Queue], at: Seconds) -> list[str]:
    """`Get-Queue | Format-Table` of Exchange 2007 and later, with the columns of FACTS 4.2 that matter here, and the senders beside it."""
    head = ("NextHopDomain", "DeliveryType", "Status", "MessageCount", "RetryCount", "NextRetryTime", "LastError", "(FromAddress)")
    lines = _table(
        head,
        [
            (
                queue.next_hop,
                "DnsConnectorDelivery",
                "Suspended" if queue.state == FROZEN else queue.state,
                str(len(queue.accepted)),
                str(queue.failures),
                _stamp(scenario, queue.retry_at),
                scenario.profile.text(queue.code) if queue.state != "Ready" else "",
                ", ".join(sorted(set(queue.senders))),
            )
            for queue in queues
        ],
    )
    if max(len(queue.accepted) for queue in queues) < 10 and not scenario.profile.no_hand:
        lines.append("Get-QueueDigest, which leaves out queues of fewer than 10 messages, shows none of these.")
    return lines


def _qshape(scenario: Scenario, queues: list[_Queue], at: Seconds) -> list[str]:
    """As Postfix's `qshape` lays out a queue: messages by age in minutes, for each next hop, then for each sender (FACTS 4.3)."""
    hops, senders = ([(name, *map(str, counts)) for name, counts in _ages(queues, at, by)] for by in (False, True))
    return [*_table(("", *_AGES), hops), "by sender:", *_table(("", *_AGES), senders)]


def _ages(queues: list[_Queue], at: Seconds, by_sender: bool) -> list[tuple[str, list[int]]]:
    """Messages in all and by age, for everything, then by next hop or by sender, the fullest first."""
    edges = np.array([0.0, *map(float, _AGES[1:-1]), math.inf]) * MINUTE
    groups: dict[str, list[float]] = {}
    for queue in queues:
        for sender, accepted in zip(queue.senders, queue.accepted.tolist(), strict=True):
            groups.setdefault(sender if by_sender else queue.next_hop, []).append(accepted)

    def counts(accepted: list[float]) -> list[int]:
        return [len(accepted), *np.histogram(at - np.array(accepted), edges)[0].tolist()]

    fullest = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [("TOTAL", counts([t for times in groups.values() for t in times])), *((name, counts(times)) for name, times in fullest)]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(line[i]) for line in [head, *rows]) for i in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in [head, *rows]]


def _stamp(scenario: Scenario, seconds: Seconds) -> str:
    if math.isnan(seconds):
        return ""
    return (dt.datetime.combine(scenario.document.start, dt.time()) + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")


class _Tries:
    """The attempts that began before a time, by next hop."""

    def __init__(self, scenario: Scenario, record: Record, at: Seconds) -> None:
        a = record.columns("attempts")
        begun = np.flatnonzero(a["at"] < at)
        begun = begun[np.argsort(a["next_hop"][begun], kind="stable")]
        self.hops, self.ends, self.codes = a["next_hop"][begun], (a["at"] + a["seconds"])[begun], a["code"][begun]
        self.rules, self.at = scenario.queue_rules(), at

    def of(self, hop: int, since: Seconds) -> tuple[str, Seconds, int, Code]:
        """State, next retry, failures and last answer of a next hop in an episode, replayed from its attempts by the server's own rule.

        Where the message retries, the next retry is that of no queue; it is left out."""
        rules, failures, last, upcoming = self.rules, 0, Code.NONE, math.nan
        for i in range(*np.searchsorted(self.hops, (hop, hop + 1)).tolist()):
            end = float(self.ends[i])
            if end < since:
                continue
            if end >= self.at:
                return "Active", math.nan, failures, last
            last = Code(int(self.codes[i]))
            failures = retry.next_failure(rules.kind, rules.params, failures, last in rules.glitch_on)
            if rules.family is retry.Family.QUEUE:
                upcoming = end + retry.wait(rules.kind, rules.params, since, end, failures)
        return "Retry", upcoming, failures, last


def what_happened(scenario: Scenario, record: Record) -> str:
    """The run in a few sentences."""
    view = View(record)
    m = record.columns("messages")
    values = {name: entry.of(view) for name, entry in MEASURES.items()}
    replies = view.here.autoreplies
    ended = view.ended["outcome"][replies]
    bounced, expired = (int((ended == outcome).sum()) for outcome in (Outcome.BOUNCED, Outcome.EXPIRED))
    strange = int((m["recipient"][replies] >> 40 == Place.STRANGE).sum())
    spam = int(((m["kind"] == Kind.SPAM) & np.isin(m["outcome"], (Outcome.MAILBOX, Outcome.JUNK))).sum())
    t = record.columns("tallied")
    spam += int(t["messages"][(t["kind"] == Kind.SPAM) & np.isin(t["outcome"], (Outcome.MAILBOX, Outcome.JUNK))].sum())
    said = [
        f"Policy {record.run.policy}, seed {record.run.seed}, run {record.run.replication}, {words(record.run.horizon)}.",
        f"{counted(spam, 'spam messages')} reached mailboxes; "
        + (
            f"{counted(values['autoreplies'], 'autoreplies', 'autoreply')} went to the outside, "
            f"{strange:,} of them to domains that only spam had named."
            if values["autoreplies"]
            else "no autoreply went to the outside."
        ),
    ]
    if values["autoreplies"]:
        said.append(
            f"{counted(values['strangers_told'], 'strangers')} and {values['wanted_told']:,.0f} of "
            f"{counted(values['wanted_writers'], 'wanted people', 'wanted person')} were told; "
            f"{counted(bounced, 'replies were', 'reply was')} refused, {expired:,} expired."
        )
        peak = view.here.in_retry
        if peak.peak():
            when = float(peak.at[int(np.argmax(peak.level))])
            said.append(f"At most {counted(peak.peak(), 'queues')} stood in Retry because of them, on {clock(when)}.")
        said.append(f"{counted(values['notices_to_user'], notices(scenario))} came back to the absent.")
        if not np.isnan(values["drained_after"]):
            said.append(f"After the switch-off the last hung reply left {values['drained_after']:.1f} h later.")
    if values["wanted_wait"] >= 1.0:
        said.append(
            f"All {scenario.queue_rules().connections:,} connections were taken at times: wanted outbound mail waited "
            f"{words(values['wanted_wait'])} for one on average."
        )
    return " ".join([*said, *in_short(record, values), *consequences(record, values)])
