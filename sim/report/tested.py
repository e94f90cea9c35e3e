"""What became of the expectations of scenarios: as text, for a CI system, for a program, and as a table for readers."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from sim.checks import Checked, Interval, Result, Verdict
from sim.measures import MEASURES
from sim.units import counted, digits

__all__ = ["document", "junit", "status", "summary", "table", "text"]


def status(found: Sequence[Checked]) -> int:
    """Exit status: 0 passed (or skipped), 1 something failed, 3 something undecided and nothing failed, 5 nothing was expected."""
    verdicts = {result.verdict for one in found for result in one.results}
    if not verdicts:
        return 5
    return 1 if Verdict.FAILED in verdicts else 3 if Verdict.UNDECIDED in verdicts else 0


def text(found: Sequence[Checked], verbose: bool = False) -> list[str]:
    """Paragraphs: failures first, then what is undecided, what was skipped, and with `verbose` what has passed."""
    parts = [_paragraph(result) for verdict in (Verdict.FAILED, Verdict.UNDECIDED) for one in found for result in one.of(verdict)]
    for one in found:
        if one.skipped:
            parts.append(f"SKIPPED {one.scenario} ({counted(len(one.results), 'expectations')}): {one.skipped}")
    parts += [f"{one.scenario} was played with {one.scale}; --full plays it whole" for one in found if one.scale and not one.skipped]
    nothing = [one.scenario for one in found if not one.results and not one.skipped]
    if nothing:
        parts.append(f"Nothing is expected of {', '.join(nothing)}")
    if verbose:
        parts += [_paragraph(result) for one in found for result in one.passed]
    return parts


def _paragraph(result: Result) -> str:
    first, *rest = result.lines()
    filled = [textwrap.fill(line, 110, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False) for line in rest]
    return "\n".join([f"{result.verdict.upper()} {result.expectation.id}: {first}", *filled])


def summary(found: Sequence[Checked], seconds: float) -> str:
    """`=== 1 failed, 12 passed, 1 skipped in 3.2 s ===`."""
    counts = {verdict: sum(len(one.of(verdict)) for one in found) for verdict in Verdict}
    order = (Verdict.FAILED, Verdict.UNDECIDED, Verdict.PASSED, Verdict.SKIPPED)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in order if counts[verdict]) or "nothing expected"
    return f" {said} in {seconds:.1f} s ".center(80, "=")


def junit(found: Sequence[Checked]) -> str:
    """JUnit XML as CI systems read it: a testsuite per scenario, a testcase per expectation.

    An undecided expectation is `skipped` with type `undecided`: it has not failed, and the exit status says that it has not passed. The
    time of a testcase is its share of its scenario's.
    """
    root = ElementTree.Element(
        "testsuites", _totals([result for one in found for result in one.results], sum(one.seconds for one in found))
    )
    root.set("name", "mailflow test")
    for one in found:
        suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(one.scenario), **_totals(one.results, one.seconds)})
        suite.set("skipped", str(len(one.of(Verdict.SKIPPED)) + len(one.undecided)))
        suite.set("file", _clean(one.file))
        properties = ElementTree.SubElement(suite, "properties")
        for name, value in (
            ("seed", one.seed),
            ("inputs_sha256", one.inputs_sha256),
            ("set", " ".join(one.settings)),
            ("tested_with", one.scale),
        ):
            ElementTree.SubElement(properties, "property", {"name": name, "value": _clean(str(value))})
        for result in one.results:
            entry = {"classname": one.scenario, "name": result.expectation.name, "time": f"{one.seconds / len(one.results):.3f}"}
            case = ElementTree.SubElement(suite, "testcase", {name: _clean(value) for name, value in entry.items()})
            if result.verdict is Verdict.PASSED:
                continue
            first, *rest = result.lines()
            tag = "failure" if result.verdict is Verdict.FAILED else "skipped"
            told = ElementTree.SubElement(case, tag, {"type": result.verdict.value, "message": _clean(first)})
            told.text = _clean("\n".join(rest)) or None
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _totals(results: Sequence[Result], seconds: float) -> dict[str, str]:
    failed = sum(result.verdict is Verdict.FAILED for result in results)
    return {"tests": str(len(results)), "failures": str(failed), "errors": "0", "time": f"{seconds:.3f}"}


def _clean(words: str) -> str:
    """Without the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", words)


