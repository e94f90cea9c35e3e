"""`[[change]]`: what the administrator does to the queues, from the file to the record and what is said of it."""

from pathlib import Path

import numpy as np
import pytest

import sim
from sim import experiment, plots, runs
from sim.errors import BadInput, Unavailable
from sim.mail import HERE, Dsn, Kind, Outcome
from sim.policy.intervention import Act, Deed
from sim.report.queues import queue_view, what_happened
from sim.units import DAY, HOUR

STORY = """title = "A hand on the queues"
days = 4
[server]
profile = "sbs-2003"
policy = "external"
[office]
mailboxes = 3
people = ["ann"]
[spam]
mailboxes = { ann = "60/mailbox/day" }
[[absence]]
who = "ann"
until = "day 3"
"""


def scenario(folder: Path, *changes: str, story: str = STORY):
    path = folder / "story.toml"
    path.write_text(story + "".join(f"[[change]]\n{change}\n" for change in changes))
    return sim.load(path)


@pytest.mark.parametrize(
    ("text", "act", "words"),
    [
        ('freeze = "all"', Act(Deed.FREEZE), "freeze all queues"),
        ('thaw = "retry"', Act(Deed.THAW, only_in_retry=True), "thaw queues in Retry"),
        ('force_retry = "all"', Act(Deed.FORCE_RETRY), "force retry of all queues"),
        ('delete = "all"', Act(Deed.DELETE), "delete all messages without a DSN"),
        (
            'delete = "autoreplies"\ndsn = true',
            Act(Deed.DELETE, kinds=frozenset({Kind.AUTOREPLY}), report=True),
            "delete autoreplies with a DSN",
        ),
        ('delete = "retry"', Act(Deed.DELETE, only_in_retry=True), "delete all messages of queues in Retry without a DSN"),
        ("connections = 10", Act(Deed.LIMIT, connections=10), "limit to 10 connections"),
        ("connections_per_hop = 2", Act(Deed.LIMIT, connections_per_hop=2), "limit to 2 per next hop"),
    ],
)
def test_a_change_says_which_act_is_meant(tmp_path, text, act, words):
    (change,) = scenario(tmp_path, f'at = "day 2"\n{text}').changes
    assert (change.act, change.words()) == (act, words)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('freeze = "some"', "should be 'all' or 'retry'"),
        ("connections = 0", "should be greater than or equal to 1"),
        ('freeze = "all"\nthaw = "all"', "a change is one deed: .*; here it is freeze with thaw"),
        ('delete = "all"\nmailbox = "ann"', "here it is delete with mailbox"),
        ('freeze = "all"\ndsn = true', "dsn belongs to delete"),
        ("", "here it is none"),
        ('frezee = "all"', "'frezee' is not a key of .*did you mean 'freeze'"),
    ],
)
def test_what_is_no_deed_is_one_line_that_names_the_change(tmp_path, text, said):
    with pytest.raises(BadInput, match=rf"story.toml: change\[1\].*{said}") as caught:
        scenario(tmp_path, f'at = "day 2"\n{text}')
    assert "\n" not in str(caught.value)


def test_nobody_can_touch_the_queues_of_exchange_online(tmp_path):
    story = STORY.replace("sbs-2003", "exchange-online")
    with pytest.raises(Unavailable, match=r"change\[1\]: not available on Exchange Online: its queues are Microsoft's"):
        scenario(tmp_path, 'at = "day 2"\nfreeze = "all"', story=story)
    assert scenario(tmp_path, 'at = "day 2"\nmailbox = "ann"\nreplies = "off"', story=story).changes


@pytest.mark.parametrize("policy", ["internal-only", "external"])
def test_an_act_is_done_under_every_policy_and_stands_in_the_record(tmp_path, policy):
    where = scenario(tmp_path, 'at = "day 2 09:00"\nfreeze = "all"', 'at = "day 2 15:00"\nthaw = "all"')
    record = runs.run(where, policy)
    acts, attempts = record.columns("acts"), record.columns("attempts")
    done = [(at, what, who) for at, what, who in zip(acts["at"], acts["what"], acts["who"], strict=True) if what != "absence"]
    assert done == [(33 * HOUR, "freeze all queues", "server"), (39 * HOUR, "thaw all queues", "server")]
    frozen = (attempts["at"] >= 33 * HOUR) & (attempts["at"] < 39 * HOUR)
    assert not frozen.any()
    assert (attempts["at"] == 39 * HOUR).any()
    plain = runs.run(scenario(tmp_path), policy).columns("attempts")
    assert ((plain["at"] >= 33 * HOUR) & (plain["at"] < 39 * HOUR)).any()
    before = plain["at"] < 33 * HOUR
    assert np.array_equal(plain["at"][before], attempts["at"][: before.sum()])


def test_an_act_at_the_seam_of_two_chunks_is_done_once_and_at_the_very_beginning_too(tmp_path):
    where = scenario(tmp_path, 'at = "day 1"\nfreeze = "all"', 'at = "day 2"\nthaw = "all"')
    record = runs.run(where)
    assert record.columns("attempts")["at"].min() == DAY
    assert (record.columns("acts")["what"] == "thaw all queues").sum() == 1


