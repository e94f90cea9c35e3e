"""The answer: every sentence and every number in one plain object. Terminal and page print it and compute nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sim.comparison import Comparison, longer_wait
from sim.report.arguments import arguments, how_to_measure
from sim.report.decision import decided
from sim.report.figures import about, away, number, replay
from sim.report.gain import cost_and_gain, gain
from sim.report.recommendation import sentence
from sim.report.statistics import Rows, statistics, tables
from sim.scenario.estimate import by_hand
from sim.scenario.reader import plain
from sim.units import clock, counted, digits

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
        cost_and_gain=cost_and_gain(comparison, wide),
        table=_table(comparison),
        decided=decided(comparison),
        why_title="What speaks against it all the same" if comparison.verdict.answer == "yes" else "Why",
        why=why,
        not_arguments=against,
        not_modelled=missing,
        gain=gain(comparison),
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
