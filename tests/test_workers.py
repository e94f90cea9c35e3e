"""Who plays replications, and what is sent to them."""

import pickle

import pytest

import sim
from sim import workers
from sim.runs import Task
from sim.workers import Pool

STORY = sim.load("sbs_2003")


def fewer(message: object, answered: float) -> bool:
    """A policy as a user writes it."""
    return False


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_results_have_the_numbers_of_their_tasks_however_many_are_sent_at_once(at_once):
    with workers.workers(2) as executor:
        found = dict(workers.spread(executor, abs, range(-10, 0), at_once))
    assert found == {number: 10 - number for number in range(10)}


def test_short_tasks_are_sent_several_at_once_when_it_is_known_that_they_are_short():
    tasks = [Task(STORY, ("off",), 1, n) for n in range(40)]
    costs = workers._costs(tasks)
    with workers.workers(2) as executor:
        pool = Pool(executor, lambda what, done, total: None, width=2)
        assert pool._at_once(costs) == 1  # nobody knows yet
        pool.play("runs", tasks[:4])
        assert 0.0 < pool.pace < float("inf")
        pool.pace = 0.01 / costs[0]  # 10 ms each
        assert pool._at_once(costs[:4]) == 1  # else one would wait for the other
        assert pool._at_once(costs[:32]) == 2
        assert pool._at_once(costs * 10) == 5
        pool.pace = 1.0 / costs[0]
        assert pool._at_once(costs * 10) == 1
        assert len(pool.play("runs", tasks)) == 40


def test_an_office_that_is_a_thousand_times_as_large_is_not_taken_for_short():
    small, large = (workers._costs([Task(found, ("off",), 1, 0)]) for found in (STORY, STORY.with_settings({"office.mailboxes": 25_000})))
    pool = Pool(None, lambda what, done, total: None, width=2, pace=0.01 / small[0])
    assert pool._at_once(small * 100) == 5
    assert pool._at_once([*small * 99, *large]) < 5


def test_a_scenario_is_opened_once_in_a_process_however_often_it_is_sent():
    changed = STORY.with_settings({"spam.unresolvable": "7 %"})
    first, second = (pickle.loads(pickle.dumps(changed)) for _ in range(2))
    assert first is second
    assert first is not changed
    assert (first, first.sha256()) == (changed, changed.sha256())


def test_a_scenario_with_functions_is_new_for_each_replication():
    own = STORY.with_functions({"fewer": fewer})
    first, second = (pickle.loads(pickle.dumps(own)) for _ in range(2))
    assert first is not second
    assert first == second == own
