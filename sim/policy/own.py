"""A user's own reply policy: an ordinary Python function.

    def polite(message, answered):
        return message.place == "partner" and answered == 0

It is asked about every message that reaches somebody who is away with replies on, the null sender's left out, and decides alone: no other
suppression rule, no history. What it answers may still be stopped by a rate limit or a breaker.
"""

from __future__ import annotations

import inspect
import multiprocessing
import pickle
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from sim.mail import Flag, Place
from sim.record import Words
from sim.units import Seconds

__all__ = ["Function", "Incoming", "Own", "described", "stays_here"]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as its recipient's server sees it: read-only, and nothing in it says what its sender really is."""

    at: Seconds  # from the start
    size: int  # bytes
    flags: Flag  # what it says of itself (`sim.mail.Flag`); JUNK among them where it was filed so, CONTACT where its sender is one
    _words: Words = field(repr=False)
    _sender: tuple[int, int] = field(repr=False)  # address and domain
    _recipient: int = field(repr=False)

    @property
    def place(self) -> str:
        """Where its sender is: `office`, `partner` or `outside`."""
        where = self._sender[0] >> 40
        return "office" if where == Place.OFFICE else "partner" if where == Place.PARTNER else "outside"

    @property
    def sender(self) -> str:
        """The envelope sender."""
        return self._words.address(*self._sender)

    @property
    def recipient(self) -> str:
        """Whom it has reached."""
        return self._words.address(self._recipient, 0)


Function = Callable[[Incoming, int], object]


@dataclass(slots=True)
class Own:
    """A function, and how often each sender was answered: a value for the caller to hold."""

    function: Function
    answered: Counter[tuple[int, int, int]] = field(default_factory=Counter)  # mailbox, absence, sender

    def wants(self, message: Incoming, mailbox: int, absence: int, sender: int) -> bool:
        """Does the function want this message answered?"""
        return bool(self.function(message, self.answered[mailbox, absence, sender]))

    def sent(self, mailbox: int, absence: int, sender: int) -> None:
        """It was answered."""
        self.answered[mailbox, absence, sender] += 1

    def clear(self, mailbox: int) -> None:
        """A mailbox has answered nobody yet."""
        for key in [key for key in self.answered if key[0] == mailbox]:
            del self.answered[key]


def described(function: Function) -> str:
    """What tells two functions apart: the text of one, else its name."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return getattr(function, "__qualname__", repr(type(function)))


def stays_here(function: Function) -> bool:
    """Is it a function that a worker process cannot get: a lambda, one within another, or, where workers do not inherit what a session
    holds, one of a notebook?"""
    try:
        pickle.dumps(function)
    except (pickle.PicklingError, AttributeError, TypeError):
        return True
    inherits = multiprocessing.get_start_method() == "fork"
    session = getattr(function, "__module__", "") == "__main__" and not hasattr(sys.modules["__main__"], "__file__")
    return session and not inherits
