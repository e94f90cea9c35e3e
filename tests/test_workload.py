"""When spam and wanted mail come, beside campaigns: the week, directory harvests."""

from pathlib import Path

import numpy as np
import pytest

import sim
from sim import realise
from sim.errors import BadInput
from sim.mail import Kind, Outcome
from sim.units import HOUR
from sim.workload import Rows, join

STORY = Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml"


def rows(*settings: str, seed: int = 1) -> Rows:
    scenario = sim.load(STORY, settings)
    world = realise.world(scenario, seed, 0)
    return join([part for _, part in realise.hours(scenario, seed, 0, world, 24)])


def test_spam_of_the_measured_week_is_rarer_at_weekends():
    # SA: 297.2 messages on a weekday, 205.5 on a weekend day, 0.69. The story starts on a Wednesday; in 28 days at 50 a day there are 1,500
    # and 600 messages at these rates: the ratio has a standard error of 0.69 sqrt(1/1,100 + 1/300) = 0.045.
    found = rows('spam.profile="measured"', "days=28", "spam.rate=0/mailbox/day", "spam.unknown_recipients=0/day")
    at = found.at[found.kind == Kind.SPAM]
    weekend = np.isin((2 + at // (24 * HOUR)) % 7, (5, 6))
    assert (weekend.sum() / 8) / ((~weekend).sum() / 20) == pytest.approx(0.69, abs=0.135)


def test_the_measured_week_is_that_of_the_table_of_real_spam(shared_data):
    from sim import corpus

    trace = corpus.read(shared_data / "spam-2002.csv")
    first = np.datetime64(trace.epoch.rstrip("Z"), "s")
    seconds = first.astype("int64") + trace.at
    days = np.bincount(((seconds // 86400 + 3) % 7).astype(int), minlength=7)  # 1970-01-01 was a Thursday
    profile = np.array(sim.load(STORY, ['spam.profile="measured"']).document.spam.profile).reshape(7, 24)
    assert profile.mean() == pytest.approx(1.0)
    assert profile[:5].mean() / profile[5:].mean() == pytest.approx(days[:5].mean() / days[5:].mean(), rel=0.005)


def test_a_list_of_24_weights_shapes_every_day_and_one_of_168_the_week():
    day = "[" + ", ".join(["0"] * 12 + ["1"] * 12) + "]"
    found = rows(f"spam.profile={day}", f"wanted.profile={day}")
    assert (found.at % (24 * HOUR) >= 12 * HOUR).all()
    assert {Kind.SPAM, Kind.WANTED, Kind.OUTBOUND, Kind.INTERNAL, Kind.LIST} == set(found.kind.tolist())
    week = "[" + ", ".join(["0"] * 120 + ["1"] * 48) + "]"  # Saturday and Sunday; the run starts on a Wednesday
    spam = rows(f"spam.profile={week}")
    at = spam.at[spam.kind == Kind.SPAM]
    assert set((at // (24 * HOUR)).astype(int).tolist()) == {3, 4}


def test_a_profile_moves_mail_and_does_not_add_any():
    # The mean over whole weeks is kept: 14 days of 50 a day to ann, 700 +- 26.
    found = rows("days=14", "spam.profile=office", "spam.rate=0/mailbox/day", "spam.unknown_recipients=0/day")
    assert (found.kind == Kind.SPAM).sum() == pytest.approx(700, abs=4 * 700**0.5)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("spam.profile=[1, 2]", "a list of 2 is neither one of 'flat'"),
        ("spam.profile=nightly", "'nightly' is neither one of 'flat', 'office', 'measured' nor 24 weights"),
        ("wanted.profile=[" + "0, " * 24 + "]", "not all of them are 0"),
        ("spam.profile=[-1" + ", 1" * 23 + "]", "at least 0"),
        ("spam.arrivals=bursts", "'steady' or 'campaigns'"),
        ("spam.campaigns.smallest=0 %", "greater than 0"),
        ("spam.campaigns.largest=0.5 %", "the smallest campaign reaches 1 %, more than the largest, 0.5 %"),
        ("spam.campaigns.longest=0 h", "greater than 0"),
    ],
)
def test_a_wrong_profile_or_campaign_is_one_clear_line(setting, message):
    with pytest.raises(BadInput, match=message) as caught:
        sim.load(STORY, [setting])
    assert "\n" not in str(caught.value)


def test_a_directory_harvest_is_refused_and_leaves_everything_else_as_it_was():
    plain = sim.run(sim.load(STORY)).columns("messages")
    record = sim.run(sim.load(STORY, ["spam.harvests=4/day", "spam.harvest_size=250", "spam.harvest_length=10 min"]))
    with_them = record.columns("messages")
    refused = with_them["outcome"] == Outcome.REFUSED
    more = int(refused.sum()) - int((plain["outcome"] == Outcome.REFUSED).sum())
    assert more % 250 == 0  # 36 harvests are expected in 9 days, each of 250; none of these begins so late that the end cuts it
    assert more == pytest.approx(36 * 250, abs=4 * 6 * 250)
    spam_to_us = [(m["kind"] == Kind.SPAM) & (m["outcome"] == Outcome.MAILBOX) for m in (plain, with_them)]
    assert plain["accepted_at"][spam_to_us[0]].tolist() == with_them["accepted_at"][spam_to_us[1]].tolist()
    assert plain["sender"][spam_to_us[0]].tolist() == with_them["sender"][spam_to_us[1]].tolist()
    hours = record.columns("hours")
    assert hours["refused"].sum() == refused.sum()
    assert hours["refused"].max() >= 125  # a burst stands out: at least half of it lies in one hour


def test_the_assumed_inputs_of_what_does_not_happen_are_not_varied():
    steady = {item.key for item in sim.load(STORY).assumed()}
    assert not [key for key in steady if key.startswith(("spam.campaigns", "spam.harvest"))]
    campaigns = {item.key for item in sim.load(STORY, ["spam.arrivals=campaigns", "spam.harvests=1/day"]).assumed()}
    assert {"spam.campaigns.longest", "spam.campaigns.own_senders", "spam.harvest_length"} <= campaigns
    for item in sim.load(STORY, ["spam.arrivals=campaigns", "spam.harvests=1/day"]).assumed():
        for end in (item.low, item.high):
            sim.load(STORY, ["spam.arrivals=campaigns"]).with_settings({item.key: end})
