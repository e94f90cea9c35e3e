"""The SMTP log of the Exchange 2000/2003 family: what is written, what is read, what a reader must survive."""

import ipaddress
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import BadInput, BadOutput
from sim.logs import iis
from sim.mail import HERE, NULL_SENDER, Code, Kind, Outcome, Place, Truth, address, born
from sim.record import SCHEMA, Record, RunInfo, Words

ANN, BOGUS, PARTNER = address(Place.OFFICE, 0), address(Place.STRANGE, 7), address(Place.PARTNER, 3)
BOGUS_DOMAIN, PARTNER_DOMAIN = address(Place.STRANGE, 1), address(Place.PARTNER, 2)
DAY = 86400.0


class Names(Words):
    def address(self, code, domain):
        return {ANN: "ann@office.example", BOGUS: "bogus@strange.invalid", PARTNER: '"jo e"@partner.example', NULL_SENDER: ""}[code]

    def domain(self, code):
        return {HERE: "office.example", BOGUS_DOMAIN: "strange.invalid", PARTNER_DOMAIN: "partner.example"}[code]


def table(name, rows, **hidden):
    """A table of SCHEMA; what a row leaves out is 0, or NaN for a time."""
    columns = {**{key: column.dtype for key, column in SCHEMA[name].items()}, **hidden}
    return {
        key: np.array([row.get(key, np.nan if key.endswith("_at") or key == "until" else 0) for row in rows], dtype=dtype)
        for key, dtype in columns.items()
    }


def record(messages, attempts=(), epoch="2006-04-10"):
    info = RunInfo("test", "external", "exchange-2003", 1, 0, 3 * DAY, epoch, "hand", "0", "", 0, 1)
    tables = {name: table(name, []) for name in ("queues", "hours", "acts")}
    tables["messages"] = table("messages", messages, sender_domain="int64")
    tables["attempts"] = table("attempts", attempts)
    return Record(tables, info, Names())


def inbound(row, at, **more):
    message = {"sender": BOGUS, "sender_domain": BOGUS_DOMAIN, "recipient": ANN, "next_hop": HERE, "kind": Kind.SPAM, "size": 4000}
    message |= {"accepted_at": at, "settled_at": at, "outcome": Outcome.MAILBOX, "truth": Truth.FORGED_DEAD} | more
    return message | {"id": born(row, Kind(message["kind"])), "root": row, "caused_by": -1}


REPLY = born(0, Kind.AUTOREPLY)
OUTBOUND = born(9, Kind.OUTBOUND)
MESSAGES = (
    inbound(0, 60.25),
    inbound(1, 60.75, outcome=Outcome.REFUSED, recipient=-1),
    inbound(2, 61.0, kind=Kind.WANTED, sender=PARTNER, sender_domain=PARTNER_DOMAIN),
    inbound(3, DAY + 5.0, sender=NULL_SENDER, sender_domain=BOGUS_DOMAIN),
    inbound(4, 70.0, kind=Kind.INTERNAL, sender=ANN, sender_domain=HERE),
    {"id": REPLY, "kind": Kind.AUTOREPLY, "sender": ANN, "recipient": BOGUS, "next_hop": BOGUS_DOMAIN, "accepted_at": 65.0},
    {"id": OUTBOUND, "kind": Kind.OUTBOUND, "sender": ANN, "recipient": PARTNER, "next_hop": PARTNER_DOMAIN, "accepted_at": 80.0},
)


def attempt(message, at, code):
    return {"message": message, "at": at, "next_hop": BOGUS_DOMAIN if message == REPLY else PARTNER_DOMAIN, "code": code, "seconds": 2.5}


def written(tmp_path, *arguments, **more):
    path = iis.write(record(*arguments, **more), tmp_path / "ex060410.log")
    return path, iis.sessions(iis.read(path))


