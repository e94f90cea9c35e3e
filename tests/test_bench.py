"""What the benchmark compares does the same work, and its tables say what was found. How long anything takes is not tested."""

import importlib
import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("resource", reason="the benchmark reads user CPU time as POSIX gives it")

import sim
from bench import memory, native, plain, plain_story, product, runs, scale, slots
from bench.engines import ENGINES, outcome
from bench.instance import Instance
from bench.outcome import Outcome
from bench.page import put
from bench.subjects import GROUPS, Group, Subject
from bench.targets import TARGETS
from sim import realise
from sim.policy.retry import Family

TABLE: Any = importlib.import_module("bench.__main__")
BINDS, LOOSE = 1, 1000  # connections; 150 messages in 3 days of which 30 stay need 1.3 at a time when two days are over


@pytest.mark.parametrize("connections", [BINDS, LOOSE])
@pytest.mark.parametrize("engine", [name for name in ENGINES if name not in ("plain SimPy", "cimba")])
def test_every_engine_makes_of_each_message_what_plain_simpy_makes_of_it(engine, connections):
    """So many attempts, and gone at that time: to the bit. (cimba says it of no message, and numba cannot compile it and the kernel in one
    process.)"""
    instance = Instance.mixed(150, 3.0)
    try:
        played = ENGINES[engine](instance, connections)
    except ModuleNotFoundError as missing:
        pytest.skip(str(missing))
    assert played.outcome == ENGINES["plain SimPy"](instance, connections).outcome
    assert played.outcome.sha256


def test_the_tight_instance_is_tight():
    """Else the test above would not show in which order those who wait have their turn."""
    instance = Instance.mixed(150, 3.0)
    plainly = ENGINES["plain SimPy"]
    assert plainly(instance, BINDS).outcome.attempts < plainly(instance, LOOSE).outcome.attempts


def test_cimba_counts_the_same():
    pytest.importorskip("cimba")
    instance = Instance.mixed(3_557)
    found = TABLE._fresh("The retry queue, S, it does not", "the kernel", TABLE.HERE)["outcome"]
    code = "from bench import in_cimba; from bench.instance import Instance; from dataclasses import asdict; import json; "
    code += "print(json.dumps(asdict(in_cimba.play(Instance.mixed(3_557), 1000).outcome)))"
    assert TABLE.spoken(code) == {**found, "sha256": ""}
    assert found["delivered"] + found["bounced"] + found["expired"] + found["remaining"] == len(instance.at)


@pytest.mark.parametrize("engine", ["simpy", "kernel"])
def test_where_the_queue_retries_and_nothing_expires_each_message_is_tried_as_often(engine):
    """A next hop with one message retries as the message would; lifetimes end otherwise, so none does here."""
    instance = Instance.mixed(150, 2.0)
    transport = product.play(engine, Family.QUEUE, instance, LOOSE)
    assert outcome(instance, transport) == ENGINES["plain SimPy"](instance, LOOSE).outcome


def test_an_outcome_from_a_list_of_attempts_is_that_of_its_definition():
    """Message 0 is delivered at 2 s. Message 1 fails at 21 s and 642 s, with 900 s and then 600 s left of its two days: it has expired
    at the second. Message 2 has made one attempt that is under way at the end."""
    instance = Instance([0.0, 0.0, 990.0], [2.0, 21.0, 21.0], [1, 9, 9], [], [], 1000.0)
    instance = replace(instance, ends=[sim.mail.Code.OK] * 3, at=[0.0, 642.0 - 172_800.0 + 599.0, 990.0])
    found = Outcome.told(instance, [(0, 0.0), (1, 0.0), (1, 621.0), (2, 990.0)])
    as_defined = Outcome.of(instance, np.array([1, 2, 1], dtype=np.int32), np.array([2.0, 642.0, 1000.0]))
    assert found == as_defined
    assert (found.attempts, found.delivered, found.bounced, found.expired, found.remaining) == (4, 1, 0, 1, 1)


@pytest.mark.skipif(native.compiler() is None, reason="no C compiler")
def test_the_program_in_c_is_the_same_with_a_log():
    instance = Instance.mixed(60, 3.0)
    assert native.play(instance, 2, log=True).outcome == native.play(instance, 2).outcome


def test_the_yardstick_of_a_run_tells_the_story():
    """As many strangers told and as many failures as in the record, though each message is retried by itself."""
    story = runs.scenario("the story")
    world = realise.world(story, 1, 0)
    rows = list(realise.hours(story, 1, 0, world, 24))
    came = plain_story.play(story, "external", world, rows)
    strangers, failures = runs.headline(sim.run(story, "external", seed=1))
    assert len(came.strangers) == pytest.approx(strangers, rel=0.02)
    assert came.failures == pytest.approx(failures, rel=0.02)
    assert strangers > 50
    assert failures > 50


