"""Every error raised on purpose: where, what was found, what is wanted.

The command line prints the text after `mailflow:` and exits with status 2. Any other exception is a bug and keeps
its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["BadInput", "BadOutput", "Lost", "MailflowError", "Notice", "Unavailable", "nearest"]


class MailflowError(Exception):
    """Base of all errors raised on purpose. Its text is one line."""


class BadInput(MailflowError):
    """Something that was read, a file or a key or an option, is not what it should be."""

    def __init__(self, where: str, found: str) -> None:
        self.where = where
        self.found = found
        super().__init__(f"{where}: {found}" if where else found)

    def __reduce__(self) -> tuple[type[BadInput], tuple[str, str]]:
        return type(self), (self.where, self.found)


class BadOutput(BadInput):
    """A file that is to be written cannot be."""


class Lost(MailflowError):
    """Who was to play a replication is no more: a worker process, or a cluster."""


class Unavailable(BadInput):
    """The server has no such policy, with the reason."""


class Notice(UserWarning):
    """Something that changes no result and that one should know. Its text is one line, and the command line says no more."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?` for the closest known word, else the empty string."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f", did you mean {close[0]!r}?" if close else ""
