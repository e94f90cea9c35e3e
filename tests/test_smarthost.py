"""The route through a smarthost: one queue here, the others at the provider, and what arrives in the end."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import sim
from sim import experiment, legs, realise, report
from sim.errors import BadInput
from sim.logs import iis
from sim.mail import HERE, NULL_SENDER, SMARTHOST, Code, Dsn, Kind, Outcome, Place
from sim.record import RELAY, Record
from sim.report.page import page
from sim.report.queues import queue_view, what_happened
from sim.units import DAY, HOUR, moment

STORY = sim.load(Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml")
UP = {"route.to": "smarthost", "route.outages": "0/hop/week"}  # it never fails
LAG = 60.0  # cause.notice_lag
FORGED = {"cause.infected_pc.senders": "forged", "cause.infected_pc.rate": "300/day", "cause.infected_pc.until": "day 2"}


def run(settings: Mapping[str, object], policy: str = "external") -> Record:
    return sim.run(STORY.with_settings(settings), policy)


@pytest.fixture(scope="module")
def direct() -> Record:
    return sim.run(STORY)


@pytest.fixture(scope="module")
def through() -> Record:
    return run(UP)


@pytest.fixture(scope="module")
def forged() -> Record:
    return run(UP | FORGED)


@pytest.fixture(scope="module")
def failing() -> Record:
    """A smarthost that is down for hours, refuses a tenth for now, and reports delays, as the server here does."""
    return run(
        {
            "route.to": "smarthost",
            "route.relay": "exchange-2016",
            "route.outages": "4/hop/week",
            "route.outage": "18 h",
            "route.refuses": "10 %",
        }
    )


# One queue here.


def test_all_mail_to_the_outside_has_the_smarthost_as_its_next_hop(through, direct):
    ours, before = through.columns("messages"), direct.columns("messages")
    assert set(np.unique(ours["next_hop"]).tolist()) == {HERE, SMARTHOST}
    out = ours["next_hop"] == SMARTHOST
    assert np.array_equal(np.sort(ours["id"][out]), np.sort(before["id"][before["next_hop"] != HERE]))  # the same mail


def test_while_the_smarthost_takes_everything_no_queue_here_is_in_retry_and_no_alarm_goes_off(through):
    assert len(through.columns("queues")["since"]) == 0
    values = sim.measure(through)
    assert values["queues_in_retry_peak"] == values["hung_autoreplies_peak"] == 0
    assert np.isnan(values["alarm_after_queues"])


def test_a_smarthost_that_is_down_is_one_queue_in_retry_with_all_mail_in_it(failing):
    queues, ours = failing.columns("queues"), failing.columns("messages")
    assert set(queues["next_hop"].tolist()) == {SMARTHOST}
    assert set(queues["last_code"].tolist()) == {Code.TIMEOUT}
    longest = int(np.argmax(np.nan_to_num(queues["until"]) - queues["since"]))
    since, until = queues["since"][longest], queues["until"][longest]
    left = (ours["next_hop"] == SMARTHOST) & (ours["settled_at"] > since) & (ours["settled_at"] < until)
    assert until - since > 6 * HOUR
    assert not (left & (ours["outcome"] == Outcome.DELIVERED)).any()
    assert sim.measure(failing)["queues_in_retry_peak"] == 1


def test_the_smarthost_refuses_the_share_that_is_asked_for_and_each_time_anew(failing):
    attempts = failing.columns("attempts")
    answered = np.isin(attempts["code"], (Code.OK, Code.TRY_LATER))
    refused = attempts["code"][answered] == Code.TRY_LATER
    assert refused.mean() == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / answered.sum()))
    ours = failing.columns("messages")
    once = ours["id"][ours["outcome"] == Outcome.DELIVERED]
    assert np.isin(attempts["message"][attempts["code"] == Code.TRY_LATER], once).mean() > 0.9  # taken later


def test_the_server_here_keeps_to_the_connections_that_the_smarthost_allows():
    attempts = run(UP | {"route.connections": 1}).columns("attempts")
    ends = attempts["at"] + attempts["seconds"]
    assert (attempts["at"][1:] >= ends[:-1]).all()
    rules = STORY.with_settings(UP | {"route.connections": 7}).queue_rules()
    assert rules.connections_per_hop == 7
    assert STORY.with_settings({"route.connections": 7}).queue_rules().connections_per_hop == 100  # no smarthost: of no effect


# Its limit.


@pytest.fixture(scope="module")
def limited() -> Record:
    return run(UP | {"route.throttle": "10/hour"})


def test_in_no_hour_does_the_smarthost_take_more_than_its_limit(limited):
    attempts = limited.columns("attempts")
    taken = np.sort(attempts["at"][attempts["code"] == Code.OK])
    assert (taken[10:] - taken[:-10] >= HOUR).all()
    assert (attempts["code"] == Code.TOO_MUCH).sum() > 100  # 150 messages a day are written in ten hours


def test_what_is_over_the_limit_waits_as_single_messages_and_is_counted_where_it_is_wanted(limited):
    assert len(limited.columns("queues")["since"]) == 0
    attempts, ours = limited.columns("attempts"), limited.columns("messages")
    waited = np.unique(attempts["message"][attempts["code"] == Code.TOO_MUCH])
    wanted = waited[(waited & 15) == Kind.OUTBOUND]
    assert sim.measure(limited)["wanted_throttled"] == len(wanted) > 0
    assert not np.isnan(ours["deferred_at"][np.isin(ours["id"], waited)]).any()


def test_replies_that_use_up_the_limit_are_an_argument_and_forbid_to_answer_everyone():
    generous = STORY.with_settings(UP | {"verdict.stranger_weight": 0.0})
    found = experiment.compare(generous, ["internal-only", "external"], replications=2, jobs=2, bands=False)
    assert found.verdict.answer == "yes"
    tight = generous.with_settings({"route.throttle": "18/hour"})
    found = experiment.compare(tight, ["internal-only", "external"], replications=2, jobs=2, bands=False)
    assert found.verdict.answer != "yes"
    said = report.answer(found)
    assert any(line.startswith("Replies use up what the smarthost takes in an hour") for line in said.why)
    assert not any("delay of wanted mail" in line for line in said.not_arguments)


# Two legs, each with its own account.


@pytest.mark.parametrize("which", ["through", "failing", "limited", "forged"])
def test_on_either_server_every_message_is_settled_or_still_in_a_live_queue(which, request):
    record = request.getfixturevalue(which)
    for table, queued in (("messages", record.run.queued), ("relay_messages", record.run.relay_queued)):
        m = record.columns(table)
        assert (m["outcome"] == Outcome.QUEUED).sum() == queued
        assert (np.isnan(m["settled_at"]) == (m["outcome"] == Outcome.QUEUED)).all()
        assert len(np.unique(m["id"])) == len(m["id"])


@pytest.mark.parametrize("which", ["through", "failing", "limited", "forged"])
def test_the_smarthost_has_what_was_handed_over_from_that_moment_on_and_its_own_reports_and_nothing_else(which, request):
    record = request.getfixturevalue(which)
    ours, theirs = record.columns("messages"), record.columns("relay_messages")
    handed = (ours["next_hop"] == SMARTHOST) & (ours["outcome"] == Outcome.DELIVERED)
    when = dict(zip(ours["id"][handed].tolist(), ours["settled_at"][handed].tolist(), strict=True))
    second = np.isin(theirs["id"], ours["id"])
    assert dict(zip(theirs["id"][second].tolist(), theirs["accepted_at"][second].tolist(), strict=True)) == when
    born = ~second
    assert np.isin(theirs["kind"][born], (Kind.FAILURE, Kind.DELAY)).all()
    assert (theirs["sender"][born] == NULL_SENDER).all()
    assert np.isin(theirs["caused_by"][born], theirs["id"]).all()
    for name in ("kind", "truth", "sender", "recipient", "size"):  # the same message
        mine = dict(zip(ours["id"].tolist(), ours[name].tolist(), strict=True))
        assert theirs[name][second].tolist() == [mine[id] for id in theirs["id"][second].tolist()]


def test_who_can_be_reached_at_any_time_is_told_on_either_route(direct, through):
    world = realise.world(STORY, 1, 0)

    def told(table):
        m = table
        early = m["accepted_at"] < 8 * DAY
        which = (m["kind"] == Kind.AUTOREPLY) & (m["outcome"] == Outcome.DELIVERED) & early
        return set(m["recipient"][which & (m["recipient"] >> 40 == Place.STRANGE)].tolist())

    one, other = told(direct.columns("messages")), told(legs.ended(through))
    assert len(one) > 40
    assert not {who for who in one ^ other if world.domain(who) is not Code.BUSY}  # what a busy host hears depends on when it is asked


def test_in_the_end_each_message_is_counted_once_with_the_last_server_s_word(forged):
    ours, theirs, ended = forged.columns("messages"), forged.columns("relay_messages"), legs.ended(forged)
    assert len(np.unique(ended["id"])) == len(ended["id"]) == len(np.union1d(ours["id"], theirs["id"]))
    assert np.array_equal(ended["id"][: len(ours["id"])], ours["id"])
    last = dict(zip(theirs["id"].tolist(), theirs["outcome"].tolist(), strict=True))
    expected = [last.get(id, word) for id, word in zip(ours["id"].tolist(), ours["outcome"].tolist(), strict=True)]
    assert ended["outcome"][: len(expected)].tolist() == expected


def test_without_a_smarthost_there_is_no_second_leg(direct):
    assert legs.ended(direct) is direct.columns("messages")
    assert not legs.from_relay(direct).any()
    values = sim.measure(direct)
    assert all(np.isnan(values[name]) for name in values if name.startswith("relay_") or name == "wanted_throttled")


def test_a_result_does_not_depend_on_how_finely_the_host_steps(through):
    # a block list that nobody asks makes the host step by its delay
    fine = run(UP | {"listing.spamcop.asked_by": "0 %", "listing.spamcop.delay": "10 min"})
    for table in ("messages", "queues", "attempts", *RELAY):
        for name, column in through.columns(table).items():
            np.testing.assert_array_equal(fine.columns(table)[name], column, err_msg=f"{table}.{name}")


# The relay's own rules.


def test_the_smarthost_tries_by_the_rules_and_time_outs_of_its_own_profile(through, failing):
    for record, tcp, dns in ((through, 30.0, 10.0), (failing, 21.0, 15.0)):  # Postfix, Exchange 2016: FACTS 1.4, 3.1
        attempts = record.columns("relay_attempts")
        assert set(attempts["seconds"][attempts["code"] == Code.TIMEOUT].tolist()) == {tcp}
        assert set(attempts["seconds"][attempts["code"] == Code.DNS_TIMEOUT].tolist()) == {dns}


@pytest.mark.parametrize(("settings", "lifetime"), [({}, 5 * DAY), ({"route.expiry": "1 d"}, DAY)])
def test_what_hangs_there_is_given_up_after_the_smarthost_s_lifetime(settings, lifetime):
    m = run(UP | settings).columns("relay_messages")
    lived = (m["settled_at"] - m["accepted_at"])[m["outcome"] == Outcome.EXPIRED]
    assert len(lived) > 20
    # Postfix looks at a failed attempt, at most 4,000 s and a scan of 300 s apart; it counts whole seconds (FACTS 1.4)
    assert (lived > lifetime - 1.0).all()
    assert (lived < lifetime + 4000.0 + 300.0 + 31.0).all()


def test_an_office_whose_dns_is_silent_does_not_reach_the_smarthost_whose_own_dns_answers():
    since, until = moment("day 3"), moment("day 3 12:00")
    record = run(UP | {"cause.dns_outage.from": "day 3", "cause.dns_outage.until": "day 3 12:00"})
    ours, theirs = record.columns("attempts"), record.columns("relay_attempts")
    meanwhile = (ours["at"] >= since) & (ours["at"] < until)
    assert set(ours["code"][meanwhile].tolist()) == {Code.DNS_TIMEOUT}
    there = theirs["code"][(theirs["at"] >= since) & (theirs["at"] < until)]
    assert len(there) > 50
    assert (there != Code.DNS_TIMEOUT).any()


def test_queues_of_bogus_domains_stand_at_the_smarthost(through, direct):
    values, before = sim.measure(through), sim.measure(direct)
    # 5 days there, 2 days here: more of them stand at once
    assert values["relay_queues_in_retry_peak"] > before["queues_in_retry_peak"] > 10
    assert set((through.columns("relay_queues")["next_hop"] >> 40).tolist()) <= {Place.STRANGE, Place.PARTNER}


# Reports.


def test_a_failure_there_comes_back_to_the_return_path_as_mail_from_outside(through):
    ours, theirs = through.columns("messages"), through.columns("relay_messages")
    due = (theirs["dsn"] == Dsn.SENT) & (theirs["settled_at"] + LAG < through.run.horizon)
    expected = {id: at + LAG for id, at in zip(theirs["id"][due].tolist(), theirs["settled_at"][due].tolist(), strict=True)}
    came = legs.from_relay(through)
    found = dict(zip(ours["caused_by"][came].tolist(), ours["accepted_at"][came].tolist(), strict=True))
    assert found == pytest.approx(expected)
    assert len(found) > 50
    assert set(ours["kind"][came].tolist()) == {Kind.FAILURE}
    assert (ours["sender"][came] == NULL_SENDER).all()
    assert (ours["recipient"][came] == [dict(zip(ours["id"], ours["sender"], strict=True))[id] for id in ours["caused_by"][came]]).all()


def test_notices_to_the_absent_count_those_that_came_back_from_the_smarthost(through):
    ours = through.columns("messages")
    mine = legs.from_relay(through) & ((ours["caused_by"] & 15) == Kind.AUTOREPLY)
    assert sim.measure(through)["notices_to_user"] == mine.sum() > 50
    assert sim.measure(run(UP | {"replies.return_path": "null"}))["notices_to_user"] == 0


def test_a_message_is_reported_as_late_once_though_both_servers_would(failing):
    ours = failing.columns("messages")
    late = ours["caused_by"][ours["kind"] == Kind.DELAY]
    assert max(Counter(late.tolist()).values()) == 1
    by_relay = legs.from_relay(failing) & (ours["kind"] == Kind.DELAY)
    by_us = ours["caused_by"][(ours["kind"] == Kind.DELAY) & ~by_relay]
    theirs = failing.columns("relay_messages")
    long = theirs["id"][~(theirs["settled_at"] - theirs["accepted_at"] <= 4 * HOUR)]  # DelayNotificationTimeout, FACTS 1.2
    assert by_relay.sum() > 0
    assert np.intersect1d(by_us, long).size > 0


def test_a_report_on_spam_with_a_forged_sender_leaves_from_the_smarthost_and_is_backscatter(forged):
    theirs = forged.columns("relay_messages")
    reports = theirs["kind"] == Kind.FAILURE
    assert reports.sum() > 20
    assert ((theirs["caused_by"][reports] & 15) == Kind.RELAY).all()
    assert not (forged.columns("messages")["kind"][forged.columns("messages")["next_hop"] != HERE] == Kind.FAILURE).any()
    innocent = reports & (theirs["outcome"] == Outcome.DELIVERED) & (forged.frame("relay_messages")["truth"] == "forged-real").to_numpy()
    assert sim.measure(forged)["backscatter_notices"] == innocent.sum() > 0


def test_it_is_the_smarthost_that_gets_listed_and_wanted_mail_is_refused_there():
    traps = {"spam.addresses.trap": "50 %", "spam.addresses.stranger": "0 %", "listing.spamcop.asked_by": "100 %"}
    record = run(UP | traps)
    acts = record.columns("acts")
    assert set(acts["who"][[what.startswith("listed") for what in acts["what"]]].tolist()) == {"smarthost"}
    theirs = record.columns("relay_messages")
    refused = (theirs["last_code"] == Code.LISTED) & (theirs["kind"] == Kind.OUTBOUND)
    assert sim.measure(record)["wanted_refused"] == refused.sum() > 10
    assert not (record.columns("messages")["last_code"] == Code.LISTED).any()


# What it leaves, and what is said.


def test_a_record_with_two_legs_comes_back_as_it_was_and_one_without_has_no_files_of_them(through, direct, tmp_path):
    again = Record.load(through.save(tmp_path / "two"))
    assert again.run == through.run
    for table in RELAY:
        for name, column in through.columns(table).items():
            if name in again.columns(table):
                np.testing.assert_array_equal(again.columns(table)[name], column)
    before, after = sim.measure(through), sim.measure(again)
    assert {name: after[name] for name in before} == pytest.approx(dict(before), nan_ok=True)
    direct.save(tmp_path / "one")
    assert not list((tmp_path / "one").glob("relay*"))
    assert sim.measure(Record.load(tmp_path / "one"))["strangers_told"] == sim.measure(direct)["strangers_told"]


def test_recipients_keep_the_names_of_their_own_domains(through, direct):
    names = dict(zip(direct.columns("addresses")["address"].tolist(), direct.columns("addresses")["name"].tolist(), strict=True))
    here = dict(zip(through.columns("addresses")["address"].tolist(), through.columns("addresses")["name"].tolist(), strict=True))
    assert {who: here[who] for who in names if who in here} == {who: name for who, name in names.items() if who in here}
    assert "smarthost.example" in through.columns("domains")["name"].tolist()


def test_the_log_of_the_server_here_shows_the_smarthost_alone_and_its_reports_coming_in(through, tmp_path):
    sessions = iis.sessions(iis.read(iis.write(through, tmp_path / "ex.log")))
    out = sessions[sessions["direction"] == "out"]
    assert out["client_ip"].nunique() == 1
    back = sessions[(sessions["direction"] == "in") & (sessions["client_ip"] == out["client_ip"].iloc[0])]
    assert len(back) == legs.from_relay(through).sum() > 50


def test_run_shows_our_queue_and_says_where_the_others_stand(through, direct):
    scenario = STORY.with_settings(UP)
    view = queue_view(scenario, through, moment("day 5 12:00"))
    assert "All outbound queues are empty" in view
    assert "With this route the queues stand at the provider" in view
    said = what_happened(scenario, through)
    assert "not our queue, but our reputation there" in said
    assert "provider" not in queue_view(STORY, direct, moment("day 5 12:00")) + what_happened(STORY, direct)


def test_the_answer_says_that_the_queues_stand_at_the_provider_and_what_that_argument_becomes():
    found = experiment.compare(STORY.with_settings(UP), ["internal-only", "external"], replications=3, jobs=2, bands=False)
    said = report.answer(found)
    assert any("with this route the queues stand at the provider" in line for line in said.decided)
    assert any(line.startswith("Not our queue, but our reputation there") for line in said.why)
    assert not any(line.startswith("The queues look like a compromise") for line in said.why)
    assert any("the look of the queues (with this route" in line for line in said.not_arguments)
    assert "at the smarthost" in said.table.header
    assert "5 d" in said.by_hand[0]  # the estimate by hand takes the lifetime there
    assert "reputation there" in page(found, said)
    plain = experiment.compare(STORY, ["internal-only", "external"], replications=2, jobs=2, bands=False)
    assert "smarthost" not in report.text(report.answer(plain))


def test_a_route_is_an_input_and_a_smarthost_that_is_not_there_adds_no_other():
    assert [item.key for item in STORY.inputs() if item.key.startswith("route.")] == ["route.to"]
    routed = STORY.with_settings({"route.to": "smarthost"})
    assumed = {item.key for item in routed.assumed() if item.key.startswith("route.")}
    assert assumed == {"route.relay", "route.throttle", "route.refuses", "route.outages", "route.outage"}
    for item in routed.assumed():
        for end in (item.low, item.high):
            routed.with_settings({item.key: end})


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("route.relay=postfx", "route.relay: .* did you mean 'postfix'"),
        ("route.throttle=5", "5 has no unit: .* '100/hour'"),
        ("route.throttle=0/hour", "greater than or equal to 1"),
        ("route.to=internet", "should be 'mx' or 'smarthost'"),
    ],
)
def test_a_wrong_route_is_named_with_what_is_wanted(setting, message):
    with pytest.raises(BadInput, match=message):
        sim.load(Path(STORY.file), [setting])