@pytest.mark.parametrize("name", memory.HELD)
def test_what_a_waiting_message_holds_does_not_depend_on_how_many_wait(name):
    count = 3000 if "kernel" in name else 500  # arrays begin with some room
    few, many = memory.HELD[name](count), memory.HELD[name](2 * count)
    assert many == pytest.approx(few, rel=0.25)  # a table of hashes doubles now and then
    assert few > 68  # its row and its size, in the kernel


def test_both_simpy_programs_make_the_same_attempts_in_the_same_order():
    instance = Instance.mixed(150, 3.0)
    assert slots.play(instance, BINDS)[1] == plain.play(instance, BINDS)[1]


# --- the tables


FIGURES = {"quick": [1.0, 2.0, 3.0], "slow": [40.0, 50.0, 60.0]}


def _group(kind="attempts"):
    agreed = asdict(Outcome(10, 1, 2, 3, 4, "abc"))

    def found(figures):
        return lambda: {"figure": figures.pop(0), "attempts": 1000, "outcome": agreed}

    subjects = [Subject(name, found(list(figures))) for name, figures in (("slow", FIGURES["slow"]), ("the kernel", FIGURES["quick"]))]
    return Group("A group", kind, (*subjects, Subject("absent", lambda: {"missing": "not installed: pip install absent"})))


@pytest.fixture
def in_this_process(monkeypatch):
    def put(*groups):
        found = {(group.name, subject.name): subject.measure for group in groups for subject in group.subjects}
        monkeypatch.setattr(TABLE, "_fresh", lambda group, name, tree: found[group, name]())
        monkeypatch.setattr(TABLE, "_PASSES", 1)
        return groups

    return put


def test_a_ratio_is_the_median_of_those_of_each_round(in_this_process):
    """40/1, 50/2, 60/3: 25 in the middle, 20 the least, 40 the most. The ratio of the medians would be 25 too, that of the least 40."""
    groups = in_this_process(_group())
    lines = list(TABLE.page(groups, *TABLE.measured(groups, 3)))
    assert "| the kernel | 2 | 1 | 3 | 500 | 25 | 20 | 40 | to the bit |" in lines


def test_what_takes_little_time_is_measured_again_in_a_round_and_the_mean_counts(in_this_process, monkeypatch):
    groups = in_this_process(_group())
    monkeypatch.setattr(TABLE, "_PASSES", 3)
    here, _ = TABLE.measured(groups, 1)
    assert [found["figure"] for found in here["A group", "the kernel"]] == [2.0]
    groups = in_this_process(_group())
    monkeypatch.setattr(TABLE, "_PASSES", 3)
    monkeypatch.setattr(TABLE, "_LITTLE", 1e-12)  # nothing does
    here, _ = TABLE.measured(groups, 1)
    assert [found["figure"] for found in here["A group", "the kernel"]] == [1.0]


def test_what_is_not_installed_is_said_once_and_the_rest_is_measured(in_this_process):
    groups = in_this_process(_group())
    here, _ = TABLE.measured(groups, 3)
    assert len(here["A group", "absent"]) == 1
    assert any(line.startswith("| absent | not installed: pip install absent |") for line in TABLE.page(groups, here, {}))


def test_every_row_of_a_table_has_as_many_cells(in_this_process):
    for kind in ("attempts", "seconds", "bytes"):
        groups = in_this_process(_group(kind))
        here, _ = TABLE.measured(groups, 2)
        rows = [line for line in TABLE.page(groups, here, {}) if line.startswith("|")][2:]  # what was asked for stands first
        assert len({row.count("|") for row in rows}) == 1


def test_the_tables_take_the_place_of_those_between_the_marks_of_a_page(tmp_path):
    page = tmp_path / "page.md"
    begin, end = "<!-- bench: begin; make bench writes what is between -->", "<!-- bench: end -->"
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    put(page, "bench", "make bench", "new")
    assert page.read_text() == f"before\n{begin}\n\nnew\n\n{end}\nafter\n"
    page.write_text("no marks")
    with pytest.raises(SystemExit, match="wants a line"):
        put(page, "bench", "make bench", "new")


def test_an_office_of_the_chart_is_played_as_a_run_and_its_row_says_what_came_of_it(capsys):
    scale.measure(100, 1)
    found = json.loads(capsys.readouterr().out)
    assert found["messages"] > 100 * 50
    assert found["attempts"] > 100 * 10
    assert scale.table([found])[2].startswith("| 100 | 1 | ")


def test_every_figure_that_was_asked_for_is_measured():
    """A target that names no subject would never be said to be missed."""
    figures = {(group.name, subject.name): [1.0] for group in GROUPS for subject in group.subjects}
    assert [target.what for target in TARGETS if target.measured(figures) is None] == []


def test_a_subject_is_found_by_its_group_and_name():
    for group in GROUPS:
        names = [subject.name for subject in group.subjects]
        assert len(set(names)) == len(names)
    assert len({group.name for group in GROUPS}) == len(GROUPS)


def test_a_figure_comes_from_a_process_of_its_own():
    found = TABLE._fresh("Most memory of a process", "import of the package and this benchmark", TABLE.HERE)
    assert 10.0 < found["figure"] < memory.peak()
