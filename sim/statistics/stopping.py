"""When is a mean known well enough? Sequential stopping on any measure.

Runs come in whole batches and the rule is asked after each, so a result depends on how many runs there are and not on who played them. An
interval that was looked at until it was narrow covers a little less than it says (Chow and Robbins 1965; Law 2015, Simulation modeling and
analysis, 9.4.1): with batches of ten by about one point in a hundred.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sim.errors import BadInput, nearest
from sim.statistics.intervals import estimate

__all__ = ["Target", "target"]


@dataclass(frozen=True, slots=True)
class Target:
    """A measure and how well its mean shall be known: the half-width of its 95 % interval at most a share of the mean, or an amount in the
    measure's unit. The other one is 0. `policy` is empty for the widest that is compared."""

    measure: str
    share: float = 0.0
    amount: float = 0.0
    policy: str = ""

    def met(self, values: Iterable[float]) -> bool:
        """Is the mean of these replications known well enough? A mean without an interval never is."""
        found = estimate(values)
        return not math.isnan(found.half_width) and found.half_width <= max(self.share * abs(found.mean), self.amount)

    def __str__(self) -> str:
        of = f"{self.policy}:" if self.policy else ""
        return f"{of}{self.measure}={self.share * 100:g}%" if self.share else f"{of}{self.measure}={self.amount:g}"


def target(text: str, known: Collection[str], where: str = "--until") -> Target:
    """`strangers_told=5%` (of its mean), `queues_in_retry_peak=0.5` (in its unit), or `partners-only:wanted_told=5%` (of a policy)."""
    of, _, wanted = (part.strip() for part in text.partition("="))
    policy, colon, measure = (part.strip() for part in of.rpartition(":"))
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(%?)", wanted)
    if not match or float(match[1]) == 0 or (colon and not policy):
        raise BadInput(
            where, f"{text!r} is not [POLICY:]MEASURE=PRECISION, as in 'strangers_told=5%' or 'partners-only:queues_in_retry_peak=0.5'"
        )
    if measure not in known:
        raise BadInput(where, f"{measure!r} is not a measure{nearest(measure, known) or ': one of ' + ', '.join(known)}")
    number = float(match[1])
    return Target(measure, share=number / 100.0, policy=policy) if match[2] else Target(measure, amount=number, policy=policy)
