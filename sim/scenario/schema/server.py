"""The tables of the server: `[server]`, `[replies]`, `[filter]`, `[breaker]` and a policy of one's own.

What is left out of the first two takes the profile's value.
"""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from sim.profiles import Tag
from sim.scenario.fields import Duration, Every, History, Limit, Patience, Share
from sim.scenario.fields import Table as _Table
from sim.scenario.fields import key as _key
from sim.scenario.fields import of_profile as _of_profile

__all__ = ["Breaker", "Filter", "Policy", "Replies", "Server"]


class Server(_Table):
    """The mail server: which, and where it departs from its defaults."""

    profile: str = _key("sbs-2003", "which server; `mailflow show servers` lists them", source="the question")
    policy: str = _key("internal-only", "reply policy in force; `mailflow show policies` lists them", source="the question")
    retry: list[Duration] | None = _of_profile(
        "waits after the 1st, 2nd, 3rd ... failed connection; the last one for ever", "s", min_length=1
    )
    minimal_backoff: Duration | None = _of_profile("shortest wait of a deferred message", "s", gt=0)
    maximal_backoff: Duration | None = _of_profile("longest wait of a deferred message", "s", gt=0)
    queue_run: Duration | None = _of_profile("time between two scans of the deferred queue", "s", gt=0)
    retry_rule: str | None = _of_profile("retry rule in Exim's notation, as in 'F,2h,15m; G,16h,1h,1.5; F,4d,6h'")
    retry_skip: int | None = _of_profile("added to the root of a message's age before it is squared (qmail's chanskip)", ge=1, le=1000)
    retry_unit: Duration | None = _of_profile("unit of the squares by which retries spread", "s", gt=0)
    first_retry: Duration | None = _of_profile("first wait, doubled after each failure", "s", gt=0)
    longest_retry: Patience | None = _of_profile("longest wait; or 'none'", "s", gt=0)
    most_attempts: int | None = _of_profile("attempts after which a message is given up", ge=1)
    resubmit_after: Patience | None = _of_profile("a queue in Retry for this long begins afresh; or 'never'", "s", gt=0)
    suspend_for: Duration | None = _of_profile("mail to a dead next hop is deferred without an attempt for this long", "s", ge=0)
    suspend_after: int | None = _of_profile("failed connections in a row that make a next hop dead", ge=1, le=1000)
    nxdomain: Literal["permanent", "temporary"] | None = _of_profile("what a domain that does not exist is: an NDR at once, or Retry")
    null_mx: Literal["permanent", "temporary"] | None = _of_profile("what a domain with a null MX is: an NDR at once, or Retry")
    glitch_retries: int | None = _of_profile("quick retries before that, where the server makes them", ge=0, le=15)
    glitch_interval: Duration | None = _of_profile("wait between quick retries", "s", gt=0)
    message_retry: Duration | None = _of_profile("wait of one message that was refused 4xx", "s", gt=0)
    expiry: Duration | None = _of_profile("lifetime of a message in the queue", "s", gt=0)
    delay_notice: Patience | None = _of_profile("a message still queued after this is reported to its sender; or 'never'", "s", gt=0)
    forget_after: Duration | None = _of_profile("an empty queue forgets its stage after this", "s", gt=0)
    connections: int | None = _of_profile("outbound connections at most, all together", ge=1, le=100_000)
    connections_per_hop: int | None = _of_profile("outbound connections at most, to one next hop", ge=1, le=100_000)
    messages_per_connection: int | None = _of_profile("messages carried by one connection at most", ge=1, le=100_000)
    connect_timeout: Duration | None = _of_profile("time a silent address holds a connection", "s", gt=0)
    addresses_tried: int | None = _of_profile("addresses of a next hop that one attempt tries at most", ge=1, le=1000)
    dns_timeout: Duration | None = _of_profile("time an unanswered DNS query holds a connection", "s", gt=0)
    reports_failures: bool | None = _of_profile("are failure and delay notices sent at all")


