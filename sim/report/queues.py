"""What the server's own queue tool would show, and what happened in a few sentences.

Exchange 2003's Queue Viewer, Get-Queue of later versions, Postfix's qshape (FACTS 4); the other servers of Unix are shown as qshape does.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np

from sim import forensics
from sim.mail import HERE, Code, Kind, Outcome, Place
from sim.measures import MEASURES, View
from sim.policy import retry
from sim.record import Record
from sim.report.consequences import consequences
from sim.report.route import in_short, there
from sim.scenario import Scenario
from sim.units import MINUTE, Floats, Seconds, clock, words

__all__ = ["queue_view", "what_happened"]


def queue_view(scenario: Scenario, record: Record, at: Seconds) -> str:
    """The queues just before `at`, those in Retry first, as text, laid out as the server's own tool does."""
    queues = _queues(scenario, record, at)
    stamp = _stamp(scenario, at)
    waiting, connecting = (sum(queue.state in states for queue in queues) for states in (("Retry", "Active"), ("Active",)))
    title = f"Queues at {clock(at)} ({stamp}): {len(queues)}, {waiting} of them in Retry" + (
        f", {connecting} of which are trying now" if connecting else ""
    )
    if not queues:
        return "\n".join([f"{title}. All outbound queues are empty.", *there(record, at)])
    draw = {"Queue Viewer": _queue_viewer, "Get-Queue": _get_queue}.get(scenario.profile.queue_tool, _qshape)
    return "\n".join([title, *draw(scenario, queues, at), *_rules(record, at), *there(record, at)])


@dataclass(frozen=True, slots=True)
class _Queue:
    """One queue as a tool sees it. Times in seconds."""

    next_hop: str
    state: str
    accepted: Floats  # of its messages
    senders: tuple[str, ...]  # of its messages
    kilobytes: int
    retry_at: Seconds  # NaN where none is due
    failures: int
    code: Code


def _queues(scenario: Scenario, record: Record, at: Seconds) -> list[_Queue]:
    m, q = record.columns("messages"), record.columns("queues")
    there = (m["accepted_at"] < at) & ~(m["settled_at"] < at) & (m["next_hop"] != HERE)
    found = []
    for hop in np.unique(m["next_hop"][there]).tolist():
        mine = there & (m["next_hop"] == hop)
        episode = np.flatnonzero((q["next_hop"] == hop) & (q["since"] < at) & ~(q["until"] < at))
        state, upcoming, failures, code = "Ready", math.nan, 0, Code.NONE
        if len(episode):
            state, upcoming, failures, code = _retry(scenario, record, hop, float(q["since"][episode[-1]]), at)
        found.append(
            _Queue(
                record.words.domain(hop),
                state,
                np.sort(m["accepted_at"][mine]),
                tuple(_sender(record, i) for i in np.flatnonzero(mine).tolist()),
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
                queue.state,
                str(len(queue.accepted)),
                str(queue.failures),
                _stamp(scenario, queue.retry_at),
                scenario.profile.text(queue.code) if queue.state != "Ready" else "",
                ", ".join(sorted(set(queue.senders))),
            )
            for queue in queues
        ],
    )
    if max(len(queue.accepted) for queue in queues) < 10:
        lines.append("Get-QueueDigest, which leaves out queues of fewer than 10 messages, shows none of these.")
    return lines


