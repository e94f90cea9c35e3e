"""Thirteen servers: their documented numbers, and runs on each against a count made another way."""

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sim import profiles
from sim.mail import Code, Outcome
from sim.policy import retry
from sim.policy.retry import Family
from sim.profiles import PROFILES, Profile, Tag
from sim.report.servers import server_list, server_page
from sim.scenario import default_rules as rules
from sim.scenario import reader
from sim.scenario.rules import retry_pieces
from sim.server.transport import Message
from sim.server.transport.processes import Transport

MIN, H, D = 60.0, 3600.0, 86400.0


class Dead:
    """Nothing answers; every attempt lasts `length` seconds."""

    def __init__(self, length=1.0, code=Code.TIMEOUT):
        self.length, self.code = length, code

    def connects(self, hop, now):
        return self.code

    def accepts(self, hop, recipient, met, now):
        return Code.OK

    def seconds(self, hop, code, message, attempt, opens, size):
        return self.length


def play(rules, messages, world: Any, until=20 * D):
    transport = Transport(rules, world)
    transport.submit(messages)
    transport.advance(until)
    return transport


def mail(n, at=0.0, hop=7):
    return Message(n, 1, 100 + n, hop, 1000, at)


# Attempts at a next hop that never answers, the one at the end of the lifetime included: FACTS 9. Servers that look only at a failed
# attempt make one more, which is the one that finds the message too old; FACTS counts it for Postfix and not for Exim and qmail.
@pytest.mark.parametrize(
    ("server", "glitch", "attempts"),
    [
        ("exchange-2003", False, 194),
        ("exchange-2003", True, 196),
        ("iis-smtp", False, 15),
        ("exchange-2007", True, 295),
        ("exchange-2016", True, 295),
        ("exchange-edge", True, 104),
        ("postfix", False, 108),
        ("exim", False, 27 + 1),
        ("qmail", False, 39 + 1),
        ("opensmtpd", False, 30),
        ("kumomta", False, 9),
        ("mox", False, 8),
        ("sendmail", False, 5 * 48 + 1),  # every half hour for five days
    ],
)
def test_a_schedule_has_as_many_attempts_as_its_documented_numbers_give(server, glitch, attempts):
    assert len(retry.schedule(rules(server), glitch)) == attempts


def waits_in_words(server, length):
    """Seconds from the end of each failed attempt to the next one, from the prose of FACTS 1 and with no code of ours."""
    stages = {
        "exchange-2003": [10] * 3 + [15],
        "iis-smtp": [15, 30, 60, 240],
        "exchange-2007": [1] * 4 + [5] * 6 + [10],
        "exchange-2016": [1] * 4 + [5] * 6 + [10],
        "exchange-edge": [1] * 4 + [10] * 6 + [30],
        "exchange-online": [1, 1, 1, 2, 3, 4],
    }.get(server)
    now, n, first_failed, gap = length, 0, length, 0.0
    while True:
        n += 1
        if stages:
            gap = stages[min(n, len(stages)) - 1] * MIN
        elif server == "postfix":
            due = int(now) + min(max(int(now), 300), 4000)
            gap = next(s for s in range(300, 10**7, 300) if s > now and s + 1 >= due) - now
        elif server == "sendmail":
            gap = 1800 - now % 1800
        elif server == "exim":
            age = now - first_failed
            if age < 2 * H:
                gap = 15 * MIN
            else:  # grows by half from an hour on
                gap = 6 * H if age >= 16 * H else H if gap < H else gap * 1.5
        elif server == "qmail":
            gap = (math.isqrt(int(now)) + 20) ** 2 - now
        elif server == "opensmtpd":
            gap = next(400 * k * k for k in range(n, 10**4) if 400 * k * k > now) - now
        else:
            gap = {"kumomta": 20, "mox": 7.5}[server] * MIN * 2 ** (n - 1)
        yield gap
        now += gap + length


