"""What autoresponders say to a real message: answered or not, by which rule, and what the reply would be.

The same rules as in a run: message -> flags (`sim.corpus.flags`) -> reasons (`sim.policy.autoreply`). The user is away, the policy answers
everybody. A message is judged on its own, unless the responders are to remember whom they answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header, make_header
from typing import Final

import numpy as np

from sim.corpus.headers import Mail, address
from sim.mail import NULL_SENDER, Answer, Outcome, Place
from sim.policy.autoreply import Audience, Facts, History, Responder, grant, reasons
from sim.profiles.responders import Autoresponder

__all__ = ["Judged", "Seen", "Written", "judge", "look", "own_addresses", "reply", "trouble"]

_DELIVERED: Final = ("Delivered-To", "X-Original-To", "Envelope-To")
_LONGEST: Final = 1000  # characters that are kept of a header
_EVIDENCE: Final[Mapping[Answer, tuple[str, ...]]] = {
    Answer.AUTO_SUBMITTED: ("Auto-Submitted",),
    Answer.PRECEDENCE: ("Precedence",),
    Answer.SUPPRESS_HEADER: ("X-Auto-Response-Suppress",),
    Answer.SPAM_FLAG: ("X-Spam-Flag",),
    Answer.SPF_FAIL: ("Received-SPF", "Authentication-Results"),
    Answer.NOT_TO_ME: ("To", "Cc"),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What is needed of a message to judge and to answer it; the rest of it is let go."""

    name: str
    at: float | None
    sender: str  # empty: the null sender
    from_used: bool  # the sender is From, for want of an envelope
    own: tuple[str, ...]  # the user's own addresses; empty: not known
    own_header: str  # where they come from; empty: they were given
    flags: int
    found: Mapping[Answer, str]  # what a rule looks at, as it stands in the message
    fields: Mapping[str, str]  # what a reply is made of: sender, subject, id, references, reply_address


@dataclass(frozen=True, slots=True)
class Judged:
    """A message and what each responder says to it."""

    seen: Seen
    answers: Mapping[str, Answer]  # by name of the responder


@dataclass(frozen=True, slots=True)
class Written:
    """A line of a reply: text None where it is not documented, empty where the responder does not write it."""

    name: str
    text: str | None
    source: str


def trouble(mail: Mail, needs_time: bool = False) -> str:
    """Why a message cannot be judged; empty where it can."""
    if not mail.headers.keys():
        return "no header in it: this is no message"
    if mail.sender is None:
        return "no sender: neither Return-Path, X-Envelope-From, a From_ line nor From holds an address"
    return "no time: neither Received, a From_ line nor Date holds one" if needs_time and mail.at is None else ""


def own_addresses(mail: Mail) -> tuple[tuple[str, ...], str]:
    """The addresses that a message was delivered to, as its own headers tell, and which header: Delivered-To, X-Original-To, Envelope-To;
    else the first of To."""
    for name in _DELIVERED:
        known = [found for text in mail.texts(name) if (found := address(text))]
        if known:
            return tuple(dict.fromkeys(known)), name
    first = address(mail.text("To"))
    return ((first,), "To") if first else ((), "")


def look(mail: Mail, own: Sequence[str] = ()) -> Seen:
    """What is needed of a message. `own` are the user's addresses; by default the message's `own_addresses`."""
    mine, header = (tuple(one.lower() for one in own), "") if own else own_addresses(mail)
    return Seen(mail.name, mail.at, mail.sender or "", mail.from_used, mine, header, mail.flags(mine), _found(mail), _fields(mail))


def judge(seen: Sequence[Seen], responders: Mapping[str, Responder], junk: bool = False, remember: bool = False) -> list[Judged]:
    """What each responder says to each message, in the order given; with `remember`, which wants times, in order of time.

    `junk`: the messages were filed as junk."""
    if remember:
        seen = sorted(seen, key=lambda one: one.at or 0.0)
    codes: dict[str, int] = {"": NULL_SENDER}
    sender = np.array([codes.setdefault(one.sender, len(codes)) for one in seen], dtype=np.int64)
    flags = np.array([one.flags for one in seen], dtype=np.uint32)
    yes = np.ones(len(seen), dtype=np.bool_)
    outcome = np.full(len(seen), Outcome.JUNK if junk else Outcome.MAILBOX, dtype=np.uint8)
    facts = Facts(yes, yes, np.full(len(seen), Place.STRANGE, dtype=np.uint8), sender, flags, outcome)
    answers = {name: reasons(Audience.EVERYBODY, responder, facts) for name, responder in responders.items()}
    if remember:
        for name, responder in responders.items():
            history = History()
            for i in np.flatnonzero(answers[name] == Answer.ANSWERED).tolist():
                answers[name][i] = grant(history, responder, float(seen[i].at or 0.0), 0, 0, int(sender[i]))
    return [Judged(one, {name: Answer(int(column[i])) for name, column in answers.items()}) for i, one in enumerate(seen)]


def reply(seen: Seen, auto: Autoresponder, responder: Responder) -> list[Written]:
    """The reply to a message that is answered: its return path, then its headers."""
    own = seen.own[0] if seen.own else "the user"
    setting = auto.settings["replies.return_path"]
    documented = setting.value == ("user" if responder.user_return_path else "null")
    lines = [Written("return path", own if responder.user_return_path else "<>", setting.source if documented else "given")]
    for line in auto.reply:
        text = line.text
        if text and "{" in text:
            wanted = text[text.index("{") + 1 : text.index("}")]
            text = text.format(**seen.fields) if seen.fields[wanted] else line.without
        lines.append(Written(line.name, text, line.source))
    return lines


def _fields(mail: Mail) -> dict[str, str]:
    """What a reply is made of."""
    id = mail.text("Message-ID")
    return {
        "sender": f"<{mail.sender}>",
        "subject": _decoded(mail.text("Subject"))[:_LONGEST],
        "id": id[:_LONGEST],
        "references": f"{mail.text('References')} {id}".strip()[:_LONGEST],
        "reply_address": _decoded(mail.text("Reply-To") or mail.text("From"))[:_LONGEST],
    }


def _found(mail: Mail) -> dict[Answer, str]:
    """What stands in the message that a rule may look at."""
    found = {why: "; ".join(f"{name}: {text}" for name in names for text in mail.texts(name)) for why, names in _EVIDENCE.items()}
    listed = next((name for name in mail.headers if name.lower().startswith("list-")), "")
    found[Answer.LIST_HEADER] = f"{listed}: {mail.text(listed)}" if listed else ""
    found[Answer.SYSTEM_SENDER] = found[Answer.OWN_ADDRESS] = f"sender {mail.sender}; From: {mail.text('From')}"
    found[Answer.NOT_TO_ME] = found[Answer.NOT_TO_ME] or "neither To nor Cc"
    return {why: text[:_LONGEST] for why, text in found.items() if text}


def _decoded(text: str) -> str:
    """A header with its encoded words read, as far as they can be."""
    try:
        return str(make_header(decode_header(text)))
    except (MessageError, LookupError, ValueError):
        return text
