"""Who is away when: several absences of a person, calendars of part-timers."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sim
from sim import realise, runs
from sim.errors import BadInput
from sim.mail import Answer, Kind
from sim.scenario import Absence, Scenario, calendar
from sim.scenario.away import Away
from sim.units import DAY, HOUR

HEAD = """title = "part-timers"
start = 2006-04-17   # a Monday
days = 28
[server]
policy = "external"
[office]
mailboxes = 5
people = ["ann", "bob"]
"""


def office(tmp_path: Path, *absences: str, more: str = "") -> Scenario:
    path = tmp_path / "office.toml"
    path.write_text(HEAD + "".join(f"[[absence]]\n{text}\n" for text in absences) + more)
    return sim.load(path)


def days(scenario: Scenario) -> list[tuple[int, float, float, int]]:
    """(mailbox, first day, day after the last, number), days from 1."""
    return [(a.mailbox, a.since / DAY + 1, a.until / DAY + 1, a.number) for a in scenario.absences]


def test_every_friday_is_an_absence_of_its_own(tmp_path):
    found = days(office(tmp_path, 'who = "ann"\nevery = "Fri"'))
    assert found == [(0, 5, 6, 0), (0, 12, 13, 1), (0, 19, 20, 2), (0, 26, 27, 3)]


def test_consecutive_days_of_a_calendar_are_one_absence_over_the_weekend_too(tmp_path):
    # Day 1 is a Monday; Sunday and Monday follow each other.
    found = days(office(tmp_path, 'who = "ann"\nevery = "Sun Mon"\nuntil = "day 15 12:00"'))
    assert found == [(0, 1, 2, 0), (0, 7, 9, 1), (0, 14, 15.5, 2)]


def test_a_reply_set_once_keeps_one_list_of_who_was_answered_over_all_days_of_the_calendar(tmp_path):
    settings = 'who = "ann"\nevery = "Mon Wed"\nswitched = '
    assert {number for *_, number in days(office(tmp_path, settings + '"once"'))} == {0}
    assert len({number for *_, number in days(office(tmp_path, settings + '"each-time"'))}) == 8


@pytest.mark.parametrize(("switched", "again"), [("each-time", True), ("once", False)])
def test_a_sender_who_writes_every_friday_is_told_again_only_where_the_reply_was_switched(tmp_path, switched, again):
    people = '[wanted]\ncorrespondents = 1\nnewcomers = "0 %"\ninto = "20/mailbox/day"\n'  # one outside person writes to ann all the time
    scenario = office(tmp_path, f'who = "ann"\nevery = "Fri"\nswitched = "{switched}"', more=people)
    messages = runs.run(scenario).columns("messages")
    told = (messages["kind"] == Kind.WANTED) & (messages["answer"] == Answer.ANSWERED)
    assert told.sum() == (4 if again else 1)


def test_a_day_off_within_or_next_to_a_holiday_belongs_to_the_holiday(tmp_path):
    # Holiday days 8 to 18 (a Monday to a Thursday): the Friday within it is no second absence, and that on day 19 prolongs it.
    found = days(
        office(tmp_path, 'who = "ann"\nevery = "Fri"', 'who = "ann"\nfrom = "day 8"\nuntil = "day 19"', 'who = "bob"\nevery = "Fri"')
    )
    assert [entry for entry in found if entry[0] == 0] == [(0, 5, 6, 0), (0, 26, 27, 1), (0, 8, 20, 2)]
    assert [entry[1] for entry in found if entry[0] == 1] == [5, 12, 19, 26]
    assert len({number for *_, number in found}) == 7


def test_two_absences_that_follow_each_other_stay_two(tmp_path):
    found = days(
        office(tmp_path, 'who = "ann"\nuntil = "day 3"', 'who = "ann"\nfrom = "day 3"\nuntil = "day 6"', 'who = "ann"\nfrom = "day 9"')
    )
    assert found == [(0, 1, 3, 0), (0, 3, 6, 1), (0, 9, 29, 2)]


def test_an_absence_that_is_ended_ends_and_the_next_one_comes(tmp_path):
    change = '[[change]]\nat = "day 5 12:00"\nmailbox = "ann"\nabsence = "ends"\n'
    found = days(office(tmp_path, 'who = "ann"\nevery = "Thu Fri"', more=change))
    assert found[:2] == [(0, 4, 5.5, 0), (0, 11, 13, 1)]


@given(st.integers(0, 100), st.integers(1, 500), st.integers(0, 20))
def test_a_share_of_the_office_is_that_many_mailboxes_each_once_and_none_with_a_name(percent, boxes, named):
    named = min(named, boxes)
    found = calendar.part(percent / 100, named, boxes)
    assert len(found) == round(percent / 100 * (boxes - named))
    assert sorted(set(found)) == list(found)
    assert all(named <= box < boxes for box in found)


def test_a_share_of_the_office_is_away_beside_its_named_people(tmp_path):
    # 5 mailboxes, two of them named: of the other three 67 % are two, the first and the second of them
    found = days(office(tmp_path, 'who = "ann"', 'who = "67 %"\nfrom = "day 3"\nuntil = "day 5"'))
    assert [entry[:3] for entry in found] == [(0, 1, 29), (2, 3, 5), (3, 3, 5)]


@pytest.mark.parametrize(
    ("absences", "message"),
    [
        (
            ('who = "ann"\nuntil = "day 9"', 'who = "bob"', 'who = "ann"\nfrom = "day 8"'),
            r"absence\[3\]: overlaps absence\[1\] of",
        ),
        (('who = "ann"', 'who = "0"\nfrom = "day 8"'), r"absence\[2\]: overlaps absence\[1\]"),
        (('who = "120 %"',), r"'120 %' is not between 0 % and 100 %"),
        (('who = "100 %"', 'who = "4"'), r"absence\[2\]: overlaps absence\[1\]"),
        (('who = "ann"\nevery = "Friday"',), r"absence\[1\].every.*'Friday' is not one of Mon, Tue.*did you mean 'Fri'"),
        (('who = "ann"\nevery = ""',), r"absence\[1\].every"),
        (('who = "ann"\nevery = 5',), r"5 names no day of the week"),
        (('who = "ann"\nswitched = "once"',), r"'once' belongs to a calendar"),
        (('who = "ann"\nevery = "Fri"\nswitched = "daily"',), r"'each-time' or 'once'"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_line(tmp_path, absences, message):
    with pytest.raises(BadInput, match=message) as caught:
        office(tmp_path, *absences)
    assert "\n" not in str(caught.value)


def test_who_is_away_most_is_counted_over_all_absences(tmp_path):
    scenario = office(tmp_path, 'who = "ann"\nfrom = "day 1"\nuntil = "day 4"', 'who = "bob"\nevery = "Thu Fri"')
    assert scenario.main_absentee == 1  # 8 days against 3, though no absence of bob's is longer than 2


def test_who_is_away_writes_nothing(tmp_path):
    scenario = office(tmp_path, 'who = "ann"\nevery = "Tue Wed"', 'who = "bob"\nfrom = "day 3"\nuntil = "day 10"')
    world = realise.world(scenario, 1, 0)
    for _, rows in realise.hours(scenario, 1, 0, world, 24):
        writer = np.where(rows.kind == Kind.OUTBOUND, rows.mailbox, np.where(rows.kind == Kind.INTERNAL, rows.sender, -1))
        for absence in scenario.absences:
            assert not ((writer == absence.mailbox) & (rows.at >= absence.since) & (rows.at < absence.until)).any()


@given(
    st.dictionaries(st.integers(0, 4), st.lists(st.integers(0, 60), min_size=2, max_size=8, unique=True)),
    st.lists(st.tuples(st.integers(-1, 5), st.floats(0, 61)), max_size=40),
)
def test_away_for_many_at_once_is_what_it_is_one_by_one(edges, asked):
    absences = []
    for mailbox, hours in edges.items():
        hours = sorted(hours)
        spans = list(zip(hours[::2], hours[1::2], strict=False))
        absences += [Absence(mailbox, a * HOUR, b * HOUR, 7 * mailbox + n) for n, (a, b) in enumerate(spans)]
    mailbox = np.array([who for who, _ in asked], dtype=np.int64)
    at = np.array([hour * HOUR for _, hour in asked], dtype=np.float64)
    expected = [
        (n, a.number)
        for n, (who, when) in enumerate(zip(mailbox, at, strict=True))
        for a in absences
        if a.mailbox == who and a.since <= when < a.until
    ]
    which, number = Away(absences).found(mailbox, at)
    assert list(zip(which.tolist(), number.tolist(), strict=True)) == expected
    assert np.flatnonzero(Away(absences)(mailbox, at)).tolist() == which.tolist()
