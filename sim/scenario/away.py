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
        self.begins = np.unique(np.array([a.since for a in absences], dtype=np.float64))
        mailbox = np.array([a.mailbox for a in absences], dtype=np.int64)
        where = np.searchsorted(self.begins, [a.since for a in absences], side="right") + mailbox * self._step()
        order = np.argsort(where, kind="stable")
        self.where: Ints = where[order]
        self.mailbox: Ints = mailbox[order]
        self.until: Floats = np.array([a.until for a in absences], dtype=np.float64)[order]
        self.number: Ints = np.array([a.number for a in absences], dtype=np.int64)[order]
        self.ever = np.zeros(mailbox.max(initial=-1) + 2, dtype=np.bool_)  # the last stands for all mailboxes beyond
        self.ever[mailbox] = True

    def _step(self) -> int:
        return len(self.begins) + 1  # beginnings known as whole numbers: mailbox and beginning make one number that sorts as both

    def __call__(self, mailbox: Ints, at: Floats) -> npt.NDArray[np.bool_]:
        """Is a mailbox away at a time? int64[n], where -1 never is, and float64[n] to bool[n]."""
        away = np.zeros(len(at), dtype=np.bool_)
        away[self.found(mailbox, at)[0]] = True
        return away

    def found(self, mailbox: Ints, at: Floats) -> tuple[Ints, Ints]:
        """Of the same: which ones are away, int64[m], and the numbers of their absences, int64[m]."""
        some = np.flatnonzero(self.ever.take(mailbox, mode="clip"))  # most mailboxes never are: those are not looked up
        mailbox, at = mailbox[some], at[some]
        last = np.searchsorted(self.where, np.searchsorted(self.begins, at, side="right") + mailbox * self._step(), side="right") - 1
        away = (last >= 0) & (self.mailbox.take(last, mode="clip") == mailbox) & (at < self.until.take(last, mode="clip"))
        return some[away], self.number[last[away]]
