"""The record of a large office goes to its files while the run is played, and says what it would have said from memory."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from sim import measures, runs
from sim.errors import BadInput, BadOutput
from sim.mail import HERE, NULL_SENDER, Kind, Place, Truth, address, word
from sim.record import MESSAGES, SCHEMA, Record, Words, stored
from sim.record.names import named
from sim.record.stored import Stored, Writer
from sim.report.events import events
from sim.report.queues import queue_view, what_happened
from sim.server import host
from sim.units import DAY
from tests.test_tally import CASES, SCENARIO, both, scenario

ROOT = Path(__file__).parent.parent


def same(one, other) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def rows(n: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Messages with anything in their columns, and times of which many are the same."""
    dice = np.random.default_rng(seed)
    found = {}
    for name, column in MESSAGES.items():
        values = dice.integers(0, len(column.words or range(100)), n).astype(column.dtype)
        found[name] = np.where(values > 90, np.nan, values) if name.endswith("_at") and name != "accepted_at" else values
    return found | {"id": dice.permutation(n).astype(np.int64)}


# A run.


@cache
def played() -> Record:
    """A tallied run, from memory."""
    return both(*CASES[0])[1]


@pytest.fixture(scope="module")
def streamed(tmp_path_factory):
    """The same run, whose transport forgets every few messages, in row groups of a few."""
    directory = tmp_path_factory.mktemp("streamed") / "record"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "ROWS", 0)
        patch.setattr(host, "_FORGETS", 20)
        patch.setattr(stored, "_ROWS", 50)
        return runs.run(scenario(*CASES[0][:3]), seed=3, engine="simpy", save=directory), directory


def test_a_streamed_record_has_the_tables_of_one_in_memory_to_the_bit(streamed):
    record, _ = streamed
    assert record.run == played().run
    for table in SCHEMA:
        found = record.columns(table)
        for name, values in played().columns(table).items():
            assert same(values, found[name]), (table, name)
            assert values.dtype == found[name].dtype, (table, name)


def test_a_streamed_record_gives_the_same_numbers_views_and_events(streamed):
    record, _ = streamed
    held, found = played(), scenario(*CASES[0][:3])
    one, other = measures.measure(held), measures.measure(record)
    assert {name for name in one if one[name] != other[name] and one[name] == one[name]} == set()
    for at in (0.5 * DAY, 1.5 * DAY, 2.2 * DAY):
        assert queue_view(found, held, at) == queue_view(found, record, at)
    assert what_happened(found, held) == what_happened(found, record)
    assert list(events(held)) == list(events(record))


def test_a_streamed_record_is_what_is_saved_and_loaded_of_one_in_memory(streamed, tmp_path):
    _, directory = streamed
    saved = played().save(tmp_path / "record")
    assert {path.name for path in directory.iterdir()} == {path.name for path in saved.iterdir()}
    one, other = (pd.read_parquet(path / "messages.parquet") for path in (saved, directory))
    assert list(one) == list(other) == list(MESSAGES)
    pd.testing.assert_frame_equal(one, other.sort_values(["accepted_at", "id"], ignore_index=True))
    assert one.attrs["units"] == other.attrs["units"] == played().messages.attrs["units"]


def test_messages_are_written_many_times_during_a_run_in_row_groups_of_bounded_size(streamed):
    _, directory = streamed
    file = parquet.ParquetFile(directory / "messages.parquet").metadata
    sizes = [file.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert len(sizes) > 10
    assert max(sizes) < 2 * 50


def test_a_run_that_keeps_every_row_is_saved_as_well(tmp_path):
    found = scenario(*CASES[0][:3])
    record = runs.run(found, "off", engine="simpy", save=tmp_path / "record")
    loaded = Record.load(tmp_path / "record")
    assert (record.run, record.run.tallied) == (loaded.run, False)
    assert all(same(values, loaded.columns("messages")[name]) for name, values in record.columns("messages").items())


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, FileNotFoundError])
def test_what_ends_a_run_comes_through_and_leaves_nothing_behind(error, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "ROWS", 0)
    monkeypatch.setattr(stored, "_ROWS", 50)
    plays = host.Host._play

    def until_the_second_day(self, rows, until):
        if until > DAY:
            assert list(tmp_path.glob(".record.*.part/messages.parquet"))
            raise error
        plays(self, rows, until)

    monkeypatch.setattr(host.Host, "_play", until_the_second_day)
    with pytest.raises(error):
        runs.run(scenario(*CASES[0][:3]), save=tmp_path / "record")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("many", [0, runs.ROWS])
def test_a_directory_that_is_there_already_is_complained_of_before_the_run(many, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "ROWS", many)
    monkeypatch.setattr(host.Host, "run", lambda *_: pytest.fail("it was played"))
    with pytest.raises(BadOutput, match="exists already"):
        runs.run(scenario(*CASES[0][:3]), save=tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
def test_a_disk_that_is_full_in_the_middle_of_a_run_is_one_line_and_leaves_nothing(tmp_path):
    """A limit on the size of a file stands for a disk: a write is refused in the same way."""
    (tmp_path / "office.toml").write_text(SCENARIO.format(server="postfix", filter="none", arrivals="steady"))
    code = """
import resource
from sim import runs
from sim.cli import main
from sim.record import stored
from sim.server.host import Host

def too_late(self):
    raise AssertionError("the run came to its end")

runs.ROWS, stored._ROWS, Host._record = 0, 50, too_late
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
main()
"""
    command = [sys.executable, "-c", code, "run", "office.toml", "--engine", "simpy", "--save", "record"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "mailflow: record: File too large\n")
    assert {path.name for path in tmp_path.iterdir()} == {"office.toml"}


# A table in a file.


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=8), st.integers(1, 20))
def test_rows_come_back_in_order_in_whatever_pieces_and_order_they_were_written(sizes, group):
    whole = rows(sum(sizes))
    order = np.lexsort((whole["id"], whole["accepted_at"]))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "_ROWS", group)
        with Writer(Path(folder) / "messages.parquet", MESSAGES) as file:
            for last, size in zip(np.cumsum(sizes), sizes, strict=True):
                file.append({name: values[last - size : last] for name, values in whole.items()})
                assert file._rows < group  # what waits to be written is bounded
            table = file.table()
        assert list(table) == list(MESSAGES)
        for name, column in MESSAGES.items():
            assert same(table[name], whole[name][order])
            assert table[name].dtype == column.dtype


