"""Mail as it is found: an mbox, .eml files, metadata; whole, damaged, or no mail at all."""

import csv
import hashlib
import mailbox
import tempfile
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import corpus
from sim.errors import BadInput
from sim.mail import Flag

MBOX = b"""\
From bounce@list.example Thu Aug 22 12:36:23 2002
Return-Path: <owner-news@List.Example>
Received: from mx.list.example by mail.office.example; Thu, 22 Aug 2002 13:36:30 +0100
Received: from nowhere by mx.list.example; Mon, 01 Jan 2001 00:00:00 +0000
From: Editor <editor@list.example>
Precedence: bulk
List-Id: <news.list.example>
Date: Mon, 01 Jan 2001 00:00:00 +0000

>From the editor: nothing new.

From stranger@bogus.invalid Thu Aug 22 12:36:20 2002
From: "J\xf6rg, not @ home" <somebody@else.example>
Subject: =?no-such-charset?B?////?=

short

From - Thu Aug 22 12:40:00 2002
Return-Path: <>
From: MAILER-DAEMON@mx.example
Auto-Submitted: auto-replied (failure)
X-Auto-Response-Suppress: DR, OOF

undeliverable

From MAILER-DAEMON Thu Aug 22 12:50:00 2002
From: Pat <Pat@Friends.Example>

no envelope
From nobody Thu Aug 32 99:99:99 2002
Date: yesterday
From: Pat <pat@friends.example>

no time
"""
ROW = {
    "received_utc_epoch": "1030018181.5",
    "size_bytes": "4877",
    "env_kind": "address",
    "env_domain": "Web.Example",
    "env_local_hash": "f613229bea",
    "from_domain": "from.example",
    "from_local_hash": "0123456789",
}
CSV = ",".join(ROW) + "\n" + ",".join(ROW.values()) + "\n"


def lawful(found):
    """What holds for every Corpus."""
    n = len(found)
    assert found.read == n + found.malformed
    assert n > 0
    assert 0 <= found.from_used <= n
    assert all(len(column) == n for column in (found.at, found.size, found.sender, found.domain, found.flags))
    assert found.at[0] == 0.0
    assert (np.diff(found.at) >= 0).all()
    assert (found.at * 2**20 == np.rint(found.at * 2**20)).all()
    assert (found.size >= 0).all()
    assert found.flags.dtype == np.uint32
    assert ((found.sender == -1) == (found.domain == -1)).all()
    assert set(found.sender.tolist()) - {-1} == set(range(len(found.addresses)))
    assert set(found.domain.tolist()) - {-1} == set(range(len(found.domains)))
    assert [found.domains[d] for d in found.domain if d >= 0] == [found.addresses[s].rpartition("@")[2] for s in found.sender if s >= 0]
    assert datetime.fromisoformat(found.epoch).tzname() == "UTC"
    return found


