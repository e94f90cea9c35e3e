"""What is kept of long work, when it is used, and when it is not."""

import json
import math
import os
import platform
from pathlib import Path

import numpy as np
import pytest

import sim
from sim import checkpoint, experiment, report, sensitivity, sweeps, workers
from sim.checkpoint import form, functions, guard
from sim.cli.options import time_left
from sim.errors import BadInput, Lost, Notice
from sim.measures import MEASURES, Summary, Values
from sim.runs import Task
from tests.stories import ONE_DAY


@pytest.fixture
def story(tmp_path):
    path = tmp_path / "short.toml"
    path.write_text(ONE_DAY)
    return sim.load(path)


def started(folder: Path, scenario: sim.scenario.Scenario, seed: int = 1) -> None:
    with checkpoint.opened(folder, scenario, seed):
        pass


def test_a_folder_of_another_file_or_seed_is_refused(tmp_path, story):
    started(tmp_path / "kept", story)
    started(tmp_path / "kept", story.with_settings({"days": 2}).on_server("postfix"))  # the same file with settings is the same question
    with pytest.raises(BadInput, match="was started for short with seed 1, not for short with seed 2"):
        started(tmp_path / "kept", story, seed=2)
    with pytest.raises(BadInput, match="was started for short with seed 1, not for sbs_2003 with seed 1"):
        started(tmp_path / "kept", sim.load("sbs_2003"))
    (tmp_path / "short.toml").write_text(ONE_DAY.replace("days = 1", "days = 2"))
    with pytest.raises(BadInput, match="and the file short has changed since"):
        started(tmp_path / "kept", sim.load(tmp_path / "short.toml"))


def test_a_folder_that_holds_something_else_is_refused_and_left_as_it_is(tmp_path, story):
    with pytest.raises(BadInput, match="is not empty and holds no replications"):
        started(tmp_path, story)
    with pytest.raises(BadInput, match="is a file; name a directory"):
        started(tmp_path / "short.toml", story)
    assert [path.name for path in tmp_path.iterdir()] == ["short.toml"]
    mine = tmp_path / "mine" / "runs"  # a folder of somebody's own that is called like one of ours
    mine.mkdir(parents=True)
    (mine / ".draft.part").write_text("x")
    with pytest.raises(BadInput, match="is not empty and holds no replications"):
        started(tmp_path / "mine", story)
    assert (mine / ".draft.part").exists()


def test_a_folder_that_was_stopped_before_it_was_signed_is_taken(tmp_path, story):
    (tmp_path / "kept" / "runs").mkdir(parents=True)
    (tmp_path / "kept" / guard.GUARD).write_bytes(b"")
    started(tmp_path / "kept", story)
    assert (tmp_path / "kept" / "question.json").exists()


def test_what_another_program_has_kept_is_not_used_and_that_is_said(tmp_path, story, monkeypatch):
    task = Task(story, ("off",), 1, 0)
    with checkpoint.opened(tmp_path / "kept", story, 1) as mine:
        mine.keep(task, workers.play(task))
        assert mine.find(task) is not None
    monkeypatch.setattr(checkpoint, "program", lambda: "mailflow-sim 99")
    with pytest.warns(Notice, match="are not used: this is mailflow-sim 99"), checkpoint.opened(tmp_path / "kept", story, 1) as other:
        assert other.find(task) is None
    started(tmp_path / "kept", story)  # said once


def test_nothing_that_decides_a_replication_is_left_out_of_its_key(tmp_path, story):
    task = Task(story, ("off",), 1, 0)
    others = [
        Task(story.with_settings({"spam.mailboxes.ann": "11/mailbox/day"}), ("off",), 1, 0),
        Task(story, ("external",), 1, 0),
        Task(story, ("off", "external"), 1, 0),
        Task(story, ("off",), 2, 0),
        Task(story, ("off",), 1, 1),
        Task(story, ("off",), 1, 0, "kernel"),
    ]
    with checkpoint.opened(tmp_path / "kept", story, 1) as mine:
        mine.keep(task, workers.play(task))
        assert [mine.find(other) for other in others] == [None] * len(others)
        assert mine.find(Task(sim.load(tmp_path / "short.toml"), ("off",), 1, 0)) is not None


def test_a_lock_whose_process_number_now_belongs_to_another_process_is_taken_over(tmp_path, story):
    started(tmp_path / "kept", story)
    lock = {"pid": os.getpid(), "host": platform.node(), "since": "2003-09-01T08:00:00+00:00"}
    (tmp_path / "kept" / guard.LOCK).write_text(json.dumps(lock))
    started(tmp_path / "kept", story)
    assert not (tmp_path / "kept" / guard.LOCK).exists()


