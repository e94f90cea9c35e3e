"""Replications on a Dask cluster: a real scheduler and real workers on this machine."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

import sim
from sim import cluster, experiment, workers
from sim.errors import BadInput, Lost
from sim.program import program
from tests.processes import COMMAND, complaint, until
from tests.stories import ONE_DAY

ROOT = Path(__file__).parent.parent
SHORT = ONE_DAY + '[expect]\nstrangers_told = "0 .. 100"\n'
COMPARE = ["compare", "short.toml", "--policy", "off", "--replications", "2", "--quiet"]
QUIET = {"DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "1h"}


def environment(code: Path = ROOT) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(code), "COLUMNS": "200"} | QUIET


def mailflow(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=folder, env=environment(), capture_output=True, text=True, timeout=120)


class Machines:
    """A scheduler and workers, each a process that is ended here."""

    def __init__(self, folder: Path, code: Path = ROOT, **settings: str) -> None:
        pytest.importorskip("distributed")
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        here = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", "scheduler.json")
        self.scheduler = self._start("scheduler", *here, code=code, **settings)
        until("the scheduler is there", lambda: bool(self._written()))
        self.address = json.loads(self._written())["address"].replace("tcp://", "dask://")

    def worker(self, code: Path = ROOT) -> subprocess.Popen[bytes]:
        """A worker that is one process, so that it can be killed as a whole."""
        more = ("--nworkers", "1", "--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder))
        return self._start("worker", self.address.replace("dask://", "tcp://"), *more, code=code)

    def end(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait(60)

    def _written(self) -> str:
        path = self.folder / "scheduler.json"
        return path.read_text() if path.exists() else ""

    def _start(self, *arguments: str, code: Path = ROOT, **settings: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard"]
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=self.folder, env=environment(code) | settings, stdout=log, stderr=log)
        self.processes.append(process)
        return process


@contextmanager
def started(folder: Path, code: Path = ROOT, **settings: str) -> Iterator[Machines]:
    found = Machines(folder, code, **settings)
    try:
        yield found
    finally:
        found.end()


@pytest.fixture
def machines(tmp_path_factory) -> Iterator[Machines]:
    with started(tmp_path_factory.mktemp("machines")) as found:
        yield found


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Iterator[Machines]:
    """A cluster of two workers."""
    with started(tmp_path_factory.mktemp("two")) as found:
        for _ in range(2):
            found.worker()
        yield found


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    """A copy of the package that says it is another version."""
    folder = tmp_path_factory.mktemp("other")
    shutil.copytree(ROOT / "sim", folder / "sim", ignore=shutil.ignore_patterns("__pycache__"))
    initial = folder / "sim" / "__init__.py"
    initial.write_text(initial.read_text().replace(f'__version__ = "{sim.__version__}"', '__version__ = "99.0"'))
    return folder


@pytest.fixture
def here(tmp_path) -> Path:
    (tmp_path / "short.toml").write_text(SHORT)
    return tmp_path


def impatient(monkeypatch) -> None:
    monkeypatch.setattr(cluster, "_PATIENCE", 1)


@pytest.mark.cluster
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_worker_that_is_killed_costs_nothing_and_the_result_is_that_of_one_core(machines, here):
    victim, _ = machines.worker(), machines.worker()
    command = [*COMMAND, *COMPARE, "--json", "there.json", "--executor", machines.address, "--resume", "kept"]
    with subprocess.Popen(command, cwd=here, env=environment(), stderr=subprocess.PIPE, text=True) as work:
        until("five replications are done", lambda: len(list(here.glob("kept/runs/*.json.gz"))) >= 5 or work.poll() is not None)
        victim.kill()
        assert victim.wait(60) == -signal.SIGKILL
        assert work.communicate(timeout=120)[1] == ""
        assert work.returncode == 0
    done = mailflow(here, *COMPARE, "--json", "here.json", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert (here / "there.json").read_bytes() == (here / "here.json").read_bytes()


@pytest.mark.cluster
@pytest.mark.parametrize(
    "command",
    [
        ["sweep", "short.toml", "--over", "spam.unresolvable=2%..46%", "--points", "3", "--replications", "3", "--quiet"],
        ["test", "short.toml", "--replications", "4", "--quiet"],
    ],
    ids=lambda command: command[0],
)
def test_a_cluster_gives_what_one_core_gives(two, here, command):
    there = mailflow(here, *command, "--json", "there.json", "--executor", two.address)
    alone = mailflow(here, *command, "--json", "here.json", "--jobs", "1")
    assert (there.returncode, there.stderr) == (alone.returncode, alone.stderr) == (0, "")

    def result(name: str) -> object:
        found = json.loads((here / name).read_text())
        for scenario in found.get("scenarios", []):
            scenario.pop("seconds", None)  # how long it took is all that may differ
        return found

    assert result("there.json") == result("here.json")


SCRIPT = """import sys
import sim
from sim import report
def polite(message, answered):
    return message.place != "outside" or answered == 0
