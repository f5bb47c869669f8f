"""A simulation as data: what is to be computed and in which chunks of trajectories, so that any process can do a part."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from symdyn.codegen.delay_program import observed_delays
from symdyn.codegen.kernel import Batch, Kernel, Options, known_kernel
from symdyn.codegen.stops import MOST_STOPS, stop_rates
from symdyn.errors import CompileError
from symdyn.integration.kernel import ArrayKernel
from symdyn.simulation.frames import Frame
from symdyn.simulation.reduce import BLOCK, SUMMED, Statistics
from symdyn.simulation.sweeps import Design
from symdyn.system import System

__all__ = ["CHUNK_BYTES", "ChunkGrid", "Plan", "Segments"]

#: Bytes of trajectories in memory at once while they are reduced, stored or sent.
CHUNK_BYTES = 64_000_000
#: Times as many on a card, which needs a hundred thousand trajectories to be busy.
CARD = 4
#: Bytes of one variable in a chunk that compression can take.
BOX_BYTES = 1_000_000_000
#: Chunks for each slot of the executor, so that none idles long at the end; and for runs that are stored or whose cluster has
#: no workers yet.
PIECES, FEWEST = 8, 16
#: Least number of trajectories of a chunk by default, unless each keeps a thread busy: the number of lanes.
LEAST = 32
#: Trajectories whose stops are counted at once.
RATED = 65_536


@dataclass(frozen=True)
class Plan:
    """All that determines the numbers of a simulation.

    A plan travels between processes without its kernel, which every process compiles or finds in the cache by itself.

    Attributes
    ----------
    frame : Frame
        The system, what its trajectories start from, and the variables of the result.
    recipe : mapping
        The arguments of `symdyn.compile`: ``method``, ``target``, ``precision``, ``lanes``, ``inline``, ``until``.
    design : Design
    times : (T,) float64
    options : Options
    reductions : dict or None
        What is gathered over trajectories, as `read_reductions` gives it, or None where they are kept.
    start : (N, n) float64, optional
        States that trajectories go on from, in the place of those that the design says.
    """

    frame: Frame
    recipe: Mapping[str, Any]
    design: Design
    times: np.ndarray
    options: Options
    reductions: dict[str, Any] | None
    start: np.ndarray | None = None

    @classmethod
    def of(cls, frame: Frame, kernel: Kernel, lanes: int | str, *parts: Any) -> Self:
        """The plan of a kernel that is there already; `parts` are the design and what follows it."""
        recipe = {"method": kernel.chosen, "target": kernel.target, "precision": kernel.precision, "lanes": lanes,
                  "inline": kernel.inline, "until": kernel.until}  # fmt: skip
        plan = cls(frame, recipe, *parts)
        plan.__dict__["kernel"] = kernel
        return plan

    @property
    def system(self) -> System:
        """The system that is simulated."""
        return self.frame.system

    @cached_property
    def kernel(self) -> Kernel:
        """The compiled system."""
        return known_kernel(self.system, **self.recipe, trajectories=self.design.size)

    @cached_property
    def successor(self) -> Kernel:
        """The kernel for stiff trajectories; that of the explicit method itself where no Jacobian can be generated."""
        recipe = {**self.recipe, "method": self.kernel.stiff_method, "inline": False}
        try:
            return known_kernel(self.system, **recipe, trajectories=self.design.size)
        except CompileError:
            return self.kernel

    def passed_on(self, stiff: int) -> int:
        """How many of `count` stiff trajectories were passed on to another method."""
        return stiff if stiff and self.successor is not self.kernel else 0

    @property
    def summed_on_card(self) -> bool:
        """Whether trajectories stay on a card, which sums them up."""
        if self.reductions is None or self.kernel.target != "cuda" or not self.frame.summable:
            return False
        return set(self.reductions) <= set(SUMMED) and not (self.system.inputs or observed_delays(self.system))

    @property
    def _piece_bytes(self) -> int:
        """Bytes of a trajectory in a piece of the largest variable in a store."""
        return max(8 * math.prod(v.shape) * (v.piece(self.times.size) if v.timed else 1) for v in self.frame.variables)

    @property
    def row_bytes(self) -> int:
        """Bytes that the states of a trajectory take; of one that stays on a card, what it starts from and its counts."""
        if self.summed_on_card:
            return 8 * (len(self.system.states) + len(self.system.parameters) + 8)
        return 8 * (self.times.size * self.frame.columns + self.frame.aside)

    @property
    def _kept(self) -> int:
        """Trajectories whose stops are kept at once, if each has as many as the one in which they come most often."""
        jumps, size = self.kernel.jumps, self.design.size
        if jumps is None or size == 1:
            return max(1, size)
        rates = [stop_rates(self.design.rows(k, min(k + RATED, size))[1], jumps) for k in range(0, size, RATED)]
        dense = int(np.argmax(np.concatenate(rates)))
        return max(1, MOST_STOPS // (4 * max(1, self.batch(dense, dense + 1).stops.shape[1])))

    def batch(self, start: int, stop: int) -> Batch:
        """The trajectories `start` to `stop`, with all times at which their steps are known to end."""
        initial, parameters = self.design.rows(start, stop)
        states = self.frame.states(initial, parameters) if self.start is None else self.start[start:stop]
        times = self.times - self.origin if self.origin else self.times
        return Batch(states, parameters, times, self.design.streams(start, stop), self.kernel.stops(parameters, times))

    def going_on(self, times: np.ndarray, start: np.ndarray | None) -> Plan:
        """The same for other output times, from given states."""
        part = replace(self, times=times, start=start)
        part.__dict__.update({k: v for k, v in self.__dict__.items() if k in ("kernel", "successor")})
        return part

    @cached_property
    def origin(self) -> float:
        """What is time 0 for kernels: the first time, to keep digits, where that is far from 0 and nothing depends on time."""
        system, until, start = self.system, self.recipe["until"], float(self.times[0])
        if abs(start) <= self.times[-1] - start or not np.array_equal((self.times - start) + start, self.times):
            return 0.0
        sides = (*system.expressions, *system.observables.values(), *([] if until is None else [until]))
        timed = (
            isinstance(self.kernel, ArrayKernel)
            or system.events
            or system.inputs
            or any(system.time in e.free_symbols for e in sides)
        )
        return 0.0 if timed else start

    def statistics(self) -> Statistics:
        """Empty statistics of a point of the sweep."""
        assert self.reductions is not None
        shape = self.times.size, self.frame.columns
        return Statistics(self.reductions, shape, self.design.trajectories, self._whole, self.frame.events)

    @cached_property
    def _whole(self) -> np.ndarray:
        """Which numbers of an output time are whole at all times."""
        return np.arange(self.frame.columns) < (len(self.system.states) if self.kernel.family.integer else 0)

    def grid(self, chunk: int | None, *, slots: int | None = None, stored: bool = False) -> ChunkGrid:
        """Chunks of about `chunk` trajectories, else as suits an executor with so many `slots`, a store and the memory."""
        size, block = self.design.size, 1 if self.reductions is None or self.design.trajectories == 1 else BLOCK
        if chunk is not None:
            most = BOX_BYTES // self._piece_bytes if stored else size
            return ChunkGrid.of(self.design.shape, min(int(chunk), max(1, most), self._kept), block)
        alone = slots is None and not stored
        if alone and self.reductions is None:
            return ChunkGrid.of(self.design.shape, min(size, self._kept))
        fit = min(self._kept, max(1, CHUNK_BYTES * (CARD if self.kernel.target == "cuda" else 1) // self.row_bytes))
        share = max(1 if self.kernel.large else LEAST, -(-size // max(FEWEST, PIECES * (slots or 0))))
        return ChunkGrid.of(self.design.shape, fit if alone else min(fit, share), block)

    def __getstate__(self) -> dict[str, Any]:
        derived = ("kernel", "successor")
        return {k: v for k, v in self.__dict__.items() if k not in derived}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


@dataclass(frozen=True)
class ChunkGrid:
    """Chunks of rows, numbered; each is `length` steps along `axis` of the design at one place of the axes before it.

    The rows of a chunk follow one another, since the last axis runs fastest, and chunks are boxes, as those of an array in a
    store have to be.  A shape without axes has one row.
    """

    shape: tuple[int, ...]
    axis: int
    length: int

    @classmethod
    def of(cls, shape: tuple[int, ...], wanted: int, block: int = 1) -> Self:
        """Chunks of about `wanted` rows, within the trajectories of a point a multiple of `block`.

        >>> ChunkGrid.of((3, 5000), 2000, 1024).bounds(1)
        (1024, 2048)
        >>> ChunkGrid.of((3, 7, 100), 1000).bounds(1)
        (700, 1400)
        """
        axes = shape or (1,)
        axis = len(axes) - 1
        while axis > 0 and math.prod(axes[axis:]) <= wanted:
            axis -= 1
        length = max(1, wanted // math.prod(axes[axis + 1 :]))
        if axis == len(axes) - 1:
            length = max(block, length // block * block)
        return cls(shape, axis, min(length, axes[axis]))

    @property
    def _axes(self) -> tuple[int, ...]:
        return self.shape or (1,)

    def __len__(self) -> int:
        """Number of chunks."""
        return math.prod(self.shape[: self.axis]) * self._along

    @property
    def _along(self) -> int:
        return -(-self._axes[self.axis] // self.length)

    def bounds(self, index: int) -> tuple[int, int]:
        """First row of chunk `index`, and that after its last."""
        before, k = divmod(index, self._along)
        stride = math.prod(self.shape[self.axis + 1 :])
        low, high = k * self.length, min((k + 1) * self.length, self._axes[self.axis])
        return (before * self._axes[self.axis] + low) * stride, (before * self._axes[self.axis] + high) * stride

    def place(self, index: int) -> tuple[int, ...]:
        """Where chunk `index` is among the chunks along each axis."""
        before, k = divmod(index, self._along)
        head = np.unravel_index(before, self.shape[: self.axis]) if self.axis else ()
        return (*map(int, head), k, *(0 for _ in self.shape[self.axis + 1 :]))[: len(self.shape)]

    @property
    def box(self) -> tuple[int, ...]:
        """Shape of a chunk that is not cut off at the end."""
        return (*(1 for _ in self.shape[: self.axis]), self.length, *self.shape[self.axis + 1 :])[: len(self.shape)]


@dataclass(frozen=True)
class Segments(ChunkGrid):
    """Parts in time of one trajectory, in the place of chunks of rows: `every` output times each, of so many `times`."""

    every: int
    times: int

    def __len__(self) -> int:
        return -(-self.times // self.every)

    def bounds(self, index: int) -> tuple[int, int]:
        return 0, 1

    def place(self, index: int) -> tuple[int, ...]:
        return (0,) * len(self.shape)

    def span(self, index: int) -> slice:
        """Which output times segment `index` has.

        >>> Segments((), 0, 1, every=4, times=10).span(2)
        slice(8, 10, None)
        """
        return slice(index * self.every, min(self.times, (index + 1) * self.every))