LIFETIMES = {"postfix": 5 * D, "sendmail": 5 * D, "exim": 4 * D, "qmail": 7 * D, "opensmtpd": 4 * D, "kumomta": 7 * D, "mox": 7 * D}
NEVER_RESUBMITS = math.inf


@pytest.mark.parametrize("length", [0.25, 21.0, 300.5])
@pytest.mark.parametrize("server", sorted(PROFILES))
def test_a_run_on_each_server_makes_the_attempts_that_an_independent_count_gives(server, length):
    lifetime = LIFETIMES.get(server, D if server == "exchange-online" else 2 * D)
    starts, now = [], 0.0
    for gap in waits_in_words(server, length):
        looks_late = server in ("postfix", "sendmail", "exim", "qmail")
        if now >= lifetime and not looks_late:
            break
        starts.append(now)
        if (looks_late and int(now + length) >= lifetime) or (server == "mox" and len(starts) == 8):
            break
        if server == "kumomta" and now + length + gap > lifetime:
            break
        now += length + gap
    alone = replace(rules(server), suspend_for=0.0, resubmit_after=NEVER_RESUBMITS)
    transport = play(alone, [mail(1)], Dead(length))
    assert [at for _, at, *_ in transport.attempts] == starts
    assert transport.messages[0].outcome is Outcome.EXPIRED
    assert transport.queued() == 0


def test_a_resubmitted_queue_begins_with_its_first_stage_again():
    transport = play(rules("exchange-2016"), [mail(1)], Dead(1.0))
    starts = [at for _, at, *_ in transport.attempts]
    again = [at for at in starts if abs(at - (12 * H + 1.0)) < 400.0]
    # the episode began at 1 s; 12 h later an attempt at once, then four glitch retries a minute apart
    assert again[-5:] == [12 * H + 1.0 + n * 61.0 for n in range(5)] or set(again) >= {12 * H + 1.0 + n * 61.0 for n in range(5)}


def test_every_number_of_a_profile_has_a_source_and_every_assumed_one_a_band():
    for profile in PROFILES.values():
        for key, setting in profile.settings.items():
            where = f"{profile.name}: {key}"
            assert re.search(r"FACTS \d|S\d+|RFC \d+|assumed|observed", setting.source), where
            assert (setting.tag is Tag.ASSUMED) == (setting.low is not None), where
            table, _, name = key.partition(".")
            for value in (setting.value, setting.low, setting.high):
                if value is not None:
                    reader.check({"title": "-", "days": 1, table: {name: value}}, where)


def test_every_profile_says_of_every_policy_how_it_is_set_and_undone_or_why_it_is_not_to_be_had():
    for profile in PROFILES.values():
        for policy, switch in profile.policies.items():
            assert bool(switch.set_by and switch.undo and switch.brief) != bool(switch.why_not), (profile.name, policy)
            assert switch.source, (profile.name, policy)
        assert profile.policies[profile.default_policy].set_by, profile.name


def test_a_schedule_names_settings_of_its_own_profile():
    profile: Profile
    for profile in PROFILES.values():
        assert set(profile.schedule.keys) <= set(profile.settings), profile.name


def test_exim_s_notation_becomes_pieces():
    assert retry_pieces("F,2h,15m; G,16h,1h,1.5; F,4d,6h") == [2 * H, 15 * MIN, 1.0, 16 * H, H, 1.5, 4 * D, 6 * H, 1.0]


# The family in which the message retries.


def test_postfix_retries_one_second_before_a_message_is_due():
    # Failed at 1.125 s, in second 1, it is due at 301: the scan at 300 s takes it. Failed at 2.125 s it is due at 302: the scan at 600 s.
    early, late = (play(rules("postfix"), [mail(1, at)], Dead(0.125), until=700.0).attempts for at in (1.0, 2.0))
    assert [at for _, at, *_ in early] == [1.0, 300.0, 600.0]
    assert [at for _, at, *_ in late] == [2.0, 600.0]


