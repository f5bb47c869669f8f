"""What is known before a fit: observables with their noise, data, fitted columns and conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.identity import remembered
from symdyn.inference.data import Observations
from symdyn.inference.fit_problem import FittedColumn
from symdyn.inference.noise_laws import NoiseLaw
from symdyn.system import System

__all__ = ["FitSetup", "NoisyObservable", "dynamics"]


@dataclass(frozen=True)
class NoisyObservable:
    """What is measured.

    Attributes
    ----------
    name : str
        Column of the data.
    expression : Expr
        Of states, parameters and time.
    law : NoiseLaw
    parameters : tuple of Expr, optional
        Of the law; None if its scale is estimated along.
    """

    name: str
    expression: sp.Expr
    law: NoiseLaw
    parameters: tuple[sp.Expr, ...] | None = None


@dataclass(frozen=True)
class FitSetup:
    """Everything that is known before a fit.

    Attributes
    ----------
    system : System
        Without randomness; initial values may be expressions.
    observed : tuple of NoisyObservable
        In the order of the columns of `data`.
    data : Observations
    columns : tuple of FittedColumn
    symbols : tuple of Symbol
        Of the columns.
    overrides : tuple of mapping
        Of each trajectory: expressions of parameters, and of initial values by state.
    free : mapping of Symbol to pair of float
        Bounds of initial values that are fitted in every trajectory that does not override them.
    weights : tuple of (T, n) float64, optional
        By how much the scale of the noise differs from measurement to measurement.
    pieces : int
        Windows into which each trajectory is cut.
    accuracy : mapping
        ``method``, ``rtol`` and ``atol`` of simulations.
    conditions : tuple of str
        Of each trajectory; empty without conditions.
    differences : bool
        Whether derivatives are difference quotients, where equations for sensitivities would be too long.
    """

    system: System
    observed: tuple[NoisyObservable, ...]
    data: Observations
    columns: tuple[FittedColumn, ...]
    symbols: tuple[sp.Symbol, ...]
    overrides: tuple[Mapping[sp.Symbol, sp.Expr], ...]
    free: Mapping[sp.Symbol, tuple[float, float]]
    weights: tuple[np.ndarray, ...] | None = None
    pieces: int = 1
    accuracy: Mapping[str, Any] | None = None
    conditions: tuple[str, ...] = ()
    differences: bool = False

    @property
    def start_scale(self) -> np.ndarray:
        """Typical sizes of the states, (n,): of the data where a state is measured itself, else within its bounds."""
        middle = float(np.median(self.data.scale))
        direct = {o.expression: self.data.scale[k] for k, o in enumerate(self.observed)}
        found = []
        for s in self.system.states:
            value = self.system.initial.get(s)
            size = abs(float(value)) if value is not None and not isinstance(value, sp.Expr) else 0.0
            found.append(float(direct.get(s, size or _within(middle, *self.free.get(s, (-np.inf, np.inf))))))
        return np.array(found)


def _within(size: float, low: float, high: float) -> float:
    """A size, or where it is not between positive bounds, the geometric mean of these."""
    return size if not 0 < low < high < np.inf or low <= size <= high else float(np.sqrt(low) * np.sqrt(high))


@remembered(8)
def dynamics(system: System) -> frozenset[sp.Symbol]:
    """Parameters that enter more than observables."""
    if system.parts <= {"drift"} or system.parts <= {"map"}:
        sides = system.drift if system.drift is not None else system.map
        return frozenset(dag.free_symbols(sides or ()))
    return frozenset(system.parameters)