class Replies(_Table):
    """The autoresponder: what it does not answer, and how long it remembers. Defaults are the responder's."""

    responder: str | None = _of_profile("which autoresponder; left out: the server's own; `mailflow show responders` lists them")
    return_path: Literal["user", "null"] | None = _of_profile("return path of an autoreply")
    every: Every | None = _of_profile("a sender is answered again after this; 'absence': once per absence; 'message': every message", "s")
    history: History | None = _of_profile("senders remembered per absence, or 'unlimited'", ge=1)
    when_full: Literal["answer", "forget"] | None = _of_profile(
        "a sender who does not fit into the history is answered every time, or the oldest is forgotten for him"
    )
    rate_limit: Limit | None = _of_profile("replies of a mailbox in any hour at most, as in '20/mailbox/hour', or 'off'", "1/h", ge=0)
    ignore_auto_submitted: bool | None = _of_profile("mail with Auto-Submitted other than 'no' is not answered")
    ignore_precedence: bool | None = _of_profile("mail with Precedence bulk, list or junk is not answered")
    ignore_list_headers: bool | None = _of_profile("mail with a List-* header is not answered")
    ignore_suppress_header: bool | None = _of_profile("mail with X-Auto-Response-Suppress is not answered")
    ignore_system_senders: bool | None = _of_profile("mail from mailer-daemon, owner-* and the like is not answered")
    ignore_own_address: bool | None = _of_profile("mail that claims to come from oneself is not answered")
    only_if_addressed: bool | None = _of_profile("answered only if one's own address stands in To or Cc")
    ignore_spam_flag: bool | None = _of_profile("mail with X-Spam-Flag: YES is not answered; shows with real mail only")
    ignore_spf_fail: bool | None = _of_profile("mail whose sender fails SPF is not answered; shows with real mail only")
    ignore_junk: bool | None = _of_profile("mail filed as junk is not answered")


class Filter(_Table):
    """What is done with spam before a reply is decided."""

    kind: Literal["none", "junk-first", "refuse-unresolvable"] = _key("none", "which filter", source="the question")
    recipients: bool = _key(
        True, "mail to a mailbox that does not exist here is refused at SMTP; false: it is taken, and reported to its sender later"
    )
    hit: Share = _key(
        "90 %",
        "spam that it hits; with refuse-unresolvable, of the spam from such domains",
        "share",
        "assumed",
        Tag.ASSUMED,
        "70 %",
        "99 %",
    )
    false_positive: Share = _key("0.1 %", "other mail from outside that it hits", "share", "assumed", Tag.ASSUMED, "0 %", "1 %")


class Breaker(_Table):
    """Not a setting of any server here, but a what-if: replies to the outside stop while too many queues stand in Retry. Switched on by
    being there."""

    queues: int = _key(
        10,
        "it opens at more than this many next hops in Retry (not a setting of this server)",
        "queues",
        "assumed",
        Tag.ASSUMED,
        3,
        30,
        ge=0,
    )
    poll: Duration = _key("5 min", "time between two looks", "s", "assumed", Tag.ASSUMED, "1 min", "60 min", ge=1)
    rest: Duration = _key("1 d", "it stays open for this long at least", "s", "assumed", Tag.ASSUMED, "1 h", "7 d", ge=1)


class Policy(_Table):
    """A reply policy of one's own: whom it answers, and what differs from `[replies]` and `[breaker]` under it."""

    based_on: Literal["off", "internal-only", "partners-only", "contacts-only", "external"] | None = _key(
        None, "it answers whom this policy answers", source="the question"
    )
    audience: Literal["nobody", "internal", "partners", "contacts", "known", "everybody"] | None = _key(
        None, "instead of based_on: whom it answers; known: whoever has written to the user, or was written to, earlier in the run"
    )
    replies: Replies | None = None
    breaker: Breaker | None = None

    @model_validator(mode="after")
    def _answers_somebody(self) -> Policy:
        if (self.based_on is None) == (self.audience is None):
            raise ValueError("whom does it answer? give either based_on, as in 'external', or audience, as in 'known'")
        return self
