"""Two back ends, one record: the outside by columns, every shipped scenario, which one is chosen, and what is kept between runs."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sim
from sim import destinations, experiment, realise, runs
from sim.cli.options import announce
from sim.cli.run import run as play
from sim.errors import BadInput
from sim.mail import Code, Place, address
from sim.policy.autoreply import POLICIES
from sim.realise import ahead, rows
from sim.scenario import loads
from sim.server.transport import engines
from sim.streams import Draw, u
from sim.world import FULL, GONE, TYPO, Fates, Spell, World
from tests import laws

REPOSITORY = Path(__file__).parent.parent
STORY = sim.load("sbs_2003")

# The outside by columns.

SHARE = st.sampled_from([0.0, 0.3, 1.0])
HOPS = np.array([address(where, n) for where in (Place.PARTNER, Place.OTHER, Place.PROVIDER, Place.STRANGE, Place.LIST) for n in range(8)])
GONE_HOPS = np.array([address(Place.TARGET, n + gone) for n in range(8) for gone in (0, GONE)])
ALL_HOPS = np.concatenate([HOPS, GONE_HOPS, [Place.SMARTHOST << 40]])
PEOPLE = np.concatenate([HOPS, GONE_HOPS, HOPS + TYPO, GONE_HOPS[::2] + FULL, GONE_HOPS[::2] + FULL + TYPO])


@st.composite
def worlds(draw) -> World:
    """Any outside, with or without spells in which a next hop, or all, meet something else."""
    nobody, full = draw(st.sampled_from([(0.0, 0.0), (0.2, 0.6), (0.0, 1.0), (1.0, 1.0)]))
    fates = Fates(
        unresolvable=draw(SHARE),
        nxdomain=draw(SHARE),
        silent=draw(st.sampled_from([0.0, 0.3])),
        refusing=draw(st.sampled_from([0.0, 0.3])),
        busy=draw(st.sampled_from([0.0, 0.4])),
        mailboxes=(nobody, full, 1.0, 1.0),
        greylisting=draw(SHARE),
        greylist_delay=draw(st.sampled_from([1.0, 300.0])),
        outages=draw(st.sampled_from([0.0, 1 / 5000.0])),
        outage=700.0,
        busy_spell=draw(st.sampled_from([60.0, 5000.0])),
        session=2.0,
        connect_timeout=21.0,
        dns_timeout=15.0,
        null_mx=draw(SHARE),
        several=draw(SHARE),
        addresses=draw(st.integers(1, 4)),
        first_dead=draw(SHARE),
        tried=draw(st.integers(1, 3)),
        for_good=draw(SHARE),
        relay_outages=draw(st.sampled_from([0.0, 1 / 5000.0])),
        relay_outage=300.0,
    )
    spells = draw(st.sampled_from([(), (Spell(None, 100.0, 900.0, Code.SERVFAIL), Spell(int(HOPS[0]), 500.0, 5000.0, Code.REFUSED))]))
    return World.of(draw(st.integers(0, 2**40)), 0, 50_000.0, fates, spells)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(world=worlds(), times=st.lists(st.integers(0, 49_999).map(float), min_size=3, max_size=6))
def test_the_columns_say_of_every_hop_and_recipient_what_the_world_says_one_by_one(world, times):
    """At random times and at the very edges of what alternates."""
    columns, manner = destinations.destinations(world, ALL_HOPS), destinations.manner(world)
    said = destinations.mailboxes(world, PEOPLE)
    assert [Code(code) for code in said.tolist()] == [world.mailbox(who) for who in PEOPLE.tolist()]
    assert manner.lengths[Code.OK] == 0.0
    for n, hop in enumerate(ALL_HOPS.tolist()):
        edges = columns.edges[columns.first[n] : columns.first[n + 1]]
        assert all(before < after for before, after in pairwise(edges.tolist()))
        for now in [*times, *edges[:2].tolist(), *(edges[:2] - 2.0**-20).tolist()]:
            spell = [s.code for s in manner.spells if s.since <= now < s.until and s.hop in (None, hop)]
            bad = np.searchsorted(edges, now, side="right") % 2
            met = spell[0] if spell else columns.code[n] or (columns.bad[n] if bad else Code.OK)
            assert met == world.connects(hop, now)
        for age in (0.0, manner.greylist_delay - 2.0**-20, manner.greylist_delay):
            late = columns.greylists[n] and age < manner.greylist_delay
            for who, code in zip(PEOPLE[:3].tolist(), said[:3].tolist(), strict=True):
                assert world.accepts(hop, who, 100.0, 100.0 + age) == (Code.GREYLISTED if late else code)
        for code in (Code.TIMEOUT, Code.REFUSED):
            assert world.seconds(hop, code, 1, 1, True, 1000) == manner.lengths[code] * columns.times[n]
        for code in (Code.NXDOMAIN, Code.NULL_MX, Code.DNS_TIMEOUT, Code.SERVFAIL):
            assert world.seconds(hop, code, 1, 1, True, 1000) == manner.lengths[code]
        detour = world.seconds(hop, Code.OK, 1, 1, True, 0) - world.seconds(hop, Code.OK, 1, 1, False, 0)
        assert detour == pytest.approx(columns.detour[n] + manner.session * 0.5 * (0.5 + u(world.key, 1, 1, Draw.SESSION)), abs=1e-5)


# The same record.

SHIPPED = sorted(path.stem for path in (REPOSITORY / "scenarios").glob("*.toml"))
PLAYED = [name for name in SHIPPED if not sim.load(name).document.replay_required]


def test_all_shipped_scenarios_are_played_here_but_the_one_that_needs_real_mail():
    assert set(SHIPPED) - set(PLAYED) == {"spam_2002_replay"}


@pytest.mark.parametrize("name", PLAYED)
def test_a_shipped_scenario_leaves_the_same_record_under_both_engines(name):
    scenario = sim.load(name).tested()
    widest = [policy for policy in POLICIES if not scenario.profile.policies[policy].why_not][-1]
    one, other = (runs.run(scenario, widest, engine=engine) for engine in ("simpy", "kernel"))
    assert laws.alike(one, other)
    assert one.run.queued == other.run.queued
    assert one.run.relay_queued == other.run.relay_queued
    assert (one.run.engine, other.run.engine) == ("simpy", "kernel")


SMALL = """title = "one mailbox"
days = {days}
[server]
policy = "external"
[office]
mailboxes = 1
people = ["ann"]
[spam]
rate = "{rate}/mailbox/day"
unknown_recipients = "0/day"
[wanted]
lists = "0/mailbox/day"
into = "{rate}/mailbox/day"
out = "{rate}/mailbox/day"
[[absence]]
who = "ann"
[[change]]
at = "day 1 01:00"
freeze = "all"
"""


@pytest.mark.parametrize(
    "rest", ["", '[route]\nto = "smarthost"\nthrottle = "1/hour"\n', '[route]\nto = "smarthost"\nthrottle = "1.5/hour"\n']
)
@pytest.mark.parametrize(("days", "rate"), [(0.05, 0), (1.03, 0), (1.03, 30)])
def test_an_office_of_one_or_a_run_without_mail_or_of_no_whole_days_leaves_the_same_record_under_both_engines(days, rate, rest):
    """Down to a smarthost that takes one and a half messages in an hour, which are two."""
    scenario = loads(SMALL.format(days=days, rate=rate) + rest)
    one, other = (runs.run(scenario, engine=engine) for engine in ("simpy", "kernel"))
    assert laws.alike(one, other)
    assert (len(one) > 0) == (rate > 0)
    assert one.run.horizon % 3600.0 == 0.0


# Which one.


@pytest.mark.parametrize("asked", ["simpy", "kernel"])
def test_the_engine_that_is_asked_for_plays_however_much_there_is(asked):
    for attempts in (0.0, 1e9):
        assert engines.settled(asked, attempts) == engines.chosen(asked, attempts) == asked


def test_what_a_comparison_names_depends_on_its_size_alone_and_not_on_what_was_played_before(monkeypatch):
    for played in (0, 10**9):
        monkeypatch.setattr(engines, "_played", played)
        for kept in (True, False):
            monkeypatch.setattr(engines, "_kept", lambda kept=kept: kept)
            assert engines.settled("auto", 1e3) == "simpy"
            assert engines.settled("auto", 1e7) == "kernel"
    named = [experiment.compare(STORY, ["external", "off"], replications=2, jobs=1, bands=False).engine for _ in range(2)]
    assert named[0] == named[1] == engines.settled("auto", 2 * runs.attempts(STORY, "external"))


def test_small_runs_are_left_to_the_reference_until_they_would_have_paid_for_the_compiler(monkeypatch):
    monkeypatch.delitem(sys.modules, "sim.server.transport.compiled", raising=False)
    for kept, price in ((True, engines._READING), (False, engines._MAKING)):
        monkeypatch.setattr(engines, "_kept", lambda kept=kept: kept)
        monkeypatch.setattr(engines, "_played", 0)
        picked = [engines.chosen("auto", price / 10.0) for _ in range(11)]
        assert picked == ["simpy"] * 9 + ["kernel"] * 2


def test_machine_code_is_found_where_numba_is_told_to_keep_it(tmp_path):
    """A copy of the package that has none beside it; numba says where it would put the index, and an empty one is put there. What is older
    than a text that decides what is compiled is none."""
    shutil.copytree(REPOSITORY / "sim", tmp_path / "sim", ignore=shutil.ignore_patterns("__pycache__"))
    says = """if True:
        import os, time
        from sim.server.transport import engines, kernel
        print(engines._kept())
        kernel.play._cache._impl.locator.ensure_cache_path()
        open(kernel.play._cache._cache_file._index_path, "w").close()
        print(engines._kept())
        for module in (kernel, *kernel.DECIDE):
            os.utime(module.__file__, (later := time.time() + 100, later))
            print(engines._kept())
            os.utime(module.__file__, (0, 0))
    """
    told = {
        "PYTHONPATH": str(tmp_path),
        "NUMBA_CACHE_DIR": str(tmp_path / "kept"),
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run([sys.executable, "-c", says], capture_output=True, text=True, check=True, cwd=tmp_path, env=told)
    assert done.stdout.split() == ["False", "True"] + ["False"] * 6
    assert list((tmp_path / "kept").glob("*/kernel.play-*.nbi"))


def test_an_engine_that_is_none_is_named_in_one_line_with_those_there_are():
    with pytest.raises(BadInput, match="'fast' is not one of simpy, kernel, auto"):
        engines.known("fast")
    asked = [sys.executable, "-c", "from sim.cli import main; main()", "run", "--engine", "fast"]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "--engine" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a folder is made read-only by its mode")
def test_where_no_folder_can_be_written_the_kernel_is_compiled_and_not_kept():
    """A copy of the package that its user cannot write, and a home that is not there. As root, who may write anywhere, another user."""
    says = """if True:
        import inspect, os, zlib
        import numba, numba.core.caching
        import sim.server.transport.columns, sim.streams
        if os.getuid() == 0:  # what is imported so far need not be readable from now on
            os.setgid(65534)
            os.setuid(65534)
        from sim.server.transport import kernel
        print(kernel.__file__, type(kernel.play._cache).__name__)
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "sim"
        shutil.copytree(REPOSITORY / "sim", copy, ignore=shutil.ignore_patterns("__pycache__"))
        folders = [Path(folder), copy, *(path for path in copy.rglob("*") if path.is_dir())]
        for path in folders:
            path.chmod(0o555)
        try:
            done = subprocess.run(
                [sys.executable, "-c", says],
                capture_output=True,
                text=True,
                check=False,
                cwd=folder,
                env={"PYTHONPATH": folder, "HOME": f"{folder}/home", "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
            )
        finally:
            for path in folders:
                path.chmod(0o755)
    assert done.returncode == 0, done.stderr
    file, cache = done.stdout.split()
    assert file.startswith(folder)
    assert cache == "NullCache"


# What is kept between runs.


def workload(scenario):
    world = realise.world(scenario, 1, 0)
    return [(end, {name: getattr(some, name).copy() for name in some.__slots__}) for end, some in realise.hours(scenario, 1, 0, world, 96)]


def same(one, other):
    return len(one) == len(other) and all(
        a[0] == b[0] and all(np.array_equal(column, b[1][name]) for name, column in a[1].items()) for a, b in zip(one, other, strict=True)
    )


def test_with_and_without_what_was_drawn_before_the_workload_is_the_same_at_both_ends_of_every_assumed_input(monkeypatch):
    monkeypatch.setattr(rows, "_kept", {})
    before = workload(STORY)
    hits = 0
    for item in STORY.assumed():
        for end in (item.low, item.high):
            found = STORY.with_settings({item.key: end})
            hits += found.drawn_sha256 == STORY.drawn_sha256
            with_it = workload(found)
            with monkeypatch.context() as patch:
                patch.setattr(rows, "_kept", {})
                assert same(with_it, workload(found)), (item.key, end)
    assert hits > 10
    assert same(before, workload(STORY))  # and nobody has changed what is kept


def test_a_run_changes_nothing_of_what_is_kept(monkeypatch):
    monkeypatch.setattr(rows, "_kept", {})
    other = STORY.with_settings({"filter.recipients": False, "spam.unresolvable": "10 %"})
    first = [runs.run(scenario) for scenario in (STORY, other)]
    assert len(rows._kept) == 1  # they draw the same
    again = [runs.run(scenario) for scenario in (STORY, other)]
    assert all(laws.alike(one, two) for one, two in zip(first, again, strict=True))


@pytest.mark.skipif(multiprocessing.get_context().get_start_method() != "fork", reason="processes are not forked on this system")
def test_what_another_process_has_drawn_meanwhile_is_what_is_drawn_here(monkeypatch):
    monkeypatch.setattr(rows, "_kept", {})
    with ahead.drawing(STORY, 1, 96):
        time.sleep(2.0)
    found = dict(rows._kept)
    assert [key[2] for key in found] == list(range(len(found)))
    assert 0 < len(found) <= rows.KEPT
    assert multiprocessing.active_children() == []
    monkeypatch.setattr(rows, "_kept", {})
    for (_, seed, replication, chunk), theirs in list(found.items())[:3]:
        ours = list(rows.drawn(STORY, seed, replication, chunk))
        assert [piece[:2] for piece in ours] == [piece[:2] for piece in theirs]
        for (*_, one), (*_, other) in zip(ours, theirs, strict=True):
            assert all(np.array_equal(getattr(one, name), getattr(other, name)) for name in one.__slots__)


def test_of_a_large_office_nothing_is_drawn_meanwhile_and_an_interrupt_leaves_no_process(monkeypatch):
    monkeypatch.setattr(rows, "_kept", {})
    large = STORY.with_settings({"office.mailboxes": 400})

    def interrupted() -> None:
        with ahead.drawing(large, 1, 216):
            time.sleep(1.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not rows._kept
    assert multiprocessing.active_children() == []
    assert sum(len(some) for *_, some in rows.drawn(large, 1, 0, 216)) > rows.KEPT_ROWS


def test_where_processes_are_not_forked_nothing_is_drawn_meanwhile(monkeypatch):
    monkeypatch.setattr(rows, "_kept", {})
    monkeypatch.setattr(multiprocessing, "get_context", lambda: SimpleNamespace(get_start_method=lambda: "spawn"))
    with ahead.drawing(STORY, 1, 96):
        pass
    assert not rows._kept


# What is said before.


def test_what_a_large_run_costs_is_said_before_it_begins_and_nothing_of_a_small_one(monkeypatch, capsys):
    announce(STORY, quiet=False)
    announce(sim.load("big_office"), quiet=True)
    assert capsys.readouterr() == ("", "")

    class Began(Exception):
        pass

    def begins(*asked):
        raise Began(capsys.readouterr().err)

    monkeypatch.setattr(runs, "run", begins)
    with pytest.raises(Began) as began:
        play("big_office")
    (line,) = str(began.value).splitlines()
    assert line.startswith(f"A run has about {runs.rows(sim.load('big_office')):,.0f} messages: ")
    assert "of one core" in line
    assert "GiB. All are played; none is scaled." in line
