"""What to do, in one sentence, and what so few runs leave open."""

from __future__ import annotations

from sim.comparison import REPLICATIONS, Comparison
from sim.report.arguments import how_to_measure
from sim.report.figures import about
from sim.units import counted

__all__ = ["sentence"]


def sentence(comparison: Comparison) -> str:
    """What to do, in one sentence."""
    verdict = comparison.verdict
    if comparison.scenario.main_absentee < 0:
        name = comparison.scenario.name
        return f"Nobody is away in this scenario, so no reply policy changes anything: `mailflow run {name}` shows what fills the queues."
    if verdict.answer == "yes":
        return "Go ahead: let the replies go to everyone."
    if verdict.answer == "yes-to":
        told = comparison.policies[verdict.policy].measures["wanted_told"]
        wide = comparison.policies[comparison.widest].measures["wanted_writers"]
        how = {"partners-only": "Naming your partner domains", "contacts-only": "Answering the users' own contacts"}.get(
            verdict.policy, verdict.policy
        )
        first = "Do not answer everyone from this server. " if comparison.widest == "external" else ""
        strangers = comparison.policies[verdict.policy].measures["strangers_told"].mean
        beside = "no stranger" if strangers < 0.5 else counted(strangers, "strangers")
        people = counted(about(wide), "people outside who matter", "person outside who matters")
        return f"{first}{how} reaches {about(told)} of the {people}, and {beside}."
    if verdict.answer == "depends" and verdict.deciding == REPLICATIONS:
        return _too_few(comparison)
    if verdict.answer == "depends":
        safe = _safe_meanwhile(comparison)
        item = next((a.input for a in comparison.assumptions if a.input.key == verdict.deciding), None)
        what = f"{item.meaning} ({item.key})" if item else verdict.deciding
        return f"It depends on one thing that is not known: {what}. Measure it before you decide: {how_to_measure(verdict.deciding)}{safe}"
    return (
        f"Do not answer everyone from this server. Stay with {verdict.policy}: no narrower policy here reaches enough of "
        "the people who matter."
    )


def _too_few(comparison: Comparison) -> str:
    """What so few replications leave open, and how many tell."""
    verdict, rule = comparison.verdict, comparison.scenario.document.verdict
    known = f"{counted(comparison.replications, 'runs leave', 'run leaves')} open whether"
    told = "more wanted people than strangers" if rule.stranger_weight == 1 else "wanted people enough for its strangers"
    more = (
        "It lies on the limit, and no number of runs is likely to tell: decide by what the rule does not know"
        if verdict.runs is None
        else f"About {verdict.runs:,} runs would tell (--replications {verdict.runs})"
    )
    if verdict.policy == comparison.widest:
        name = "replies to everyone" if verdict.policy == "external" else verdict.policy
        return f"Not decided: {known} {name} would tell {told}. {more}.{_safe_meanwhile(comparison)}"
    first = "Do not answer everyone from this server. " if comparison.widest == "external" else ""
    reaches = (
        told
        if verdict.limit == "verdict.stranger_weight"
        else f"{rule.enough * 100:.0f} % of the wanted people that {comparison.widest} tells"
    )
    return f"{first}Whether {verdict.policy} is good enough is not decided: {known} it would tell {reaches}. {more}."


def _safe_meanwhile(comparison: Comparison) -> str:
    """Where the widest policy is in doubt: the narrower one that is good enough either way."""
    wide, rule = comparison.policies[comparison.widest], comparison.scenario.document.verdict
    good = [
        o
        for name, o in comparison.policies.items()
        if o.available
        and name in ("partners-only", "contacts-only")
        and name not in (comparison.widest, comparison.verdict.policy)
        and o.measures["wanted_told"].mean >= rule.enough * wide.measures["wanted_told"].mean
        and o.measures["wanted_told"].mean > o.measures["strangers_told"].mean * rule.stranger_weight
    ]
    if not good:
        return ""
    told, strangers = good[-1].measures["wanted_told"], good[-1].measures["strangers_told"]
    return (
        f" Until then {good[-1].name} is safe either way: it tells {about(told)} of "
        f"{counted(about(wide.measures['wanted_writers']), 'wanted people', 'wanted person')} and {counted(about(strangers), 'strangers')}."
    )
