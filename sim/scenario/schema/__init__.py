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
from sim.scenario.fields import Duration, HopRate, Moment, Rate, Share, Size
from sim.scenario.fields import Table as _Table
from sim.scenario.fields import key as _key
from sim.scenario.listing import Listing
from sim.scenario.route import Route
from sim.scenario.schema.consequences import Confirmed, Detection, Loops
from sim.scenario.schema.server import Breaker, Filter, Policy, Replies, Server
from sim.scenario.schema.spam import Spam, SpamCampaigns
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
    "SpamCampaigns",
    "Verdict",
    "Wanted",
    "World",
]


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

    who: str = _key(..., "person, number of a mailbox, or a share of those without a name, as in '10 %'")
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
    tested_with: dict[str, str | bool | int | float] = _key(
        {},
        "settings under which mailflow test plays it, as in 'office.mailboxes' = 400: a big scenario at a small scale",
        source="the question",
    )
    expect: dict[str, Expectation] = _key({}, "what a run is to give, as in queues_in_retry_peak = '20 .. 30'", source="the question")
    cause: Causes = Field(default_factory=Causes)
    listing: Listing = Field(default_factory=Listing)
    confirmed: Confirmed | None = None
    loops: Loops | None = None
    breaker: Breaker | None = None
    policy: dict[str, Policy] = Field(default_factory=dict)