def log(tmp_path, *lines, name="ex.log"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


FIELDS = "#Fields: date time c-ip cs-username cs-method cs-uri-query sc-status "


def w3c(tmp_path, *lines):
    """Lines of user, method, query, status; all of 192.0.2.7, at noon."""
    return iis.read(log(tmp_path, FIELDS, *(f"2006-04-10 12:00:00 192.0.2.7 {line}" for line in lines)))


# --- writing -----------------------------------------------------------------------------------


def test_what_came_from_outside_is_written_and_read_back(tmp_path):
    _, sessions = written(tmp_path, MESSAGES)
    assert sessions[["sender", "recipient", "status"]].values.tolist() == [
        ["bogus@strange.invalid", "ann@office.example", 250],
        ["bogus@strange.invalid", "unknown@office.example", 550],
        ['"jo+e"@partner.example', "ann@office.example", 250],  # a blank becomes +
        ["", "ann@office.example", 250],
    ]
    assert sessions["time"].tolist() == [
        pd.Timestamp(text) for text in ("2006-04-10 00:01:00", "2006-04-10 00:01:00", "2006-04-10 00:01:01", "2006-04-11 00:00:05")
    ]
    assert set(sessions["direction"]) == {"in"}
    assert sessions["helo"].tolist() == ["strange.invalid", "strange.invalid", "partner.example", "unknown.invalid"]


def test_an_attempt_leaves_lines_only_where_a_connection_was_made(tmp_path):
    lines = {}
    for code in Code:
        path, sessions = written(tmp_path, MESSAGES[5:], [attempt(REPLY, 65.0, code)])
        text = path.read_text()
        lines[code] = text.count("OutboundConnection")
        assert sessions["status"].tolist() == {
            Code.OK: [250],
            Code.GREYLISTED: [451],
            Code.FULL: [452],
            Code.NO_MAILBOX: [550],
            Code.LISTED: [550],
            Code.OVER_QUOTA: [552],
            Code.TOO_MUCH: [450],
            Code.TRY_LATER: [451],
        }.get(code, [])
    # greeting, five commands with an answer each, and the answer to the message; without DATA three less; only the greeting
    assert lines[Code.OK] == 1 + 2 * 5 + 1
    assert lines[Code.GREYLISTED] == lines[Code.FULL] == lines[Code.NO_MAILBOX] == lines[Code.LISTED] == 1 + 2 * 4
    assert lines[Code.BUSY] == 1
    assert sum(lines.values()) == 12 + 7 * 9 + 1


def test_an_outbound_connection_says_from_whom_to_whom(tmp_path):
    _, sessions = written(tmp_path, MESSAGES, [attempt(REPLY, 65.0, Code.FULL), attempt(OUTBOUND, 65.0, Code.OK)])
    out = sessions[sessions["direction"] == "out"]
    assert out[["helo", "sender", "recipient", "status"]].values.tolist() == [
        ["srv1.office.example", "ann@office.example", "bogus@strange.invalid", 452],
        ["srv1.office.example", "ann@office.example", '"jo+e"@partner.example', 250],
    ]
    assert out["time"].tolist() == [pd.Timestamp("2006-04-10 00:01:07")] * 2  # 65 + 2.5 s, cut to the second


def test_an_attempt_of_a_message_outside_the_record_is_left_out(tmp_path):
    _, sessions = written(tmp_path, MESSAGES[:5], [attempt(REPLY, 65.0, Code.OK)])
    assert set(sessions["direction"]) == {"in"}


def test_client_addresses_are_nobody_s_and_the_same_in_every_log(tmp_path):
    path, _ = written(tmp_path, MESSAGES, [attempt(REPLY, 65.0, Code.OK)])
    frame = iis.read(path)
    nets = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
    assert all(any(ipaddress.ip_address(ip) in net for net in nets) for ip in frame["client_ip"])
    # the spammer's server, and the one that the reply goes to, are one domain
    one = frame["user"].isin(["strange.invalid", "OutboundConnectionCommand", "OutboundConnectionResponse"])
    assert frame[one]["client_ip"].nunique() == 1


def test_every_day_has_a_header_of_its_own(tmp_path):
    path, _ = written(tmp_path, MESSAGES)
    dates = [line for line in path.read_text().splitlines() if line.startswith("#Date:")]
    assert dates == ["#Date: 2006-04-10 00:01:00", "#Date: 2006-04-11 00:00:05"]


@pytest.mark.parametrize("epoch", ["2006-04-10T02:00:00+02:00", "2006-04-10T00:00:00Z", "2006-04-10T00:00:00", "2006-04-10"])
def test_times_are_written_in_utc(tmp_path, epoch):
    _, sessions = written(tmp_path, MESSAGES[:1], epoch=epoch)
    assert sessions["time"].tolist() == [pd.Timestamp("2006-04-10 00:01:00")]


def test_a_saved_record_makes_the_same_log(tmp_path):
    first, _ = written(tmp_path, MESSAGES, [attempt(REPLY, 65.0, Code.OK)])
    original = record(MESSAGES, [attempt(REPLY, 65.0, Code.OK)])
    again = iis.write(Record.load(original.save(tmp_path / "record")), tmp_path / "again.log")
    assert again.read_bytes() == first.read_bytes()


def test_a_record_without_mail_makes_a_log_without_lines(tmp_path):
    path, sessions = written(tmp_path, [])
    assert path.read_text().splitlines()[2] == "#Date: 2006-04-10 00:00:00"
    assert len(sessions) == 0


def test_a_log_appears_whole_or_not_at_all(tmp_path):
    broken = record(MESSAGES)
    broken.run = replace(broken.run, epoch="when pigs fly")
    with pytest.raises(ValueError, match="when pigs fly"):
        iis.write(broken, tmp_path / "ex.log")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BadOutput, match=r"no-such-folder.*: cannot be written: no such file"):
        iis.write(record(MESSAGES), tmp_path / "no-such-folder" / "ex.log")


