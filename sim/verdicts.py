"""What autoresponders say to a real message: answered or not, by which rule, and what the reply would be.

The same rules as in a run: message -> flags (`sim.corpus.flags`) -> reasons (`sim.policy.autoreply`). The user is away, the policy answers
everybody. A message is judged on its own, unless the responders are to remember whom they answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header, make_header
from typing import Final

import numpy as np

from sim.corpus.headers import Mail, address
from sim.mail import NULL_SENDER, Answer, Outcome, Place
from sim.policy.autoreply import Audience, Facts, History, Responder, grant, reasons
from sim.profiles.responders import Autoresponder

__all__ = ["Judged", "Written", "judge", "own_addresses", "reply", "trouble"]

_DELIVERED: Final = ("Delivered-To", "X-Original-To", "Envelope-To")
_EVIDENCE: Final[Mapping[Answer, tuple[str, ...]]] = {
    Answer.AUTO_SUBMITTED: ("Auto-Submitted",),
    Answer.PRECEDENCE: ("Precedence",),
    Answer.SUPPRESS_HEADER: ("X-Auto-Response-Suppress",),
    Answer.SPAM_FLAG: ("X-Spam-Flag",),
    Answer.SPF_FAIL: ("Received-SPF", "Authentication-Results"),
    Answer.NOT_TO_ME: ("To", "Cc"),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A message and what each responder says to it."""

    name: str
    at: float | None
    sender: str  # empty: the null sender
    from_used: bool  # the sender is From, for want of an envelope
    own: tuple[str, ...]  # the user's own addresses; empty: not known
    own_header: str  # where they come from; empty: they were given
    flags: int
    answers: Mapping[str, Answer]  # by name of the responder
    found: Mapping[Answer, str]  # what a rule looked at, as it stands in the message
    fields: Mapping[str, str]  # what a reply is made of: sender, subject, id, references, reply_address


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


def judge(
    mails: Sequence[Mail], responders: Mapping[str, Responder], own: Sequence[str] = (), junk: bool = False, remember: bool = False
) -> list[Judged]:
    """What each responder says to each message, in the order given; with `remember`, which wants times, in order of time.

    `own` are the user's addresses; by default each message's `own_addresses`. `junk`: the messages were filed as junk."""
    if remember:
        mails = sorted(mails, key=lambda mail: mail.at or 0.0)
    mine = [(tuple(one.lower() for one in own), "") if own else own_addresses(mail) for mail in mails]
    flags = np.array([mail.flags(known) for mail, (known, _) in zip(mails, mine, strict=True)], dtype=np.uint32)
    codes: dict[str, int] = {"": NULL_SENDER}
    sender = np.array([codes.setdefault(mail.sender or "", len(codes)) for mail in mails], dtype=np.int64)
    yes = np.ones(len(mails), dtype=np.bool_)
    outcome = np.full(len(mails), Outcome.JUNK if junk else Outcome.MAILBOX, dtype=np.uint8)
    facts = Facts(yes, yes, np.full(len(mails), Place.STRANGE, dtype=np.uint8), sender, flags, outcome)
    answers = {name: reasons(Audience.EVERYBODY, responder, facts) for name, responder in responders.items()}
    if remember:
        for name, responder in responders.items():
            history = History()
            for i in np.flatnonzero(answers[name] == Answer.ANSWERED).tolist():
                answers[name][i] = grant(history, responder, float(mails[i].at or 0.0), 0, 0, int(sender[i]))
    return [
        Judged(
            name=mail.name,
            at=mail.at,
            sender=mail.sender or "",
            from_used=mail.from_used,
            own=known,
            own_header=header,
            flags=int(flags[i]),
            answers={name: Answer(int(column[i])) for name, column in answers.items()},
            found=_found(mail, {Answer(int(column[i])) for column in answers.values()}),
            fields=_fields(mail),
        )
        for i, (mail, (known, header)) in enumerate(zip(mails, mine, strict=True))
    ]


def reply(judged: Judged, auto: Autoresponder, responder: Responder) -> list[Written]:
    """The reply to a message that is answered: its return path, then its headers."""
    own = judged.own[0] if judged.own else "the user"
    path = Written("return path", own if responder.user_return_path else "<>", auto.settings["replies.return_path"].source)
    given = auto.settings["replies.return_path"].value != ("user" if responder.user_return_path else "null")
    lines = [Written(path.name, path.text, "given") if given else path]
    for line in auto.reply:
        text = line.text
        if text and "{" in text:
            wanted = text[text.index("{") + 1 : text.index("}")]
            text = text.format(**judged.fields) if judged.fields[wanted] else line.without
        lines.append(Written(line.name, text, line.source))
    return lines


def _fields(mail: Mail) -> dict[str, str]:
    """What a reply is made of."""
    id = mail.text("Message-ID")
    return {
        "sender": f"<{mail.sender}>",
        "subject": _decoded(mail.text("Subject")),
        "id": id,
        "references": f"{mail.text('References')} {id}".strip(),
        "reply_address": _decoded(mail.text("Reply-To") or mail.text("From")),
    }


def _found(mail: Mail, whys: Iterable[Answer]) -> dict[Answer, str]:
    """What stands in the message that a rule looked at."""
    found: dict[Answer, str] = {}
    for why in whys:
        if why is Answer.SYSTEM_SENDER or why is Answer.OWN_ADDRESS:
            found[why] = f"sender {mail.sender}, From {address(mail.text('From')) or 'without an address'}"
        elif why is Answer.LIST_HEADER:
            name = next((name for name in mail.headers if name.lower().startswith("list-")), "")
            found[why] = f"{name}: {mail.text(name)}"
        elif why in _EVIDENCE:
            found[why] = "; ".join(f"{name}: {mail.text(name)}" for name in _EVIDENCE[why] if mail.text(name)) or "no To, no Cc"
    return found


def _decoded(text: str) -> str:
    """A header with its encoded words read, as far as they can be."""
    try:
        return str(make_header(decode_header(text)))
    except (MessageError, LookupError, ValueError):
        return text
