r"""The weak form of equations of fields: no derivative of the data is taken where it can be put on a test function.

.. math:: -\int \partial_t\phi\, u = \sum_k c_k (-1)^{|m_k|} \int \partial^{m_k}\phi\; w_k(u)

The noise of neighbouring windows is correlated, and larger where the rates are steep: equations are weighed with the
covariance that white noise of the data gives them.

References
----------
Messenger & Bortz, Journal of Computational Physics 443 (2021) 110525; Bortz, Messenger & Dukic, Bulletin of Mathematical
Biology 85 (2023) 110, for the covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse
import sympy as sp

from symdyn.discover.fields.candidates import LinearTerm
from symdyn.discover.fields.conservative import conservative
from symdyn.discover.fields.data import FieldData, FieldRun
from symdyn.discover.fields.smoothing import along, smooth_fields
from symdyn.discover.fields.windows import WeakWindows, make_windows
from symdyn.inference.formulas import evaluated
from symdyn.models.operators import Operator, linear_form
from symdyn.models.pde import PDESystem

__all__ = ["WeakForm", "weak_form"]

#: Windows in all, by the dimension of the fields.
MOST = {1: 700, 2: 900, 3: 1300}
#: Nonzero entries of the map from noise to equations above which its covariance is that of the rates alone.
LARGE = 4_000_000
#: Share of the mean variance that is added to every equation, so that no combination of them counts as exact.
JITTER = 1e-3


@dataclass
class _Part:
    """One integral: values of w on the data, what it is differentiated by the fields, orders and a factor."""

    values: np.ndarray
    slopes: dict[int, np.ndarray]
    orders: tuple[int, ...]
    factor: float


class WeakForm:
    """Equations for the columns of the rate of one field in one or several experiments.

    Attributes
    ----------
    design : (Q, P) float64
    target : (Q,) float64
        Integrals of the rate, less what is known of it.
    """

    def __init__(self, noise: np.ndarray) -> None:
        self.noise = noise
        self._blocks: list[tuple[list[WeakWindows], list[list[_Part]], list[_Part], tuple[int, ...], int]] = []
        self.design = np.zeros((0, 0))
        self.target = np.zeros(0)

    def add(
        self, windows: list[WeakWindows], columns: list[list[_Part]], known: list[_Part], u: np.ndarray, field: int
    ) -> None:
        """The equations of one experiment."""
        none = np.zeros(self._count(windows))
        rows = np.stack([sum((self._integral(windows, p) for p in parts), none) for parts in columns], 1)
        target = -self._integral(windows, _Part(u, {}, (1, *[0] * (u.ndim - 1)), -1.0))
        target = target - sum((self._integral(windows, p) for p in known), none)
        self.design = np.concatenate([self.design.reshape(-1, rows.shape[1]), rows])
        self.target = np.concatenate([self.target, target])
        self._blocks.append((windows, columns, known, u.shape, field))

    def whitening(self, values: np.ndarray) -> list[np.ndarray]:
        """For each experiment the lower Cholesky factor of the covariance of its equations, for values of the columns."""
        factors = []
        for windows, columns, known, shape, field in self._blocks:
            count = self._count(windows)
            size = count * int(np.prod([np.count_nonzero(w[0][0]) for w in windows]))
            covariance = np.zeros((count, count))
            if size > LARGE:
                kinds = [w[1 if a == 0 else 0] for a, w in enumerate(windows)]
                covariance = self.noise[field] ** 2 * reduce(np.kron, [m @ m.T for m in kinds])
            else:
                for f in range(len(self.noise)):
                    sums: dict[tuple[int, ...], np.ndarray] = {}
                    if f == field:
                        sums[(1, *[0] * (len(windows) - 1))] = np.ones(shape)
                    for value, parts in [*zip(values, columns, strict=True), (1.0, known)]:
                        for p in parts if value else ():
                            if f in p.slopes:
                                sums[p.orders] = sums.get(p.orders, 0.0) - value * p.factor * p.slopes[f]
                    if not sums:
                        continue
                    total: Any = 0.0
                    for orders, weight in sums.items():
                        kinds = [scipy.sparse.csr_array(w[m]) for w, m in zip(windows, orders, strict=True)]
                        part = reduce(lambda a, b: scipy.sparse.kron(a, b, format="csr"), kinds)
                        part = part @ scipy.sparse.diags_array(np.broadcast_to(weight, shape).ravel())
                        total = part + total if isinstance(total, scipy.sparse.sparray) else part
                    covariance += self.noise[f] ** 2 * (total @ total.T).toarray()
            mean = max(float(np.trace(covariance)) / count, 1e-300)
            factors.append(np.linalg.cholesky(covariance + JITTER * mean * np.eye(count)))
        return factors

    def weighed(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Design and target with residuals of unit variance."""
        rows, targets, start = [], [], 0
        for factor in self.whitening(values):
            part = slice(start, start + len(factor))
            start += len(factor)
            both = scipy.linalg.solve_triangular(factor, np.c_[self.design[part], self.target[part]], lower=True)
            rows.append(both[:, :-1])
            targets.append(both[:, -1])
        return np.concatenate(rows), np.concatenate(targets)

    @staticmethod
    def _count(windows: Sequence[WeakWindows]) -> int:
        return int(np.prod([len(w[0]) for w in windows]))

    @staticmethod
    def _integral(windows: Sequence[WeakWindows], part: _Part) -> np.ndarray:
        return part.factor * along((w[m] for w, m in zip(windows, part.orders, strict=True)), part.values).ravel()


