"""What a profile is made of: settings with their source, switches of policies, the profile itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from sim.mail import TEXTS, Code
from sim.policy.retry import Expiry, Family

__all__ = ["Profile", "Schedule", "Setting", "Switch", "Tag"]


class Tag(Enum):
    """How well a number is known."""

    SITE = "site"  # a fact of the site: whoever runs the scenario knows it
    MEASURED = "measured"
    DOCUMENTED = "documented"
    ASSUMED = "assumed"  # no source, or sources that disagree: carries a low and a high


@dataclass(frozen=True, slots=True)
class Setting:
    """A default as it would be written in a scenario, its source, and its band where it is assumed."""

    value: object
    source: str
    tag: Tag = Tag.DOCUMENTED
    low: object = None
    high: object = None


@dataclass(frozen=True, slots=True)
class Switch:
    """How a policy is set and undone on a server; `why_not` instead where it is not to be had."""

    brief: str = ""  # for a table
    set_by: str = ""
    undo: str = ""
    why_not: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A retry rule: its kind (`policy.retry`), and the keys of `[server]` whose values are its params, in order."""

    kind: int
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """A server: defaults by key of `[server]`, its autoresponder, policies, filters it really had, and what its queue tool looks like."""

    name: str
    title: str
    short: str
    settings: Mapping[str, Setting]
    policies: Mapping[str, Switch]
    filters: Mapping[str, str]  # filter -> what provides it here, or "this server did not have it: ..."
    schedule: Schedule
    default_policy: str
    responder: str  # its own autoresponder, of sim.profiles.responders
    family: Family = Family.QUEUE
    expires: Expiry = Expiry.TIMER
    glitch_on: frozenset[Code] = frozenset()
    queue_tool: str = "qshape"  # what shows its queues: Queue Viewer, Get-Queue or qshape (FACTS 4)
    texts: Mapping[Code, str] = field(default_factory=dict)  # its words for what the outside answers, where they differ from `mail.TEXTS`
    delays_autoreplies: bool = True  # is the sender of an automatic reply told of its delay
    no_hand: str = ""  # why its administrator can do nothing to its queues by hand
    approximated: str = ""  # where its true rule is neither family's: what it runs on, and what differs
    undocumented: tuple[str, ...] = ()

    def text(self, code: Code) -> str:
        """What this server says when the outside has answered so."""
        return self.texts.get(code, TEXTS[code])
