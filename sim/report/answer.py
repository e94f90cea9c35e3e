"""The answer: every sentence and every number in one plain object. Terminal and page print it and compute nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.comparison import REPLICATIONS, Assumption, Comparison, Outcome, longer_wait
from sim.profiles import Tag
from sim.profiles.responders import NOT_HERE
from sim.report import route
from sim.report.arguments import arguments, how_to_measure, notices
from sim.report.figures import about, away, number, replay
from sim.report.statistics import Rows, statistics, tables
from sim.scenario import A_DEFAULT, Scenario
from sim.scenario.estimate import by_hand
from sim.scenario.reader import plain
from sim.units import clock, counted, digits, words

__all__ = ["Answer", "Table", "answer", "sentence"]


@dataclass(frozen=True, slots=True)
class Table:
    """Policies side by side, as text."""

    header: tuple[str, ...]
    units: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said, in order. Every field is text; nothing is left to compute."""

    question: str
    sentence: str  # what to do
    cost_and_gain: str
    table: Table
    decided: tuple[str, ...]
    why: tuple[str, ...]
    not_arguments: tuple[str, ...]
    not_modelled: tuple[str, ...]
    gain: tuple[str, ...]
    change_mind: tuple[str, ...]
    if_everyone: tuple[str, ...]
    inputs: tuple[tuple[str, str, str, str, str, str], ...]  # key, value, unit, tag, source, band
    how_to_set: tuple[tuple[str, str, str], ...]  # policy, set by, undone by
    by_hand: tuple[str, ...]
    footer: str
    reproduce: str
    replay: tuple[str, ...] = field(default=())
    why_title: str = "Why"  # what the arguments that hold are to the answer
    statistics: tuple[str, ...] = field(default=())
    tables: tuple[tuple[str, Rows], ...] = field(default=())  # what stands above it, and its rows


def answer(comparison: Comparison, command: str = "", percentiles: Sequence[float] = ()) -> Answer:
    """The answer to the administrator; with percentiles of the runs where they are asked for."""
    scenario = comparison.scenario
    wide = comparison.policies[comparison.widest]
    why, against, missing = arguments(comparison)
    return Answer(
        question="Should out-of-office replies go to the outside world?",
        sentence=sentence(comparison),
        cost_and_gain=_cost_and_gain(comparison, wide),
        table=_table(comparison),
        decided=_decided(comparison),
        why_title="What speaks against it all the same" if comparison.verdict.answer == "yes" else "Why",
        why=why,
        not_arguments=against,
        not_modelled=missing,
        gain=_gain(comparison),
        change_mind=_change_mind(comparison),
        if_everyone=(
            "Write a separate text for the outside, without dates, names or telephone numbers.",
            "Name a deputy inside, so that partners reach somebody even without a reply.",
            "Have spam refused, or filed as junk if this server does not answer junk, before the reply is decided (compare with "
            "--filter junk-first).",
            "Set an alert per sender, not per queue: it tells this apart from a stolen account.",
        ),
        inputs=tuple(
            (
                i.key,
                plain(i.value),
                "" if isinstance(i.value, str | list | dict) else i.unit,
                i.tag.value,
                i.source,
                f"{plain(i.low)} to {plain(i.high)}" if i.low is not None else "",
            )
            for i in scenario.inputs()
        ),
        how_to_set=tuple(
            (name, o.set_by if o.available else f"not available here: {o.why_not}", o.undo) for name, o in comparison.policies.items()
        ),
        by_hand=_by_hand(comparison),
        footer=(
            f"{counted(comparison.replications, 'runs')}, seed {comparison.seed}, scenario {scenario.name}, "
            f"mailflow-sim {comparison.version}. ± is the half-width of a 95 % interval."
        ),
        reproduce=command or f"mailflow compare {scenario.name} --seed {comparison.seed} --replications {comparison.replications}",
        replay=_replay_lines(comparison),
        statistics=statistics(comparison),
        tables=tables(comparison, percentiles),
    )


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


def _cost_and_gain(comparison: Comparison, wide: Outcome) -> str:
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