def weak_form(
    system: PDESystem, columns: list[list[list[LinearTerm]]], known: list[list[LinearTerm]], data: FieldData
) -> list[WeakForm]:
    """The weak form of the rate of each field on dense data; see `linear_columns` for `columns` and `known`."""
    split = [[[q for t in parts for q in _rewritten(system, t)] for parts in rate] for rate in columns]
    rest = [[q for t in parts for q in _rewritten(system, t)] for parts in known]
    everything = [t for rate in (*split, rest) for part in rate for t in (part if isinstance(part, list) else [part])]
    highest = max([1, *(m for t in everything for m in t.orders)])
    forms = [WeakForm(data.noise) for _ in system.fields]
    for run in data.trajectories:
        values = _Values(system, data, run)
        step = [float(run.times[1] - run.times[0]), *(float(p[1] - p[0]) for p in data.positions)]
        most = MOST[system.dimension]
        along = round(most ** (1 / (1 + system.dimension))) * (2 if system.dimension == 1 else 1)
        for i in range(len(system.fields)):
            u = run.values[:, i]
            windows = [
                make_windows(
                    u, a, step[a], periodic=a > 0 and a - 1 in system.periodic, most=along, highest=max(highest, 1)
                )
                for a in range(u.ndim)
            ]  # fmt: skip
            parts = [[values.part(t) for t in column] for column in split[i]]
            forms[i].add(windows, parts, [values.part(t) for t in rest[i]], u, i)
    return forms


def _rewritten(system: PDESystem, term: LinearTerm) -> list[LinearTerm]:
    """The term with as many derivatives as can be outside."""
    if not term.inner.has(Operator):
        return [term]
    found = []
    plain = sp.expand(conservative(term.inner, system.fields, system.space))
    form = linear_form(plain, system.fields, system.space, system.dimension)
    for (w, m), c in form.items():
        orders = tuple(a + b for a, b in zip(m, term.orders, strict=True))
        found.append(LinearTerm(w, orders, term.factor * float(c)))
    return found


class _Values:
    """Expressions on the data of one experiment; derivatives inside products are those of smoothed fields."""

    def __init__(self, system: PDESystem, data: FieldData, run: FieldRun) -> None:
        self.system, self.data, self.run = system, data, run
        self._known: dict[sp.Expr, tuple[np.ndarray, dict[int, np.ndarray]]] = {}
        self._derivatives: dict[sp.Expr, np.ndarray] = {}

    def part(self, term: LinearTerm) -> _Part:
        values, slopes = self._computed(term.inner)
        return _Part(values, slopes, (0, *term.orders), term.factor)

    def _computed(self, w: sp.Expr) -> tuple[np.ndarray, dict[int, np.ndarray]]:
        if w not in self._known:
            fields = self.system.fields
            inside = [e for e in w.atoms(Operator) if not any(e is not o and o.has(e) for o in w.atoms(Operator))]
            swap = {e: sp.Dummy() for e in inside}
            plain = w.xreplace(swap)
            slopes = {i: sp.diff(plain, f) for i, f in enumerate(fields) if plain.has(f)}
            grid = np.meshgrid(self.run.times, *self.data.positions, indexing="ij")
            places = dict(zip(fields, self.run.values.swapaxes(0, 1), strict=True))
            places |= {s: self._derivative(e) for e, s in swap.items()}
            places |= dict(zip((self.system.time, *self.system.space), grid, strict=True))
            found = evaluated([plain, *slopes.values()], places, grid[0].shape)
            self._known[w] = found[0], dict(zip(slopes, found[1:], strict=True))
        return self._known[w]

    def _derivative(self, e: sp.Expr) -> np.ndarray:
        """An operator applied to smoothed fields."""
        if e not in self._derivatives:
            total = np.zeros(self.run.values[:, 0].shape)
            for (w, m), c in linear_form(e, self.system.fields, self.system.space, self.system.dimension).items():
                values, noise = self._computed(w)[0], 0.0
                if w in self.system.fields:
                    noise = float(self.data.noise[self.system.fields.index(w)])
                smooth = smooth_fields(self.system, self.data.positions, values, noise)
                total = total + float(c) * smooth(self.data.positions, m)
            self._derivatives[e] = total
        return self._derivatives[e]