def test_written_lines_have_the_shape_of_the_real_server_s(tmp_path, shared_data):
    path, _ = written(tmp_path, MESSAGES)
    real = (shared_data / "iis-smtp-2006-w3c.log").read_text().splitlines()
    ours = path.read_text().splitlines()
    assert ours[3] == real[3]  # #Fields

    def shape(lines):
        parts = [line.split(" ") for line in lines if not line.startswith("#")]
        return {
            (len(p), p[4], p[7], p[8], p[9], p[10][:1] == "+", p[12] if p[8] != "QUIT" else "", *p[16:])
            for p in parts
            if p[8] in ("HELO", "MAIL", "RCPT", "QUIT")
        }

    assert shape(ours) <= shape(real)


def test_byte_counts_are_those_of_the_real_server_s_commands_and_replies(tmp_path, shared_data):
    path, _ = written(tmp_path, MESSAGES)
    checked = 0
    for line in [*path.read_text().splitlines(), *(shared_data / "iis-smtp-2006-w3c.log").read_text().splitlines()]:
        parts = line.split(" ")
        if parts[8:9] in (["MAIL"], ["RCPT"]) and "@HULK" not in line:  # the server completes a name without a dot
            said, name = parts[10].lstrip("+").replace("+", " ", 1 if ":+" in parts[10] else 0), parts[10].partition("<")[2].rstrip(">")
            heard = f"250 2.1.0 {name}....Sender OK" if parts[8] == "MAIL" else f"250 2.1.5 {name} "
            assert int(parts[14]) == len(f"{parts[8]} {said}")
            assert int(parts[13]) == len(heard) + 2 or parts[11] == "550"
            checked += 1
    assert checked == 2 * 4 + 2 * 6 - 1


# --- reading -----------------------------------------------------------------------------------


def test_the_real_w3c_sample_is_read_to_the_last_line(shared_data):
    frame = iis.read(shared_data / "iis-smtp-2006-w3c.log")
    assert len(frame) == 37
    assert frame.attrs["left_out"] == 0
    assert list(frame.columns) == ["time", "client_ip", "user", "method", "query", "status"]
    assert frame["time"].iloc[0] == pd.Timestamp("2006-10-09 05:00:15")
    sessions = iis.sessions(frame)
    assert sessions.attrs["left_out"] == 0
    assert sessions["helo"].tolist() == ["36A42160", "notify.ossec.net", "REDBARRON", "sveta", "isyndicate.com", "altimaxns.com"]
    assert [name.partition("@")[2] for name in sessions["sender"]] == [
        "sbcglobal.net",  # FROM:+<...>
        "HULK",  # From:+<...>
        "meelift.com",
        "fu-berlin.de",  # after a masked EHLO
        "isyndicate.com",
        "altimaxns.com",  # the log ends before its DATA
    ]
    assert set(sessions["status"]) == {250}


def test_the_real_ncsa_sample_is_read_in_utc_with_its_outbound_session(shared_data):
    frame = iis.read(shared_data / "iis-smtp-2006-ncsa.log")
    assert (len(frame), frame.attrs["left_out"]) == (40, 0)
    assert frame["time"].iloc[0] == pd.Timestamp("2006-10-11 19:16:39")  # 13:16:39 -0600
    sessions = iis.sessions(frame)
    out = sessions[sessions["direction"] == "out"]
    assert out[["client_ip", "helo", "status"]].values.tolist() == [["205.188.158.121", "mee-pdc.meelift.com", 250]]
    assert out["recipient"].iloc[0].endswith("@aol.com")
    # two sessions interleave: six recipients of one, one of the other between them
    assert sessions["helo"].tolist()[:7] == ["207.250.64.66"] * 3 + ["1stallied.com"] + ["207.250.64.66"] * 3
    assert sessions[sessions["helo"] == "207.250.64.66"]["sender"].nunique() == 1


