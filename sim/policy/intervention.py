"""What an administrator does to the outbound queues by hand: freeze and thaw, force a retry, delete, change limits.

Plain values: the scenario says when an act is done, the transport does it. Exchange 2003 has Freeze, Unfreeze and Force Connection, which
acts as if the retry interval had passed, and deletes with or without an NDR (FACTS 1.1, S22, S27); Exchange 2007 and later suspend, resume,
retry and remove (FACTS 1.2, S34, S37).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from sim.mail import Kind

__all__ = ["Act", "Deed", "by_hand"]


class Deed(Enum):
    """What is done. The value begins the words of the act in a record."""

    FREEZE = "freeze"  # no message leaves but what is under way; more may come
    THAW = "thaw"
    FORCE_RETRY = "force retry"  # as if the retry interval had passed
    DELETE = "delete"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Act:
    """One deed, and which queues and messages it is done to."""

    deed: Deed
    only_in_retry: bool = False  # only to queues that are in Retry then; else to all, those that come later among them
    kinds: frozenset[Kind] | None = None  # DELETE: of these kinds; None: of all
    report: bool = False  # DELETE: with a DSN to the sender
    connections: int | None = None  # LIMIT
    connections_per_hop: int | None = None

    def words(self) -> str:
        """The act as a record and prose say it.

        >>> Act(Deed.FREEZE, only_in_retry=True).words()
        'freeze queues in Retry'
        >>> Act(Deed.DELETE, kinds=frozenset({Kind.AUTOREPLY}), report=True).words()
        'delete autoreplies with a DSN'
        """
        if self.deed is Deed.LIMIT:
            limits = [f"{self.connections} connections"] * (self.connections is not None)
            limits += [f"{self.connections_per_hop} per next hop"] * (self.connections_per_hop is not None)
            return f"limit to {', '.join(limits)}"
        if self.deed is Deed.DELETE:
            which = (
                "all messages"
                if self.kinds is None
                else " and ".join(_PLURALS.get(k, f"{k.name.lower()} mail") for k in sorted(self.kinds))
            )
            where = " of queues in Retry" if self.only_in_retry else ""
            return f"delete {which}{where} {'with' if self.report else 'without'} a DSN"
        return f"{self.deed.value} {'of ' * (self.deed is Deed.FORCE_RETRY)}{'queues in Retry' if self.only_in_retry else 'all queues'}"


_PLURALS: Final = {Kind.AUTOREPLY: "autoreplies", Kind.NEWSLETTER: "newsletters", Kind.RECEIPT: "receipts"}


def by_hand(what: str) -> bool:
    """Is this what a record's table `acts` says of an intervention?

    >>> [by_hand(what) for what in ("thaw all queues", "limit to 10 connections", "replies off", "listed by a-list")]
    [True, True, False, False]
    """
    return what.startswith(tuple(f"{deed.value} " for deed in Deed))
