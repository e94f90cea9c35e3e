"""A Dask cluster that exists already, as an executor of `concurrent.futures`.

What is sent is one bundle of bytes for each task, with the name of this program; a worker looks at the name before it opens the bundle. So
a worker of another version, which would give other results or none, says so, also one that joins later. Dask plays the task of a worker
that has died on another one. `distributed` is imported only here, and only when a cluster is asked for.
"""

from __future__ import annotations

import logging
import pickle
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sim.errors import BadInput
from sim.program import program

__all__ = ["Cluster", "connected"]

_PATIENCE: Final = 8  # seconds that a scheduler has to answer, and to have a worker
A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Cluster:
    """What plays on it."""

    where: str
    client: Any
    executor: Executor
    lost: tuple[type[BaseException], ...]  # the errors by which a task says that it will never be played

    def submit(self, function: Callable[[A], B], task: A) -> Future[B]:
        """Have a function applied to a task by a worker."""
        import cloudpickle  # a part of distributed: it packs functions of a script too

        return self.executor.submit(_opened, program(), cloudpickle.dumps((function, task)))

    def wait(self, futures: Iterable[Future[B]]) -> set[Future[B]]:
        """Wait until some are done. A result that was on its way when the connection broke never comes: CancelledError."""
        done: set[Future[B]] = set()
        while not done:
            done, _ = wait(futures, timeout=_PATIENCE, return_when=FIRST_COMPLETED)
            if not done and self.client.status != "running":
                raise CancelledError
        return done

    def loss(self, error: BaseException) -> str:
        """What one of these errors means."""
        if isinstance(error, CancelledError):
            return f"the connection to the scheduler at {self.where} is lost"
        return f"at {self.where} one worker after another has died of the same replication (out of memory?)"


def _opened(sender: str, bundle: bytes) -> Any:
    """In the worker: apply the function of a bundle to its task."""
    if sender != program():
        raise BadInput("--executor", f"a worker is {program()}, but this is {sender}: install the same on all machines")
    try:
        function, task = pickle.loads(bundle)
    except (ImportError, AttributeError) as error:
        raise BadInput("--executor", f"a worker cannot open what it is to play: {error}") from None
    return function(task)


@contextmanager
def connected(where: str) -> Iterator[Cluster]:
    """The cluster whose scheduler is at `dask://HOST:PORT` (`dask+tls://` with TLS, as Dask's configuration sets it up).

    Raises BadInput where there is none, none with a worker, or one of whose machines has another program.
    """
    match = re.fullmatch(r"dask(\+tls)?://(\[[0-9A-Fa-f:.]+\]|[^\s/:]+):(\d{1,5})", where)
    if not match:
        raise BadInput("--executor", f"{where!r} is not the address of a Dask scheduler, as in dask://192.0.2.10:8786")
    try:
        import distributed
    except ImportError:
        raise BadInput("--executor", "needs Dask: pip install 'mailflow-sim[cluster]'") from None
    address = f"{'tls' if match[1] else 'tcp'}://{match[2]}:{match[3]}"
    tls = distributed.Security().get_connection_args("client")
    if match[1] and tls["ssl_context"] is None:
        raise BadInput("--executor", f"{where}: Dask's configuration names no certificates (distributed.comm.tls)")
    if not match[1] and tls["require_encryption"]:
        raise BadInput("--executor", f"{where}: Dask's configuration requires encryption: write dask+tls://")
    with _quiet():
        try:
            client = distributed.Client(address, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            raise BadInput("--executor", f"no Dask scheduler answers at {where}: {str(error).splitlines()[0]}") from None
        with client:
            _same_program(client, where)
            lost = (distributed.scheduler.KilledWorker, CancelledError)
            yield Cluster(where, client, client.get_executor(pure=False), lost)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask from telling on standard error what our errors tell. After one it stays so: a client that still looks for its scheduler
    would have the last word."""
    named = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in ("distributed", "tornado")]
    levels = {name: logging.getLogger(name).level for name in named}
    for name in named:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def _same_program(client: Any, where: str) -> None:
    """Complain of the first machine that does not give our results."""
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError:
        raise BadInput("--executor", f"the scheduler at {where} has no worker: start one, dask worker HOST:PORT") from None
    found = {f"the worker at {at}": said for at, said in client.run(program, on_error="return").items()}
    try:
        found["the scheduler"] = client.run_on_scheduler(program)
    except Exception as error:
        found["the scheduler"] = error
    for who, said in found.items():
        if said != program():
            other = said if isinstance(said, str) else f"without this mailflow-sim ({said})"
            raise BadInput("--executor", f"{who} is {other}, but this is {program()}: install the same on all machines")
