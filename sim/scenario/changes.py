"""What is changed in the course of a run, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.policy.intervention import Act
from sim.scenario import hand, schema
from sim.units import Seconds

__all__ = ["Change", "changes"]


@dataclass(frozen=True, slots=True)
class Change:
    """Replies of a mailbox switched, an absence ended, the server's policy changed, or something done to the queues, at a time."""

    at: Seconds
    mailbox: int = -1
    replies: bool | None = None
    ends_absence: bool = False
    policy: str = ""
    act: Act | None = None

    def words(self) -> str:
        """What is done."""
        if self.act is not None:
            return self.act.words()
        switched = f"replies {'on' if self.replies else 'off'}"
        return f"policy {self.policy}" if self.policy else "absence ends" if self.ends_absence else switched


def changes(tables: Sequence[schema.Change], mailbox: Callable[[str], int]) -> tuple[Change, ...]:
    """The changes of a file in order of time; `mailbox` gives the number of a person's."""
    listed = [
        Change(
            c.at,
            mailbox(c.mailbox) if c.mailbox is not None else -1,
            None if c.replies is None else c.replies == "on",
            c.absence is not None,
            c.policy or "",
            hand.act(c),
        )
        for c in tables
    ]
    return tuple(sorted(listed, key=lambda c: c.at))
