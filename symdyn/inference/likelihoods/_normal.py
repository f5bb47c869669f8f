r"""Likelihoods by means and covariances: a Kalman filter along paths, and normal laws of cells that are not followed.

Between measurements mean m and covariance C of the states follow ordinary differential equations; what is measured is
:math:`y = h(x) + e` with :math:`e \sim N(0, R)`, so that, with H the slope of h at the mean,

.. math:: v = y - h(m), \quad S = H C H^T + R, \quad K = C H^T S^{-1}, \quad m \leftarrow m + K v, \quad
          C \leftarrow C - K S K^T,

and the log-likelihood is the sum of :math:`-\tfrac12 (v^T S^{-1} v + \log\det 2 \pi S)`.  Derivatives by the fitted values are
carried along by forward sensitivities and by those of these formulas (Särkkä, Bayesian Filtering and Smoothing (2013), sec.
16.3.2); the information is :math:`\partial h^T S^{-1} \partial h + \tfrac12 \operatorname{tr}(S^{-1} \partial S\, S^{-1}
\partial S)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import sympy as sp
from symdyn_kernels.status import TOO_MANY_STEPS

from symdyn.codegen.kernel import compile
from symdyn.codegen.kernel_base import Kernel
from symdyn.codegen.passing_on import passed_on
from symdyn.derive.sensitivities import sensitivities
from symdyn.inference.formulas import ArrayFormulas
from symdyn.inference.likelihoods._moment_equations import MomentEquations
from symdyn.inference.likelihoods.registry import Evaluator, LikelihoodTerms
from symdyn.inference.stochastic_setup import PathGroup, StochasticSetup
from symdyn.models.ode import ODESystem
from symdyn.system import System

__all__ = ["MomentRuns", "NormalFilter", "inverted", "normal_terms", "normal_unmet", "without_lost"]

RTOL, ATOL, MAX_STEPS = 1e-10, 1e-11, 5_000
#: Variance, relative to the square of the scale of a column, and distance below which a value was certain beforehand.
CERTAIN = 1e-14
LOG_2PI = float(np.log(2 * np.pi))
#: Length of an interval, of equations that are the same at all times.
SPAN = sp.Symbol("length_of_the_interval_")


def normal_unmet(setup: StochasticSetup) -> str | None:
    """Why means and covariances give no likelihood of what was measured."""
    for spec in setup.observed:
        if spec.law.name not in ("normal", "none"):
            return f"takes normal noise or none, and that of {spec.name} is {spec.law.name}; take 'particle' or 'projection'"
        if spec.law.exact and spec.expression not in setup.system.states:
            return f"takes expressions such as {spec.name} with noise alone; give noise={{'{spec.name}': ...}}"
    return setup.conserved()


class MomentRuns:
    """Solutions of equations of moments, of stiff ones by a method for these.

    Parameters
    ----------
    system : ODESystem
    """

    def __init__(self, system: ODESystem) -> None:
        self.system, self._kernel = system, compile(system)
        self._stiff: Kernel | None = None

    def __call__(self, start: np.ndarray, rows: np.ndarray, times: np.ndarray, atol: float) -> np.ndarray:
        """Unknowns (L, T, k) at times, from those at the first and parameters (L, p); NaN from a failure on."""
        options = {"rtol": RTOL, "atol": atol, "max_steps": MAX_STEPS}

        def again(slow: np.ndarray) -> np.ndarray:
            self._stiff = self._stiff or compile(self.system, method=self._kernel.stiff_method)
            return self._stiff(start[slow], rows[slow], times, **options).values

        run, _ = passed_on(self._kernel(start, rows, times, **options), again, ended=TOO_MANY_STEPS)
        return run.values


class NormalFilter(Evaluator):
    """The likelihood by means and covariances, of paths and of cells, with derivatives by what is fitted or by nothing."""

    def __init__(self, setup: StochasticSetup, equations: MomentEquations, by: tuple[sp.Symbol, ...] | None = None) -> None:
        self.setup, self.moment_equations = setup, equations
        self.by = setup.symbols if by is None else by
        self.n, self.count = len(equations.mean), len(self.by)
        renamed = {s: sp.Symbol(f"z{i}_") for i, s in enumerate(equations.states)}
        rates = {renamed[s]: f.xreplace(renamed) for s, f in zip(equations.states, equations.sides, strict=True)}
        self.alike = not (any(f.has(equations.time) for f in rates.values()) or setup.system.inputs)
        if self.alike:  # intervals of any lengths in the lanes of one run, in units of their own lengths
            rates = {s: SPAN * f for s, f in rates.items()}
        self.equations = system = ODESystem(rates, time=equations.time)
        further = tuple(s for s in setup.symbols if s not in system.parameters)
        self.extended = sensitivities(system.replace(parameters=(*system.parameters, *further)), self.by, initial=False)
        self.run = MomentRuns(self.extended.system)
        self.size = len(equations.states)
        self.at_mean = [equations.states.index(s) for s in equations.mean]
        self.pairs = [(i, j, equations.states.index(s)) for (i, j), s in equations.covariance.items()]
        self.at_higher = [equations.states.index(s) for s in equations.higher]
        spread = tuple(equations.covariance.values())
        self.higher = ArrayFormulas(list(equations.higher.values()), spread, spread if self.by else ())
        self._read_observables()
        self.scale = np.maximum(setup.data.scale, 1e-300)
        self.atol = ATOL * float(min(self.scale.min(), 1.0))

    def _read_observables(self) -> None:
        """Observables h, their slopes H and variances R of noise, as functions of states and parameters."""
        setup, system = self.setup, self.setup.system
        states = system.states
        h = [o.expression for o in setup.observed]
        H = [e.diff(s) for e in h for s in states]
        R = [sp.S.Zero if o.law.exact else (o.parameters or (sp.S.One,))[0] ** 2 for o in setup.observed]
        known = {p: sp.Float(v) for p, v in setup.known.items()}
        inputs = (*states, *setup.symbols)
        found = [e.xreplace(known) for e in (*h, *H, *R)]
        self.formulas = ArrayFormulas(found, (*inputs, system.time), inputs if self.by else ())

    def without_slopes(self) -> NormalFilter:
        return type(self)(self.setup, self.moment_equations, by=())

    # ---- moments through time ------------------------------------------------------------------------------

    def joined(
        self, m: np.ndarray, dm: np.ndarray, C: np.ndarray, dC: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Unknowns (L, size) and derivatives (L, size, P) from means (L, n) and covariances (L, n, n) of normal states."""
        z, dz = np.zeros((len(m), self.size)), np.zeros((len(m), self.size, self.count))
        z[:, self.at_mean], dz[:, self.at_mean] = m, dm
        table = {}
        for (i, j, at), s in zip(self.pairs, self.higher.inputs, strict=True):
            z[:, at], dz[:, at], table[s] = C[:, i, j], dC[:, i, j], C[:, i, j]
        found, slopes = self.higher(table)
        for at, value in zip(self.at_higher, found, strict=True):
            z[:, at] = value
        for (k, q), d in slopes.items():
            dz[:, self.at_higher[k]] += np.broadcast_to(d, (len(m),))[:, None] * dz[:, self.pairs[q][2]]
        return z, dz

    def parted(self, z: np.ndarray, dz: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Means and covariances with derivatives, from unknowns (L, size) and theirs."""
        C, dC = np.zeros((len(z), self.n, self.n)), np.zeros((len(z), self.n, self.n, self.count))
        for i, j, at in self.pairs:
            C[:, i, j] = C[:, j, i] = z[:, at]
            dC[:, i, j] = dC[:, j, i] = dz[:, at]
        return z[:, self.at_mean], dz[:, self.at_mean], C, dC

    def rows(self, system: System, values: np.ndarray, spans: np.ndarray | float = 1.0) -> np.ndarray:
        """Parameters (L, k) of a run from values (L, P) of the columns and lengths of intervals."""
        return self.setup.rows(system, values, {SPAN: np.broadcast_to(np.asarray(spans, dtype=float), (len(values),))})

    def paths(self) -> Iterator[PathGroup]:
        """Paths with times (G, T) that are followed at once: of similar lengths, or measured at the same times."""
        for group in self.setup.joined() if self.alike else self.setup.groups():
            yield group._replace(times=np.broadcast_to(group.times, group.values.shape[:2]).copy())

    def followed(self, z: np.ndarray, dz: np.ndarray, rows: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Unknowns (L, T, size) and derivatives (L, T, size, P) at times, from those at the first; NaN from a failure on."""
        start = np.concatenate([z, np.swapaxes(dz, 1, 2).reshape(len(z), -1)], axis=1)
        found = np.full((len(z), len(times), start.shape[1]), np.nan)
        sound = np.flatnonzero(np.isfinite(start).all(axis=1) & np.isfinite(rows).all(axis=1))
        if sound.size:
            found[sound] = self.run(start[sound], rows[sound], times, self.atol)
        return self.extended.split(found)

    def measured(
        self, m: np.ndarray, dm: np.ndarray, table: Mapping[sp.Symbol, np.ndarray], time: np.ndarray | float
    ) -> tuple[np.ndarray, ...]:
        """h (L, o), H (L, o, n) and R (L, o) at means (L, n), and their derivatives by the columns in the last axis."""
        L, o, n, P = len(m), len(self.setup.observed), self.n, self.count
        known = {s: m[:, i] for i, s in enumerate(self.setup.system.states)}
        known |= {s: table[s] for s in self.setup.symbols} | {self.setup.system.time: np.broadcast_to(time, (L,))}
        found, slopes = self.formulas(known)
        values, moved = np.stack([np.broadcast_to(v, (L,)) for v in found], axis=1), np.zeros((L, len(found), P))
        for (k, q), d in slopes.items():
            d = np.broadcast_to(d, (L,))
            if q < n:
                moved[:, k] += d[:, None] * dm[:, q]
            else:
                moved[:, k, q - n] += d
        parts = np.split(np.arange(len(found)), [o, o + o * n])
        shapes = [(L, o), (L, o, n), (L, o)]
        return (
            *(values[:, p].reshape(s) for p, s in zip(parts, shapes, strict=True)),
            *(moved[:, p].reshape(*s, P) for p, s in zip(parts, shapes, strict=True)),
        )

    # ---- the likelihood ------------------------------------------------------------------------------------

    def expand(self, values: np.ndarray) -> LikelihoodTerms:
        count, P = len(values), self.count
        total = LikelihoodTerms(np.zeros(count), np.zeros((count, P)), np.zeros((count, P, P)))
        with np.errstate(all="ignore"):
            if self.setup.snapshots:
                self._cells(values, total)
            else:
                for group in self.paths():
                    self._paths(group, values, total)
        return without_lost(total)

    def _paths(self, group: PathGroup, values: np.ndarray, total: LikelihoodTerms) -> None:
        """Add the likelihood of paths with times (G, T)."""
        M, G, P = len(values), len(group.members), self.count
        begun, slopes = self.setup.path_starts(group, values)
        spread, bends = self.setup.path_spread(group, begun, slopes, values)
        m, dm = begun.reshape(M * G, self.n), slopes[..., :P].reshape(M * G, self.n, P)
        C, dC = spread.reshape(M * G, self.n, self.n), bends[..., :P].reshape(M * G, self.n, self.n, P)
        lanes = np.repeat(values, G, axis=0)
        table, data = self.setup.table(lanes), self.setup.later(group)
        for k, time in enumerate(group.times.T):
            if k:
                m, dm, C, dC = self.onward(m, dm, C, dC, lanes, np.tile(group.times[:, k - 1 : k + 1], (M, 1)))
            y = np.tile(data[:, k], (M, 1))
            if np.isfinite(y).any():
                m, dm, C, dC, terms = self.updated(m, dm, C, dC, y, self.measured(m, dm, table, np.tile(time, M)))
                for own, added in zip((total.value, total.gradient, total.information), terms, strict=True):
                    own += added.reshape(M, G, *added.shape[1:]).sum(axis=1)

    def onward(
        self, m: np.ndarray, dm: np.ndarray, C: np.ndarray, dC: np.ndarray, values: np.ndarray, ends: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Means and covariances with derivatives at the second of times (L, 2), from those at the first."""
        z, dz = self.joined(m, dm, C, dC)
        spans = ends[:, 1] - ends[:, 0] if self.alike else 1.0
        z, dz = self.followed(
            z, dz, self.rows(self.extended.system, values, spans), np.array([0.0, 1.0]) if self.alike else ends[0]
        )
        return self.parted(z[:, -1], dz[:, -1])

    def updated(
        self, m: np.ndarray, dm: np.ndarray, C: np.ndarray, dC: np.ndarray, y: np.ndarray, law: tuple[np.ndarray, ...]
    ) -> tuple[Any, ...]:
        """Mean and covariance given measurements (L, o), and what these add to value, gradient and information."""
        h, H, R, dh, dH, dR = law
        have, eye = np.isfinite(y), np.eye(y.shape[1])
        spread = np.sum((H @ C) * H, axis=2) + R
        # what was certain and is so again tells nothing
        have = have & ~((np.abs(spread) <= CERTAIN * self.scale**2) & (np.abs(np.where(have, y, 0) - h) <= 1e-7 * self.scale))
        H, dH, dh, dR = (np.where(have.reshape(have.shape + (1,) * (a.ndim - 2)), a, 0.0) for a in (H, dH, dh, dR))
        v, R = np.where(have, y - h, 0.0), np.where(have, R, 1.0)
        crossed = C @ np.swapaxes(H, 1, 2)
        S, dS = H @ crossed + R[:, :, None] * eye, self._spread_slopes(H, crossed, dC, dH, dR)
        Si, logs = inverted(S)
        terms = normal_terms(v, dh, Si, logs, dS, have.sum(axis=1))
        K = crossed @ Si
        # derivatives as (L, P, rows, columns)
        bends, steep, flat = _ahead(dC), _ahead(dH), _ahead(dS)
        back, gain = np.swapaxes(H, 1, 2)[:, None], K[:, None]
        dK = (bends @ back + C[:, None] @ np.swapaxes(steep, 2, 3) - gain @ flat) @ Si[:, None]
        m = m + np.squeeze(K @ v[:, :, None], 2)
        dm = dm + np.moveaxis(np.squeeze(dK @ v[:, None, :, None], 3), 1, 2) - K @ dh
        KS = K @ S
        bent = dK @ np.swapaxes(KS, 1, 2)[:, None]
        C = C - KS @ np.swapaxes(K, 1, 2)
        bends = bends - bent - np.swapaxes(bent, 2, 3) - gain @ flat @ np.swapaxes(gain, 2, 3)
        return m, dm, 0.5 * (C + np.swapaxes(C, 1, 2)), np.moveaxis(bends, 1, 3), terms

    @staticmethod
    def _spread_slopes(H: np.ndarray, crossed: np.ndarray, dC: np.ndarray, dH: np.ndarray, dR: np.ndarray) -> np.ndarray:
        """Derivatives (L, o, o, P) of H C H^T + R, from H, C H^T and the derivatives of H, C and R."""
        bent, eye = _ahead(dH) @ crossed[:, None], np.eye(H.shape[1])
        own = H[:, None] @ _ahead(dC) @ np.swapaxes(H, 1, 2)[:, None]
        return np.moveaxis(bent + np.swapaxes(bent, 2, 3) + own, 1, 3) + dR[:, :, None] * eye[..., None]

    def _cells(self, values: np.ndarray, total: LikelihoodTerms) -> None:
        """Add the likelihood of cells: those of a time with the same columns measured enter by mean and scatter."""
        cells = self.setup.cells()
        table = self.setup.table(values)
        times, means, slopes, spreads, bends = self.moments(values, [t for t, _ in cells])
        for (time, rows), at in zip(cells, np.searchsorted(times, [t for t, _ in cells]), strict=True):
            h, H, R, dh, dH, dR = self.measured(means[:, at], slopes[:, at], table, time)
            C, dC = spreads[:, at], bends[:, at]
            crossed = C @ np.swapaxes(H, 1, 2)
            S, dS = H @ crossed + R[:, :, None] * np.eye(R.shape[1]), self._spread_slopes(H, crossed, dC, dH, dR)
            if time <= self.setup.begin:  # where all cells are alike
                rows = np.where([o.law.exact for o in self.setup.observed], np.nan, rows)
            patterns, which = np.unique(np.isfinite(rows), axis=0, return_inverse=True)
            for k, have in enumerate(patterns):
                if not have.any():
                    continue
                own, seen = rows[which.ravel() == k][:, have], np.flatnonzero(have)
                middle, N = own.mean(axis=0), len(own)
                scatter = (own - middle).T @ (own - middle)
                Si, logs = inverted(S[:, seen[:, None], seen])
                dV, dm = dS[:, seen[:, None], seen], dh[:, seen]
                v = middle - h[:, seen]
                first = normal_terms(v, dm, Si, logs, dV, np.full(len(v), len(seen)))
                W = Si @ scatter
                total.value[:] += N * first[0] - 0.5 * np.einsum("lii->l", W)
                total.gradient[:] += N * first[1] + 0.5 * np.einsum("lijp,lij->lp", dV, np.swapaxes(W @ Si, 1, 2))
                total.information[:] += N * first[2]

    def columns_at(self, values: np.ndarray, times: list[float]) -> tuple[np.ndarray, np.ndarray]:
        grid, means, slopes, spreads, _ = self.moments(values[None], times)
        table, found = self.setup.table(values[None]), []
        for at in np.searchsorted(grid, times):
            h, H, R, *_ = self.measured(means[:, at], slopes[:, at], table, float(grid[at]))
            found.append((h[0], np.einsum("ij,jk,ik->i", H[0], spreads[0, at], H[0]) + R[0]))
        return np.stack([m for m, _ in found]), np.stack([v for _, v in found])

    def moments(self, values: np.ndarray, wanted: list[float]) -> tuple[np.ndarray, ...]:
        """Times, and means and covariances with derivatives (M, T, ...) of cells from their beginning on."""
        z, dz, times = self.unknowns(values, wanted)
        shape = z.shape[:2]
        parts = self.parted(z.reshape(-1, self.size), dz.reshape(-1, self.size, self.count))
        return (times, *(p.reshape(*shape, *p.shape[1:]) for p in parts))

    def unknowns(self, values: np.ndarray, wanted: list[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Unknowns (M, T, size) of cells with derivatives, and the times: those wanted and the beginning."""
        begun, slopes, begin = self.setup.first(values)
        none = np.zeros((len(values), self.n, self.n))
        z, dz = self.joined(begun, slopes[..., : self.count], none, np.zeros((*none.shape, self.count)))
        times = np.union1d([begin], wanted)
        if len(times) == 1:
            return z[:, None], dz[:, None], times
        z, dz = self.followed(z, dz, self.rows(self.extended.system, values), times)
        return z, dz, times


def without_lost(total: LikelihoodTerms) -> LikelihoodTerms:
    """The same with what is no number impossible."""
    lost = ~np.isfinite(total.value) | ~np.isfinite(total.gradient).all(1) | ~np.isfinite(total.information).all((1, 2))
    total.value[lost], total.gradient[lost], total.information[lost] = -np.inf, 0.0, 0.0
    return total


def inverted(S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverses (L, o, o) of covariances, and logarithms of their determinants; NaN where one is not positive."""
    sound = np.isfinite(S).all(axis=(1, 2))
    values, vectors = np.linalg.eigh(np.where(sound[:, None, None], S, np.eye(S.shape[-1])))
    values = np.where(sound[:, None] & (values > 0), values, np.nan)
    return np.einsum("lij,lj,lkj->lik", vectors, 1 / values, vectors), np.log(values).sum(axis=1)


def normal_terms(
    v: np.ndarray, dh: np.ndarray, Si: np.ndarray, logs: np.ndarray, dS: np.ndarray, have: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Log density (L,) of distances v (L, o) from expected values, its gradient (L, P) and information (L, P, P)."""
    left = Si @ v[:, :, None]
    value = -0.5 * (np.sum(v * left[:, :, 0], axis=1) + logs + have * LOG_2PI)
    bends, steep = _ahead(dS), np.swapaxes(dh, 1, 2)
    shape = Si[:, None] @ bends
    squared = np.swapaxes(left, 1, 2)[:, None] @ bends @ left[:, None]
    gradient = (steep @ left)[:, :, 0] + 0.5 * squared[:, :, 0, 0] - 0.5 * np.trace(shape, axis1=2, axis2=3)
    flat = (*shape.shape[:2], v.shape[1] ** 2)
    rows, columns = shape.reshape(flat), np.swapaxes(shape, 2, 3).reshape(flat)
    return value, gradient, steep @ (Si @ dh) + 0.5 * rows @ np.swapaxes(columns, 1, 2)


def _ahead(slopes: np.ndarray) -> np.ndarray:
    """Derivatives (L, rows, columns, P) of matrices as matrices, (L, P, rows, columns)."""
    return np.moveaxis(slopes, 3, 1)
