"""What a server does, in words: its retry schedule as a time line, its limits, what each failure leads to, where each policy is set."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from sim import profiles
from sim.mail import CONNECTION_FAILURES, PERMANENT, Code
from sim.policy import retry
from sim.policy.autoreply import POLICIES
from sim.policy.retry import Expiry, Family, QueueRules
from sim.profiles import Profile, responders
from sim.report.responders import page
from sim.scenario import default_rules
from sim.scenario.reader import plain
from sim.units import counted, digits, words

__all__ = ["server_list", "server_page"]

_FAILURES: Final = (
    (Code.NXDOMAIN, "the domain does not exist"),
    (Code.NULL_MX, "the domain says that it takes no mail: null MX"),
    (Code.SERVFAIL, "DNS says SERVFAIL"),
    (Code.DNS_TIMEOUT, "DNS does not answer"),
    (Code.REFUSED, "the connection is refused"),
    (Code.TIMEOUT, "the host does not answer"),
    (Code.BUSY, "421 in the greeting: busy"),
    (Code.GREYLISTED, "451 for the recipient: greylisted"),
    (Code.FULL, "452 for the recipient: mailbox full"),
    (Code.OVER_QUOTA, "552 for the recipient: mailbox full"),
    (Code.NO_MAILBOX, "550 for the recipient: unknown"),
)
_SHOWN: Final = 14  # attempts of a time line


def server_list() -> Iterator[str]:
    """One line for each server."""
    yield f"{'server':16} {'attempts':>8}  {'lifetime':8}  {'who retries':18} what it is"
    for profile in profiles.PROFILES.values():
        rules = default_rules(profile.name)
        count = len(retry.schedule(rules, glitch=bool(Code.TIMEOUT in rules.glitch_on)))
        who = "queue" if profile.family is Family.QUEUE else "message"
        also = [alias for alias, name in profiles.ALIASES.items() if name == profile.name]
        title = profile.title + (f" (also {', '.join(also)})" if also else "")
        lifetime = counted(rules.most_attempts, "tries") if rules.most_attempts else words(rules.expiry)
        yield f"{profile.name:16} {count:8d}  {lifetime:8}  {'the ' + who:18} {title}"
    yield "Attempts: at a next hop that never answers, within the lifetime of a message. `mailflow show NAME` says all of one server."


def server_page(profile: Profile) -> Iterator[str]:
    """Everything about one server."""
    rules = default_rules(profile.name)
    yield f"{profile.name}: {profile.title}"
    yield ""
    yield f"Retry: {profile.family.value}."
    glitch = Code.TIMEOUT in rules.glitch_on
    yield from _in_words(rules)
    yield f"  a host that does not answer is tried at {_line(rules, glitch)}"
    if rules.glitch_on and not glitch:
        yield f"  one that is busy (421) is tried at {_line(rules, True)}"
    if rules.resubmit_after < math.inf:
        yield f"  after {words(rules.resubmit_after)} in Retry the messages are submitted again, and the stages begin afresh"
    if profile.approximated:
        yield f"  approximated: {profile.approximated}"
    yield f"Lifetime: {words(rules.expiry)}; a message leaves {rules.expires.value}" + (
        f", or after {counted(rules.most_attempts, 'attempts')}." if rules.most_attempts else "."
    )
    yield f"Delay notice: {'none' if math.isinf(rules.delay_notice) else 'after ' + words(rules.delay_notice)}" + (
        "." if profile.delays_autoreplies else ", not for automatic replies."
    )
    yield (
        f"Limits: {counted(rules.connections, 'connections')}, {rules.connections_per_hop:,} to one next hop, "
        f"{counted(rules.messages_per_connection, 'messages')} on each."
    )
    yield ""
    yield "What a failure leads to"
    for code, what in _FAILURES:
        yield f"  {what:38} {_consequence(rules, code):44} {profile.text(code)}"
    yield ""
    yield f"Reply policies (default: {profile.default_policy})"
    for name in POLICIES:
        switch = profile.policies[name]
        yield f"  {name:16} " + (switch.set_by or f"not available here: {switch.why_not}") + f" [{switch.source}]"
        if switch.undo:
            yield f"  {'':16} undone by: {switch.undo}"
    yield ""
    yield "Filters before the reply"
    for name, how in profile.filters.items():
        yield f"  {name:20} {how}"
    yield ""
    yield "Settings, how they are known, and their source"
    for key, setting in profile.settings.items():
        band = f" [{plain(setting.low)} to {plain(setting.high)}]" if setting.low is not None else ""
        yield f"  {key:32} {plain(setting.value):32} {setting.tag.value:11} {setting.source}{band}"
    yield ""
    yield f"Autoreplies ({profile.responder}; another with replies.responder)"
    yield from (f"  {line}" for line in page(responders.find(profile.responder)))
    if profile.undocumented:
        yield ""
        yield "Not documented"
        for item in profile.undocumented:
            yield f"  {item}"


def _in_words(rules: QueueRules) -> Iterator[str]:
    p = rules.params
    if rules.kind == retry.INTERVALS:
        if rules.glitch_on and p[0]:
            on = "any connection failure" if Code.TIMEOUT in rules.glitch_on else "'busy'"
            yield f"  glitch retries on {on}: {p[0]:.0f}, {words(p[1])} apart"
        yield f"  then waits of {', '.join(words(wait) for wait in p[2:])}, the last one for ever"
    elif rules.kind == retry.CLAMPED_AGE:
        yield f"  a deferred message waits for as long as it is old, at least {words(p[0])}, at most {words(p[1])},"
        yield f"  and then for the next scan of the deferred queue, every {words(p[2])}"
    elif rules.kind == retry.EACH_RUN:
        yield f"  a deferred message is tried at each queue run, every {words(p[0])}"
    elif rules.kind == retry.PIECES:
        for until, first, factor in zip(p[::3], p[1::3], p[2::3], strict=True):
            grows = f", then each {digits(factor)} times as long" if factor != 1.0 else ""
            yield f"  until {words(until)} after the first failure: every {words(first)}{grows}"
    elif rules.kind == retry.SQUARES_OF_AGE:
        yield f"  the next attempt comes when the root of the message's age in seconds, in whole numbers, has grown by {p[0]:.0f}"
    elif rules.kind == retry.SQUARES:
        yield f"  the n-th retry comes {words(p[0])} x n^2 after the message was accepted"
    elif rules.kind == retry.DOUBLING:
        most = "" if math.isinf(p[1]) else f", at most {words(p[1])}"
        yield f"  waits of {words(p[0])}, doubled after each failure{most}"
    if rules.suspend_for > 0.0:
        failures = "one failed connection" if rules.suspend_after == 1 else f"{rules.suspend_after} failed connections in a row"
        yield f"  after {failures} other mail to the same next hop is deferred without an attempt, for {words(rules.suspend_for)}"


def _line(rules: QueueRules, glitch: bool) -> str:
    """The first attempts in minutes, how many there are, and the last."""
    times = retry.schedule(rules, glitch)
    minutes = [f"{time / 60.0:.1f}".removesuffix(".0") for time in times]
    shown = ", ".join(minutes[:_SHOWN])
    if len(times) <= _SHOWN:
        return f"{shown} min: {counted(len(times), 'attempts')}"
    late = " (the last one finds it too old)" if rules.expires is Expiry.AT_FAILED_ATTEMPT else ""
    return f"{shown} ... {minutes[-1]} min: {counted(len(times), 'attempts')}{late}"


def _consequence(rules: QueueRules, code: Code) -> str:
    if rules.retries(code):
        return "retried, as any connection failure"
    if code in PERMANENT:
        return "final: failure notice at once"
    if code in CONNECTION_FAILURES:
        if rules.family is Family.MESSAGE:
            return "the message is deferred"
        return "the queue is in Retry" + (", glitch retries first" if code in rules.glitch_on and rules.params[0] else "")
    return "the message alone is deferred"
