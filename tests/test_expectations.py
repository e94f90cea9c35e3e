"""The shipped scenarios keep what they expect of themselves, and each expectation can fail."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import sim
from sim import checks, corpus, trial
from sim.checks import Checked, Expectation
from sim.scenario import Scenario
from sim.trial import Case

SCENARIOS = Path(__file__).parent.parent / "scenarios"
SHIPPED = sorted(SCENARIOS.glob("*.toml"))
JOBS = os.cpu_count()


@pytest.fixture(scope="module")
def trace(tmp_path_factory) -> corpus.Corpus:
    """300 made-up messages from as many domains in 60 days, for scenarios that replay a file."""
    lines = ["received_utc_epoch,size_bytes,env_kind,env_domain,env_local_hash,from_domain,from_local_hash,precedence"]
    lines += [f"{1_000_000_000 + n * 17_280},4000,address,d{n}.example,a{n},d{n}.example,a{n}," for n in range(300)]
    path = tmp_path_factory.mktemp("trace") / "trace.csv"
    path.write_text("\n".join(lines) + "\n")
    return corpus.read(path)


def load(path: Path, trace: corpus.Corpus) -> Scenario:
    found = sim.load(path)
    return found.with_replay(trace) if found.document.replay_required else found


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_scenario_expects_something_and_says_why_and_when_it_must_fail(path):
    expected = checks.read(sim.load(path))
    assert expected
    assert [entry.name for entry in expected if not entry.because or not entry.fails_with] == []


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("story_*.toml")), ids=lambda path: path.stem)
def test_the_story_on_another_server_differs_from_it_in_the_server_alone(path):
    def asked(scenario: Scenario) -> dict[str, object]:
        own = ("title", "days", "server.", "replies.")
        return {item.key: item.value for item in scenario.inputs() if not item.key.startswith(own)}

    story, other = sim.load(SCENARIOS / "sbs_2003.toml"), sim.load(path)
    assert asked(other) == asked(story)
    assert other.policy == story.policy
    assert other.plain["absence"] == story.plain["absence"]
    assert [c.at for c in other.changes] == [c.at for c in story.changes]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_no_expectation_of_a_shipped_scenario_fails(path, trace):
    # Five runs leave some undecided; `mailflow test scenarios` plays as many as decide.
    case = Case.of(load(path, trace))
    (found,) = trial.checks_of([case], replications=5, jobs=JOBS, causes=False)
    assert not found.failed, found


def broken(scenario: Scenario) -> Iterator[Case]:
    """The expectations under the settings under which they must fail, those with the same settings together."""
    entries: dict[tuple[str, ...], list[str]] = {}
    for entry in checks.read(scenario):
        entries.setdefault(entry.fails_with, []).append(entry.name)
    for settings, names in entries.items():
        changed = scenario.with_settings(settings)
        yield Case(changed, tuple(entry for entry in checks.read(changed) if entry.name in names), settings)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_expectation_of_a_shipped_scenario_fails_under_the_setting_it_names(path, trace):
    def checked(cases: list[Case], replications: int) -> list[Checked]:
        return list(trial.checks_of(cases, replications=replications, jobs=JOBS, causes=False))

    def not_failed(found: Checked) -> tuple[Expectation, ...]:
        return tuple(entry.expectation for entry in found.results if entry not in found.failed)

    cases = list(broken(load(path, trace)))
    # three runs are enough for most; what they leave open gets ten
    again = [replace(case, expectations=not_failed(found)) for case, found in zip(cases, checked(cases, 3), strict=True)]
    left = checked([case for case in again if case.expectations], 10)
    assert [entry.id for found in left for entry in not_failed(found)] == []


def test_the_table_of_scenarios_lists_every_one_with_what_it_teaches():
    text = (SCENARIOS / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\w+)\]\(\1\.toml\) \| ([^|]{20,}) \|", text, re.M)
    assert [name for name, _ in listed] == [path.stem for path in SHIPPED], "make expectations writes it anew"
