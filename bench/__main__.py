"""The tables. `python -m bench --write docs/performance.md` puts them into a page; `--against DIR` measures another checkout in the same
rounds, and says what has become of its figures."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any, Final

from bench.page import put
from bench.subjects import GROUPS, Group
from bench.targets import TARGETS, Figures, ratio

__all__ = ["main", "measured", "page", "spoken"]

HERE: Final = Path(__file__).resolve().parent.parent
Found = dict[tuple[str, str], list[dict[str, Any]]]  # by group and subject, what each round found
_PASSES: Final = 3  # in a round, at most
_LITTLE: Final = 6.0  # seconds that a subject may have taken in a round and still be measured again
_COUNTS: Final = ("attempts", "delivered", "bounced", "expired", "remaining")


def _fresh(group: str, name: str, tree: Path) -> dict[str, Any]:
    """One figure, from a process of its own that has the package of `tree` and the benchmark of this one."""
    return spoken(f"from bench.subjects import measure; measure({group!r}, {name!r})", tree)


def spoken(code: str, tree: Path = HERE) -> dict[str, Any]:
    """What a process of its own prints in its last line."""
    paths = f"import sys; sys.path.insert(0, {str(HERE)!r}); import bench; sys.path.insert(0, {str(tree)!r}); "
    done = subprocess.run([sys.executable, "-c", paths + code], cwd=tree, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(groups: Sequence[Group], rounds: int, tree: Path = HERE, other: Path | None = None) -> tuple[Found, Found]:
    """Every subject in every round, here and in another checkout. A shared machine is fast and slow by turns of seconds, so in a round what
    takes little time is measured again after the rest of its group, and the mean counts."""
    here: Found = {(group.name, subject.name): [] for group in groups for subject in group.subjects}
    there: Found = {key: [] for key in here}
    for n in range(rounds):
        for group in groups:
            subjects = [s for s in group.subjects if n < s.most and not any("missing" in found for found in here[group.name, s.name])]
            places = [(here, subject.name, tree) for subject in subjects]
            if other is not None:
                places += [(there, subject.name, other) for subject in subjects if subject.ours]
            passes = _PASSES if group.kind in ("attempts", "seconds") else 1
            for (found, name, _), some in zip(places, _round(group.name, [place[1:] for place in places], passes), strict=True):
                found[group.name, name].append(some)
    return here, there


def _round(group: str, places: Sequence[tuple[str, Path]], passes: int) -> list[dict[str, Any]]:
    """What a round finds of subjects, each in a checkout."""
    spent, found = [0.0] * len(places), [list[dict[str, Any]]() for _ in places]
    for _ in range(passes):
        for k, (name, tree) in enumerate(places):
            if spent[k] < _LITTLE:
                begun = time.perf_counter()
                found[k].append(_fresh(group, name, tree))
                spent[k] += time.perf_counter() - begun
    return [_mean(some) for some in found]


def _mean(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return found[0] if "missing" in found[0] else {**found[0], "figure": mean(float(one["figure"]) for one in found)}


def page(groups: Sequence[Group], here: Found, there: Found) -> Iterator[str]:
    """The tables, as lines of Markdown."""
    figures, before = _figures(here), _figures(there)
    yield "| asked for | must | aim | measured | |"
    yield "|---|---:|---:|---:|---|"
    for target in TARGETS:
        value = target.measured(figures)
        if value is not None:
            yield f"| {target.what} | {target.must:g} | {target.aim:g} | {_short(value)} | {'' if target.met(value) else 'missed'} |"
    for group in groups:
        yield ""
        yield f"**{group.name}**"
        yield ""
        yield from _table(group, here, figures, before)


def _figures(found: Found) -> Figures:
    return {key: [float(one["figure"]) for one in rounds if "figure" in one] for key, rounds in found.items()}


def _table(group: Group, here: Found, figures: Figures, before: Figures) -> Iterator[str]:
    compared = any(before.get((group.name, subject.name)) for subject in group.subjects)
    counted, first = group.kind == "attempts", group.subjects[0].name
    agreed = counted and any("outcome" in found for subject in group.subjects for found in here[group.name, subject.name])
    heads = {
        "attempts": ["user s", "from", "to", "attempts/s", f"{first}: times", "from", "to", *["the same"] * agreed],
        "seconds": ["seconds", "from", "to"],
    }.get(group.kind, [group.kind])
    heads += ["before: times"] * compared
    yield "| |" + "".join(f" {head} |" for head in heads)
    yield "|---|" + "---:|" * len(heads)
    for subject in group.subjects:
        key = group.name, subject.name
        values, rounds = figures[key], here[key]
        if not values:
            yield f"| {subject.name} | {rounds[0]['missing']} |" + " |" * (len(heads) - 1)
            continue
        cells = [_short(median(values))]
        if group.kind in ("attempts", "seconds"):
            cells += [_short(min(values)), _short(max(values))]
        if counted:
            times = ratio(figures[group.name, first], values)
            cells += [f"{rounds[0]['attempts'] / median(values):,.0f}", *(_short(f(times)) for f in (median, min, max))]
        if agreed:
            cells.append(_agreement(rounds[0], here[group.name, "the kernel"][0]))
        if compared:
            cells.append(_short(median(ratio(before[key], values))) if before[key] else "")
        yield f"| {subject.name} |" + "".join(f" {cell} |" for cell in cells)


def _agreement(found: Mapping[str, Any], kernel: Mapping[str, Any]) -> str:
    """With the kernel, of each message where the engine says it."""
    its, ours = found["outcome"], kernel["outcome"]
    different = [f"{name} {its[name] - ours[name]:+d}" for name in _COUNTS if its[name] != ours[name]]
    if different:
        return ", ".join(different)
    if not its["sha256"]:
        return "in all counts"
    return "to the bit" if its["sha256"] == ours["sha256"] else "in all counts, not to the bit"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _machine() -> str:
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = f"{names[0]} ({len(names)} processors), {model}" if names else model
    return f"{platform.python_implementation()} {platform.python_version()}, {model}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often all is measured (default 5); what is slow is measured less often")
    parser.add_argument("--only", default="", help="groups whose name has this in it")
    parser.add_argument(
        "--against", type=Path, help="another checkout, to be measured in the same rounds: 'before: times' is the ratio to it"
    )
    parser.add_argument("--write", type=Path, help="a page with two marks, to get the tables between them")
    given = parser.parse_args()
    groups = [group for group in GROUPS if given.only in group.name]
    here, there = measured(groups, given.rounds, other=given.against and given.against.resolve())
    said = f"{_machine()}; {given.rounds} rounds, median, least and most; ratios round by round."
    text = "\n".join([said, "", *page(groups, here, there)])
    print(text)
    if given.write is not None:
        put(given.write, "bench", "python -m bench --write", text)


if __name__ == "__main__":
    main()
