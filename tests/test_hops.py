"""The table of next hops, against a dictionary."""

from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.server.transport.hops import Hops
from sim.server.transport.kernel import QUEUE, Array

CODES = st.one_of(st.integers(0, 50), st.integers(0, 2**44), st.integers(0, 50).map(lambda n: n << 40))


def rows(hops: list[int]) -> Array:
    found = np.zeros(len(hops), QUEUE)
    found["hop"] = hops
    return found


def batches(hops: Hops, known: list[int], parts: list[list[int]]) -> Iterator[tuple[list[int], list[int]]]:
    """(numbers of the table, next hops by these numbers) of each part; `known` grows, as the rows of queues do."""
    for part in parts:
        numbers, new = hops.numbers(np.array(part, dtype=np.int64), rows(known))
        known += new.tolist()
        yield numbers.tolist(), [known[n] for n in numbers.tolist()]


@settings(max_examples=200, deadline=None)  # the first may compile
@given(st.lists(st.lists(CODES, max_size=40), max_size=8))
def test_every_next_hop_has_one_number_in_the_order_in_which_they_are_first_met(parts):
    hops, known = Hops(), list[int]()
    for part, (_, back) in zip(parts, batches(hops, known, parts), strict=True):
        assert back == part
    assert known == list(dict.fromkeys(hop for part in parts for hop in part))
    assert hops.count == len(known)


def test_the_table_grows_in_the_middle_of_a_batch():
    many = [7 * n for n in range(5000)]
    hops, known = Hops(), list[int]()
    found = list(batches(hops, known, [many[:300], many + many[::-1]]))
    assert [numbers for numbers, _ in found] == [list(range(300)), [*range(5000), *reversed(range(5000))]]


@settings(deadline=None)
@given(st.lists(CODES, unique=True, max_size=60), st.integers(1, 5))
def test_after_a_restart_those_that_stay_have_their_new_numbers_and_the_others_none(codes, every):
    hops = Hops()
    hops.numbers(np.array(codes, dtype=np.int64), rows([]))
    known = codes[::every]
    hops.restart(rows(known))
    (_, back), *_ = batches(hops, known, [codes])
    assert back == codes
    assert known == [*codes[::every], *(code for n, code in enumerate(codes) if n % every)]
