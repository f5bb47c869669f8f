"""Memory of a model on a grid, and the threads that share it.

A step of one field is short: threads that begin anew for each would take longer than it.  So all of them run the same driver,
each for its own rows, and wait for each other inside (`symdyn_kernels.stencils.team`).
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol

import numpy as np
from symdyn_kernels.stencils import layout as at

from symdyn.grids.linear_part import THREADED
from symdyn.grids.tables import rounded

__all__ = ["Workspace", "Workspaces", "team_of"]

#: Numbers of states up to which a model keeps memory for its next callers, who would wait for as many to be set to 0.
KEPT = 1 << 25


def team_of(shape: tuple[int, ...], threads: int) -> int:
    """How many of so many threads serve a grid: of large ones all, each with rows of its own.

    >>> team_of((100, 100), 8), team_of((1000, 1000), 8), team_of((1000000,), 8)
    (1, 8, 1)
    """
    return max(1, min(threads, math.prod(shape[:-1]))) if math.prod(shape) >= THREADED else 1


class Sizes(Protocol):
    """What a model on a grid needs: cells along its axes, and numbers of a padded state, of what threads share and of each."""

    shape: tuple[int, ...]
    block: int
    shared: int
    private: int


class Workspace:
    """Memory of one caller: padded states, what the passes need besides, and the memory of each of its threads.

    Parameters
    ----------
    model : Sizes
    blocks : int
        How many padded states.
    threads : int

    Attributes
    ----------
    states : int
        Address of the padded states.
    works : list of int
        Addresses of the memory of the threads.
    process : int
        That which has made it.
    """

    def __init__(self, model: Sizes, blocks: int, threads: int = 1) -> None:
        private = rounded(model.private) + 8
        self._arrays = [np.zeros(n) for n in (blocks * model.block + 16, model.shared + 8, threads * private + 8)]
        self.states, shared, own = ((a.ctypes.data + 63) // 64 * 64 for a in self._arrays)
        self.works = [own + 8 * k * private for k in range(threads)]
        words = self._arrays[2].view(np.int64)[(own - self._arrays[2].ctypes.data) // 8 :]
        self._counter = self._arrays[1].view(np.int64)[(shared - self._arrays[1].ctypes.data) // 8 :][:1]
        for k in range(threads):
            part = words[k * private :]
            part[[at.RANK, at.TEAM, at.COUNTER, at.YIELD, at.WAITED, at.SHARED]] = k, threads, shared, _yielding(), 0, shared
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None
        #: A copy of a process has none of its threads.
        self.process = os.getpid()

    def target(self, array: np.ndarray) -> int:
        """The address of an array."""
        return int(array.ctypes.data)

    def run(self, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> Any:
        """Call a compiled function in every thread with arguments of its own; returns what it returns in the first."""
        if self._pool is None:
            return function(*arguments[0])
        others: list[Future[Any]] = []
        try:
            for mine in arguments[1:]:
                others.append(self._pool.submit(function, *mine))
            found = function(*arguments[0])
        except BaseException:
            self._counter[0] = 1 << 62  # those that have begun would wait for ever
            raise
        finally:
            wait(others)  # they write to this memory
        for other in others:
            other.result()
        return found


class Workspaces:
    """Memory of the callers of one model: what one has left the next one takes.

    Parameters
    ----------
    model : Sizes
    """

    def __init__(self, model: Sizes) -> None:
        self._model, self._lock = model, threading.Lock()
        self._left: dict[tuple[int, int], list[Workspace]] = {}

    @contextmanager
    def lent(self, blocks: int, threads: int, *, often: bool = False) -> Iterator[Workspace]:
        """Memory with so many padded states for so many threads; what is asked for `often` is kept whatever its size."""
        team = team_of(self._model.shape, threads)
        with self._lock:
            left = self._left.setdefault((blocks, team), [])
            space = left.pop() if left else None
        if space is None or space.process != os.getpid():
            space = Workspace(self._model, blocks, team)
        yield space
        with self._lock:  # after an error threads of it may not have ended
            kept = sum(size * len(spaces) for (size, _), spaces in self._left.items())
            if often or (kept + blocks) * self._model.block <= KEPT:
                left.append(space)


@cache
def _yielding() -> int:
    """Address of the function by which a thread leaves its processor to others."""
    if sys.platform == "win32":
        function = ctypes.windll.kernel32.SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)
