"""Who is away at a time: asked for many writers and times at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sim.mail import Ints
from sim.scenario.calendar import Absence
from sim.units import Floats

__all__ = ["Away"]


class Away:
    """All absences, sorted by mailbox and beginning; those of one mailbox do not overlap."""

    def __init__(self, absences: Sequence[Absence]) -> None:
        since = np.array([a.since for a in absences], dtype=np.float64)
        mailbox = np.array([a.mailbox for a in absences], dtype=np.int64)
        order = np.lexsort((since, mailbox))
        self.since: Floats = since[order]
        self.until: Floats = np.array([a.until for a in absences], dtype=np.float64)[order]
        self.number: Ints = np.array([a.number for a in absences], dtype=np.int64)[order]
        often = np.bincount(mailbox, minlength=1)
        self.ever = np.append(often > 0, False)  # the last stands for all mailboxes beyond
        self.first: Ints = np.append(0, np.cumsum(often))  # absence of each mailbox
        self.steps = [1 << bit for bit in reversed(range(int(often.max()).bit_length()))]

    def __call__(self, mailbox: Ints, at: Floats) -> npt.NDArray[np.bool_]:
        """Is a mailbox away at a time? int64[n], where -1 never is, and float64[n] to bool[n]."""
        away = np.zeros(len(at), dtype=np.bool_)
        away[self.found(mailbox, at)[0]] = True
        return away

    def found(self, mailbox: Ints, at: Floats) -> tuple[Ints, Ints]:
        """Of the same: which ones are away, int64[m], and the numbers of their absences, int64[m]."""
        some = np.flatnonzero(self.ever.take(mailbox, mode="clip"))  # most mailboxes never are: those are not looked up
        mailbox, at = mailbox[some], at[some]
        first, end = self.first.take(mailbox, mode="clip"), self.first.take(mailbox + 1, mode="clip")
        last = first - 1  # to have begun, found by halves
        for step in self.steps:
            later = last + step
            last = np.where((later < end) & (self.since.take(later, mode="clip") <= at), later, last)
        away = (mailbox >= 0) & (last >= first) & (at < self.until.take(last, mode="clip"))
        return some[away], self.number[last[away]]
