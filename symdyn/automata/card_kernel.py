"""The kernel of an automaton for CUDA cards."""

from __future__ import annotations

from functools import cached_property, partial
from types import ModuleType
from typing import Any

import numpy as np
from symdyn_kernels.arguments.parts import Batch, Run, Signals
from symdyn_kernels.devices.automaton import LANES
from symdyn_kernels.status import INTERRUPTED, SUCCESS

from symdyn.automata.kernel import AutomatonKernel
from symdyn.codegen.cuda import toolchain
from symdyn.codegen.cuda.automaton import ARGUMENTS, automaton_text
from symdyn.codegen.cuda.toolchain import Resources
from symdyn.codegen.families.task import Options
from symdyn.codegen.kernel import compile
from symdyn.codegen.load import import_text
from symdyn.errors import CompileError
from symdyn.methods.options import MethodOptions
from symdyn.models.automaton import Automaton

__all__ = ["AutomatonCardKernel", "automaton_card_kernel"]

#: Part of the free memory that one chunk may take, and trajectories that it has at most, as an interrupt waits for it.
SHARE, LARGEST = 0.6, 1 << 18


def automaton_card_kernel(system: Automaton, method: str, options: MethodOptions, *, until: Any = None) -> AutomatonCardKernel:
    """The kernel of an automaton for CUDA cards.

    Parameters
    ----------
    system : Automaton
    method : str
        A name in ``symdyn.METHODS``.
    options : MethodOptions
    until : None
        Simulations of automata end at the last time.

    Returns
    -------
    AutomatonCardKernel

    Raises
    ------
    CompileError
        If a condition is given.

    Examples
    --------
    >>> import symdyn as sd
    >>> kernel = sd.compile(Automaton.example(), target="cuda")
    >>> "def rule_0(memory, at, stride, tables, row, s):" in kernel.source
    True
    """
    if until is not None:
        raise CompileError("until has no effect on an automaton; simulate it to the last time, and look at its cells")
    return AutomatonCardKernel(system, method, options)


class AutomatonCardKernel(AutomatonKernel):
    """The kernel of an automaton for CUDA cards; `symdyn.compile` makes it.

    Eight threads run a trajectory, each with the words of a stream of its own; the lattices lie in the memory of the card.  The
    results are those of the processor, to the last bit.

    Attributes
    ----------
    ptx : str
        The kernel in the assembly language of virtual cards.
    resources : Resources
        Registers and local memory of a thread on an H100 (sm_90).

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.compile(Automaton.example(), target="cuda").target
    'cuda'
    """

    target, parallel = "cuda", False

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(compile, self.system, method=self.chosen, target="cuda"), ()

    def _make(self) -> None:
        """Write the source; the card's own compiler begins with the first launch."""
        self._text = automaton_text(self.system)

    @property
    def source(self) -> str:
        """All that runs on the card."""
        return self._text

    @cached_property
    def module(self) -> ModuleType:
        """The source, imported."""
        return import_text("cuda", self._text, "cuda")

    @cached_property
    def ptx(self) -> str:
        """PTX for sm_90; made without a card."""
        return toolchain.compile_ptx(self.module.run_lattices, ARGUMENTS)

    @cached_property
    def resources(self) -> Resources:
        """What a thread takes on sm_90, as the assembler says."""
        return toolchain.machine_code(self.ptx)[1]

    def prepare(self, lanes: int, threads: int = 1) -> None:
        """Import the source."""
        self.module  # noqa: B018

    def check(self, options: Options, *, here: bool) -> None:
        """Raise if there is no card `here`.

        Raises
        ------
        CompileError
            With what to install.
        """
        if here and toolchain.card() is None:
            raise CompileError(
                "no CUDA card is found here, so this kernel can be looked at (kernel.source, kernel.ptx, kernel.resources) but "
                f"not run; use target='cpu', or a machine with a card, NVIDIA's driver and {toolchain.INSTALL}"
            )

    def _step(self, run: Run, batch: Batch, tables: np.ndarray, options: Options, signals: Signals) -> None:
        """Fill a run in chunks that fit the card's memory; the signals are looked at between them."""
        self.check(options, here=True)
        sizes, count = self.sizes, len(tables)
        lattices = 2 * sizes.names * (LANES * -(-sizes.sites // (64 * LANES)) + 2)  # words of a trajectory
        each = 8 * (lattices + tables.shape[1] + batch.initial.shape[1] + run.values[:1].size)
        chunk = int(min(LARGEST, max(1, SHARE * toolchain.free_memory() // each)))
        steps = round(batch.times[-1] - batch.times[0])
        for a in range(0, count, chunk):
            rows = slice(a, min(count, a + chunk))
            part, some = run.part(rows), batch.part(rows)
            if signals.stop[0]:
                part.values[:], part.status[:] = np.nan, INTERRUPTED
                continue
            threads = toolchain.BLOCK * -(-LANES * len(part.status) // toolchain.BLOCK)
            memory = toolchain.to_card(np.zeros(threads // LANES * lattices, np.uint64))
            values = toolchain.empty_on_card(part.values.shape, np.dtype(float))
            given = [np.ascontiguousarray(tables[rows]).view(np.uint64), some.initial, some.times, some.streams]
            arrays = [toolchain.to_card(array) for array in given]
            numbers = (options.seed, sizes.sites, sizes.radius, sizes.boundary, sizes.cells)
            arguments = (len(part.status), memory, *arrays, *map(int, numbers), values)
            toolchain.launch(self.module.run_lattices, ARGUMENTS, threads, arguments)
            part.values[:] = values.copy_to_host()
            part.status[:], part.steps[:], part.evaluations[:] = SUCCESS, steps, steps
            signals.done[0] += len(part.status)