def read(tmp_path, content, name="mail"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return lawful(corpus.read(path))


def table(tmp_path, *rows):
    """A CSV of ROW and its variations."""
    path = tmp_path / "mail.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys([*ROW, *(name for row in rows for name in row)])), restval="")
        writer.writeheader()
        writer.writerows(ROW | row for row in rows)
    return lawful(corpus.read(path))


def senders(found):
    return ["<>" if sender < 0 else found.addresses[sender] for sender in found.sender]


def test_the_sender_is_the_envelope_s_and_only_for_want_of_it_the_from_header(tmp_path):
    found = read(tmp_path, MBOX)
    # in order of time: the From_ line, Return-Path, the null sender, From
    assert senders(found) == ["stranger@bogus.invalid", "owner-news@list.example", "<>", "pat@friends.example"]
    assert found.from_used == 1
    assert (found.read, found.malformed) == (5, 1)


def test_the_time_is_that_of_the_last_hop_and_not_what_the_sender_claims(tmp_path):
    found = read(tmp_path, MBOX)
    assert found.epoch == "2002-08-22T12:36:20Z"
    # 13:36:30 +0100 is 12:36:30; then 12:40:00 and 12:50:00 of the From_ lines
    assert found.at.tolist() == [0.0, 10.0, 220.0, 820.0]


def test_headers_that_a_responder_looks_at_become_flags(tmp_path):
    assert read(tmp_path, MBOX).flags.tolist() == [
        0,
        Flag.PRECEDENCE | Flag.LIST_HEADER | Flag.SYSTEM_SENDER,  # owner-
        Flag.AUTO_SUBMITTED | Flag.SUPPRESS_HEADER,  # MAILER-DAEMON in From is the sender of nothing
        0,
    ]


def test_an_mbox_is_split_as_the_standard_library_splits_it(tmp_path):
    for content in (MBOX, MBOX.rstrip(b"\n"), MBOX + b"\n", MBOX.replace(b"Aug 32 99:99:99", b"Aug 22 12:55:00")):
        found = read(tmp_path, content)
        box = mailbox.mbox(tmp_path / "mail", create=False)
        sizes = [len(box.get_bytes(key)) for key in box.keys()]  # noqa: SIM118  a mailbox iterates over messages
        box.close()
        assert found.read == len(sizes)
        assert sorted(found.size.tolist()) == sorted(sizes[: len(found)])


def test_reading_does_not_touch_the_file(tmp_path):
    path = tmp_path / "mail"
    path.write_bytes(MBOX)
    path.chmod(0o400)
    before = path.stat()
    found = corpus.read(path)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert found.sha256 == hashlib.sha256(MBOX).hexdigest()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("<A@B.Example>", "a@b.example"),
        ("a@b.example", "a@b.example"),
        ("<a@b.example.>", "a@b.example"),
        ("<@relay.example,@other.example:a@b.example>", "a@b.example"),
        ('<"a b"@b.example>', '"a b"@b.example'),
        ("<a+tag@[192.0.2.1]> (comment)", "a+tag@[192.0.2.1]"),
    ],
)
def test_an_address_is_found_in_whatever_stands_around_it(tmp_path, text, address):
    found = read(tmp_path, f"From - Thu Aug 22 12:00:00 2002\nReturn-Path: {text}\n\n")
    assert (senders(found), found.from_used) == ([address], 0)


@pytest.mark.parametrize("text", ["root", "<root>", "", "<@b.example>", "<a@>"])
def test_a_return_path_without_a_domain_is_no_sender(tmp_path, text):
    found = read(tmp_path, f"From - Thu Aug 22 12:00:00 2002\nReturn-Path: {text}\nFrom: c@d.example\n\n")
    assert (senders(found), found.from_used) == (["c@d.example"], 1)


@pytest.mark.parametrize("received", ["no date at all", "by x; 31 Feb 2002 10:00:00", "by x; Thu, 1 Jan 99999 00:00:00", "by x;"])
def test_a_damaged_date_gives_way_to_the_next_one(tmp_path, received):
    message = f"Return-Path: <a@b.example>\nReceived: {received}\nDate: Thu, 22 Aug 2002 12:00:00 -0600\n\n"
    assert read(tmp_path, f"From a@b.example\n{message}").epoch == "2002-08-22T18:00:00Z"