def test_no_more_than_a_bound_is_kept_of_a_table_that_is_read(tmp_path, monkeypatch):
    whole = rows(1000)
    with Writer(tmp_path / "messages.parquet", MESSAGES) as file:
        file.append(whole)
        table = file.table()
    assert isinstance(table, Stored)
    monkeypatch.setattr(stored, "_KEPT", 20_000)  # two columns of 8 bytes a row, and some of one byte
    for name in MESSAGES:
        assert table[name] is table[name]  # not read twice
        assert sum(column.nbytes for column in table._kept.values()) <= 20_000
    assert "id" in table
    assert "no such column" not in table
    with pytest.raises(KeyError):
        table["no such column"]


def test_what_is_no_table_of_a_record_is_bad_input(tmp_path):
    played().save(tmp_path / "record")
    acts, queues = (tmp_path / "record" / f"{name}.parquet" for name in ("acts", "queues"))
    loaded = Record.load(tmp_path / "record")
    queues.rename(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match=r"queues.parquet: is no table of a saved record"):
        loaded.columns("queues")["since"]
    with pytest.raises(BadInput, match=r"record: is not a saved record .*queues.parquet"):
        Record.load(tmp_path / "record")
    acts.rename(queues)
    with pytest.raises(BadInput, match=r"record: is not a saved record .*queues.parquet has no column next_hop"):
        Record.load(tmp_path / "record")


def test_a_word_that_a_table_may_not_have_is_bad_input(tmp_path):
    frame = pd.DataFrame({"hop": pd.Categorical(["nonsense"])})
    frame.to_parquet(tmp_path / "x.parquet")
    with pytest.raises(BadInput, match="nonsense"):
        Stored(tmp_path / "x.parquet", {"hop": SCHEMA["messages"]["kind"]})["hop"]


@pytest.mark.parametrize("written", [pd.Categorical, list])
def test_words_are_found_by_what_they_say_and_not_by_their_place(written, tmp_path):
    """As another program may write them."""
    kinds = [Kind.RECEIPT, Kind.SPAM]
    pd.DataFrame({"kind": written([word(kind) for kind in kinds])}).to_parquet(tmp_path / "x.parquet")
    found = Stored(tmp_path / "x.parquet", {"kind": SCHEMA["messages"]["kind"]})
    assert found["kind"].tolist() == kinds


@pytest.mark.parametrize(("name", "values"), [("size", [1000, None]), ("kind", ["spam", None])])
def test_a_missing_value_is_bad_input_but_for_a_time_that_is_not_yet(name, values, tmp_path):
    pd.DataFrame({name: values}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(BadInput, match="a value is missing"):
        Stored(tmp_path / "x.parquet", {name: SCHEMA["messages"][name]})[name]


def test_a_loaded_record_is_saved_as_it_was(tmp_path):
    loaded = Record.load(played().save(tmp_path / "record"))
    again = Record.load(loaded.save(tmp_path / "again"))
    assert again.run == loaded.run
    for table in SCHEMA:
        for name, values in loaded.columns(table).items():
            assert same(values, again.columns(table)[name]), (table, name)


def test_a_loaded_record_knows_the_names(tmp_path):
    held = both(*CASES[0])[0]  # every row is there
    loaded = Record.load(held.save(tmp_path / "record"))
    found = scenario(*CASES[0][:3])
    assert queue_view(found, loaded, 1.5 * DAY) == queue_view(found, held, 1.5 * DAY)


# Names.


def test_where_messages_disagree_on_an_address_the_first_that_goes_there_says_what_it_is():
    ours, stranger, other = address(Place.OFFICE, 7), address(Place.STRANGE, 1), address(Place.STRANGE, 2)
    there, one, another = (address(Place.STRANGE, n) for n in (50, 60, 61))
    messages = [  # sender, its domain, recipient, next hop, what the outside is
        (stranger, one, ours, HERE, Truth.SPAMMER),
        (other, one, ours, HERE, Truth.FORGED_DEAD),
        (other, another, ours, HERE, Truth.TRAP),
        (NULL_SENDER, HERE, ours, HERE, Truth.UNKNOWN),
        (ours, HERE, stranger, there, Truth.FORGED_REAL),
        (ours, HERE, stranger, there, Truth.TRAP),
    ]
    names = ("sender", "sender_domain", "recipient", "next_hop", "truth")
    table = {name: np.array(values) for name, values in zip(names, zip(*messages, strict=True), strict=True)}
    table["recipient_domain"] = table["next_hop"]
    found = named(table, Words())
    people = found["addresses"]
    assert people["address"].tolist() == [ours, stranger, other]
    assert people["domain"].tolist() == [HERE, there, one]
    assert people["truth"].tolist() == [Truth.INTERNAL, Truth.FORGED_REAL, Truth.FORGED_DEAD]
    assert people["name"].tolist()[0] == "a7@d0.invalid"
    assert found["domains"]["domain"].tolist() == [HERE, there, one]
