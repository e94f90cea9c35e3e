"""The program in processes of its own: what it complains of, and what is waited for."""

import subprocess
import sys
import time
from collections.abc import Callable

COMMAND = [sys.executable, "-c", "from sim.cli import main; main()"]


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def until(what: str, happens: Callable[[], bool]) -> None:
    """Wait for something that is sure to happen; a minute is given up on."""
    for _ in range(6000):
        if happens():
            return
        time.sleep(0.01)
    raise AssertionError(f"waited in vain until {what}")
