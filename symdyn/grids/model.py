"""A discretised system as numbers: tables for the driver, the compiled point functions, and rates as a call."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import sympy as sp
from symdyn_kernels.stencils.layout import PAD

from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.emit_llvm import is_long, joined
from symdyn.codegen.emit_passes import PassProgram, emit_pass
from symdyn.codegen.load import LOCK, CompiledModule, compile_ir, digest, load_object
from symdyn.codegen.machine_code import Driver
from symdyn.codegen.program import Program
from symdyn.errors import DeclarationError
from symdyn.grids.closures import OPEN
from symdyn.grids.interpolation import with_weights
from symdyn.grids.lowering import Passes
from symdyn.grids.tables import Tables
from symdyn.grids.walls import MIRROR, PERIODIC
from symdyn.grids.workspace import Workspaces
from symdyn.models.boundary import Condition
from symdyn.models.pde import PDESystem

__all__ = ["GridModel"]

_MODULES: dict[str, CompiledModule] = {}


class GridModel:
    """Expressions in the fields of a system on a grid of cells, by default its rates, as a fast function.

    Compile time does not depend on the number of cells.  One workspace is used by one thread at a time.

    Parameters
    ----------
    pde : PDESystem
    shape : tuple of int
    order : int
    ends, numbers : sequences of Expr, optional
        What to compute in place of the rates: expressions that vary in space, and others.
    advection : str, optional
        As for `PDESystem.discretize`.

    Attributes
    ----------
    shape, spacing : tuples
    fields, scalars : tuples of str
    size : int
        Length of a state: the fields one after the other, each in C order, then the scalars.
    parameters : tuple of Symbol
    program : Program
        The point function of the last pass.
    source : str
        LLVM IR of the point functions.
    compile_seconds : float
        Time that generating, compiling and loading them took.
    """

    def __init__(
        self,
        pde: PDESystem,
        shape: Sequence[int],
        order: int,
        *,
        ends: Sequence[sp.Expr] | None = None,
        numbers: Sequence[sp.Expr] | None = None,
        advection: str = "central",
        system: Any = None,
    ) -> None:
        weighted = with_weights(pde, shape, order)
        pde, ends, numbers = (
            pde.map_expressions(weighted),
            *(None if a is None else [*map(weighted, a)] for a in (ends, numbers)),
        )
        n = len(pde.fields)
        transport = advection if ends is None else None
        self.pde, self.shape, self.order, self.system = pde, tuple(shape), order, system
        self.fields, self.scalars = tuple(f.name for f in pde.fields), tuple(s.name for s in pde.scalars)
        self.parameters = pde.parameters
        low, high = pde.domain.box
        self.spacing = tuple(float(w) / k for w, k in zip(high - low, self.shape, strict=True))
        self.cells = int(np.prod(self.shape))
        self.size = n * self.cells + len(pde.scalars)
        ends = pde.rates[:n] if ends is None else ends
        numbers = pde.rates[n:] if numbers is None else numbers
        self.results = len(ends), len(numbers)
        self.passes = Passes(pde, order, self.spacing, self.cells, ends, numbers, transport)
        self.program: Program = self.passes.last.program
        if self.passes.ghosts > PAD:
            raise DeclarationError(
                f"the differences of order {order} reach over {self.passes.ghosts} cells, and at most {PAD} are possible; take "
                "a lower order, or a field for an inner derivative"
            )
        least = max(order + (2 if order > 2 else 0), self.passes.ghosts)
        for k, (count, axis) in enumerate(zip(self.shape, pde.space, strict=True)):
            needed = max([least, *(sum(c.rows) for c in self.passes.closures if c.axis == k)])
            if count < needed:
                raise DeclarationError(f"{count} cells along {axis} are too few for order {order}; take at least {needed}")
        self._tables = Tables(pde, self.passes, self.shape, self.spacing, order, self.results)
        begin = time.perf_counter()
        parts = [part for one in self._tables.programs for part in emit_pass(one)]
        self.source = joined(parts, llvm.get_process_triple(), ["!0 = !{}"])
        self.module = _compiled(self.source, quick=any(is_long(one.program) for one in self._tables.programs))
        self.compile_seconds = time.perf_counter() - begin
        self.table, self._numbers = self._tables.assemble(self.module.address, self.driver.rates_function.address)
        self.block, self.private, self.shared = self._tables.block, self._tables.private, self._tables.shared
        self.workspaces = Workspaces(self)
        self._known: tuple[bytes, np.ndarray] | None = None

    # ---- states --------------------------------------------------------------------------------

    def pack(self, values: Mapping[sp.Symbol, Any]) -> np.ndarray:
        """A state (size,) from an array for each field and a number for each scalar."""
        parts = [np.broadcast_to(np.asarray(values[f], float), self.shape).ravel() for f in self.pde.fields]
        return np.concatenate([*parts, [float(values[s]) for s in self.pde.scalars]])

    def unpack(self, y: np.ndarray) -> dict[sp.Symbol, np.ndarray]:
        """Views (..., *shape) and (...,) of states (..., size)."""
        lead, n = y.shape[:-1], self.cells
        fields = {f: y[..., i * n : (i + 1) * n].reshape(*lead, *self.shape) for i, f in enumerate(self.pde.fields)}
        first = len(fields) * n
        return {**fields, **{s: y[..., first + k] for k, s in enumerate(self.pde.scalars)}}

    def rates(self, y: np.ndarray, t: float, p: np.ndarray, out: np.ndarray | None = None, *, threads: int = 1) -> np.ndarray:
        """Rates (size,) of a state (size,) at time t with parameters p (k,); they do not depend on the number of threads."""
        source = np.ascontiguousarray(y, dtype=float)
        p = np.ascontiguousarray(p, dtype=float)
        total = self.results[0] * self.cells + self.results[1]
        target = np.empty(total) if out is None else out
        numbers = self.numbers(p)
        with self.workspaces.lent(3, threads, often=True) as space:
            common = self.table, numbers, p, source.ctypes.data, target.ctypes.data, float(t), space.states
            space.run(self.driver.evaluate, [(*common, work) for work in space.works])
        return target

    # ---- walls ---------------------------------------------------------------------------------

    def walls(self, p: np.ndarray) -> dict[sp.Expr, tuple[tuple[Any, Any], ...]]:
        """For each field and operand the sides of each axis as `axis_matrix` takes them."""
        values = dict(zip(self.parameters, map(float, p), strict=True))
        found = {}
        for target, row in self.pde.conditions.items():
            pairs: list[tuple[Any, Any]] = []
            for axis, pair in enumerate(row):
                if pair == "periodic":
                    pairs.append((PERIODIC, PERIODIC))
                    continue
                sides: list[Any] = [
                    MIRROR if (axis, k) in self.passes.mirror else _weights(c, values) for k, c in enumerate(pair)
                ]
                pairs.append((sides[0], sides[1]))
            found[target] = tuple(pairs)
        return found

    def slopes(self, p: np.ndarray) -> list[tuple[tuple[float, ...], ...]]:
        """For each first derivative between walls the coefficients of the condition that it has on both sides.

        Where advection leaves the domain it has none.
        """
        values, walls = dict(zip(self.parameters, map(float, p), strict=True)), self.walls(p)
        found = []
        for made in self.passes.closures:
            rows = walls.get(self.passes.conditioned(made.expr))
            sides = [s if s is not None else rows[made.axis][k] for k, s in enumerate(made.sides)]  # type: ignore[index]
            speed = 0.0 if made.speed is None else float(made.speed.xreplace(values))
            if speed:
                sides[int(speed < 0)] = OPEN
            found.append(tuple(sides))
        return found

    # ---- tables --------------------------------------------------------------------------------

    @property
    def programs(self) -> list[PassProgram]:
        """What is compiled: the passes, then values at walls and rates of scalars."""
        return self._tables.programs

    @cached_property
    def driver(self) -> Driver:
        """The compiled loops."""
        return plain_driver("stencil")

    def numbers(self, p: np.ndarray) -> np.ndarray:
        """The table of numbers with the weights of ghost values for these parameters."""
        key = np.asarray(p, float).tobytes()
        known = self._known
        if known is None or known[0] != key:
            self._known = known = key, self._tables.weigh(self._numbers, self.walls(p), self.slopes(p))
        return known[1]


def _weights(c: Condition, values: Mapping[sp.Symbol, float]) -> tuple[float, ...]:
    """The coefficients of a condition as numbers."""
    return tuple(float(a.xreplace(values)) for a in c.coefficients)


def _compiled(text: str, *, quick: bool) -> CompiledModule:
    key = digest("grid", text)
    with LOCK:
        if key not in _MODULES:
            _MODULES[key] = load_object(key, compile_ir(text, quick=quick))
        return _MODULES[key]
