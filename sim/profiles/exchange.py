"""Exchange Server 2007 to SE, its Edge role, and Exchange Online; the SMTP service of Windows.

From 2007 on a queue in Retry makes glitch retries on any connection failure, then transient ones, then retries at one interval until its
messages expire. The table of intervals is in FACTS 1.2.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sim.mail import CONNECTION_FAILURES, NO_HOST, Code
from sim.policy.retry import INTERVALS
from sim.profiles.exchange_2003 import EXCHANGE_2003
from sim.profiles.parts import Profile, Schedule, Setting, Switch, Tag

__all__ = ["EXCHANGE_2007", "EXCHANGE_2016", "EXCHANGE_EDGE", "EXCHANGE_ONLINE", "IIS_SMTP"]

_INTERVALS: Final = Schedule(INTERVALS, ("server.glitch_retries", "server.glitch_interval", "server.retry"))
_ANY_FAILURE: Final = CONNECTION_FAILURES | NO_HOST  # where what DNS says is temporary it is one of them

_SETTINGS: Final = {
    "server.retry": Setting(
        ["5 min"] * 6 + ["10 min"],
        "FACTS 1.2, S28, S31: TransientFailureRetryCount 6 and -RetryInterval 5 min, then OutboundConnectionFailureRetryInterval",
    ),
    "server.glitch_retries": Setting(4, "FACTS 1.2, S28-S30: QueueGlitchRetryCount, on any trouble in connecting"),
    "server.glitch_interval": Setting("1 min", "FACTS 1.2, S28-S30: QueueGlitchRetryInterval"),
    "server.message_retry": Setting(
        "15 min",
        "FACTS 1.2: MessageRetryInterval, sources disagree: 15 min (S28, S29, S32), 5 min (S31, S33)",
        Tag.ASSUMED,
        "5 min",
        "15 min",
    ),
    "server.resubmit_after": Setting(
        "12 h",
        "FACTS 1.2, S28: MaxIdleTimeBeforeResubmit; that the resubmitted messages are tried at once and from the first stage is inferred",
        Tag.ASSUMED,
        "12 h",
        "never",
    ),
    "server.nxdomain": Setting(
        "permanent",
        "FACTS 3.1: sources disagree: 5.4.4 at once (S77, and S35 by implication), or Retry until it expires (S78-S80)",
        Tag.ASSUMED,
        "permanent",
        "temporary",
    ),
    "server.expiry": Setting("2 d", "FACTS 1.2, S28, S31: MessageExpirationTimeout"),
    "server.delay_notice": Setting("4 h", "FACTS 1.2, S28, S31: DelayNotificationTimeout"),
    "server.forget_after": Setting("3 min", "FACTS 1.2, S31, S34: QueueMaxIdleTime"),
    "server.connections": Setting(1000, "FACTS 1.2, S31: MaxOutboundConnections"),
    "server.connections_per_hop": Setting(40, "FACTS 1.2, S31, S33: MaxPerDomainOutboundConnections"),
    "server.messages_per_connection": Setting(20, "assumed: as Exchange 2003 (FACTS 1.1, S20)", Tag.ASSUMED, 1, 100),
    "server.null_mx": Setting(
        "permanent", "assumed: not documented (FACTS 3.1); RFC 7505: every attempt fails at once", Tag.ASSUMED, "permanent", "temporary"
    ),
    "server.addresses_tried": Setting(
        5,
        "assumed: it goes on to alternate hosts (FACTS 3.1, S85-S87), to how many is not documented; RFC 5321 5.1: two at least",
        Tag.ASSUMED,
        2,
        100,
    ),
    "server.connect_timeout": Setting(
        "21 s", "FACTS 3.1, S88: the operating system's; 3 + 6 + 12 s per address; another answer says 72 s", Tag.ASSUMED, "21 s", "72 s"
    ),
    "server.dns_timeout": Setting("15 s", "assumed: the operating system's resolver", Tag.ASSUMED, "5 s", "60 s"),
    "server.reports_failures": Setting(True, "FACTS 2.2, S60: DeliveryReportEnabled and NDREnabled are on"),
}
_UNABLE: Final = '451 4.4.0 Primary target IP address responded with: "421 4.2.1 Unable to connect."'
_TEXTS: Final = {  # FACTS 3.1, S77, S82-S87, S91
    Code.NXDOMAIN: "451 4.4.0 DNS query failed. The error was: SMTPSEND.DNS.NonExistentDomain; nonexistent domain",
    Code.DNS_TIMEOUT: "451 4.4.0 DNS query failed. The error was: ErrorTimeout",
    Code.SERVFAIL: "451 4.4.0 DNS query failed. The error was: ServerFailure",
    Code.REFUSED: _UNABLE,
    Code.TIMEOUT: _UNABLE,
    Code.EXPIRED: "550 4.4.7 QUEUE.Expired; message expired",
}
_REMOTE_DOMAIN: Final = "Set-RemoteDomain"
_POLICIES: Final = {
    "off": Switch(
        brief="AutoReplyState Disabled",
        set_by="Set-MailboxAutoReplyConfiguration -AutoReplyState Disabled, for every mailbox",
        undo="the same, Enabled or Scheduled",
        source="S62",
    ),
    "internal-only": Switch(
        brief="Remote domain Default",
        set_by=f"{_REMOTE_DOMAIN} Default -AllowedOOFType None",
        undo=f"{_REMOTE_DOMAIN} Default -AllowedOOFType External",
        source="S60",
    ),
    "partners-only": Switch(
        brief="Remote domains",
        set_by=f"New-RemoteDomain for each partner (its AllowedOOFType is External), and {_REMOTE_DOMAIN} Default -AllowedOOFType None",
        undo=f"Remove-RemoteDomain for each, and {_REMOTE_DOMAIN} Default -AllowedOOFType External",
        source="S60, S61",
    ),
    "contacts-only": Switch(
        brief="ExternalAudience Known",
        set_by="Set-MailboxAutoReplyConfiguration -ExternalAudience Known, for every mailbox; Outlook: 'My contacts only'",
        undo="the same, All",
        source="S62",
    ),
    "external": Switch(
        brief="default",
        set_by="default: remote domain Default has AllowedOOFType External, mailboxes have ExternalAudience All",
        undo=f"{_REMOTE_DOMAIN} Default -AllowedOOFType None; what is queued stays queued until delivered or expired",
        source="S60, S62",
    ),
}
_FILTERS: Final = {
    "none": "nothing",
    "junk-first": "content filter with the junk threshold (SCL); a message that is moved to Junk gets no reply (FACTS 2.2, S55)",
    "refuse-unresolvable": "not a setting of this server: a gateway in front of it that refuses senders whose domain does not resolve",
}

EXCHANGE_2016: Final = Profile(
    name="exchange-2016",
    title="Exchange Server 2010 to 2019 and SE, Mailbox or Hub Transport role",
    short="Exchange 2016",
    settings=_SETTINGS,
    policies=_POLICIES,
    filters=_FILTERS,
    schedule=_INTERVALS,
    glitch_on=_ANY_FAILURE,
    queue_tool="Get-Queue",
    texts=_TEXTS,
    default_policy="external",
    responder="exchange-2007",
    undocumented=("what a domain that does not exist leads to: sources disagree", "what it does with a null MX"),
)
EXCHANGE_2007: Final = replace(
    EXCHANGE_2016,
    name="exchange-2007",
    title="Exchange Server 2007, Hub Transport role",
    short="Exchange 2007",
    settings=_SETTINGS
    | {
        "server.connections_per_hop": Setting(
            20,
            "assumed: MaxPerDomainOutboundConnections, 40 in current text (FACTS 1.2, S31); older '20' is unverified",
            Tag.ASSUMED,
            20,
            40,
        )
    },
)
EXCHANGE_EDGE: Final = replace(
    EXCHANGE_2016,
    name="exchange-edge",
    title="Exchange Server 2010 to 2019, Edge Transport role (policies are set on the Mailbox servers behind it)",
    short="Exchange Edge",
    settings=_SETTINGS
    | {
        "server.retry": Setting(
            ["10 min"] * 6 + ["30 min"], "FACTS 1.2, S28, S29, S31: the same settings have 10 min and 30 min on an Edge server"
        )
    },
)
EXCHANGE_ONLINE: Final = Profile(
    name="exchange-online",
    title="Exchange Online, Microsoft 365",
    short="Exchange Online",
    no_hand="its queues are Microsoft's; Suspend-Queue, Retry-Queue and the like are for Exchange on premises only",
    settings=_SETTINGS
    | {
        "server.retry": Setting(
            ["1 min", "1 min", "1 min", "2 min", "3 min", "4 min"],
            "no interval is published (FACTS 1.3); observed on outlook.com in 2015/16: 1, 2, 3, 5, 8, 12, 16 min, then every 4 min (S40)",
            Tag.ASSUMED,
            ["1 min"],
            ["60 min"],
        ),
        "server.glitch_retries": Setting(0, "no stage of its own is published (FACTS 1.3)", Tag.ASSUMED, 0, 4),
        "server.expiry": Setting("24 h", "FACTS 1.3, S39: a message is retried for 24 hours"),
        "server.delay_notice": Setting("4 h", "assumed: as on premises (FACTS 1.2)", Tag.ASSUMED, "4 h", "never"),
        "server.connections_per_hop": Setting(40, "assumed: as on premises (FACTS 1.2)", Tag.ASSUMED, 20, 1000),
        "server.connect_timeout": Setting("21 s", "assumed: as on premises (FACTS 3.1)", Tag.ASSUMED, "21 s", "72 s"),
    },
    policies=_POLICIES,
    filters=_FILTERS | {"junk-first": "Exchange Online Protection; a message sent to Junk gets no reply (FACTS 2.2, S55)"},
    schedule=_INTERVALS,
    glitch_on=frozenset(),
    queue_tool="Get-Queue",
    texts=_TEXTS,
    default_policy="external",
    responder="exchange-online",
    undocumented=("its retry intervals", "its limits of connections", "that a tenant can see its own outbound queues: it cannot"),
)
IIS_SMTP: Final = Profile(
    name="iis-smtp",
    title="SMTP service of Windows 2000 and Windows Server 2003 (IIS)",
    short="Windows SMTP",
    settings=dict(EXCHANGE_2003.settings)
    | {
        "server.retry": Setting(["15 min", "30 min", "60 min", "240 min"], "FACTS 1.1, S11, S12: 15, 30, 60, then every 240 min"),
        "server.glitch_retries": Setting(
            3, "assumed: documented for Exchange on the same service (FACTS 1.1, S18, S19), on 'server busy'", Tag.ASSUMED, 0, 3
        ),
        "server.message_retry": Setting("15 min", "assumed: the first retry interval", Tag.ASSUMED, "1 min", "60 min"),
        "server.expiry": Setting("2 d", "FACTS 1.1, S14; the number is cut off in the Windows text", Tag.ASSUMED, "1 d", "5 d"),
        "server.delay_notice": Setting("12 h", "FACTS 1.1, S13"),
    },
    policies={
        name: Switch(why_not="the SMTP service of Windows has no mailboxes and makes no replies; it relays those of others", source="S11")
        if name in ("partners-only", "contacts-only")
        else Switch(
            brief="on the server behind it",
            set_by="on the mail server that hands it the replies",
            undo="on the same server",
            source="S11",
        )
        for name in _POLICIES
    },
    filters=_FILTERS | {"junk-first": "this server did not have it: a filter on the mail server behind it"},
    schedule=_INTERVALS,
    glitch_on=frozenset({Code.BUSY}),
    queue_tool="Queue Viewer",
    default_policy="internal-only",
    responder="exchange-2003",
    undocumented=("its expiration time-out", "whether it makes glitch retries"),
)
