"""The table `[spam]`: how much of it there is, how it comes, and who its senders really are."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sim.profiles import Tag
from sim.scenario.fields import Duration, OfficeRate, Rate, Rest, Share, Size
from sim.scenario.fields import Table as _Table
from sim.scenario.fields import key as _key
from sim.scenario.week import Week

__all__ = ["Spam", "SpamAddresses", "SpamCampaigns"]


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
