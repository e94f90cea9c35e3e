"""The table. `python -m bench --against DIR` measures another checkout in the same rounds, and says what has become of its figures."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.subjects import BYTES, SECONDS

__all__ = ["main", "table"]

HERE: Final = Path(__file__).resolve().parent.parent
YARDSTICKS: Final = ("plain SimPy", "plain SimPy, 3 connections", "a run of the story", "import typer, rich")  # of the lines below each
Rounds = list[tuple[float, int]]  # user seconds and attempts, as `subjects` gives them
Figures = dict[str, Rounds]


def _fresh(what: str, messages: int, tree: Path) -> Any:
    """One figure, from a process of its own that has the package of `tree` and the benchmark of this one."""
    code = f"import sys; sys.path.insert(0, {str(HERE)!r}); import bench; sys.path.insert(0, {str(tree)!r}); "
    code += f"from bench.subjects import measure; measure({what!r}, {messages})"
    done = subprocess.run([sys.executable, "-c", code], cwd=tree, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def table(rounds: int, messages: int, against: Path | None = None) -> list[str]:
    """Measure everything, and set it out in lines."""
    trees = [HERE] if against is None else [HERE, against]
    found: list[Figures] = [{name: [] for name in SECONDS} for _ in trees]
    for _ in range(rounds):
        for name in SECONDS:
            for figures, tree in zip(found, trees, strict=True):
                figures[name].append(_fresh(f"seconds {name}", messages, tree))
    lines = [f"{'':46} {'user s':>8} {'from':>8} {'to':>8} {'attempts/s':>11} {'ratio':>6}" + "  before" * len(trees[1:])]
    now, yardstick = found[0], ""
    for name in SECONDS:
        yardstick = name if name in YARDSTICKS else yardstick
        seconds, attempts = [spent for spent, _ in now[name]], now[name][0][1]
        rate = f"{attempts / median(seconds):,.0f}" if attempts else ""
        line = f"{name:46} {median(seconds):8.3f} {min(seconds):8.3f} {max(seconds):8.3f} {rate:>11}"
        line += f" {_ratio(now[name], now[yardstick]):6.2f}"
        lines.append(line + "".join(f" {_ratio(now[name], before[name]):7.2f}" for before in found[1:]))
    lines += ["", f"{'':46} {'bytes a message that waits':>26}" + f"{'before':>12}" * len(trees[1:])]
    for name in BYTES:
        lines.append(f"{name:46} {_fresh(f'bytes {name}', messages, HERE):26,.0f}")
        lines[-1] += "".join(f"{_fresh(f'bytes {name}', messages, tree):12,.0f}" for tree in trees[1:])
    return lines


def _ratio(some: Rounds, others: Rounds) -> float:
    """User seconds of one thing for each of another: the median of the ratios of each round."""
    return median(a / b for (a, _), (b, _) in zip(some, others, strict=True))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes for each figure (default 5)")
    parser.add_argument("--messages", type=int, default=1500, help="messages of the synthetic instance (default 1500)")
    parser.add_argument("--against", type=Path, help="another checkout, to be measured in the same rounds: 'before' is the ratio to it")
    given = parser.parse_args()
    print(
        f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}; {given.rounds} rounds; median, least, most"
    )
    print("ratio: to the line 'plain SimPy', 'a run of the story' or 'import typer, rich' above, round by round\n")
    print("\n".join(table(given.rounds, given.messages, given.against and given.against.resolve())))


if __name__ == "__main__":
    main()
