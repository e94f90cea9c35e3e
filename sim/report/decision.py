"""What the answer was decided by: assumed inputs, settings of this server, the rule."""

from __future__ import annotations

from typing import Any

from sim.comparison import REPLICATIONS, Assumption, Comparison
from sim.profiles import Tag
from sim.profiles.responders import NOT_HERE
from sim.report import route
from sim.report.figures import about, number
from sim.scenario import A_DEFAULT, Scenario
from sim.scenario.reader import plain
from sim.units import counted, digits

__all__ = ["decided"]


def decided(comparison: Comparison) -> tuple[str, ...]:
    """It in sentences, with what depends most on each assumption."""
    lines = []
    key = comparison.verdict.deciding
    moving = sorted((a for a in comparison.assumptions if a.moves >= 0.05), key=lambda a: a.input.key != key)
    depends = comparison.verdict.answer == "depends"
    if moving and key == REPLICATIONS:
        lines.append("No assumed input would decide it alone. The numbers depend most on these:")
    elif moving and not depends:
        lines.append("The answer is the same at both ends of every assumed input. Its numbers depend most on these:")
    for item in moving[:4]:
        lines.append(("Decided by an assumption: " if depends and item.input.key == key else "- ") + _band(item))
    count = len(comparison.scenario.assumed())
    if comparison.assumptions and not moving:
        lines.append("No assumed input moves strangers told or queues by 5 %.")
    elif count and not comparison.assumptions:
        ones = counted(count, "assumed inputs were", "assumed input was")
        lines.append(f"The {ones} not varied: whether any decides the answer was not looked at.")
    kind = comparison.scenario.document.filter.kind
    if kind != "none":
        lines.append(f"Filter {kind} on {comparison.scenario.profile.short}: {comparison.scenario.profile.filters[kind]}.")
    lines += route.decided(comparison)
    lines += _replies(comparison.scenario)
    lines += [f"{note}." for note in [comparison.scenario.autoresponder.overstated] if note and comparison.widest == "external"]
    lines += [f"Policy {name} is {o.not_here}. It is simulated." for name, o in comparison.policies.items() if o.not_here]
    if comparison.scenario.document.breaker is not None:
        opened = number(comparison.policies[comparison.widest].measures["breaker_open"], "breaker_open")
        lines.append(f"A breaker stops replies to the outside, for {opened} h of the run: not a setting of this server.")
    inputs = comparison.scenario.inputs()
    counts = {tag: [item.tag for item in inputs].count(tag) for tag in (Tag.MEASURED, Tag.DOCUMENTED, Tag.ASSUMED)}
    yours = [item.key for item in inputs if item.source == A_DEFAULT and item.key.startswith(("wanted.", "spam."))]
    lines.append(
        f"Inputs: {counts[Tag.MEASURED]} measured, {counts[Tag.DOCUMENTED]} documented, {counts[Tag.ASSUMED]} assumed."
        + (f" Defaults that stand in for facts of the site, put in your own: {', '.join(yours)}." if yours else "")
    )
    rule = comparison.scenario.document.verdict
    lines.append(
        "The rule: a policy is worth it if it tells more wanted people than strangers"
        + (f" (one stranger counts {digits(rule.stranger_weight)})" if rule.stranger_weight != 1 else "")
        + f", a narrower one if it tells {rule.enough * 100:.0f} % of the wanted people besides (verdict.stranger_weight, verdict.enough)."
    )
    return tuple(lines)


def _replies(scenario: Scenario) -> list[str]:
    """What of the replies is not this server's own."""
    lines = []
    if scenario.autoresponder.name != scenario.profile.responder:
        lines.append(f"Replies as {scenario.autoresponder.name} makes them ({scenario.autoresponder.title}), not {scenario.profile.short}.")
    lines += [
        f"{item.key} {plain(item.value)} is {NOT_HERE}: it is simulated."
        for item in scenario.inputs()
        if item.tag is Tag.SITE and item.source.startswith(NOT_HERE)
    ]
    return lines


def _band(item: Assumption) -> str:
    def at(value: object, measures: Any) -> str:
        strangers, queues = (
            counted(about(measures[m]), what) for m, what in (("strangers_told", "strangers"), ("queues_in_retry_peak", "queues"))
        )
        return f"at {plain(value)}: {strangers}, {queues}"

    ends = ((item.low.value, item.low.measures), (item.input.value, item.base), (item.high.value, item.high.measures))
    runs = counted(item.base["strangers_told"].n, "runs")
    shown = "; ".join(at(*end) for end in ends)
    return f"{item.input.meaning} ({item.input.key}), {plain(item.input.value)}: {shown} ({runs})."
