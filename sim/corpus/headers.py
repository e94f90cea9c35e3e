"""What the headers of a message say: when it came, whom it names as its sender, what a responder would look at.

Sender: Return-Path, X-Envelope-From, the From_ line of an mbox; where none of them is an address, From. `<>` is the null sender. Time: the
topmost Received, the From_ line, Date. No mail is so damaged that reading stops.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parsedate_tz
from typing import Final

from sim.corpus.flags import flags, of_recipient
from sim.corpus.messages import Raw

__all__ = ["Mail", "address", "joined", "parse", "plausible"]

_ADDRESS: Final = re.compile(
    r"""("[^"\x00-\x1f\x7f]*"|[^\s@<>"(),;:\\\x00-\x1f\x7f]+)@(\[[^\s\[\]\x00-\x1f\x7f]*\]|[^\s@<>"(),;:\\\[\]\x00-\x1f\x7f]+)"""
)
_ENVELOPE: Final = ("Return-Path", "X-Envelope-From")
_LONGEST: Final = 4096  # characters of a header in which an address is looked for: the search is quadratic, and spam is long
_LATEST: Final = 2.0**32  # a time beyond 2106 is damage; below it, differences are exact on the time grid


@dataclass(frozen=True, slots=True)
class Mail:
    """The headers of one message, read."""

    name: str
    size: int
    at: float | None  # seconds since 1970
    sender: str | None  # lower case; empty for the null sender; None where there is none
    from_used: bool  # the sender is From, for want of an envelope
    headers: Message

    def text(self, name: str) -> str:
        """A header on one line; bytes that are no characters come out as replacement characters."""
        return " ".join(str(self.headers.get(name, "")).split())

    def texts(self, *names: str) -> list[str]:
        """Every header of these names, each on one line."""
        return [" ".join(str(value).split()) for name in names for value in self.headers.get_all(name, [])]

    def flags(self, own: Sequence[str] = ()) -> int:
        """mail.Flag of the message; those that depend on the recipient only if his `own` addresses are given, in lower case."""
        found = flags(
            automatic=self.texts("Auto-Submitted"),
            precedence=self.texts("Precedence"),
            names=self.headers.keys(),
            suppress=self.texts("X-Auto-Response-Suppress"),
            spam=self.texts("X-Spam-Flag"),
            spf=_spf(self),
            sender=self.sender or "",
            author=address(self.text("From")) or "",
        )
        if own:
            to, cc = self.texts("To"), self.texts("Cc")
            rest = self.texts("Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc")
            found |= of_recipient(own, self.sender or "", address(self.text("From")) or "", to, cc, rest)
        return found


def parse(raw: Raw) -> Mail:
    """The headers of a message as it was found."""
    headers: Message = BytesHeaderParser().parsebytes(raw.content)
    named, _, stamped = raw.envelope.partition(" ")
    mail = Mail(raw.name, raw.size, None, None, False, headers)
    at = _received(mail.text("Received"))
    at = _seconds(stamped) if at is None else at
    at = _seconds(mail.text("Date")) if at is None else at
    # MAILER-DAEMON in a From_ line is no evidence of the null sender: Python's mailbox writes it where it knows nothing.
    stated = [_envelope(text) for text in (*(mail.text(name) for name in _ENVELOPE), named)]
    known = next((one for one in stated if one is not None), None)
    sender = known if known is not None else address(mail.text("From"))
    return Mail(raw.name, raw.size, at, sender, known is None and sender is not None, headers)


def address(text: str) -> str | None:
    """The first address in angle brackets, else the first at all, in lower case."""
    text = text[:_LONGEST]
    bracketed = (_ADDRESS.fullmatch(inner.rpartition(":")[2].strip()) for inner in re.findall(r"<([^<>]*)>", text))
    match = next((match for match in bracketed if match), None) or _ADDRESS.search(text)
    return joined(match[1], match[2]) if match else None


def joined(local: str, domain: str) -> str | None:
    """An address in lower case from its parts; None where they do not make one."""
    whole = f"{local}@{domain.rstrip('.')}".lower()
    return whole if _ADDRESS.fullmatch(whole) else None


def plausible(seconds: float) -> float | None:
    """A time between 1970 and 2106, or None."""
    return float(seconds) if 0 <= seconds < _LATEST else None


def _received(text: str) -> float | None:
    _, semicolon, date = text.rpartition(";")
    return _seconds(date) if semicolon else None


def _seconds(text: str) -> float | None:
    """A date of RFC 5322, or of an mbox (UTC where it has no zone), in seconds since 1970."""
    try:
        parsed = parsedate_tz(text)
        if parsed is None:
            return None
        year, month, day, hour, minute, second = parsed[:6]
        moment = datetime(year, month, day, hour, minute, min(second, 59))  # 60 is a leap second
        return plausible(calendar.timegm(moment.timetuple()) - (parsed[9] or 0))
    except (ValueError, OverflowError, TypeError, IndexError):  # neither parsedate_tz nor datetime takes every damaged date
        return None


def _envelope(text: str) -> str | None:
    """An envelope sender: an address, empty for the null sender, None where it is neither."""
    return "" if re.fullmatch(r"<\s*>", text) else address(text)


def _spf(mail: Mail) -> str:
    """The result of SPF that the last hop wrote, in lower case; empty where there is none."""
    received = re.match(r"\s*([a-z]+)", mail.text("Received-SPF").lower())
    if received:
        return received[1]
    found = re.search(r"\bspf\s*=\s*([a-z]+)", mail.text("Authentication-Results").lower()[:_LONGEST])
    return found[1] if found else ""
