"""A breaker: while too many next hops stand in Retry, nobody outside is answered. No server of the fact sheet has one; it is simulated.

It looks every few minutes, as a monitor does. It opens at a look that finds too many, and closes at the first look, a rest later at the
earliest, that does not. Meanwhile a policy that answers the outside answers colleagues only; what is queued stays queued.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from sim.policy.autoreply import Audience
from sim.scenario import schema
from sim.units import Seconds

__all__ = ["Breaker"]


@dataclass(slots=True)
class Breaker:
    """One run's breaker. Without a table it never looks."""

    queues: float = math.inf
    poll: Seconds = math.inf
    rest: Seconds = 0.0
    spans: list[list[Seconds]] = field(default_factory=list)  # open in [since, until); until is NaN while it is

    @classmethod
    def of(cls, table: schema.Breaker | None) -> Breaker:
        """As a scenario's table says."""
        return cls() if table is None else cls(table.queues, table.poll, table.rest)

    def looks(self, horizon: Seconds) -> list[Seconds]:
        """When it looks."""
        return [n * self.poll for n in range(1, math.ceil(horizon / self.poll))] if math.isfinite(self.poll) else []

    @property
    def open(self) -> bool:
        """Is the outside left unanswered?"""
        return bool(self.spans) and math.isnan(self.spans[-1][1])

    def look(self, now: Seconds, queues: int) -> None:
        """See how many next hops stand in Retry."""
        if self.open:
            if queues <= self.queues and now >= self.spans[-1][0] + self.rest:
                self.spans[-1][1] = now
        elif queues > self.queues:
            self.spans.append([now, math.nan])

    def close(self, now: Seconds) -> None:
        """The policy that it belongs to is in force no longer."""
        if self.open:
            self.spans[-1][1] = now

    def narrow(self, audience: Audience) -> Audience:
        """Whom a policy answers, as far as the breaker lets it."""
        return Audience.INTERNAL if self.open and audience is not Audience.NOBODY else audience
