"""Finished replications, kept in a folder, so that long work goes on where it was stopped.

A replication is kept as soon as it is done, in a file of its own that appears whole or not at all. Its name is a digest of everything that
decides it: scenario with its settings, policies, seed, number, engine, program. So a folder may hold many scenarios, as a sweep has, and
what another program has kept is never taken for ours. It belongs to one question, a scenario file and a seed, and to one process at a time.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sim.checkpoint import guard
from sim.checkpoint.form import Damaged, Key, Result, packed, unpacked
from sim.checkpoint.functions import Unclear, text
from sim.errors import BadInput, BadOutput, Notice
from sim.program import program
from sim.runs import Task
from sim.scenario import Scenario

__all__ = ["Checkpoint", "opened"]

_QUESTION: Final = "question.json"
_RUNS: Final = "runs"
_PART: Final = ".part"


@dataclass(slots=True)
class Checkpoint:
    """A folder that this process holds."""

    folder: Path
    names: set[str] = field(default_factory=set, repr=False)  # of the files that were read or written
    _last: tuple[Scenario, str] | None = field(default=None, repr=False)  # tasks of a scenario come together

    def find(self, task: Task) -> Result | None:
        """What was kept of a task; a file that is damaged is as good as none, and said."""
        key = self._key(task)
        path = self._path(key)
        try:
            result = unpacked(key, path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadInput(str(path), f"cannot be read: {_reason(error)}") from None
        except Damaged as error:
            warnings.warn(f"{path}: {error}: this replication is played again", Notice, stacklevel=2)
            return None
        self.names.add(path.name)
        return result

    def keep(self, task: Task, result: Result) -> None:
        """Keep what came out. BadOutput where it cannot be written; what was kept before stays."""
        key = self._key(task)
        path = self._path(key)
        try:
            _write(path, packed(key, result))
        except OSError as error:
            raise BadOutput(str(self.folder), f"cannot be written: {_reason(error)}; {self.said()}") from None
        self.names.add(path.name)

    def said(self) -> str:
        """What one has of it after an end before the end."""
        return f"{len(self.names):,} replications are kept in {self.folder}: the same command goes on from there"

    def _key(self, task: Task) -> Key:
        """Everything that decides a replication."""
        if self._last is None or self._last[0] is not task.scenario:
            self._last = task.scenario, _digest(task.scenario)
        numbers = {"seed": task.seed, "replication": task.replication, "engine": task.engine}  # a result names the engine that played it
        return {"program": program(), "scenario": self._last[1], "policies": [*task.policies], "only": [*task.only], **numbers}

    def _path(self, key: Key) -> Path:
        name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
        return self.folder / _RUNS / f"{name}.json.gz"


@contextmanager
def opened(folder: str | os.PathLike[str], scenario: Scenario, seed: int) -> Iterator[Checkpoint]:
    """A folder for the replications of a scenario and a seed, made where there is none.

    Raises BadInput where it holds those of another file or seed, or something else, or where another process is at work in it; BadOutput
    where nothing can be written.
    """
    place = Path(folder)
    _digest(scenario)  # what cannot be kept is said before anything is done
    _make(place)
    with guard.alone(place):
        _same_question(place, scenario, seed)
        for part in (place / _RUNS).glob(f".*.json.gz.*{_PART}"):  # of a process that was killed: nobody else is here
            part.unlink(missing_ok=True)
        kept = Checkpoint(place)
        try:
            yield kept
        except KeyboardInterrupt:
            warnings.warn(kept.said(), Notice, stacklevel=2)
            raise


def _make(place: Path) -> None:
    """Make a folder that is none yet, is empty, or is one of ours."""
    try:
        there = {path.name for path in place.iterdir()} if place.is_dir() else set()
        begun = there <= {guard.LOCK, guard.GUARD, _RUNS} and not any((place / _RUNS).glob("*"))  # and stopped before it was signed
        if _QUESTION not in there and not begun:
            raise BadInput(str(place), "is not empty and holds no replications: name a new directory")
        (place / _RUNS).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise BadOutput(str(place), "is a file; name a directory") from None
    except OSError as error:
        raise BadOutput(str(place), f"cannot be made: {_reason(error)}") from None


def _same_question(place: Path, scenario: Scenario, seed: int) -> None:
    """Complain of a folder that was started for something else; sign a new one."""
    path = place / _QUESTION
    mine = {"scenario": scenario.name, "sha256": scenario.read_sha256, "seed": seed, "program": program()}
    try:
        theirs = json.loads(path.read_text(encoding="utf-8"))
        named, read, started, by = (theirs[name] for name in mine)
    except FileNotFoundError:
        theirs = None
    except (OSError, ValueError, LookupError, TypeError):
        warnings.warn(f"{path}: is damaged: written again", Notice, stacklevel=2)
        theirs = None
    if theirs is not None:
        other = f"was started for {named} with seed {started}"
        if (named, started) != (scenario.name, seed):
            raise BadInput(str(place), f"{other}, not for {scenario.name} with seed {seed}: name another directory")
        if read != scenario.read_sha256:
            raise BadInput(str(place), f"{other}, and the file {scenario.name} has changed since: name another directory")
        if by != program():
            warnings.warn(f"{place}: replications kept by {by} are not used: this is {program()}", Notice, stacklevel=2)
    if theirs != mine:
        try:
            _write(path, (json.dumps(mine, indent=1) + "\n").encode())
        except OSError as error:
            raise BadOutput(str(path), f"cannot be written: {_reason(error)}") from None


def _digest(scenario: Scenario) -> str:
    """Identity of a scenario with its settings, files of mail and functions. What its file says counts word for word: `sha256` leaves out
    what decides nothing, and to play something again costs less than to be wrong about that."""
    parts = [scenario.sha256(), json.dumps(scenario.plain, sort_keys=True, default=str)]
    for name, function in scenario.functions.items():
        try:
            parts += [name, text(function)]
        except Unclear as error:
            raise BadInput("resume", f"policy {name!r} cannot be known again: {error}; leave out resume, or rewrite it") from None
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, even if the computer stops."""
    beside = path.with_name(f".{path.name}.{os.getpid()}{_PART}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