def document(found: Sequence[Checked], version: str) -> dict[str, Any]:
    """The result as JSON.

    exit_status; counts by verdict; scenarios: name, file, title, policy, seed, set, tested_with (in words, or
    null), inputs_sha256, skipped (the reason, or null), and
    expectations: name, policy, minus (or null), measure, at (seconds, or null), event (limits, or null), unit, limits (text, low, high;
    null: none), verdict, mean, low, high (of the 95 % interval; null: none), runs, runs_with_a_value, runs_to_decide, why, likely_cause,
    because, fails_with. Shares are between 0 and 1.
    """
    return {
        "version": version,
        "exit_status": status(found),
        "counts": {verdict.value: sum(len(one.of(verdict)) for one in found) for verdict in Verdict},
        "scenarios": [
            {
                "name": one.scenario,
                "file": one.file,
                "title": one.title,
                "policy": one.policy,
                "seed": one.seed,
                "set": list(one.settings),
                "tested_with": one.scale or None,
                "inputs_sha256": one.inputs_sha256,
                "skipped": one.skipped or None,
                "expectations": [_entry(result) for result in one.results],
            }
            for one in found
        ],
    }


def _entry(result: Result) -> dict[str, Any]:
    wanted, found = result.expectation, result.interval
    return {
        "name": wanted.name,
        "policy": wanted.policy,
        "minus": wanted.minus or None,
        "measure": wanted.key[0],
        "at": wanted.key[1],
        "event": wanted.event.text if wanted.event else None,
        "unit": wanted.unit,
        "limits": {"text": wanted.limits.text, "low": _finite(wanted.limits.low), "high": _finite(wanted.limits.high)},
        "verdict": result.verdict.value,
        "mean": _finite(found.mean),
        "low": _finite(found.low),
        "high": _finite(found.high),
        "runs": found.runs,
        "runs_with_a_value": found.n,
        "runs_to_decide": result.runs_to_decide,
        "why": result.why or None,
        "likely_cause": result.cause or None,
        "because": wanted.because or None,
        "fails_with": list(wanted.fails_with),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


_COLUMNS = {
    "queues_in_retry_all_peak": "queues in Retry, peak",
    "queues_in_retry_peak": "of these with a reply",
    "strangers_told": "strangers told",
    "notices_to_user": "notices to the absent",
    "wanted_told": "wanted people told",
}


def table(found: Sequence[Checked], lessons: Mapping[str, str], command: str, version: str) -> str:
    """A Markdown page: what each scenario teaches, what came out under its policy in force, and how many of its expectations passed."""
    lines = [
        "# Scenarios",
        "",
        f"Written by `{command}`; what is changed here by hand is lost.",
        "Each is one file: its first comment says what it teaches, its `[expect]` what must come out, which `mailflow test NAME` checks.",
        "",
        "| scenario | what it teaches | policy | " + " | ".join(_COLUMNS.values()) + " | expectations passed |",
        "|---|---|---|" + "---:|" * (len(_COLUMNS) + 1),
    ]
    for one in found:
        cells = [_cell(one.headlines.get(name), name) for name in _COLUMNS]
        passed = "needs a file" if one.skipped else f"{len(one.passed)} of {len(one.results)}"
        lesson = lessons.get(one.scenario, "").replace("|", "\\|") + (f" *Played here with {one.scale}.*" if one.scale else "")
        lines.append(f"| [{one.scenario}]({one.scenario}.toml) | {lesson} | {one.policy} | {' | '.join(cells)} | {passed} |")
    played = max((shown.runs for one in found for shown in one.headlines.values()), default=0)
    seeds = sorted({one.seed for one in found})
    lines += [
        "",
        f"Mean ± half-width of a 95 % interval; {counted(played, 'runs')}, seed {', '.join(map(str, seeds))}, mailflow-sim {version}.",
    ]
    return "\n".join(lines) + "\n"


def _cell(found: Interval | None, name: str) -> str:
    if found is None or math.isnan(found.mean):
        return "-"
    places, half = MEASURES[name].decimals, (found.high - found.low) / 2
    return f"{found.mean:,.{places}f} ± {half:,.{places}f}" if half > 0 else digits(found.mean)
