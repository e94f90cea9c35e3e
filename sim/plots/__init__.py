"""Results to charts: a comparison to the story, the decision, the differences; a sweep; what decides; single runs; retry schedules.

A chart's title is the sentence that it shows; its labels stand at the lines, and its caption says scenario, runs, seed and version.
Figures are built without pyplot and leave no global state; nothing here writes a file.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from sim.plots.curves import story
from sim.plots.intervals import DIFFERENCES, differences
from sim.plots.points import decision
from sim.plots.queues import queues
from sim.plots.schedules import schedules
from sim.plots.sheet import style
from sim.plots.sweeps import sweep
from sim.plots.tornado import tornado
from sim.plots.warmup import welch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DIFFERENCES", "decision", "differences", "png", "queues", "schedules", "story", "svg", "sweep", "tornado", "welch"]


def svg(figure: Figure) -> str:
    """The figure as SVG; the same figure gives the same text."""
    buffer = io.StringIO()
    with style():
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return buffer.getvalue()


def png(figure: Figure, dpi: float) -> bytes:
    """The figure as PNG."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()
