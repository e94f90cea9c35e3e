"""Which of many inputs matter: designs over the unit cube, and what their results say. By SALib (Herman and Usher 2017, JOSS 2(9)).

* Screening by Morris (1991, Technometrics 33) with the mean absolute effect mu* of Campolongo, Cariboni and Saltelli (2007, Environmental
  Modelling and Software 22): few runs per input, an effect in the unit of the result over the whole band.
* Sobol' indices by Saltelli's scheme (Saltelli et al. 2010, Computer Physics Communications 181): the share of the variance of the result
  that an input explains alone (first order), and with all its interactions (total).

A row of a design is a point of the unit cube, float64[rows, inputs]; results come back in the same order. Intervals are SALib's
bootstrap at 95 %, as half-widths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sim.statistics.intervals import LEVEL
from sim.units import Floats

__all__ = ["LEVELS", "STEP", "Effect", "Share", "screen", "screening", "shares", "sharing"]

LEVELS: Final = 4  # of Morris's grid: 0, 1/3, 2/3, 1
STEP: Final = LEVELS / (2 * (LEVELS - 1))  # by which an input moves, as a share of its band
_RESAMPLES: Final = 200


@dataclass(frozen=True, slots=True)
class Effect:
    """Of one input over its whole band, in the unit of the result: mean absolute effect with its half-width, and how much it varies with
    where the others are (sigma: interactions, or no straight line)."""

    mean: float
    half_width: float
    spread: float


@dataclass(frozen=True, slots=True)
class Share:
    """Of the variance of the result: explained alone, and with interactions, each with its half-width."""

    first: float
    first_half: float
    total: float
    total_half: float


def screening(inputs: int, trajectories: int, seed: int) -> Floats:
    """Morris's design: `trajectories` paths of inputs + 1 points, in each of which every input moves once by 2/3."""
    from SALib.sample import morris

    found: Floats = morris.sample(_problem(inputs), trajectories, num_levels=LEVELS, seed=seed)
    return found


def screen(points: Floats, results: Floats, seed: int) -> list[Effect]:
    """The effect of each input from the results at the points of `screening`."""
    from SALib.analyze import morris

    found: Any = morris.analyze(
        _problem(points.shape[1]), points, results, num_levels=LEVELS, num_resamples=_RESAMPLES, conf_level=LEVEL, seed=seed
    )
    return [
        Effect(float(m), float(h), float(s))
        for m, h, s in zip(
            found["mu_star"], np.nan_to_num(np.asarray(found["mu_star_conf"], dtype=np.float64)), found["sigma"], strict=True
        )
    ]


def sharing(inputs: int, samples: int, seed: int) -> Floats:
    """Saltelli's design: samples x (inputs + 2) points. `samples` is a power of two, as Sobol's sequence wants."""
    from SALib.sample import sobol

    if samples & (samples - 1):
        raise ValueError(f"{samples} is not a power of two")
    found: Floats = sobol.sample(_problem(inputs), samples, calc_second_order=False, seed=seed)
    return found


def shares(inputs: int, results: Floats, seed: int) -> list[Share]:
    """Sobol' indices of each input from the results at the points of `sharing`; NaN where the results do not vary."""
    if np.ptp(results) == 0:
        return [Share(*[math.nan] * 4) for _ in range(inputs)]
    from SALib.analyze import sobol

    found: Any = sobol.analyze(_problem(inputs), results, calc_second_order=False, num_resamples=_RESAMPLES, conf_level=LEVEL, seed=seed)
    columns = (found["S1"], found["S1_conf"], found["ST"], found["ST_conf"])
    return [Share(*map(float, values)) for values in zip(*columns, strict=True)]


def _problem(inputs: int) -> dict[str, Any]:
    return {"num_vars": inputs, "names": [f"x{n}" for n in range(inputs)], "bounds": [[0.0, 1.0]] * inputs}
