"""How time and memory grow with the office: a day of a thousand to a million mailboxes, 50 messages each, 3 % of them away.

python -m bench.scale docs      writes docs/scale.svg, and the table into docs/performance.md
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from bench.page import put

__all__ = ["main"]

SIZES: Final = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
# Connections enough for the day's mail: what is measured is the office, not a queue for its connections.
OFFICE: Final = """
title = "a day of an office of {mailboxes} mailboxes, 50 messages each"
start = 2006-12-18
days = {days}
[server]
profile = "postfix"
policy = "external"
connections = 100000
connections_per_hop = 1000
[office]
mailboxes = {mailboxes}
[spam]
rate = "20/mailbox/day"
[[absence]]
who = "3 %"
"""


def measure(mailboxes: int, days: int) -> None:
    """Play one, in this process, and print what it took as JSON."""
    from sim import runs
    from sim.scenario import loads

    office = loads(OFFICE.format(mailboxes=mailboxes, days=days))
    runs.run(loads(OFFICE.format(mailboxes=100, days=1)), "external", engine="kernel")  # machine code is read
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    record = runs.run(office, "external", seed=1, engine="kernel")
    used = resource.getrusage(resource.RUSAGE_SELF)
    hours, tallied = record.columns("hours"), record.columns("tallied")
    found = {
        "mailboxes": mailboxes,
        "days": days,
        "messages": len(record) + int(tallied["messages"].sum()),
        "attempts": int(hours["attempts"].sum()),
        "seconds": used.ru_utime - before,
        "mebibytes": _peak(),
        "asked": runs.cost(office)[0],
    }
    print(json.dumps(found))


def _peak() -> float:
    """The most memory that this process has had at once."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would be at least the parent's
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _fresh(mailboxes: int, days: int = 1) -> dict[str, Any]:
    command = [sys.executable, "-c", f"from bench.scale import measure; measure({mailboxes}, {days})"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parent.parent)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def table(found: list[dict[str, Any]]) -> list[str]:
    """The figures, in Markdown."""
    lines = ["| mailboxes | days | messages | attempts | user CPU, s | µs a message | peak memory, MiB |", "|---|---|---|---|---|---|---|"]
    for one in found:
        each = one["seconds"] / one["messages"] * 1e6
        lines.append(
            f"| {one['mailboxes']:,} | {one['days']} | {one['messages']:,} | {one['attempts']:,} | {one['seconds']:.2f} | {each:.2f} "
            f"| {one['mebibytes']:,.0f} |"
        )
    return lines


def chart(found: list[dict[str, Any]], path: Path) -> None:
    """Time and memory over the number of mailboxes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    boxes = [one["mailboxes"] for one in found]
    for place, (name, words, color) in enumerate((("seconds", "user CPU, s", "#0072b2"), ("mebibytes", "peak memory, MiB", "#d55e00"))):
        axes = figure.add_subplot(1, 2, place + 1)
        axes.loglog(boxes, [one[name] for one in found], marker="o", color=color, label="measured")
        largest = found[-1]
        axes.loglog(boxes, [largest[name] * n / largest["mailboxes"] for n in boxes], color="0.6", linestyle=":", label="in proportion")
        axes.set_xlabel("mailboxes")
        axes.set_ylabel(words)
        axes.set_title(f"A day, 50 messages a mailbox: {words.split(',')[0]}", fontsize=10)
        axes.legend(frameon=False)
        axes.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, print, and where a folder is named write the chart and the table there."""
    found = [_fresh(size) for size in SIZES]
    week = _fresh(40_000, 7)
    lines = table([*found, week])
    print("\n".join(lines))
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1])
        chart(found, folder / "scale.svg")
        put(folder / "performance.md", "scale", "python -m bench.scale docs", "\n".join(lines))


if __name__ == "__main__":
    main()
