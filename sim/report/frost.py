"""Which queues are frozen at a time, as the acts of a record tell.

An act on all queues holds for those that come later; one on the queues in Retry holds for those that were in Retry just before it.
"""

from __future__ import annotations

from typing import Final

from sim.policy.intervention import Act, Deed
from sim.record import Record
from sim.units import Seconds

__all__ = ["FROZEN", "Frost"]

FROZEN: Final = "Frozen"
_DEEDS: Final = {
    Act(deed, only_in_retry=only).words(): (deed is Deed.FREEZE, only) for deed in (Deed.FREEZE, Deed.THAW) for only in (False, True)
}


class Frost:
    """The frozen queues just before a time: `hop in Frost(record, at)`."""

    def __init__(self, record: Record, at: Seconds) -> None:
        acts, queues = record.columns("acts"), record.columns("queues")
        self.everything = False
        self.apart: set[int] = set()  # next hops that are not as the others
        for when, what in zip(acts["at"].tolist(), acts["what"].tolist(), strict=True):
            if when >= at or what not in _DEEDS:
                continue
            freezes, only = _DEEDS[what]
            if not only:
                self.everything, self.apart = freezes, set()
                continue
            in_retry = set(queues["next_hop"][(queues["since"] < when) & ~(queues["until"] < when)].tolist())
            self.apart = self.apart - in_retry if freezes == self.everything else self.apart | in_retry

    def __contains__(self, hop: int) -> bool:
        return self.everything != (hop in self.apart)
