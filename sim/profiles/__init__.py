"""Documented defaults of real servers and autoresponders, as data: every number with its source beside it.

A profile gives the defaults of the scenario's table `[server]`, names the server's own autoresponder (`sim.profiles.responders`, the
defaults of `[replies]`), and says how each reply policy is set and undone there, or why it is not available. Sources are rows of the
project's fact sheet (S-numbers, listed in docs/sources.md), RFC sections, or `assumed` with a low and a high.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sim.errors import BadInput, nearest
from sim.profiles.exchange import EXCHANGE_2007, EXCHANGE_2016, EXCHANGE_EDGE, EXCHANGE_ONLINE, IIS_SMTP
from sim.profiles.exchange_2003 import EXCHANGE_2003
from sim.profiles.parts import Profile, Schedule, Setting, Switch, Tag
from sim.profiles.unix import EXIM, KUMOMTA, MOX, OPENSMTPD, POSTFIX, QMAIL, SENDMAIL

__all__ = ["ALIASES", "PROFILES", "Profile", "Schedule", "Setting", "Switch", "Tag", "find"]

PROFILES: Final[Mapping[str, Profile]] = {
    profile.name: profile
    for profile in (
        EXCHANGE_2003,
        IIS_SMTP,
        EXCHANGE_2007,
        EXCHANGE_2016,
        EXCHANGE_EDGE,
        EXCHANGE_ONLINE,
        POSTFIX,
        SENDMAIL,
        EXIM,
        QMAIL,
        OPENSMTPD,
        KUMOMTA,
        MOX,
    )
}
ALIASES: Final[Mapping[str, str]] = {
    "sbs-2003": "exchange-2003",
    "exchange-2010": "exchange-2016",
    "exchange-2013": "exchange-2016",
    "exchange-2019": "exchange-2016",
    "exchange-se": "exchange-2016",
    "microsoft-365": "exchange-online",
    "windows-smtp": "iis-smtp",
}


def find(name: str, where: str = "server.profile") -> Profile:
    """The profile of a name or alias; BadInput with the nearest known name otherwise. `where`: the key that names it."""
    known = [*PROFILES, *ALIASES]
    if name not in known:
        raise BadInput(where, f"{name!r} is not one of {', '.join(sorted(known))}{nearest(name, known)}")
    return PROFILES[ALIASES.get(name, name)]
