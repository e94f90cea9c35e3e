"""The way out: to each domain's own host, or to a smarthost, the provider's relay, for all mail. Then the queues stand there.

A smarthost is a server of its own, with its own profile, lifetimes and queues. It takes what the office hands over, as long as it is up,
its limit is not reached, and it does not refuse for now; failures after that come back as mail from outside.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator

from sim.policy.retry import QueueRules
from sim.profiles import Tag
from sim.scenario.fields import Duration, HopRate, Share, Table, hourly, key

if TYPE_CHECKING:
    from sim.scenario.schema import Document

__all__ = ["Route", "limited", "off"]


class Route(Table):
    """Where outbound mail goes next."""

    to: Literal["mx", "smarthost"] = key("mx", "next hop of outbound mail: each domain's own host, or a smarthost for all")
    relay: str = key(
        "postfix",
        "server that the smarthost runs; `mailflow show servers` lists them",
        "",
        "assumed: its customers do not see it",
        Tag.ASSUMED,
        "postfix",
        "exchange-2016",
    )
    expiry: Duration | None = key(None, "lifetime of a message at the smarthost; left out: that server's own", "s", gt=0)
    connections: int | None = key(
        None, "connections to the smarthost at most, which the server here keeps to; left out: the server's own limits", ge=1, le=100_000
    )
    throttle: Annotated[float, BeforeValidator(hourly)] = key(
        "off",
        "messages that the smarthost takes from here in any hour at most, as in '100/hour', or 'off'; more it refuses for now (450)",
        "1/h",
        "assumed: Postfix has no limit unless one is set (smtpd_client_message_rate_limit); what providers set has no source",
        Tag.ASSUMED,
        "50/hour",
        "off",
        ge=1,
    )
    refuses: Share = key(
        "0 %", "messages that the smarthost refuses for now (451), each time anew", "share", "assumed; no source", Tag.ASSUMED, "0 %", "5 %"
    )
    outages: HopRate = key("0.1/hop/week", "outages of the smarthost", "1/s", "assumed; no source", Tag.ASSUMED, "0/hop/week", "1/hop/week")
    outage: Duration = key("1 h", "mean length of an outage", "s", "assumed; no source", Tag.ASSUMED, "10 min", "1 d", gt=0)


def off(document: Document, name: str) -> bool:
    """Does a key belong to a smarthost that is not there? Such a key changes nothing."""
    return name.startswith("route.") and name != "route.to" and document.route.to == "mx"


def limited(rules: QueueRules, route: Route) -> QueueRules:
    """The rules of the office's own server, which keeps to the connections that a smarthost allows."""
    if route.to == "mx" or route.connections is None:
        return rules
    return replace(rules, connections_per_hop=min(rules.connections_per_hop, route.connections))
