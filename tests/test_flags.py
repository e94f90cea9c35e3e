"""What a message says to a responder: each header text, each kind of sender, each way to be addressed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.corpus.headers import parse
from sim.corpus.messages import Raw
from sim.mail import Flag

ME = ("ann@office.example", "ann.smith@office.example")
AUTOMATIC = Flag.AUTO_SUBMITTED | Flag.AUTO_SUBMITTED_WORD | Flag.AUTO_SUBMITTED_MORE


def flags(headers, sender="pat@friends.example", own=()):
    text = f"{headers}\n\n"
    return Flag(replace(parse(Raw("message", text.encode(), len(text))), sender=sender).flags(own))


@pytest.mark.parametrize(
    ("header", "flag"),
    [
        ("Auto-Submitted: no", Flag(0)),
        ("Auto-Submitted: NO", Flag(0)),
        ("Auto-Submitted: No (really)", Flag.AUTO_SUBMITTED_MORE),
        ("Auto-Submitted: no; why=not", Flag.AUTO_SUBMITTED_MORE),
        ("Auto-Submitted:", Flag.AUTO_SUBMITTED_MORE),
        ("Auto-Submitted: none", Flag.AUTO_SUBMITTED_WORD),
        ("Auto-Submitted: auto-generated; x=y", Flag.AUTO_SUBMITTED),
        ("Auto-Submitted: yes", Flag.AUTO_SUBMITTED),
        ("auto-submitted: no\nAuto-Submitted: auto-replied", Flag.AUTO_SUBMITTED),
        ("Precedence: first-class", Flag(0)),
        ("Precedence: JUNK", Flag.PRECEDENCE),
        ("Precedence:  bulk ", Flag.PRECEDENCE),
        ("Precedence: list", Flag.PRECEDENCE_LIST),
        ("Precedence: bulk (mail)", Flag.PRECEDENCE_MORE),
        ("List-Unsubscribe: <mailto:off@list.example>", Flag.LIST_HEADER),
        ("LIST-ID: x", Flag.LIST_HEADER),
        ("List-Software: made up", Flag.LIST_OTHER),
        ("Listing: none", Flag(0)),
        ("X-Auto-Response-Suppress: DR, RN, NRN", Flag(0)),
        ("X-Auto-Response-Suppress: None", Flag(0)),
        ("X-Auto-Response-Suppress: All", Flag.SUPPRESS_HEADER),
        ("X-Auto-Response-Suppress: DR,\n OOF", Flag.SUPPRESS_HEADER),
        ("X-Auto-Response-Suppress: DR, AutoReply", Flag(0)),
        ("X-Spam-Flag: YES", Flag.SPAM_FLAG),
        ("X-Spam-Flag: NO", Flag(0)),
        ("Received-SPF: Fail (not permitted)", Flag.SPF_FAIL),
        ("Received-SPF: neutral (fail is a word)", Flag(0)),
        ("Authentication-Results: mx.example;\n spf=softfail smtp.mailfrom=x; dkim=fail", Flag.SPF_FAIL),
        ("Authentication-Results: mx.example; dkim=fail", Flag(0)),
    ],
)
def test_a_header_counts_only_with_a_value_that_means_something(header, flag):
    assert flags(header) == flag


@pytest.mark.parametrize(
    ("local", "flag"),
    [
        ("mailer-daemon", Flag.SYSTEM_SENDER | Flag.SYSTEM_PREFIX | Flag.SYSTEM_SUFFIX),
        ("news-request", Flag.SYSTEM_SENDER | Flag.SYSTEM_SUFFIX),
        ("owner-news", Flag.SYSTEM_SENDER),
        ("listserv", Flag.SYSTEM_PREFIX),
        ("majordomo-owner", Flag.SYSTEM_PREFIX),
        ("postmaster", Flag.SYSTEM_SUFFIX),
        ("uucp%host", Flag.SYSTEM_SUFFIX),
        ("mass-mailer", Flag.SYSTEM_SUFFIX),
        ("noreply", Flag(0)),
        ("news-owner", Flag(0)),
        ("request", Flag(0)),
        ("mailers", Flag(0)),
    ],
)
def test_a_system_sender_is_one_that_a_standard_or_a_program_names(local, flag):
    assert flags("Subject: x", f"{local}@b.example") == flag


@pytest.mark.parametrize("author", ["root", "daemon", "server", "LISTSERV", "a-request", "owner-a"])
def test_exim_s_list_of_daemons_is_looked_for_in_from(author):
    assert flags(f"From: Somebody <{author}@b.example>") == Flag.SYSTEM_FROM
    assert flags("From: somebody@b.example", f"{author.lower()}@b.example") & Flag.SYSTEM_FROM == 0


@pytest.mark.parametrize(
    ("headers", "flag"),
    [
        ("To: ann@office.example", Flag(0)),
        ("To: a@b.example,\n Ann <Ann.Smith@Office.Example>", Flag(0)),
        ("Cc: ann@office.example", Flag.NOT_IN_TO),
        ("Resent-To: ann@office.example", Flag.NOT_IN_TO | Flag.NOT_NAMED),
        ("Bcc: ann@office.example", Flag.NOT_IN_TO | Flag.NOT_NAMED),
        ("To: x-ann@office.example", Flag.NOT_IN_TO | Flag.NOT_TO_ME),
        ("To: ann@office.example.net", Flag.NOT_IN_TO | Flag.NOT_TO_ME),
        ("To: Ann <a@b.example>", Flag.NOT_IN_TO | Flag.NOT_TO_ME),
        ("To: annette@office.example", Flag.NOT_IN_TO | Flag.NOT_TO_ME | Flag.NOT_NAMED),
        ("Subject: ann@office.example", Flag.NOT_IN_TO | Flag.NOT_TO_ME | Flag.NOT_NAMED),
        ("To: ann@office.example\nFrom: ann.smith@office.example", Flag.OWN_FROM),
    ],
)
def test_one_s_own_address_counts_where_it_stands_alone(headers, flag):
    assert flags(headers, own=ME) == flag


def test_mail_from_oneself_is_known_by_its_envelope():
    assert flags("To: ann@office.example", "ann.smith@office.example", ME) == Flag.OWN_ADDRESS


def test_without_knowing_the_recipient_nothing_is_said_about_him():
    assert flags("To: somebody@else.example") == Flag(0)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_of_auto_submitted_is_one_of_four_things(text):
    found = flags(f"Auto-Submitted: {text.encode('ascii', 'replace').decode()}") & AUTOMATIC
    assert found in (Flag(0), Flag.AUTO_SUBMITTED, Flag.AUTO_SUBMITTED_WORD, Flag.AUTO_SUBMITTED_MORE)
