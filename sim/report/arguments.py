"""The arguments, each with its number for this scenario and its counter-line; which do not hold here, and which are not modelled.

An argument whose measure is not modelled is named as such, never as one that does not hold.
"""

from __future__ import annotations

import math

from sim.comparison import Comparison, longer_wait, quiet
from sim.mail import Flag
from sim.profiles import Tag
from sim.report import route
from sim.report.figures import about, away, number
from sim.scenario import Scenario
from sim.scenario.listing import lists
from sim.units import HOUR, clock, counted, digits

__all__ = ["arguments", "how_to_measure", "notices"]


_LATE = 0.25  # days by which a compromise must be noticed later to count as hidden


def arguments(comparison: Comparison) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Arguments that hold, that do not, and that are not modelled."""
    scenario, wide = comparison.scenario, comparison.policies[comparison.widest]
    m = wide.measures
    if scenario.main_absentee < 0:
        return (), ("anything about replies (nobody is away)",), ()
    holds: list[str] = []
    fails: list[str] = []
    if comparison.widest == "external":
        if m["strangers_told"].mean >= 1:
            holds.append(
                f"Strangers learn that someone is away: {number(m['strangers_told'], 'strangers_told')} people, most of them owners "
                f"of a forged address, {counted(about(m['spammers_told']), 'spammers')}. "
                "A bare text without dates and names removes most of the harm; no fraud rate has a source."
            )
        else:
            fails.append("strangers told (fewer than one)")
        if m["notices_to_user"].mean >= 1:
            holds.append(
                f"{notices(scenario).capitalize()} come back to {away(scenario, 'the absent')}: "
                f"{counted(number(m['notices_to_user'], 'notices_to_user'), 'messages')}. {_return_path(scenario)}"
            )
        else:
            fails.append("notices that flood the absent user (none)")
        limit = scenario.document.verdict.alert_queues
        narrow = quiet(comparison.policies)
        if narrow is not None and narrow.alert_at <= wide.alert_at < math.inf:
            day = clock(narrow.alert_at).rpartition(" ")[0]
            fails.append(f"the look of the queues (an alert at more than {limit} in Retry fires by {day} without replies, too)")
        elif math.isfinite(wide.alert_at):
            holds.append(
                f"The queues look like a compromise: an alert at more than {counted(limit, 'queues')} in Retry (assumed) would fire in "
                f"most runs by {clock(wide.alert_at).rpartition(' ')[0]}, each run's highest moment has on average "
                f"{number(m['queues_in_retry_peak'], 'queues_in_retry_peak')} queues in Retry, and the published rule of KB 909005, which "
                f"asks whether postmaster is the sender, would call it {_verdict_of_rule_a(comparison)}, wrongly, on "
                f"{number(m['rule_a_wrong_days'], 'rule_a_wrong_days')} days. "
                f"{_by_sender(scenario)}"
            )
        else:
            why = f"never more than {limit} in Retry in most runs" if scenario.relay is None else route.look_of_the_queues(comparison)
            fails.append(f"the look of the queues ({why})")
        if m["backscatter"].mean >= 1:
            holds.append(
                f"Innocents get backscatter: {number(m['backscatter'], 'backscatter')} replies to people whose address was forged. "
                f"{_filter_first(comparison)}"
            )
        else:
            fails.append("backscatter (fewer than one message)")
        if m["spammers_told"].mean >= 1:
            fails.append(
                f"spammers learn that the address is live ({about(m['spammers_told'])}: weak, accepting the mail told them already)"
            )
    wait = longer_wait(comparison.policies, wide)
    if wait > 1.0:
        holds.append(
            f"Wanted mail waits {wait:,.0f} s longer on average for a free connection, since dead hosts hold them: allow more connections "
            "(server.connections)."
        )
    elif not m["wanted_throttled"].mean >= 1:  # NaN: there is no smarthost
        fails.append("delay of wanted mail (none)")
    hours = scenario.horizon / HOUR
    attempts = m["attempts_on_undelivered_autoreplies"].mean
    fails.append(f"queue length, load, DNS load (about {counted(attempts / hours, 'attempts')} an hour: harmless)")
    fails.append("'our responder follows the RFC' (header rules leave most spam answered)")
    route.argue(comparison, holds, fails)
    hidden = _compromise(comparison, holds, fails)
    missing = (*_listing(comparison, holds, fails), *_loops(comparison, holds, fails), *hidden)
    return tuple(holds), tuple(fails), missing


def notices(scenario: Scenario) -> str:
    """What comes back of replies, in words."""
    rules, server = scenario.facing_rules(), scenario.relay or scenario.profile
    return "failure and delay notices" if math.isfinite(rules.delay_notice) and server.delays_autoreplies else "failure notices"


def _return_path(scenario: Scenario) -> str:
    """What is known of the return path of replies, where notices come back."""
    known = next((item for item in scenario.inputs() if item.key == "replies.return_path"), None)
    if known is None or known.tag is Tag.ASSUMED:
        return (
            "It holds only where the return path of a reply is the user, which is not documented for this server; with a null return path, "
            "none."
        )
    return f"The return path of a reply is the user here ({known.source}); with a null return path there would be none."


def _by_sender(scenario: Scenario) -> str:
    """What costs less than doing without replies where the queues look like a compromise."""
    if scenario.responder().user_return_path:
        return "A queue view by sender, or one alert per sender, costs less than doing without replies."
    return (
        "An alert per sender, which leaves out the null sender of these replies, costs less than doing without them; a queue view by "
        "sender shows them all as one."
    )


def _filter_first(comparison: Comparison) -> str:
    """What a filter before the reply would do: junk helps only where junk is not answered."""
    if not comparison.scenario.responder().minds(Flag.JUNK):
        return "Refusing spam before replying removes most; filing it as junk removes none: this responder answers junk."
    junk = next((item for item in comparison.scenario.inputs() if item.key == "replies.ignore_junk"), None)
    if junk is not None and junk.low is not None:
        return (
            "Refusing spam before replying removes most; filing it as junk does so only if junk gets no reply, "
            "which is not documented here."
        )
    return "Refusing or junking spam before replying removes most."


def _verdict_of_rule_a(comparison: Comparison) -> str:
    """What rule A says of queues of autoreplies: it takes the null sender for postmaster (`forensics.rule_a`)."""
    return "a relay" if comparison.scenario.responder().user_return_path else "a reverse NDR attack"


def _listing(comparison: Comparison, holds: list[str], fails: list[str]) -> tuple[str, ...]:
    """Does the server get listed, and is wanted mail refused for it? Where the scenario has block lists; else what is not modelled."""
    scenario, m = comparison.scenario, comparison.policies[comparison.widest].measures
    # replies that arrive fall on strangers, spammers and traps in proportion of their shares
    arrived = m["backscatter"].mean + m["backscatter_spammers"].mean + m["backscatter_traps"].mean
    even = 1.0 - scenario.document.spam.addresses.cumulative()[1]
    traps = f"autoreplies that arrive at spamtraps: {number(m['trap_hits'], 'trap_hits')}"
    if arrived >= 1:
        traps += f"; one per run is to be expected at a trap share of {digits(even / arrived * 100, 1)} %, and the share has no source"
    found, who = lists(scenario.document), "server" if scenario.relay is None else "smarthost"
    if not found:
        return (f"listing of the {who} ({traps}; switch a list on with --set listing.spamcop.hits=2)",)
    refused, without = m["wanted_refused"].mean, quiet(comparison.policies)
    beside = f", {without.measures['wanted_refused'].mean:,.1f} under {without.name}" if without is not None else ""
    text = (
        f"on a list in {m['listed'].mean * 100:.0f} % of runs, for {number(m['listed_hours'], 'listed_hours')} h; wanted mail refused: "
        f"{counted(number(m['wanted_refused'], 'wanted_refused'), 'messages')}{beside} ({traps})"
    )
    if comparison.widest == "external" and refused >= 1:
        holds.append(f"The {who} gets listed and wanted mail is refused: {text}.")
    else:
        fails.append(f"listing of the {who} ({text})")
    return ()


def _loops(comparison: Comparison, holds: list[str], fails: list[str]) -> tuple[str, ...]:
    """Do replies and the responders outside answer each other? Where the scenario has such responders; else what is not modelled."""
    m = comparison.policies[comparison.widest].measures
    if comparison.scenario.document.loops is None:
        return ("mail loops (switch responders outside on with --set loops.responders='5 %')",)
    text = (
        f"{number(m['answers_to_replies'], 'answers_to_replies')} answers of other responders come back, "
        f"{number(m['loops'], 'loops')} chains go on, the longest with {number(m['loop_longest'], 'loop_longest')} replies of ours"
    )
    if m["loops"].mean >= 1:
        holds.append(f"Mail loops: {text}. It needs a reply to every message, or a history past its cap.")
    else:
        fails.append(f"mail loops ({text})")
    return ()


def _compromise(comparison: Comparison, holds: list[str], fails: list[str]) -> tuple[str, ...]:
    """Does a real compromise hide in the noise? Where the scenario has one, with and without replies; else what is not modelled."""
    scenario, wide = comparison.scenario, comparison.policies[comparison.widest]
    days = number(wide.measures["false_alarm_days_queues"], "false_alarm_days_queues")
    found = [cause.name.replace("_", " ") for cause in scenario.causes if cause.name in ("infected_pc", "stolen_account", "open_relay")]
    narrow = quiet(comparison.policies)
    if not found or narrow is None or comparison.widest != "external":
        how = "--set cause.infected_pc.from='day 4'"
        return (f"a real compromise that hides in the noise (queues raise a false alarm on {days} days; switch one on with {how})",)
    with_replies, without = (o.measures["compromise_noticed_queues"] for o in (wide, narrow))
    missed = wide.measures["compromise_missed_queues"].mean * 100
    text = (
        f"with replies to everyone an alert on queues tells of the {found[0]} after "
        f"{number(with_replies, 'compromise_noticed_queues')} days "
        f"(in {missed:.0f} % of runs it says nothing new to the end of the run), without replies after "
        f"{number(without, 'compromise_noticed_queues')} days; it is a false alarm on {days} days"
    )
    if with_replies.mean - without.mean > _LATE:
        holds.append(f"A real compromise hides in the noise: {text}. Only if somebody watches queues. {_per_sender(comparison)}")
    else:
        fails.append(f"a real compromise that hides in the noise ({text})")
    return ()


def _per_sender(comparison: Comparison) -> str:
    """Would an alarm that counts messages by sender tell of the compromise?"""
    m, limit = comparison.policies[comparison.widest].measures, comparison.scenario.document.detection.messages
    missed = m["compromise_missed_messages"].mean
    if missed >= 0.5:
        return (
            f"An alert at more than {counted(limit, 'messages')} an hour by one sender says nothing of it in {missed * 100:.0f} % of runs."
        )
    noticed = number(m["compromise_noticed_messages"], "compromise_noticed_messages")
    return f"An alert at more than {counted(limit, 'messages')} an hour by one sender tells of it after {noticed} days."


_MEASURE = {
    "spam.unresolvable": "take the sender domains of a week from the SMTP log and ask `nslookup -type=mx DOMAIN` for each.",
    "spam.nxdomain": "of the sender domains that do not resolve, count those for which nslookup says 'Non-existent domain' at once.",
    "spam.silent": "try `telnet HOST 25` to the mail hosts of a hundred sender domains of the spam and count those that never answer.",
    "spam.refusing": "try `telnet HOST 25` to the mail hosts of a hundred sender domains of the spam and count those that refuse.",
    "spam.busy": "try `telnet HOST 25` to the mail hosts of a hundred sender domains of the spam and count those that say 421.",
    "wanted.partner_share": "count, in the tracking log of a month, how many of the outside people who write belong to partner domains.",
}


def how_to_measure(key: str) -> str:
    """How an assumed input can be measured on the server itself."""
    default = "no log of this server shows it; ask whoever runs the spam filter, and compare with its value set (--set)."
    if key.startswith("spam.addresses"):
        default = "no log of this server shows it; switch replies on for one test mailbox and count what its replies meet."
    return _MEASURE.get(key, default)
