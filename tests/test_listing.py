"""Block lists: who is listed, when, for how long, and whose mail is then refused."""

from pathlib import Path

import numpy as np
import pytest

import sim
from sim import experiment, realise, report
from sim.mail import NULL_SENDER, Code, Dsn, Kind, Outcome, Place, Truth, address
from sim.server.reputation import Reputation
from sim.units import DAY, HOUR

STORY = sim.load(Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml")
# every answering sender of spam that is nobody's mailbox is a trap, and everybody asks
TRAPS = {
    "spam.addresses.trap": "50 %",
    "spam.addresses.stranger": "0 %",
    "listing.spamcop.hits": 3,
    "listing.spamcop.asked_by": "100 %",
    "listing.sem_backscatter.asked_by": "0 %",
}
LISTED = STORY.with_settings(TRAPS)
HOP = address(Place.PARTNER, 0)


def reputation(**settings) -> Reputation:
    """Of a server that all destinations with lists of others judge by SpamCop alone."""
    scenario = STORY.with_settings(
        {"listing.spamcop.asked_by": "100 %"} | {f"listing.{key.replace('__', '.')}": v for key, v in settings.items()}
    )
    return Reputation(realise.world(scenario, 1, 0), scenario)


def hit(at: float, kind: Kind = Kind.AUTOREPLY, sender: int = 0) -> tuple[Kind, int, float]:
    return kind, sender, at


def test_the_hit_that_fills_the_threshold_lists_the_server_after_the_delay_until_so_long_after_it():
    seen = reputation(spamcop__hits=2, spamcop__delay="2 h", spamcop__lasts="24 h")
    seen.trapped(*hit(1000.0))
    assert seen.listings() == []
    seen.trapped(*hit(5000.0))
    assert seen.listings() == [("spamcop", 5000.0 + 2 * HOUR, 5000.0 + DAY)]
    assert seen.accepts(HOP, 0, 0.0, 5000.0) is Code.OK
    assert seen.accepts(HOP, 0, 0.0, 5000.0 + 2 * HOUR) is Code.LISTED
    assert seen.accepts(HOP, 0, 0.0, 5000.0 + DAY) is Code.OK


def test_a_further_hit_lengthens_a_listing_and_one_after_its_end_begins_another():
    seen = reputation(spamcop__hits=1, spamcop__delay="1 h", spamcop__lasts="24 h", spamcop__within="1 d")
    for at in (0.0, 20 * HOUR, 60 * HOUR):
        seen.trapped(*hit(at))
    assert seen.listings() == [("spamcop", HOUR, 44 * HOUR), ("spamcop", 61 * HOUR, 84 * HOUR)]


def test_hits_that_are_older_than_a_list_remembers_do_not_count():
    seen = reputation(spamcop__hits=2, spamcop__within="1 d")
    for at in (0.0, 1.5 * DAY, 3 * DAY):
        seen.trapped(*hit(at))
    assert seen.listings() == []


@pytest.mark.parametrize(
    ("kind", "sender", "names"),
    [
        (Kind.AUTOREPLY, 0, {"spamcop", "backscatterer"}),
        (Kind.AUTOREPLY, NULL_SENDER, {"spamcop", "backscatterer", "sem_backscatter", "abusix"}),
        (Kind.FAILURE, NULL_SENDER, {"spamcop", "backscatterer", "sem_backscatter", "abusix"}),
        (Kind.RELAY, 0, {"spamcop"}),
    ],
)
def test_each_list_counts_what_it_says_it_counts(kind, sender, names):
    seen = reputation(spamcop__hits=1, backscatterer__hits=1, sem_backscatter__hits=1, abusix__hits=1)
    seen.trapped(*hit(0.0, kind, sender))
    assert {name for name, _, _ in seen.listings()} == names


def test_large_providers_ask_no_public_list():
    seen = reputation()
    assert not seen.asks(address(Place.PROVIDER, 0), 0)
    assert seen.asks(HOP, 0)


@pytest.fixture(scope="module")
def listed():
    return sim.run(LISTED, "external")


def test_while_listed_wanted_mail_is_refused_at_once_and_its_writer_told(listed):
    table, acts = listed.columns("messages"), listed.columns("acts")
    refused = table["last_code"] == Code.LISTED
    assert (table["outcome"][refused] == Outcome.BOUNCED).all()
    spans = [(a, b) for a, b, what in zip(acts["at"], acts["until"], acts["what"], strict=True) if what == "listed by spamcop"]
    left = table["settled_at"][refused]
    assert all(any(a <= at <= b + 60 for a, b in spans) for at in left.tolist())
    ours = refused & (table["kind"] == Kind.OUTBOUND)
    assert ours.sum() > 20
    assert (table["dsn"][ours] == Dsn.SENT).all()
    assert np.isin(table["id"][ours], table["caused_by"][table["kind"] == Kind.FAILURE]).all()


def test_nothing_is_refused_before_a_trap_was_hit_and_the_delay_is_over(listed):
    table = listed.columns("messages")
    hits = np.sort(table["settled_at"][(table["truth"] == Truth.TRAP) & (table["outcome"] == Outcome.DELIVERED) & (table["next_hop"] != 0)])
    first = table["settled_at"][table["last_code"] == Code.LISTED].min()
    assert first > hits[2] + HOUR  # three hits, one hour
    values = sim.measure(listed)
    assert values["listed_after"] == pytest.approx((hits[2] + HOUR) / HOUR)
    assert values["listed"] == 1
    assert values["listed_hours"] > 0


def test_the_law_of_conservation_holds_while_listed(listed):
    table = listed.columns("messages")
    assert (table["outcome"] == Outcome.QUEUED).sum() == listed.run.queued
    assert (np.isnan(table["settled_at"]) == (table["outcome"] == Outcome.QUEUED)).all()


def test_without_replies_to_the_outside_the_server_is_not_listed():
    values = sim.measure(sim.run(LISTED, "internal-only"))
    assert values["listed"] == values["wanted_refused"] == values["listed_hours"] == 0


def test_a_list_that_is_off_adds_no_input_and_one_that_is_on_says_where_its_numbers_come_from():
    assert not [item for item in STORY.inputs() if item.key.startswith("listing.")]
    added = [item for item in LISTED.inputs() if item.key.startswith("listing.")]
    assert {item.key.split(".")[1] for item in added} == {"spamcop", "sem_backscatter"}
    assert all(item.source for item in added)
    for item in LISTED.assumed():
        for end in (item.low, item.high):
            LISTED.with_settings({item.key: end})


def test_a_listing_that_refuses_wanted_mail_is_an_argument_and_forbids_to_answer_everyone():
    generous = LISTED.with_settings({"verdict.stranger_weight": 0.0})
    found = experiment.compare(generous, ["internal-only", "external"], replications=3, jobs=2, bands=False)
    assert any(line.startswith("The server gets listed") for line in report.answer(found).why)
    assert found.verdict.answer != "yes"
    free = experiment.compare(
        STORY.with_settings({"verdict.stranger_weight": 0.0}), ["internal-only", "external"], replications=3, jobs=2, bands=False
    )
    assert free.verdict.answer == "yes"


def test_the_trap_share_at_which_one_hit_is_to_be_expected_is_said_and_brings_about_one_hit():
    found = experiment.compare(STORY, ["external"], replications=10, jobs=2, bands=False)
    line = next(line for line in report.answer(found).not_modelled if line.startswith("listing"))
    share = line.split("at a trap share of ")[1].split(",")[0]
    at_even = STORY.with_settings({"spam.addresses.trap": share})
    hits = experiment.compare(at_even, ["external"], replications=20, jobs=2, bands=False).policies["external"].measures["trap_hits"].mean
    # Poisson of mean 1 over 20 runs: within 4 standard deviations, and the share is said to one digit
    assert abs(hits - 1.0) < 4 / 20**0.5 + 0.1
