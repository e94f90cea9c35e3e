"""The out-of-office replies of Exchange 2003, of Exchange 2007 and later, and of Exchange Online."""

from __future__ import annotations

from typing import Final

from sim.profiles.parts import Setting, Tag
from sim.profiles.responders.parts import SIMULATED, Autoresponder, Line, rules

__all__ = ["EXCHANGE_2003", "EXCHANGE_2007", "EXCHANGE_ONLINE"]

_ONCE: Final = Setting("absence", "FACTS 2.1, S52: only one reply to each sender while the Out of Office Assistant is on")
_FULL: Final = Setting("answer", "FACTS 2.1, S55: above the limit one reply per message")
_CLEARED: Final = "FACTS 2.1, S55: when the OOF state changes; said of Exchange Online, 'much applies to on-premises'"
_HEADERS: Final = tuple(
    Line(name, None, "not documented") for name in ("Subject", "Auto-Submitted", "In-Reply-To", "References", "Precedence")
)
_OWN: Final = Line("X-Auto-Response-Suppress", None, "not documented: S64 says what the header means, not which replies carry it")

EXCHANGE_2003: Final = Autoresponder(
    name="exchange-2003",
    title="Out of Office Assistant of Exchange Server 2003 and Small Business Server 2003",
    settings={
        "replies.return_path": Setting(
            "user", "FACTS 2.1: not documented; the story saw the user as sender (S1)", Tag.ASSUMED, "user", "null"
        ),
        "replies.every": _ONCE,
        "replies.history": Setting(10000, "FACTS 2.1, S55: entries remembered, later text"),
        "replies.when_full": _FULL,
        "replies.ignore_auto_submitted": Setting(False, "RFC 3834 is of 2004: not known to this server"),
        "replies.ignore_precedence": Setting(True, "assumed: FACTS S65 says so of later versions", Tag.ASSUMED, False, True),
        "replies.ignore_list_headers": Setting(False, "FACTS 2.2, S65: Exchange does not suppress on List-* headers itself"),
        "replies.ignore_suppress_header": Setting(True, "FACTS S64: X-Auto-Response-Suppress is Exchange's own header"),
        "replies.ignore_system_senders": Setting(False, "assumed: nothing documented", Tag.ASSUMED, False, True),
        "replies.ignore_own_address": Setting(True, "assumed: nothing documented on mail from oneself", Tag.ASSUMED, False, True),
        "replies.only_if_addressed": Setting(False, "FACTS 2.1, S56: SuppressOOFsToDistributionLists is not set by default"),
        "replies.ignore_spam_flag": Setting(False, "FACTS S58: the store looks at its own spam confidence level, not at this header"),
        "replies.ignore_junk": Setting(
            True, "FACTS 2.1: not documented for 2003; Exchange Online does not answer junk (S55)", Tag.ASSUMED, False, True
        ),
        **SIMULATED,
    },
    rules=rules(),
    reply=(
        Line("To", "{sender}", "assumed: that it goes to the sender is documented (S52), to which of his addresses is not"),
        *_HEADERS,
        _OWN,
    ),
    undocumented=("the return path", "whether junked mail is answered", "every header of the reply"),
    cleared=_CLEARED,
)

_LATER: Final = {
    "replies.return_path": Setting("null", "FACTS 2.2, S55, S59, S63: OOF rules have a blank return path"),
    "replies.every": Setting("absence", "FACTS 2.2, S55: sent one time per recipient; starts afresh when the state or the rule changes"),
    "replies.history": Setting(10000, "FACTS 2.1, S55"),
    "replies.when_full": _FULL,
    "replies.ignore_auto_submitted": Setting(False, "assumed: nothing documented", Tag.ASSUMED, False, True),
    "replies.ignore_precedence": Setting(True, "FACTS 2.2, S65, a university's help page: for bulk; list and junk are assumed alike"),
    "replies.ignore_list_headers": Setting(False, "FACTS 2.2, S65: Exchange does not suppress on List-* headers itself"),
    "replies.ignore_suppress_header": Setting(True, "FACTS 2.2, S64: OOF is bit 0x10, All is every bit"),
    "replies.ignore_system_senders": Setting(False, "assumed: nothing documented", Tag.ASSUMED, False, True),
    "replies.ignore_own_address": Setting(True, "assumed: nothing documented on mail from oneself", Tag.ASSUMED, False, True),
    "replies.only_if_addressed": Setting(False, "FACTS 2.1, S56, S57: SuppressOOFsToDistributionLists is not set by default"),
    "replies.ignore_spam_flag": Setting(False, "FACTS S58: Exchange looks at its own spam confidence level, not at this header"),
    **SIMULATED,
}
_LATER_REPLY: Final = (
    Line("To", "{sender}", "assumed: that it goes to the sender is documented (S55), to which of his addresses is not"),
    *_HEADERS,
    _OWN,
)
EXCHANGE_2007: Final = Autoresponder(
    name="exchange-2007",
    title="automatic replies of Exchange Server 2007 to 2019 and Subscription Edition",
    settings={
        **_LATER,
        "replies.ignore_junk": Setting(
            True, "FACTS 2.2, S55: said of Exchange Online; 'much applies to on-premises'", Tag.ASSUMED, False, True
        ),
    },
    rules=rules(),
    reply=_LATER_REPLY,
    undocumented=("Auto-Submitted and system senders", "every header of the reply"),
    cleared=_CLEARED,
)
EXCHANGE_ONLINE: Final = Autoresponder(
    name="exchange-online",
    title="automatic replies of Exchange Online (Microsoft 365)",
    settings={
        **_LATER,
        "replies.ignore_junk": Setting(True, "FACTS 2.2, S55: sent to Junk, an automatic reply isn't generated at all"),
    },
    rules=rules(),
    reply=_LATER_REPLY,
    notes=("replies leave through the high risk delivery pool (FACTS S55, S66)",),
    overstated="Replies leave through the high risk delivery pool, from which many organisations take no mail (FACTS S55, S66); here all "
    "do, so fewer are told than this says",
    undocumented=("Auto-Submitted and system senders", "every header of the reply"),
    cleared=_CLEARED,
)
