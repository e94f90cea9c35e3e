"""Notes of a run become tables in order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.server import ledger, merging

TIMES = st.lists(st.integers(0, 5), max_size=25)


@given(TIMES)
def test_messages_of_one_time_are_in_order_of_their_ids(times):
    at = np.array(times, dtype=np.float64)
    id = np.arange(len(times))[::-1] * 3
    assert merging.order(at, id).tolist() == np.lexsort((id, at)).tolist()


def piece(times, first):
    """A table in order of (accepted_at, id), in which one column is the same for all."""
    at = np.sort(np.array(times, dtype=np.float64))
    id = np.arange(first, first + len(at))
    return {"accepted_at": at, "id": id, "own": id * 2, "same": np.array(first)}


@given(TIMES, st.lists(TIMES, max_size=4), st.sets(st.integers(0, 24)), st.permutations(["accepted_at", "id", "own", "same"]))
def test_pieces_of_a_table_are_merged_row_by_row_whatever_is_asked_first_and_the_size_of_a_block(first, others, left_out, asked):
    pieces = [piece(times, 100 * n) for n, times in enumerate([first, *others], start=1)]
    chosen = np.array([n for n in range(len(first)) if n not in left_out], dtype=np.int64)
    rows = [chosen, *(np.arange(len(one["id"])) for one in pieces[1:])]
    whole = {
        name: np.concatenate([np.broadcast_to(one[name], one["id"].shape)[some] for one, some in zip(pieces, rows, strict=True)])
        for name in pieces[0]
    }
    order = np.lexsort((whole["id"], whole["accepted_at"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "_BLOCK", 4)
        made = merging.merged(pieces[0], chosen, pieces[1:])
        assert {name: made(name).tolist() for name in asked} == {name: column[order].tolist() for name, column in whole.items()}
    assert not any(len(one.get("own", ())) for one in pieces)  # nothing is there twice


@given(st.lists(TIMES, min_size=1, max_size=4))
def test_what_waits_is_noted_in_order_of_time_and_id(waiting):
    parts = []
    for n, times in enumerate(waiting):
        parts.append(ledger.born_of(len(times), id=np.arange(len(times)) * 10 + n, accepted_at=np.array(times, dtype=np.float64)))
    at, id = (np.concatenate([part[name] for part in parts]) for name in ("accepted_at", "id"))
    by, sent = merging.order(at, id), ledger.Sent()
    for _ in range(2):
        added = sent.add(parts, merging.places_of(by, [len(part) for part in parts]))
        assert list(zip(added["accepted_at"], added["id"], strict=True)) == sorted(zip(at, id, strict=True))
    assert len(sent.rows) == 2 * len(at)
