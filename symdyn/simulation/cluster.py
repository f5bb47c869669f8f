"""Tasks on a cluster, through ``dask.distributed``: local processes, machines started by hand, SLURM through dask-jobqueue."""

from __future__ import annotations

import itertools
import pickle
import sys
import time
from collections.abc import Callable, Generator, Sequence
from functools import lru_cache
from typing import Any

from symdyn.errors import DeclarationError, SymdynError
from symdyn.optional import require
from symdyn.simulation.executors import Executor

__all__ = ["Cluster", "as_executor", "connect", "connected"]

#: Tasks submitted for each slot of the cluster, and at least: few, because finished results stay in the memory of workers.
AHEAD, LEAST = 3, 8
#: The part of them that is submitted at once: a message to the scheduler costs about as much as a task.
BATCH = 0.25
#: Seconds between queries of the size of the cluster.
REFRESH = 2.0
#: Seconds to wait for a scheduler.
PATIENCE = 10.0
HOW = (
    "from distributed import Client; Client(n_workers=4, threads_per_worker=1) starts workers on this machine, "
    'Client("tcp://host:8786") reaches a scheduler that runs'
)


def as_executor(given: Any) -> Executor:
    """An executor of this package as it is, a ``distributed.Client`` as a `Cluster`.

    Raises
    ------
    DeclarationError
        For anything else, saying what is accepted and how to make one.
    SymdynError
        For a client that is closed.
    """
    if isinstance(given, Executor):
        return given
    distributed = sys.modules.get("distributed")  # who has a client has imported it
    if distributed is not None and isinstance(given, distributed.Client):
        return Cluster(given)
    got = f"{type(given).__module__}.{type(given).__qualname__}"
    hint = "; pass the client of the cluster, its get_client()" if hasattr(given, "get_client") else ""
    if distributed is None:
        require("distributed")
    raise DeclarationError(f"executor is a {got}; expected a distributed.Client or None{hint}. {HOW}")


def connect(address: str, *, ca: str | None = None, cert: str | None = None, key: str | None = None) -> Any:
    """A client of the scheduler at an address such as ``tcp://host:8786`` or ``tls://host:8786``.

    Whoever reaches the port of a scheduler can run code on its workers.  With TLS both sides show a certificate.

    Parameters
    ----------
    address : str
    ca, cert, key : str, optional
        PEM files of the authority, of this client's certificate and of its key; else those of dask's configuration.

    Raises
    ------
    SymdynError
        If ``distributed`` is not installed, or no scheduler answers.
    """
    distributed = require("distributed")
    files = {"tls_ca_file": ca, "tls_client_cert": cert, "tls_client_key": key}
    if any(files.values()) and not all(files.values()):
        raise DeclarationError("TLS takes three files: those of the authority, of the certificate and of its key")
    if any(files.values()) and not address.startswith("tls://"):
        raise DeclarationError(f"the address is {address!r}; with certificates it begins with tls://")
    security = distributed.Security(**files, require_encryption=True) if any(files.values()) else None
    try:
        distributed.comm.get_address_host(address)  # a client would fail only after its timeout
        return distributed.Client(address, timeout=PATIENCE, set_as_default=False, security=security)
    except (OSError, ValueError, TypeError) as error:  # the last for want of a certificate
        raise SymdynError(f"no scheduler answers at {address!r} ({error}); start one with 'dask scheduler'") from None


def connected() -> bool:
    """Whether dask computes on a cluster by default, whose workers may not have access to the files."""
    distributed = sys.modules.get("distributed")
    try:
        return distributed is not None and distributed.default_client() is not None
    except ValueError:  # there is none
        return False


class Cluster(Executor):
    """The workers of a ``distributed.Client``; the client stays open."""

    def __init__(self, client: Any) -> None:
        if client.asynchronous:
            raise DeclarationError(f"the client is asynchronous; make one without asynchronous=True. {HOW}")
        if client.status != "running":
            raise SymdynError(f"the client is {client.status}, not running; make another. {HOW}")
        self.client = client

    @property
    def slots(self) -> int:
        return sum(self.client.nthreads().values())

    def run(
        self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], common: tuple[Any, ...] = ()
    ) -> Generator[tuple[int, Any], None, None]:
        as_completed = require("distributed").as_completed
        # the result of a task, unlike scattered data, is computed again when the worker that stored it is lost
        dumps = require("distributed.protocol.pickle").dumps  # takes along what the main program defines
        head = self.client.submit(_same, dumps((function, common)), pure=False)
        todo = iter(enumerate(tasks))
        running: dict[Any, int] = {}
        done = as_completed(loop=self.client.loop)
        most, looked = 0, -REFRESH
        try:
            while True:
                if time.monotonic() - looked > REFRESH:
                    most, looked = max(LEAST, AHEAD * self.slots), time.monotonic()
                if len(running) <= most * (1 - BATCH):
                    following = dict(itertools.islice(todo, most - len(running)))
                    futures = self.client.map(_call, list(following.values()), head=head, pure=False)
                    running |= zip(futures, following, strict=True)
                    done.update(futures)
                    del futures
                if not running:
                    return
                future = next(done)
                yield running.pop(future), _result(future)
                del future  # the worker may forget it
        except _lost() as error:
            raise SymdynError(f"the connection to the scheduler was lost ({type(error).__name__}: {error})") from None
        finally:
            if running and self.client.status == "running":
                self.client.cancel(list(running))


def _lost() -> tuple[type[BaseException], ...]:
    """The exceptions that mean that scheduler or client are gone."""
    return require("distributed.client").CancelledError, require("distributed.comm").CommClosedError


def _result(future: Any) -> Any:
    killed = require("distributed").KilledWorker
    try:
        return future.result()
    except killed as error:
        raise SymdynError(
            f"a task was lost with one worker after another ({error}); they may run out of memory: a smaller "
            "chunk, layout=symdyn.Layout(chunk=...), needs less"
        ) from None


def _same(data: bytes) -> bytes:
    return data


@lru_cache(maxsize=2)
def _unpack(head: bytes) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Function and common arguments, read once a process: a plan keeps its kernel."""
    return pickle.loads(head)


def _call(task: tuple[Any, ...], head: bytes) -> Any:
    function, common = _unpack(head)
    return function(*common, *task)
