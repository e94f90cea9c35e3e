"""The readable log of a run."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import sim
from sim import runs
from sim.mail import HERE, Answer, Kind, Outcome
from sim.record import Record
from sim.report.events import events
from tests.test_cli import mailflow

STORY = """title = "A log"
days = 5
[server]
profile = "sbs-2003"
policy = "external"
[office]
mailboxes = 3
people = ["ann", "bob"]
[spam]
mailboxes = { ann = "40/mailbox/day" }
[[absence]]
who = "ann"
until = "day 4"
[[change]]
at = "day 3"
delete = "autoreplies"
dsn = true
[[change]]
at = "day 3 12:00"
mailbox = "ann"
replies = "off"
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    path: Path = tmp_path_factory.mktemp("events") / "log.toml"
    path.write_text(STORY)
    return path


@pytest.fixture(scope="module")
def record(file) -> Record:
    return runs.run(sim.load(file))


@pytest.fixture(scope="module")
def log(record) -> list[str]:
    return list(events(record))


def counted(log, pattern) -> int:
    return sum(re.search(pattern, line) is not None for line in log)


def test_every_line_has_a_moment_and_they_are_in_order(log, record):
    shape = re.compile(r"day (\d+) (\d\d):(\d\d):(\d\d)  \S.*")
    times = [tuple(map(int, match.groups())) for line in log if (match := shape.fullmatch(line))]
    assert len(times) == len(log) > 500
    assert times == sorted(times)
    assert log[-1] == f"day 6 00:00:00  end of the run  {record.run.queued} messages are still queued"


def test_every_reply_and_every_reason_against_one_stands_once(log, record):
    m = record.columns("messages")
    asked = ~np.isin(m["answer"], (Answer.NOT_ASKED, Answer.NOT_ABSENT))
    answered = asked & (m["answer"] == Answer.ANSWERED)
    assert counted(log, r" <- .*, answered \(autoreply \d+\)$") == answered.sum() > 20
    assert counted(log, r" <- .*, not answered: ") == asked.sum() - answered.sum() > 20
    assert counted(log, "not answered: replies are switched off") == (m["answer"] == Answer.REPLIES_OFF).sum() > 0
    first = next(line for line in log if ", answered" in line)
    number = re.search(r"autoreply (\d+)\)", first)
    assert number is not None
    assert counted(log, rf"ann -> .*  autoreply {number[1]}$") == 1


def test_attempts_of_what_matters_are_all_there_and_ordinary_mail_delivered_at_once_is_not(log, record):
    m, a = record.columns("messages"), record.columns("attempts")
    ordinary = m["id"][(m["kind"] == Kind.OUTBOUND) & (m["outcome"] == Outcome.DELIVERED) & np.isnan(m["deferred_at"])]
    ended = a["at"] + a["seconds"] < record.run.horizon
    assert len(ordinary) > 20
    assert counted(log, r", attempt \d+: ") == (ended & ~np.isin(a["message"], ordinary)).sum()
    assert counted(log, r", attempt 1: ") == len(np.unique(a["message"][ended & ~np.isin(a["message"], ordinary)]))


def test_retry_begins_as_often_as_an_episode_and_after_the_attempt_that_began_it(log, record):
    q = record.columns("queues")
    assert counted(log, "Retry begins$") == len(q["since"]) > 3
    assert counted(log, "Retry ends after ") == (~np.isnan(q["until"])).sum()
    for before, line in itertools.pairwise(log):
        if line.endswith("Retry begins"):
            assert ", attempt " in before


def test_what_leaves_undelivered_says_who_is_told_and_the_notice_follows(log, record):
    m = record.columns("messages")
    deleted = m["outcome"] == Outcome.DELETED
    assert counted(log, r" is deleted after .*, reported to ann$") == deleted.sum() > 0
    notices = (m["kind"] == Kind.FAILURE) & (m["next_hop"] == HERE) & (m["caused_by"] & 15 == Kind.AUTOREPLY)
    assert counted(log, r"  ann <- <>  failure notice \d+ on autoreply \d+$") == notices.sum() >= deleted.sum()


def test_acts_stand_with_who_did_them(log):
    assert "day 1 00:00:00  Ann  absence begins" in log
    assert "day 4 00:00:00  Ann  absence ends" in log
    assert "day 3 00:00:00  server  delete autoreplies with a DSN" in log
    assert "day 3 12:00:00  Ann  replies off" in log


def test_names_are_made_when_a_line_is_asked_for(record):
    class Counting:
        def __init__(self, words):
            self.words, self.made = words, 0

        def address(self, code, domain):
            self.made += 1
            return self.words.address(code, domain)

        def domain(self, code):
            return self.words.domain(code)

    words = Counting(record.words)
    lines = sim.events(Record(dict(record.tables), record.run, words))  # type: ignore[arg-type]
    assert len(list(itertools.islice(lines, 20))) == 20
    assert 0 < words.made <= 2 * 20 + 2


def test_a_record_that_was_saved_has_the_same_log(record, log, tmp_path):
    again = list(events(Record.load(record.save(tmp_path / "record"))))
    assert len(again) == len(log)
    assert [line.partition("  ")[0] for line in again] == [line.partition("  ")[0] for line in log]
    assert [re.sub(r"queue \S+", "queue", line) for line in again] == [re.sub(r"queue \S+", "queue", line) for line in log]


def test_a_message_through_a_smarthost_is_told_on_both_legs(file):
    where = sim.load(file, {"route.to": "smarthost"})
    told = list(events(runs.run(where)))
    assert counted(told, r"  smarthost: ann -> \S+@\S+  autoreply \d+, attempt 1: ") > 10
    assert counted(told, r"  ann -> \S+@\S+  autoreply \d+, attempt 1: delivered") > 10


def test_the_command_writes_the_log_to_a_file_or_to_standard_output_and_nothing_else_there(file, log, tmp_path):
    spoken = mailflow("run", file, "--events", "-", cwd=tmp_path)
    assert spoken.stdout.splitlines() == log
    written = mailflow("run", file, "--events", "log.txt", cwd=tmp_path)
    assert (tmp_path / "log.txt").read_text().splitlines() == log
    assert "Queues at" in written.stdout
    assert "Written: log.txt" in written.stderr
    refused = mailflow("run", file, "--events", tmp_path, cwd=tmp_path)
    assert refused.returncode == 2
    assert "is a directory; name a file" in refused.stderr
