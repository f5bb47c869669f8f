r"""Starts of a search for steady states of moment equations: moments of log-normal distributions.

On the manifold of distributions with given moments of first order (certain numbers) or of first and second order (log-normal)
the logarithms of all raw moments are linear in those of the given ones,
:math:`\log E[X^a] = \sum_i a_i \mu_i + \tfrac12 \sum_{ij} a_i a_j \sigma_{ij}` with
:math:`\sigma_{ij} = \log(E[X_i X_j] / (E[X_i] E[X_j]))` and :math:`\mu_i = \log E[X_i] - \tfrac12 \sigma_{ii}`.  Where the
equations of the lowest orders rest there, those of all orders are close to rest.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp

from symdyn.analysis.field import Field
from symdyn.models.moments import MomentSystem

__all__ = ["moment_starts"]

#: Range of the decadic logarithms of means, and of variances over means.
MEANS, WIDTHS = (-1.0, 5.0), (-0.5, 2.5)
#: Steps of a search on a manifold, and the largest of them in the logarithm of a moment.
ITERATIONS, LARGEST = 60, 2.0
#: Solutions that are followed, for how many relaxation times, and evaluations after which one is given up.
FOLLOWED, LONG, EVALUATIONS = 4, 100.0, 1000


class _Manifold:
    """Moments of all orders as functions of the logarithms of the raw moments of order one, or one and two."""

    def __init__(self, field: Field, system: MomentSystem, low: int) -> None:
        self.field, self.kind = field, system.moment_kind
        self.indices = [system.indices[s] for s in system.states]
        count = len(system.species)
        powers = itertools.product(range(system.order + 1), repeat=count)
        self.raw = [a for a in powers if 1 <= sum(a) <= system.order]
        unit = np.eye(count, dtype=int)
        self.means = [tuple(int(v) for v in unit[i]) for i in range(count)]
        self.pairs = [(i, j) for i in range(count) for j in range(i, count)] if low > 1 else []
        self.given = [*self.means, *(tuple(int(v) for v in unit[i] + unit[j]) for i, j in self.pairs)]
        self.matrix = np.array([self._row(a) for a in self.raw])
        self.place = {a: k for k, a in enumerate(self.raw)}

    def _row(self, a: tuple[int, ...]) -> list[float]:
        """Coefficients of the logarithm of one raw moment."""
        if not self.pairs:
            return [float(v) for v in a]
        first = [a_i * (2.0 - sum(a)) for a_i in a]
        second = [a[i] * (a[i] - 1) / 2 if i == j else float(a[i] * a[j]) for i, j in self.pairs]
        return [*first, *second]

    def states(self, u: np.ndarray) -> np.ndarray:
        """States (batch, n) where the logarithms are `u` (batch, given)."""
        raw = np.exp(np.clip(u @ self.matrix.T, -600, 600))
        return np.stack([self._moment(raw, a) for a in self.indices], axis=1)

    def _moment(self, raw: np.ndarray, a: tuple[int, ...]) -> np.ndarray:
        if self.kind == "raw" or sum(a) == 1:
            return raw[:, self.place[a]]
        if self.kind == "cumulant" and sum(a) > 2:
            return np.zeros(len(raw))
        total = np.zeros(len(raw))
        for b in itertools.product(*(range(n + 1) for n in a)):
            term = raw[:, self.place[b]] if any(b) else np.ones(len(raw))
            for i, (n, m) in enumerate(zip(a, b, strict=True)):
                term = term * math.comb(n, m) * (-raw[:, self.place[self.means[i]]]) ** (n - m)
            total += term
        return total

    def rates(self, u: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Rates of change (batch, given) of the logarithms."""
        f = self.field(self.states(u), np.broadcast_to(p, (len(u), p.size)))
        row = {a: f[:, k] for k, a in enumerate(self.indices)}
        z = np.exp(np.clip(u, -600, 600))
        found = [row[a] / z[:, k] for k, a in enumerate(self.means)]
        for k, (i, j) in enumerate(self.pairs):
            change = row[self.given[len(self.means) + k]]
            if self.kind != "raw":
                change = change + z[:, i] * row[self.means[j]] + z[:, j] * row[self.means[i]]
            found.append(change / z[:, len(self.means) + k])
        return np.stack(found, axis=1)


