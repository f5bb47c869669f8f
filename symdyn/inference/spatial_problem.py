"""The likelihood of observables of fields: simulations on the grid, with derivatives by difference quotients in lanes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr
from scipy.interpolate import make_interp_spline

from symdyn.declaration import expression
from symdyn.derive.sensitivities import fresh_symbol
from symdyn.inference.differenced_problem import STEP, DifferencedProblem
from symdyn.inference.fit_setup import FitSetup
from symdyn.inference.formulas import ArrayFormulas
from symdyn.inference.observed_problem import ObservedProblem
from symdyn.models.operators import Operator
from symdyn.models.spatial import SpatialSystem
from symdyn.simulation.run import simulate

__all__ = ["SpatialProblem", "problem_of"]

#: Numbers of fields that are held at a time.
MOST_NUMBERS = 2e7
#: Cells by which periodic axes are continued for splines.
AROUND = 8


class SpatialProblem(ObservedProblem):
    """The likelihood of a `FitSetup` with a system of fields on a grid, whose initial fields are known up to parameters.

    Measurements of a field are interpolated from the cells by cubic splines, and on a mesh by its quadratic elements.

    Parameters
    ----------
    setup : FitSetup

    Raises
    ------
    RecoveryError
        If a parameter is neither known nor fitted.
    """

    def _read_formulas(self) -> None:
        setup, system = self.setup, self._spatial
        parameters = (*system.parameters, *(s for s in setup.symbols if s not in system.parameters))
        expressions = [e for o in setup.observed for e in (o.expression, *(o.parameters or ()))]
        taken = {s.name for e in expressions for s in e.free_symbols} | {s.name for s in (*system.states, *parameters)}
        operators: dict[sp.Expr, sp.Symbol] = {}
        for e in expressions:
            for part in _operators(e):
                operators.setdefault(part, fresh_symbol("observed", taken))
        self.variables = (*system.states, *operators.values())
        self.simulated = system.replace(observables={name: e for e, name in operators.items()})
        self.inputs = (*self.variables, *parameters)
        self.parameters = parameters
        expressions = [e.xreplace(operators) for e in expressions]
        self.formulas = ArrayFormulas(expressions, (*self.inputs, *self._space, system.time), self.inputs)
        self.clock, self.relative = None, False
        places = dict.fromkeys(t.place for t in setup.data.trajectories if t.place and self._meshed)
        self._shares = {p: system.elements.weights_at(p) for p in places}

    def _coordinates(self) -> dict[sp.Symbol, np.ndarray]:
        space = self._space
        places = [self.setup.data.trajectories[k].place or (np.nan,) * len(space) for k in self.cut.origins[:, 0]]
        along = zip(space, np.array(places).T, strict=True)
        return super()._coordinates() | {s: column[None, :, None] for s, column in along}

    def _states(self, values: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Fields at their places, and numbers (M, V, T, A), with derivatives (M, V, T, A, K) by parameters that move."""
        count, length, K = len(values[0]), self.cut.values.shape[-2], len(self.moving)
        found = np.full((count, self.cut.count, length, len(self.variables)), np.nan)
        slopes = np.full((*found.shape, K), np.nan)
        for members, times in self._experiments():
            first = members[0][0]
            at = np.stack([v[:, first] for v in values], axis=-1)  # (M, targets)
            steps = (
                np.stack([_steps(at[:, self.targets.index(s)]) for s in self.moving], axis=-1) if K else np.zeros((count, 0))
            )
            table = np.repeat(at[:, None], 2 * K + 1, axis=1)
            for k, s in enumerate(self.moving):
                table[:, 1 + k, self.targets.index(s)] += steps[:, k]
                table[:, 1 + K + k, self.targets.index(s)] -= steps[:, k]
            run = self._fields(table.reshape(-1, len(self.targets)), times, first)
            for v, own in members:
                rows = np.searchsorted(times, own)
                for a, variable in enumerate(self.variables):
                    course = self._at_place(run[variable.name], self._place(v))[:, rows]
                    course = course.reshape(count, 2 * K + 1, len(own))
                    found[:, v, : len(own), a] = course[:, 0]
                    apart = course[:, 1 : K + 1] - course[:, K + 1 :]
                    slopes[:, v, : len(own), a] = np.moveaxis(apart / (2 * steps[..., None]), 1, -1)
        return found, slopes

    @property
    def _spatial(self) -> Any:
        return self.system

    @property
    def _space(self) -> tuple[sp.Symbol, ...]:
        """The axes along which observables may vary."""
        return tuple(getattr(self.system, "space", ()))

    @property
    def _centers(self) -> tuple[np.ndarray, ...]:
        return tuple(np.asarray(c) for c in getattr(self.system, "centers", ()))

    @property
    def _axes(self) -> list[tuple[tuple[float, ...], float | None]]:
        """Centres of cells, and the period of axes that have one."""
        low, high = self._spatial.domain.box
        return [
            (tuple(map(float, c)), float(high[i] - low[i]) if i in self._spatial.periodic else None)
            for i, c in enumerate(self._centers)
        ]

    @property
    def _meshed(self) -> bool:
        """Whether fields are given by finite elements."""
        return hasattr(self.system, "elements")

    def _at_place(self, values: np.ndarray, place: tuple[float, ...]) -> np.ndarray:
        """A variable (L, T, *cells) at a place, or a number (L, T); NaN of a field without a place."""
        if values.ndim == 2:
            return values
        if not place:
            return np.full(values.shape[:2], np.nan)
        if self._meshed:
            return np.asarray(values @ self._shares[place])
        for x, axis in zip(reversed(place), reversed(self._axes), strict=True):
            values = values @ _weights(x, *axis)
        return values

    def _place(self, window: int) -> tuple[float, ...]:
        return self.setup.data.trajectories[self.cut.origins[window, 0]].place

    def _experiments(self) -> Iterator[tuple[list[tuple[int, np.ndarray]], np.ndarray]]:
        """Windows of one condition that begin at one time, with their times, and all of these."""
        groups: dict[tuple[int, float], list[tuple[int, np.ndarray]]] = {}
        for members, times in self._groups():
            for v in members:
                groups.setdefault((int(self.condition[v]), float(times[0])), []).append((int(v), times))
        for windows in groups.values():
            times = np.unique(np.concatenate([own for _, own in windows]))
            yield windows, times if len(times) > 1 else np.append(times, times[0] + 1.0)

    def _fields(self, table: np.ndarray, times: np.ndarray, window: int) -> dict[str, np.ndarray]:
        """Variables (L, T, *cells) of runs with values (L, targets); NaN from a failure on."""
        system = self.simulated
        cells = self._spatial.elements.size if self._meshed else int(np.prod([len(c) for c in self._centers]))
        most = max(int(MOST_NUMBERS / (cells * len(times) * len(self.variables))), 1)
        over = self.setup.overrides[self.cut.origins[window, 0]]
        initial = {s: expression(e) for s, e in over.items() if s in system.states} or None
        found: dict[str, list[np.ndarray]] = {s.name: [] for s in self.variables}
        how: dict[str, Any] = {"initial": initial, "progress": False, "on_failure": "nan", **(self.setup.accuracy or {})}
        for a in range(0, len(table), most):
            part = table[a : a + most]
            lanes = {p: xr.DataArray(part[:, self.targets.index(p)], dims="trajectory") for p in system.parameters}
            run = simulate(system, times, parameters=lanes, **how)
            for name, own in found.items():
                own.append(
                    run[name].values if "trajectory" in run[name].dims else np.repeat(run[name].values[None], len(part), 0)
                )
        return {name: np.concatenate(own) for name, own in found.items()}


