"""The arguments, each with its number for this scenario and its counter-line; which do not hold here, and which are not modelled.

An argument whose measure is not modelled is named as such, never as one that does not hold.
"""

from __future__ import annotations

import math

from sim.comparison import Comparison
from sim.report.figures import about, away, number
from sim.units import HOUR, clock

__all__ = ["arguments", "how_to_measure"]


def arguments(comparison: Comparison) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Arguments that hold, that do not, and that are not modelled."""
    scenario, wide = comparison.scenario, comparison.policies[comparison.widest]
    m = wide.measures
    holds: list[str] = []
    fails: list[str] = []
    if comparison.widest == "external":
        if m["strangers_told"].mean >= 1:
            holds.append(
                f"Strangers learn that someone is away: {number(m['strangers_told'], 'strangers_told')} people. "
                "A bare text without dates and names removes most of the harm; no fraud rate has a source."
            )
        else:
            fails.append("strangers told (fewer than one)")
        if m["notices_to_user"].mean >= 1:
            holds.append(
                f"Failure and delay notices come back to {away(scenario, 'the absent')}: "
                f"{number(m['notices_to_user'], 'notices_to_user')} messages. "
                "It holds only where the return path of a reply is the user, which is not documented for this server; with a "
                "null return path, none."
            )
        else:
            fails.append("notices that flood the absent user (none)")
        limit = scenario.document.verdict.alert_queues
        if math.isfinite(wide.alert_at):
            holds.append(
                f"The queues look like a compromise: an alert at more than {limit} queues in Retry (assumed) would fire on "
                f"{clock(wide.alert_at)}, "
                f"at the peak {number(m['queues_in_retry_peak'], 'queues_in_retry_peak')} queues stand in Retry, and the "
                "published rules, which ask "
                "whether postmaster is the sender, would call it a relay. A queue view by sender, or one alert per sender, costs less."
            )
        else:
            fails.append(f"the look of the queues (never more than {limit} in Retry in most runs)")
        if m["backscatter"].mean >= 1:
            holds.append(
                f"Innocents get backscatter: {number(m['backscatter'], 'backscatter')} replies to people whose address was forged. "
                "Refusing or junking spam before replying removes most."
            )
        else:
            fails.append("backscatter (fewer than one message)")
        if m["spammers_told"].mean >= 1:
            fails.append(
                f"spammers learn that the address is live ({about(m['spammers_told'])}: weak, accepting the mail told them already)"
            )
    if m["wanted_wait"].mean > 1.0:
        holds.append(f"Wanted mail waits {number(m['wanted_wait'], 'wanted_wait')} s on average for a free connection.")
    else:
        fails.append("delay of wanted mail (none)")
    hours = scenario.horizon / HOUR
    attempts = m["attempts_on_undelivered_autoreplies"].mean
    fails.append(f"queue length, load, DNS load (about {attempts / hours:,.0f} attempts an hour: harmless)")
    fails.append("'our responder follows the RFC' (header rules leave most spam answered)")
    missing = (
        f"listing of the server (autoreplies that arrive at spamtraps: {number(m['trap_hits'], 'trap_hits')}; the trap share is assumed)",
        "mail loops",
        "a real compromise that hides in the noise",
    )
    return tuple(holds), tuple(fails), missing


_MEASURE = {
    "spam.unresolvable": "take the sender domains of a week from the SMTP log and ask `nslookup -type=mx DOMAIN` for each.",
    "spam.nxdomain": "of the sender domains that do not resolve, count those for which nslookup says 'Non-existent domain' at once.",
    "spam.silent": "try `telnet HOST 25` to the mail hosts of a hundred sender domains of the spam and count those that never answer.",
    "spam.refusing": "try `telnet HOST 25` to the mail hosts of a hundred sender domains of the spam and count those that refuse.",
    "spam.busy": "try `telnet HOST 25` to the mail hosts of a hundred sender domains of the spam and count those that say 421.",
    "wanted.partner_share": "count, in the tracking log of a month, how many of the outside people who write belong to partner domains.",
    "replications": "add replications (--replications).",
}


def how_to_measure(key: str) -> str:
    """How an assumed input can be measured on the server itself."""
    default = "no log of this server shows it; ask whoever runs the spam filter, and compare with its value set (--set)."
    if key.startswith("spam.addresses"):
        default = "no log of this server shows it; switch replies on for one test mailbox and count what its replies meet."
    return _MEASURE.get(key, default)
