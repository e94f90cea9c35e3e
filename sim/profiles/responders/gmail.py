"""Gmail's vacation responder: little of it is documented, and that only for users."""

from __future__ import annotations

from typing import Final

from sim.profiles.parts import Setting, Tag
from sim.profiles.responders.parts import SIMULATED, Autoresponder, Line, rules

__all__ = ["GMAIL"]

_UNKNOWN: Final = "assumed: nothing documented"

GMAIL: Final = Autoresponder(
    name="gmail",
    title="Gmail vacation responder",
    settings={
        "replies.return_path": Setting("null", _UNKNOWN, Tag.ASSUMED, "user", "null"),
        "replies.every": Setting("4 d", "FACTS 2.4, S72: the first time, and again after four days; starts over when the text is edited"),
        "replies.history": Setting("unlimited", _UNKNOWN, Tag.ASSUMED, 1000, "unlimited"),
        "replies.when_full": Setting("forget", _UNKNOWN, Tag.ASSUMED, "forget", "answer"),
        "replies.ignore_auto_submitted": Setting(True, _UNKNOWN, Tag.ASSUMED, False, True),
        "replies.ignore_precedence": Setting(
            True, "assumed: mailing lists are not answered (S72); how they are told is not documented", Tag.ASSUMED, False, True
        ),
        "replies.ignore_list_headers": Setting(
            True, "FACTS 2.4, S72: messages addressed to a mailing list; that a List-* header tells them is assumed"
        ),
        "replies.ignore_suppress_header": Setting(False, _UNKNOWN, Tag.ASSUMED, False, True),
        "replies.ignore_system_senders": Setting(True, _UNKNOWN, Tag.ASSUMED, False, True),
        "replies.ignore_own_address": Setting(True, _UNKNOWN, Tag.ASSUMED, False, True),
        "replies.only_if_addressed": Setting(False, _UNKNOWN, Tag.ASSUMED, False, True),
        "replies.ignore_spam_flag": Setting(False, "FACTS 2.4, S72: it goes by its own spam folder"),
        "replies.ignore_junk": Setting(True, "FACTS 2.4, S72: not for the spam folder"),
        **SIMULATED,
    },
    rules=rules(),
    reply=(
        Line("To", "{sender}", "assumed: that it goes to the sender is documented (S72), to which of his addresses is not"),
        Line("Subject", "(the user's text) {subject}", "Gmail API, VacationSettings: responseSubject is put before the old subject"),
        *(
            Line(name, None, "not documented")
            for name in ("Auto-Submitted", "In-Reply-To", "References", "Precedence", "X-Auto-Response-Suppress")
        ),
    ),
    undocumented=("the return path", "which headers and senders it minds", "every header of the reply but Subject"),
)
