"""What is kept of a run: every measure, and counts at some times."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from sim.mail import Answer, Kind, word
from sim.measures.registry import CURVES, MEASURES
from sim.measures.view import View
from sim.record import Record
from sim.units import HOUR, Floats, Seconds

__all__ = ["Summary", "Values", "measure", "moments", "summarise"]


class Values(dict[str, float]):
    """Measures of one record by name, with their units where they are shown."""

    def __repr__(self) -> str:
        return "\n".join(f"{name:44} {value:12,.{MEASURES[name].decimals}f} {MEASURES[name].unit}" for name, value in self.items())

    def _repr_html_(self) -> str:
        rows = (
            f"<tr><td>{name}</td><td>{value:,.{MEASURES[name].decimals}f}</td><td>{MEASURES[name].unit}</td><td>{MEASURES[name].meaning}</td></tr>"
            for name, value in self.items()
        )
        return f"<table><tr><th>measure</th><th>value</th><th>unit</th><th>meaning</th></tr>{''.join(rows)}</table>"


def measure(record: Record) -> Values:
    """Every measure of a record by name; NaN where it means nothing."""
    return _measured(View(record))


def _measured(view: View, only: Collection[str] = MEASURES) -> Values:
    return Values((name, entry.of(view)) for name, entry in MEASURES.items() if name in only)


@dataclass(frozen=True, slots=True)
class Summary:
    """What is kept of a run when the record is not: measures, counts at some times, when the number of queues in Retry first exceeded an
    alert's limit (NaN: never), and how spam and wanted mail fared with the responder, by the words of mail.Kind and mail.Answer."""

    measures: dict[str, float]
    curves: dict[str, Floats]
    alert_at: Seconds
    answers: dict[str, dict[str, int]]


def summarise(record: Record, times: Floats, alert_limit: float, only: Collection[str] = ()) -> Summary:
    """Measure a record: all measures and curves, or only those of some names. The curves count just before each time."""
    view = View(record)
    m = view.messages
    curves = {name: entry.of(view, times) for name, entry in CURVES.items() if not only or name in only}
    answers = {}
    for kind in (Kind.SPAM, Kind.WANTED):
        counts = np.bincount(m["answer"][m["kind"] == kind].astype(np.int64), minlength=len(Answer))
        which = view.tallied["kind"] == kind
        np.add.at(counts, view.tallied["answer"][which].astype(np.int64), view.tallied["messages"][which])
        answers[word(kind)] = {word(answer): int(counts[answer]) for answer in Answer if counts[answer]}
    return Summary(_measured(view, only or MEASURES), curves, view.retry.first_above(alert_limit), answers)


def moments(horizon: Seconds) -> Floats:
    """The times at which a summary keeps counts: every hour, at most about 1,000."""
    step = max(1, round(horizon / HOUR / 1000))
    return np.arange(0.0, horizon + 1.0, step * HOUR)
