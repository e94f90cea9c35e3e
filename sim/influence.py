"""How much each assumed input matters to a measure: what the screening, the ends of its band and the variance say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.comparison import Estimate
from sim.scenario import Input, Scenario
from sim.statistics.design import Effect, Share

__all__ = ["Influence", "Sensitivity"]


@dataclass(frozen=True, slots=True)
class Influence:
    """One assumed input. `low` and `high` are what the measure changes by at an end of its band, against the scenario as it stands, in
    pairs; `share` is of the variance while all inputs that matter move together. None where the screening ruled it out, or where the runs
    did not reach."""

    input: Input
    effect: Effect
    low: Estimate | None = None
    high: Estimate | None = None
    share: Share | None = None

    @property
    def swing(self) -> float:
        """From one end of the band to the other, in the measure's unit."""
        ends = [0.0, *(e.mean for e in (self.low, self.high) if e is not None)]
        return max(ends) - min(ends)


@dataclass(frozen=True)
class Sensitivity:
    """Every assumed input of a scenario, those that matter most first."""

    scenario: Scenario
    measure: str
    policy: str
    seed: int
    version: str
    replications: int  # of the scenario as it stands and of each end of a band
    base: Estimate
    matter: tuple[Influence, ...]
    ruled_out: tuple[Influence, ...]
    chance: Effect  # one replication instead of another, on the same scale
    chance_share: Share | None
    trajectories: int
    samples: int  # base samples of the Sobol' indices; 0: the runs did not reach
    runs: int
    budget: int
    pulled: int  # points of the designs that added up to more than 100 % somewhere, and were pulled towards the middle of the bands
    engine: str = ""  # the back end that played it

    def headline(self) -> str:
        """What decides, in one sentence without a full stop."""
        what = f"{self.measure} under {self.policy}"
        if not self.matter:
            return f"No assumed input moves {what}"
        known = [item for item in self.matter if item.share is not None]
        if not known:
            return f"{self.matter[0].input.key} moves {what} most"
        first = max(known, key=lambda item: item.share.total if item.share else 0.0)
        assert first.share is not None
        if self.chance_share is not None and self.chance_share.total > first.share.total:
            share = f"{first.share.total * 100:.0f} % of its variance"
            return f"Chance decides more of {what} than any assumed input; of these {first.input.key} most, {share}"
        return f"{first.input.key} decides most of {what}: {first.share.total * 100:.0f} % of its variance"

    def ordered(self) -> Sequence[Influence]:
        """All of them."""
        return (*self.matter, *self.ruled_out)
