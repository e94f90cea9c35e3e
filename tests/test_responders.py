"""The documented autoresponders: each rule held by what the real one did, or by the source that says so."""

import json
from dataclasses import replace

import numpy as np
import pytest

from sim.corpus import table
from sim.corpus.headers import parse
from sim.corpus.messages import Raw
from sim.mail import NULL_SENDER, Answer, Flag, Outcome, Place
from sim.policy.autoreply import Audience, Facts, reasons
from sim.profiles import Tag
from sim.profiles.responders import NOT_HERE, RESPONDERS, STANDARD
from sim.scenario.replies import responder
from sim.scenario.schema import Replies
from sim.verdicts import judge, look

DEFAULTS = {name: responder(auto, Replies()) for name, auto in RESPONDERS.items()}
ME = "ann@office.example"


def mail(text, sender="pat@friends.example"):
    """A message from its headers, with an envelope sender."""
    return replace(parse(Raw("message", text.encode(), len(text))), sender=sender.lower(), from_used=False)


def switched(name, **switches):
    """A responder with some of its rules switched on or off."""
    return responder(RESPONDERS[name], Replies.model_validate(switches))


def says(name, headers="", sender="pat@friends.example", own=(ME,), junk=False, to=f"To: {ME}\n", **switches):
    one = switched(name, **switches)
    return judge([look(mail(f"{to}{headers}\n\n", sender), own)], {name: one}, junk)[0].answers[name]


# --- as the real ones answered -----------------------------------------------------------------

ORACLES = {"rfc5230": "pigeonhole", "exim": "exim", "vacation1": "vacation"}
# What the test tool did and not the responder: `sieve-test` cannot be given a null sender, and stops at a recipient that is no address.
ARTEFACTS = {
    ("rfc5230", "pigeonhole-smtp:Null Sender"): "no",
    ("rfc5230", "pigeonhole-smtp:Bad recipient address (from envelope)"): "no",
}
# Pigeonhole's log line to our reason.
LOG = {
    "own address": Answer.OWN_ADDRESS,
    "mailinglist recipient": Answer.LIST_HEADER,
    "precedence=": Answer.PRECEDENCE,
    "auto-submitted message": Answer.AUTO_SUBMITTED,
    "x-auto-response-suppress": Answer.SUPPRESS_HEADER,
    "system address": Answer.SYSTEM_SENDER,
    "implicitly delivered": Answer.NOT_TO_ME,
}


@pytest.fixture(scope="module")
def cases(shared_data):
    return json.loads((shared_data / "vacation-cases.json").read_text(encoding="utf-8"))


def answer(case, name):
    """Our answer to a case, with what its configuration told Pigeonhole; the others were told the recipient and his aliases."""
    own, switches = [case["envelope_to"], *case["addresses"]], {}
    if name == "rfc5230":
        config = case["config"]
        own += [config["sieve_user_email"]] if "sieve_user_email" in config else []
        own += [case["orig_to"]] if config.get("sieve_vacation_use_original_recipient") == "yes" else []
        if config.get("sieve_vacation_check_recipient") == "no":
            switches["only_if_addressed"] = False
    one = switched(name, **switches)
    return judge([look(mail(case["message"], case["envelope_from"]), own)], {name: one})[0].answers[name]


@pytest.mark.parametrize("name", ORACLES)
def test_the_39_cases_come_out_as_the_real_responder_answered_them(cases, name):
    assert len(cases) == 39
    ours = {case["id"]: "yes" if answer(case, name) is Answer.ANSWERED else "no" for case in cases}
    real = {case["id"]: ARTEFACTS.get((name, case["id"]), case["oracles"][ORACLES[name]]["reply"]) for case in cases}
    assert ours == real


def test_an_artefact_of_the_test_tool_follows_what_the_suite_expects(cases):
    expected = {case["id"]: case["expected"] for case in cases}
    assert expected["pigeonhole-smtp:Null Sender"] == "no"
    assert expected["pigeonhole-smtp:Bad recipient address (from envelope)"] == "runs"  # no answer is asked for, only no crash


def test_the_rule_that_decides_is_the_one_that_pigeonhole_logged(cases):
    logged = {case["id"]: case["oracles"]["pigeonhole"]["reason"] for case in cases if case["oracles"]["pigeonhole"]["reply"] == "no"}
    assert len(logged) == 23
    expected = {id: next(why for words, why in LOG.items() if words in line) for id, line in logged.items()}
    assert {case["id"]: answer(case, "rfc5230") for case in cases if case["id"] in logged} == expected


