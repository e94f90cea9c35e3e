"""What no single key of a scenario file can check: that its parts fit together."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from sim import profiles
from sim.errors import BadInput, Unavailable, nearest
from sim.policy import retry
from sim.policy.autoreply import POLICIES
from sim.scenario import calendar, causes, hand, reader

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["POLICY_NAME", "consistent"]

POLICY_NAME: Final = r"[a-z][a-z0-9_-]*"  # of a policy of one's own


def consistent(scenario: Scenario) -> None:
    """Raises BadInput, with file and key, for the first thing that is wrong."""
    document, file = scenario.document, scenario.file
    office = document.office

    def wrong(key: str, text: str) -> BadInput:
        return BadInput(f"{file}: {key}", text)

    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", office.opens) or not re.fullmatch(r"([01]\d|2[0-4]):[0-5]\d", office.closes):
        raise wrong("office.opens", f"{office.opens!r} to {office.closes!r}: a time of day is HH:MM")
    if office.opens >= office.closes:
        raise wrong("office.closes", f"{office.closes!r} is not after opens, {office.opens!r}")
    if len(office.people) > office.mailboxes or len(set(office.people)) < len(office.people):
        raise wrong("office.people", f"{len(office.people)} names for {office.mailboxes} mailboxes; each name once, no more than mailboxes")
    for person in office.people:
        if not re.fullmatch(r"[a-z][a-z0-9._-]*", person):
            raise wrong("office.people", f"{person!r} is not a name for a mailbox: write it in small letters, as in 'ann'")
    if office.locale:
        from faker.config import AVAILABLE_LOCALES

        if office.locale not in AVAILABLE_LOCALES:
            known = nearest(office.locale, AVAILABLE_LOCALES)
            raise wrong("office.locale", f"{office.locale!r} is not a language that Faker knows, as in 'de_DE'{known}")
    try:
        profiles.find(document.server.profile)
        profiles.find(document.route.relay, "route.relay")
        scenario.autoresponder  # noqa: B018  complains of a name that is not known
        for name in document.policy:
            if name in POLICIES or not re.fullmatch(POLICY_NAME, name):
                raise wrong(f"policy.{name}", "is not a name for a policy of your own: small letters, digits, - and _, and not taken")
            scenario.reply_policy(name)
        scenario.audience(document.server.policy)
        for n, change in enumerate(document.change, start=1):
            if change.policy is not None:
                scenario.audience(change.policy)
            if change.mailbox is not None:
                scenario.mailbox(change.mailbox)
            if hand.act(change) is not None and scenario.profile.no_hand:
                raise Unavailable(f"change[{n}]", f"not available on {scenario.profile.short}: {scenario.profile.no_hand}")
            if document.days is not None and change.at > scenario.horizon:
                raise wrong(f"change[{n}].at", f"is after the end of the run (days = {document.days:g})")
        for entry in document.absence:
            scenario.away(entry.who)
        for who in document.spam.mailboxes:
            scenario.mailbox(who)
        for key, text in causes.wrong(document, scenario.mailbox):
            raise wrong(key, text)
    except BadInput as error:
        raise error if error.where.startswith(file) else type(error)(f"{file}: {error.where}", error.found) from None
    for n, entry in enumerate(document.absence, start=1):
        if entry.until is not None and entry.until <= entry.since:
            raise wrong(f"absence[{n}].until", "is not after from")
        if entry.switched == "once" and entry.every is None:
            raise wrong(f"absence[{n}].switched", "'once' belongs to a calendar: give every, as in every = 'Fri'")
    if (found := calendar.overlap(document.absence, scenario.away)) is not None:
        first, second = found
        raise wrong(f"absence[{second + 1}]", f"overlaps absence[{first + 1}] of the same person; write them as one")
    if document.days is None and not document.replay_required:
        raise wrong("days", "is missing: length of the run in days")
    for key, (_, info) in reader.fields().items():
        if (info.json_schema_extra or {}).get("tag") == "profile" and key in scenario.origins and scenario.default(key) is None:
            keys = [name for name in scenario.profile.settings if name.startswith("server.")]
            more = nearest(key, keys) or f": it has {', '.join(keys)}"
            raise wrong(key, f"is no setting of {scenario.profile.short}{more}")
    try:
        rules = scenario.queue_rules()
    except BadInput as error:
        raise wrong(error.where, error.found) from None
    if any(value < 0.001 for value in rules.params[2:]) and rules.kind == retry.INTERVALS:
        raise wrong("server.retry", "has a wait under 1 ms")
    if math.isfinite(rules.delay_notice) and rules.delay_notice >= rules.expiry and "server.expiry" not in scenario.origins:
        raise wrong("server.delay_notice", "is not below server.expiry")
