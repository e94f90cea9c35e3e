"""What else a run has led to, in sentences: causes, backscatter, listing, loops, attracted spam, alarms; nothing on what did not happen."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sim.mail import Dsn, Kind, Outcome
from sim.policy.intervention import by_hand
from sim.record import Record
from sim.units import HOUR, clock, counted, words

__all__ = ["consequences"]


def consequences(record: Record, values: Mapping[str, float]) -> list[str]:
    """Sentences on a record and its measures (`sim.measure`)."""
    said = _causes(record)
    made = record.columns("messages")["kind"]
    counts = ((Kind.RECEIPT, "receipts"), (Kind.FORWARD, "forwards"), (Kind.NEWSLETTER, "newsletters"))
    sent = [(n, counted(n, name)) for kind, name in counts if (n := int((made == kind).sum()))]
    if sent:
        were = "was" if [n for n, _ in sent] == [1] else "were"
        said.append(f"{' and '.join(words for _, words in sent)} {were} sent.")
    if values["spam_relayed"]:
        said.append(f"{counted(values['spam_relayed'], 'spam messages')} left through this server and arrived.")
    if values["backscatter_notices"]:
        back = counted(values["backscatter_notices"], "notices and receipts", "notice or receipt")
        said.append(f"{back} reached people whose address was forged.")
    if values["listed_hours"]:
        said.append(
            f"A block list had the {'smarthost' if record.run.relay else 'server'} for {values['listed_hours']:.0f} h, "
            f"from {clock(values['listed_after'] * HOUR)}; "
            f"{counted(values['wanted_refused'], 'wanted messages were', 'wanted message was')} refused for it."
        )
    if values["answers_to_replies"]:
        said.append(
            f"{counted(values['answers_to_replies'], 'answers of other responders', 'answer of another responder')} came back; "
            f"{counted(values['loops'], 'loops')} went on, "
            f"the longest with {counted(values['loop_longest'], 'replies')}."
        )
    if values["spam_attracted"]:
        said.append(f"{counted(values['spam_attracted'], 'spam messages')} came because replies had confirmed an address (a what-if).")
    if values["breaker_open"]:
        said.append(f"A breaker, which no server here has, kept replies from the outside for {values['breaker_open']:.0f} h.")
    return [*said, *_by_hand(record), *_alarm(record, values)]


def _causes(record: Record) -> list[str]:
    """The rival causes, with their times."""
    acts = record.columns("acts")
    found = [
        f"{what.removeprefix('cause ').replace('-', ' ')} ({who}) from {clock(at)} to {clock(until)}"
        for at, until, what, who in zip(*(acts[name].tolist() for name in ("at", "until", "what", "who")), strict=True)
        if what.startswith("cause ")
    ]
    return [f"Beside the story: {'; '.join(found)}."] if found else []


def _by_hand(record: Record) -> list[str]:
    """What was done to the queues, and what was deleted."""
    acts, m = record.columns("acts"), record.columns("messages")
    done = [f"{what} ({clock(at)})" for at, what in zip(acts["at"].tolist(), acts["what"].tolist(), strict=True) if by_hand(what)]
    if not done:
        return []
    said = [f"Done to the queues by hand: {', '.join(done)}."]
    deleted = m["outcome"] == Outcome.DELETED
    if deleted.any():
        reported = int((deleted & (m["dsn"] == Dsn.SENT)).sum())
        said.append(
            f"{counted(int(deleted.sum()), 'messages were', 'message was')} deleted, {reported:,} of them with a report to their sender."
        )
    return said


def _alarm(record: Record, values: Mapping[str, float]) -> list[str]:
    """The alert on queues in Retry, and what it makes of a compromise."""
    first = values["alarm_after_queues"]
    if math.isnan(first):
        return []
    limit = record.run.alarms.get("queues", 10.0)
    said = (
        f"An alert at more than {counted(limit, 'queues')} in Retry would first have gone off on {clock(first * HOUR)}; it would have "
        f"gone off for nothing on {counted(values['false_alarm_days_queues'], 'days')}."
    )
    noticed, missed = values["compromise_noticed_queues"], values["compromise_missed_queues"]
    if math.isnan(missed):
        return [said]
    if missed:
        return [said, "Once the server is misused it would have said nothing new of it to the end of the run."]
    return [said, f"Once the server is misused it would have told of it after {words(noticed * 24 * HOUR)}."]