@pytest.mark.parametrize(("file", "n", "share"), [("spam-2002.csv", 1897, 0.822), ("ham-2002.csv", 4397, 0.267)])
def test_header_rules_of_rfc_5230_leave_most_spam_and_a_quarter_of_wanted_mail_answered(shared_data, file, n, share):
    # counted apart from this program on the same tables: null sender, List-*, Precedence, Auto-Submitted, X-Auto-Response-Suppress
    with (shared_data / file).open("rb") as lines:
        found = [row for row in table.rows(shared_data / file, lines) if row is not None]
    assert len(found) == n
    yes = np.ones(n, dtype=np.bool_)
    sender = np.array([0 if row.sender else NULL_SENDER for row in found], dtype=np.int64)
    flags = np.array([row.flags for row in found], dtype=np.uint32)
    place, outcome = np.full(n, Place.STRANGE, dtype=np.uint8), np.full(n, Outcome.MAILBOX, dtype=np.uint8)
    unchecked = switched("rfc5230", only_if_addressed=False)
    answered = reasons(Audience.EVERYBODY, unchecked, Facts(yes, yes, place, sender, flags, outcome)) == Answer.ANSWERED
    assert answered.mean() == pytest.approx(share, abs=0.0005)


# --- as the sources say ------------------------------------------------------------------------

EXCHANGE = ("exchange-2003", "exchange-2007", "exchange-online")


@pytest.mark.parametrize("name", RESPONDERS)
def test_nobody_answers_the_null_sender(name):
    assert says(name, sender="") is Answer.NULL_SENDER


@pytest.mark.parametrize("name", RESPONDERS)
def test_everybody_answers_ordinary_mail_from_a_person_to_a_person(name):
    assert says(name, "From: Pat <pat@friends.example>\nAuto-Submitted: no\nPrecedence: normal\n") is Answer.ANSWERED


@pytest.mark.parametrize("name", EXCHANGE)
def test_exchange_obeys_its_own_header_and_no_list_header(name):
    # FACTS S64: OOF is bit 0x10, All every bit, AutoReply (0x20) is about replies other than OOF; S65: List-* is not looked at
    assert says(name, "X-Auto-Response-Suppress: OOF\n") is Answer.SUPPRESS_HEADER
    assert says(name, "X-Auto-Response-Suppress: DR, RN, NRN, All\n") is Answer.SUPPRESS_HEADER
    assert says(name, "X-Auto-Response-Suppress: DR, RN, NRN, AutoReply\n") is Answer.ANSWERED
    assert says(name, "List-Id: <news.list.example>\n") is Answer.ANSWERED
    assert says(name, "Precedence: bulk\n") is Answer.PRECEDENCE  # S65


@pytest.mark.parametrize("name", EXCHANGE)
def test_exchange_answers_mail_that_came_by_a_distribution_list_unless_told_otherwise(name):
    # FACTS S56, S57: SuppressOOFsToDistributionLists is not set by default
    assert says(name, to="To: everyone@office.example\n") is Answer.ANSWERED
    assert says(name, to="To: everyone@office.example\n", only_if_addressed=True) is Answer.NOT_TO_ME


def test_exchange_online_and_gmail_do_not_answer_junk_and_what_runs_in_a_script_does():
    # FACTS S55, S72
    assert {name for name in RESPONDERS if says(name, junk=True) is Answer.JUNK} == {*EXCHANGE, "gmail"}


def test_exchange_2003_answers_automatic_mail():
    # RFC 3834 is younger than the server
    assert says("exchange-2003", "Auto-Submitted: auto-replied\n") is Answer.ANSWERED


def test_rfc_3834_refuses_automatic_mail_and_mail_not_addressed_to_its_user():
    # section 2
    assert says("rfc3834", "Auto-Submitted: auto-generated; owner-email=x\n") is Answer.AUTO_SUBMITTED
    assert says("rfc3834", "Auto-Submitted: no (I wrote it)\n") is Answer.ANSWERED  # section 5: a comment is no value
    assert says("rfc3834", to="To: undisclosed-recipients:;\n") is Answer.NOT_TO_ME
    assert says("rfc3834", f"Resent-To: {ME}\n", to="To: other@office.example\n") is Answer.ANSWERED


def test_rfc_3834_may_refuse_lists_and_owners_but_recommends_nothing_on_bulk():
    # section 2
    assert says("rfc3834", "Precedence: list\n") is Answer.PRECEDENCE
    assert says("rfc3834", "Precedence: bulk\n") is Answer.ANSWERED
    assert says("rfc3834", "List-Software: made up\n") is Answer.LIST_HEADER
    assert says("rfc3834", sender="owner-news@list.example") is Answer.SYSTEM_SENDER
    assert says("rfc3834", sender="listserv@list.example") is Answer.ANSWERED


