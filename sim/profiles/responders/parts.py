"""What the profile of an autoresponder is made of: suppression rules, settings with their source, the headers of its reply.

Every rule is a switch of the table `[replies]`: `settings` holds its default with its source. A responder words its rules itself, since
two of them hardly ever look at quite the same thing; `STANDARD` has the wording for a rule that a responder is only given by a scenario.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sim.mail import Answer, Flag
from sim.profiles.parts import Setting

__all__ = ["NOT_HERE", "SIMULATED", "STANDARD", "Autoresponder", "Line", "Suppression", "rules"]

NOT_HERE: Final = "not a setting of this server"


@dataclass(frozen=True, slots=True)
class Suppression:
    """A suppression rule: its switch, the reason it gives, the flags that it looks at, and both in words."""

    key: str
    why: Answer
    flags: Flag
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """A header of the reply. `text` may name {sender}, {subject}, {id}, {references} or {reply_address} of the message that is answered;
    where that has none, `without` is written. None: not documented; empty: the responder does not write this header."""

    name: str
    text: str | None
    source: str
    without: str = ""


@dataclass(frozen=True, slots=True)
class Autoresponder:
    """A documented autoresponder."""

    name: str
    title: str
    settings: Mapping[str, Setting]  # by key of `[replies]`
    rules: tuple[Suppression, ...]  # every switch, in order of decision
    reply: tuple[Line, ...]
    notes: tuple[str, ...] = ()  # where the model departs from it
    overstated: str = ""  # why fewer of its replies arrive than in the model; empty: no such reason is known
    undocumented: tuple[str, ...] = ()
    cleared: str = ""  # the source that says that switching replies off or on forgets who was answered; empty: nothing says so


STANDARD: Final[Mapping[str, Suppression]] = {
    rule.key: rule
    for rule in (
        Suppression(
            "replies.ignore_auto_submitted",
            Answer.AUTO_SUBMITTED,
            Flag.AUTO_SUBMITTED | Flag.AUTO_SUBMITTED_WORD,
            "Auto-Submitted other than 'no'",
        ),
        Suppression(
            "replies.ignore_precedence", Answer.PRECEDENCE, Flag.PRECEDENCE | Flag.PRECEDENCE_LIST, "Precedence bulk, list or junk"
        ),
        Suppression("replies.ignore_list_headers", Answer.LIST_HEADER, Flag.LIST_HEADER | Flag.LIST_OTHER, "any List-* header"),
        Suppression(
            "replies.ignore_suppress_header", Answer.SUPPRESS_HEADER, Flag.SUPPRESS_HEADER, "X-Auto-Response-Suppress with OOF or All"
        ),
        Suppression(
            "replies.ignore_system_senders",
            Answer.SYSTEM_SENDER,
            Flag.SYSTEM_SENDER,
            "sender mailer-daemon, owner-* or *-request",
        ),
        Suppression("replies.ignore_own_address", Answer.OWN_ADDRESS, Flag.OWN_ADDRESS, "sender is one's own address"),
        Suppression("replies.only_if_addressed", Answer.NOT_TO_ME, Flag.NOT_TO_ME, "own address not in To, Cc, Bcc or Resent-*"),
        Suppression("replies.ignore_spam_flag", Answer.SPAM_FLAG, Flag.SPAM_FLAG, "X-Spam-Flag: YES"),
        Suppression("replies.ignore_spf_fail", Answer.SPF_FAIL, Flag.SPF_FAIL, "SPF says fail or softfail"),
        Suppression("replies.ignore_junk", Answer.JUNK, Flag.JUNK, "filed as junk"),
    )
}
# What no responder here has; a scenario may switch it on to see what it would be worth.
SIMULATED: Final[Mapping[str, Setting]] = {
    "replies.rate_limit": Setting("off", f"{NOT_HERE}: no responder here has one; it can be simulated"),
    "replies.ignore_spf_fail": Setting(False, f"{NOT_HERE}: no responder here looks at SPF; it can be simulated"),
}


def rules(*own: Suppression) -> tuple[Suppression, ...]:
    """A responder's own rules in its own order; behind them, in the standard wording, what it is silent about."""
    named = {rule.key for rule in own}
    return own + tuple(rule for key, rule in STANDARD.items() if key not in named)