def twice(message, answered):
    return answered < 2
if __name__ == "__main__":
    where = {"executor": sys.argv[1]} if len(sys.argv) > 1 else {"jobs": 1}
    result = sim.compare(sim.load("short.toml"), {"polite": polite, "twice": twice}, replications=2, bands=False, **where)
    print(report.document(result, ""))
"""


@pytest.mark.cluster
def test_functions_of_a_script_are_sent_to_a_cluster(two, here):
    (here / "mine.py").write_text(SCRIPT)
    there, alone = (
        subprocess.run([sys.executable, "mine.py", *where], cwd=here, env=environment(), capture_output=True, text=True, timeout=120)
        for where in ([two.address], [])
    )
    assert (there.returncode, there.stderr) == (0, "")
    assert "'twice'" in there.stdout
    assert there.stdout == alone.stdout


@pytest.mark.cluster
@pytest.mark.parametrize("who", ["the worker at tcp://127.0.0.1:", "the scheduler"])
def test_a_machine_of_another_version_is_one_line(who, other, here, tmp_path):
    theirs = (ROOT, other) if who == "the scheduler" else (other, ROOT)
    with started(tmp_path, code=theirs[1]) as machines:
        machines.worker(code=theirs[0])
        said = complaint(mailflow(here, *COMPARE, "--executor", machines.address))
    assert said.startswith(f"mailflow: --executor: {who}")
    assert " is mailflow-sim 99.0 (code " in said
    assert said.endswith(f", but this is {program()}: install the same on all machines\n")


@pytest.mark.cluster
def test_a_replication_that_has_cost_too_many_workers_is_one_line(here, tmp_path):
    with started(tmp_path, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0") as machines:
        worker = machines.worker()
        command = [*COMMAND, *COMPARE, "--executor", machines.address, "--resume", "kept"]
        with subprocess.Popen(command, cwd=here, env=environment(), stderr=subprocess.PIPE, text=True) as work:
            until("five replications are done", lambda: len(list(here.glob("kept/runs/*.json.gz"))) >= 5 or work.poll() is not None)
            worker.kill()
            said = work.communicate(timeout=120)[1]
    assert said.startswith(f"mailflow: at {machines.address} one worker after another has died of the same replication (out of memory?); ")
    assert said.count("\n") == 1


@pytest.mark.cluster
def test_a_scheduler_that_is_killed_is_one_line_and_what_was_done_is_kept(machines, here):
    machines.worker()
    command = [*COMMAND, *COMPARE, "--executor", machines.address, "--resume", "kept"]
    with subprocess.Popen(command, cwd=here, env=environment(), stderr=subprocess.PIPE, text=True) as work:
        until("five replications are done", lambda: len(list(here.glob("kept/runs/*.json.gz"))) >= 5 or work.poll() is not None)
        machines.scheduler.kill()
        said = work.communicate(timeout=120)[1]
        assert work.returncode == 2, said
    kept = len(list(here.glob("kept/runs/*.json.gz")))
    assert said == (
        f"mailflow: the connection to the scheduler at {machines.address} is lost; {kept} replications are kept in kept: "
        "the same command goes on from there\n"
    )


@pytest.mark.cluster
def test_a_scheduler_without_workers_is_one_line(machines, monkeypatch):
    impatient(monkeypatch)
    with pytest.raises(BadInput, match=r"--executor: the scheduler at dask://127.0.0.1:.* has no worker: start one"):
        experiment.compare(sim.load("sbs_2003"), executor=machines.address)


@pytest.mark.cluster
def test_a_scheduler_that_does_not_answer_is_one_line(monkeypatch):
    pytest.importorskip("distributed")
    impatient(monkeypatch)
    # port 1 is reserved for TCPMUX (RFC 1078), which nobody offers
    with pytest.raises(BadInput, match=r"^--executor: no Dask scheduler answers at dask://127\.0\.0\.1:1: Timed out [^\n]*$"):
        experiment.compare(sim.load("sbs_2003"), executor="dask://127.0.0.1:1")


@pytest.mark.cluster
def test_encryption_that_dask_is_not_set_up_for_is_one_line(monkeypatch):
    distributed = pytest.importorskip("distributed")
    with pytest.raises(BadInput, match="Dask's configuration names no certificates"):
        experiment.compare(sim.load("sbs_2003"), executor="dask+tls://127.0.0.1:8786")
    strict = distributed.Security(require_encryption=True)
    monkeypatch.setattr(distributed, "Security", lambda: strict)
    with pytest.raises(BadInput, match=r"requires encryption: write dask\+tls://"):
        experiment.compare(sim.load("sbs_2003"), executor="dask://127.0.0.1:8786")


# What needs no cluster.


def test_a_result_that_was_on_its_way_when_the_connection_broke_is_not_waited_for(monkeypatch):
    impatient(monkeypatch)
    never: Future[int] = Future()
    broken = cluster.Cluster("dask://192.0.2.10:8786", SimpleNamespace(status="closed"), Submits(never), (CancelledError,))
    with pytest.raises(Lost, match=r"the connection to the scheduler at dask://192\.0\.2\.10:8786 is lost"):
        list(workers.spread(broken, abs, [1]))


class Submits(Executor):
    """Gives one future, whatever is submitted."""

    def __init__(self, future: Future[int]) -> None:
        self.future = future

    def submit(self, *_: object, **__: object) -> Future[int]:  # type: ignore[override]
        return self.future


def test_a_worker_of_another_version_that_joins_later_says_so_before_it_opens_anything():
    with pytest.raises(BadInput, match=r"a worker is mailflow-sim .*, but this is mailflow-sim 99"):
        cluster._opened("mailflow-sim 99", b"not opened")


def test_a_worker_that_lacks_a_module_says_so():
    bundle = b"csomewhere_else\nfunction\n."  # a pickle of somewhere_else.function
    with pytest.raises(BadInput, match="a worker cannot open what it is to play: No module named 'somewhere_else'"):
        cluster._opened(program(), bundle)


@pytest.mark.parametrize("where", ["dask://", "dask://host", "dask://host:port", "tcp://host:8786", "host:8786", "dask://a b:1"])
def test_what_is_no_address_is_one_line(where):
    with pytest.raises(BadInput, match="is not the address of a Dask scheduler, as in dask://"):
        experiment.compare(sim.load("sbs_2003"), executor=where)


def test_jobs_do_not_go_with_a_cluster():
    with pytest.raises(BadInput, match="--jobs: does not go with --executor"), workers.workers(2, "dask://127.0.0.1:8786"):
        pass


def test_without_dask_one_line_says_what_to_install(here):
    without = [sys.executable, "-c", "import sys; sys.modules['distributed'] = None\nfrom sim.cli import main; main()"]
    command = [*without, *COMPARE, "--executor", "dask://127.0.0.1:8786"]
    done = subprocess.run(command, cwd=here, env=environment(), capture_output=True, text=True, timeout=60)
    assert complaint(done) == "mailflow: --executor: needs Dask: pip install 'mailflow-sim[cluster]'\n"


def test_nobody_loads_dask_who_does_not_ask_for_it(here):
    code = f"""import sys
sys.argv = ['mailflow', *{COMPARE!r}]
from sim.cli import main
try:
    main()
finally:
    print(sorted({{'dask', 'distributed', 'sqlite3'}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=here, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n"
