"""Postfix and the mail servers of Unix: here the message retries, or the host does.

Their numbers come from their sources and manuals (FACTS 1.4, 1.5). What a server does not have is no key of its settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sim.mail import Code
from sim.policy.retry import CLAMPED_AGE, DOUBLING, EACH_RUN, PIECES, SQUARES, SQUARES_OF_AGE, Expiry, Family
from sim.profiles.parts import Profile, Schedule, Setting, Switch, Tag

__all__ = ["EXIM", "KUMOMTA", "MOX", "OPENSMTPD", "POSTFIX", "QMAIL", "SENDMAIL"]


def _assumed(value: object, why: str, low: object, high: object) -> Setting:
    return Setting(value, f"assumed: {why}", Tag.ASSUMED, low, high)


_DNS: Final = _assumed("10 s", "two queries of 5 s by the system's resolver", "5 s", "30 s")
_NXDOMAIN: Final = _assumed("permanent", "nothing in FACTS 3.1; as Postfix", "permanent", "temporary")
_NULL_MX: Final = _assumed("permanent", "nothing in FACTS 3.1; RFC 7505: every attempt fails at once", "permanent", "temporary")
_TRIED: Final = _assumed(5, "nothing documented in FACTS; RFC 5321 5.1: two at least", 2, 100)
_SIEVE: Final = {
    "off": Switch(brief="no vacation rule", set_by="no user's Sieve script says vacation", undo="say it", source="S70"),
    "internal-only": Switch(
        brief="Sieve test on the sender's domain",
        set_by='Sieve, for all users: if address :domain "from" "office.example" { vacation ...; }',
        undo="drop the test",
        source="S70",
    ),
    "partners-only": Switch(
        brief="Sieve test on the sender's domain",
        set_by='Sieve, for all users: if address :domain "from" ["office.example", "partner.example"] { vacation ...; }',
        undo="drop the test",
        source="S70",
    ),
    "contacts-only": Switch(
        why_not="Sieve sees no address book without an extension and a store of contacts (extlists), which are not set up by default",
        source="S70",
    ),
    "external": Switch(
        brief="Sieve vacation",
        set_by="default of Sieve vacation: everybody who writes to the user is answered",
        undo="add a test on the sender's domain; what is queued stays queued until delivered or expired",
        source="S70",
    ),
}
_FILTERS: Final = {
    "none": "nothing",
    "junk-first": "a content filter in front; the user's filter must look at its verdict before it answers",
    "refuse-unresolvable": "a check of the sender's domain at MAIL FROM",
}
_NO_HOST: Final = "Host or domain name not found. Name service error: Host not found"
_TEXTS: Final = {  # in Postfix's words (FACTS 3.1, S41)
    Code.NXDOMAIN: f"5.4.4 {_NO_HOST}",
    Code.DNS_TIMEOUT: f"4.4.3 {_NO_HOST}, try again",
    Code.SERVFAIL: f"4.4.3 {_NO_HOST}, try again",
    Code.REFUSED: "4.4.1 connect to host: Connection refused",
    Code.TIMEOUT: "4.4.1 connect to host: Connection timed out",
    Code.EXPIRED: "status=expired, returned to sender",
    Code.NULL_MX: "5.1.0 Domain does not accept mail (nullMX)",
}


def _vacation(where: str) -> dict[str, Switch]:
    """Policies with vacation(1), which knows no audience."""
    why = "vacation(1) answers everybody or nobody; a filter before it would have to decide"
    return {
        "off": Switch(brief=f"no vacation in {where}", set_by=f"no user's {where} calls vacation", undo="call it", source="S71"),
        "internal-only": Switch(why_not=why, source="S71"),
        "partners-only": Switch(why_not=why, source="S71"),
        "contacts-only": Switch(why_not=why, source="S71"),
        "external": Switch(
            brief=f"vacation in {where}",
            set_by=f"the user's {where} calls vacation",
            undo="take the call out; what is queued stays queued until delivered or expired",
            source="S71",
        ),
    }


def _server(connections: Setting, per_hop: Setting, connect: Setting, messages: Setting | None = None) -> Mapping[str, Setting]:
    return {
        "server.connections": connections,
        "server.connections_per_hop": per_hop,
        "server.messages_per_connection": messages or _assumed(1, "one message for each delivery; cached connections are left out", 1, 100),
        "server.connect_timeout": connect,
        "server.dns_timeout": _DNS,
        "server.addresses_tried": _TRIED,
        "server.nxdomain": _NXDOMAIN,
        "server.null_mx": _NULL_MX,
        "server.reports_failures": Setting(True, "RFC 5321 6.1: whoever accepted a message reports its failure"),
    }


POSTFIX: Final = Profile(
    name="postfix",
    title="Postfix 3, with Dovecot and Pigeonhole for the mailboxes",
    short="Postfix",
    settings={
        "server.minimal_backoff": Setting("300 s", "FACTS 1.4, S41: minimal_backoff_time"),
        "server.maximal_backoff": Setting("4000 s", "FACTS 1.4, S41: maximal_backoff_time"),
        "server.queue_run": Setting("300 s", "FACTS 1.4, S41: queue_run_delay"),
        "server.suspend_for": Setting("300 s", "FACTS 1.4, S41, S42: a dead destination is left alone for minimal_backoff_time"),
        "server.suspend_after": Setting(1, "FACTS 1.4, S41: default_destination_concurrency_failed_cohort_limit"),
        "server.expiry": Setting("5 d", "FACTS 1.4, S41: maximal_queue_lifetime; bounce_queue_lifetime for the null sender is the same"),
        "server.delay_notice": Setting("never", "FACTS 1.4, S41: delay_warning_time 0h"),
        **_server(
            Setting(100, "FACTS 1.4, S41: default_process_limit"),
            Setting(20, "FACTS 1.4, S41: default_destination_concurrency_limit; that it begins at 5 is left out"),
            Setting("30 s", "FACTS 1.4, S41: smtp_connect_timeout, per address"),
        ),
        "server.addresses_tried": Setting(5, "FACTS 1.4, S41: smtp_mx_address_limit"),
        "server.nxdomain": Setting("permanent", "FACTS 3.1, S41: 5.4.4"),
        "server.null_mx": Setting("permanent", "FACTS 3.1, S41: 5.1.0, at once"),
    },
    policies=_SIEVE,
    filters=_FILTERS | {"refuse-unresolvable": "smtpd_sender_restrictions = reject_unknown_sender_domain"},
    schedule=Schedule(CLAMPED_AGE, ("server.minimal_backoff", "server.maximal_backoff", "server.queue_run")),
    default_policy="external",
    responder="rfc5230",
    texts=_TEXTS,
    family=Family.MESSAGE,
    expires=Expiry.AT_FAILED_ATTEMPT,
)
SENDMAIL: Final = Profile(
    name="sendmail",
    title="Sendmail 8, with vacation(1)",
    short="Sendmail",
    settings={
        "server.queue_run": Setting(
            "30 min", "FACTS 1.5, S43: no default; the manual's example is -q30m, Debian has 10 min", Tag.ASSUMED, "10 min", "60 min"
        ),
        "server.suspend_for": _assumed("0 s", "Timeout.hoststatus is 30m (FACTS 1.5, S43), kept only where it is set up", "0 s", "30 min"),
        "server.expiry": Setting("5 d", "FACTS 1.5, S43: Timeout.queuereturn"),
        "server.delay_notice": Setting("4 h", "FACTS 1.5, S43: Timeout.queuewarn"),
        **_server(
            _assumed(100, "no limit by default", 10, 1000),
            _assumed(100, "no limit by default", 1, 1000),
            _assumed("127 s", "Timeout.connect 0 is the kernel's limit (FACTS 1.5, S43), 127 s on Linux", "21 s", "127 s"),
        ),
    },
    policies=_vacation(".forward"),
    filters=_FILTERS | {"refuse-unresolvable": "the check of the sender's domain in check_mail"},
    schedule=Schedule(EACH_RUN, ("server.queue_run",)),
    default_policy="external",
    responder="vacation1",
    texts=_TEXTS,
    family=Family.MESSAGE,
    expires=Expiry.AT_FAILED_ATTEMPT,
)
EXIM: Final = Profile(
    name="exim",
    title="Exim 4, with its own filter language",
    short="Exim",
    settings={
        "server.retry_rule": Setting("F,2h,15m; G,16h,1h,1.5; F,4d,6h", "FACTS 1.5, S44: the default configuration"),
        "server.message_retry": Setting("15 min", "FACTS 1.5, S44: the first piece of the same rule"),
        "server.forget_after": _assumed("3 min", "Exim keeps what it knows of a host for longer", "1 min", "60 min"),
        "server.expiry": Setting("4 d", "FACTS 1.5, S44: the end of the rule"),
        "server.delay_notice": Setting("24 h", "FACTS 1.5, S44: delay_warning; not for automatic replies"),
        **_server(
            _assumed(100, "nothing documented in FACTS", 10, 1000),
            _assumed(10, "nothing documented in FACTS", 1, 100),
            Setting("5 min", "FACTS 1.5, S44: connect_timeout of the smtp transport"),
        ),
        "server.addresses_tried": Setting(5, "FACTS 1.5, S44: hosts_max_try"),
    },
    policies={
        "off": Switch(brief="no vacation in .forward", set_by="no user's filter says vacation", undo="say it", source="S44"),
        "internal-only": Switch(
            brief="filter test on the sender's domain",
            set_by='Exim filter: if personal and $sender_address_domain is "office.example" then mail ... endif',
            undo="drop the test",
            source="S44",
        ),
        "partners-only": Switch(
            brief="filter test on the sender's domain",
            set_by="Exim filter: the same test with each partner's domain",
            undo="drop the test",
            source="S44",
        ),
        "contacts-only": Switch(why_not="an Exim filter sees no address book, unless a lookup is set up for it", source="S44"),
        "external": Switch(
            brief="filter: if personal then vacation",
            set_by="Exim filter: if personal then mail ... once ... endif",
            undo="take it out; what is queued stays queued until delivered or expired",
            source="S44",
        ),
    },
    filters=_FILTERS | {"refuse-unresolvable": "acl_check_mail: verify = sender"},
    schedule=Schedule(PIECES, ("server.retry_rule",)),
    default_policy="external",
    responder="exim",
    texts=_TEXTS,
    expires=Expiry.AT_FAILED_ATTEMPT,
    delays_autoreplies=False,
    approximated=(
        "Exim retries per host: it runs here as a queue that retries, with its schedule exact from the queue's first failure. The queue "
        "runner's own interval (-q30m, typical) is left out, and so is that new mail for a host that has been down for the whole rule "
        "bounces at once."
    ),
)
QMAIL: Final = Profile(
    name="qmail",
    title="qmail (notqmail), with vacation(1)",
    short="qmail",
    settings={
        "server.retry_skip": Setting(20, "FACTS 1.5, S45: chanskip of the remote channel"),
        "server.suspend_for": Setting("60 min", "FACTS 1.5, S45: qmail-tcpto, at least another hour"),
        "server.suspend_after": Setting(2, "FACTS 1.5, S45: an address that times out twice"),
        "server.expiry": Setting("7 d", "FACTS 1.5, S45: queuelifetime 604,800 s, and one more attempt after it"),
        "server.delay_notice": Setting("never", "FACTS 1.5: qmail sends none"),
        **_server(
            Setting(20, "FACTS 1.5, S45: concurrencyremote"),
            Setting(20, "FACTS 1.5, S45: concurrencyremote is the only limit"),
            _assumed("60 s", "nothing documented in FACTS", "30 s", "120 s"),
        ),
    },
    policies=_vacation(".qmail"),
    filters=_FILTERS | {"refuse-unresolvable": "this server did not have it: a patch, or a gateway in front of it"},
    schedule=Schedule(SQUARES_OF_AGE, ("server.retry_skip",)),
    default_policy="external",
    responder="vacation1",
    texts=_TEXTS,
    family=Family.MESSAGE,
    expires=Expiry.AT_FAILED_ATTEMPT,
    approximated="qmail-tcpto counts time-outs of an IP address at least 2 min apart; here any two failures in a row of the domain count.",
)
OPENSMTPD: Final = Profile(
    name="opensmtpd",
    title="OpenSMTPD, with vacation(1)",
    short="OpenSMTPD",
    settings={
        "server.retry_unit": Setting("400 s", "FACTS 1.5, S46: creation + 400 step^2 s"),
        "server.suspend_for": _assumed(
            "0 s", "a failing route is disabled for 15 penalty^2 s, at most 3,600 s (FACTS 1.5, S46): left out", "0 s", "1 h"
        ),
        "server.expiry": Setting("4 d", "FACTS 1.5, S46: ttl"),
        "server.delay_notice": Setting("4 h", "FACTS 1.5, S46: bounce warn-interval"),
        **_server(
            _assumed(100, "nothing documented in FACTS", 10, 1000),
            _assumed(10, "nothing documented in FACTS", 1, 100),
            _assumed("30 s", "nothing documented in FACTS", "15 s", "300 s"),
        ),
    },
    policies=_vacation(".forward"),
    filters=_FILTERS,
    schedule=Schedule(SQUARES, ("server.retry_unit",)),
    default_policy="external",
    responder="vacation1",
    texts=_TEXTS,
    family=Family.MESSAGE,
)
KUMOMTA: Final = Profile(
    name="kumomta",
    title="KumoMTA, a relay in front of the mailboxes (here Dovecot and Pigeonhole)",
    short="KumoMTA",
    settings={
        "server.first_retry": Setting("20 min", "FACTS 1.5, S47: retry_interval, doubled; its jitter is left out"),
        "server.longest_retry": Setting("none", "FACTS 1.5, S47: max_retry_interval"),
        "server.suspend_for": _assumed("20 min", "how long the ready queue is delayed is not in FACTS", "1 min", "20 min"),
        "server.suspend_after": Setting(100, "FACTS 1.5, S47: 100 consecutive connection failures"),
        "server.expiry": Setting("7 d", "FACTS 1.5, S47: max_age"),
        "server.delay_notice": Setting("never", "FACTS 1.5: none documented", Tag.ASSUMED, "never", "4 h"),
        **_server(
            _assumed(1000, "nothing documented in FACTS", 100, 10000),
            _assumed(32, "nothing documented in FACTS", 1, 1000),
            Setting("60 s", "FACTS 1.5, S47: connect_timeout"),
            Setting(1024, "FACTS 1.5, S47: max_deliveries_per_connection"),
        ),
    },
    policies=_SIEVE,
    filters=_FILTERS,
    schedule=Schedule(DOUBLING, ("server.first_retry", "server.longest_retry")),
    default_policy="external",
    responder="rfc5230",
    texts=_TEXTS,
    family=Family.MESSAGE,
    expires=Expiry.WHEN_THE_NEXT_IS_LATE,
)
MOX: Final = Profile(
    name="mox",
    title="mox; it has no responder of its own: replies come from Dovecot and Pigeonhole behind it",
    short="mox",
    settings={
        "server.first_retry": Setting("7.5 min", "FACTS 1.5, S48: doubled; its jitter of a few seconds is left out"),
        "server.longest_retry": Setting("none", "FACTS 1.5, S48"),
        "server.most_attempts": Setting(8, "FACTS 1.5, S48"),
        "server.suspend_for": Setting("0 s", "FACTS 1.5, S48: each message for itself"),
        "server.expiry": Setting("7 d", "never reached: a message is given up after its 8th attempt, S48"),
        "server.delay_notice": Setting("112.5 min", "FACTS 1.5, S48: with the 5th attempt that fails"),
        **_server(
            Setting(10, "S48: maxConcurrentDeliveries"),
            Setting(1, "S48: one delivery to a domain at a time"),
            _assumed("30 s", "nothing documented in FACTS", "15 s", "60 s"),
        ),
    },
    policies=_SIEVE,
    filters=_FILTERS,
    schedule=Schedule(DOUBLING, ("server.first_retry", "server.longest_retry")),
    default_policy="external",
    responder="rfc5230",
    texts=_TEXTS,
    family=Family.MESSAGE,
    expires=Expiry.WHEN_THE_NEXT_IS_LATE,
)
