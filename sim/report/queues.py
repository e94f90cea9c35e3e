"""What the server's own queue tool would show, and what happened in a few sentences.

The view of Exchange 2003's Queue Viewer: one line per queue with its state, number and size of messages, the oldest one's submission and
the next connection retry (FACTS 4.1). The wording of its additional information is not documented.
"""

from __future__ import annotations

import datetime as dt

import numpy as np

from sim import forensics
from sim.mail import HERE, TEXTS, Code, Kind, Outcome, Place
from sim.measures import MEASURES, View
from sim.policy import retry
from sim.record import Record
from sim.scenario import Scenario
from sim.units import Seconds, clock, words

__all__ = ["queue_view", "what_happened"]


def queue_view(scenario: Scenario, record: Record, at: Seconds) -> str:
    """The queues just before `at`, those in Retry first, as text."""
    m, q = record.columns("messages"), record.columns("queues")
    there = (m["accepted_at"] < at) & ~(m["settled_at"] < at) & (m["next_hop"] != HERE)
    stamp = dt.datetime.combine(scenario.document.start, dt.time())

    def time(seconds: Seconds) -> str:
        return (stamp + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")

    lines = []
    for hop in np.unique(m["next_hop"][there]).tolist():
        mine = there & (m["next_hop"] == hop)
        episode = np.flatnonzero((q["next_hop"] == hop) & (q["since"] < at) & ~(q["until"] < at))
        state, upcoming, info = "Ready", "", ""
        if len(episode):
            state, upcoming, info = _retry(scenario, record, hop, float(q["since"][episode[-1]]), at, time)
        senders = sorted({_name(record, i) for i in np.flatnonzero(mine).tolist()})
        lines.append(
            (
                state,
                record.words.domain(hop),
                str(int(mine.sum())),
                f"{max(1, round(float(m['size'][mine].sum()) / 1024))}",
                time(float(m["accepted_at"][mine].min())),
                upcoming,
                ", ".join(senders),
                info,
            )
        )
    lines.sort(key=lambda line: (line[0] != "Retry", line[4]))
    head = ("State", "Queue", "Msgs", "KB", "Oldest submitted", "Next retry", "From", "Additional queue information")
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in [head, *lines]]
    count = sum(line[0] != "Ready" for line in lines)
    title = f"Queues at {clock(at)} ({time(at)}): {len(lines)}, {count} of them in Retry"
    return "\n".join([title, *table, *_rules(record, at)]) if lines else f"{title}. All outbound queues are empty."


def _name(record: Record, i: int) -> str:
    """The sender of a message."""
    m = record.columns("messages")
    code = int(m["sender"][i])
    return record.words.address(code, int(m["sender_domain"][i]) if "sender_domain" in m else HERE) or "<>"


def _rules(record: Record, at: Seconds) -> list[str]:
    """What the published decision rules would say of the queues in Retry, and whether they would be right."""
    conclusions = forensics.judge(record, at)
    truly = conclusions[0].truly
    if truly is forensics.Culprit.NOTHING:
        return []
    said = "; ".join(str(conclusion) for conclusion in conclusions)
    return ["", f"What fills most of the queues in Retry: {truly.value}. Of the published rules, {said}."]


def _retry(scenario: Scenario, record: Record, hop: int, since: Seconds, at: Seconds, time: object) -> tuple[str, str, str]:
    """State, next retry and additional information of a queue in an episode, replayed from its attempts by the server's own rule."""
    assert callable(time)
    rules, a = scenario.queue_rules(), record.columns("attempts")
    ends = a["at"] + a["seconds"]
    mine = np.flatnonzero((a["next_hop"] == hop) & (ends >= since) & (a["at"] < at))
    failures, last, upcoming = 0, Code.NONE, float("nan")
    for i in mine.tolist():
        if ends[i] >= at:
            return "Active", "", TEXTS[last]
        last = Code(int(a["code"][i]))
        failures = retry.next_failure(rules.kind, rules.params, failures, last in rules.glitch_on)
        upcoming = float(ends[i]) + retry.wait(rules.kind, rules.params, 0.0, float(ends[i]), failures)
    return "Retry", str(time(upcoming)), TEXTS[last]


def what_happened(scenario: Scenario, record: Record) -> str:
    """The run in a few sentences."""
    view = View(record)
    m = record.columns("messages")
    values = {name: entry.of(view) for name, entry in MEASURES.items()}
    replies = view.autoreplies
    bounced = int((replies & (m["outcome"] == Outcome.BOUNCED)).sum())
    expired = int((replies & (m["outcome"] == Outcome.EXPIRED)).sum())
    strange = int((replies & (m["next_hop"] >> 40 == Place.STRANGE)).sum())
    spam = int(((m["kind"] == Kind.SPAM) & (m["outcome"] != Outcome.REFUSED)).sum())
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
    return " ".join(said)
