"""What must hold of the repository itself: its notebooks, its texts, and the wheel made from it."""

import json
import os
import re
import subprocess
import sys
import tomllib
import types
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import sim

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"

# Folders that exist on one machine only, and addresses of package indexes. A user's own settings
# say where packages come from; a file of ours that said it would be wrong everywhere else.
PRIVATE = {
    "machine path": re.compile(r"(?<![\w.~%$}-])/(?:root|work|Users|home)/\w"),
    "registry address": re.compile(
        r"pypi\.org/simple|https?://[^\s\"')>]*(?:/simple\b|registry\.)"
        r"|--(?:extra-)?index-url|--find-links"
    ),
}


def tracked() -> Iterator[Path]:
    """Files that git has or would take."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing says which files belong to the repository")
    # safe.directory: a checkout may belong to another user than the one who runs the tests
    command = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z"]
    found = subprocess.run(
        [*command, "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in sorted(set(found.split("\0")) - {""}):
        path = ROOT / name
        if path.is_file():  # a file deleted but not yet committed is still listed
            yield path


def test_every_notebook_is_stored_without_outputs():
    stored = []
    for path in sorted((ROOT / "notebooks").rglob("*.ipynb")):
        if ".ipynb_checkpoints" in path.parts:
            continue
        for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
            if cell.get("outputs") or cell.get("execution_count") is not None:
                stored.append(f"{path.relative_to(ROOT).as_posix()}: cell {number}")
    assert stored == []


def test_no_file_names_a_path_of_one_machine_or_a_registry():
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # not text
        for number, line in enumerate(text.splitlines(), 1):
            for what, pattern in PRIVATE.items():
                if pattern.search(line) and path != Path(__file__).resolve():
                    found.append(f"{path.relative_to(ROOT).as_posix()}:{number}: {what}")
    assert found == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("open('/root/x')", "machine path"),
        ("cd /home/ann/mailflow", "machine path"),
        ("https://host.example/artifacts/simple/", "registry address"),
        ("https://registry.host.example/", "registry address"),
    ],
)
def test_the_search_for_private_text_finds_it(line, what):
    assert PRIVATE[what].search(line)


@pytest.mark.parametrize(
    "line",
    ["https://host.example/work/x", "../work/x", "maildir:/home/%u", "a simple/complex pair"],
)
def test_the_search_for_private_text_leaves_other_text_alone(line):
    assert not any(pattern.search(line) for pattern in PRIVATE.values())


def test_every_dependency_has_a_tested_version_and_nothing_else_is_said():
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][\w.!+]*", line)] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += extra
    names = {re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for line in wanted}
    assert names - {line.split("==")[0] for line in lines} == set()


def test_all_of_sim_is_what_sim_gives():
    names = list(sim.__all__)
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(sim, name)] == []
    # After that every lazy name has been loaded. What else is public, and made by us?
    own = {
        name
        for name, value in vars(sim).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and str(getattr(value, "__module__", "")).partition(".")[0] == "sim"
    }
    assert own - set(names) == set()


# --- the wheel: built from the sdist, installed where nothing of the checkout is in reach ---------


def outside(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command from `cwd` without what this environment would add to it."""
    env = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**env, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=1200,
    )
    assert done.returncode == 0, f"{command[0]}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, made from the sdist, so that the sdist must hold what a build needs."""
    folder = tmp_path_factory.mktemp("dist")
    outside(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of commands of a fresh environment that has the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("venv")
    outside(sys.executable, "-m", "venv", folder, cwd=folder)
    commands = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = [commands / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    outside(*pip, "--constraint", CONSTRAINTS, wheel, cwd=folder)
    return commands


@pytest.mark.wheel
def test_the_wheel_ships_the_package_and_every_scenario_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {name for name in names if name.startswith("sim/shipped/")}
    assert shipped == {f"sim/shipped/{path.name}" for path in (ROOT / "scenarios").glob("*.toml")}
    assert shipped
    assert {name.split("/")[0] for name in names} == {
        "sim",
        f"mailflow_sim-{sim.__version__}.dist-info",
    }


@pytest.mark.wheel
def test_the_installed_command_tells_its_version(installed, tmp_path):
    assert sim.__version__ in outside(installed / "mailflow", "--version", cwd=tmp_path).stdout


@pytest.mark.wheel
def test_the_installed_command_compares_without_a_checkout(installed, tmp_path):
    command = [installed / "mailflow", "compare", "--replications", "2", "--json", "result.json", "--html", "page.html"]
    outside(*command, cwd=tmp_path)
    assert "verdict" in json.loads((tmp_path / "result.json").read_text())
    assert "<svg" in (tmp_path / "page.html").read_text()
