r"""Tables of plans, made fast: weights of all choices for some nodes at once, from clocks that are interpolated.

A row has the last state, and states and evaluations of the last four nodes; what a plan does not use has the coefficient 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline
from symdyn_kernels.arguments.sampler import SamplerRows

from symdyn.codegen.semilinear_program import timed_values
from symdyn.codegen.table_runs import TableRunner
from symdyn.methods.planned import BASES, ORDERS, PREDICTIONS

__all__ = ["Choice", "PlanTables", "Prepared"]

#: How many earlier nodes a step looks at, and the slots of states and evaluations.
DEPTH = max(ORDERS)
SLOTS = 2 * DEPTH + 1
#: Points of the interpolation of a clock, and of the quadrature over a step.
POINTS = 1200
_PLACES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
Choice = tuple[int, str, str]


class Prepared(NamedTuple):
    """What the tables of all plans with the same nodes have in common.

    Attributes
    ----------
    timed : (n + 1, h) float64
    linear : dict from a prediction to (G, n) float64
        Coefficients of the last state.
    weights : dict from a choice to (G, n, 4) float64
        Of the predictions at the last nodes, the present first.
    psi, level, mean : (G, n + 1) float64
        The propagator from the first node, the noise level, and the solution that is 0 at the first node where N is 0.
    """

    timed: np.ndarray
    linear: dict[str, np.ndarray]
    weights: dict[Choice, np.ndarray]
    psi: np.ndarray
    level: np.ndarray
    mean: np.ndarray


class PlanTables:
    """The tables of plans of a system.

    Parameters
    ----------
    runner : TableRunner
    first, last : float
    """

    def __init__(self, runner: TableRunner, first: float, last: float) -> None:
        self._runner, self._group = runner, np.array(runner.facts["groups"])
        share = 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, POINTS))  # dense at both ends, where clocks bend
        times = first + (last - first) * share
        times[-1] = last
        self._clocks: list[CubicSpline] = []
        order = np.argsort(times)
        for clock in runner.clocks([first, last]):
            growth, scale, level = clock.curves(times)
            self.leveled = level is not None
            affine = any(clock.mean(float(t)) for t in times[[POINTS // 3, POINTS // 2, -1]])
            mean = [clock.mean(float(t)) for t in times] if affine else np.zeros(POINTS)
            columns = np.stack([growth, scale, level if level is not None else np.ones_like(growth), mean], axis=1)
            self._clocks.append(CubicSpline(times[order], columns[order]))
        bases, predictions = (BASES, PREDICTIONS) if self.leveled else (("time",), ("noise",))
        self.choices = [(k, basis, prediction) for k in ORDERS for basis in bases for prediction in predictions]
        self._shape: dict[int, tuple[np.ndarray, ...]] = {}

    def prepared(self, nodes: np.ndarray, choices: set[Choice] | None = None) -> Prepared:
        """Weights of choices, all by default, for nodes."""
        wanted = self.choices if choices is None else [c for c in self.choices if c in choices]
        inner = (nodes[:-1] + nodes[1:])[:, None] / 2 + np.diff(nodes)[:, None] / 2 * _PLACES
        measure = _WEIGHTS * np.diff(nodes)[:, None] / 2
        many = np.concatenate([nodes, inner.ravel()])
        count, steps = len(self._clocks), len(nodes) - 1
        psi, levels, means = (np.empty((count, len(nodes))) for _ in range(3))
        linear = {prediction: np.empty((count, steps)) for prediction in PREDICTIONS}
        weights: dict[Choice, np.ndarray] = {c: np.zeros((count, steps, DEPTH)) for c in wanted}
        for g, clock in enumerate(self._clocks):
            growth, scale, level, mean = clock(many).T
            ends, inside = growth[: steps + 1], growth[steps + 1 :].reshape(inner.shape)
            s, middle = level[: steps + 1], level[steps + 1 :].reshape(inner.shape)
            scale = scale[steps + 1 :].reshape(inner.shape) * measure
            psi[g], levels[g], means[g] = np.exp(ends - ends[0]), s, mean[: steps + 1]
            linear["noise"][g], linear["data"][g] = np.exp(np.diff(ends)), s[1:] / s[:-1]
            kernels = {"noise": np.exp(ends[1:, None] - inside) * scale}
            if self.leveled:
                kernels["data"] = -s[1:, None] * scale / middle**2 * np.exp(inside - ends[0])
            theta = {"time": (nodes, inner)}
            if self.leveled:
                theta["log-snr"] = ends - np.log(np.abs(s)), inside - np.log(np.abs(middle))
            polynomials = {key: _polynomials(*theta[key[1]], key[0]) for key in {(k, b) for k, b, _ in wanted}}
            for choice in wanted:
                found = np.einsum("jnq,nq->nj", polynomials[choice[:2]], kernels[choice[2]])
                weights[choice][g, :, : choice[0]] = found
        return Prepared(timed_values(self._runner.facts, nodes), linear, weights, psi, levels, means)

    def run(self, made: Prepared, plan: list[Choice], initial: np.ndarray) -> np.ndarray:
        """The states at the last node (K, n)."""
        steps = len(plan)
        begin, source, state, value, output = self._layout(steps)
        coefficient = np.zeros((steps, SLOTS, len(self._clocks)))
        for i, choice in enumerate(plan):
            w, data = made.weights[choice][:, i], choice[2] == "data"
            coefficient[i, 0] = made.linear[choice[2]][:, i]
            for j in range(min(choice[0], i + 1)):
                if data:
                    coefficient[i, 2 * j] += w[:, j] / made.psi[:, i - j]
                    coefficient[i, 2 * j + 1] = -w[:, j] * made.level[:, i - j] / made.psi[:, i - j]
                else:
                    coefficient[i, 2 * j + 1] = w[:, j]
        kept = [coefficient[i, : 2 * min(DEPTH, i + 1)] for i in range(steps)]
        shift = made.mean.T.copy()
        for i in range(steps if shift.any() else 0):
            for j in range(min(DEPTH, i + 1)):
                shift[i + 1] -= coefficient[i, 2 * j] * made.mean[:, i - j]
        rows = SamplerRows(
            begin, source, np.concatenate(kept), shift, np.zeros_like(shift), state, value, output, made.timed, self._group
        )
        return self._runner.launch(rows, SLOTS, initial, 1)[:, 0]

    def _layout(self, steps: int) -> tuple[np.ndarray, ...]:
        """Slots: the states of five nodes in turn, then the evaluations of four."""
        if steps not in self._shape:
            k = np.arange(steps + 1)
            states, values = k % (DEPTH + 1), DEPTH + 1 + k % DEPTH
            source: list[int] = []
            begin = [0, 0]
            for r in range(1, steps + 1):
                for j in range(min(DEPTH, r)):
                    source += [int(states[r - 1 - j]), int(values[r - 1 - j])]
                begin.append(len(source))
            values[-1] = -1
            output = np.where(k == steps, 0, -1)
            self._shape[steps] = np.array(begin), np.array(source), states, values, output
        return self._shape[steps]


def _polynomials(nodes: np.ndarray, inner: np.ndarray, order: int) -> np.ndarray:
    """Lagrange's polynomials (order, n, q) through the last nodes of each step, fewer in the first steps."""
    steps = len(inner)
    found = np.ones((order, steps, inner.shape[1]))
    for j in range(order):
        found[j, :j] = 0.0
        for i in range(order):
            first = max(i, j)
            if i == j or first >= steps:
                continue
            here = np.arange(first, steps)
            one, other = nodes[here - j, None], nodes[here - i, None]
            found[j, first:] *= (inner[first:] - other) / (one - other)
    return found