def _table(comparison: Comparison) -> Table:
    writers = comparison.policies[comparison.widest].measures["wanted_writers"]
    columns = ["wanted_told", "strangers_told", "notices_to_user", "queues_in_retry_peak"]
    relayed = comparison.scenario.relay is not None
    columns += ["relay_queues_in_retry_peak"] if relayed else []
    rows = []
    for name, outcome in comparison.policies.items():
        if outcome.available:
            wait = longer_wait(comparison.policies, outcome)
            cells = [number(outcome.measures[c], c) for c in columns]
            brief = comparison.scenario.reply_policy(name).switch.brief
            late = "none" if wait < 0.05 else f"{wait:,.1f} s"
            if outcome.measures["wanted_throttled"].mean >= 0.5:  # NaN: there is no smarthost
                late = f"{about(outcome.measures['wanted_throttled'])} at the limit"
            rows.append((name, *cells, late, brief))
        else:
            rows.append((name, *("-" for _ in columns), "-", "not available here"))
    header = (
        "policy",
        f"wanted told (of {about(writers)})",
        "strangers told",
        f"notices to {away(comparison.scenario, 'the absent')}",
        *(("queues in Retry here, peak", "at the smarthost") if relayed else ("queues in Retry, peak",)),
        "wanted mail delayed",
        f"set on {comparison.scenario.profile.short}",
    )
    units = ("", "people", "people", "messages", *(["queues"] * (1 + relayed)), "s", "")
    return Table(header, units, tuple(rows))


def _decided(comparison: Comparison) -> tuple[str, ...]:
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


def _gain(comparison: Comparison) -> tuple[str, ...]:
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


def _change_mind(comparison: Comparison) -> tuple[str, ...]:
    rule = comparison.scenario.document.verdict
    lines = [
        "The rule: a policy is worth it if it tells more wanted people than strangers (one stranger counts "
        f"{digits(rule.stranger_weight)}); a narrower "
        f"policy is good enough at {rule.enough * 100:.0f} % of the wanted people. Both can be changed: "
        "verdict.stranger_weight, verdict.enough."
    ]
    for item in comparison.assumptions[:2]:
        if item.moves >= 0.05:
            lines.append(f"{item.input.meaning} ({item.input.key}): {how_to_measure(item.input.key)}")
    return tuple(lines)


def _by_hand(comparison: Comparison) -> tuple[str, ...]:
    estimate = by_hand(comparison.scenario)
    if (
        estimate is None
        or estimate.others > estimate.messages
        or comparison.widest != "external"
        or comparison.scenario.document.filter.kind != "none"
    ):
        return ()
    scenario, times = comparison.scenario, comparison.times
    start = estimate.since - estimate.lifetime
    ends = [
        c.at
        for c in scenario.changes
        if c.at > start and (c.policy or (c.replies is False and (c.mailbox < 0 or c.mailbox in estimate.whose)))
    ]
    since, until = estimate.since, min([estimate.until, scenario.horizon, *ends])
    window = (times >= since) & (times <= until)
    if not window.any():
        return ()
    name = "queues_in_retry" if scenario.relay is None else "relay_queues_in_retry"
    simulated = float(comparison.policies["external"].curve(name)[:, window].mean())
    return estimate.lines(simulated, clock(since) if since == until else f"{clock(since)} to {clock(until)}")


def _replay_lines(comparison: Comparison) -> tuple[str, ...]:
    facts = replay(comparison)
    if not facts:
        return ()
    reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(facts["suppressed"].items(), key=lambda item: -item[1]))
    return (
        f"Real mail: {counted(facts['read'], 'messages')} read, {facts['answered']} answered under {comparison.widest}, not answered: "
        f"{reasons or 'none'}; "
        f"{facts['malformed']} malformed. In {facts['from_used']} the envelope sender was absent and From was used.",
        "It is one real trace: the intervals cover what its senders turn out to be, not what other mail might have come.",
        *filter(None, [comparison.scenario.what_was_cut()]),
    )
