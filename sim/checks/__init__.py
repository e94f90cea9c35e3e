"""Expectations of a scenario, and whether its runs met them: passed, failed or undecided.

Reads what runs left and starts none.
"""

from sim.checks.expectation import Expectation, Key, Limits, read
from sim.checks.keyword import keyword
from sim.checks.result import Checked, Interval, Result, Verdict, interval, judge, row

__all__ = ["Checked", "Expectation", "Interval", "Key", "Limits", "Result", "Verdict", "interval", "judge", "keyword", "read", "row"]
