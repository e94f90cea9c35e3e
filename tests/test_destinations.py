"""What destinations do: several addresses, time-outs of each server, null MX, mailboxes that are full for good."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim
from sim import realise
from sim.mail import NULL_SENDER, Code, Dsn, Kind, Outcome, Place, Truth
from sim.profiles import PROFILES
from sim.scenario.estimate import hanging
from sim.server.transport import Message
from sim.server.transport.processes import Transport
from sim.world import World

STORY = sim.load(Path(__file__).parent.parent / "scenarios" / "sbs_2003.toml")
STRANGE = (Place.STRANGE << 40) + np.arange(4000)
SHORT = """title = "Ann is away for two days"
start = 2020-04-01
days = 2
[server]
policy = "external"
[office]
mailboxes = 3
people = ["ann"]
[spam]
mailboxes = { ann = "50/mailbox/day" }
[[absence]]
who = "ann"
"""
SEVERAL = {"world.several": "100 %", "world.addresses": 3}


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    path = tmp_path_factory.mktemp("scenario") / "short.toml"
    path.write_text(SHORT)
    return sim.load(path)


def world(settings: dict[str, Any] | None = None) -> World:
    return realise.world(STORY.with_settings(settings or {}), 1, 0)


def domain(outside: World, code: Code, dead: int = 0) -> int:
    """The first sender domain of spam with that fate, and so many dead addresses before one that answers."""
    return next(hop for hop in STRANGE.tolist() if outside.domain(hop) is code and outside.dead_addresses(hop) == dead)


# Time-outs in seconds, of each address and of DNS: FACTS 1.4, 1.5 and 3.1, and what the profiles assume.
TIMEOUTS = {
    **dict.fromkeys(("exchange-2003", "iis-smtp", "exchange-2007", "exchange-2016", "exchange-edge", "exchange-online"), (21.0, 15.0)),
    **dict.fromkeys(("postfix", "opensmtpd", "mox"), (30.0, 10.0)),
    **dict.fromkeys(("qmail", "kumomta"), (60.0, 10.0)),
    "sendmail": (127.0, 10.0),
    "exim": (300.0, 10.0),
}


@pytest.mark.parametrize("server", sorted(PROFILES))
def test_a_silent_host_and_a_silent_dns_hold_a_connection_for_as_long_as_this_server_waits(short, server):
    attempts = sim.run(short.with_settings({"server.profile": server})).columns("attempts")
    tcp, dns = TIMEOUTS[server]
    assert set(attempts["seconds"][attempts["code"] == Code.TIMEOUT].tolist()) == {tcp}
    assert set(attempts["seconds"][attempts["code"] == Code.DNS_TIMEOUT].tolist()) == {dns}


# Several addresses.


def test_an_attempt_at_a_silent_host_lasts_a_time_out_for_each_address_and_one_that_is_refused_an_answer_of_each():
    outside = world(SEVERAL)
    assert outside.seconds(domain(outside, Code.TIMEOUT), Code.TIMEOUT, 1, 1, True, 1000) == 3 * 21.0
    assert outside.seconds(domain(outside, Code.REFUSED), Code.REFUSED, 1, 1, True, 1000) == pytest.approx(3 * 0.2, abs=1e-5)
    dns = domain(outside, Code.DNS_TIMEOUT)
    assert outside.seconds(dns, Code.DNS_TIMEOUT, 1, 1, True, 1000) == 15.0  # no address is known


def test_a_server_tries_no_more_addresses_than_its_limit():
    for tried, count in ((2, 2), (3, 3), (100, 3)):
        outside = world(SEVERAL | {"server.addresses_tried": tried})
        assert outside.seconds(domain(outside, Code.TIMEOUT), Code.TIMEOUT, 1, 1, True, 1000) == count * 21.0
    many = world({"world.several": "100 %", "world.addresses": 9, "server.profile": "postfix", "server.policy": "external"})
    assert many.seconds(domain(many, Code.TIMEOUT), Code.TIMEOUT, 1, 1, True, 1000) == 5 * 30.0  # smtp_mx_address_limit


def test_in_a_run_every_failed_connection_to_a_silent_host_lasts_that_long(short):
    attempts = sim.run(short.with_settings(SEVERAL)).columns("attempts")
    assert set(attempts["seconds"][attempts["code"] == Code.TIMEOUT].tolist()) == {63.0}


def test_the_share_of_next_hops_with_several_addresses_is_the_one_asked_for():
    outside = world({"world.several": "30 %"})
    found = np.array([outside.addresses(hop) for hop in STRANGE.tolist()])
    assert set(found.tolist()) == {1, 2}
    assert (found == 2).mean() == pytest.approx(0.3, abs=0.03)  # 4,000 domains: four standard errors
    assert {world().addresses(hop) for hop in STRANGE[:100].tolist()} == {1}


def test_where_the_first_address_is_dead_the_second_answers_one_time_out_later_on_a_connection_that_is_opened():
    plain, dead = world(SEVERAL), world(SEVERAL | {"world.first_dead": "100 %"})
    hop = domain(dead, Code.OK, dead=1)
    assert plain.dead_addresses(hop) == 0
    assert dead.connects(hop, 0.0) is Code.OK
    for opens, more in ((True, 21.0), (False, 0.0)):
        assert dead.seconds(hop, Code.OK, 1, 1, opens, 1000) == plain.seconds(hop, Code.OK, 1, 1, opens, 1000) + more


def test_a_server_that_tries_one_address_never_reaches_a_host_whose_first_address_is_dead():
    outside = world(SEVERAL | {"world.first_dead": "100 %", "server.addresses_tried": 1})
    hop = domain(outside, Code.OK, dead=1)
    assert outside.connects(hop, 0.0) is Code.TIMEOUT
    assert outside.seconds(hop, Code.TIMEOUT, 1, 1, True, 1000) == 21.0
    provider = Place.PROVIDER << 40
    assert outside.connects(provider, 0.0) is Code.OK


def test_dead_first_addresses_delay_wanted_mail_and_lose_none(short):
    plain, dead = (sim.run(short.with_settings(SEVERAL | {"world.first_dead": share})) for share in ("0 %", "100 %"))

    def arrived(record):
        m = record.columns("messages")
        return set(m["id"][(m["kind"] == Kind.OUTBOUND) & (m["outcome"] == Outcome.DELIVERED)].tolist())

    assert arrived(plain) == arrived(dead)
    # three quarters of the mail go to partners, each of which has a dead address
    assert sim.measure(dead)["wanted_delay_p50"] == pytest.approx(sim.measure(plain)["wanted_delay_p50"] + 21.0, abs=2.0)


# Null MX.


def test_by_default_no_domain_has_a_null_mx_and_with_a_share_so_many_of_those_that_resolve():
    assert Code.NULL_MX not in world().domains(STRANGE)
    before, after = world().domains(STRANGE), world({"spam.null_mx": "10 %"}).domains(STRANGE)
    null = after == Code.NULL_MX
    assert np.array_equal(before[~null], after[~null])  # the fates of the others are what they were
    resolves = ~np.isin(after, (Code.NXDOMAIN, Code.DNS_TIMEOUT))
    assert null[resolves].mean() == pytest.approx(0.1, abs=0.02)


def test_nobody_at_a_domain_with_a_null_mx_can_be_told_and_a_server_that_asks_dns_refuses_such_a_sender():
    outside = world({"spam.null_mx": "10 %"})
    hop = np.array([domain(outside, Code.NULL_MX)])
    assert outside.senders(hop, hop).tolist() == [Truth.FORGED_DEAD]
    assert outside.unresolvable(hop).tolist() == [True]


@pytest.mark.parametrize("server", sorted(PROFILES))
def test_a_null_mx_bounces_at_once_or_retries_as_the_server_s_setting_says(short, server):
    fates = {"spam.null_mx": "100 %", "spam.unresolvable": "0 %", "server.profile": server}
    final = short.with_settings(fates | {"server.null_mx": "permanent"})
    outside = realise.world(final, 1, 0)

    def played(scenario, **change) -> Transport:
        transport = Transport(scenario.queue_rules(), outside)
        transport.submit(
            [Message(1, 1, int(STRANGE[0]), int(STRANGE[0]), 1000, 0.0), Message(2, NULL_SENDER, 7, int(STRANGE[1]), 1000, 1.0)]
        )
        transport.advance(6 * 3600.0)
        return transport

    at_once = played(final)
    assert [(m.outcome, m.dsn, m.attempts) for m in at_once.messages] == [
        (Outcome.BOUNCED, Dsn.SENT, 1),
        (Outcome.BOUNCED, Dsn.NULL_SENDER, 1),
    ]
    assert not at_once.episodes
    retried = played(short.with_settings(fates | {"server.null_mx": "temporary"}))
    assert [m.outcome for m in retried.messages] == [Outcome.QUEUED] * 2
    assert len(retried.episodes) == 2
    assert all(m.attempts > 1 for m in retried.messages)


def test_postfix_bounces_a_null_mx_with_the_code_that_it_documents():
    assert PROFILES["postfix"].settings["server.null_mx"].value == "permanent"
    assert PROFILES["postfix"].text(Code.NULL_MX).startswith("5.1.0 ")


def test_a_null_mx_before_rfc_7505_is_no_input_whose_band_is_varied(short):
    assert "spam.null_mx" in {item.key for item in short.assumed()}  # it plays in 2020
    assert not {"spam.null_mx", "server.null_mx"} & {item.key for item in STORY.assumed()}  # and this one in 2006


def test_fewer_queues_hang_where_domains_say_that_they_take_no_mail():
    none, all_of_them = (STORY.with_settings({"spam.null_mx": share}) for share in ("0 %", "100 %"))
    assert hanging(all_of_them) == pytest.approx(0.25 * 0.8)  # only those that do not resolve, and not at once
    record = sim.run(all_of_them)
    met = record.columns("queues")["last_code"][record.columns("queues")["next_hop"] >> 40 == Place.STRANGE]
    assert set(met.tolist()) == {Code.DNS_TIMEOUT}
    assert sim.measure(record)["queues_in_retry_peak"] < sim.measure(sim.run(none))["queues_in_retry_peak"]
    assert sim.measure(record)["strangers_told"] < sim.measure(sim.run(none))["strangers_told"]


# Full mailboxes.


def test_by_default_a_full_mailbox_is_full_for_now_and_with_a_share_so_many_are_full_for_good():
    default, half, every = (world({"world.full_for_good": share}) for share in ("0 %", "50 %", "100 %"))
    full = [who for who in STRANGE.tolist() if default.mailbox(who) is Code.FULL]
    assert len(full) == pytest.approx(0.04 * len(STRANGE), abs=50)
    assert {every.mailbox(who) for who in full} == {Code.OVER_QUOTA}
    assert np.mean([half.mailbox(who) is Code.OVER_QUOTA for who in full]) == pytest.approx(
        0.5, abs=0.16
    )  # about 160: four standard errors
    assert all(every.mailbox(who) is default.mailbox(who) for who in STRANGE.tolist() if who not in full)


def test_552_is_a_notice_at_once_where_452_hangs_until_it_expires():
    # every address of spam is a full mailbox, and every domain answers
    fates = {"spam.addresses.full": "100 %", "spam.addresses.nobody": "0 %", "spam.addresses.stranger": "0 %"}
    fates |= {"spam.addresses.spammer": "0 %", "spam.addresses.trap": "rest", "spam.unresolvable": "0 %", "spam.silent": "0 %"}
    fates |= {"spam.refusing": "0 %", "spam.busy": "0 %"}
    for share, code, outcome in (("0 %", Code.FULL, Outcome.EXPIRED), ("100 %", Code.OVER_QUOTA, Outcome.BOUNCED)):
        m = sim.run(STORY.with_settings(fates | {"world.full_for_good": share})).columns("messages")
        replies = (m["kind"] == Kind.AUTOREPLY) & np.isin(m["next_hop"] >> 40, (Place.STRANGE, Place.PROVIDER))
        old = replies & (m["accepted_at"] < 3 * 86400.0)  # 452 has expired by the end of the run
        assert old.sum() > 50
        assert set(m["outcome"][old].tolist()) == {outcome}
        assert set(m["last_code"][old].tolist()) == {code}
        assert (m["dsn"][old] == Dsn.SENT).all()
