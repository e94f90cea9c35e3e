"""From an autoresponder's documented defaults and the table `[replies]` to the responder in force."""

from __future__ import annotations

from sim.policy.autoreply import Responder, Rule
from sim.profiles.responders import Autoresponder
from sim.scenario import reader
from sim.scenario.schema import Replies

__all__ = ["responder"]


def responder(auto: Autoresponder, given: Replies) -> Responder:
    """What is given, and the documented defaults of the rest."""
    defaults = {key.removeprefix("replies."): setting.value for key, setting in auto.settings.items()}
    default = reader.check({"title": "-", "days": 1, "replies": defaults}, f"responder {auto.name}").replies
    chosen = {name: getattr(default if getattr(given, name) is None else given, name) for name in defaults}
    return Responder(
        rules=tuple(Rule(rule.why, int(rule.flags)) for rule in auto.rules if chosen[rule.key.removeprefix("replies.")]),
        user_return_path=chosen["return_path"] == "user",
        every=chosen["every"],
        history=chosen["history"],
        forgets=chosen["when_full"] == "forget",
        rate_limit=chosen["rate_limit"],
        cleared=bool(auto.cleared),
    )