def test_gmail_does_not_answer_lists():
    # FACTS S72
    assert says("gmail", "List-Id: <news.list.example>\n") is Answer.LIST_HEADER


def test_only_vacation_1_looks_at_a_spam_header():
    assert {name for name in RESPONDERS if says(name, "X-Spam-Flag: YES\n") is Answer.SPAM_FLAG} == {"vacation1"}


def test_exim_looks_at_from_and_at_to_alone():
    # filter_personal in filter.c
    assert says("exim", "From: daemon@host.example\n") is Answer.SYSTEM_SENDER
    assert says("exim", sender="daemon@host.example") is Answer.ANSWERED
    assert says("exim", f"From: Ann <{ME}>\n") is Answer.OWN_ADDRESS
    assert says("exim", f"Cc: {ME}\n", to="To: other@office.example\n") is Answer.NOT_TO_ME
    assert says("exim", "List-Software: made up\n") is Answer.ANSWERED


def test_vacation_1_takes_its_login_for_its_user_wherever_it_stands():
    # nsearch and isdelim in vacation.c: the name, then a character that is none of a name
    assert says("vacation1", to="To: Ann <somebody@else.example>\n") is Answer.ANSWERED
    assert says("vacation1", to="To: annette@office.example\n") is Answer.NOT_TO_ME
    assert says("vacation1", to="To: joann@office.example\n") is Answer.ANSWERED


@pytest.mark.parametrize("sender", ["x-request@a.example", "postmaster@a.example", "uucp@a.example", "thegreatmailer@a.example"])
def test_vacation_1_refuses_senders_by_their_end(sender):
    assert says("vacation1", sender=sender) is Answer.SYSTEM_SENDER


@pytest.mark.parametrize(
    ("name", "every", "history", "forgets", "user"),
    [
        ("exchange-2003", float("inf"), 10_000, False, True),  # S52, S55; the return path is assumed
        ("exchange-2007", float("inf"), 10_000, False, False),  # S55
        ("exchange-online", float("inf"), 10_000, False, False),  # S55
        ("rfc3834", 7 * 86400.0, 2**62, True, False),  # section 2
        ("rfc5230", 7 * 86400.0, 2**62, True, False),  # 4.1, 5.1
        ("exim", 7 * 86400.0, 2**62, True, False),  # vacation command
        ("vacation1", 7 * 86400.0, 2**62, True, True),  # the manual: one week; -f login
        ("gmail", 4 * 86400.0, 2**62, True, False),  # S72; the return path is assumed
    ],
)
def test_memory_and_return_path_are_the_documented_ones(name, every, history, forgets, user):
    one = DEFAULTS[name]
    assert (one.every, one.history, one.forgets, one.user_return_path) == (every, history, forgets, user)
    assert one.rate_limit == float("inf")
    assert one.history >= 1000  # RFC 5230 4.2


# --- every rule a switch -----------------------------------------------------------------------


@pytest.mark.parametrize("name", RESPONDERS)
def test_every_rule_of_every_responder_can_be_switched_on_and_off(name):
    off = {key.removeprefix("replies."): False for key in STANDARD}
    assert switched(name, **off).rules == ()
    for rule in RESPONDERS[name].rules:
        only = switched(name, **off | {rule.key.removeprefix("replies."): True})
        assert [(one.why, one.flags) for one in only.rules] == [(rule.why, int(rule.flags))]


@pytest.mark.parametrize("auto", RESPONDERS.values(), ids=list(RESPONDERS))
def test_every_responder_words_every_switch_once_and_says_where_an_assumed_one_may_lie(auto):
    assert {rule.key for rule in auto.rules} == set(STANDARD)
    assert len(auto.rules) == len(STANDARD)
    for setting in auto.settings.values():
        assert (setting.tag is Tag.ASSUMED) == (setting.low is not None)
    assert auto.settings["replies.rate_limit"].source.startswith(NOT_HERE)


def test_what_no_responder_has_can_be_simulated():
    assert says("exchange-online", "Received-SPF: softfail (not designated)\n") is Answer.ANSWERED
    assert says("exchange-online", "Received-SPF: softfail (not designated)\n", ignore_spf_fail=True) is Answer.SPF_FAIL
    assert says("gmail", "Authentication-Results: mx.example; dkim=none; spf=fail\n", ignore_spf_fail=True) is Answer.SPF_FAIL
    assert says("gmail", "Authentication-Results: mx.example; spf=pass\n", ignore_spf_fail=True) is Answer.ANSWERED


def test_no_two_rules_of_a_responder_look_at_the_same_fact():
    for auto in RESPONDERS.values():
        seen = Flag(0)
        for rule in auto.rules:
            assert not seen & rule.flags, (auto.name, rule.key)
            seen |= rule.flags
