"""Words at the edges, seconds on the grid inside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import units


@pytest.mark.parametrize(
    ("text", "seconds"), [("10 min", 600.0), ("7.5m", 450.0), ("48 h", 172800.0), ("2 d", 172800.0), ("5 s", 5.0), ("2 days", 172800.0)]
)
def test_a_duration_is_a_number_and_a_unit(text, seconds):
    assert units.duration(text) == seconds


@pytest.mark.parametrize("text", ["10", "min", "10 fortnights", "-3 h", "1e999 s", ""])
def test_a_duration_that_says_nothing_is_refused(text):
    with pytest.raises(ValueError, match=r"is not|is negative"):
        units.duration(text)


def test_a_rate_names_what_it_counts():
    assert units.rate("50/mailbox/day") == units.rate("50/day") == 50 / 86400
    with pytest.raises(ValueError, match="is not a rate: write a number, a unit and a period"):
        units.rate("50 per box")
    with pytest.raises(ValueError, match="is not a rate"):
        units.rate("50/hop/day")


@pytest.mark.parametrize("text", ["101 %", "-1 %", "half", 1.5])
def test_a_share_lies_between_0_and_100_percent(text):
    with pytest.raises(ValueError, match=r"share|between"):
        units.share(text)


def test_day_one_is_the_first_day():
    assert units.moment("day 1") == 0.0
    assert units.moment("day 3 12:00") == 2.5 * units.DAY
    assert units.clock(units.moment("day 3 12:05")) == "day 3 12:05"


@given(st.floats(0, 1e8), st.floats(0, 1e8))
def test_sums_and_differences_on_the_grid_are_exact(a, b):
    a, b = units.grid(a), units.grid(b)
    assert (a + b) - b == a


def test_a_number_is_written_without_an_exponent_and_with_the_digits_that_count():
    assert [units.digits(value, 2) for value in (12.34, 0.1234, 0.0000123, 123456.7, 0.0, -1.5)] == [
        "12",
        "0.12",
        "0.000012",
        "123,457",
        "0",
        "-1.5",
    ]
    assert units.digits(2_000_000.0) == "2,000,000"
    assert units.digits(9.99, 1) == "10"
    assert units.words(0.00001) == "0.00001 s"


def test_a_word_agrees_with_its_number_as_it_is_shown():
    assert units.counted(1, "spammers") == units.counted(1.4, "spammers") == "1 spammer"
    assert units.counted(0, "spammers") == "0 spammers"
    assert units.counted(1234.0, "spammers") == "1,234 spammers"
    assert units.counted("1.0 ± 0.2", "people") == "1.0 ± 0.2 people"
    assert [units.counted(1, many) for many in ("people", "replies", "tries")] == ["1 person", "1 reply", "1 try"]
    assert units.counted(1, "messages are", "message is") == "1 message is"
