"""Who is away at a time: asked for many writers and times at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sim.mail import Ints
from sim.scenario import Absence
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

    def _step(self) -> int:
        return len(self.begins) + 1  # beginnings known as whole numbers: mailbox and beginning make one number that sorts as both

    def __call__(self, mailbox: Ints, at: Floats) -> npt.NDArray[np.bool_]:
        """Is a mailbox away at a time? int64[n], where -1 never is, and float64[n] to bool[n]."""
        if not len(self.where):
            return np.zeros(len(at), dtype=np.bool_)
        last = np.searchsorted(self.where, np.searchsorted(self.begins, at, side="right") + mailbox * self._step(), side="right") - 1
        away: npt.NDArray[np.bool_] = (last >= 0) & (self.mailbox[last] == mailbox) & (at < self.until[last])
        return away