def test_a_folder_is_read_file_by_file_whatever_else_lies_in_it(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.EML").write_bytes(b"Return-Path: <b@b.example>\nDate: Thu, 22 Aug 2002 12:00:00 +0000\n\nbody\n")
    (tmp_path / "a.eml").write_bytes(b"Return-Path: <a@b.example>\nDate: Thu, 22 Aug 2002 12:00:01 +0000\n\n")
    (tmp_path / "c.eml").write_bytes(b"\x00\xff" * 100)
    (tmp_path / "notes.txt").write_text("no mail")
    found = lawful(corpus.read(tmp_path))
    assert senders(found) == ["b@b.example", "a@b.example"]
    assert (found.read, found.malformed) == (3, 1)
    assert found.size[0] == (tmp_path / "sub" / "b.EML").stat().st_size


def maildir(tmp_path, *names):
    for folder in ("cur", "new", "tmp", ".Sent/cur"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for second, name in enumerate(names):
        (tmp_path / name).write_bytes(b"Return-Path: <%d@b.example>\nDate: Thu, 22 Aug 2002 12:00:%02d +0000\n\nbody\n" % (second, second))
    return tmp_path


def test_a_maildir_is_what_lies_in_cur_and_new_whatever_it_is_called(tmp_path):
    box = maildir(tmp_path, "cur/1.host:2,S", "new/2.host", "tmp/3.host", ".Sent/cur/4.host:2,", "notes.eml")
    found = lawful(corpus.read(box))
    assert senders(found) == ["0@b.example", "1@b.example"]
    assert (found.read, found.malformed) == (2, 0)


def test_a_maildir_is_split_as_the_standard_library_splits_it(tmp_path):
    box = maildir(tmp_path, "cur/1.host:2,S", "new/2.host", "cur/5.host:2,RS")
    assert len(corpus.read(box)) == len(mailbox.Maildir(tmp_path, create=False)) == 3


def test_an_empty_maildir_is_said_to_be_one(tmp_path):
    with pytest.raises(BadInput, match="is a Maildir without a message in cur or new"):
        corpus.read(maildir(tmp_path))


def test_the_digest_of_a_folder_depends_on_names_and_bytes(tmp_path):
    (tmp_path / "a.eml").write_bytes(b"Return-Path: <a@b.example>\nDate: Thu, 22 Aug 2002 12:00:01 +0000\n\n")
    first = corpus.read(tmp_path).sha256
    assert corpus.read(tmp_path).sha256 == first
    (tmp_path / "a.eml").rename(tmp_path / "b.eml")
    second = corpus.read(tmp_path).sha256
    (tmp_path / "b.eml").write_bytes((tmp_path / "b.eml").read_bytes() + b"x")
    assert len({first, second, corpus.read(tmp_path).sha256}) == 3


def test_a_row_of_metadata_is_a_message(tmp_path):
    later = {"received_utc_epoch": "1030018182"}
    found = table(
        tmp_path,
        {"env_kind": "null"} | later,
        {},
        {"env_kind": "absent", "env_domain": "", "precedence": "bulk", "x_auto_response_suppress": "1"} | later,
        {"env_domain": "", "auto_submitted": "auto-replied", "has_list_id": "1"} | later,
    )
    assert senders(found) == ["f613229bea@web.example", "<>", "0123456789@from.example", "0123456789@from.example"]
    assert found.from_used == 2
    assert found.at.tolist() == [0.0, 0.5, 0.5, 0.5]
    assert found.size.tolist() == [4877] * 4
    assert found.flags.tolist() == [0, 0, Flag.PRECEDENCE | Flag.SUPPRESS_HEADER, Flag.AUTO_SUBMITTED | Flag.LIST_HEADER]


@pytest.mark.parametrize(
    "wrong",
    [
        {"received_utc_epoch": ""},
        {"received_utc_epoch": "yesterday"},
        {"received_utc_epoch": "nan"},
        {"received_utc_epoch": "1e300"},
        {"received_utc_epoch": "-5"},
        {"size_bytes": "4 kB"},
        {"size_bytes": "-1"},
        {"env_kind": "perhaps"},
        {"env_kind": "absent", "from_domain": ""},
        {"env_domain": "two words", "from_domain": "a@b"},
    ],
)
def test_a_row_with_a_wrong_value_is_malformed_and_the_others_are_read(tmp_path, wrong):
    found = table(tmp_path, {}, wrong, {})
    assert (len(found), found.malformed) == (2, 1)


def test_a_row_of_another_length_is_malformed(tmp_path):
    found = read(tmp_path, CSV + "1,2,3\n\n" + CSV.splitlines()[1] + ",more\n", "mail.csv")
    assert (len(found), found.malformed) == (1, 2)


@pytest.mark.parametrize("name", corpus.NEEDED)
def test_a_csv_without_a_needed_column_is_refused_by_its_name(tmp_path, name):
    path = tmp_path / "mail.csv"
    path.write_text(CSV.replace(name, "other", 1))
    with pytest.raises(BadInput, match=rf"mail\.csv: column '{name}' is missing; needed are received_utc_epoch, "):
        corpus.read(path)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is empty; wanted is"),
        (b" \n\n", "is empty; wanted is"),
        (bytes(range(256)) * 4, "is neither an mbox"),
        (b"From \0\0\0", "is neither an mbox"),
        (b"Dear reader\nnothing here\n", "is neither an mbox"),
        (b"From nobody\n\nno mail\nFrom nobody\n\n", "no message with a sender and a time among the 2 in it"),
        (CSV.splitlines()[0].encode(), "no message with a sender and a time among the 0 in it"),
    ],
)
def test_what_is_no_mail_is_refused_in_one_line(tmp_path, content, text):
    path = tmp_path / "mail"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        corpus.read(path)
    assert str(caught.value).startswith(f"{path}: {text}")
    assert "\n" not in str(caught.value)