def test_a_lock_of_another_computer_is_left_to_a_human_being(tmp_path, story):
    started(tmp_path / "kept", story)
    lock = tmp_path / "kept" / guard.LOCK
    lock.write_text(json.dumps({"pid": 7, "host": "mail.example", "since": "2003-09-01T08:00:00+00:00"}))
    with pytest.raises(BadInput, match=r"process 7 on mail\.example since .*if that process has ended, delete .*lock"):
        started(tmp_path / "kept", story)
    lock.unlink()
    started(tmp_path / "kept", story)


def test_one_process_cannot_be_in_a_folder_twice_either(tmp_path, story):
    with (
        checkpoint.opened(tmp_path / "kept", story, 1),
        pytest.raises(BadInput, match=f"is in use by process {os.getpid()} "),
        checkpoint.opened(tmp_path / "kept", story, 1),
    ):
        pass


def test_a_summary_is_kept_to_the_last_bit():
    odd = [0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308, math.inf, math.nan, 1 / 3]
    values = Values(zip("abcdefg", odd, strict=True))
    result = {"off": Summary(values, {"hung": np.array(odd), "none": np.array([])}, math.nan, {"spam": {"answered": 3}})}
    back = form.unpacked({"seed": 1}, form.packed({"seed": 1}, result))["off"]
    assert [value.hex() for value in back.measures.values()] == [value.hex() for value in odd]
    assert back.curves["hung"].tobytes() == np.array(odd).tobytes()
    assert back.curves["none"].dtype == np.float64
    assert (repr(back.alert_at), back.answers, type(back.measures)) == ("nan", {"spam": {"answered": 3}}, Values)


@pytest.mark.parametrize("damage", [lambda c: b"", lambda c: c[:-1], lambda c: c[:50] + bytes([c[50] ^ 1]) + c[51:], lambda c: b"{}"])
def test_no_damage_is_taken_for_a_result(damage):
    whole = form.packed({"seed": 1}, {"off": Summary(Values({"loops": 1.0}), {}, 0.0, {})})
    with pytest.raises(form.Damaged):
        form.unpacked({"seed": 1}, damage(whole))


def test_a_file_that_was_cut_short_or_holds_another_replication_is_played_again_and_said(tmp_path, story, monkeypatch):
    stopping(monkeypatch, -1)
    expected = experiment.compare(story, ["off"], replications=3, jobs=1, bands=False, resume=tmp_path / "kept")
    first, second, third = sorted((tmp_path / "kept" / "runs").iterdir())
    content = second.read_bytes()
    first.write_bytes(first.read_bytes()[:200])
    second.write_bytes(third.read_bytes())  # whole, and another's
    again = stopping(monkeypatch, -1)
    with pytest.warns(Notice) as said:
        found = experiment.compare(story, ["off"], replications=3, jobs=1, bands=False, resume=tmp_path / "kept")
    assert sorted(str(warning.message) for warning in said) == [
        f"{first}: is damaged or cut short: this replication is played again",
        f"{second}: holds another replication: this replication is played again",
    ]
    assert len(again) == 2
    assert repr(report.document(found, "")) == repr(report.document(expected, ""))
    assert second.read_bytes() == content


def test_a_signature_that_is_damaged_is_written_again_and_said(tmp_path, story):
    started(tmp_path / "kept", story)
    (tmp_path / "kept" / "question.json").write_text('{"scenario": "sh')
    with pytest.warns(Notice, match=r"question\.json: is damaged: written again"):
        started(tmp_path / "kept", story)
    started(tmp_path / "kept", story)


# Policies that are Python functions: made from a file, as a user's are, and changed there.


OWN = """from statistics import mean
FEW = 2
def seldom(answered):
    return answered < FEW
def polite(message, answered):
    return seldom(answered) and mean([answered]) >= 0
"""


def function(folder: Path, source: str, name: str = "polite"):
    """A function from a file; its text is read from there."""
    path = folder / f"own{len(list(folder.glob('own*.py')))}.py"
    path.write_text(source)
    names: dict[str, object] = {"__name__": "own"}
    exec(compile(source, path, "exec"), names)
    return names[name]


