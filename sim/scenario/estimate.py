"""The estimate by hand: how many queues must be expected, on the back of an envelope.

Messages that reach those who are away within one lifetime of the queue, the sender domains they bring, the share of these that hang. It
speaks of whoever is away for longest, and of all whose queues are full for at least half of that time. An administrator can do it before he
runs anything; where a simulation differs from it, the parts here say why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.mail import Flag
from sim.scenario import Scenario
from sim.scenario.calendar import Absence
from sim.units import DAY, HOUR, Seconds, counted, words

__all__ = ["Estimate", "by_hand", "hanging"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """The parts of the estimate."""

    lifetime: float  # seconds a message stays in a queue at most
    messages: float  # spam in that time to those of whom it speaks
    domains: float  # new sender domains that so many first messages bring, large providers left out
    share: float  # of them, those that never answer for long
    queues: float
    later: float  # domains that the same number of messages brings later on, when many are known
    suppressed: float  # share of the messages that the responder does not answer for their headers
    others: float  # spam to other absentees in the same time, at most
    to: str  # of whom it speaks, where it is more than one
    whose: tuple[int, ...]  # their mailboxes, the main absentee first
    since: Seconds  # from when to when their queues are full
    until: Seconds

    def sum(self) -> str:
        """The sum in one line."""
        return (
            f"{counted(self.messages, 'messages')} {self.to}in {words(self.lifetime)} come from {counted(self.domains, 'domains')} x "
            f"{self.share * 100:.0f} % = {counted(self.queues, 'queues')}"
        )

    def lines(self, simulated: float, when: str) -> tuple[str, ...]:
        """In words, beside what was simulated on average in a stretch of time; where the two differ, why."""
        known = "who was answered is not answered again"
        if self.later < self.domains - 0.5:
            known = f"once many senders are known, so many messages bring only {counted(self.later, 'new domains')}, and {known}"
        why = [known]
        if len(self.whose) > 1:
            why.append("but who wrote to one of them before is answered for another")
        if self.suppressed > 0:
            why.append(f"{self.suppressed * 100:.1f} % of the spam is not answered for its headers")
        if self.others >= 1:
            why.append(f"others who are away add up to {counted(self.others, 'messages')} in the same time")
        first = f"{self.sum()}; simulated {simulated:.1f} on average, {when}."
        if abs(simulated - self.queues) < 0.05 * max(self.queues, 10.0):
            return (first,)
        return first, "They differ because " + "; ".join(why) + "."


def hanging(scenario: Scenario) -> float:
    """The share of new sender domains, large providers left out, whose queue would stand in Retry."""
    spam = scenario.document.spam
    resolves = (1.0 - spam.unresolvable) * (1.0 - spam.null_mx)  # and names a host
    return spam.unresolvable * (1.0 - spam.nxdomain) + resolves * (spam.silent + spam.refusing + spam.busy)


def by_hand(scenario: Scenario) -> Estimate | None:
    """The estimate, for everybody who is away for so long at the same time that their queues are full together; None where nobody is away,
    or the spam is replayed and not drawn."""
    main = scenario.main_absentee
    if main < 0 or scenario.replay is not None:
        return None
    spam, lifetime = scenario.document.spam, scenario.facing_rules().expiry
    rates = dict(enumerate(spam.mailboxes.get(name, spam.rate) for name in scenario.document.office.people))
    longest = max((a for a in scenario.absences if a.mailbox == main), key=_length)
    span = min(lifetime, _length(longest))

    def full(absence: Absence) -> tuple[float, float]:
        """From when to when its queues hold the replies to all that came in `span`."""
        return absence.since + span, max(absence.until, absence.since + lifetime)

    since, until = full(longest)
    together: dict[int, float] = {}
    for absence in scenario.absences:
        first, last = full(absence)
        if _length(absence) >= span:
            both = min(last, until) - max(first, since)
            together[absence.mailbox] = together.get(absence.mailbox, 0.0) + (both if until > since else float(both == 0.0))
    whose = (main, *sorted(box for box, both in together.items() if box != main and both > 0 and both >= (until - since) / 2))

    rate = sum(rates.get(box, spam.rate) for box in whose)
    messages = rate * span

    def known(n: float) -> float:
        return float(100.0 * spam.new_domains * (n / 100.0) ** spam.growth)

    everything = rate * min(_length(longest), 4.5 * DAY)  # about the middle of the story
    share = hanging(scenario)
    counted_in = set(whose)
    others = sum(
        min(_length(a), span) * rates.get(a.mailbox, spam.rate)
        for a in scenario.absences
        if a.mailbox not in counted_in and _length(a) > HOUR
    )
    domains = min(known(messages), messages)
    later = max(0.0, known(max(everything, messages)) - known(max(everything - messages, 0.0)))
    suppressed = spam.flagged if scenario.responder().minds(Flag.PRECEDENCE) else 0.0
    return Estimate(
        span, messages, domains, share, domains * share, later, suppressed, others, _named(scenario, whose), whose, since, until
    )


def _length(absence: Absence) -> Seconds:
    return absence.until - absence.since


def _named(scenario: Scenario, whose: Sequence[int]) -> str:
    """To whom the messages come, where it is more than one."""
    if len(whose) == 1:
        return ""
    if len(whose) > 3:
        return f"to {len(whose):,} people "
    *first, last = map(scenario.person, whose)
    return f"to {', '.join(first)} and {last} "
