"""A server's documented defaults, checked as the values of a file are."""

from __future__ import annotations

from functools import cache

from sim import profiles
from sim.policy import retry
from sim.scenario import reader
from sim.scenario.rules import queue_rules

__all__ = ["checked_default", "default_rules"]


def default_rules(server: str) -> retry.QueueRules:
    """The queue rules of a server, by the name of its profile, as it is delivered."""
    profile = profiles.find(server)
    return queue_rules(profile, lambda key: checked_default(profile.name, key))


@cache
def checked_default(profile: str, key: str) -> object:
    """A profile's value of a key, read as a file's would be; once, since a sweep asks for it thousands of times."""
    table, _, name = key.partition(".")
    checked = reader.check({"title": "-", "days": 1, table: {name: profiles.find(profile).settings[key].value}}, f"profile {profile}")
    return getattr(getattr(checked, table), name)
