"""Who plays replications: this process, worker processes, or the workers of a cluster.

A task is one replication; it is sent as a scenario and numbers, and what comes back is a summary. Results come as they finish; whoever asks
for them puts them in the order of the tasks, so no result depends on who has played what.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from multiprocessing import connection
from queue import SimpleQueue
from typing import Final, TypeVar

from sim import checkpoint, measures, runs
from sim.checkpoint import Checkpoint
from sim.cluster import Cluster, connected
from sim.errors import BadInput, Lost
from sim.measures import Summary
from sim.runs import Task
from sim.scenario import Scenario
from sim.server.transport.engines import Asked, make_ready, settled
from sim.units import Seconds

__all__ = ["Pool", "Progress", "Task", "play", "pool", "spread", "workers"]

Progress = Callable[[str, int, int], None]  # what is played, how many are done, of how many; 0 done at the beginning of a step
_ENDED: Final = "a worker process has ended before its time (killed, or out of memory)"
_WORTH: Final = 0.05  # seconds of work that are worth a message
_PIECES: Final = 8  # at least, for each worker, so that none waits long for the last
A = TypeVar("A")
B = TypeVar("B")


def play(task: Task) -> dict[str, Summary]:
    """The replication under each policy. What comes back from a worker is a summary: the record of a big office is larger than what is
    asked of it."""
    times = measures.moments(task.scenario.horizon)
    limit = task.scenario.document.verdict.alert_queues
    records = runs.runs(task.scenario, task.policies, task.seed, task.replication, task.engine)
    return {record.run.policy: measures.summarise(record, times, limit, task.only) for record in records}


@contextmanager
def workers(jobs: int | None, executor: str = "") -> Iterator[Executor | Cluster | None]:
    """Worker processes, by default one per core, or None for one job: then everything runs here. executor: the address of a cluster
    instead."""
    if executor:
        if jobs is not None:
            raise BadInput("--jobs", "does not go with --executor: a cluster has the workers that it has")
        with connected(executor) as cluster:
            yield cluster
        return
    if (count := _count(jobs)) <= 1:
        yield None
        return
    processes = ProcessPoolExecutor(count, initializer=_begin)
    try:
        yield processes
    finally:
        processes.shutdown(cancel_futures=True)


def _count(jobs: int | None) -> int:
    return jobs or os.cpu_count() or 1


def _begin() -> None:
    """A worker leaves it to the process that has started it what an interrupt means, and ends when that one has ended: after kill -9 nobody
    else would tell it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def spread(
    executor: Executor | Cluster | None, function: Callable[[A], B], tasks: Iterable[A], at_once: int = 1
) -> Iterator[tuple[int, B]]:
    """Apply a function to tasks, giving (number of the task, result) as they finish; a worker is sent `at_once` of them in one message.
    Raises Lost where a worker is no more, after all that was done before."""
    if executor is None:
        for number, task in enumerate(tasks):
            yield number, function(task)
        return
    lost = executor.lost if isinstance(executor, Cluster) else (BrokenExecutor,)
    try:
        futures: dict[Future[list[B]], int] = {}
        left, first = iter(tasks), 0
        while some := list(islice(left, at_once)):
            futures[executor.submit(partial(_each, function), some)] = first
            first += len(some)
        for future in _ended(executor, set(futures)):
            yield from enumerate(future.result(), futures.pop(future))
    except lost as error:
        raise Lost(executor.loss(error) if isinstance(executor, Cluster) else _ENDED) from None


def _each(function: Callable[[A], B], tasks: Sequence[A]) -> list[B]:
    return [function(task) for task in tasks]


