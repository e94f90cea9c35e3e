"""Real messages judged: whom they reached, what the reply would be, and the command that says so."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.corpus.headers import parse
from sim.corpus.messages import Raw
from sim.mail import Answer
from sim.profiles.responders import RESPONDERS
from sim.report import verdicts as report
from sim.scenario.replies import responder
from sim.scenario.schema import Replies
from sim.verdicts import judge, look, own_addresses, reply, trouble

DEFAULTS = {name: responder(auto, Replies()) for name, auto in RESPONDERS.items()}
MESSAGE = """\
Return-Path: <pat@shop.example>
Delivered-To: ann@office.example
Received: from x by y; Thu, 22 Aug 2002 12:36:20 +0000
From: Pat <sales@shop.example>
Reply-To: desk@shop.example
To: Ann <ann@office.example>
Subject: =?utf-8?q?caf=C3=A9?=
Message-ID: <2@shop.example>
References: <1@shop.example>

hello
"""


def seen(text=MESSAGE, own=()):
    return look(parse(Raw("a.eml", text.encode(), len(text))), own)


def written(name, text=MESSAGE, **switches):
    given = Replies.model_validate(switches)
    return {line.name: line.text for line in reply(seen(text), RESPONDERS[name], responder(RESPONDERS[name], given))}


# --- whom it reached ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ("Delivered-To: a@office.example\nTo: b@office.example", (("a@office.example",), "Delivered-To")),
        ("X-Original-To: A@Office.Example\nTo: b@office.example", (("a@office.example",), "X-Original-To")),
        ("Delivered-To: a@x.example\nDelivered-To: b@x.example", (("a@x.example", "b@x.example"), "Delivered-To")),
        ("Delivered-To: ann\nTo: b@office.example, c@office.example", (("b@office.example",), "To")),
        ("Subject: x", ((), "")),
    ],
)
def test_one_s_own_address_is_where_it_was_delivered_and_only_else_what_to_says(headers, own):
    assert own_addresses(parse(Raw("a", f"{headers}\n\n".encode(), 1))) == own


def test_what_is_no_message_or_names_no_sender_cannot_be_judged():
    def why(text, time=False):
        return trouble(parse(Raw("a", text.encode(), len(text))), time)

    assert why("hello\nthere\n").startswith("no header")
    assert why("Subject: x\n\n").startswith("no sender")
    assert why("From: a@b.example\n\n") == ""
    assert why("From: a@b.example\n\n", time=True).startswith("no time")
    assert why("Return-Path: <>\n\n") == ""


# --- the reply ---------------------------------------------------------------------------------


def test_sieve_vacation_replies_to_the_return_path_as_its_rfc_says():
    # RFC 5230 section 5; Precedence and X-Auto-Response-Suppress as a real Pigeonhole wrote them
    assert written("rfc5230") == {
        "return path": "<>",
        "To": "<pat@shop.example>",
        "Subject": "Auto: café",
        "Auto-Submitted": "auto-replied (vacation)",
        "In-Reply-To": "<2@shop.example>",
        "References": "<1@shop.example> <2@shop.example>",
        "Precedence": "bulk",
        "X-Auto-Response-Suppress": "All",
    }


def test_exim_replies_to_reply_to_which_rfc_3834_forbids():
    assert written("exim")["To"] == "desk@shop.example"
    assert written("exim", MESSAGE.replace("Reply-To", "X-Other"))["To"] == "Pat <sales@shop.example>"
    assert {written(name)["To"] for name in RESPONDERS if name != "exim"} == {"<pat@shop.example>"}


def test_vacation_1_sends_as_its_user_and_marks_nothing():
    lines = written("vacation1")
    assert lines["return path"] == "ann@office.example"
    assert lines["Auto-Submitted"] == lines["In-Reply-To"] == ""
    assert lines["Subject"] is None  # the user's own file says it


@pytest.mark.parametrize("name", ["exchange-2003", "exchange-2007", "exchange-online", "gmail"])
def test_what_is_not_documented_is_said_to_be_so(name):
    lines = written(name)
    assert {header for header, text in lines.items() if text is None} >= {"Auto-Submitted", "In-Reply-To", "References", "Precedence"}
    assert lines["return path"] == ("ann@office.example" if name == "exchange-2003" else "<>")


def test_a_message_without_subject_and_id_gets_a_reply_without_them():
    lines = written("rfc5230", "Return-Path: <pat@shop.example>\nTo: ann@office.example\n\n")
    assert (lines["Subject"], lines["In-Reply-To"], lines["References"]) == ("Automated reply", "", "")


def test_a_switched_return_path_is_no_longer_the_documented_one():
    path = reply(seen(), RESPONDERS["rfc5230"], responder(RESPONDERS["rfc5230"], Replies(return_path="user")))[0]
    assert (path.text, path.source) == ("ann@office.example", "given")


# --- many --------------------------------------------------------------------------------------


def test_with_a_memory_messages_are_judged_in_order_of_time_and_each_responder_remembers_for_itself():
    # 22 August, then 5 days later, then 8 days later; Gmail tells again after 4 days, Sieve after 7, Exchange never
    days = [MESSAGE.replace("22 Aug", f"{day} Aug") for day in (30, 22, 27)]
    judged = judge([seen(text) for text in days], DEFAULTS, remember=True)
    yes, no = Answer.ANSWERED, Answer.ANSWERED_BEFORE
    assert [one.answers["gmail"] for one in judged] == [yes, yes, no]
    assert [one.answers["rfc5230"] for one in judged] == [yes, no, yes]
    assert [one.answers["exchange-online"] for one in judged] == [yes, no, no]
    assert [one.answers["gmail"] for one in judge([seen(text) for text in days], DEFAULTS)] == [yes, yes, yes]


def test_every_answer_has_words_and_a_source():
    for auto in RESPONDERS.values():
        for why in [rule.why for rule in auto.rules] + [Answer.NULL_SENDER, Answer.ANSWERED_BEFORE, Answer.RATE_LIMIT]:
            assert all(report.rule(auto, why))


@given(st.binary(max_size=300))
def test_any_bytes_are_judged_or_said_to_be_no_message(content):
    mail = parse(Raw("x", b"From: a@b.example\n" + content, len(content)))
    if trouble(mail):
        return
    judged = judge([look(mail)], DEFAULTS)
    for name in RESPONDERS:
        text = "\n".join(report.single(judged[0], [name], DEFAULTS))
        assert all(c.isprintable() or c == "\n" for c in text)
    json.dumps(report.document(judged, list(RESPONDERS), DEFAULTS, {}))


# --- the command -------------------------------------------------------------------------------


def mailflow(*arguments, cwd):
    command = [sys.executable, "-c", "from sim.cli import main; main()", *arguments]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture
def box(tmp_path):
    (tmp_path / "a.eml").write_text(MESSAGE)
    (tmp_path / "b.eml").write_text(MESSAGE.replace("References:", "Precedence: bulk\nX-Ref:"))
    (tmp_path / "c.eml").write_text("hello\n")
    return tmp_path


def test_reply_says_yes_with_the_reply_or_no_with_the_rule_and_who_decides_otherwise(box):
    yes = mailflow("reply", "a.eml", cwd=box)
    assert (yes.returncode, yes.stderr) == (0, "")
    assert "rfc5230: answered." in yes.stdout
    assert "(taken from Delivered-To; --to names yours)" in yes.stdout
    assert "Auto-Submitted:            auto-replied (vacation)" in yes.stdout
    no = mailflow("reply", "b.eml", "--responder", "exim", cwd=box)
    assert "exim: not answered. Precedence with bulk, list or junk." in no.stdout
    assert "found   Precedence: bulk" in no.stdout
    assert "Answered by: rfc3834." in no.stdout


def test_reply_counts_many_messages_by_rule_and_names_those_it_cannot_judge(box):
    done = mailflow("reply", ".", cwd=box)
    assert done.returncode == 0, done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:3]] == [["yes", "a.eml"], ["no", "b.eml"]]
    assert "      1   50.0 %  answered\n" in done.stdout
    assert "      1   50.0 %  Precedence bulk, list or junk\n" in done.stdout
    assert done.stdout.endswith("1 left out:\n  c.eml: no header in it: this is no message\n")
    short = mailflow("reply", ".", "--summary", cwd=box)
    assert short.stdout == done.stdout[done.stdout.index("\n\n") + 2 :]


def test_reply_as_json_stands_on_standard_output_alone(box):
    done = mailflow("reply", ".", "--json", "-", cwd=box)
    result = json.loads(done.stdout)
    assert set(result) == {"responders", "messages", "answered", "left_out"}
    assert result["answered"]["rfc5230"] == 1
    assert result["messages"][1]["answers"]["rfc5230"]["reason"] == "precedence"
    assert result["messages"][0]["replies"]["rfc5230"]["return_path"] == "<>"
    assert result["left_out"] == [{"name": "c.eml", "why": "no header in it: this is no message"}]


def test_reply_reads_a_maildir_and_an_mbox(box):
    (box / "Maildir" / "new").mkdir(parents=True)
    (box / "Maildir" / "new" / "1.host").write_text(MESSAGE)
    (box / "mbox").write_text(f"From pat@shop.example Thu Aug 22 12:00:00 2002\n{MESSAGE}\nFrom MAILER-DAEMON Thu Aug 22\nSubject: x\n\n")
    done = mailflow("reply", "Maildir", "mbox", cwd=box)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\nyes ") == 2
    assert "  mbox#2: no sender" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Missing argument"),
        (["missing.eml"], "missing.eml: cannot be read: no such file or directory; no message is left to judge"),
        (["c.eml"], "c.eml: no header in it: this is no message"),
        (["empty"], "is empty; wanted is a message, an mbox, a Maildir"),
        (["folder"], r"none of the 0 files in this folder is named *.eml, and it is no Maildir"),
        (["a.eml", "--responder", "exchange"], "'exchange' is not one of exchange-2003"),
        (["a.eml", "--to", "ann"], "'ann' is not an address"),
        (["a.eml", "--set", "spam.rate=5/day"], "'spam.rate' is no switch of a responder"),
        (["a.eml", "--set", "replies.ignore_precdence=true"], "did you mean 'replies.ignore_precedence'"),
        (["a.eml", "--set", "replies.every=often"], "is not a duration"),
        (["a.eml", "--json", "nowhere/x.json"], "is no directory"),
    ],
)
def test_bad_input_to_reply_is_one_line_and_status_2(arguments, says, box):
    (box / "empty").write_text("")
    (box / "folder").mkdir()
    done = mailflow("reply", *arguments, cwd=box)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
