"""Refuse, file as junk, or accept what arrives.

The filter is a second axis beside the reply policy: it decides what an absent mailbox sees at all. Rates are shares of messages; the
dice that say which message is hit are thrown in `realise`, one per row, so every policy filters the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from sim.mail import Outcome
from sim.units import Floats

__all__ = ["Filter", "FilterKind", "admit"]

Bools = npt.NDArray[np.bool_]


class FilterKind(Enum):
    """What is done with spam before a reply is decided."""

    NONE = "none"
    JUNK_FIRST = "junk-first"  # filed as junk by content
    REFUSE_UNRESOLVABLE = "refuse-unresolvable"  # refused at MAIL FROM where the sender's domain does not resolve


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter: its kind, the share of spam that it hits, the share of other mail from outside that it hits by mistake."""

    kind: FilterKind = FilterKind.NONE
    hit: float = 0.9
    false_positive: float = 0.001


def admit(rule: Filter, spam: Bools, outside: Bools, unresolvable: Bools, dice: Floats) -> npt.NDArray[np.uint8]:
    """Outcome of each row that came to a mailbox of ours: MAILBOX, JUNK or REFUSED.

    All arrays have one element per row: is it spam, does it come from outside, is its sender's domain one that does not resolve, a number
    in [0, 1). Refusing unresolvable senders looks at the domain only, so its hit rate is a share of the spam from such domains.
    """
    if rule.kind is FilterKind.REFUSE_UNRESOLVABLE:
        hit = outside & np.where(spam, unresolvable & (dice < rule.hit), dice < rule.false_positive)
        return np.where(hit, Outcome.REFUSED, Outcome.MAILBOX).astype(np.uint8)
    if rule.kind is FilterKind.JUNK_FIRST:
        hit = outside & (dice < np.where(spam, rule.hit, rule.false_positive))
        return np.where(hit, Outcome.JUNK, Outcome.MAILBOX).astype(np.uint8)
    return np.full(spam.shape, int(Outcome.MAILBOX), dtype=np.uint8)