def test_a_path_that_leads_nowhere_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no-such-file: cannot be read: no such file"):
        corpus.read(tmp_path / "no-such-file")
    (tmp_path / "notes.txt").write_text("no mail")
    with pytest.raises(BadInput, match=r"none of the 1 files in this folder is named \*\.eml"):
        corpus.read(tmp_path)


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    def forbidden(*arguments, **more):
        raise PermissionError(13, "Permission denied", str(tmp_path / "mail"))

    (tmp_path / "mail").write_bytes(MBOX)
    monkeypatch.setattr(Path, "open", forbidden)  # root may read anything
    with pytest.raises(BadInput, match="mail: cannot be read: permission denied"):
        corpus.read(tmp_path / "mail")


def test_a_header_without_end_does_not_hold_up_the_reader(tmp_path):
    found = read(tmp_path, b"From a@b.example Thu Aug 22 12:00:00 2002\n" + b"From: " + b"x" * 300_000 + b"\n" + b"X: y\n" * 100_000)
    assert senders(found) == ["a@b.example"]


def damage():
    """Pieces of a file cut out, repeated, or overwritten with any bytes."""
    return st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 300), st.binary(max_size=40) | st.sampled_from(PIECES)), max_size=6)


PIECES = (
    b"From ",
    b"\n\n",
    b"\r\n",
    b'"',
    b",",
    b"<>",
    b"Received: ;",
    b"\nDate: Thu, 0 -1 2002 24:60:61 +9999\n",
    b"\0",
    b"=?utf-8?q?=ff?=",
)


def survives(content, name):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        for what in (path, Path(folder)) if name.endswith(".eml") else (path,):
            try:
                lawful(corpus.read(what))
            except BadInput as error:
                refusal = str(error)
                assert refusal.splitlines() == [refusal]


@given(damage())
def test_a_damaged_file_gives_a_lawful_corpus_or_one_line_of_why_not(cuts):
    for original, name in ((MBOX, "mail"), (CSV.encode() * 3, "mail.csv"), (MBOX[50:500], "mail.eml")):
        content = original
        for start, length, put in cuts:
            content = content[:start] + put + content[start + length :]
        survives(content, name)


@given(st.binary(max_size=400))
def test_any_bytes_at_all_give_a_lawful_corpus_or_one_line_of_why_not(content):
    survives(content, "mail")
    survives(b"From a@b.example Thu Aug 22 12:00:00 2002\n" + content, "mail")
    survives(CSV.encode() + content, "mail.csv")


def test_a_large_provider_is_known_by_its_domain():
    assert {"hotmail.com", "yahoo.com", "aol.com", "msn.com", "gmail.com", "web.de"} <= corpus.LARGE_PROVIDERS
    assert all(name == name.lower() and "." in name and "@" not in name for name in corpus.LARGE_PROVIDERS)


def test_measured_spam_is_read_whole(shared_data):
    found = lawful(corpus.read(shared_data / "spam-2002.csv"))
    assert (found.read, found.malformed, found.from_used) == (1897, 0, 212)  # 211 without an envelope, 1 whose envelope has no domain
    assert found.epoch.startswith("2001-06-")
    # shares counted by others on the same messages: Precedence 17.7 %, List-* 11.9 %
    assert ((found.flags & (Flag.PRECEDENCE | Flag.PRECEDENCE_LIST)) > 0).mean() == pytest.approx(0.177, abs=0.0005)
    assert ((found.flags & Flag.LIST_HEADER) > 0).mean() == pytest.approx(0.119, abs=0.0005)
    assert (found.sender == -1).sum() == 2
    # mu of ln(bytes) 8.398, sigma 0.770
    assert np.log(found.size).mean() == pytest.approx(8.398, abs=0.0005)
    assert np.log(found.size).std() == pytest.approx(0.770, abs=0.0005)


def test_measured_wanted_mail_without_a_time_is_malformed(shared_data):
    found = lawful(corpus.read(shared_data / "ham-2002.csv"))
    assert (found.read, found.malformed) == (4397, 135)
