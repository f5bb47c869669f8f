"""Results of chunks assembled in memory, in whatever order they come."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from symdyn_kernels.status import INTERRUPTED

from symdyn.codegen.kernel import Run
from symdyn.errors import DeclarationError
from symdyn.simulation.chunks import Chunk
from symdyn.simulation.dataset import counts, reduced_dataset, trajectory_dataset
from symdyn.simulation.plan import ChunkGrid, Plan
from symdyn.simulation.reduce import Statistics
from symdyn.simulation.verdict import Outcome

__all__ = ["Folded", "Memory", "Sink", "blank"]


class Folded:
    """Statistics of every point of the sweep: those of the chunks, merged in the order of the chunks."""

    def __init__(self, plan: Plan) -> None:
        self.points: list[Statistics] = []
        if plan.reductions is not None:
            self.points = [plan.statistics() for _ in range(plan.design.size // plan.design.trajectories)]
        self._waiting: dict[int, dict[int, dict[str, np.ndarray]]] = {}
        self._next = 0

    def take(self, index: int, statistics: dict[int, dict[str, np.ndarray]]) -> None:
        """Merge those of chunk `index`, as soon as the preceding ones are merged."""
        self._waiting[index] = statistics
        while self._next in self._waiting:
            self._merge(self._next)
            self._next += 1

    def close(self) -> list[Statistics]:
        """The merged statistics, with gaps where a run was interrupted."""
        for index in sorted(self._waiting):
            self._merge(index)
        return self.points

    def _merge(self, index: int) -> None:
        for point, arrays in self._waiting.pop(index).items():
            self.points[point].merge(arrays)


class Sink(ABC):
    """Collects the chunks of a plan, in any order, and makes a dataset of them.

    Attributes
    ----------
    plan : Plan
    grid : ChunkGrid
    outcomes : dict from int to Outcome
        How the trajectories of each chunk ended that is there.
    """

    def __init__(self, plan: Plan, grid: ChunkGrid, outcomes: dict[int, Outcome]) -> None:
        self.plan, self.grid, self.outcomes = plan, grid, outcomes

    #: Where workers may write chunks themselves: a folder and the token of its store.
    address: tuple[str, str] | None = None
    #: Whether the dataset may be read by the workers of a cluster, which must be alive and see where it is.
    shared = True

    @property
    def advice(self) -> str:
        """The end of the warning of an interrupt."""
        return ""

    @property
    def missing(self) -> list[int]:
        """Missing chunks."""
        return [i for i in range(len(self.grid)) if i not in self.outcomes]

    @property
    def rows(self) -> int:
        """Number of completed trajectories."""
        bounds = [self.grid.bounds(i) for i in self.outcomes]
        return sum(stop - start for start, stop in bounds)

    @property
    def outcome(self) -> Outcome:
        """How all trajectories ended."""
        total = Outcome.total(self.outcomes.values())
        if len(self.outcomes) == len(self.grid):
            return total
        return total._replace(interrupted=total.interrupted + self.plan.design.size - self.rows)

    @abstractmethod
    def take(self, index: int, chunk: Chunk) -> None:
        """Take in chunk `index`."""

    @abstractmethod
    def dataset(self, attrs: Mapping[str, Any]) -> xr.Dataset:
        """The dataset of all chunks; missing values are NaN, with the status INTERRUPTED."""


class Memory(Sink):
    """Collects all chunks in memory.

    Raises
    ------
    DeclarationError
        If the trajectories would not fit into memory.
    """

    def __init__(self, plan: Plan, grid: ChunkGrid) -> None:
        super().__init__(plan, grid, {})
        self._folded = Folded(plan)
        self._run: Run | None = None
        self._kept = plan.design.size if plan.reductions is None else 0
        _check_memory(self._kept * plan.row_bytes)

    def take(self, index: int, chunk: Chunk) -> None:
        self.outcomes[index] = chunk.outcome
        start, stop = self.grid.bounds(index)
        if stop - start == self.plan.design.size:
            self._run = chunk.run
        else:
            self._run = self._run or self._blank()
            for mine, new in zip(self._run.part(slice(start, stop)), chunk.run, strict=True):
                mine[:] = new
        self._folded.take(index, chunk.statistics)

    def dataset(self, attrs: Mapping[str, Any]) -> xr.Dataset:
        run = self._run or self._blank()
        for index in self.missing:
            part = run.part(slice(*self.grid.bounds(index)))
            part.values[:], part.status[:] = np.nan, INTERRUPTED
        return _dataset(self.plan, run, self._folded.close(), attrs)

    def _blank(self) -> Run:
        run = self.plan.kernel.empty(self.plan.design.size, 0)
        values = np.empty((self._kept, self.plan.times.size, self.plan.frame.columns))
        return run._replace(values=values, aside=run.aside[: self._kept])


def blank(plan: Plan, attrs: Mapping[str, Any]) -> xr.Dataset:
    """The dataset of a plan without its values, which takes no memory for them."""
    size, shape = plan.design.size, (plan.times.size, plan.frame.columns)
    one = plan.kernel.empty(1, 0)
    run = Run(np.broadcast_to(np.nan, (size, *shape)), *(np.broadcast_to(a, (size, *a.shape[1:])) for a in one[1:]))
    return _dataset(plan, run, Folded(plan).close(), attrs)


def _dataset(plan: Plan, run: Run, statistics: list[Statistics], attrs: Mapping[str, Any]) -> xr.Dataset:
    parts, numbers = (plan.frame, plan.design, plan.times), counts(plan.kernel, run)
    if plan.reductions is None:
        return trajectory_dataset(*parts, run, numbers, dict(attrs))
    return reduced_dataset(*parts, statistics, numbers, dict(attrs))


def _check_memory(needed: int) -> None:
    there = _physical_memory()
    if needed > 0.7 * there:
        raise DeclarationError(
            f"the trajectories would take {needed / 1e9:.1f} GB of {there / 1e9:.1f} GB of memory; "
            "ask for fewer times, use reduce=['mean', 'var', ...], or stream them to a folder with store="
        )


@cache
def _physical_memory() -> float:
    """Available memory in bytes; infinite where the system does not report it."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return float("inf")
