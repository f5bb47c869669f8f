"""Trajectories of a period, side by side as lanes of one kernel, with sensitivities along what their experiments move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.codegen.kernel import Kernel, compile
from symdyn.codegen.passing_on import passed_on
from symdyn.derive.directions import along_directions
from symdyn.errors import CompileError
from symdyn.io.petab.tangents import Tangent
from symdyn.methods.options import AdaptiveOptions
from symdyn.models.ode import ODESystem
from symdyn.simulation.run import simulate

__all__ = ["Accuracy", "Directions", "LaneKernels", "directions_of", "placed", "shared"]

#: Numbers that the solutions of a call hold at most; trajectories beyond are integrated one part after another.
MOST_NUMBERS = 2e7
#: Trajectories from which on all cores share them.
MANY = 512


@dataclass(frozen=True)
class Accuracy:
    """How experiments are integrated; `max_steps` of each trajectory."""

    method: Any = None
    rtol: float = 1e-8
    atol: float = 1e-10
    max_steps: int | None = None


#: The parameters of the system that move along each direction; those of initial values alone move none.
Directions = tuple[tuple[sp.Symbol, ...], ...]


def directions_of(system: ODESystem, values: Mapping[sp.Symbol, Tangent]) -> tuple[Directions, tuple[int, ...]]:
    """Along what a trajectory moves: what its directions are, in an order that others share, and which they are."""
    members: dict[int, list[sp.Symbol]] = {}
    for s in system.states:
        for k in values[s].slopes if s in values else ():
            members.setdefault(k, [])
    for q in system.parameters:
        for k in values[q].slopes if q in values else ():
            members.setdefault(k, []).append(q)
    own = sorted(((tuple(q), k) for k, q in members.items()), key=lambda pair: ([s.name for s in pair[0]], pair[1]))
    return tuple(q for q, _ in own), tuple(k for _, k in own)


def shared(different: Sequence[Directions]) -> dict[Directions, Directions]:
    """For each its own, or of those that are given the first that contains it."""
    found: dict[Directions, Directions] = {}
    for own in sorted(dict.fromkeys(different), key=len, reverse=True):
        found[own] = next((wide for wide in found if placed(own, wide) is not None), own)
    return found


def placed(own: Directions, wide: Directions) -> list[int] | None:
    """Where directions are among others; None if these lack one."""
    left, places = list(range(len(wide))), []
    for members in own:
        at = next((k for k in left if wide[k] == members), None)
        if at is None:
            return None
        left.remove(at)
        places.append(at)
    return places


class LaneKernels:
    """A system extended along directions, compiled when it is first run.

    Parameters
    ----------
    system : ODESystem
    directions : Directions
    """

    def __init__(self, system: ODESystem, directions: Directions) -> None:
        self.system, self.directions = system, directions
        self._kernels: dict[Any, Kernel | None] = {}

    @cached_property
    def extended(self) -> Any:
        """The system with the derivatives of its states along the directions."""
        return along_directions(self.system, self.directions) if self.directions else self.system

    def run(
        self, times: np.ndarray, parameters: Sequence[Tangent], starts: Sequence[Tangent], places: np.ndarray, how: Accuracy
    ) -> np.ndarray:
        """States, then their derivatives along each direction, (n + n*K, L, T); NaN from a failure on.

        Parameters
        ----------
        times : (T,) float64
        parameters, starts : sequences of Tangent
            Values (L,) of those of the system.
        places : (K, L) int
            Which directions those of each lane are; -1 for none.
        how : Accuracy
        """
        n, K, L = len(starts), len(self.directions), len(starts[0].value) if starts else 0
        plain = np.array([p.value for p in parameters]).reshape(len(parameters), L)
        initial = np.zeros((n + n * K, L))
        initial[:n] = [s.value for s in starts]
        for i, s in enumerate(starts):
            for j in range(K) if s.slopes else ():
                initial[n + n * j + i] = _along(s, places[j])
        names = self.system.parameters
        speeds = [_along(parameters[names.index(q)], places[j]) for j, own in enumerate(self.directions) for q in own]
        table = np.concatenate([plain, np.array(speeds).reshape(len(speeds), L)])
        found = np.full((L, len(times), n + n * K), np.nan)
        sound = np.flatnonzero(np.isfinite(table).all(axis=0) & np.isfinite(initial).all(axis=0))
        most = max(int(MOST_NUMBERS / max(found.shape[1] * found.shape[2], 1)), 1)
        for a in range(0, len(sound), most):
            lanes = sound[a : a + most]
            found[lanes] = self._integrated(times, table[:, lanes], initial[:, lanes], how)
        return np.moveaxis(found, -1, 0)

    def _integrated(self, times: np.ndarray, table: np.ndarray, initial: np.ndarray, how: Accuracy) -> np.ndarray:
        system = self.extended
        if len(times) == 1 and not system.events and not system.algebraic:
            return initial.T[:, None]
        if system.parts != {"drift"} or initial.shape[1] >= MANY:
            return self._simulated(system, times, table, initial, how)
        kernel = self._kernel(how.method)
        if kernel is None or not kernel.adaptive:
            return self._simulated(system, times, table, initial, how)
        by_default = how.method is None and kernel.method != kernel.stiff_method
        options: dict[str, Any] = {"rtol": how.rtol, "atol": how.atol}
        if how.max_steps is not None:
            options["max_steps"] = how.max_steps

        def again(stiff: np.ndarray) -> np.ndarray:
            successor = self._kernel(kernel.stiff_method) or kernel
            return successor(initial.T[stiff], table.T[stiff], times, **options).values

        run, _ = passed_on(kernel(initial.T, table.T, times, detect_stiffness=by_default, **options), again)
        return run.values

    def _kernel(self, method: Any) -> Kernel | None:
        key = method if isinstance(method, str | None) else repr(method)
        if key not in self._kernels:
            try:
                self._kernels[key] = compile(self.extended, method=method)
            except CompileError:  # which `simulate` tells, or where it goes on with another method
                self._kernels[key] = None
        return self._kernels[key]

    @staticmethod
    def _simulated(system: Any, times: np.ndarray, table: np.ndarray, initial: np.ndarray, how: Accuracy) -> np.ndarray:
        def lanes(symbols: Sequence[sp.Symbol], rows: np.ndarray) -> dict[sp.Symbol, xr.DataArray]:
            return {s: xr.DataArray(v, dims="trajectory") for s, v in zip(symbols, rows, strict=True)}

        method = how.method
        if method is None and how.max_steps is not None:
            method = AdaptiveOptions(max_steps=how.max_steps)
        given = system.states[: len(initial)]
        data = simulate(
            system, times, initial=lanes(given, initial), parameters=lanes(system.parameters, table), method=method,
            rtol=how.rtol, atol=how.atol, progress=False, on_failure="nan",
        )  # fmt: skip
        return np.stack([data[s.name].values for s in given], axis=-1)


def _along(found: Tangent, places: np.ndarray) -> np.ndarray:
    """How values (L,) move along the direction of each, 0 along -1."""
    own = np.zeros(len(found.value))
    for k, v in found.slopes.items():
        here = places == k
        own[here] = np.broadcast_to(v, own.shape)[here]
    return own
