"""Rival causes: what else may fill an outbound queue, each a table `[cause.NAME]` that is switched on by being there.

Each has its own rows of the workload, or its own state of the world, beside the story's, which stay as they are; and each leaves its own
trace in the record. Rates are per office. Numbers without a source are assumed, with a low and a high.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field

from sim.profiles import Tag
from sim.scenario.fields import Duration, Moment, OfficeRate, Share, Table, key
from sim.units import Seconds

if TYPE_CHECKING:
    from sim.scenario.schema import Document

__all__ = ["Cause", "Causes", "off", "present", "wrong"]


def _from() -> Any:
    return key("day 1", "begins", "s", validation_alias="from")


def _until() -> Any:
    return key(None, "ends; left out: lasts to the end", "s")


class Targets(Table):
    """Whom spam from here is addressed to, and whom a reverse NDR attack is aimed at."""

    providers: Share = key("60 %", "addresses at large providers", "share", "assumed; no source", Tag.ASSUMED, "20 %", "80 %")
    domains: int = key(5000, "other domains on the spammer's list", "", "assumed; no source", Tag.ASSUMED, 500, 50_000, ge=1, le=100_000)
    gone: Share = key("10 %", "of these domains, those that are gone", "share", "assumed; no source", Tag.ASSUMED, "2 %", "30 %")
    nobody: Share = key(
        "20 %",
        "addresses at living domains that nobody has",
        "share",
        "assumed; '20 percent or more will bounce because of invalid addresses' (FACTS 6.2, S127)",
        Tag.ASSUMED,
        "5 %",
        "40 %",
    )
    trap: Share = key("0.1 %", "addresses that are spamtraps", "share", "assumed; no source", Tag.ASSUMED, "0 %", "1 %")


class ReverseNdr(Table):
    """Spam to mailboxes that do not exist here, with the victims as senders: our reports are the spam (FACTS 0, S6).

    A queue comes of it only where such mail is taken first (`filter.recipients = false`)."""

    since: Moment = _from()
    until: Moment | None = _until()
    rate: OfficeRate = key(
        "2000/day",
        "messages of the attack",
        "1/s",
        "assumed; the high end is the directory harvest of an average company (FACTS 6.4, S156)",
        Tag.ASSUMED,
        "200/day",
        "37500/day",
    )


class InfectedPc(Table):
    """A PC here sends spam through the server."""

    who: str = key("0", "whose PC: a person or the number of a mailbox")
    since: Moment = _from()
    until: Moment | None = _until()
    rate: OfficeRate = key("300/day", "messages it sends", "1/s", "assumed; no source", Tag.ASSUMED, "50/day", "10000/day")
    senders: Literal["user", "forged"] = key("user", "the return path: the user's own address, or forged ones")


class StolenAccount(Table):
    """An outsider sends spam through the server with the password of a user: an authenticated relay."""

    who: str = key("0", "whose account: a person or the number of a mailbox")
    since: Moment = _from()
    until: Moment | None = _until()
    rate: OfficeRate = key("3000/day", "messages sent with it", "1/s", "assumed; no source", Tag.ASSUMED, "300/day", "50000/day")
    senders: Literal["user", "forged"] = key("forged", "the return path: the user's own address, or forged ones (FACTS 0, rule B)")


class OpenRelay(Table):
    """The server takes mail from outsiders to outsiders."""

    since: Moment = _from()
    until: Moment | None = _until()
    rate: OfficeRate = key("3000/day", "messages relayed", "1/s", "assumed; no source", Tag.ASSUMED, "300/day", "50000/day")


class Receipts(Table):
    """Delivery and read receipts go to whoever asks for one, with the null sender (FACTS 2.3)."""

    since: Moment = _from()
    until: Moment | None = _until()
    wanted: Share = key("5 %", "wanted mail from outside that asks for receipts", "share", "assumed", Tag.ASSUMED, "1 %", "20 %")
    spam: Share = key("10 %", "spam that asks for receipts", "share", "assumed; no source", Tag.ASSUMED, "0 %", "50 %")
    delivery: bool = key(True, "delivery receipts are sent")
    read: Share = key(
        "20 %", "of the messages that ask, those whose reader lets a read receipt go", "share", "assumed", Tag.ASSUMED, "0 %", "100 %"
    )
    read_lag: Duration = key("4 h", "mean time until a message is read", "s", "assumed", Tag.ASSUMED, "30 min", "1 d")


class Newsletter(Table):
    """One of our users writes to a list of addresses that nobody has looked after."""

    who: str = key("0", "who: a person or the number of a mailbox")
    since: Moment = _from()
    over: Duration = key("30 min", "it leaves within", "s", "assumed", Tag.ASSUMED, "5 min", "4 h")
    recipients: int = key(400, "addresses on the list", ge=1, le=10_000)
    providers: Share = key("40 %", "addresses at large providers", "share", "assumed", Tag.ASSUMED, "10 %", "70 %")
    gone: Share = key("10 %", "of the other domains, those that are gone", "share", "assumed; no source", Tag.ASSUMED, "2 %", "30 %")
    nobody: Share = key(
        "15 %", "addresses at living domains that nobody has any more", "share", "assumed; no source", Tag.ASSUMED, "5 %", "40 %"
    )
    trap: Share = key("0 %", "addresses that have become spamtraps", "share", "assumed; no source", Tag.ASSUMED, "0 %", "1 %")


class Forward(Table):
    """A rule of a user sends on to another address whatever reaches the mailbox."""

    who: str = key("0", "whose rule: a person or the number of a mailbox")
    since: Moment = _from()
    until: Moment | None = _until()
    to: Literal["living", "full", "nobody", "gone"] = key(
        "full", "the other address: takes it, is full (452), does not exist (550), or its domain is gone"
    )
    keeps_sender: bool = key(True, "the return path stays the original sender's, as a redirect does; false: it becomes the user")


class StoreOutage(Table):
    """The mailbox store is down: mail is taken, waits, and its senders are told that it is late."""

    since: Moment = _from()
    until: Moment | None = _until()
    delay_notice: Duration = key("60 min", "the sender is told after", "s", "FACTS 1.1, S15: SmtpLocalDelayExpireMinutes", Tag.DOCUMENTED)


class PartnerOutage(Table):
    """The mail host of a partner cannot be reached."""

    partner: int = key(1, "number of the partner, from 1", ge=1)
    since: Moment = _from()
    until: Moment | None = _until()
    how: Literal["silent", "refused", "dns"] = key("silent", "connections are not answered or refused, or its DNS is not answered")


class DnsOutage(Table):
    """The office's own resolver does not answer: no next hop can be found."""

    since: Moment = _from()
    until: Moment | None = _until()
    how: Literal["timeout", "servfail"] = key("timeout", "queries are not answered, or answered with SERVFAIL")


