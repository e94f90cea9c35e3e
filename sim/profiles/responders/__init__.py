"""Documented autoresponders, as data: which mail they leave unanswered, how long they remember, what their reply looks like.

A responder is chosen apart from the server: a server's profile names its own, `replies.responder` another. Sources are rows of the
project's fact sheet (S-numbers), RFC sections, source files that were read, `measured` (a real one was asked), or `assumed` with a low and
a high.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sim.errors import BadInput, nearest
from sim.profiles.responders.exchange import EXCHANGE_2003, EXCHANGE_2007, EXCHANGE_ONLINE
from sim.profiles.responders.gmail import GMAIL
from sim.profiles.responders.parts import NOT_HERE, SIMULATED, STANDARD, Autoresponder, Line, Suppression
from sim.profiles.responders.standards import RFC3834, RFC5230
from sim.profiles.responders.unix import EXIM, VACATION1

__all__ = ["NOT_HERE", "RESPONDERS", "SIMULATED", "STANDARD", "Autoresponder", "Line", "Suppression", "find"]

RESPONDERS: Final[Mapping[str, Autoresponder]] = {
    one.name: one for one in (EXCHANGE_2003, EXCHANGE_2007, EXCHANGE_ONLINE, RFC3834, RFC5230, EXIM, VACATION1, GMAIL)
}


def find(name: str, where: str = "replies.responder") -> Autoresponder:
    """The autoresponder of a name; BadInput with the nearest known name otherwise."""
    if name not in RESPONDERS:
        raise BadInput(where, f"{name!r} is not one of {', '.join(RESPONDERS)}{nearest(name, RESPONDERS)}")
    return RESPONDERS[name]
