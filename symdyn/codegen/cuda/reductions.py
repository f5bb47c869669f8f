"""Statistics of trajectories on the card: only sums over blocks come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from symdyn_kernels.arguments.parts import Batch, Run, Signals
from symdyn_kernels.devices.reducing import HIGH, LOW
from symdyn_kernels.status import INTERRUPTED, STIFF, SUCCESS

from symdyn.codegen.cuda import toolchain
from symdyn.codegen.cuda.functions import device_function
from symdyn.codegen.cuda.join import Device, join_module
from symdyn.codegen.cuda.launch import CardKernel, OnCard, require_card, start_on_card, trajectories_that_fit
from symdyn.codegen.emit_dense_text import dense_definitions, on_card
from symdyn.codegen.families.task import Options
from symdyn.codegen.load import import_text
from symdyn.codegen.program import Program

__all__ = ["Reduction", "Summed"]


class Summed(NamedTuple):
    """What comes back from a card.

    Attributes
    ----------
    summary : (5, blocks, T, width) float64
        Of each block, output time, state and observable: how many values are finite, their mean, the sum of squares about it,
        the least and the greatest.
    failed : (T, n) float64 or None
        Values of the first trajectory that failed, if one did.
    passed_on : int
        Trajectories that the successor did again.
    """

    summary: np.ndarray
    failed: np.ndarray | None
    passed_on: int


@dataclass(frozen=True)
class Reduction:
    """Runs trajectories on a card and sums them up there.

    Attributes
    ----------
    kernel : CardKernel
    successor : callable
        Gives the kernel that takes over trajectories that turned out to be stiff.
    observer : Program or None
        Observables, of time, states and parameters.
    """

    kernel: CardKernel
    successor: Callable[[], CardKernel]
    observer: Program | None

    @property
    def observables(self) -> int:
        """How many there are."""
        return 0 if self.observer is None else len(self.observer.outputs)

    @property
    def module(self) -> ModuleType:
        """The kernels that sum up."""
        return _module(self.observer, len(self.kernel.system.states), self.kernel.precision)

    def run(self, run: Run, batch: Batch, options: Options, bounds: np.ndarray, signals: Signals) -> Summed:
        """Run a batch and sum up its blocks; status and counts go to `run`, which has no values.

        Block b is the trajectories ``bounds[b]`` to ``bounds[b + 1]``.
        """
        require_card(self.kernel, options)
        width = len(self.kernel.system.states) + self.observables
        summary = np.zeros((5, len(bounds) - 1, batch.times.size, width))
        summary[LOW], summary[HIGH] = np.inf, -np.inf
        failed, passed_on = None, 0
        fit = trajectories_that_fit(self.kernel, batch.times.size, self.observables)
        for first, last in _groups(bounds, fit):
            rows = slice(bounds[first], bounds[last])
            part = run.part(rows)
            if signals.stop[0] != 0:
                part.status[:] = INTERRUPTED
                continue
            there, stiff = self._trajectories(part, batch.part(rows), options)
            summary[:, first:last] = self._summary(there, bounds[first : last + 1] - bounds[first])
            wrong = np.flatnonzero(part.status != SUCCESS)
            if wrong.size and failed is None:
                failed = self._values(there, int(wrong[0]))
            passed_on += stiff
            signals.done[0] += len(part.status)
        return Summed(summary, failed, passed_on)

    def _trajectories(self, run: Run, batch: Batch, options: Options) -> tuple[OnCard, int]:
        """Values of states and observables on the card, status and counts in `run`; and how many were passed on."""
        there = start_on_card(self.kernel, batch, options, self.observables)
        there.counted(run)
        stiff = np.flatnonzero(run.status == STIFF)
        if stiff.size:
            again = start_on_card(self.successor(), batch.part(stiff), options, self.observables)
            part = run.part(stiff)
            again.counted(part)
            for mine, new in zip(run[1:], part[1:], strict=True):
                mine[stiff] = new
            self._move(again.values, np.arange(stiff.size), there.values, stiff)
        if self.observer is not None:
            real = self.kernel.precision
            parameters = toolchain.to_card(batch.parameters.T.astype(real))
            times, states = toolchain.to_card(batch.times), len(self.kernel.system.states)
            kind = f"{real}[:, :, ::1], {real}[:, ::1], float64[::1], int64"
            toolchain.launch(self.module.run_observe, kind, there.count, (there.values, parameters, times, states))
        return there, stiff.size

    def _move(self, source: Any, places: np.ndarray, target: Any, to: np.ndarray) -> None:
        """Copy trajectories from places of one array of values on the card to places of another."""
        kind = ", ".join([f"{self.kernel.precision}[:, :, ::1]", "int64[::1]"] * 2)
        arrays = (source, toolchain.to_card(places), target, toolchain.to_card(to))
        toolchain.launch(self.module.run_move, kind, places.size, arrays)

    def _values(self, there: OnCard, row: int) -> np.ndarray:
        """The values (T, n) of one trajectory."""
        times, width, _ = there.values.shape
        own = toolchain.empty_on_card((times, width, 1), np.dtype(self.kernel.precision))
        self._move(there.values, np.array([row]), own, np.array([0]))
        return own.copy_to_host()[:, : width - self.observables, 0].astype(float)

    def _summary(self, there: OnCard, bounds: np.ndarray) -> np.ndarray:
        times, width, _ = there.values.shape
        summary = toolchain.empty_on_card((5, bounds.size - 1, times, width), np.dtype(float))
        kind = f"{self.kernel.precision}[:, :, ::1], int64[::1], float64[:, :, :, ::1]"
        threads = times * width * (bounds.size - 1)
        toolchain.launch(self.module.run_summarise, kind, threads, (there.values, toolchain.to_card(bounds), summary))
        return summary.copy_to_host()


@cache
def _module(observer: Program | None, states: int, precision: str) -> ModuleType:
    head = "def store_observables(values, q, i, parameters, times):"
    if observer is None:
        functions = f'{head}\n    """There are none."""'
    else:
        call = f"    found = {observer.name}((real(times[q]),), (values[q], i), (parameters, i))"
        stores = [f"    values[q, {states + j}, i] = found[{j}]" for j in range(len(observer.outputs))]
        dense = [on_card(text) for text in dense_definitions([observer])]
        functions = "\n".join([*dense, device_function(observer, ("tuple", "table", "table")), "\n", head, call, *stores])
    return import_text("reducing", join_module("Statistics on the card.", Device(functions, "reducing"), precision), "cuda")


def _groups(bounds: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Consecutive blocks with a total of at most `most` trajectories, but one block at least."""
    first, count = 0, len(bounds) - 1
    while first < count:
        last = max(first + 1, int(np.searchsorted(bounds, bounds[first] + most, side="right")) - 1)
        yield first, last
        first = last
