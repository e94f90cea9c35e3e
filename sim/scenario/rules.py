"""A scenario's server as the plain rules that a transport takes: the file's values, else the profile's."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

from sim.errors import BadInput
from sim.policy import retry
from sim.profiles import Profile
from sim.units import duration

__all__ = ["queue_rules", "retry_pieces"]

_PIECE: Final = re.compile(r"\s*([FG])\s*,\s*(\w+)\s*,\s*(\w+)\s*(?:,\s*([\d.]+)\s*)?")


def queue_rules(profile: Profile, number: Callable[[str], object]) -> retry.QueueRules:
    """The queue rules of a server. `number` gives the value of a key of its profile, durations in seconds."""

    def seconds(key: str) -> float:
        value = number(key)
        assert isinstance(value, int | float), (key, value)
        return float(value)

    def optional(key: str, absent: float) -> float:
        return seconds(key) if key in profile.settings else absent

    params: list[float] = []
    for key in profile.schedule.keys:
        value = number(key)
        if isinstance(value, list):
            params += map(float, value)
        elif isinstance(value, str):
            params += retry_pieces(value)
        else:
            params.append(seconds(key))
    return retry.QueueRules(
        family=profile.family,
        kind=profile.schedule.kind,
        params=tuple(params),
        glitch_on=profile.glitch_on,
        message_retry=optional("server.message_retry", math.nan),
        expiry=seconds("server.expiry"),
        expires=profile.expires,
        delay_notice=seconds("server.delay_notice"),
        forget_after=optional("server.forget_after", 0.0),
        connections=int(seconds("server.connections")),
        connections_per_hop=int(seconds("server.connections_per_hop")),
        messages_per_connection=int(seconds("server.messages_per_connection")),
        reports_failures=bool(number("server.reports_failures")),
        most_attempts=int(optional("server.most_attempts", 0)),
        resubmit_after=optional("server.resubmit_after", math.inf),
        nxdomain_retries=number("server.nxdomain") == "temporary",
        null_mx_retries=number("server.null_mx") == "temporary",
        suspend_for=optional("server.suspend_for", 0.0),
        suspend_after=int(optional("server.suspend_after", 1)),
    )


def retry_pieces(rule: str) -> list[float]:
    """Exim's notation to the params of `retry.PIECES`: F is a fixed wait, G one that grows (FACTS 1.5, S44).

    >>> retry_pieces("F,2h,15m; G,16h,1h,1.5")
    [7200.0, 900.0, 1.0, 57600.0, 3600.0, 1.5]
    """
    params: list[float] = []
    for piece in rule.split(";"):
        match = _PIECE.fullmatch(piece)
        if match is None or (match[1] == "G") != (match[4] is not None):
            raise BadInput("server.retry_rule", f"{piece.strip()!r} is not a piece such as 'F,2h,15m' or 'G,16h,1h,1.5'")
        try:
            params += [duration(match[2]), duration(match[3]), float(match[4] or 1.0)]
        except ValueError as error:
            raise BadInput("server.retry_rule", str(error)) from None
        if params[-1] < 1.0 or params[-2] <= 0.0:
            raise BadInput("server.retry_rule", f"{piece.strip()!r}: a wait is above 0, a factor at least 1")
    return params
