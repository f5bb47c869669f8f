"""Simulation of automata: what trajectories start from, the variables of their dataset, and the kernel."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import xarray as xr
from symdyn_kernels.arguments.automaton import AutomatonArguments, LatticeSizes
from symdyn_kernels.arguments.parts import Batch, Run, Signals
from symdyn_kernels.status import PROBABILITY

from symdyn.codegen.automaton_program import class_tables, step_ir
from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.emit_llvm import ir_source
from symdyn.codegen.families.task import Options
from symdyn.codegen.kernel import Kernel, compile
from symdyn.codegen.kernel_base import options_read
from symdyn.codegen.load import CompiledModule, compile_ir, digest, load_object
from symdyn.errors import CompileError, DeclarationError
from symdyn.given_values import lookup
from symdyn.methods.options import MethodOptions
from symdyn.models.automaton import SLACK, Automaton
from symdyn.simulation.frames import Frame, Variable

__all__ = ["AutomatonFrame", "AutomatonKernel", "automaton_frame", "automaton_kernel"]


def automaton_frame(
    system: Automaton, initial: Mapping[Any, Any] | None, times: np.ndarray, grid: Any = None
) -> AutomatonFrame:
    """Initial probabilities and variables of an automaton.

    Parameters
    ----------
    system : Automaton
    initial : mapping or None
        For each name the probability that cells are 1 at first, or one for each site.
    times : (T,) float64
        Output times, in steps.
    grid : None
        An automaton has its sites.

    Returns
    -------
    AutomatonFrame

    Raises
    ------
    DeclarationError
        For values that do not fit.

    Examples
    --------
    >>> automaton_frame(Automaton.example(), None, np.zeros(1)).variables[0].shape
    (8,)
    """
    return AutomatonFrame(system, initial)


class AutomatonFrame(Frame):
    """Initial probabilities and variables of an automaton.

    Parameters
    ----------
    system : Automaton
    initial : mapping or None
        As for `symdyn.simulate`.

    Examples
    --------
    >>> [v.name for v in AutomatonFrame(Automaton.example(), None).variables]
    ['s', 's_density']
    """

    system: Automaton
    summable = False

    def __init__(self, system: Automaton, initial: Mapping[Any, Any] | None) -> None:
        super().__init__(system, dict.fromkeys(system.states, 0.0))
        if initial is not None and not isinstance(initial, Mapping):
            raise DeclarationError(f"initial values are {initial!r}; expected a mapping such as {{'{system.names[0]}': 0.5}}")
        given = {**system.initial, **{lookup(k, system.states, "state"): v for k, v in (initial or {}).items()}}
        if missing := [s.name for s in system.states if s not in given]:
            raise DeclarationError(
                f"no initial value for {', '.join(missing)}; pass initial={{'{missing[0]}': ...}}, a state "
                "(1), the probability of 1 (0.5), or values of all sites"
            )
        plain = all(np.ndim(v) == 0 for v in given.values())
        rows = [_row(system, s.name, given[s]) for s in system.states]
        self.start = np.concatenate([row[:1] for row in rows] if plain else rows)
        self.skip = frozenset(system.states)
        self.facts = {
            "sites": system.sites,
            "boundary": str(system.boundary),
            "initial": ", ".join(f"{s} = {float(v):g}" for s, v in given.items()) if plain else "arrays",
        }
        if system.record == "cells":
            self.coordinates = {**self.coordinates, "site": np.arange(system.sites)}

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        system, found, start = self.system, [], 0
        if system.record == "cells":
            for name in system.names:
                found.append(Variable(name, ("site",), (system.sites,), start))
                start += system.sites
        for name in system.names:
            found.append(Variable(f"{name}_density", (), (), start, meaning=f"part of the cells {name} that are 1"))
            start += 1
        return tuple(found)

    @property
    def described(self) -> Mapping[str, Any]:
        return {"start": digest(self.start.tobytes())}

    def states(self, initial: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.start, (len(initial), self.start.size)).copy()

    def observed(self, values: np.ndarray, parameters: np.ndarray, times: np.ndarray) -> np.ndarray:
        return values


def _row(system: Automaton, name: str, value: Any) -> np.ndarray:
    """The initial probabilities of all cells of a name."""
    if isinstance(value, xr.DataArray) and value.dims not in ((), ("site",)):
        raise DeclarationError(
            f"the initial values of {name} vary along {', '.join(map(str, value.dims))}; expected 'site' alone"
        )
    try:
        row = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise DeclarationError(f"the initial value of {name} is {value!r}; expected probabilities from 0 to 1") from None
    if row.ndim > 1 or (row.ndim and row.size != system.sites):
        raise DeclarationError(
            f"the initial values of {name} have the shape {row.shape}; expected one probability, or {system.sites}, one a site"
        )
    if not ((row >= 0) & (row <= 1)).all():
        wrong = row.ravel()[np.argmin(((row >= 0) & (row <= 1)).ravel())]
        raise DeclarationError(f"the initial value of {name} is {wrong:g}; expected a probability from 0 to 1")
    return np.broadcast_to(row, system.sites)


def automaton_kernel(system: Automaton, method: str, options: MethodOptions, *, until: Any = None) -> AutomatonKernel:
    """The kernel of an automaton.

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
    AutomatonKernel

    Raises
    ------
    CompileError
        If a condition is given.

    Examples
    --------
    >>> import symdyn as sd
    >>> automaton_kernel(Automaton.example(), "bit-parallel", sd.methods.BitParallel()).size
    8
    """
    if until is not None:
        raise CompileError(
            "until has no effect on an automaton; simulate it to the last time, or take step_operator().first_passage(...)"
        )
    return AutomatonKernel(system, method, options, until=None)


class AutomatonKernel(Kernel):
    """The kernel of an automaton; `symdyn.compile` makes it.

    Parameters
    ----------
    system : Automaton
    method : str
    options : MethodOptions
    until : None

    Examples
    --------
    >>> import symdyn as sd
    >>> kernel = sd.compile(Automaton.example())
    >>> kernel(np.ones((1, 8)), [[1.0, 0.0]], [0.0, 1.0]).values[0, 1].tolist()  # all pairs are full, and p2 is 0
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """

    target, parallel, large = "cpu", True, True
    system: Automaton

    def __init__(self, system: Automaton, method: str, options: MethodOptions, *, until: Any = None) -> None:
        super().__init__(system, method, options, until=until)
        begin = time.perf_counter()
        self._make()
        self._seconds = time.perf_counter() - begin

    def _make(self) -> None:
        """Generate and compile the step."""
        self._ir = step_ir(self.system, llvm.get_process_triple())
        self._module: CompiledModule = load_object(digest("automaton", self._ir), compile_ir(self._ir))

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(compile, self.system, method=self.chosen), ()

    @property
    def reads(self) -> frozenset[str]:  # type: ignore[override]
        return options_read(self.method, "arrays") - {"until", "max_steps"}

    @property
    def source(self) -> str:
        """LLVM IR of a step of 512 cells."""
        return ir_source(f"{self.method} for\n\n{self.system}", self._ir)

    @property
    def path(self) -> str:
        """Nothing: what is generated is compiled in milliseconds, and not kept."""
        return "in memory"

    @property
    def cached(self) -> bool:
        return False

    @property
    def compile_seconds(self) -> float:
        return self._seconds

    @property
    def size(self) -> int:
        return self.system.sites * len(self.system.states)

    def lanes(self, trajectories: int) -> int:
        return 1

    def prepare(self, lanes: int, threads: int = 1) -> None:
        self.family.driver(self.method)

    def empty(self, trajectories: int, times: int) -> Run:
        columns = len(self.system.states) + (self.size if self.system.record == "cells" else 0)
        return Run.empty(trajectories, times, columns)

    def launch(self, run: Run, batch: Batch, options: Options, *, signals: Signals, lanes: int | None = None) -> Run:
        system = self.system
        words = 8 * -(-system.sites // 512)
        tables, chances = class_tables(system, batch.parameters, words)
        fine = ((chances >= -SLACK) & (chances <= 1 + SLACK)).all(axis=1)
        if not fine.all():  # those that have no probabilities fail at once
            run.values[~fine], run.status[~fine] = np.nan, PROBABILITY
            part = run.part(fine)  # copies
            self._step(part, batch.part(fine), tables[fine], options, signals)
            for whole, some in zip(run, part, strict=True):
                whole[fine] = some
            signals.done[0] += int((~fine).sum())
            return run
        self._step(run, batch, tables, options, signals)
        return run

    @property
    def sizes(self) -> LatticeSizes:
        """Sizes of the lattice, for the driver."""
        system = self.system
        radius = max((abs(d) for cells in system.neighbours for _, d in cells), default=0)
        beyond = -1 if system.boundary == "periodic" else int(system.boundary)
        return LatticeSizes(len(system.states), system.sites, radius, beyond, int(system.record == "cells"))

    def _step(self, run: Run, batch: Batch, tables: np.ndarray, options: Options, signals: Signals) -> None:
        """Fill a run whose probabilities are in order."""
        arguments = (self._module.address("step"), self.sizes, np.ascontiguousarray(tables), options.seed, batch, run, signals)
        plain_driver("automaton").chunk(AutomatonArguments(*arguments))