def test_mail_to_a_dead_destination_is_deferred_without_an_attempt():
    transport = play(rules("postfix"), [mail(1), mail(2, at=100.0), mail(3, at=100.0, hop=8)], Dead(1.0), until=250.0)
    assert [(m.id, m.attempts, m.suspended) for m in transport.messages] == [(1, 1, 0), (2, 0, 1), (3, 1, 0)]


def test_a_failed_connection_defers_all_that_stand_ready_for_the_same_destination():
    limited = replace(rules("postfix"), connections=1)
    transport = play(limited, [mail(1), mail(2), mail(3)], Dead(30.0), until=31.0)
    assert [(m.attempts, m.suspended) for m in transport.messages] == [(1, 0), (0, 1), (0, 1)]


def test_a_message_that_was_suspended_before_its_first_attempt_waits_like_any_other():
    # 0 attempts are not "as many as allowed" where no number is: it is tried at the scan at 600 s (due 300 s after 10 s)
    transport = play(rules("postfix"), [mail(1), mail(2, at=10.0)], Dead(), until=700.0)
    second = transport.messages[1]
    assert (second.suspended, second.attempts, second.outcome) == (1, 1, Outcome.QUEUED)


def test_no_more_delivery_processes_run_than_the_limit():
    limited = replace(rules("postfix"), connections=3)
    transport = play(limited, [mail(n, hop=n) for n in range(1, 10)], Dead(30.0), until=299.0)
    assert [at for _, at, *_ in transport.attempts] == [0.0] * 3 + [30.0] * 3 + [60.0] * 3


def test_a_message_older_than_its_lifetime_leaves_at_a_failed_attempt_and_not_before():
    transport = play(rules("postfix"), [mail(1)], Dead(1.0))
    (message,) = transport.messages
    last = transport.attempts[-1][1]
    assert message.settled_at == last + 1.0 > 5 * D
    assert transport.attempts[-2][1] < 5 * D


@pytest.mark.parametrize("server", sorted(PROFILES))
def test_a_domain_that_does_not_exist_bounces_at_once_or_retries_as_the_server_s_setting_says(server):
    final = rules(server)
    assert play(final, [mail(1)], Dead(1.0, Code.NXDOMAIN), until=D / 2).messages[0].outcome is Outcome.BOUNCED
    soft = play(replace(final, nxdomain_retries=True), [mail(1)], Dead(1.0, Code.NXDOMAIN), until=D / 2)
    assert soft.messages[0].outcome is Outcome.QUEUED
    assert len(soft.attempts) > 1
    assert len(soft.episodes) == 1


def test_each_family_is_run_by_some_server():
    assert {profile.family for profile in PROFILES.values()} == set(Family)


def test_a_server_s_page_shows_its_schedule_as_a_time_line_and_where_each_policy_is_set():
    page = "\n".join(server_page(profiles.find("exchange-2016")))
    assert "tried at 0, 1, 2, 3, 4, 9, 14, 19, 24, 29, 34, 44, 54, 64 ... 2874 min: 295 attempts" in page
    for policy in profiles.find("exchange-2016").policies:
        assert policy in page
    assert "its retry intervals" in "\n".join(server_page(profiles.find("exchange-online")))


@pytest.mark.parametrize("name", [*PROFILES, *profiles.ALIASES])
def test_every_server_has_a_page_and_a_line_in_the_list(name):
    assert any(line.startswith(profiles.find(name).name) for line in server_list())
    assert profiles.find(name).title in next(server_page(profiles.find(name)))


def test_the_page_of_the_model_says_of_every_server_where_it_departs():
    page = (Path(__file__).parents[1] / "docs" / "model.md").read_text(encoding="utf-8")
    rows = page.partition("Each server (")[2].partition("Autoresponders:")[0].splitlines()
    cells = [row.split("|")[1] for row in rows if row.startswith("| ")][1:]
    assert {name.strip() for cell in cells for name in cell.split(",")} == set(PROFILES)