def _ended(executor: Executor | Cluster, futures: set[Future[B]]) -> Iterator[Future[B]]:
    """Each as it ends; in a cluster, of those that have ended together, the failed ones last. Not by `concurrent.futures.wait`: it locks
    all of them, again and again, and an interrupt meanwhile leaves some locked for ever."""
    if isinstance(executor, Cluster):
        while futures:
            done = executor.wait(futures)
            futures -= done
            yield from sorted(done, key=_failed)
        return
    ended: SimpleQueue[Future[B]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    for _ in futures:
        yield ended.get()


def _failed(future: Future[B]) -> bool:
    return future.cancelled() or future.exception() is not None


@dataclass(slots=True)
class Pool:
    """Plays tasks over the workers and reports progress."""

    executor: Executor | Cluster | None
    progress: Progress
    kept: Checkpoint | None = None
    engine: Asked = "auto"  # settled at the first tasks, for all
    more: int = 0  # tasks that may follow them
    width: int = 1  # worker processes, each of which may be sent several tasks at once
    ready: bool = False  # the kernel, if it plays, was read here, before worker processes were forked
    pace: float = math.inf  # how many times as long as was estimated the last tasks took

    def play(self, what: str, tasks: Sequence[Task]) -> list[dict[str, Summary]]:
        """The result of every task, in their order. What is kept from an earlier start is not played, nor counted in the progress: the time
        left is that of the rest."""
        if self.executor is not None:
            _can_be_sent(tasks)
        if self.engine == "auto" and tasks:
            first = tasks[0]
            self.engine = settled(
                "auto", (len(tasks) + self.more) * max(runs.attempts(first.scenario, policy) for policy in first.policies)
            )
        if tasks and self.engine == "kernel" and not self.ready and not isinstance(self.executor, Cluster):
            self.ready = True
            with self._drawing(tasks[0]):
                make_ready(tasks[0].scenario.queue_rules(), self.progress)
        tasks = [replace(task, engine=self.engine) for task in tasks]
        found = [None if self.kept is None else self.kept.find(task) for task in tasks]
        missing = [number for number, result in enumerate(found) if result is None]
        what += f", {len(tasks) - len(missing)} kept" * (len(missing) < len(tasks))
        if missing:
            self.progress(what, 0, len(missing))
        costs, begun = _costs([tasks[number] for number in missing]), time.perf_counter()
        try:
            rest = (self._worked_out(tasks[number]) for number in missing)
            for done, (place, result) in enumerate(spread(self.executor, play, rest, self._at_once(costs)), start=1):
                found[missing[place]] = result
                if self.kept is not None:
                    self.kept.keep(tasks[missing[place]], result)
                self.progress(what, done, len(missing))
        except Lost as error:
            then = "nothing is kept, --resume DIR keeps what is done" if self.kept is None else self.kept.said()
            raise Lost(f"{error}; {then}") from None
        if missing:
            self.pace = (time.perf_counter() - begun) * self.width / sum(costs)
        return [result for result in found if result is not None]

    def _drawing(self, first: Task) -> AbstractContextManager[None]:
        """Draw mail meanwhile, where there is a core for it."""
        return runs.drawing(first.scenario, first.seed) if self.width > 1 else nullcontext()

    def _at_once(self, costs: Sequence[Seconds]) -> int:
        """How many tasks a worker is sent in one message."""
        if self.width == 1 or not costs:
            return 1
        return max(1, min(int(_WORTH / self.pace / max(costs)), len(costs) // (_PIECES * self.width)))

    def _worked_out(self, task: Task) -> Task:
        """A task about to be sent: what every run of its scenario asks for travels along. The first are played meanwhile."""
        if self.executor is not None:
            task.scenario.work_out()
        return task


@contextmanager
def pool(
    scenario: Scenario,
    seed: int,
    jobs: int | None,
    progress: Progress,
    *,
    executor: str = "",
    resume: str | os.PathLike[str] | None = None,
    engine: Asked = "auto",
    more: int = 0,
) -> Iterator[Pool]:
    """Workers for the replications of a scenario and all that is made of it by settings, kept in the folder `resume` if one is named.
    more: about how many tasks may follow the first ones."""
    with ExitStack() as stack:
        kept = stack.enter_context(checkpoint.opened(resume, scenario, seed)) if resume is not None else None
        yield Pool(stack.enter_context(workers(jobs, executor)), progress, kept, engine, more, 1 if executor else _count(jobs))


def _costs(tasks: Sequence[Task]) -> list[Seconds]:
    """About what each takes."""
    each = {number: runs.cost(scenario)[0] for number, scenario in _scenarios(tasks).items()}
    return [each[id(task.scenario)] * len(task.policies) for task in tasks]


def _can_be_sent(tasks: Sequence[Task]) -> None:
    """Looked for beforehand: a pool that meets such a policy while it pickles may hang."""
    for scenario in _scenarios(tasks).values():
        if scenario.staying:
            named = ", ".join(map(repr, scenario.staying))
            raise BadInput("policies", f"{named} cannot be sent to worker processes: define it in a module, or give jobs=1")


def _scenarios(tasks: Sequence[Task]) -> dict[int, Scenario]:
    """Each scenario once, by its identity in this process."""
    return {id(task.scenario): task.scenario for task in tasks}
