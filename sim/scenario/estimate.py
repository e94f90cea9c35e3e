"""The estimate by hand: how many queues must be expected, on the back of an envelope.

Messages that reach the absent mailbox within one lifetime of the queue, the sender domains they bring, the share of these that hang. An
administrator can do it before he runs anything; where a simulation differs from it, the parts here say why.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.mail import Flag
from sim.scenario import Scenario
from sim.units import DAY, HOUR, counted, words

__all__ = ["Estimate", "by_hand", "hanging"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """The parts of the estimate."""

    lifetime: float  # seconds a message stays in a queue at most
    messages: float  # spam to the absentee in that time
    domains: float  # new sender domains that so many first messages bring, large providers left out
    share: float  # of them, those that never answer for long
    queues: float
    later: float  # domains that the same number of messages brings later on, when many are known
    suppressed: float  # share of the messages that the responder does not answer for their headers
    others: float  # spam to other absentees in the same time, at most

    def sum(self) -> str:
        """The sum in one line."""
        return (
            f"{counted(self.messages, 'messages')} in {words(self.lifetime)} come from {counted(self.domains, 'domains')} x "
            f"{self.share * 100:.0f} % = {counted(self.queues, 'queues')}"
        )

    def lines(self, simulated: float, when: str) -> tuple[str, ...]:
        """In words, beside what was simulated on average in a stretch of time; where the two differ, why."""
        known = "who was answered is not answered again"
        if self.later < self.domains - 0.5:
            known = f"once many senders are known, so many messages bring only {counted(self.later, 'new domains')}, and {known}"
        why = [known]
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
    """The estimate; None where nobody is away, or the spam is replayed and not drawn."""
    if scenario.main_absentee < 0 or scenario.replay is not None:
        return None
    spam = scenario.document.spam
    person = scenario.document.office.people[scenario.main_absentee : scenario.main_absentee + 1]
    rate = spam.mailboxes.get(person[0], spam.rate) if person else spam.rate
    lifetime = scenario.facing_rules().expiry
    away = max(a.until - a.since for a in scenario.absences if a.mailbox == scenario.main_absentee)
    span = min(lifetime, away)
    messages = rate * span

    def known(n: float) -> float:
        return float(100.0 * spam.new_domains * (n / 100.0) ** spam.growth)

    everything = rate * min(away, 4.5 * DAY)  # about the middle of the story
    share = hanging(scenario)
    others = sum(
        min(a.until - a.since, span) * spam.rate
        for a in scenario.absences
        if a.mailbox != scenario.main_absentee and a.until - a.since > HOUR
    )
    domains = min(known(messages), messages)
    later = max(0.0, known(max(everything, messages)) - known(max(everything - messages, 0.0)))
    suppressed = spam.flagged if scenario.responder().minds(Flag.PRECEDENCE) else 0.0
    return Estimate(span, messages, domains, share, domains * share, later, suppressed, others)