@pytest.mark.parametrize(
    ("query", "sender"),
    [
        ("+FROM:<a@b.example>", "a@b.example"),
        ("+FROM:+<a@b.example>", "a@b.example"),
        ("+From:+<a@b.example>", "a@b.example"),
        ("+FROM:a@b.example", "a@b.example"),
        ("FROM:<a@b.example>", "a@b.example"),
        ("+FROM:<a@b.example>+SIZE=1234+BODY=8BITMIME", "a@b.example"),
        ("+FROM:a+tag@b.example+SIZE=1234", "a+tag@b.example"),
        ("+FROM:<a+tag@b.example>+", "a+tag@b.example"),
        ("+FROM:<@relay.example:a@b.example>", "a@b.example"),
        ("+FROM:<>", ""),
        ("+FROM:+<>+SIZE=9", ""),
    ],
)
def test_a_sender_is_found_in_every_way_of_writing_it(tmp_path, query, sender):
    sessions = iis.sessions(w3c(tmp_path, f"mx.example MAIL {query} 250", "mx.example RCPT +TO:<c@d.example> 250"))
    assert sessions[["sender", "recipient"]].values.tolist() == [[sender, "c@d.example"]]


def test_sessions_that_interleave_are_told_apart_by_client_and_helo(tmp_path):
    path = log(
        tmp_path,
        FIELDS,
        "2006-04-10 12:00:00 192.0.2.7 one MAIL +FROM:<a@a.example> 250",
        "2006-04-10 12:00:00 192.0.2.7 two MAIL +FROM:<b@b.example> 250",
        "2006-04-10 12:00:00 192.0.2.8 one MAIL +FROM:<c@c.example> 250",
        "2006-04-10 12:00:01 192.0.2.7 one RCPT +TO:<x@x.example> 250",
        "2006-04-10 12:00:01 192.0.2.8 one RCPT +TO:<y@x.example> 250",
        "2006-04-10 12:00:01 192.0.2.7 two RCPT +TO:<z@x.example> 550",
        "2006-04-10 12:00:02 192.0.2.8 one DATA - 554",
        "2006-04-10 12:00:02 192.0.2.7 one DATA - 250",
    )
    assert iis.sessions(iis.read(path))[["sender", "recipient", "status"]].values.tolist() == [
        ["a@a.example", "x@x.example", 250],
        ["c@c.example", "y@x.example", 554],  # the message was refused after all
        ["b@b.example", "z@x.example", 550],
    ]


def test_a_second_message_of_a_session_has_a_sender_of_its_own(tmp_path):
    sessions = iis.sessions(
        w3c(
            tmp_path,
            "one MAIL +FROM:<a@a.example> 250",
            "one RCPT +TO:<x@x.example> 250",
            "one RCPT +TO:<y@x.example> 550",
            "one DATA - 250",
            "one MAIL +FROM:<b@b.example> 250",
            "one RSET - 250",
            "one MAIL +FROM:<c@c.example> 250",
            "one RCPT +TO:<x@x.example> 250",
            "one QUIT one 240",
        )
    )
    assert sessions[["sender", "recipient", "status"]].values.tolist() == [
        ["a@a.example", "x@x.example", 250],
        ["a@a.example", "y@x.example", 550],
        ["c@c.example", "x@x.example", 250],
    ]


def test_replies_belong_to_commands_in_order_even_when_these_are_sent_together(tmp_path):
    say, hear = "OutboundConnectionCommand", "OutboundConnectionResponse - "
    sessions = iis.sessions(
        w3c(
            tmp_path,
            f"{hear} 220+mx.example 0".replace("  ", " "),
            f"{say} EHLO srv1.office.example 0",
            f"{hear}250-mx.example 0",
            f"{say} MAIL FROM:<a@office.example> 0",
            f"{say} RCPT TO:<x@mx.example> 0",
            f"{say} RCPT TO:<y@mx.example> 0",
            f"{say} DATA - 0",
            f"{hear}250+ok 0",
            f"{hear}250+ok 0",
            f"{hear}452+full 0",
            f"{hear}354+go 0",
            f"{hear}451+later 0",
            f"{say} MAIL FROM:<a@office.example> 0",
            f"{say} RCPT TO:<z@mx.example> 0",
            # the connection breaks; the next one greets
            f"{hear}220+mx.example 0",
        )
    )
    assert sessions[["recipient", "status"]].values.tolist() == [["x@mx.example", 451], ["y@mx.example", 452], ["z@mx.example", 0]]


