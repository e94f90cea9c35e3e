"""Real mail in place of drawn mail."""

from pathlib import Path

import numpy as np
import pytest

import sim
from sim import corpus, experiment, realise, report
from sim.mail import Kind, Place
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
