"""The keys of a scenario file: type, unit, default, source, band.

Each table is a frozen pydantic model, and each field says in its metadata how well its default is known. A key of `[server]` or
`[replies]` that is left out takes the profile's value.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field, model_validator

from sim.profiles import Tag
from sim.scenario.causes import Causes
from sim.scenario.expected import Expectation
from sim.scenario.fields import Duration, Every, History, HopRate, Limit, Moment, OfficeRate, Patience, Rate, Rest, Share, Size
from sim.scenario.fields import Table as _Table
from sim.scenario.fields import key as _key
from sim.scenario.fields import of_profile as _of_profile
from sim.scenario.listing import Listing
from sim.scenario.route import Route
from sim.scenario.week import Days, Week

__all__ = [
    "Absence",
    "Breaker",
    "Change",
    "Confirmed",
    "Detection",
    "Document",
    "Filter",
    "Office",
    "Policy",
    "Replies",
    "Server",
    "Spam",
    "Verdict",
    "Wanted",
    "World",
]


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


class Office(_Table):
    """The people here."""

    domain: str = _key("office.example", "mail domain", pattern=r"^[a-z0-9.-]+$")
    mailboxes: int = _key(15, "number of mailboxes", ge=1, le=1_000_000)
    people: list[str] = _key([], "names of the first mailboxes, for [[absence]] and [[change]]")
    locale: str = _key("", "language of the other names, as Faker calls it: 'de_DE', 'ja_JP'; left out: user7, user8 ...")
    opens: str = _key("08:00", "working hours begin", pattern=r"^\d\d:\d\d$")
    closes: str = _key("18:00", "working hours end", pattern=r"^\d\d:\d\d$")
    outside_hours: Share = _key(
        "10 %", "share of wanted mail that comes outside working hours", "share", "assumed: wanted mail only", Tag.ASSUMED, "0 %", "30 %"
    )


class Wanted(_Table):
    """Mail that people want."""

    into: Rate = _key("3/mailbox/day", "wanted mail from outside", "1/s")
    out: Rate = _key("10/mailbox/day", "mail written to the outside", "1/s")
    internal: Rate = _key("15/mailbox/day", "mail between colleagues", "1/s")
    lists: Rate = _key("2/mailbox/day", "list mail and newsletters", "1/s")
    partners: int = _key(4, "partner domains", ge=0, le=10_000)
    correspondents: int = _key(8, "outside people who write to a mailbox regularly", ge=1, le=10_000)
    partner_share: Share = _key("75 %", "of them, the share who belong to a partner", "share")
    newcomers: Share = _key("4 %", "share of wanted mail from people who write for the first time", "share")
    flagged: Share = _key("72 %", "list mail that says Precedence: bulk", "share", "FACTS 9: HAM", Tag.MEASURED)
    list_headers: Share = _key("70 %", "list mail with a List-* header", "share", "FACTS 9: HAM", Tag.MEASURED)
    profile: Week = _key(
        "office",
        "when people write: 'office' = by office.opens, closes and outside_hours; 'flat'; or weights of 24 or 168 hours from Monday 00:00",
    )
    typos: Share = _key("1 %", "outgoing mail to a mailbox that does not exist", "share")
    median_size: Size = _key("3.7 kB", "median size", "bytes", "FACTS 9: HAM, lognormal, ln 8.207", Tag.MEASURED)
    size_sigma: float = _key(0.813, "sigma of ln(bytes)", "", "FACTS 9: HAM", Tag.MEASURED, gt=0, le=5)


class Spam(_Table):
    """Mail that nobody wants, and who its senders really are."""

    rate: Rate = _key("4/mailbox/day", "spam that reaches each mailbox, after whatever filter there is", "1/s")
    mailboxes: dict[str, Rate] = _key({}, "other rates, by person", "1/s")
    unknown_recipients: OfficeRate = _key("40/day", "spam to mailboxes that do not exist here, refused at SMTP", "1/s")
    profile: Week = _key(
        "flat",
        "when spam comes: 'flat', 'measured' (days of the week, FACTS 9: SA), 'office', or weights of 24 or 168 hours from Monday 00:00",
    )
    arrivals: Literal["steady", "campaigns"] = _key(
        "steady", "one by one at a steady rate, or in campaigns that hit many mailboxes", source="the question"
    )
    harvests: OfficeRate = _key(
        "0/day", "directory harvests: bursts of mail to guessed names; an average company met 150/day (FACTS 6.4)", "1/s"
    )
    harvest_size: int = _key(250, "guessed names in a harvest", "", "FACTS 6.4: Postini, January 2005", Tag.DOCUMENTED, ge=1, le=100_000)
    harvest_length: Duration = _key("10 min", "a harvest takes", "s", "assumed; no source", Tag.ASSUMED, "1 min", "2 h", gt=0)
    new_domains: Share = _key(
        "57 %",
        "sender domains that the first 100 messages bring, large providers left out",
        "share",
        "FACTS 9: 42 to 71 per 100 messages, providers included",
        Tag.MEASURED,
    )
    growth: float = _key(0.93, "number of sender domains grows as messages to this power", "", "FACTS 9: PP", Tag.MEASURED, gt=0.1, le=1)
    providers: Share = _key(
        "27 %", "spam that names a large provider as its sender; these always answer", "share", "FACTS 9: SA", Tag.MEASURED
    )
    new_addresses: Share = _key(
        "30 %",
        "when a domain comes again, the share that brings another address",
        "share",
        "fitted: 0.77 to 0.88 distinct addresses per message (FACTS 9: SA)",
        Tag.MEASURED,
    )
    null_sender: Share = _key("0.1 %", "spam with the null sender", "share", "FACTS 9: SA", Tag.MEASURED)
    flagged: Share = _key("6.5 %", "spam that says Precedence: bulk", "share", "FACTS 9: SA direct", Tag.MEASURED)
    unresolvable: Share = _key(
        "25 %",
        "sender domains that do not resolve",
        "share",
        "assumed, fitted to the story; two sites found 2 % and 46 % of messages (FACTS 6.2)",
        Tag.ASSUMED,
        "2 %",
        "46 %",
    )
    nxdomain: Share = _key(
        "30 %",
        "of the sender domains that do not resolve, those that fail at once: an NDR, no queue",
        "share",
        "assumed, fitted to the story",
        Tag.ASSUMED,
        "0 %",
        "90 %",
    )
    silent: Share = _key(
        "19 %",
        "of the sender domains that resolve, those whose host never answers",
        "share",
        "assumed, fitted to the story; no source",
        Tag.ASSUMED,
        "5 %",
        "40 %",
    )
    refusing: Share = _key(
        "10 %",
        "of the sender domains that resolve, those whose host refuses connections",
        "share",
        "assumed, fitted to the story; no source",
        Tag.ASSUMED,
        "0 %",
        "20 %",
    )
    busy: Share = _key(
        "3 %",
        "of the sender domains that resolve, those whose host is busy most of the time (421)",
        "share",
        "assumed, fitted to the story; no source",
        Tag.ASSUMED,
        "0 %",
        "10 %",
    )
    null_mx: Share = _key(
        "0 %",
        "of the sender domains that resolve, those that say they take no mail: a null MX",
        "share",
        "assumed; no source, and none before RFC 7505 of June 2015",
        Tag.ASSUMED,
        "0 %",
        "10 %",
    )
    median_size: Size = _key("4.4 kB", "median size", "bytes", "FACTS 9: SA, lognormal, ln 8.398", Tag.MEASURED)
    size_sigma: float = _key(0.77, "sigma of ln(bytes)", "", "FACTS 9: SA", Tag.MEASURED, gt=0, le=5)
    addresses: SpamAddresses = Field(default_factory=lambda: SpamAddresses())
    campaigns: SpamCampaigns = Field(default_factory=lambda: SpamCampaigns())

    @model_validator(mode="after")
    def _adds_up(self) -> Spam:
        total = self.silent + self.refusing + self.busy
        if total > 1.0 + 1e-9:
            raise ValueError(f"silent, refusing and busy add up to {total:.4g} of the domains that resolve, more than 100 %")
        if self.new_domains + self.providers > 1.0 + 1e-9:
            raise ValueError(
                f"new_domains and providers add up to {self.new_domains + self.providers:.4g} of the messages, more than 100 %"
            )
        return self


class SpamCampaigns(_Table):
    """How spam comes in campaigns, where `arrivals = "campaigns"`. A campaign mails each mailbox at most once."""

    share: Share = _key(
        "73 %",
        "spam that comes in campaigns; the rest comes one by one",
        "share",
        "FACTS 9: PX, 1 - connections of the median hour (20.5) / of the mean hour (74.7)",
        Tag.MEASURED,
    )
    smallest: Share = _key(
        "1 %",
        "share of the mailboxes that the smallest campaign reaches; sizes between the two are as frequent as 1/size",
        "share",
        "assumed; Zipf-like (FACTS 6.4: S158)",
        Tag.ASSUMED,
        "0.1 %",
        "10 %",
        gt=0,
    )
    largest: Share = _key(
        "100 %",
        "share of the mailboxes that the largest campaign reaches",
        "share",
        "assumed: the Fano factors of FACTS 9: PX come out at 1,500 mailboxes",
        Tag.ASSUMED,
        "10 %",
        "100 %",
        gt=0,
    )
    length: Duration = _key(
        "105 min", "median time that a campaign takes", "s", "fitted to the Fano factors of FACTS 9: PX", Tag.MEASURED, gt=0
    )
    length_sigma: float = _key(2.06, "sigma of ln(time)", "", "fitted to the Fano factors of FACTS 9: PX", Tag.MEASURED, gt=0, le=5)
    longest: Duration = _key(
        "12 h", "no campaign takes longer", "s", "assumed: the fit is no worse from 4 h to 24 h", Tag.ASSUMED, "4 h", "24 h", gt=0
    )
    day_variation: float = _key(
        0.42,
        "spread of the rate from day to day, as a share of its mean",
        "",
        "fitted to one mailbox's daily Fano factor, FACTS 9: SA",
        Tag.MEASURED,
        ge=0,
        le=3,
    )
    own_senders: Share = _key(
        "50 %",
        "a message of a campaign that repeats a sender's domain takes it from the same campaign, in this share",
        "share",
        "assumed; no source",
        Tag.ASSUMED,
        "0 %",
        "100 %",
    )

    @model_validator(mode="after")
    def _in_order(self) -> SpamCampaigns:
        if self.smallest > self.largest:
            raise ValueError(
                f"the smallest campaign reaches {self.smallest * 100:.4g} %, more than the largest, {self.largest * 100:.4g} %"
            )
        return self


class SpamAddresses(_Table):
    """Who owns the sender address of spam, where its domain takes mail. One share may be "rest"."""

    nobody: Rest = _key("rest", "sender addresses of spam that nobody has", "share", "what the others leave", Tag.ASSUMED)
    full: Rest = _key("4 %", "sender addresses of spam whose mailbox is full", "share", "assumed; no source", Tag.ASSUMED, "0 %", "10 %")
    stranger: Rest = _key(
        "50 %",
        "sender addresses of spam that belong to a real person who never wrote",
        "share",
        "assumed; no source (FACTS 7)",
        Tag.ASSUMED,
        "20 %",
        "75 %",
    )
    spammer: Rest = _key(
        "10 %", "sender addresses of spam that the spammer reads", "share", "assumed; no source", Tag.ASSUMED, "0 %", "18 %"
    )
    trap: Rest = _key("0.5 %", "sender addresses of spam that are spamtraps", "share", "assumed; no source", Tag.ASSUMED, "0 %", "2 %")

    @model_validator(mode="after")
    def _adds_up(self) -> SpamAddresses:
        shares = [self.nobody, self.full, self.stranger, self.spammer, self.trap]
        known = sum(share for share in shares if share is not None)
        if shares.count(None) > 1:
            raise ValueError("only one of the shares may be 'rest'")
        if None in shares and known > 1.0 + 1e-9:
            raise ValueError(f"the shares beside 'rest' add up to {known * 100:.4g} %, more than 100 %")
        if None not in shares and abs(known - 1.0) > 1e-9:
            raise ValueError(f"the shares add up to {known * 100:.4g} %, not 100 %; make one of them 'rest' or mend them")
        return self

    def cumulative(self) -> tuple[float, float, float, float]:
        """Upper ends of nobody, full, stranger, spammer on [0, 1); a trap is the last part."""
        shares = [self.nobody, self.full, self.stranger, self.spammer, self.trap]
        rest = 1.0 - sum(share for share in shares if share is not None)
        a, b, c, d = (rest if share is None else share for share in shares[:4])
        return a, a + b, a + b + c, a + b + c + d


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


class World(_Table):
    """How the outside behaves towards wanted mail, and how fast it is."""

    greylisting: Share = _key(
        "5 %",
        "answering domains that greylist, large providers and partners left out",
        "share",
        "assumed; adoption not found (FACTS 6.3)",
        Tag.ASSUMED,
        "0 %",
        "20 %",
    )
    greylist_delay: Duration = _key(
        "5 min", "a greylisting host accepts this long after the first attempt", "s", "assumed", Tag.ASSUMED, "1 min", "60 min"
    )
    outages: HopRate = _key("0.2/hop/week", "outages of each partner", "1/s", "assumed", Tag.ASSUMED, "0/hop/week", "1/hop/week")
    outage: Duration = _key("45 min", "mean length of an outage", "s", "assumed", Tag.ASSUMED, "10 min", "4 h")
    busy_spell: Duration = _key(
        "3 h", "mean length of a busy spell of a busy host; a third of it between two", "s", "assumed", Tag.ASSUMED, "20 min", "12 h"
    )
    session: Duration = _key("2 s", "mean time to connect and deliver one message", "s", "assumed", Tag.ASSUMED, "1 s", "10 s")
    several: Share = _key(
        "0 %",
        "next hops with several addresses: more than one MX host, or more than one address of it",
        "share",
        "assumed; no source",
        Tag.ASSUMED,
        "0 %",
        "60 %",
    )
    addresses: int = _key(2, "how many addresses these have", "", "assumed; no source", Tag.ASSUMED, 2, 5, ge=2, le=100)
    first_dead: Share = _key(
        "0 %",
        "of them, where the host answers, those whose first address is dead and the second answers; large providers left out",
        "share",
        "assumed; no source",
        Tag.ASSUMED,
        "0 %",
        "10 %",
    )
    full_for_good: Share = _key(
        "0 %",
        "full mailboxes that are refused for good (552); the others are for now (452), for ever",
        "share",
        "assumed; both are seen (FACTS 3.1), how often has no source",
        Tag.ASSUMED,
        "0 %",
        "100 %",
    )
    reply_lag: Duration = _key("3 s", "mean time from delivery to the autoreply", "s", "assumed", Tag.ASSUMED, "1 s", "60 s")


class Absence(_Table):
    """Somebody is away, with the out-of-office reply on."""

    who: str = _key(..., "person or number of a mailbox")
    since: Moment = Field(default=0.0, description="begins", validation_alias="from", json_schema_extra={"unit": "s", "tag": "site"})
    until: Moment | None = _key(None, "ends; left out: stays away to the end", "s")
    every: Days | None = _key(None, "away only on these days of the week in that time, as in 'Fri' or 'Mon Tue': a part-time calendar")
    switched: Literal["each-time", "once"] = _key(
        "each-time",
        "with every: is the reply switched on and off each time, so that who was answered is forgotten, or set once for all of them",
        source="FACTS 2.1: S55, the list of who was answered is cleared when the reply is switched",
        tag=Tag.DOCUMENTED,
    )


_Which = Literal["all", "retry"]


class Change(_Table):
    """Something the administrator or a user does during the run. What is done to the queues is done under every policy."""

    at: Moment = _key(..., "when", "s")
    mailbox: str | None = _key(None, "whose")
    replies: Literal["on", "off"] | None = _key(None, "the mailbox's replies are switched")
    absence: Literal["ends"] | None = _key(None, "the mailbox's absence ends")
    policy: str | None = _key(None, "the server's policy from now on; only where the scenario's own policy is in force")
    freeze: _Which | None = _key(
        None, "no message leaves these queues but what is under way: all, those that come later among them, or those in Retry now"
    )
    thaw: _Which | None = _key(None, "frozen queues go on: all, or those in Retry now")
    force_retry: _Which | None = _key(None, "queues are tried at once, as if their wait were over: all, or those in Retry now")
    delete: Literal["all", "autoreplies", "retry"] | None = _key(
        None, "queued messages are deleted: all, autoreplies, or those of queues in Retry now"
    )
    dsn: bool | None = _key(None, "with delete: is each reported to its sender; left out: no")
    connections: int | None = _key(None, "outbound connections at most from now on, all together", ge=1, le=100_000)
    connections_per_hop: int | None = _key(None, "outbound connections at most from now on, to one next hop", ge=1, le=100_000)

    @model_validator(mode="after")
    def _one_deed(self) -> Change:
        given = self.model_fields_set - {"at"}
        if "dsn" in given and "delete" not in given:
            raise ValueError("dsn belongs to delete = ...: are the deleted messages reported to their senders?")
        deeds = ({"policy"}, {"mailbox", "replies"}, {"mailbox", "absence"}, {"freeze"}, {"thaw"}, {"force_retry"}, {"delete"})
        if given - {"dsn"} not in deeds and not (given and given <= {"connections", "connections_per_hop"}):
            raise ValueError(
                "a change is one deed: policy = ..., mailbox = ... with replies = 'on' or 'off' or absence = 'ends', freeze, thaw, "
                "force_retry, delete (with dsn), or connections and connections_per_hop; "
                f"here it is {' with '.join(sorted(given)) or 'none'}"
            )
        return self


class Verdict(_Table):
    """The rule behind the answer."""

    enough: Share = _key(
        "60 %", "a narrower policy is good enough if it reaches this share of the wanted people", "share", "the rule's default"
    )
    stranger_weight: float = _key(
        1.0, "one stranger told costs as much as this many wanted people told bring", "", "the rule's default", ge=0
    )
    alert_queues: int = _key(
        10,
        "an alert fires at more than this many queues in Retry",
        "queues",
        "assumed; the built-in threshold was not found (FACTS 0)",
        Tag.ASSUMED,
        5,
        30,
        ge=0,
    )


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


class Document(_Table):
    """A scenario file."""

    title: str = _key(..., "one sentence")
    start: dt.date = _key(dt.date(2006, 4, 3), "date of day 1")
    days: float | None = _key(None, "length of the run; left out where mail is replayed: as long as its trace", "d", gt=0, le=3660)
    replay_required: bool = _key(False, "runs only with --replay", source="the question")
    server: Server = Field(default_factory=Server)
    replies: Replies = Field(default_factory=Replies)
    office: Office = Field(default_factory=Office)
    wanted: Wanted = Field(default_factory=Wanted)
    spam: Spam = Field(default_factory=Spam)
    filter: Filter = Field(default_factory=Filter)
    world: World = Field(default_factory=World)
    route: Route = Field(default_factory=Route)
    verdict: Verdict = Field(default_factory=Verdict)
    detection: Detection = Field(default_factory=Detection)
    absence: list[Absence] = Field(default_factory=list)
    change: list[Change] = Field(default_factory=list)
    expect: dict[str, Expectation] = _key({}, "what a run is to give, as in queues_in_retry_peak = '20 .. 30'", source="the question")
    cause: Causes = Field(default_factory=Causes)
    listing: Listing = Field(default_factory=Listing)
    confirmed: Confirmed | None = None
    loops: Loops | None = None
    breaker: Breaker | None = None
    policy: dict[str, Policy] = Field(default_factory=dict)


Spam.model_rebuild()
Document.model_rebuild()
