"""The benchmark runs, and what it compares does the same work. How long anything takes is not tested."""

import importlib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("resource", reason="the benchmark reads user CPU time as POSIX gives it")

from bench import plain, reference
from bench.instance import Instance
from bench.subjects import BYTES, SECONDS
from sim.policy.retry import Family

TABLE: Any = importlib.import_module("bench.__main__")


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("connections", [1000, 3])
def test_the_reference_makes_the_very_attempts_of_plain_simpy(family, connections):
    instance = Instance.mixed(150)
    _, attempts = plain.play(instance, connections)
    _, made = reference.play(family, instance, connections)
    assert [(message, at) for message, at, *_ in made] == attempts
    assert len(attempts) > 150 * 30  # three in ten fail for ever: some 190 attempts each


@pytest.mark.parametrize("name", SECONDS)
def test_every_subject_of_the_benchmark_runs(name):
    seconds, attempts = SECONDS[name](20)
    assert seconds >= 0.0
    assert (attempts > 0) == (name.startswith(("plain", "transport", "a run")))


@pytest.mark.parametrize("name", BYTES)
def test_what_a_waiting_message_holds_does_not_depend_on_how_many_wait(name):
    few, many = BYTES[name](300), BYTES[name](1200)
    assert many == pytest.approx(few, rel=0.2)
    assert few > 300  # an object with twenty numbers


def test_the_table_has_a_line_for_each_subject_and_a_column_for_another_checkout(monkeypatch):
    for what in ("SECONDS", "BYTES"):
        monkeypatch.setattr(TABLE, what, {"plain SimPy": getattr(TABLE, what)["plain SimPy"]})
    lines = TABLE.table(1, 20, against=Path(TABLE.__file__).parent.parent)
    assert lines[0].split()[-2:] == ["ratio", "before"]
    assert lines[1].startswith("plain SimPy")
    assert len(lines[1].split()) == 2 + 6
    assert len(lines[-1].split()) == 2 + 2
