"""The program in C (queues.c): compiled where there is a compiler, fed by a file."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from bench.instance import Instance
from bench.outcome import Outcome, Played

__all__ = ["compiler", "play"]

SOURCE = Path(__file__).with_name("queues.c")


def compiler() -> str | None:
    """A C compiler, if this machine has one."""
    return shutil.which(os.environ.get("CC", "cc"))


def play(instance: Instance, connections: int, log: bool = False) -> Played:
    """Compile it, run it, read what it leaves."""
    cc = compiler()
    if cc is None:
        raise ModuleNotFoundError("no C compiler: install one, or set CC")
    with tempfile.TemporaryDirectory() as folder:
        program, given, out = (Path(folder) / name for name in ("queues", "given", "out"))
        subprocess.run([cc, "-O2", "-o", program, SOURCE], check=True)
        instance.write(given, connections)
        said = subprocess.run([program, given, out, *["log"] * log], check=True, capture_output=True, text=True).stdout.split()
        found = out.read_bytes()
    count = len(instance.at)
    attempts, left = np.frombuffer(found, np.int32, count), np.frombuffer(found, np.float64, count, 4 * count)
    return Played(float(said[0]), Outcome.of(instance, attempts, left))
