"""Reply policies of a scenario: the five that servers have, and a user's own, from a table `[policy.NAME]` or a Python function.

A user's own policy is whom it answers, what of `[replies]` and `[breaker]` differs under it, and what of all this is not a setting of the
server: that is simulated, said, and never recommended.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sim import profiles
from sim.policy.autoreply import EVERY_MESSAGE, POLICIES, Audience, Responder
from sim.policy.own import Function
from sim.profiles import Profile, Switch, responders
from sim.scenario import reader, replies
from sim.scenario.schema import Breaker, Document, Policy

__all__ = ["ReplyPolicy", "audience", "by_function", "by_table", "elsewhere", "in_order"]

_NAMES: Final = {audience: name for name, audience in POLICIES.items()}


@dataclass(frozen=True, slots=True)
class ReplyPolicy:
    """Everything that a policy decides."""

    audience: Audience
    responder: Responder
    breaker: Breaker | None
    switch: Switch
    not_here: str = ""  # what of it is no setting of this server
    function: Function | None = None


def in_order(own: Mapping[str, Audience]) -> list[str]:
    """All policies, narrowest first; a user's own stands just before the server's that answers as many."""
    rank = {audience: 2.0 * n for n, audience in enumerate(POLICIES.values())}
    rank[Audience.KNOWN] = rank[Audience.EVERYBODY] - 0.75
    ranks = {name: rank[audience] for name, audience in POLICIES.items()} | {name: rank[audience] - 0.5 for name, audience in own.items()}
    return sorted(ranks, key=ranks.__getitem__)


def audience(table: Policy) -> Audience:
    """Whom the policy of a table answers."""
    return POLICIES[table.based_on] if table.based_on is not None else Audience(table.audience)


def by_table(document: Document, profile: Profile, table: Policy, plain: Mapping[str, Any]) -> ReplyPolicy:
    """The policy of a `[policy.NAME]`; `plain` is that table as it is written."""
    given = document.replies
    if table.replies is not None:
        given = given.model_copy(update={key: getattr(table.replies, key) for key in table.replies.model_fields_set})
    auto = responders.find(given.responder or profile.responder)
    whom = audience(table)
    builtin = _NAMES.get(whom)
    there = profile.policies[builtin] if builtin is not None else Switch(why_not="no server here knows who has written before")
    differs = [f"{key} {reader.plain(value)}" for key, value in plain.get("replies", {}).items()]
    fictions = [there.why_not] if there.why_not else []
    for key, value in plain.get("replies", {}).items():
        setting = auto.settings.get(f"replies.{key}")
        if setting is not None and setting.source.startswith(responders.NOT_HERE) and value != setting.value:
            fictions.append(f"replies.{key} {reader.plain(value)}")
    if given.responder is not None and auto.name != profile.responder:
        fictions.append(f"replies as {auto.name} makes them")
    if table.breaker is not None:
        fictions.append("a breaker")
    if fictions:
        not_here = f"{responders.NOT_HERE}: {'; '.join(fictions)}"
        switch = Switch(brief=responders.NOT_HERE, set_by=not_here)
    else:
        not_here = ""
        same = f"as {builtin}" + (f", with {', '.join(differs)}" if differs else "")
        switch = replace(there, brief=same, set_by=f"{same}: {there.set_by}")
    return ReplyPolicy(whom, replies.responder(auto, given), table.breaker or document.breaker, switch, not_here)


def by_function(function: Function, responder: Responder, breaker: Breaker | None) -> ReplyPolicy:
    """The policy of a Python function: it is asked instead of the suppression rules and the history."""
    not_here = f"{responders.NOT_HERE}: a Python function decides"
    alone = replace(responder, rules=(), every=EVERY_MESSAGE)
    return ReplyPolicy(Audience.EVERYBODY, alone, breaker, Switch(brief=responders.NOT_HERE, set_by=not_here), not_here, function)


def elsewhere(plain: Mapping[str, Any], policy: str, server: str) -> dict[str, Any]:
    """The tables of a file on another server, `policy` being in force. One that it does not offer becomes the widest narrower one."""
    profile = profiles.find(server)
    offered = [name for name in POLICIES if not profile.policies[name].why_not]
    names = list(POLICIES)

    def nearest_there(policy: object) -> object:
        narrower = [known for known in offered if policy in names and names.index(known) <= names.index(str(policy))]
        return narrower[-1] if narrower else policy

    moved = copy.deepcopy(dict(plain))
    moved["server"] = moved.get("server", {}) | {"profile": server, "policy": nearest_there(policy)}
    for change in moved.get("change", []):
        if "policy" in change:
            change["policy"] = nearest_there(change["policy"])
    if profile.no_hand:  # what nobody can do there is not done
        moved["change"] = [change for change in moved.get("change", []) if {"policy", "mailbox"} & change.keys()]
    return moved
