"""`mailflow test` and `sim.check`: what is chosen, what is played, what is said, and the exit status."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

import sim
from sim import trial
from sim.checks import Verdict
from sim.mail import Kind
from sim.measures import CURVES, MEASURES
from sim.trial import Case

ROOT = Path(__file__).parent.parent
SCENARIO = """# A short one.
# It teaches little | but quickly.
#
# This is no part of it.
title = "A short one"
days = 1
[server]
policy = "external"
[office]
mailboxes = 3
people = ["ann"]
[spam]
mailboxes = { ann = "60/mailbox/day" }
[[absence]]
who = "ann"
"""
# Of 60 messages to Ann in a day, more than ten come from strangers who get a reply; the limits are far from that.
GOOD = '[expect]\nstrangers_told = "> 1"\n"internal-only: strangers_told" = 0\n'
BAD = GOOD + 'backscatter = { is = "< 1", because = "of a < b & c" }\n'
# Ten runs, even if all do, show no more than 0.025 ** (1 / 10) = 69 %.
OPEN = '[expect]\n"probability strangers_told > 5" = "> 99.9 %"\n'


class Done(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def one(name: str, expect: str) -> Path:
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(SCENARIO + expect)
        return Path(name)

    return one


@pytest.fixture
def mailflow(monkeypatch, capsys):
    from sim.cli import main

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["mailflow", "test", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return Done(left.value.code, said.out, said.err)  # type: ignore[arg-type]

    return run


def names(out: str) -> list[str]:
    return re.findall(r"^PASSED ([^ ]+::[^:]+(?:: [a-z_]+)?): ", out, re.M)


@pytest.mark.parametrize(
    ("expect", "options", "status"),
    [
        (GOOD, [], 0),
        (BAD, ["--no-causes"], 1),
        (OPEN, ["--replications", 10], 3),
        (OPEN + BAD.removeprefix("[expect]\n"), ["--replications", 10, "--no-causes"], 1),
        ("", [], 5),
        (GOOD, ["-k", "nothing"], 5),
        ('[expect]\nstrangers_tld = "> 5"\n', [], 2),
    ],
    ids=["passed", "failed", "undecided", "failed-and-undecided", "nothing-expected", "nothing-chosen", "bad-input"],
)
def test_the_exit_status_tells_passed_failed_bad_input_undecided_and_nothing_expected(write, mailflow, expect, options, status):
    done = mailflow(write("a.toml", expect), "--jobs", 1, *options)
    assert done.status == status, done
    assert done.err.count("\n") == (status == 2)


def test_failures_stand_first_then_the_undecided_then_the_skipped_then_the_count(write, mailflow):
    write("some/a.toml", GOOD)
    Path("some/b.toml").write_text("replay_required = true\n" + SCENARIO + GOOD)
    write("some/c.toml", OPEN)
    write("some/d.toml", BAD)
    done = mailflow("some", "--jobs", 1, "--replications", 10, "--no-causes")
    assert re.findall(r"^[A-Z]+(?= )", done.out, re.M) == ["FAILED", "UNDECIDED", "SKIPPED"]
    last = done.out.splitlines()[-1]
    assert re.fullmatch(r"=+ 1 failed, 1 undecided, 4 passed, 2 skipped in \d+\.\d s =+", last), last
    assert "\x1b" not in done.out


def test_a_failure_says_value_interval_limit_reason_and_likely_cause(write, mailflow):
    done = mailflow(write("a.toml", BAD), "--jobs", 2)
    told = re.sub(r"\s+", " ", done.out)
    pattern = (
        r"FAILED a::backscatter: [\d.]+ ± [\d.]+ messages \(10 runs\), expected < 1 expected because of a < b & c "
        r"likely cause: assumed ([a-z_.]+) \([^)]+\): ([\d.]+) at [^,]+, ([\d.]+) at [^(]+ \(2 runs each\); "
    )
    found = re.match(pattern, told)
    assert found, told
    # the named input, rerun here at its ends, gives the numbers that were printed
    story = sim.load("a.toml")
    (item,) = [item for item in story.assumed() if item.key == found[1]]
    for end, printed in zip((item.low, item.high), found.groups()[1:], strict=True):
        changed = story.with_settings({item.key: end})
        values = [sim.measure(sim.run(changed, replication=n))["backscatter"] for n in range(trial.CAUSE_REPLICATIONS)]
        assert float(printed) == pytest.approx(sum(values) / len(values), abs=0.05)


def test_where_set_breaks_an_expectation_set_is_the_likely_cause(write, mailflow):
    done = mailflow(write("a.toml", GOOD), "--jobs", 1, "--set", "server.policy=off")
    assert done.status == 1
    assert re.search(r"likely cause: --set server\.policy=off; without it [\d.]+, within the limits", done.out)


def test_a_path_is_a_name_a_file_or_a_folder_and_each_file_is_checked_once(write, mailflow):
    write("scenarios/a.toml", GOOD)
    write("other/b.toml", GOOD)
    Path("other/notes.txt").write_text("no scenario")
    done = mailflow("a", "other", "other/b.toml", "-v", "--jobs", 1, "--replications", 2, "-k", "internal")
    assert names(done.out) == ["a::internal-only: strangers_told", "b::internal-only: strangers_told"]
    assert names(mailflow("-v", "--jobs", 1, "--replications", 2, "-k", "internal").out) == ["a::internal-only: strangers_told"]
    assert "did you mean" in mailflow("aa").err
    assert mailflow("missing.toml").status == 2


def test_with_x_nothing_is_played_after_a_scenario_that_failed(write, mailflow):
    for name, expect in (("a", GOOD), ("b", BAD), ("c", GOOD)):
        write(f"some/{name}.toml", expect)
    done = mailflow("some", "-x", "-v", "--jobs", 1, "--replications", 5, "--no-causes")
    assert done.status == 1
    assert "not run: c" in done.out
    assert "c::" not in done.out


def test_the_result_does_not_depend_on_the_number_of_workers(write):
    cases = [Case.of(sim.load(write("a.toml", BAD + '"hung_autoreplies at day 1 18:00" = "0 .. 3"\n')))]
    alone, together = (replace(next(trial.checks_of(cases, replications=5, jobs=jobs, causes=False)), seconds=0.0) for jobs in (1, 2))
    assert alone.results == together.results


def test_what_is_decided_is_not_played_on_and_what_is_open_is(write, monkeypatch):
    monkeypatch.setattr(trial, "LOOKS", (3, 5))
    found = sim.check(write("a.toml", GOOD + OPEN.removeprefix("[expect]\n")), causes=False)
    assert {result.expectation.name: result.interval.runs for result in found.results} == {
        "strangers_told": 3,
        "internal-only: strangers_told": 3,
        "probability strangers_told > 5": 5,  # even if none fails: 0.025 ** (1 / 5) = 0.48, below 0.999
    }


def test_what_is_expected_changes_neither_the_identity_of_the_inputs_nor_a_run(write):
    plain, expecting = sim.load(write("a.toml", "")), sim.load(write("b.toml", BAD))
    assert plain.sha256() == expecting.sha256()
    assert [item.key for item in plain.inputs()] == [item.key for item in expecting.inputs()]
    assert sim.measure(sim.run(plain)) == pytest.approx(sim.measure(sim.run(expecting)), nan_ok=True)


def test_a_count_at_a_time_is_that_of_the_record(write):
    story = sim.load(write("a.toml", '[expect]\n"hung_autoreplies at day 1 18:00" = "0 .. 300"\n'))
    found = sim.check(story, replications=3)
    counts = []
    for n in range(3):
        m = sim.run(story, replication=n).columns("messages")
        at = 0.75 * 86400
        counts.append(int(((m["kind"] == Kind.AUTOREPLY) & (m["deferred_at"] < at) & ~(m["settled_at"] <= at - 1e-9)).sum()))
    assert found.results[0].interval.mean == pytest.approx(sum(counts) / 3)


def test_a_check_is_true_if_all_has_passed_and_shows_what_has_not(write):
    assert sim.check(write("a.toml", GOOD))
    found = sim.check(write("b.toml", BAD), keyword="backscatter", causes=False)
    assert not found
    assert repr(found).startswith("FAILED b::backscatter: ")
    assert [result.verdict for result in found.results] == [Verdict.FAILED]
    assert not sim.check(write("c.toml", ""))


def test_importing_sim_imports_nothing_heavy():
    code = "import sys, sim; heavy = {'numpy', 'pydantic', 'scipy', 'simpy', 'pandas'} & set(sys.modules); assert not heavy, heavy"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_show_expect_lists_every_measure_and_how_limits_are_written(capsys):
    from sim.cli.show import show

    show("expect")
    told = capsys.readouterr().out
    assert 'queues_in_retry_peak = "20 .. 40"' in told
    assert [name for name in (*MEASURES, *CURVES) if not re.search(rf"^  {name} ", told, re.M)] == []


def test_a_big_scenario_is_played_at_the_scale_of_its_tested_with_and_says_so(write, mailflow):
    # Of 10 % of 40 mailboxes that are away all 36 colleagues hear, of 10 % of 400 all 396: with an exact number at most one scale passes.
    write("a.toml", '[expect]\n"internal-only: colleagues_told" = "< 60"\n[tested_with]\n"office.mailboxes" = 40\n')
    text = Path("a.toml").read_text().replace("mailboxes = 3\n", "mailboxes = 400\n").replace('who = "ann"', 'who = "10 %"')
    Path("a.toml").write_text(text + "\n")
    small, whole = mailflow("a.toml", "--jobs", 1), mailflow("a.toml", "--jobs", 1, "--full", "--no-causes", "--replications", 2)
    assert (small.status, whole.status) == (0, 1), small.err + whole.err
    assert "a was played with office.mailboxes 40 instead of 400; --full plays it whole" in small.out
    assert "played with" not in whole.out
    assert sim.check("a.toml").scale == "office.mailboxes 40 instead of 400"


def test_a_wrong_key_in_tested_with_is_one_clear_line(write, mailflow):
    write("a.toml", GOOD + '[tested_with]\n"office.mailbox" = 40\n')
    done = mailflow("a.toml")
    assert done.status == 2
    assert "a.toml: tested_with: 'office.mailbox' is not a key of a scenario, did you mean 'office.mailboxes'" in done.err


# --- files ---------------------------------------------------------------------------------------


def test_junit_xml_has_the_elements_attributes_and_counts_that_ci_systems_read(write, mailflow):
    write("some/a.toml", BAD)
    write("some/b.toml", OPEN)
    Path("some/c.toml").write_text("replay_required = true\n" + SCENARIO + GOOD)
    done = mailflow("some", "--jobs", 1, "--replications", 10, "--no-causes", "--junitxml", "out.xml", "--quiet")
    assert (done.status, done.out) == (1, "")
    root = ElementTree.parse("out.xml").getroot()
    # What Jenkins' junit-10.xsd allows: element -> attributes it must have, and may have
    allowed = {
        "testsuites": ({"name", "time", "tests", "failures", "errors"}, set()),
        "testsuite": ({"name", "tests", "failures", "errors", "time", "skipped"}, {"file"}),
        "properties": (set(), set()),
        "property": ({"name", "value"}, set()),
        "testcase": ({"name", "classname", "time"}, set()),
        "failure": ({"type", "message"}, set()),
        "skipped": ({"type", "message"}, set()),
    }
    for element in root.iter():
        must, may = allowed[element.tag]
        assert must <= set(element.attrib) <= must | may
        if "time" in element.attrib:
            assert re.fullmatch(r"\d+\.\d{3}", element.attrib["time"])
    for suite in root.iter("testsuite"):
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
        assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
        assert int(suite.attrib["skipped"]) == len(suite.findall("testcase/skipped"))
    assert [root.attrib[name] for name in ("tests", "failures", "errors")] == ["6", "1", "0"]
    (failure,) = root.iter("failure")
    assert "expected < 1" in failure.attrib["message"]
    assert failure.text == "expected because of a < b & c"
    assert [skipped.attrib["type"] for skipped in root.iter("skipped")] == ["undecided", "skipped", "skipped"]


def test_json_stands_alone_on_standard_output_and_has_the_promised_form(write, mailflow):
    done = mailflow(write("a.toml", BAD), "--jobs", 1, "--replications", 3, "--no-causes", "--json", "-")
    found = json.loads(done.out)
    assert set(found) == {"version", "exit_status", "counts", "scenarios"}
    assert found["exit_status"] == done.status == 1
    assert found["counts"] == {"failed": 1, "undecided": 0, "skipped": 0, "passed": 2}
    (scenario,) = found["scenarios"]
    assert set(scenario) == {"name", "file", "title", "policy", "seed", "set", "tested_with", "inputs_sha256", "skipped", "expectations"}
    promised = "name policy minus measure at event unit limits verdict mean low high runs runs_with_a_value runs_to_decide why likely_cause"
    assert {tuple(entry) for entry in scenario["expectations"]} == {(*promised.split(), "because", "fails_with")}
    assert scenario["expectations"][0]["limits"] == {"text": "> 1", "low": 1.0, "high": None}


def test_the_table_has_a_row_per_scenario_with_its_lesson_its_numbers_and_what_passed(write, mailflow):
    write("some/a.toml", BAD)
    Path("some/c.toml").write_text("# Needs a file.\nreplay_required = true\n" + SCENARIO[SCENARIO.index("title") :])
    mailflow("some", "--jobs", 1, "--replications", 4, "--no-causes", "--table", "some/README.md", "--quiet")
    text = Path("some/README.md").read_text()
    row, other = re.findall(r"^\| \[.*", text, re.M)
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
    assert cells[:3] == ["[a](a.toml)", r"A short one. It teaches little \| but quickly.", "external"]
    strangers = [sim.measure(sim.run(sim.load("some/a.toml"), replication=n))["strangers_told"] for n in range(4)]
    assert cells[5].startswith(f"{sum(strangers) / 4:.1f} ± ")
    assert cells[-1] == "2 of 3"
    assert other == "| [c](c.toml) | Needs a file. | external | - | - | - | - | - | needs a file |"
    assert "mailflow test some --table some/README.md" in text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--json", "nowhere/x.json"], "is no directory"),
        (["--junitxml", "."], "is a directory; name a file"),
        (["--table", "t.md", "-k", "x"], "leave out -k"),
        (["-k", "and"], "where a word was wanted"),
        (["--replications", 0], "0 is not between 1 and"),
        (["--jobs", 0], "0 is not between 1 and"),
        (["--set", "spam.rat=3"], "did you mean 'spam.rate'"),
        (["--replay", "missing.csv"], "no such file"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(write, mailflow, options, says):
    write("a.toml", GOOD)
    done = mailflow("a.toml", *options)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert says in done.err
    assert [path.name for path in Path().iterdir()] == ["a.toml"]