class Causes(Table):
    """Rival causes, each off unless its table is there."""

    notice_lag: Duration = key(
        "60 s",
        "mean time until a failure or delay notice, a receipt or a forward to the outside is made",
        "s",
        "assumed; changes nothing but the order of seconds",
        Tag.ASSUMED,
        "10 s",
        "10 min",
        ge=1,  # a run takes no longer step than this
    )
    targets: Targets = Field(default_factory=Targets)
    reverse_ndr: ReverseNdr | None = None
    infected_pc: InfectedPc | None = None
    stolen_account: StolenAccount | None = None
    open_relay: OpenRelay | None = None
    receipts: Receipts | None = None
    newsletter: Newsletter | None = None
    forward: Forward | None = None
    store_outage: StoreOutage | None = None
    partner_outage: PartnerOutage | None = None
    dns_outage: DnsOutage | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause that is switched on: its name, whose it is ("server": the office's), and when it acts, [since, until)."""

    name: str
    who: str
    since: Seconds
    until: Seconds


_SETTINGS: Final = ("notice_lag", "targets")  # of several causes
_AIMED: Final = ("reverse_ndr", "infected_pc", "stolen_account", "open_relay")  # use `[cause.targets]`


def _names() -> list[str]:
    return [name for name in Causes.model_fields if name not in _SETTINGS]


def present(document: Document, horizon: Seconds) -> tuple[Cause, ...]:
    """The causes that are switched on, in order of the schema, cut at the horizon."""
    found = []
    for name in _names():
        table = getattr(document.cause, name)
        if table is None:
            continue
        until = table.since + table.over if isinstance(table, Newsletter) else table.until
        found.append(Cause(name, getattr(table, "who", "server"), table.since, horizon if until is None else min(until, horizon)))
    return tuple(found)


def off(document: Document, name: str) -> bool:
    """Does a key belong to a cause that is not switched on? Such a key changes nothing."""
    parts = name.split(".")
    if parts[0] != "cause":
        return False
    if parts[1] == "notice_lag":
        quiet = document.filter.recipients and document.route.to == "mx"
        return quiet and all(getattr(document.cause, other) is None for other in _names())
    if parts[1] == "targets":
        return all(getattr(document.cause, other) is None for other in _AIMED)
    return getattr(document.cause, parts[1]) is None


def wrong(document: Document, mailbox: Callable[[str], int]) -> Iterator[tuple[str, str]]:
    """What no single key can check: (key, complaint). `mailbox` raises BadInput for whom the office does not know."""
    for name in _names():
        table = getattr(document.cause, name)
        if table is None:
            continue
        if hasattr(table, "who"):
            mailbox(table.who)
        until = getattr(table, "until", None)
        if until is not None and until <= table.since:
            yield f"cause.{name}.until", "is not after from"
    outage = document.cause.partner_outage
    if outage is not None and outage.partner > document.wanted.partners:
        yield "cause.partner_outage.partner", f"{outage.partner} is more than wanted.partners, {document.wanted.partners}"
