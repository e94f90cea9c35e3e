"""Long work that is killed, interrupted, robbed of a worker or of room: real processes, and a result that is the same to the last bit."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import COMMAND, complaint, until
from tests.stories import ONE_DAY

ROOT = Path(__file__).parent.parent
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}
COMPARE = ["compare", "short.toml", "--policy", "off", "--replications", "2", "--quiet", "--json"]


def mailflow(folder: Path, *arguments: str, program: list[str] = COMMAND, **more: object) -> subprocess.CompletedProcess[str]:
    command = [*program, *arguments]
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, **more)  # type: ignore[call-overload]


def kept(folder: Path) -> int:
    return len(list(folder.glob("runs/*.json.gz")))


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(process: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1] if entry.name.isdigit() else ""
        except OSError:
            continue
        if parent == str(process):
            found.append(int(entry.name))
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """A folder with the scenario and the result of a run that nothing has disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "short.toml").write_text(ONE_DAY)
    done = mailflow(folder, *COMPARE, "result.json", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def here(undisturbed, tmp_path) -> Path:
    (tmp_path / "short.toml").write_text(ONE_DAY)
    return tmp_path


class Started:
    """A comparison under way with two workers, at least five replications done and many more to come."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [*COMMAND, *COMPARE, "result.json", "--jobs", "2", "--resume", "kept"]
        self.process = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, start_new_session=True)
        until("five replications are kept", lambda: kept(folder / "kept") >= 5)

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


def goes_on(folder: Path, undisturbed: Path, *, said: str = "") -> None:
    """Starting again gives the undisturbed result, and plays only what is missing."""
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "kept" / "runs").glob("*.json.gz")}
    assert not (folder / "result.json").exists()
    done = mailflow(folder, *COMPARE, "result.json", "--jobs", "2", "--resume", "kept")
    assert done.returncode == 0, done.stderr
    assert done.stderr == said
    assert (folder / "result.json").read_bytes() == (undisturbed / "result.json").read_bytes()
    after = {path.name: path.stat().st_mtime_ns for path in (folder / "kept" / "runs").iterdir()}
    assert len(after) > len(before) > 0
    assert {name: after[name] for name in before} == before
    assert not (folder / "kept" / "lock").exists()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_comparison_that_was_killed_goes_on_to_the_same_result(here, undisturbed):
    with Started(here) as work:
        work.process.kill()
        assert work.process.wait(60) == -signal.SIGKILL
    assert (here / "kept" / "lock").exists()  # nobody could remove it
    (here / "kept" / "runs" / ".half.json.gz.1.part").write_bytes(b"half")  # as a process leaves it that is killed while it writes
    goes_on(here, undisturbed)


@pytest.mark.skipif(os.name != "posix", reason="no interrupt of another process on this system")
def test_a_comparison_that_was_interrupted_says_what_is_kept_and_goes_on_to_the_same_result(here, undisturbed):
    with Started(here) as work:
        work.process.send_signal(signal.SIGINT)
        said = work.process.communicate(timeout=60)[1].splitlines()
        assert work.process.returncode == 130
    assert said[-1] == "mailflow: interrupted"
    assert said[0].endswith(f"mailflow: {kept(here / 'kept')} replications are kept in kept: the same command goes on from there")
    assert len(said) == 2
    goes_on(here, undisturbed)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc on this system to find a worker in")
def test_a_worker_that_is_killed_is_one_line_and_what_was_done_is_kept(here, undisturbed):
    with Started(here) as work:
        os.kill(children(work.process.pid)[0], signal.SIGKILL)
        said = work.process.communicate(timeout=60)[1]
        assert work.process.returncode == 2, said
    assert said.count("\n") == 1
    assert said.startswith("mailflow: a worker process has ended before its time (killed, or out of memory); ")
    assert said.endswith(f"; {kept(here / 'kept')} replications are kept in kept: the same command goes on from there\n")
    goes_on(here, undisturbed)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc on this system to find a worker in")
def test_workers_end_with_the_process_that_was_killed(here):
    with Started(here) as work:
        theirs = children(work.process.pid)
        assert len(theirs) == 2
        work.process.kill()
        until("both workers have ended", lambda: not any(map(alive, theirs)))


@pytest.mark.skipif(os.name != "posix", reason="no way to make another process wait on this system")
def test_a_second_start_in_the_same_folder_is_refused_and_leaves_the_first_alone(here):
    with Started(here) as work:
        os.killpg(work.process.pid, signal.SIGSTOP)  # else it might be done before the other has begun
        try:
            said = complaint(mailflow(here, *COMPARE, "second.json", "--resume", "kept"))
        finally:
            os.killpg(work.process.pid, signal.SIGCONT)
        assert f"kept: is in use by process {work.process.pid} on " in said
        assert work.process.wait(60) == 0


@pytest.mark.skipif(os.name != "posix", reason="no limit of this kind on this system")
def test_a_file_that_cannot_be_written_to_its_end_is_one_line_and_leaves_nothing(here):
    import resource

    def smaller_than_a_replication() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))

    said = complaint(mailflow(here, *COMPARE, "-", "--jobs", "1", "--resume", "kept", preexec_fn=smaller_than_a_replication))
    assert "kept: cannot be written: file too large; 0 replications are kept" in said
    assert list((here / "kept" / "runs").iterdir()) == []


FULL_AFTER_SIX = """import errno, os
left = [6]
real = os.fsync
def fsync(file):
    left[0] -= 1
    if left[0] < 0:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    real(file)
os.fsync = fsync
from sim.cli import main
main()
"""


def test_a_full_disk_is_one_line_and_what_was_done_is_kept(here, undisturbed):
    full = [sys.executable, "-c", FULL_AFTER_SIX]
    said = complaint(mailflow(here, *COMPARE, "-", "--jobs", "1", "--resume", "kept", program=full))
    # the first of the six is the folder's question
    assert "kept: cannot be written: no space left on device; 5 replications are kept in kept: the same command goes on" in said
    assert kept(here / "kept") == 5
    goes_on(here, undisturbed)