def _settle(manifold: _Manifold, u: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Where implicit Euler steps of growing length lead to from `u`; those that converge, each once."""
    f = manifold.rates(u, p)
    norm = np.abs(f).max(axis=1)
    pace = 1 / np.maximum(norm, 1e-300)
    moved = np.full(len(u), np.inf)
    h = 1e-6
    for _ in range(ITERATIONS):
        live = np.flatnonzero(np.isfinite(norm) & (moved > 1e-9))
        if not live.size:
            break
        columns = [
            (manifold.rates(u[live] + h * e, p) - manifold.rates(u[live] - h * e, p)) / (2 * h) for e in np.eye(u.shape[1])
        ]
        matrix = np.eye(u.shape[1]) / pace[live, None, None] - np.stack(columns, axis=2)
        usable = np.isfinite(matrix).all(axis=(1, 2)) & (np.abs(np.linalg.det(np.where(np.isfinite(matrix), matrix, 0))) > 0)
        norm[live[~usable]] = np.nan
        live, matrix = live[usable], matrix[usable]
        delta = np.linalg.solve(matrix, f[live][..., None])[..., 0]
        delta *= np.minimum(1, LARGEST / np.maximum(np.abs(delta).max(axis=1, keepdims=True), 1e-300))
        new = u[live] + delta
        value = manifold.rates(new, p)
        fresh = np.abs(value).max(axis=1)
        fine = np.isfinite(fresh) & (fresh < 10 * norm[live])
        pace[live] *= np.where(fine, np.clip(norm[live] / np.maximum(fresh, 1e-300), 2, 10), 0.2)
        taken = live[fine]
        u[taken], f[taken], norm[taken], moved[taken] = new[fine], value[fine], fresh[fine], np.abs(delta[fine]).max(axis=1)
    kept: list[np.ndarray] = []
    for x in u[np.isfinite(norm) & (moved <= 1e-6)]:
        if all(np.abs(x - y).max() > 1e-6 for y in kept):
            kept.append(x)
    return np.array(kept).reshape(len(kept), u.shape[1])


def moment_starts(field: Field, p: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Moments (starts, n) of about `count` random distributions, and of those where equations of low order rest.

    An empty array for systems other than moment equations of second order or higher.
    """
    system = field.system
    if not isinstance(system, MomentSystem) or system.order < 2 or not all(k in system.indices for k in system.states):
        return np.empty((0, len(field.states)))
    means, log_normal = _Manifold(field, system, 1), _Manifold(field, system, 2)
    if not set(log_normal.given) <= set(log_normal.indices):
        return np.empty((0, len(field.states)))
    scatter = np.log(10) * rng.uniform(*MEANS, size=(count, len(system.species)))
    with np.errstate(all="ignore"):
        rest = _settle(means, scatter.copy(), p)
        near = np.repeat(rest, max(1, count // max(2, len(rest))), axis=0)
        wide = np.concatenate([_widened(log_normal, scatter, rng), _widened(log_normal, near, rng)])
        settled = _settle(log_normal, wide.copy(), p)
        late = [_late(field, means, x, p) for x in rest[:FOLLOWED]]
        return np.concatenate([log_normal.states(settled), log_normal.states(wide), *late])


def _late(field: Field, means: _Manifold, u: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Points (few, n) of the solution from certain numbers at which the means alone would rest."""
    matrix = np.stack([means.rates(u[None] + h, p)[0] - means.rates(u[None] - h, p)[0] for h in 1e-6 * np.eye(u.size)], axis=1)
    rate = np.abs(np.linalg.eigvals(matrix / 2e-6)).min() if np.isfinite(matrix).all() else 0.0
    if not rate > 0:
        return np.empty((0, len(field.states)))
    calls = itertools.count()

    def counted(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[[float, np.ndarray], np.ndarray]:
        def side(_: float, x: np.ndarray) -> np.ndarray:
            value = function(x, p)
            if next(calls) > EVALUATIONS or not np.isfinite(value).all():
                raise OverflowError
            return value

        return side

    side, slopes = counted(field), counted(field.jacobian)
    reached = []
    x = means.states(u[None])[0]
    scale = 1e-8 * np.abs(x) + 1e-12
    for span in (0.1 * LONG / rate, 0.9 * LONG / rate):
        try:
            with warnings.catch_warnings(action="ignore"):  # a solution that breaks down is no start, nothing else
                x = solve_ivp(side, (0, span), x, method="LSODA", rtol=1e-5, atol=scale, jac=slopes).y[:, -1]
        except (OverflowError, ValueError):
            break
        reached.append(x)
    return np.array(reached).reshape(len(reached), len(field.states))


def _widened(manifold: _Manifold, u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Logarithms of moments of independent species with means ``exp(u)`` and random variances."""
    mean = np.exp(u)
    variance = np.minimum(mean * 10 ** rng.uniform(*WIDTHS, size=u.shape), 3 * mean**2)
    second = [np.log(mean[:, i] * mean[:, j] + (i == j) * variance[:, i]) for i, j in manifold.pairs]
    return np.concatenate([u, np.stack(second, axis=1)], axis=1)
