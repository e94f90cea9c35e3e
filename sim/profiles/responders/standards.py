"""A responder that does what RFC 3834 says, and Sieve vacation (RFC 5230) as Dovecot Pigeonhole does it."""

from __future__ import annotations

from typing import Final

from sim.mail import Answer, Flag
from sim.profiles.parts import Setting, Tag
from sim.profiles.responders.parts import SIMULATED, STANDARD, Autoresponder, Line, Suppression, rules

__all__ = ["RFC3834", "RFC5230"]

_NO_SUCH: Final = "has no such rule"

RFC3834: Final = Autoresponder(
    name="rfc3834",
    title="a personal responder that does what RFC 3834 says, the MAYs included",
    settings={
        "replies.return_path": Setting("null", "RFC 3834 3.3: MAY be <>", Tag.ASSUMED, "user", "null"),
        "replies.every": Setting("7 d", "RFC 3834 section 2: 7 days RECOMMENDED"),
        "replies.history": Setting("unlimited", "RFC 3834 names no limit"),
        "replies.when_full": Setting("forget", "RFC 3834 names no limit"),
        "replies.ignore_auto_submitted": Setting(True, "RFC 3834 section 2: SHOULD NOT, where it is other than 'no'"),
        "replies.ignore_precedence": Setting(
            True, "RFC 3834 section 2: MAY, for list; no behaviour recommended for others", Tag.ASSUMED, False, True
        ),
        "replies.ignore_list_headers": Setting(True, "RFC 3834 section 2: MAY", Tag.ASSUMED, False, True),
        "replies.ignore_suppress_header": Setting(False, f"RFC 3834 {_NO_SUCH}: the header is Microsoft's"),
        "replies.ignore_system_senders": Setting(
            True, "RFC 3834 section 2: MAY, for owner-*, *-request and MAILER-DAEMON", Tag.ASSUMED, False, True
        ),
        "replies.ignore_own_address": Setting(False, f"RFC 3834 {_NO_SUCH}"),
        "replies.only_if_addressed": Setting(True, "RFC 3834 section 2: SHOULD NOT, unless in To, Cc, Bcc or Resent-*"),
        "replies.ignore_spam_flag": Setting(False, f"RFC 3834 {_NO_SUCH}"),
        "replies.ignore_junk": Setting(
            False, "RFC 3834 section 2: MAY, on anything that makes a reply look inappropriate", Tag.ASSUMED, False, True
        ),
        **SIMULATED,
    },
    rules=rules(
        STANDARD["replies.ignore_auto_submitted"],
        STANDARD["replies.only_if_addressed"],
        Suppression("replies.ignore_precedence", Answer.PRECEDENCE, Flag.PRECEDENCE_LIST, "Precedence list"),
    ),
    reply=(
        Line("To", "{sender}", "RFC 3834 section 4: the Return-Path, never Reply-To"),
        Line("Subject", "Auto: {subject}", "RFC 3834 3.1.5: MAY start so"),
        Line("Auto-Submitted", "auto-replied", "RFC 3834 3.1.7, section 5"),
        Line("In-Reply-To", "{id}", "RFC 3834 3.1.6"),
        Line("References", "{references}", "RFC 3834 3.1.6"),
        Line("Precedence", "", "RFC 3834 3.1.8: MAY, not recommended"),
        Line("X-Auto-Response-Suppress", "", "RFC 3834 does not know it"),
    ),
)

RFC5230: Final = Autoresponder(
    name="rfc5230",
    title="Sieve vacation, RFC 5230, as Dovecot Pigeonhole does it",
    settings={
        "replies.return_path": Setting("null", "RFC 5230 5.1: SHOULD be <>; Pigeonhole unless sieve_vacation_send_from_recipient (S70)"),
        "replies.every": Setting("7 d", "RFC 5230 4.1; Pigeonhole default_period 7d, min_period 1d (S70)"),
        "replies.history": Setting("unlimited", "RFC 5230 4.2: at least 1,000; Pigeonhole keeps every entry for its period (S70)"),
        "replies.when_full": Setting("forget", "RFC 5230 4.2: SHOULD discard the oldest first"),
        "replies.ignore_auto_submitted": Setting(True, "RFC 5230 4.6: SHOULD NOT"),
        "replies.ignore_precedence": Setting(True, f"Pigeonhole cmd-vacation.c (S70); RFC 5230 {_NO_SUCH}"),
        "replies.ignore_list_headers": Setting(True, "RFC 5230 4.6: SHOULD NOT"),
        "replies.ignore_suppress_header": Setting(True, f"Pigeonhole cmd-vacation.c (S70); RFC 5230 {_NO_SUCH}"),
        "replies.ignore_system_senders": Setting(True, "RFC 5230 4.6: MUST keep a list of must-not-respond addresses"),
        "replies.ignore_own_address": Setting(True, "Pigeonhole cmd-vacation.c: the recipient and :addresses (S70)"),
        "replies.only_if_addressed": Setting(True, "RFC 5230 4.5: MUST NOT; in Pigeonhole sieve_vacation_dont_check_recipient lifts it"),
        "replies.ignore_spam_flag": Setting(False, f"RFC 5230 {_NO_SUCH}; measured: Pigeonhole answers X-Spam-Flag: YES"),
        "replies.ignore_junk": Setting(False, "vacation runs where the script says: before or after a rule that files junk"),
        **SIMULATED,
    },
    rules=rules(
        Suppression("replies.ignore_own_address", Answer.OWN_ADDRESS, Flag.OWN_ADDRESS, "sender is the recipient or one of :addresses"),
        Suppression(
            "replies.ignore_list_headers",
            Answer.LIST_HEADER,
            Flag.LIST_HEADER,
            "List-Id, -Help, -Subscribe, -Unsubscribe, -Post, -Owner or -Archive",
        ),
        Suppression(
            "replies.ignore_auto_submitted",
            Answer.AUTO_SUBMITTED,
            Flag.AUTO_SUBMITTED | Flag.AUTO_SUBMITTED_WORD | Flag.AUTO_SUBMITTED_MORE,
            "Auto-Submitted that is not just 'no'",
        ),
        STANDARD["replies.ignore_precedence"],
        STANDARD["replies.ignore_suppress_header"],
        Suppression(
            "replies.ignore_system_senders",
            Answer.SYSTEM_SENDER,
            Flag.SYSTEM_SENDER | Flag.SYSTEM_PREFIX,
            "sender mailer-daemon*, listserv*, majordomo*, owner-* or *-request",
        ),
        STANDARD["replies.only_if_addressed"],
    ),
    reply=(
        Line("To", "{sender}", "RFC 5230 5.5: the Return-Path"),
        Line("Subject", "Auto: {subject}", "RFC 5230 5.3, unless :subject is given", without="Automated reply"),
        Line("Auto-Submitted", "auto-replied (vacation)", "RFC 5230 5.6; Pigeonhole cmd-vacation.c, measured"),
        Line("In-Reply-To", "{id}", "RFC 5230 5.8"),
        Line("References", "{references}", "RFC 5230 5.8"),
        Line("Precedence", "bulk", "Pigeonhole cmd-vacation.c, measured"),
        Line("X-Auto-Response-Suppress", "All", "Pigeonhole cmd-vacation.c, measured"),
    ),
    notes=(
        "Pigeonhole's memory is of (sender, text of the reply) and outlives an absence; here a new absence starts afresh",
        "Pigeonhole tells OWNER-* from owner-*; here case does not matter",
    ),
)
