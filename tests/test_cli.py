"""The command line as a user meets it: in a process of its own."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim.scenario import reader
from tests.stories import TWO_DAYS

ROOT = Path(__file__).parent.parent
PROMISED = {
    *("scenario", "version", "engine", "seed", "replications", "inputs_sha256", "baseline"),
    *("verdict", "policies", "differences", "assumptions", "replay"),
}


@pytest.fixture
def short(tmp_path: Path) -> Path:
    path = tmp_path / "short.toml"
    path.write_text(TWO_DAYS)
    return path


def mailflow(*arguments: object, cwd: Path, **more: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from sim.cli import main; main()", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, **more)  # type: ignore[call-overload]


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_compare_prints_the_answer_and_a_line_that_gives_it_again(short, tmp_path):
    first = mailflow("compare", short, "--replications", 3, "--jobs", 1, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "\x1b" not in first.stdout
    assert first.stderr == ""
    line = next(line for line in first.stdout.splitlines() if line.startswith("mailflow compare"))
    again = mailflow(*line.split()[1:], "--jobs", 2, cwd=tmp_path)
    assert again.stdout == first.stdout


def test_json_on_standard_output_stands_there_alone_and_has_the_promised_form(short, tmp_path):
    done = mailflow("compare", short, "--replications", 2, "--json", "-", cwd=tmp_path)
    result = json.loads(done.stdout)
    assert set(result) == PROMISED
    assert result["baseline"] == "external"
    assert set(result["verdict"]) == {"answer", "policy", "deciding", "runs_to_decide", "sentence"}
    assert result["policies"]["contacts-only"] == {"available": False, "why": result["policies"]["contacts-only"]["why"]}
    names = (
        "queues_in_retry_peak queues_in_retry_mean queues_in_retry_all_peak hung_autoreplies_peak strangers_told wanted_told "
        "notices_to_user backscatter attempts_on_undelivered_autoreplies wanted_delay_p95 drained_after"
    )
    for name in names.split():
        assert set(result["policies"]["external"][name]) == {"mean", "half_width", "unit"}
        assert name in result["differences"]["off"]
    assert result["policies"]["external"]["drained_after"]["mean"] is None  # nothing is switched off: NaN


def test_terminal_csv_and_json_show_the_same_numbers(short, tmp_path):
    done = mailflow("compare", short, "--replications", 3, "--json", "r.json", "--csv", "r.csv", cwd=tmp_path)
    measure = json.loads((tmp_path / "r.json").read_text())["policies"]["external"]["strangers_told"]
    row = next(line for line in (tmp_path / "r.csv").read_text().splitlines() if line.startswith("external,strangers_told"))
    assert row.split(",")[3:5] == [f"{measure['mean']:g}", f"{measure['half_width']:g}"]
    assert f"{measure['mean']:,.1f} ± {measure['half_width']:,.1f}" in done.stdout


def test_what_was_asked_beyond_the_answer_is_printed_and_stands_in_the_json_beside_its_usual_form(short, tmp_path):
    asked = ["--vary", "spam.mailboxes.ann=1/mailbox/day,30/mailbox/day", "--best", "margin", "--until", "strangers_told=50%"]
    asked += ["--together", "--percentile", "50", "--policy", "partners-only"]
    done = mailflow("compare", short, *asked, "--json", "r.json", "--csv", "r.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("1/mailbox/day  yes", "Best by margin", "partners-only. With a probability of 95 %", "is known to 50 % after 10 runs"):
        assert words in done.stdout.replace("\n", " ")
    result = json.loads((tmp_path / "r.json").read_text())
    assert set(result) == PROMISED | {"cases", "best", "until", "percentiles", "difference_level"}
    assert [case["settings"] for case in result["cases"]] == [
        {"spam.mailboxes.ann": "1/mailbox/day"},
        {"spam.mailboxes.ann": "30/mailbox/day"},
    ]
    assert set(result["cases"][0]) == PROMISED | {"settings"}
    lines = (tmp_path / "r.csv").read_text().splitlines()
    assert lines[0].startswith("spam.mailboxes.ann,policy,measure")
    assert any(line.startswith("1/mailbox/day,external,strangers_told") for line in lines)
    assert f"{' '.join(asked[:2])} --seed 1 --replications 10" in done.stdout


def test_sweep_prints_a_table_and_writes_it_with_its_chart(short, tmp_path):
    asked = ["--over", "spam.mailboxes.ann=1/mailbox/day..30/mailbox/day", "--points", 2, "--replications", 4]
    done = mailflow("sweep", short, *asked, "--out", "all", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The answer flips from yes to yes-to partners-only at spam.mailboxes.ann of about")
    assert {path.name for path in (tmp_path / "all").iterdir()} == {"answer.txt", "table.csv", "result.json", "sweep.svg", "sweep.png"}
    line = done.stdout.splitlines()[-1]
    again = mailflow(*line.split()[1:], "--json", "-", "--jobs", 1, cwd=tmp_path)
    assert json.loads(again.stdout) == json.loads((tmp_path / "all" / "result.json").read_text())


def test_sweep_of_all_assumed_inputs_says_its_budget_and_what_decides(short, tmp_path):
    short.write_text(TWO_DAYS.replace("days = 2", "days = 0.5"))
    done = mailflow("sweep", short, "--all", "--budget", 400, "--measure", "autoreplies", "--out", "all", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"At most 400 runs: \d+ screen \d+ assumed inputs", done.stdout.replace("\n", " "))
    assert {path.name for path in (tmp_path / "all").iterdir()} == {"answer.txt", "table.csv", "result.json", "tornado.svg", "tornado.png"}
    assert json.loads((tmp_path / "all" / "result.json").read_text())["runs"] <= 400


def test_unpaired_says_so(short, tmp_path):
    done = mailflow("compare", short, "--unpaired", "--policy", "off", "--replications", 3, "--json", "r.json", cwd=tmp_path)
    assert "Every policy met mail of its own" in done.stdout
    assert json.loads((tmp_path / "r.json").read_text())["pairing"] == "none"


def test_servers_on_which_everything_comes_out_alike_share_a_row(short, tmp_path):
    servers = ("--server", "exchange-2007", "--server", "exchange-2016", "--server", "qmail")
    done = mailflow("compare", short, "--replications", 2, *servers, "--json", "r.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^exchange-2007, exchange-2016 ", done.stdout, re.M)
    assert re.search(r"^qmail ", done.stdout, re.M)
    cases = json.loads((tmp_path / "r.json").read_text())["cases"]
    assert [case["settings"] for case in cases] == [{"server.profile": name} for name in servers[1::2]]
    assert "did you mean 'postfix'" in complaint(mailflow("compare", short, "--server", "postfx", cwd=tmp_path))


def test_run_shows_the_queues_and_saves_the_record(short, tmp_path):
    done = mailflow("run", short, "--at", "day 1 20:00", "--at", "day 2 20:00", "--save", "record", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^Queues at day", done.stdout, re.M)) == 2
    assert "in Retry" in done.stdout
    assert {path.name for path in (tmp_path / "record").iterdir()} >= {"messages.parquet", "queues.parquet", "run.json"}
    assert "exists already" in complaint(mailflow("run", short, "--save", "record", cwd=tmp_path))


def test_new_writes_a_scenario_that_runs_and_replaces_nothing(tmp_path):
    assert mailflow("new", "mine", cwd=tmp_path).returncode == 0
    text = (tmp_path / "mine.toml").read_text()
    assert mailflow("show", "mine.toml", cwd=tmp_path).returncode == 0
    assert "is not replaced" in complaint(mailflow("new", "mine", cwd=tmp_path))
    assert (tmp_path / "mine.toml").read_text() == text


def test_show_resolves_a_scenario_and_explains_a_key(tmp_path):
    shown = mailflow("show", "sbs_2003", cwd=tmp_path).stdout
    assert "server.expiry" in shown
    assert "= 24 queues" in shown
    assert "2 % to 46 %" in mailflow("show", "spam.unresolvable", cwd=tmp_path).stdout
    assert set(reader.fields()) == {line.split()[0] for line in mailflow("show", "schema", cwd=tmp_path).stdout.splitlines()}
    for what in ("scenarios", "policies", "servers", "responders", "rfc5230", "replies.every", "replies.responder"):
        assert mailflow("show", what, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["compare", "sbs_203"], "did you mean 'sbs_2003'"),
        (["compare", "."], "is a directory"),
        (["compare", "--polcy", "x"], "No such option"),
        (["compare", "--policy", "extern"], "did you mean 'external'"),
        (["compare", "--set", "spam.rate=5"], "has no unit"),
        (["compare", "--set", "spam.rat=5/day"], "did you mean 'spam.rate'"),
        (["compare", "--set", "nonsense"], "is not key=value"),
        (["compare", "--filter", "magic"], "should be 'none', 'junk-first'"),
        (["compare", "--replications", "0"], "0 is not between 1 and"),
        (["compare", "--until", "strangers=5%"], "did you mean 'strangers_told'"),
        (["compare", "--until", "strangers_told"], "is not [POLICY:]MEASURE=PRECISION"),
        (["compare", "--until", "nobody:strangers_told=5%"], "'nobody' is not one of the policies that are compared: off"),
        (["compare", "--best", "margn"], "did you mean 'margin'"),
        (["compare", "--best", "margin", "--zone", "0"], "--zone: 0 is not above 0"),
        (["compare", "--percentile", "100"], "100 is not between 0 and 100"),
        (["compare", "--vary", "spam.unresolvable"], "is not key=value,value"),
        (["compare", "--vary", "spam.unresolvable=2 %,200 %"], "is not between 0 % and 100 %"),
        (["compare", "--vary", "spam.rate=1/day", "--vary", "spam.rate=2/day"], "is given twice"),
        (["compare", "--csv", "nowhere/x.csv"], "is no directory"),
        (["compare", "--html", "."], "is a directory; name a file"),
        (["compare", "--out", "file"], "is a file; name a directory"),
        (["compare", "--replay", "missing.csv"], "no such file"),
        (["compare", "spam_2002_replay"], "give --replay FILE"),
        (["sweep"], "--over: is missing"),
        (["sweep", "--all", "--over", "spam.unresolvable=2%..46%"], "not both"),
        (["sweep", "--all", "--budget", "10"], "--budget: 10 is not between"),
        (["sweep", "--over", "spam.unresolvable=2%..460%"], "is not between 0 % and 100 %"),
        (["sweep", "--over", "spam.unresolvable=2%..46%", "--points", "1"], "1 is not between 2 and"),
        (["run", "--at", "noon"], "is not a moment"),
        (["run", "--at", "day 40"], "is after the end"),
        (["run", "--policy", "contacts-only"], "not available on Exchange 2003"),
        (["show", "spam.rat"], "did you mean 'spam.rate'"),
        (["frobnicate"], "No such command"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, says, tmp_path):
    (tmp_path / "file").write_text("")
    assert says in complaint(mailflow(*arguments, cwd=tmp_path))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can become somebody without permissions")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "secret.toml"], "cannot be read: permission denied"),
        (["compare", "--replay", "secret.toml"], "cannot be read: permission denied"),
        (["compare", "--json", "closed/x.json"], "permission denied"),
        (["compare", "--out", "locked/x"], "permission denied"),
        (["compare", "--html", "locked/x.html"], "permission denied"),
        (["run", "--save", "closed/record"], "permission denied"),
        (["new", "closed/mine"], "permission denied"),
    ],
)
def test_a_file_without_permission_is_one_line(arguments, says, tmp_path):
    (tmp_path / "secret.toml").write_text("title = 'x'\ndays = 1\n")
    (tmp_path / "secret.toml").chmod(0)
    for name, mode in (("closed", 0o555), ("locked", 0o700)):
        (tmp_path / name / "x").mkdir(parents=True)
        (tmp_path / name).chmod(mode)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    code = (
        "import os, sys\nimport sim.cli, sim.cli.compare, sim.cli.new, sim.cli.run, sim.cli.show, sim.corpus, sim.experiment, sim.report\n"
        f"import sim.report.queues, sim.runs\nos.setuid(65534)\nsys.argv = ['mailflow', *{arguments!r}]\nsim.cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert says in complaint(done)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_one_line(short, tmp_path):
    assert "no space left" in complaint(mailflow("compare", short, "--replications", 1, "--quiet", "--json", "/dev/full", cwd=tmp_path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_an_output_that_is_no_regular_file_is_written_and_not_replaced(short, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        done = mailflow("compare", short, "--replications", 1, "--quiet", "--json", pipe, cwd=tmp_path)
        if done.returncode:
            reader.kill()  # nobody will ever write
        assert done.returncode == 0, done.stderr
        assert "verdict" in json.loads(reader.communicate(timeout=60)[0])
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_ends_with_130_and_leaves_nothing_half_written(short, tmp_path):
    command = [
        sys.executable,
        "-c",
        "from sim.cli import main; main()",
        "compare",
        str(short),
        "--replications",
        "2000",
        "--json",
        "r.json",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        time.sleep(4)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "mailflow: interrupted\n"
    assert {path.name for path in tmp_path.iterdir()} == {"short.toml"}


def test_a_reader_that_closes_the_pipe_is_no_error(short, tmp_path):
    command = f'"{sys.executable}" -c "from sim.cli import main; main()" show schema | head -1'
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""


def test_help_imports_nothing_heavy(tmp_path):
    code = (
        "import sys; sys.argv = ['mailflow', '--help']\nfrom sim.cli import main\ntry: main()\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'matplotlib', 'pydantic', 'simpy', 'scipy', 'faker'} & set(sys.modules)\nassert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_without_bands_the_answer_says_that_assumed_inputs_were_not_looked_at(short, tmp_path):
    asked = ["compare", short, "--replications", "2", "--jobs", "1", "--json", "out.json"]
    quick, whole = (mailflow(*asked, *more, cwd=tmp_path) for more in (["--no-bands"], []))
    said = " ".join(quick.stdout.split())
    assert re.search(r"The \d+ assumed inputs were not varied: whether any decides the answer was not looked at\.", said)
    assert "--no-bands" in quick.stdout.splitlines()[-1]  # what reproduces it
    assert "not looked at" not in whole.stdout
    assert "--no-bands" not in whole.stdout
    assert quick.stdout.splitlines()[4:7] == whole.stdout.splitlines()[4:7]  # the table does not depend on it


def test_a_long_run_says_where_its_counts_settle_and_draws_them_only_when_asked(short, tmp_path):
    # 30 spam messages a day to Ann, who is always away: her replies hang until they expire, so what is queued settles after that time.
    asked = ["run", short, "--steady", "--set", "days=40", "--runs", "2", "--out", "long"]
    done = mailflow(*asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Steady state of short under external, seed 1: 2 runs of 40 d." in done.stdout
    (row,) = (line for line in done.stdout.splitlines() if line.startswith("queues_in_retry "))
    mean, half, ends = re.match(r"queues_in_retry +([\d.]+) ± ([\d.]+) +queues +(.+)", row).groups()  # type: ignore[union-attr]
    assert 0 < float(half) < float(mean)
    assert ends
    assert (tmp_path / "long" / "steady.txt").read_text() == done.stdout
    drawn = {path.name for path in (tmp_path / "long").iterdir()} - {"steady.txt"}
    counts = ("queues_in_retry", "queues_in_retry_all", "hung_autoreplies", "queued", "connections")
    assert drawn == {f"{name}.{kind}" for name in counts for kind in ("svg", "png")}
    assert "Steady state" not in mailflow("run", short, cwd=tmp_path).stdout


def test_a_steady_state_wants_a_long_run_and_says_so_in_a_line(short, tmp_path):
    # 20 batches of two hours, and as much again for a warm-up: 80 hours
    assert "--steady: a run of 2 d is too short: 3 d 8 h at least" in complaint(mailflow("run", short, "--steady", cwd=tmp_path))
    assert "--runs: goes with --steady" in complaint(mailflow("run", short, "--runs", "3", cwd=tmp_path))
    assert "--out: goes with --steady" in complaint(mailflow("run", short, "--out", "long", cwd=tmp_path))
    assert not (tmp_path / "long").exists()
