"""Record to numbers: one registry of names, units and meanings.

A measure is a function of a record and of nothing else, so a model, a lab and a log are measured alike. Counts over time are exact: they
follow from the times in the record. At t counts what began before t and had not ended before t.
"""

from sim.counts import Steps
from sim.measures.registry import CURVES, MEASURES, Curve, Measure
from sim.measures.summary import Summary, Values, measure, moments, summarise
from sim.measures.view import View

__all__ = ["CURVES", "MEASURES", "Curve", "Measure", "Steps", "Summary", "Values", "View", "measure", "moments", "summarise"]
