"""From an autoresponder's documented defaults and the table `[replies]` to the responder in force."""

from __future__ import annotations

from functools import cache

from sim.policy.autoreply import Responder, Rule
from sim.profiles import responders
from sim.profiles.responders import Autoresponder
from sim.scenario import reader
from sim.scenario.schema import Replies

__all__ = ["responder"]


def responder(auto: Autoresponder, given: Replies) -> Responder:
    """What is given, and the documented defaults of the rest."""
    default = _checked(auto.name)
    names = [key.removeprefix("replies.") for key in auto.settings]
    chosen = {name: getattr(default if getattr(given, name) is None else given, name) for name in names}
    return Responder(
        rules=tuple(Rule(rule.why, int(rule.flags)) for rule in auto.rules if chosen[rule.key.removeprefix("replies.")]),
        user_return_path=chosen["return_path"] == "user",
        every=chosen["every"],
        history=chosen["history"],
        forgets=chosen["when_full"] == "forget",
        rate_limit=chosen["rate_limit"],
        cleared=bool(auto.cleared),
    )


@cache
def _checked(name: str) -> Replies:
    """An autoresponder's documented defaults, as a file would give them."""
    defaults = {key.removeprefix("replies."): setting.value for key, setting in responders.find(name).settings.items()}
    return reader.check({"title": "-", "days": 1, "replies": defaults}, f"responder {name}").replies