@pytest.mark.parametrize(
    ("old", "new"),
    [("FEW = 2", "FEW = 3"), ("answered < FEW", "answered <= FEW"), (">= 0", "> 0"), ("mean\n", "fmean as mean\n")],
)
def test_a_function_is_another_one_if_anything_it_names_is(tmp_path, old, new):
    assert functions.text(function(tmp_path, OWN)) == functions.text(function(tmp_path, OWN))
    assert functions.text(function(tmp_path, OWN.replace(old, new))) != functions.text(function(tmp_path, OWN))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "def around(n):\n    def polite(message, answered):\n        return answered < n\n    return polite\npolite = around(2)\n",
            "holds .n.",
        ),
        ("SEEN = []\ndef polite(message, answered):\n    return answered not in SEEN\n", "SEEN is a list, which may change"),
        ("from random import random\ndef polite(message, answered):\n    return random() < 0.5\n", "random is a .*, which may change"),
        ("from functools import partial\npolite = partial(max, 0)\n", "it is a partial, which may change"),
    ],
)
def test_a_function_that_cannot_be_known_again_is_refused(tmp_path, story, source, said):
    polite = function(tmp_path, source)
    with pytest.raises(BadInput, match=f"resume: policy 'polite' cannot be known again: .*{said}"):
        experiment.compare(story, {"polite": polite}, jobs=1, bands=False, resume=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_comparison_of_functions_goes_on_and_a_changed_function_is_played(tmp_path, story):
    def played(source: str) -> list[str]:
        steps: list[str] = []
        experiment.compare(
            story,
            {"polite": function(tmp_path, source)},
            replications=2,
            jobs=1,
            bands=False,
            resume=tmp_path / "kept",
            progress=lambda what, done, total: steps.append(f"{what} {done}/{total}"),
        )
        return steps

    assert played(OWN) == ["runs 0/2", "runs 1/2", "runs 2/2"]
    assert played(OWN) == []
    assert played(OWN.replace("FEW = 2", "FEW = 3")) == ["runs 0/2", "runs 1/2", "runs 2/2"]


def model(task: Task) -> dict[str, Summary]:
    """Strangers: 100 x the share of strangers, and a die of the replication."""
    share = task.scenario.document.spam.addresses.stranger
    assert share is not None
    told = 100 * share + np.random.default_rng(task.replication).random()
    return {name: Summary(Values(dict.fromkeys(MEASURES, 0.0) | {"strangers_told": told}), {}, math.nan, {}) for name in task.policies}


def stopping(monkeypatch, after: int) -> list[Task]:
    """Let the model play, and lose its worker after so many tasks."""
    played: list[Task] = []

    def play(task: Task) -> dict[str, Summary]:
        if len(played) == after:
            raise Lost("gone")
        played.append(task)
        return model(task)

    monkeypatch.setattr(workers, "play", play)
    return played


@pytest.mark.parametrize(
    "ask",
    [
        lambda story, **more: (
            sweeps.sweep(
                story, "spam.addresses.stranger=20%..75%", measure="strangers_told", crosses=45.0, replications=3, jobs=1, **more
            ).searched
        ),
        lambda story, **more: str(sensitivity.weigh(story, measure="strangers_told", budget=600, jobs=1, **more)),
        lambda story, **more: repr(report.document(experiment.compare(story, replications=5, jobs=1, **more), "")),
        lambda story, **more: repr(report.document(experiment.compare(story, replications=5, jobs=1, pairs=False, **more), "")),
        lambda story, **more: repr(
            report.document(experiment.compare(story, replications=2, jobs=1, vary={"office.mailboxes": [2, 3]}, **more), "")
        ),
    ],
    ids=["sweep", "sensitivity", "comparison", "unpaired", "cases"],
)
def test_whatever_is_asked_goes_on_and_plays_no_replication_twice(ask, story, tmp_path, monkeypatch):
    all_of_it = stopping(monkeypatch, -1)
    expected = ask(story)
    half = len(all_of_it) // 2
    first = stopping(monkeypatch, half)
    with pytest.raises(Lost, match=r"^gone; (\d+) replications are kept in .*: the same command goes on from there$") as caught:
        ask(story, resume=tmp_path / "kept")
    files = [*(tmp_path / "kept" / "runs").iterdir()]
    assert f"; {len(files)} replications" in str(caught.value)
    second = stopping(monkeypatch, -1)
    assert ask(story, resume=tmp_path / "kept") == expected
    different = {(task.scenario.sha256(), task.policies, task.replication) for task in all_of_it}
    assert half > 0
    assert len({(task.scenario.sha256(), task.policies, task.replication) for task in (*first, *second)}) == len(different)
    third = stopping(monkeypatch, 0)
    assert ask(story, resume=tmp_path / "kept") == expected
    assert third == []


def test_progress_counts_only_what_is_played_now(story, tmp_path, monkeypatch):
    stopping(monkeypatch, 4)
    with pytest.raises(Lost):
        experiment.compare(story, replications=10, jobs=1, bands=False, resume=tmp_path / "kept")
    stopping(monkeypatch, -1)
    seen: list[tuple[str, int, int]] = []
    experiment.compare(
        story,
        replications=10,
        jobs=1,
        bands=False,
        resume=tmp_path / "kept",
        progress=lambda what, done, total: seen.append((what, done, total)),
    )
    assert seen == [("runs, 4 kept", done, 6) for done in range(7)]


def test_the_time_left_is_that_of_the_rest_at_the_pace_so_far():
    assert time_left(60.0, 2, 8) == "about 3 min left"  # 30 s each, six to go
    assert time_left(3600.0, 1, 49) == "about 2 d left"
    assert time_left(0.001, 1, 2) == "about 1 s left"
    assert time_left(60.0, 8, 8) == ""
    assert time_left(60.0, 0, 8) == ""
