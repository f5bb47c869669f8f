r"""Multiple shooting for periodic orbits: arcs of the same duration, which are integrated side by side in lanes.

Of a system that depends on time each arc has a beginning in time of its own, and the period is given.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from symdyn_kernels.status import SUCCESS

from symdyn.analysis.kernels import extended_kernel
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.errors import SimulationError
from symdyn.models.ode import ODESystem
from symdyn.system import System

__all__ = ["ARCS", "OrbitArcs"]

#: Arcs of an orbit, and Newton steps.
ARCS, MOST_STEPS = 12, 30
#: Tolerances of the arcs, and of the differences at their ends relative to the size of the orbit.
TOLERANCES = {"rtol": 1e-12, "atol": 1e-13}
CLOSED = 1e-9
#: In the place of the size of an orbit at rest at 0.
STILL = 1e-3
#: A parameter: when an arc begins.
BEGIN = sp.Symbol("begin'")


class OrbitArcs:
    """Arcs of a system with given parameters.

    Parameters
    ----------
    system : ODESystem
        Which may depend on time.
    parameters : (k,) float64
    """

    def __init__(self, system: System, parameters: np.ndarray) -> None:
        self.forced, self.parameters = system.time_dependent, parameters
        if self.forced:
            later = {system.time: system.time + BEGIN}
            rates = {s: side.xreplace(later) for s, side in zip(system.states, system.part("drift"), strict=True)}
            declared, system = system, ODESystem(rates, initial=dict.fromkeys(system.states, 0), time=system.time)
            self.given = [declared.parameters.index(p) if p != BEGIN else -1 for p in system.parameters]
        self.system = system
        self.kernel, self.extended = extended_kernel(system, [])
        blocks = [("lane", (system.time,)), ("y", system.states), ("p", system.parameters)]
        self.rates = lower("rates", blocks, list(system.part("drift")), list(system.names))

    def field(self, x: np.ndarray) -> np.ndarray:
        """Rates of change (m, n) at points (m, n), of a system without dependence on time."""
        found = evaluate(self.rates, [np.zeros(())], list(x.T), list(self.parameters))
        return np.stack([np.broadcast_to(v, len(x)) for v in found], axis=1)

    def flow(self, arcs: np.ndarray, times: Any, begins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """States (m, T, n) at some times after the beginnings (m,) of arcs, and derivatives (m, n, n) by them at the last."""
        values = np.tile(self.parameters, (len(arcs), 1))
        if self.forced:
            values = np.ascontiguousarray(np.column_stack([values, begins])[:, self.given])
        run = self.kernel(self.extended.initial(arcs), values, times, **TOLERANCES)
        if (run.status != SUCCESS).any():
            raise SimulationError(
                "an arc of the orbit could not be integrated; give a point nearer to it, or a better period", None
            )
        states, slopes = self.extended.split(run.values)
        return states, slopes[:, -1]

    def solve(self, arcs: np.ndarray, period: float) -> tuple[np.ndarray, float, float]:
        """Arcs that join, their period, and how well they join."""
        m, n = arcs.shape
        size = m * n + (not self.forced)
        for _ in range(MOST_STEPS):
            states, slopes = self.flow(arcs, [0.0, period / m], _begins(m, period))
            ends = states[:, -1]
            extent = self._extent(arcs)
            gaps = ends - np.roll(arcs, -1, axis=0)
            closure = float(np.abs(gaps).max()) / extent
            matrix, right = np.zeros((size, size)), np.zeros(size)
            right[: m * n] = -gaps.ravel()
            for k in range(m):
                row, following = slice(k * n, (k + 1) * n), slice((k + 1) % m * n, ((k + 1) % m + 1) * n)
                matrix[row, row] += slopes[k]
                matrix[row, following] -= np.eye(n)
            if not self.forced:  # the period is unknown, and the first point moves across the flow
                matrix[: m * n, -1] = self.field(ends).ravel() / m
                matrix[-1, :n] = self.field(arcs[:1])[0]
            change = np.linalg.lstsq(matrix, right, rcond=None)[0]
            moved, longer = change[: m * n].reshape(m, n), 0.0 if self.forced else float(change[-1])
            if closure < CLOSED and np.abs(moved).max() < 1e3 * CLOSED * extent:
                return arcs, period, closure
            factor = min(1.0, 0.5 * extent / max(np.abs(moved).max(), 1e-300), 0.5 * period / max(abs(longer), 1e-300))
            arcs, period = arcs + factor * moved, period + factor * longer
        raise SimulationError(
            f"Newton's method did not close the orbit: its ends differ by {closure:.1e} of its size after {MOST_STEPS} steps; "
            "give a point nearer to it, or a better period", None,
        )  # fmt: skip

    def _extent(self, arcs: np.ndarray) -> float:
        """The size of an orbit; of one at rest in spite of a forcing, as of a pendulum whose pivot moves, another number."""
        found = float((arcs.max(axis=0) - arcs.min(axis=0)).max())
        still = self.forced and found <= TOLERANCES["atol"] + CLOSED * np.abs(arcs).max()
        return max(STILL, float(np.abs(arcs).max())) if still else max(found, 1e-300)

    def multipliers(self, arcs: np.ndarray, period: float) -> np.ndarray:
        """The eigenvalues of the derivative along the orbit; with dependence on time also that of its phase, 1."""
        product = np.eye(arcs.shape[1])
        for slope in self.flow(arcs, [0.0, period / len(arcs)], _begins(len(arcs), period))[1]:
            product = slope @ product
        return np.append(np.linalg.eigvals(product).astype(complex), [1.0] * self.forced)

    def orbit(self, arcs: np.ndarray, period: float, times: np.ndarray) -> np.ndarray:
        """States (T, n) at times within a period, each from the beginning of its arc."""
        begins = _begins(len(arcs), period)
        number = np.minimum((times * len(arcs) / period).astype(int), len(arcs) - 1)
        found = np.empty((len(times), arcs.shape[1]))
        for k in range(len(arcs)):
            mine = np.flatnonzero(number == k)
            after = np.maximum(times[mine] - begins[k], 0.0)
            if mine.size:
                inner = np.unique(np.concatenate([[0.0], after]))
                states = self.flow(arcs[k : k + 1], inner, begins[k : k + 1])[0][0] if inner.size > 1 else arcs[k : k + 1]
                found[mine] = states[np.searchsorted(inner, after)]
        return found


def _begins(count: int, period: float) -> np.ndarray:
    """When the arcs of an orbit begin."""
    return period * np.arange(count) / count
