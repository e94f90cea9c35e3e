"""Tables of what replies lead to: alarms, confirmed addresses, responders outside."""

from __future__ import annotations

from sim.profiles import Tag
from sim.scenario.fields import Duration, OfficeRate, Share
from sim.scenario.fields import Table as _Table
from sim.scenario.fields import key as _key

__all__ = ["Confirmed", "Detection", "Loops"]


class Detection(_Table):
    """When a monitor would raise an alarm; none of these changes a run. The limit on queues in Retry is verdict.alert_queues."""

    poll: Duration = _key("5 min", "time between two looks", "s", "assumed", Tag.ASSUMED, "1 min", "60 min", ge=1)
    pending: int = _key(
        20,
        "an alarm at more than this many messages pending outbound",
        "messages",
        "assumed; the threshold of SBS 2003's alert was not found (FACTS 0)",
        Tag.ASSUMED,
        5,
        100,
        ge=0,
    )
    oldest: Duration = _key("4 h", "an alarm at an outbound message older than this", "s", "assumed", Tag.ASSUMED, "1 h", "24 h")
    autoreplies: int = _key(
        5, "an alarm at more than this many autoreplies by one sender within an hour", "messages", "assumed", Tag.ASSUMED, 2, 30, ge=0
    )
    messages: int = _key(
        30,
        "an alarm at more than this many outbound messages by one sender within an hour",
        "messages",
        "assumed",
        Tag.ASSUMED,
        10,
        200,
        ge=0,
    )


class Confirmed(_Table):
    """What if a reply that reaches a spammer confirms the address, and earns it more spam? Switched on by being there."""

    rate: OfficeRate = _key(
        "0.5/day",
        "more spam to the mailbox for each spammer who got a reply",
        "1/s",
        "assumed; a what-if, no source",
        Tag.ASSUMED,
        "0/day",
        "5/day",
    )
    lag: Duration = _key("1 d", "from the reply's arrival to the first of it", "s", "assumed; no source", Tag.ASSUMED, "1 h", "14 d", ge=60)
    most: int = _key(20, "confirmations that earn spam, for each mailbox", "", "assumed; no source", Tag.ASSUMED, 5, 100, ge=1, le=1000)


class Loops(_Table):
    """Responders outside that answer our replies. Switched on by being there."""

    responders: Share = _key(
        "5 %", "people outside, strangers among them, whose own responder is on", "share", "assumed; no source", Tag.ASSUMED, "1 %", "20 %"
    )
    every_message: Share = _key(
        "10 %", "of these responders, those that answer every message", "share", "assumed; no source", Tag.ASSUMED, "0 %", "50 %"
    )
    marked: bool = _key(
        False,
        "our replies say Auto-Submitted (RFC 3834), so polite responders leave them alone",
        "",
        "assumed: the RFC is of 2004 and not known to Exchange 2003",
        Tag.ASSUMED,
        False,
        True,
    )
    lag: Duration = _key("1 min", "time until an answer comes back", "s", "assumed", Tag.ASSUMED, "10 s", "10 min", ge=1)
    most: int = _key(1000, "answers to the replies of one chain, at most: a bound of the model", "", "a bound", ge=1, le=4000)