def _qshape(scenario: Scenario, queues: list[_Queue], at: Seconds) -> list[str]:
    """As Postfix's `qshape` lays out a queue: messages by age in minutes, for each next hop, then for each sender (FACTS 4.3)."""
    ages = ("T", "5", "10", "20", "40", "80", "160", "320", "640", "1280", "1280+")
    edges = np.array([0.0, *map(float, ages[1:-1]), math.inf]) * MINUTE

    def row(name: str, accepted: Floats) -> tuple[str, ...]:
        counts = np.histogram(at - accepted, edges)[0]
        return (name, str(len(accepted)), *map(str, counts.tolist()))

    everything = np.concatenate([queue.accepted for queue in queues])
    by_sender: dict[str, list[float]] = {}
    for queue in queues:
        for sender, accepted in zip(queue.senders, queue.accepted.tolist(), strict=True):
            by_sender.setdefault(sender, []).append(accepted)
    most = sorted(queues, key=lambda queue: -len(queue.accepted))
    hops = [row("TOTAL", everything), *(row(queue.next_hop, queue.accepted) for queue in most)]
    senders = [row("TOTAL", everything)]
    senders += [row(name, np.array(times)) for name, times in sorted(by_sender.items(), key=lambda item: -len(item[1]))]
    return [*_table(("", *ages), hops), "by sender:", *_table(("", *ages), senders)]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(line[i]) for line in [head, *rows]) for i in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in [head, *rows]]


def _stamp(scenario: Scenario, seconds: Seconds) -> str:
    if math.isnan(seconds):
        return ""
    return (dt.datetime.combine(scenario.document.start, dt.time()) + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")


def _retry(scenario: Scenario, record: Record, hop: int, since: Seconds, at: Seconds) -> tuple[str, Seconds, int, Code]:
    """State, next retry, failures and last answer of a next hop in an episode, replayed from its attempts by the server's own rule.

    Where the message retries, the next retry is that of no queue; it is left out."""
    rules, a = scenario.queue_rules(), record.columns("attempts")
    ends = a["at"] + a["seconds"]
    mine = np.flatnonzero((a["next_hop"] == hop) & (ends >= since) & (a["at"] < at))
    failures, last, upcoming = 0, Code.NONE, math.nan
    for i in mine.tolist():
        if ends[i] >= at:
            return "Active", math.nan, failures, last
        last = Code(int(a["code"][i]))
        failures = retry.next_failure(rules.kind, rules.params, failures, last in rules.glitch_on)
        if rules.family is retry.Family.QUEUE:
            upcoming = float(ends[i]) + retry.wait(rules.kind, rules.params, since, float(ends[i]), failures)
    return "Retry", upcoming, failures, last


def what_happened(scenario: Scenario, record: Record) -> str:
    """The run in a few sentences."""
    view = View(record)
    m = record.columns("messages")
    values = {name: entry.of(view) for name, entry in MEASURES.items()}
    replies = view.autoreplies
    ended = view.ended["outcome"][: len(replies)]
    bounced = int((replies & (ended == Outcome.BOUNCED)).sum())
    expired = int((replies & (ended == Outcome.EXPIRED)).sum())
    strange = int((replies & (m["recipient"] >> 40 == Place.STRANGE)).sum())
    spam = int(((m["kind"] == Kind.SPAM) & np.isin(m["outcome"], (Outcome.MAILBOX, Outcome.JUNK))).sum())
    said = [
        f"Policy {record.run.policy}, seed {record.run.seed}, run {record.run.replication}, {words(record.run.horizon)}.",
        f"{spam:,} spam messages reached mailboxes; {values['autoreplies']:,.0f} autoreplies went to the outside, {strange:,} "
        "of them to domains that "
        "only spam had named.",
    ]
    if values["autoreplies"]:
        said.append(
            f"{values['strangers_told']:.0f} strangers and {values['wanted_told']:.0f} of {values['wanted_writers']:.0f} "
            "wanted people were told; "
            f"{bounced} replies were refused, {expired} expired."
        )
        peak = view.retry_with_autoreply
        if peak.peak():
            when = float(peak.at[int(np.argmax(peak.level))])
            said.append(f"At most {peak.peak():.0f} queues stood in Retry because of them, on {clock(when)}.")
        said.append(f"{values['notices_to_user']:.0f} failure and delay notices came back to the absent.")
        if not np.isnan(values["drained_after"]):
            said.append(f"After the switch-off the last hung reply left {values['drained_after']:.1f} h later.")
    return " ".join([*said, *in_short(record, values), *consequences(record, values)])