def problem_of(setup: FitSetup) -> ObservedProblem:
    """The likelihood of a setup: of fields, or of numbers."""
    if isinstance(setup.system, SpatialSystem):
        return SpatialProblem(setup)
    return DifferencedProblem(setup) if setup.differences else ObservedProblem(setup)


def _operators(e: sp.Basic) -> Iterator[sp.Expr]:
    """The outermost operators in an expression."""
    if isinstance(e, Operator):
        yield e
        return
    for part in e.args:
        yield from _operators(part)


def _steps(values: np.ndarray) -> np.ndarray:
    return STEP * np.where(values == 0, 1.0, np.abs(values))


@lru_cache(maxsize=4096)
def _weights(x: float, centers: tuple[float, ...], period: float | None) -> np.ndarray:
    """Weights (n,) of values in cells for the value at a position: a cubic spline, which goes on to the walls, or around."""
    if period is not None:
        n = len(centers)
        cells = np.arange(-AROUND, n + AROUND)
        around = tuple(np.array(centers)[cells % n] + period * (cells // n))
        return np.asarray(_weights(x, around, None) @ np.eye(n)[cells % n])
    order = min(3, len(centers) - 1)
    if order == 0:
        return np.ones(1)
    order -= order == 2
    return np.asarray(make_interp_spline(centers, np.eye(len(centers)), k=order)(x))
