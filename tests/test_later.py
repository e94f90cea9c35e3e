"""Tables whose columns are made when they are asked for."""

import copy
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import sim
from sim import realise
from sim.record import Later
from sim.server.host import Host


class Maker:
    """Counts what it is asked for."""

    def __init__(self, fails=0):
        self.begun, self.made, self.fails = 0, [], fails

    def begin(self):
        self.begun += 1
        return self.column

    def column(self, name):
        if self.fails:
            self.fails -= 1
            raise MemoryError
        self.made.append(name)
        return np.array([len(name)])


def test_a_column_is_made_once_whoever_asks():
    maker = Maker()
    table = Later(["one", "three"], maker.begin)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(table.__getitem__, ["one"] * 50))
    assert all(column is found[0] for column in found)
    assert maker.made == ["one"]
    assert maker.begun == 1


def test_what_is_in_a_table_is_known_without_making_it():
    maker = Maker()
    table = Later(["one", "three"], maker.begin)
    assert list(table) == ["one", "three"]
    assert len(table) == 2
    assert "one" in table
    assert "two" not in table
    with pytest.raises(KeyError):
        table["two"]
    assert maker.begun == 0


def test_a_column_that_could_not_be_made_is_made_when_it_is_asked_for_again():
    table = Later(["one"], Maker(fails=1).begin)
    with pytest.raises(MemoryError):
        table["one"]
    assert table["one"].tolist() == [3]


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda table: pickle.loads(pickle.dumps(table))])
def test_a_copy_is_a_plain_dict_of_all_columns(again):
    table = again(Later(["one", "three"], Maker().begin))
    assert type(table) is dict
    assert {name: column.tolist() for name, column in table.items()} == {"one": [3], "three": [5]}


def test_a_record_keeps_nothing_of_its_run_once_all_its_columns_are_made():
    scenario = sim.load("sbs_2003")
    world = realise.world(scenario, 1, 0)
    host = Host(scenario, "external", 1, 0, world, realise.hours(scenario, 1, 0, world, 24), realise.attracted(scenario, 1, 0, world))
    record = host.run()
    run, transport = weakref.ref(host), weakref.ref(host.transport)
    del host
    assert run() is None  # nor the run itself before
    assert transport() is not None
    for table in list(record.tables):
        dict(record.columns(table))
    assert transport() is None
