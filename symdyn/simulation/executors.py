"""Executors of tasks: this process, processes of this machine, or a cluster, with one interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from typing import Any

__all__ = ["Executor", "Here"]

#: Times that a task is begun again after its process was lost.
RETRIES = 3


class Executor(ABC):
    """Runs tasks, each a function of a module and its arguments, and repeats those lost with a process or a machine.

    Examples
    --------
    An executor that runs tasks in threads:

    >>> from concurrent.futures import ThreadPoolExecutor, as_completed
    >>> class Threads(Executor):
    ...     slots = 2
    ...     def run(self, function, tasks, common=()):
    ...         with ThreadPoolExecutor(self.slots) as pool:
    ...             futures = {pool.submit(function, *common, *task): i for i, task in enumerate(tasks)}
    ...             yield from ((futures[f], f.result()) for f in as_completed(futures))
    >>> sorted(Threads().run(pow, [(2,), (3,)], (10,)))
    [(0, 100), (1, 1000)]
    """

    @property
    @abstractmethod
    def slots(self) -> int:
        """Tasks that run at once."""

    @abstractmethod
    def run(
        self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], common: tuple[Any, ...] = ()
    ) -> Generator[tuple[int, Any], None, None]:
        """Call ``function(*common, *task)`` for each task; yields (index, result) in the order of completion.

        Parameters
        ----------
        function : callable
            Of a module that workers can import.
        tasks : sequence of tuple
        common : tuple
            Arguments that all tasks have in common; they are sent to each worker once.

        Returns
        -------
        generator of (int, object)
            Index and result of each task.

        Raises
        ------
        Exception
            An exception of the function, from the first task that failed.
        SymdynError
            If a task or the cluster was lost repeatedly.

        Examples
        --------
        >>> list(Here().run(pow, [(2,), (3,)], (10,)))
        [(0, 100), (1, 1000)]
        """

    def close(self) -> None:
        """Release the processes of the executor; a client that was given by the caller stays open.

        Examples
        --------
        >>> Here().close()
        """
        return


class Here(Executor):
    """Runs tasks in this process, one after another."""

    @property
    def slots(self) -> int:
        return 1

    def run(
        self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], common: tuple[Any, ...] = ()
    ) -> Generator[tuple[int, Any], None, None]:
        for i, task in enumerate(tasks):
            yield i, function(*common, *task)
