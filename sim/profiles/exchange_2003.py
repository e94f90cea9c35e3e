"""Exchange Server 2003, and Small Business Server 2003."""

from __future__ import annotations

from typing import Final

from sim.mail import Code
from sim.policy.retry import INTERVALS
from sim.profiles.parts import Profile, Schedule, Setting, Switch, Tag

__all__ = ["EXCHANGE_2003"]

_ESM: Final = "ESM > Global Settings > Internet Message Formats"
EXCHANGE_2003: Final = Profile(
    name="exchange-2003",
    title="Exchange Server 2003 SP1 or later, and Small Business Server 2003",
    short="Exchange 2003",
    settings={
        "server.retry": Setting(["10 min", "10 min", "10 min", "15 min"], "FACTS 1.1, S10; the third interval is inferred"),
        "server.glitch_retries": Setting(3, "FACTS 1.1, S18: three times on 'server busy'"),
        "server.glitch_interval": Setting("60 s", "FACTS 1.1, S18, S19: GlitchRetrySeconds"),
        "server.message_retry": Setting(
            "10 min",
            "assumed: how long one message refused 4xx waits is not documented; the first retry interval",
            Tag.ASSUMED,
            "1 min",
            "60 min",
        ),
        "server.expiry": Setting("2 d", "FACTS 1.1, S10, S14"),
        "server.delay_notice": Setting(
            "12 h", "FACTS 1.1, S13, S14: 12 h for Windows SMTP and an older Exchange text; inferred for 2003", Tag.ASSUMED, "4 h", "24 h"
        ),
        "server.forget_after": Setting(
            "3 min", "assumed: QueueMaxIdleTime of Exchange 2007 (FACTS S31); 2003 is not documented", Tag.ASSUMED, "1 min", "30 min"
        ),
        "server.connections": Setting(1000, "assumed: MaxOutboundConnections of Exchange 2007 (FACTS S31)", Tag.ASSUMED, 100, 2000),
        "server.connections_per_hop": Setting(
            100, "assumed: limit per domain of the SMTP virtual server; FACTS has 40 for Exchange 2010 (S31)", Tag.ASSUMED, 20, 1000
        ),
        "server.messages_per_connection": Setting(20, "FACTS 1.1, S20"),
        "server.nxdomain": Setting("permanent", "FACTS 3.1, S74-S76: 5.4.0, authoritative host not found"),
        "server.null_mx": Setting(
            "permanent",
            "assumed: not documented (FACTS 3.1); older than RFC 7505 (2015), it meets a host that has no address",
            Tag.ASSUMED,
            "permanent",
            "temporary",
        ),
        "server.addresses_tried": Setting(
            5, "assumed: not documented; RFC 5321 5.1 lets a client limit them, to two at least", Tag.ASSUMED, 2, 100
        ),
        "server.connect_timeout": Setting(
            "21 s", "FACTS 3.1, S88: 3 + 6 + 12 s per address; another answer says 72 s", Tag.ASSUMED, "21 s", "72 s"
        ),
        "server.dns_timeout": Setting("15 s", "assumed: resolver time-out of Windows Server 2003", Tag.ASSUMED, "5 s", "60 s"),
        "server.reports_failures": Setting(True, "assumed: on in Exchange 2007+ (FACTS S60); not found for 2003", Tag.ASSUMED, False, True),
    },
    policies={
        "off": Switch(
            brief="Out of Office Assistant, per mailbox",
            set_by="Outlook > Tools > Out of Office Assistant > I am currently In the Office, for every mailbox",
            undo="the same, I am currently Out of the Office",
            source="S52",
        ),
        "internal-only": Switch(
            brief="default",
            set_by=f"default: {_ESM} > Default > Properties > Advanced, 'Allow out of office responses' not ticked",
            undo="tick the box",
            source="S2, S3",
        ),
        "partners-only": Switch(
            brief="Internet Message Formats, one entry per domain",
            set_by=f"{_ESM} > New > Domain for each partner, Advanced: tick 'Allow out of office responses'; leave Default (*) not ticked",
            undo="delete these entries",
            source="S2, S3, S51",
        ),
        "contacts-only": Switch(
            why_not="Exchange 2003 cannot tell a user's contacts apart; Exchange 2007 and later can (ExternalAudience Known)", source="S62"
        ),
        "external": Switch(
            brief="Internet Message Formats, Default (*)",
            set_by=f"{_ESM} > Default (*) > Properties > Advanced: tick 'Allow out of office responses'",
            undo="clear the same box; no restart; what is queued stays queued until delivered or expired",
            source="S2, S3, S51",
        ),
    },
    filters={
        "none": "nothing",
        "junk-first": "Intelligent Message Filter (2004 add-on, part of SP2) with the store's junk threshold; "
        "whether junked mail is answered on this server is not documented (replies.ignore_junk)",
        "refuse-unresolvable": "this server did not have it: a relay in front of it that refuses senders whose domain does not resolve",
    },
    schedule=Schedule(INTERVALS, ("server.glitch_retries", "server.glitch_interval", "server.retry")),
    glitch_on=frozenset({Code.BUSY}),
    queue_tool="Queue Viewer",
    default_policy="internal-only",
    responder="exchange-2003",
    undocumented=(
        "the return path of its out-of-office replies",
        "whether junked mail is answered",
        "what a null MX leads to",
        "how many addresses of a domain it tries",
        "the third retry interval",
        "the delay notification's own default",
    ),
)
