"""What replies to the outside cost and gain, in sentences."""

from __future__ import annotations

import math

from sim.comparison import Comparison, Outcome
from sim.report.arguments import notices
from sim.report.figures import about, away, number
from sim.units import counted, words

__all__ = ["cost_and_gain", "gain"]


def cost_and_gain(comparison: Comparison, wide: Outcome) -> str:
    """The widest policy in one sentence."""
    m = wide.measures
    if comparison.scenario.main_absentee < 0:
        peak = counted(number(m["queues_in_retry_all_peak"], "queues_in_retry_all_peak"), "queues stand", "queue stands")
        return f"Whatever the policy, at most {peak} in Retry."
    days, who = _days_away(comparison), away(comparison.scenario)
    wanted = f"{about(m['wanted_told'])} of {counted(about(m['wanted_writers']), 'wanted people', 'wanted person')} would be told"
    if comparison.widest == "external":
        cost = f"With replies to everyone, in {days} {counted(about(m['strangers_told']), 'strangers')} would learn that {who} is away"
        if m["notices_to_user"].mean >= 1:
            cost += f", and about {counted(about(m['notices_to_user']), notices(comparison.scenario))} would come back in all"
        return f"{cost}; {wanted}."
    return f"{wanted} in {days}."


def _days_away(comparison: Comparison) -> str:
    scenario = comparison.scenario
    mine = [a for a in scenario.absences if a.mailbox == scenario.main_absentee]
    if not mine:
        return "the run"
    off = [c.at for c in scenario.changes if c.replies is False and c.mailbox == scenario.main_absentee]
    span = sum(min([a.until, *(at for at in off if at >= a.since)]) - a.since for a in mine)
    days = span / 86400.0
    return f"{days:.0f} days" if days >= 1.5 else words(span)


def gain(comparison: Comparison) -> tuple[str, ...]:
    """What is gained by it, by a narrower one, and by a switch-off."""
    lines: list[str] = []
    wide = comparison.policies[comparison.widest].measures
    policy = comparison.policies.get(comparison.verdict.policy)
    if comparison.scenario.main_absentee < 0:
        return ()
    told, writers = wide["wanted_told"], wide["wanted_writers"]
    everybody = "all" if about(told) == about(writers) else f"{number(told, 'wanted_told')} of"
    lines.append(
        f"Replies to everyone would tell {everybody} {number(writers, 'wanted_writers')} wanted people who write that "
        f"{away(comparison.scenario)} is away; without them, these people hear nothing: name a deputy."
    )
    if policy is not None and policy.available and policy.name not in (comparison.widest, "off", "internal-only"):
        told, strangers = policy.measures["wanted_told"], policy.measures["strangers_told"]
        lines.append(
            f"{policy.name} tells {number(told, 'wanted_told')} of them and {counted(number(strangers, 'strangers_told'), 'strangers')}."
        )
        if policy.name == "partners-only" and strangers.mean < 0.5:
            lines.append(
                "No stranger, because spam in this model never names a partner as its sender; and do not enter a large mailbox provider "
                "as a partner: everybody there would be answered."
            )
    name, where = ("drained_after", "") if comparison.scenario.relay is None else ("relay_drained_after", " by the smarthost")
    drained = wide[name]
    if not math.isnan(drained.mean):
        lines.append(
            f"Switching replies off deletes nothing: the last hung reply is given up or delivered{where} {number(drained, name)} h later."
        )
    elif where:
        lifetime = comparison.scenario.facing_rules().expiry
        lines.append(f"Switching replies off deletes nothing: the smarthost keeps trying for up to {words(lifetime)}.")
    return tuple(lines)
