"""The method of the story: look up the recipient of a hung message as a sender of inbound mail."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from sim import forensics
from sim.logs import iis
from sim.mail import HERE, Code, Kind, Outcome, Place, Truth, address, born
from sim.record import SCHEMA, Record, RunInfo

START = datetime(2006, 4, 10)
ANN, BOB = address(Place.OFFICE, 0), address(Place.OFFICE, 1)
DEAD, SLOW, FINE = (address(Place.STRANGE, n) for n in range(3))  # domains, and the one address in each


def table(name, rows, **hidden):
    """A table of SCHEMA; what a row leaves out is 0, or NaN for a time."""
    columns = {**{key: column.dtype for key, column in SCHEMA[name].items()}, **hidden}
    return {
        key: np.array([row.get(key, np.nan if key.endswith("_at") or key == "until" else 0) for row in rows], dtype=dtype)
        for key, dtype in columns.items()
    }


def story():
    """Two spam to Ann, who is away, and one to Bob; her answers hang, one of them for good. Bob writes to one of the two domains."""
    spam = [(0, 100.0, DEAD, ANN), (1, 200.0, SLOW, ANN), (2, 300.0, FINE, BOB), (3, 2000.5, DEAD, BOB)]
    messages = [
        {"id": born(row, Kind.SPAM), "root": row, "caused_by": -1, "kind": Kind.SPAM, "truth": Truth.FORGED_DEAD}
        | {"sender": sender, "sender_domain": sender, "recipient": to, "next_hop": HERE, "size": 4000}
        | {"accepted_at": at, "settled_at": at, "outcome": Outcome.MAILBOX}
        for row, at, sender, to in spam
    ]
    replies = [(0, 104.0, DEAD, np.nan), (1, 203.0, SLOW, 900.0), (2, 301.0, FINE, 305.0)]
    messages += [
        {
            "id": born(row, Kind.AUTOREPLY),
            "root": row,
            "caused_by": born(row, Kind.SPAM),
            "kind": Kind.AUTOREPLY,
            "truth": Truth.FORGED_DEAD,
        }
        | {"sender": ANN, "recipient": to, "next_hop": to, "accepted_at": at, "settled_at": until, "attempts": 3}
        | {"outcome": Outcome.QUEUED if np.isnan(until) else Outcome.DELIVERED}
        for row, at, to, until in replies
    ]
    messages += [
        {
            "id": born(9, Kind.OUTBOUND),
            "root": 9,
            "caused_by": -1,
            "kind": Kind.OUTBOUND,
            "sender": BOB,
            "recipient": SLOW,
            "next_hop": SLOW,
        }
        | {"accepted_at": 1500.0, "settled_at": 1501.0, "outcome": Outcome.DELIVERED}
    ]
    queues = [
        {"next_hop": DEAD, "since": 110.0, "last_code": Code.DNS_TIMEOUT},
        {"next_hop": SLOW, "since": 210.0, "until": 900.0, "last_code": Code.BUSY},
    ]
    tables = {name: table(name, []) for name in ("hours", "attempts", "acts")}
    tables |= {"messages": table("messages", messages, sender_domain="int64"), "queues": table("queues", queues)}
    info = RunInfo("story", "external", "exchange-2003", 1, 0, 86400.0, START.isoformat(), "hand", "0", "", 1, 2)
    return Record(tables, info)


def name(code):
    return f"a{code & 0xFFFFFFFFFF}@d{code}.invalid"


def sessions(*rows):
    columns = ["time", "client_ip", "helo", "sender", "recipient", "direction", "status"]
    defaults = {"client_ip": "192.0.2.7", "helo": "x.example", "recipient": "ann@office.example", "direction": "in", "status": 250}
    frame = pd.DataFrame([defaults | row for row in rows], columns=columns)
    return frame.astype({"time": "datetime64[s]"})


NOON = datetime(2006, 4, 10, 12)


def cause(*arguments, **more):
    """Untyped: that there is a Finding is what most tests say."""
    return forensics.cause(*arguments, **more)


def mail(seconds, sender="bogus@strange.invalid", **more):
    """Mail that came so many seconds before noon."""
    return {"time": NOON - timedelta(seconds=seconds), "sender": sender} | more


def test_every_hung_autoreply_is_traced_to_the_mail_that_it_answers(tmp_path):
    record = story()
    inbound = iis.sessions(iis.read(iis.write(record, tmp_path / "ex060410.log")))
    hung = forensics.hung(record, 500.0)
    assert len(hung) == 2
    for sender, recipient, at in hung[["sender", "recipient", "accepted_at"]].values.tolist():
        finding = cause(inbound, recipient, START + timedelta(seconds=at))
        assert (finding.sender, finding.recipient) == (recipient, sender)
        spam = {name(DEAD): 100.0, name(SLOW): 200.0}[recipient]
        assert finding.time == START + timedelta(seconds=spam)
        assert finding.seconds_before == at - spam


def test_a_message_that_answers_nobody_has_no_cause(tmp_path):
    inbound = iis.sessions(iis.read(iis.write(story(), tmp_path / "ex060410.log")))
    # Bob wrote to SLOW of his own accord, 1,300 s after its spam
    assert cause(inbound, name(SLOW), START + timedelta(seconds=1500.0)) is None


def test_the_latest_mail_before_the_hung_message_is_its_cause():
    found = sessions(mail(300), mail(20, client_ip="192.0.2.9"), mail(-1), mail(500))
    finding = cause(found, "bogus@strange.invalid", NOON)
    assert (finding.seconds_before, finding.client_ip) == (20.0, "192.0.2.9")


@pytest.mark.parametrize(("seconds", "found"), [(-1, False), (0, True), (600, True), (601, False)])
def test_the_window_includes_both_of_its_ends(seconds, found):
    assert (cause(sessions(mail(seconds)), "bogus@strange.invalid", NOON) is not None) is found
    assert cause(sessions(mail(seconds)), "bogus@strange.invalid", NOON, within=1000.0) is not None or seconds < 0


@pytest.mark.parametrize("more", [{"direction": "out"}, {"status": 550}, {"sender": "other@strange.invalid"}, {"sender": ""}])
def test_only_mail_that_was_accepted_from_that_address_is_a_cause(more):
    assert cause(sessions(mail(5) | more), "bogus@strange.invalid", NOON) is None


def test_the_null_sender_is_nobody_to_look_up():
    assert cause(sessions(mail(5, sender="")), "", NOON) is None


def test_nothing_is_found_in_a_log_without_mail():
    assert cause(sessions(), "bogus@strange.invalid", NOON) is None


def test_an_address_is_the_same_in_capitals():
    assert cause(sessions(mail(5, sender="Bogus@STRANGE.invalid")), "bogus@Strange.Invalid", NOON) is not None


@pytest.mark.parametrize("at", [NOON.replace(tzinfo=UTC), datetime(2006, 4, 10, 14, tzinfo=timezone(timedelta(hours=2)))])
def test_a_moment_with_a_zone_is_compared_in_utc(at):
    assert cause(sessions(mail(5)), "bogus@strange.invalid", at).seconds_before == 5.0


def test_a_table_of_causes_says_of_each_message_what_a_search_for_it_alone_says():
    many = [(seconds, sender) for seconds in (0, 5, 600, 601) for sender in ("a@one.invalid", "B@Two.invalid", "")]
    inbound = sessions(*[mail(seconds, sender, recipient=f"{n}@office.example") for n, (seconds, sender) in enumerate(many)])
    inbound = pd.concat([inbound, sessions(mail(1, "a@one.invalid", direction="out"), mail(1, "a@one.invalid", status=550))])
    rows = [
        (to, NOON + timedelta(seconds=s)) for to in ("A@one.invalid", "b@two.invalid", "c@three.invalid", "") for s in (0, 300, -2, 900)
    ]
    asked = pd.DataFrame(rows, columns=["recipient", "time"], index=range(7, 7 + len(rows)))
    table = forensics.causes(inbound, asked)
    assert table.index.tolist() == asked.index.tolist()
    singly = [forensics.cause(inbound, to, at) for to, at in rows]
    assert [f is None for f in singly] == table["came"].isna().tolist()
    assert 0 < table["came"].isna().sum() < len(rows)
    for finding, row in zip(singly, table.itertuples(), strict=True):
        if finding is not None:
            assert (row.came, row.came_to, row.client_ip) == (finding.time, finding.recipient, finding.client_ip)
            assert row.seconds_before == finding.seconds_before


def test_a_table_of_causes_of_no_message_or_from_an_empty_log_is_empty():
    asked = pd.DataFrame({"recipient": ["a@one.invalid"], "time": [NOON]})
    assert len(forensics.causes(sessions(mail(5)), asked[:0])) == 0
    assert forensics.causes(sessions(), asked)["came"].isna().tolist() == [True]


def test_a_record_gives_the_date_and_time_of_its_seconds():
    record = story()
    assert record.when(90.5) == START + timedelta(seconds=90.5)
    assert record.when(record.messages["settled_at"]).isna().tolist() == record.messages["settled_at"].isna().tolist()


def test_a_finding_reads_as_a_sentence():
    assert str(cause(sessions(mail(75)), "bogus@strange.invalid", NOON)) == (
        "at 2006-04-10 11:58:45 UTC 192.0.2.7 delivered mail from bogus@strange.invalid to ann@office.example, "
        "1 min 15 s before the hung message was made"
    )
    assert str(cause(sessions(mail(0)), "bogus@strange.invalid", NOON)).endswith(", at the second when the hung message was made")


def test_hung_messages_stand_in_a_queue_in_retry_and_not_elsewhere():
    hung = forensics.hung(story(), 500.0)
    columns = ["id", "next_hop", "next_hop_name", "sender", "recipient", "kind", "accepted_at", "attempts", "last_code", "time"]
    assert list(hung.columns) == columns
    assert hung["time"].tolist() == [START + timedelta(seconds=104), START + timedelta(seconds=203)]
    assert hung.drop(columns=["id", "next_hop", "time"]).values.tolist() == [
        [f"d{DEAD}.invalid", "a0@d0.invalid", name(DEAD), "autoreply", 104.0, 3, "dns-timeout"],
        [f"d{SLOW}.invalid", "a0@d0.invalid", name(SLOW), "autoreply", 203.0, 3, "busy"],
    ]


@pytest.mark.parametrize(
    ("at", "hops"),
    [
        (110.0, []),  # what is seen at t is what happened before t
        (110.5, [DEAD]),
        (210.5, [DEAD, SLOW]),
        (900.0, [DEAD, SLOW]),
        (900.5, [DEAD]),
        (1500.5, [DEAD]),  # Bob's message: its queue is not in Retry any more
        (80000.0, [DEAD]),
    ],
)
def test_a_message_hangs_from_after_the_first_failure_to_the_end_of_the_episode(at, hops):
    assert forensics.hung(story(), at)["next_hop"].tolist() == hops


def test_what_only_a_model_knows_changes_nothing():
    record, blind = story(), story()
    blind.tables["messages"]["caused_by"][:] = -1
    blind.tables["messages"]["root"][:] = 0
    blind.tables["messages"]["truth"][:] = Truth.UNKNOWN
    pd.testing.assert_frame_equal(forensics.hung(record, 500.0), forensics.hung(blind, 500.0))


def test_a_record_without_mail_has_nothing_hung():
    record = story()
    record.tables = {key: {column: values[:0] for column, values in columns.items()} for key, columns in record.tables.items()}
    assert len(forensics.hung(record, 500.0)) == 0
