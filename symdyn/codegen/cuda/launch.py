"""Running a kernel on a card: chunks that fit its memory, there and back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from symdyn_kernels.arguments.parts import Batch, Run, Signals
from symdyn_kernels.devices.rows import DETAILS, EVALUATIONS, REJECTED, STATUS, STEPS
from symdyn_kernels.status import INTERRUPTED

from symdyn.codegen.cuda import toolchain
from symdyn.codegen.cuda.join import arguments
from symdyn.codegen.delay_program import observed_delays
from symdyn.codegen.families.task import Options
from symdyn.codegen.kernel_base import Kernel
from symdyn.errors import CompileError, DeclarationError
from symdyn.methods.registry import METHODS

__all__ = ["CardKernel", "OnCard", "require_card", "run_on_card", "start_on_card", "trajectories_that_fit"]

#: Part of the free memory that one chunk may take.
SHARE = 0.6
#: Trajectories of a chunk at most: enough for any card, and an interrupt waits for one chunk.
LARGEST = 1 << 22
#: The least relative tolerance in single precision: some sixteen roundings.
LEAST_RTOL = 1e-6


class CardKernel(Kernel):
    """What a launch needs of a kernel for a card.

    Attributes
    ----------
    noted : mapping
        What the family of the method noted about the model.
    card_seconds : float
        Total computing time of all launches on the card, without transfers.
    counts_events : bool
        Whether it counts how often events happen.
    """

    noted: Mapping[str, Any]
    card_seconds: float
    counts_events: bool

    @property
    @abstractmethod
    def module(self) -> ModuleType:
        """The source, imported; its function `run` is the kernel."""


@dataclass(frozen=True)
class OnCard:
    """What a chunk of `count` trajectories is on the card: arrays whose last index is the trajectory.

    Attributes
    ----------
    count : int
    parameters : (k, N)
    values : (T, width, N)
        States, then room for observables.
    counts : (4 + m, N) int64
    passage : (N,) float64
    aside : (q, N) float64
        What events leave, see `symdyn_kernels.arguments.parts.Run`.
    """

    count: int
    parameters: Any
    values: Any
    counts: Any
    passage: Any
    aside: Any

    def counted(self, run: Run) -> None:
        """Copy all but the values."""
        counts = self.counts.copy_to_host()
        run.status[:], run.steps[:], run.rejected[:] = counts[STATUS], counts[STEPS], counts[REJECTED]
        run.evaluations[:], run.details[:] = counts[EVALUATIONS], counts[DETAILS:].T
        run.passage[:] = self.passage.copy_to_host()
        if run.aside.shape[1]:
            run.aside[:] = self.aside.copy_to_host().T

    def fetch(self, run: Run) -> None:
        """Copy everything."""
        self.counted(run)
        run.values[:] = np.moveaxis(self.values.copy_to_host()[:, : run.values.shape[2]], 2, 0)


def require_card(kernel: CardKernel, options: Options, *, here: bool = True) -> None:
    """Raise unless there are digits enough, and a card where it is to run `here`.

    Raises
    ------
    CompileError
        With what to install.
    DeclarationError
        If the tolerance asks for more digits than single precision has.
    """
    if kernel.precision == "float32" and kernel.adaptive and options.rtol < LEAST_RTOL:
        raise DeclarationError(
            f"rtol is {options.rtol:g}, but single precision has seven digits; expected {LEAST_RTOL:g} or more, or leave "
            "precision='float32' out"
        )
    if here and toolchain.card() is None:
        raise CompileError(
            "no CUDA card is found here, so this kernel can be looked at (print(kernel), kernel.ptx, kernel.resources) but not "
            f"run; use target='cpu', or a machine with a card, NVIDIA's driver and {toolchain.INSTALL}"
        )


def trajectories_that_fit(kernel: CardKernel, times: int, extra: int = 0, aside: int = 0) -> int:
    """Trajectories of a chunk: those whose arrays fit the free memory.

    `extra` observables have a place beside the states, and `aside` numbers are recorded of events.
    """
    n, k = len(kernel.system.states), len(kernel.system.parameters)
    real = np.dtype(kernel.precision).itemsize
    each = real * (times * (n + extra) + n + max(k, 1)) + 8 * (
        DETAILS + 3 + len(kernel.counted) + max(aside, len(kernel.system.events), 1)
    )
    return int(min(LARGEST, max(1, SHARE * toolchain.free_memory() // each)))


def run_on_card(kernel: CardKernel, run: Run, batch: Batch, options: Options, signals: Signals) -> None:
    """Fill `run` chunk by chunk; after an interrupt the rest is marked as such."""
    require_card(kernel, options)
    count = len(batch.initial)
    aside = run.aside.shape[1]
    chunk = trajectories_that_fit(kernel, batch.times.size, aside=aside)
    for a in range(0, count, chunk):
        rows = slice(a, min(count, a + chunk))
        part = run.part(rows)
        if signals.stop[0] != 0:
            part.values[:], part.status[:] = np.nan, INTERRUPTED
            continue
        start_on_card(kernel, batch.part(rows), options, aside=aside).fetch(part)
        signals.done[0] += len(part.status)


def start_on_card(kernel: CardKernel, batch: Batch, options: Options, extra: int = 0, aside: int = 0) -> OnCard:
    """Run a chunk, and leave the results on the card with room for so many observables and numbers about events."""
    count, n = batch.initial.shape
    table = kernel.family.device_table(METHODS[kernel.method], batch, kernel.noted, options)
    stops = kernel.family.device_stops(kernel.system, batch, kernel.noted) if table is None else table
    batch = kernel.family.device_begin(kernel.system, batch)
    given, begin = kernel.family.device_batch(kernel.system, batch, kernel.noted)
    real = np.dtype(kernel.precision)
    if given.shape[1] == 0:  # no array on a card is empty
        given = np.zeros((count, 1))
    if stops.shape[1] == 0:
        stops = np.full((1, 1, stops.shape[2]), np.inf)
    initial, parameters = (toolchain.to_card(np.ascontiguousarray(a.T, dtype=real)) for a in (batch.initial, given))
    columns = n + len(observed_delays(kernel.system)) + extra
    values = toolchain.empty_on_card((batch.times.size, columns, count), real)
    counts = toolchain.to_card(np.zeros((DETAILS + len(kernel.details), count), np.int64))
    passage = toolchain.to_card(np.full(count, np.inf))
    recorded = toolchain.empty_on_card((max(aside, len(kernel.system.events), 1), count), np.dtype(float))
    longest = options.max_step if kernel.adaptive else options.step
    control = kernel.family.control(METHODS[kernel.method], options)
    numbers = (options.rtol, options.atol, longest, *control, options.epsilon)
    limits = (kernel.family.limit(options), options.seed, int(options.detect_stiffness), options.fine)
    moved = np.ascontiguousarray(stops.transpose(1, 2, 0))
    arrays = (initial, parameters, *map(toolchain.to_card, (batch.times, batch.streams, begin, moved)))
    kernel.card_seconds += toolchain.launch(
        kernel.module.run, arguments(kernel.precision), count, (*arrays, *numbers, *limits, values, counts, passage, recorded)
    )
    return OnCard(count, parameters, values, counts, passage, recorded)