def test_a_recipient_without_a_sender_is_left_out_and_named(tmp_path):
    sessions = iis.sessions(
        w3c(tmp_path, "one RCPT +TO:<x@x.example> 250", "one DATA - 250", "one MAIL nonsense 250", "one RCPT +TO:<x@x> 250")
    )
    assert len(sessions) == 0
    assert sessions.attrs["left_out"] == 3
    assert sessions.attrs["first_left_out"].endswith("ex.log:2: RCPT without MAIL in the session of 192.0.2.7; line left out")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("2006-04-10 12:00:00 192.0.2.7 one MAIL", "5 values where #Fields names 7"),
        ("2006-04-31 12:00:00 192.0.2.7 one QUIT - 240", "'2006-04-31 12:00:00' is not a time"),
        ("2006-04-10 noon 192.0.2.7 one QUIT - 240", "'2006-04-10 noon' is not a time"),
        ("2006-04-10 12:00:00 192.0.2.7 one QUIT - fine", "'fine' is not a status"),
        ('192.0.2.7 - one [31/Feb/2006:12:00:00 +0000] "QUIT - SMTP" 240 4', "10 values where #Fields names 7"),
    ],
)
def test_a_broken_line_is_counted_and_the_first_one_described(tmp_path, line, why):
    good = "2006-04-10 12:00:00 192.0.2.7 one HELO +one 250"
    frame = iis.read(log(tmp_path, FIELDS, good, line, good, line))
    assert (len(frame), frame.attrs["left_out"]) == (2, 2)
    assert frame.attrs["first_left_out"] == f"{tmp_path / 'ex.log'}:3: {why}; line left out"
    assert frame.index.tolist() == [2, 4]


def test_columns_are_found_by_name_and_a_new_header_renames_them(tmp_path):
    frame = iis.read(
        log(
            tmp_path,
            "#Date: 2006-04-10 12:00:00",
            "#Fields: time cs-username cs-method sc-status cs-uri-query",
            "12:00:01 one HELO 250 +one",
            FIELDS,
            "2006-04-11 12:00:00 192.0.2.7 two HELO +two 250",
        )
    )
    assert frame["time"].tolist() == [pd.Timestamp("2006-04-10 12:00:01"), pd.Timestamp("2006-04-11 12:00:00")]
    assert frame["user"].tolist() == ["one", "two"]
    assert frame["client_ip"].tolist() == ["-", "192.0.2.7"]


def test_what_a_crash_leaves_at_the_end_of_a_log_is_no_line(tmp_path):
    path = tmp_path / "ex.log"
    path.write_bytes(FIELDS.encode() + b"\r\n2006-04-10 12:00:00 192.0.2.7 one HELO +\xff 250\r\n" + b"\0" * 5000)
    frame = iis.read(path)
    assert (len(frame), frame.attrs["left_out"]) == (1, 0)


def test_a_day_without_mail_is_a_log_without_lines(tmp_path):
    frame = iis.read(log(tmp_path, "#Date: 2006-04-10 00:00:00", FIELDS))
    assert len(frame) == len(iis.sessions(frame)) == 0
    assert frame["time"].dtype == iis.sessions(frame)["time"].dtype == np.dtype("datetime64[s]")


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        (["Apr 10 12:00:00 mx postfix/qmgr[1]: removed"], "ex.log:1: 'Apr 10 12:00:00 mx postfix/qmgr[1]: remo' is no line of an SMTP log"),
        (["# a comment", "", "hello"], "ex.log:3: 'hello' is no line of an SMTP log"),
        ([], "ex.log:1: the file ends before any line of a log"),
    ],
)
def test_a_file_that_is_no_smtp_log_is_refused_with_the_line_and_what_is_wanted(tmp_path, lines, where):
    with pytest.raises(BadInput) as caught:
        iis.read(log(tmp_path, *lines))
    assert where in str(caught.value)
    assert "wanted is '#Fields: date time c-ip cs-username ...' (W3C extended), or NCSA form" in str(caught.value)


def test_a_log_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"ex\.log: cannot be read: no such file"):
        iis.read(tmp_path / "ex.log")


@given(st.binary(max_size=300), st.integers(0, 2500), st.integers(0, 200))
def test_a_damaged_log_is_read_or_refused_but_never_raises_anything_else(put, start, length):
    with tempfile.TemporaryDirectory() as folder:
        path = iis.write(record(MESSAGES, [attempt(REPLY, 65.0, Code.OK)]), Path(folder) / "ex.log")
        whole = path.read_bytes()
        path.write_bytes(whole[:start] + put + whole[start + length :])
        try:
            frame = iis.read(path)
        except BadInput:
            return
        sessions = iis.sessions(frame)
        assert frame["time"].dt.year.between(1, datetime.max.year).all()
        assert len(sessions) <= len(frame)
