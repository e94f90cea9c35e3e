"""mailflow-sim: a simulation and test harness for mail-flow scenarios.

import sim
story = sim.load("sbs_2003")
record = sim.run(story)                 # one run; its tables are DataFrames: record.messages, record.queues ...
sim.measure(record)["strangers_told"]
for line in sim.events(record):         # a readable log, in order of time
    ...
result = sim.compare(story)             # policies side by side
assert sim.check(story)                 # what the scenario expects of itself
sim.plots.story(result)                 # a matplotlib Figure
sim.sweep(story, "spam.unresolvable=2%..46%")  # where does the answer flip?
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

__all__ = ["check", "compare", "events", "load", "measure", "plots", "run", "sweep", "weigh"]
__version__ = "0.1.0"

if TYPE_CHECKING:
    from sim import plots
    from sim.experiment import compare
    from sim.measures import measure
    from sim.report.events import events
    from sim.runs import run
    from sim.scenario import load
    from sim.sensitivity import weigh
    from sim.sweeps import sweep
    from sim.trial import check

_WHERE: Final = {
    "check": "sim.trial",
    "compare": "sim.experiment",
    "events": "sim.report.events",
    "load": "sim.scenario",
    "measure": "sim.measures",
    "plots": "sim.plots",
    "run": "sim.runs",
    "sweep": "sim.sweeps",
    "weigh": "sim.sensitivity",
}


def __getattr__(name: str) -> object:
    """Names are imported when first used: `import sim` costs nothing."""
    if name not in _WHERE:
        raise AttributeError(f"module 'sim' has no attribute {name!r}")
    module = importlib.import_module(_WHERE[name])
    return module if name == "plots" else getattr(module, name)
