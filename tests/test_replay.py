"""Real mail in place of drawn mail."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sim
from sim import cli, corpus, experiment, realise, report
from sim.mail import Kind, Place
from sim.realise.replayed import compressed
from sim.workload import join

SCENARIOS = Path(__file__).parent.parent / "scenarios"
HEADER = "received_utc_epoch,size_bytes,env_kind,env_domain,env_local_hash,from_domain,from_local_hash,precedence\n"


@pytest.fixture
def trace(tmp_path: Path) -> corpus.Corpus:
    rows = [
        "1000000000,4000,address,shop.example,a1,shop.example,a1,",
        "1000003600,4000,address,shop.example,a1,shop.example,a1,",
        "1000007200,4000,address,hotmail.com,b2,hotmail.com,b2,",
        "1000010800,4000,null,,,postmaster.example,x,",
        "1000014400,4000,absent,,,list.example,c3,bulk",
        "broken,4000,address,x.example,d4,x.example,d4,",
        "1000900000,4000,address,late.example,e5,late.example,e5,",
    ]
    path = tmp_path / "trace.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return corpus.read(path)


def test_every_message_read_is_answered_or_has_a_reason_or_is_malformed(trace):
    story = sim.load(SCENARIOS / "sbs_2003.toml").with_replay(trace)
    result = experiment.compare(story, ["external"], replications=2, jobs=1, bands=False)
    facts = report.document(result, "")["replay"]
    assert facts["read"] == 7
    assert facts["read"] == facts["answered"] + sum(facts["suppressed"].values()) + facts["malformed"]
    # shop and hotmail once each; shop again, the null sender, the bulk one, and one after the story has ended
    assert facts["answered"] == 2
    assert facts["suppressed"] == {"answered-before": 1, "null-sender": 1, "precedence": 1, "after-the-end": 1}
    assert facts["malformed"] == facts["from_used"] == 1


def test_a_replay_takes_the_place_of_all_drawn_spam_and_names_large_providers(trace):
    scenario = sim.load(SCENARIOS / "spam_2002_replay.toml").with_replay(trace)
    world = realise.world(scenario, 1, 0)
    rows = join([part for _, part in realise.hours(scenario, 1, 0, world, 24)])
    spam = rows.take(rows.kind == Kind.SPAM)
    assert np.array_equal(spam.at, trace.at)
    assert (spam.mailbox == 0).all()
    assert (spam.sender_domain[2] >> 40) == Place.PROVIDER
    assert scenario.horizon >= trace.at[-1] + 2 * 86400


def test_replayed_wanted_mail_makes_its_busiest_domains_the_partners(trace):
    scenario = sim.load(SCENARIOS / "spam_2002_replay.toml").with_replay(trace, trace)
    world = realise.world(scenario, 1, 0)
    rows = join([part for _, part in realise.hours(scenario, 1, 0, world, 24)])
    wanted = rows.take(rows.kind == Kind.WANTED)
    assert len(wanted) == len(trace)
    assert (wanted.sender_domain[:2] >> 40 == Place.PARTNER).all()


def test_all_1897_messages_of_real_spam_go_through_and_their_fates_differ_between_runs(shared_data):
    scenario = sim.load(SCENARIOS / "spam_2002_replay.toml").with_replay(corpus.read(shared_data / "spam-2002.csv"))
    result = experiment.compare(scenario, ["external"], replications=2, jobs=2, bands=False)
    facts = report.document(result, "")["replay"]
    assert facts["read"] == 1897 == facts["answered"] + sum(facts["suppressed"].values()) + facts["malformed"]
    assert facts["suppressed"]["precedence"] == 335  # SOURCES: 333 bulk, 2 list
    assert facts["suppressed"]["null-sender"] == 2
    first, second = (row["strangers_told"] for row in result.policies["external"].rows)
    assert first != second
    assert "one real trace" in report.text(report.answer(result))


def test_gaps_longer_than_asked_are_cut_down_to_it_and_nothing_else_moves(trace):
    # Four gaps of an hour, and one of 885,600 s; cut to two hours, the last message comes two hours after the one before.
    scenario = compressed(sim.load(SCENARIOS / "spam_2002_replay.toml").with_replay(trace), 2 * 3600.0)
    assert scenario.replay is not None
    assert scenario.replay.at.tolist() == [0, 3600, 7200, 10800, 14400, 14400 + 7200]
    assert scenario.replay.domain.tolist() == trace.domain.tolist()
    assert scenario.compressed is not None
    assert (scenario.compressed.gaps, scenario.compressed.removed, scenario.compressed.span) == (1, 885600 - 7200, 900000)
    assert scenario.horizon < 4 * 86400
    assert "cut down to it: 1 gap, " in scenario.what_was_cut()
    assert "10 d 4 h of 10 d 10 h left out" in scenario.what_was_cut()
    assert "fuller than they were" in scenario.what_was_cut()  # two hours are less than the 48 h that a message stays queued
    assert scenario.sha256() != sim.load(SCENARIOS / "spam_2002_replay.toml").with_replay(trace).sha256()


def test_changing_a_key_keeps_a_replay_compressed(trace):
    scenario = compressed(sim.load(SCENARIOS / "spam_2002_replay.toml").with_replay(trace), 3600.0)
    changed = scenario.with_settings({"spam.unresolvable": "5 %"})
    assert changed.compressed == scenario.compressed
    assert changed.horizon == scenario.horizon


def test_spam_and_wanted_mail_that_came_together_still_do_when_gaps_are_cut(trace):
    scenario = sim.load(SCENARIOS / "spam_2002_replay.toml")
    late = replace(trace, at=trace.at + 100000.0)
    both = compressed(scenario.with_replay(trace, late), 3600.0)
    assert both.replay is not None
    assert both.replay_wanted is not None
    # 14,400 s, then the five wanted ones from 100,000 s on: 3,600 s later; 785,600 s until the last spam, 100,000 s until the last wanted
    assert both.replay.at.tolist() == [0, 3600, 7200, 10800, 14400, 36000]
    assert both.replay_wanted.at.tolist() == [18000, 21600, 25200, 28800, 32400, 39600]


def test_gaps_that_are_all_short_are_said_to_be_none(trace):
    scenario = compressed(sim.load(SCENARIOS / "spam_2002_replay.toml").with_replay(trace), 90 * 86400.0)
    assert scenario.replay is not None
    assert scenario.replay.at.tolist() == trace.at.tolist()
    assert scenario.what_was_cut().endswith("there is none.")


def mailflow(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    """The exit status of a command."""
    monkeypatch.setattr(sys, "argv", ["mailflow", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return stopped.value.code


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--compress", "1 h"], "--compress: there is no replayed mail"),
        (["--compress", "soon", "--replay", "FILE"], "--compress: 'soon' is not a duration"),
        (["--compress", "0 s", "--replay", "FILE"], "above 0"),
    ],
)
def test_a_wrong_compression_is_one_clear_line(trace, options, message, capsys, monkeypatch):
    assert mailflow(monkeypatch, "run", "sbs_2003", *(trace.path if part == "FILE" else part for part in options)) == 2
    assert message in capsys.readouterr().err


def test_a_run_of_a_compressed_replay_says_so(trace, capsys, monkeypatch):
    replay = str(SCENARIOS / "spam_2002_replay.toml")
    assert mailflow(monkeypatch, "run", replay, "--replay", trace.path, "--compress", "2 h") == 0
    assert "Gaps of the replay longer than 2 h were cut down to it" in capsys.readouterr().out
