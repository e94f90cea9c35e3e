"""What makes two scenarios the same: SHA-256 sums of what decides a result, and of what decides which mail comes."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from sim.policy.own import described

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["digest", "drawn", "result"]

# What decides nothing of which mail comes, but only what becomes of it.
_NOT_DRAWN: Final = (
    *("title", "replay_required", "tested_with", "expect", "verdict", "detection"),
    *("server", "replies", "filter", "world", "route", "change", "cause", "listing", "confirmed", "loops", "breaker", "policy"),
)
_FATES: Final = {"unresolvable", "nxdomain", "silent", "refusing", "busy", "null_mx", "addresses"}  # of senders of spam


def result(scenario: Scenario) -> str:
    """Identity of everything that decides the result, but the seed."""
    payload = [[item.key, item.value] for item in scenario.inputs()]
    payload += [["absence", scenario.plain.get("absence", [])], ["change", scenario.plain.get("change", [])]]
    payload += [["policy", scenario.plain["policy"]]] if "policy" in scenario.plain else []
    payload += [["functions", {name: described(function) for name, function in scenario.functions.items()}]] if scenario.functions else []
    payload += [["replay", corpus.sha256] for corpus in (scenario.replay, scenario.replay_wanted) if corpus is not None]
    payload += [["compressed", scenario.compressed.longest]] if scenario.compressed is not None else []
    return digest(payload)


def drawn(scenario: Scenario) -> str:
    """Identity of what decides which mail comes, without what the outside, the server and the replies make of it."""
    document = scenario.document.model_dump(exclude=dict.fromkeys(_NOT_DRAWN, True) | {"spam": _FATES})
    payload = [document, scenario.horizon, [[a.mailbox, a.since, a.until] for a in scenario.absences]]
    payload += [corpus.sha256 for corpus in (scenario.replay, scenario.replay_wanted) if corpus is not None]
    payload += [scenario.compressed.longest if scenario.compressed is not None else None]
    return digest(payload)


def digest(content: object) -> str:
    """The sum of anything that JSON can hold, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
