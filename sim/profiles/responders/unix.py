"""Exim's filter with its condition `personal`, and vacation(1)."""

from __future__ import annotations

from typing import Final

from sim.mail import Answer, Flag
from sim.profiles.parts import Setting
from sim.profiles.responders.parts import SIMULATED, STANDARD, Autoresponder, Line, Suppression, rules

__all__ = ["EXIM", "VACATION1"]

_PERSONAL: Final = "Exim filter specification, 'Testing for personal mail'; filter_personal in filter.c"
_AUTOREPLY: Final = "Exim autoreply transport, autoreply.c"
_MANUAL: Final = "vacation(1) (S71)"
_SOURCE: Final = "vacation.c 3.3, as Debian ships it"

EXIM: Final = Autoresponder(
    name="exim",
    title="Exim filter: if personal then vacation",
    settings={
        "replies.return_path": Setting("null", "Exim filter specification: messages from filters are sent as bounce messages"),
        "replies.every": Setting("7 d", "Exim filter specification: once_repeat of the vacation command"),
        "replies.history": Setting("unlimited", f"{_AUTOREPLY}: once_file_size is 0, a DBM file without limit"),
        "replies.when_full": Setting("forget", f"{_AUTOREPLY}: with once_file_size the oldest entry makes room"),
        "replies.ignore_auto_submitted": Setting(True, _PERSONAL),
        "replies.ignore_precedence": Setting(True, _PERSONAL),
        "replies.ignore_list_headers": Setting(True, f"{_PERSONAL}; since 4.54 these seven, before any List-*"),
        "replies.ignore_suppress_header": Setting(False, f"{_PERSONAL} does not look at it"),
        "replies.ignore_system_senders": Setting(True, f"{_PERSONAL}: the From header, not the sender"),
        "replies.ignore_own_address": Setting(True, f"{_PERSONAL}: the From header, not the sender"),
        "replies.only_if_addressed": Setting(True, f"{_PERSONAL}: To alone, not Cc"),
        "replies.ignore_spam_flag": Setting(False, f"{_PERSONAL} does not look at it"),
        "replies.ignore_junk": Setting(False, "the filter file decides where junk is filed, before or after the reply"),
        **SIMULATED,
    },
    rules=rules(
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
        Suppression("replies.only_if_addressed", Answer.NOT_TO_ME, Flag.NOT_IN_TO, "own address not in To"),
        Suppression(
            "replies.ignore_system_senders",
            Answer.SYSTEM_SENDER,
            Flag.SYSTEM_FROM,
            "From is server, daemon, root, listserv, majordomo, *-request or owner-*",
        ),
        Suppression("replies.ignore_own_address", Answer.OWN_ADDRESS, Flag.OWN_FROM, "From is one's own address"),
        Suppression(
            "replies.ignore_precedence",
            Answer.PRECEDENCE,
            Flag.PRECEDENCE | Flag.PRECEDENCE_LIST | Flag.PRECEDENCE_MORE,
            "Precedence with bulk, list or junk",
        ),
    ),
    reply=(
        Line("To", "{reply_address}", "filter.c: $reply_address, which is Reply-To, else From; against RFC 3834 section 4"),
        Line("Subject", "On vacation", "Exim filter specification: default of the vacation command"),
        Line("Auto-Submitted", "auto-replied", _AUTOREPLY),
        Line("In-Reply-To", "{id}", _AUTOREPLY),
        Line("References", None, "not in the autoreply.c that was read; later versions were not checked"),
        Line("Precedence", "", _AUTOREPLY),
        Line("X-Auto-Response-Suppress", "", _AUTOREPLY),
    ),
    notes=(
        "in a simulated run the reply goes to the sender; Exim takes Reply-To or From",
        "prefixes, suffixes and rewriting of the local part are left out",
    ),
)

VACATION1: Final = Autoresponder(
    name="vacation1",
    title="vacation(1) 3.3, of the BSD family, as Debian ships it",
    settings={
        "replies.return_path": Setting("user", f"{_SOURCE}: sendmail -f login; option -z makes it <>"),
        "replies.every": Setting("7 d", f"{_MANUAL}: default one week; -r 0 every message, -r infinite never again"),
        "replies.history": Setting("unlimited", f"{_SOURCE}: a database without limit"),
        "replies.when_full": Setting("forget", f"{_SOURCE}: a database without limit"),
        "replies.ignore_auto_submitted": Setting(True, f"{_SOURCE}: unless it begins with 'no'"),
        "replies.ignore_precedence": Setting(True, f"{_MANUAL}: begins with bulk, list or junk"),
        "replies.ignore_list_headers": Setting(False, f"{_SOURCE} does not look at them; OpenBSD's looks at List-Id"),
        "replies.ignore_suppress_header": Setting(False, f"{_SOURCE} does not look at it"),
        "replies.ignore_system_senders": Setting(True, f"{_MANUAL}, junkmail in {_SOURCE}"),
        "replies.ignore_own_address": Setting(False, f"{_SOURCE} does not look at it; measured: it answers its user"),
        "replies.only_if_addressed": Setting(True, f"{_MANUAL}: login or alias in To or Cc; option -j lifts it"),
        "replies.ignore_spam_flag": Setting(True, _SOURCE),
        "replies.ignore_junk": Setting(False, "what .forward or procmail does before it is not vacation's"),
        **SIMULATED,
    },
    rules=rules(
        Suppression(
            "replies.ignore_system_senders",
            Answer.SYSTEM_SENDER,
            Flag.SYSTEM_SUFFIX,
            "sender ends in -request, postmaster, uucp, mailer-daemon, mailer or -relay",
        ),
        Suppression(
            "replies.ignore_precedence",
            Answer.PRECEDENCE,
            Flag.PRECEDENCE | Flag.PRECEDENCE_LIST | Flag.PRECEDENCE_MORE,
            "Precedence that begins with bulk, list or junk",
        ),
        Suppression(
            "replies.ignore_auto_submitted", Answer.AUTO_SUBMITTED, Flag.AUTO_SUBMITTED, "Auto-Submitted that does not begin with 'no'"
        ),
        STANDARD["replies.ignore_spam_flag"],
        Suppression("replies.only_if_addressed", Answer.NOT_TO_ME, Flag.NOT_NAMED, "login or alias nowhere in the text of To or Cc"),
    ),
    reply=(
        Line("To", "{sender}", f"{_SOURCE}: Return-Path, else the From_ line"),
        Line("Subject", None, "whatever the user's .vacation.msg says; $SUBJECT in it stands for the old one"),
        Line("Auto-Submitted", "", f"{_SOURCE} does not write it; OpenBSD's writes auto-replied"),
        Line("In-Reply-To", "", _SOURCE),
        Line("References", "", _SOURCE),
        Line("Precedence", None, "whatever the user's .vacation.msg says"),
        Line("X-Auto-Response-Suppress", "", _SOURCE),
    ),
    notes=("login and aliases are the local parts of the user's own addresses",),
)