def test_deleted_autoreplies_come_back_to_the_absent_only_where_they_are_reported(tmp_path):
    def notices(dsn):
        where = scenario(tmp_path, f'at = "day 2 12:00"\ndelete = "autoreplies"\ndsn = {dsn}')
        record = runs.run(where)
        m = record.columns("messages")
        deleted = m["outcome"] == Outcome.DELETED
        assert deleted.sum() > 3
        assert set(m["kind"][deleted].tolist()) == {Kind.AUTOREPLY}
        assert (m["outcome"] == Outcome.QUEUED).sum() == record.run.queued
        about = (m["kind"] == Kind.FAILURE) & np.isin(m["caused_by"], m["id"][deleted]) & (m["next_hop"] == HERE)
        assert about.sum() == (m["dsn"][deleted] == Dsn.SENT).sum()
        said = what_happened(where, record)
        assert f"{deleted.sum()} messages were deleted, {about.sum()} of them with a report" in said
        return int(about.sum()), int(deleted.sum())

    assert notices("false")[0] == 0
    reported, deleted = notices("true")
    assert reported == deleted


def test_a_limit_binds_from_its_moment_on(tmp_path):
    where = scenario(tmp_path, 'at = "day 2"\nconnections = 1')
    a = runs.run(where).columns("attempts")
    since = a["at"] >= DAY + HOUR  # whatever was open then has long closed
    order = np.argsort(a["at"][since], kind="stable")
    begin, end = a["at"][since][order], (a["at"] + a["seconds"])[since][order]
    assert (begin[1:] >= end[:-1]).all()
    free = runs.run(scenario(tmp_path)).columns("attempts")
    begin, end = free["at"], free["at"] + free["seconds"]
    assert (np.sort(begin)[1:] < np.sort(end)[:-1]).any()


def test_the_queue_view_shows_what_is_frozen_in_the_servers_own_word(tmp_path):
    def states(profile, *changes):
        where = scenario(tmp_path, *changes, story=STORY.replace("sbs-2003", profile))
        return queue_view(where, runs.run(where), 1.6 * DAY)

    freeze = 'at = "day 2"\nfreeze = "all"'
    assert ", 0 of them in Retry" in states("sbs-2003", freeze)
    assert "Frozen" in states("sbs-2003", freeze)
    assert "Suspended" in states("exchange-2016", freeze)
    assert "Frozen" not in states("sbs-2003", freeze, 'at = "day 2 09:00"\nthaw = "all"')
    some = states("sbs-2003", 'at = "day 2"\nfreeze = "retry"')
    assert "Frozen" in some
    assert "Retry " in some.split("\n", 2)[2]  # later queues go on


def test_the_story_marks_an_act_and_prose_tells_of_it(tmp_path):
    where = scenario(tmp_path, 'at = "day 2 12:00"\ndelete = "autoreplies"')
    result = experiment.compare(where, ["external"], replications=1, jobs=1, bands=False)
    assert "delete autoreplies without a DSN" in plots.svg(plots.story(result))
    assert "Done to the queues by hand: delete autoreplies without a DSN (day 2 12:00" in what_happened(where, runs.run(where))


SWITCHED = """title = "Replies switched within an absence"
days = 6
[server]
profile = "{server}"
policy = "external"
[office]
mailboxes = 3
people = ["ann", "bob"]
[spam]
mailboxes = {{ ann = "60/mailbox/day", bob = "60/mailbox/day" }}
[[absence]]
who = "ann"
[[absence]]
who = "bob"
"""
OFF, ON = (f'at = "day {day}"\nmailbox = "ann"\nreplies = "{to}"' for day, to in ((3, "off"), (4, "on")))


def answered(folder: Path, server: str, *changes: str) -> dict[str, np.ndarray]:
    """Whom Ann and Bob answered, and when: float64[n, 2] of each."""
    where = scenario(folder, *changes, story=SWITCHED.format(server=server))
    m = runs.run(where).columns("messages")
    mine = m["kind"] == Kind.AUTOREPLY
    to = dict(zip(m["id"].tolist(), m["recipient"].tolist(), strict=True))
    by = np.array([to[cause] for cause in m["caused_by"][mine].tolist()])
    return {who: np.column_stack([m["recipient"][mine], m["accepted_at"][mine]])[by == where.mailbox(who)] for who in ("ann", "bob")}


def repeats(found: np.ndarray) -> int:
    """How many replies went to somebody who had one before."""
    return len(found) - len(np.unique(found[:, 0]))


def test_exchange_forgets_whom_it_answered_when_the_user_switches_her_replies_off_and_on(tmp_path):
    # FACTS S55. With one reply per sender and absence, a second one needs a history that was cleared; a third would need another switch.
    found = answered(tmp_path, "exchange-2003", OFF, ON)
    assert repeats(found["ann"]) > 0
    assert repeats(found["bob"]) == 0  # his were not switched
    for who in np.unique(found["ann"][:, 0]):
        times = found["ann"][found["ann"][:, 0] == who, 1]
        assert (times < 2 * DAY + HOUR).sum() <= 1
        assert (times >= 3 * DAY).sum() <= 1


def test_a_responder_of_which_no_source_says_so_remembers_across_a_switch(tmp_path):
    # Dovecot's Pigeonhole keeps every entry for its period of seven days, longer than the run
    assert repeats(answered(tmp_path, "postfix", OFF, ON)["ann"]) == 0


def test_replies_that_are_switched_to_what_they_are_forget_nothing(tmp_path):
    still = 'at = "day 3"\nmailbox = "ann"\nreplies = "on"'
    plain, same = (answered(tmp_path, "exchange-2003", *changes) for changes in ((), (still,)))
    assert repeats(same["ann"]) == 0
    assert np.array_equal(plain["ann"], same["ann"])
