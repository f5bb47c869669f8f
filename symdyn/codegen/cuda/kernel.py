"""Kernels for CUDA cards: their source is generated for a system and a method."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from types import ModuleType
from typing import Any

import sympy as sp
from symdyn_kernels.arguments.parts import Batch, Run, Signals

from symdyn.codegen import cache
from symdyn.codegen.cuda import toolchain
from symdyn.codegen.cuda.join import arguments, join_kernel
from symdyn.codegen.cuda.launch import CardKernel, require_card, run_on_card
from symdyn.codegen.cuda.reductions import Reduction
from symdyn.codegen.cuda.toolchain import Resources
from symdyn.codegen.emit_dense_text import dense_definitions, on_card
from symdyn.codegen.families.task import Options
from symdyn.codegen.functions import programs
from symdyn.codegen.load import digest, host, import_text
from symdyn.codegen.program import Program
from symdyn.errors import CompileError
from symdyn.methods.options import MethodOptions
from symdyn.system import System

__all__ = ["CudaKernel"]


class CudaKernel(CardKernel):
    """A system compiled for a CUDA card; make one with ``symdyn.compile(..., target="cuda")``.

    Attributes
    ----------
    source : str
        All that runs on the card.
    ptx : str
        The kernel in the assembly language of virtual cards.
    resources : Resources
        Registers and local memory of a thread on an H100 (sm_90).
    card_seconds : float
        Total computing time of all launches on the card, without transfers.
    noted : mapping
        What the family of the method noted about the model.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, a = sp.symbols("x a")
    >>> kernel = sd.compile(sd.ODESystem({x: -a * x}), method="tsit5", target="cuda")
    >>> [line for line in kernel.source.splitlines() if "dx/dt" in line]
    ['    memory[out, 0] = -(y_x * p_a)  # dx/dt']
    """

    target, parallel = "cuda", False

    def __init__(
        self, system: System, method: str, options: MethodOptions, *, precision: str, until: sp.Basic | None = None
    ) -> None:
        super().__init__(system, method, options, until=until, precision=precision)
        begin = time.perf_counter()
        made = self.family.device_programs(system, self._scheme, until=until) or programs(system, self._scheme, until)[1]
        self.noted, self.card_seconds = made.facts, 0.0
        device = self.family.device(system, self._scheme, made)
        dense = [on_card(text) for text in dense_definitions(made.programs)]
        device = replace(device, functions="\n\n\n".join([*dense, device.functions]))
        if precision == "float32" and not device.single:
            what = "looks up states of the past" if self.delays else device.doubles
            raise CompileError(f"{method!r} {what}, which single precision cannot; leave precision='float32' out")
        self.counts_events = device.counts_events
        self._source = join_kernel(f"{method} for\n\n{system}", device, precision)
        self._note = cache.folder("cuda") / f"{digest(self._source, toolchain.VERSION, *host())}.json"
        self._known = self._note.exists()
        self._seconds = time.perf_counter() - begin

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(CudaKernel, self.system, self.method, self.options, precision=self.precision, until=self.until), ()

    # ---- what it shows -------------------------------------------------------------------------

    @property
    def source(self) -> str:
        """All that runs on the card: the model, the method, the loop."""
        return self._source

    @cached_property
    def module(self) -> ModuleType:
        """The source, imported from the cache directory; its function `run` is the kernel."""
        return import_text("cuda", self._source, "cuda")

    @property
    def path(self) -> str:
        """The file in the cache that holds the source."""
        return str(self.module.__file__)

    @property
    def ptx(self) -> str:
        """PTX for sm_90; made without a card, and kept in the cache."""
        return self._compiled[0]

    @property
    def resources(self) -> Resources:
        """What a thread takes on sm_90, as the assembler says."""
        return self._compiled[1]

    @cached_property
    def _compiled(self) -> tuple[str, Resources]:
        if (note := cache.read(self._note)) is not None:
            kept = json.loads(note)
        else:
            ptx = toolchain.compile_ptx(self.module.run, arguments(self.precision))
            kept = {"ptx": ptx, "resources": toolchain.machine_code(ptx)[1]}
            cache.write(self._note, json.dumps(kept).encode())
        return kept["ptx"], Resources(*kept["resources"])

    @property
    def jumps(self) -> Sequence[Any] | None:
        return self.noted.get("jumps")

    @property
    def delays(self) -> Mapping[str, Any] | None:
        return self.noted.get("delays")

    @property
    def cached(self) -> bool:
        """Whether the PTX was in the cache when the kernel was made."""
        return self._known

    @property
    def compile_seconds(self) -> float:
        """Time that generating the source took."""
        return self._seconds

    # ---- running it ----------------------------------------------------------------------------

    def lanes(self, trajectories: int) -> int:
        """Trajectories that are integrated side by side by one thread: 1, as each has a thread of its own."""
        return 1

    def prepare(self, lanes: int, threads: int = 1) -> None:
        """Import the source; the card's own compiler begins with the first launch."""
        self.module  # noqa: B018

    def check(self, options: Options, *, here: bool) -> None:
        """Raise if single precision has not the digits that are asked for, or there is no card `here`."""
        require_card(self, options, here=here)

    def launch(self, run: Run, batch: Batch, options: Options, *, signals: Signals, lanes: int | None = None) -> Run:
        """Fill the arrays of `run`, in chunks that fit the card's memory; the signals are looked at between them."""
        run_on_card(self, run, batch, options, signals)
        return run

    def reduction(self, successor: Callable[[], CardKernel], observer: Program | None) -> Reduction:
        """What runs trajectories and sums them up without their coming back."""
        return Reduction(self, successor, observer)
