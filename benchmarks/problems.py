"""Ensembles that all solvers integrate: a model, the same right-hand side for the peers, and reference solutions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

import symdyn as sd
from benchmarks.reference import extrapolated
from symdyn.models import zoo
from symdyn.system import System

__all__ = ["SMOOTH", "STIFF", "Problem"]


def _lorenz(y: Any, p: Any) -> tuple:
    return p[2] * (y[1] - y[0]), y[0] * (p[1] - y[2]) - y[1], y[0] * y[1] - p[0] * y[2]


def _lotka_volterra(y: Any, p: Any) -> tuple:
    return p[0] * y[0] - p[1] * y[0] * y[1], -p[2] * y[1] + p[3] * y[0] * y[1]


def _van_der_pol(y: Any, p: Any) -> tuple:
    return y[1], p[0] * (1.0 - y[0] * y[0]) * y[1] - y[0]


def _robertson(y: Any, p: Any) -> tuple:
    r1, r2, r3 = p[0] * y[0], p[1] * y[1] * y[1], p[2] * y[1] * y[2]
    return -r1 + r3, r1 - r2 - r3, r2


def _moments() -> System:
    """The 14 moments up to order 4 of a dimer that is made and lost."""
    text = "0 -> X, a; X -> 0, b; 2 X -> Y, c; Y -> 0, d; X(0) = 20; Y(0) = 5"
    return sd.ReactionNetwork.from_text(text, {"a": 20.0, "b": 1.0, "c": 0.02, "d": 0.5}).moments(4)


def _written_out(system: System) -> Callable[[Any, Any], tuple]:
    """The right-hand side of a system as a function ``(y, p) -> tuple``, common subexpressions named."""
    y, p = sp.IndexedBase("y"), sp.IndexedBase("p")
    places = {s: y[i] for i, s in enumerate(system.states)} | {s: p[i] for i, s in enumerate(system.parameters)}
    return sp.lambdify([y, p], tuple(f.xreplace(places) for f in system.drift), "math", cse=True)


@dataclass(frozen=True, eq=False)
class Problem:
    """An ensemble: `ranges` of the parameters, in the order of ``system.parameters``, and how far initial states vary.

    Absolute tolerances are relative ones times `atol_ratio`.
    `peer` is the right-hand side ``(y, p) -> tuple`` as a user of the other packages would write it.  Of larger ones users
    write loops, ``looped(y, p, dy)``, or whole arrays of numpy or JAX, ``vectors(module, y, p)``.
    """

    name: str
    system: System
    peer: Callable[[Any, Any], tuple]
    times: np.ndarray
    ranges: tuple[tuple[float, float], ...]
    spread: float = 0.0
    atol_ratio: float = 1.0
    looped: Callable[[Any, Any, Any], None] | None = None
    vectors: Callable[[ModuleType, Any, Any], Any] | None = None

    def ensemble(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Initial values (count, n) and parameters (count, k)."""
        rng = np.random.default_rng(0)
        parameters = np.stack([rng.uniform(a, b, 2048) for a, b in self.ranges], axis=1)
        start = self.system.initial_values(dict(self.system.initial))
        initial = np.array([float(start[s]) for s in self.system.states])
        initial = initial + rng.uniform(-self.spread, self.spread, (2048, initial.size))
        return np.ascontiguousarray(initial[:count]), np.ascontiguousarray(parameters[:count])

    def reference(self, count: int) -> np.ndarray:
        """Values (count, T, n): good to 1e-13, for stiff problems by scipy's Radau at 1e-11 with the exact Jacobian."""
        initial, parameters = self.ensemble(count)
        if self not in STIFF:
            peer = self.peer if self.vectors is None else partial(self.vectors, np)
            return extrapolated(peer, initial, parameters, self.times, 1e-13)
        arguments = [self.system.states, self.system.parameters]
        jacobian = sp.lambdify(arguments, sp.Matrix(self.system.drift).jacobian(self.system.states).tolist(), "math")
        span, tolerances = (self.times[0], self.times[-1]), {"rtol": 1e-11, "atol": 1e-11 * self.atol_ratio}
        return np.array(
            [
                solve_ivp(
                    lambda t, y, p=p: self.peer(y, p), span, y0, "Radau", self.times,
                    jac=lambda t, y, p=p: np.array(jacobian(y, p)), **tolerances,
                ).y.T
                for y0, p in zip(initial, parameters, strict=True)
            ]
        )  # fmt: skip


_MOMENTS = _moments()
SMOOTH = (
    Problem("Lorenz t=5", zoo.lorenz(), _lorenz, np.linspace(0, 5, 101), ((8 / 3, 8 / 3), (20, 30), (10, 10)), 0.1),
    Problem(
        "predator-prey t=20",
        zoo.lotka_volterra(),
        _lotka_volterra,
        np.linspace(0, 20, 101),
        ((1.0, 1.5), (0.1, 0.1), (1.5, 1.5), (0.075, 0.075)),
    ),
    Problem(
        "14 moments t=10",
        _MOMENTS,
        _written_out(_MOMENTS),
        np.linspace(0, 10, 101),
        ((15.0, 25.0), (1.0, 1.0), (0.02, 0.02), (0.5, 0.5)),
    ),
)
STIFF = (
    Problem(
        "Robertson t=1e4",
        zoo.robertson(),
        _robertson,
        np.concatenate([[0.0], np.logspace(-2, 4, 100)]),
        ((0.03, 0.05), (3e7, 3e7), (1e4, 1e4)),
        atol_ratio=1e-6,
    ),
    Problem("van der Pol mu=1e3 t=2000", zoo.van_der_pol(), _van_der_pol, np.linspace(0, 2000, 101), ((900, 1100),)),
)
