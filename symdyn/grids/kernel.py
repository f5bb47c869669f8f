"""The kernel of fields on a grid."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.parts import Batch, Run, Signals
from symdyn_kernels.status import SUCCESS

from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.families.task import Options
from symdyn.codegen.input_paths import coefficient_rows, written_out
from symdyn.codegen.kernel import compile
from symdyn.codegen.stopping import margin
from symdyn.errors import DeclarationError
from symdyn.grids.events import FieldEvents
from symdyn.grids.frames import observer_of
from symdyn.grids.problems import make_problem
from symdyn.grids.resolution import has_advection, warn_of_waves
from symdyn.grids.stiffness import decay_rates, has_empty_cells, warn_of_diffusion, warn_of_rounding
from symdyn.grids.system import GridSystem
from symdyn.integration.kernel import ArrayKernel
from symdyn.integration.loop import Margin
from symdyn.integration.problem import Problem
from symdyn.methods.options import MethodOptions
from symdyn.methods.runge_kutta import ExplicitRungeKutta
from symdyn.models.operators import components, varies

__all__ = ["GridKernel", "grid_kernel"]


def grid_kernel(system: GridSystem, method: str, options: MethodOptions, *, until: Any = None) -> GridKernel:
    """The kernel of fields on a grid.

    Parameters
    ----------
    system : GridSystem
    method : str
        A name in ``symdyn.METHODS``.
    options : MethodOptions
    until : Boolean, optional
        A condition on scalars, parameters, time, and means and integrals of fields, that ends a trajectory.

    Returns
    -------
    GridKernel

    Raises
    ------
    CompileError
        If the method does not apply.
    DeclarationError
        For a condition that differs from point to point.

    Examples
    --------
    >>> import symdyn as sd
    >>> grid = sd.PDESystem.from_text("u' = -u", domain=(0, 1)).discretize(4)
    >>> grid_kernel(grid, "tsit5", sd.methods.Tsit5()).size
    4
    """
    return GridKernel(system, method, options, until=until)


class GridKernel(ArrayKernel):
    """The kernel of fields on a grid; `symdyn.compile` makes it.

    Parameters
    ----------
    system : GridSystem
    method : str
    options : MethodOptions
    until : Boolean or None

    Examples
    --------
    >>> import symdyn as sd
    >>> grid = sd.PDESystem.from_text("u' = -u", domain=(0, 1)).discretize(4)
    >>> kernel = sd.compile(grid, method="bs32")
    >>> kernel.size, kernel.stiff_method
    (4, 'imex')
    """

    system: GridSystem
    happenings: FieldEvents | None

    def __init__(self, system: GridSystem, method: str, options: MethodOptions, *, until: Any = None) -> None:
        super().__init__(system, method, options, until=until)
        driven, found = written_out(system, *(() if until is None else (until,)))
        self._held = tuple(s for s in system.scalars if system.rates[system.states.index(s)] == 0) if system.events else ()
        self.written = _with_held(driven, self._held)
        self.model = self.written.model()
        self._stencils = isinstance(self._scheme, ExplicitRungeKutta) and system.scheme != "spectral"
        if self._stencils:
            plain_driver("stencil_steps")  # compiled before threads ask for it
        self._advected = system.scheme != "spectral" and has_advection(system)
        self._margin = None if until is None else _margin(driven, found[0], until)
        self.happenings = FieldEvents(driven, system) if system.events or system.inputs else None

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(compile, self.system, method=self.chosen, until=self.until), ()

    @property
    def remedies(self) -> tuple[str, ...]:
        return (*super().remedies, *(("method='imex', which no diffusion forces to small steps",) if self._stencils else ()))

    @property
    def size(self) -> int:
        return self.model.size

    @property
    def source(self) -> str:
        """LLVM IR of the functions that give the rates at a point from the values around it."""
        return self.model.source

    @property
    def compile_seconds(self) -> float:
        return self.model.compile_seconds

    def check_values(self, parameters: np.ndarray, times: np.ndarray, options: Options) -> None:
        parameters = coefficient_rows(self.system, parameters, times)
        parameters = np.concatenate([parameters, np.zeros((len(parameters), len(self._held)))], axis=1)
        self.problem(parameters[0])
        if self._stencils and not options.detect_stiffness:
            steps, rate = self.steps(options), float(decay_rates(self.written, parameters).max())
            span = float(times[-1] - times[0])
            warn_of_diffusion(self.written, self._scheme, span, rate, step=steps.step, max_steps=steps.max_steps)

    def problem(self, p: np.ndarray) -> Problem:
        return make_problem(self.written, self._scheme, p, self.threads)

    def held(self) -> Sequence[int]:
        first = len(self.system.fields) * self.model.cells
        return [first + self.system.scalars.index(s) for s in self._held]

    def margin(self, p: np.ndarray) -> Margin | None:
        found, own = self._margin, p[: p.size - len(self._held)]
        return None if found is None else lambda t, y: float(found.rates(y, t, own)[-1])

    def schedule(self, parameters: np.ndarray, times: np.ndarray) -> np.ndarray:
        return super().schedule(parameters, times) if self.happenings is None else self.happenings.schedule(parameters, times)

    def launch(self, run: Run, batch: Batch, options: Options, *, signals: Signals, lanes: int | None = None) -> Run:
        if not self._stencils:
            begin, span = float(batch.times[0]), float(np.ptp(batch.times))
            for y, p in zip(batch.initial, self.rows(batch), strict=True):
                if warn_of_rounding(self.written, y, p, begin, span):
                    break  # one says it for all
        run = super().launch(run, batch, options, signals=signals, lanes=lanes)
        if self._advected:
            rows = self.rows(batch)
            for values, p, status in zip(run.values, rows, run.status, strict=True):
                if status == SUCCESS:
                    known = dict(zip(self.written.parameters, map(float, p), strict=True))
                    if warn_of_waves(self.written, values[0], values[-1], known, float(batch.times[-1])):
                        break  # one says it for all
        return run

    def decay(self, y: np.ndarray, p: np.ndarray, problem: Problem) -> float:
        # transforms spread rounding errors into empty cells, which may grow ahead of a front
        looks = self._stencils and not has_empty_cells(y, problem.blocks)
        return float(decay_rates(self.written, p[None])[0]) if looks else 0.0


def _with_held(system: GridSystem, held: Sequence[sp.Symbol]) -> GridSystem:
    """The system with parameters, after its own, in the place of scalars in rates and conditions at walls."""
    if not held:
        return system
    swap = {s: sp.Symbol(f"{s.name}'") for s in held}
    return system.map_expressions(lambda e: e.xreplace(swap)).replace(parameters=(*system.parameters, *swap.values()))


def _margin(system: GridSystem, condition: sp.Basic, declared: sp.Basic) -> Any:
    """The margin of a condition as a function of the state; `declared` is how it was given."""
    found = components(margin(condition), system.dimension)
    if varies(found, {*system.fields, *system.space}):
        raise DeclarationError(
            f"the condition {declared} differs from point to point; write it of mean(...), integral(...), scalars or time"
        )
    return observer_of(system, [], [found])
