"""Where tasks run: in this process, in processes of this machine, or on a cluster, all behind one small interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from typing import Any

__all__ = ["Executor", "Here"]

#: Times that a task is begun again after the process at work on it was lost.
RETRIES = 3


class Executor(ABC):
    """Runs tasks, each a function of a module and its arguments, and redoes what was lost with a process or a machine."""

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
            What all tasks need; it travels to each worker once.

        Raises
        ------
        Exception
            What the function raised, from the first task that failed.
        SymdynError
            If a task was lost again and again, or the cluster was.
        """

    def close(self) -> None:
        """Give up what the executor holds; one that was given by the caller stays open."""
        return


class Here(Executor):
    """The process itself, one task after another."""

    @property
    def slots(self) -> int:
        return 1

    def run(
        self, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], common: tuple[Any, ...] = ()
    ) -> Generator[tuple[int, Any], None, None]:
        for i, task in enumerate(tasks):
            yield i, function(*common, *task)
