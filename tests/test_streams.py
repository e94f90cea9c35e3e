"""Dice that depend on nothing but their name."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim.streams import Draw, Generators, dice, key, series, u, us


@given(st.integers(0, 2**62), st.lists(st.integers(0, 2**62), min_size=1, max_size=20), st.integers(0, 99))
def test_a_hash_die_is_the_same_in_scalar_code_and_in_numpy(seed, things, what):
    base = key(seed, 0)
    assert [u(base, thing, what) for thing in things] == us(base, np.array(things), what).tolist()


@given(st.integers(0, 2**62), st.lists(st.integers(0, 2**62), max_size=5), st.integers(0, 6))
def test_a_series_of_hash_dice_is_what_they_are_one_by_one(seed, things, count):
    base = key(seed, 0)
    found = series(base, np.array(things, dtype=np.int64), Draw.OUTAGE, count=count)
    assert found.tolist() == [[u(base, thing, Draw.OUTAGE, n) for n in range(count)] for thing in things]


@given(st.integers(0, 2**62), st.lists(st.integers(0, 2**62), max_size=5), st.lists(st.sampled_from(Draw), max_size=4))
def test_dice_for_several_draws_are_what_each_is_alone(seed, things, draws):
    base, named = key(seed, 0), np.array(things, dtype=np.int64)
    assert dice(base, named, draws).tolist() == [us(base, named, draw).tolist() for draw in draws]


def test_a_run_whose_key_needs_all_64_bits_has_generators_of_its_own():
    # numpy makes floats of a list with a number above 2**63 and a small one: two such keys might become one
    large = next(seed for seed in range(100) if key(seed, 0) >= 2**63)
    streams = Generators(large, 0)
    streams(Draw.SPAM, 3, 5)
    assert streams._bits.state["state"]["key"].tolist() == [key(large, 0), key(Draw.SPAM, 3, 5)]


def test_hash_dice_are_even():
    # 100,000 uniform numbers: the largest of 20 bins of 5,000 +- 69 stays within 5 standard deviations.
    counts, _ = np.histogram(us(key(1, 2), np.arange(100_000), Draw.MAILBOX), bins=20, range=(0, 1))
    assert np.abs(counts - 5000).max() < 5 * 69


def test_a_generator_does_not_depend_on_what_was_drawn_before():
    streams = Generators(1, 2)
    first = streams(Draw.SPAM, 0, 5).random(3)
    streams(Draw.WANTED, 0, 5).integers(0, 9, 7, dtype=np.int32)
    assert (streams(Draw.SPAM, 0, 5).random(3) == first).all()
    assert (Generators(1, 3)(Draw.SPAM, 0, 5).random(3) != first).any()


@given(st.integers(0, 1000), st.lists(st.lists(st.sampled_from([0.0, 0.3, 4.0, 30.0]), min_size=2, max_size=2), min_size=1, max_size=3))
def test_what_is_drawn_for_many_hours_is_what_the_generator_of_each_block_and_hour_gives(first, means):
    hours, found = range(first, first + 2), []
    for block, row in enumerate(means):
        for hour, mean in zip(hours, row, strict=True):
            rng = Generators(5, 1)(Draw.SPAM, block, hour)
            n = int(rng.poisson(mean))
            columns, rows = [rng.random(n).tolist() for _ in range(2)], rng.random((n, 3)).tolist()
            found += [(block, hour, nth, *(column[nth] for column in columns), *rows[nth]) for nth in range(n)]
    drawn = Generators(5, 1).hourly(Draw.SPAM, hours, np.array(means), 2, 3)
    assert found == list(zip(*(c.tolist() for c in (drawn.block(), drawn.hour(), drawn.nth(), *drawn.columns, *drawn.dice.T)), strict=True))
    assert [drawn.block()[piece].tolist() for piece in drawn.blocks()] == [[n] * int(count.sum()) for n, count in enumerate(drawn.counts)]
