"""Inner constants of many right-hand sides refined by variable projection, all of them side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from symdyn_kernels.arguments.candidates import Table

from symdyn.discover.whole.terms import CandidateTerm, packed, put
from symdyn.inference.levenberg import LevenbergMarquardt
from symdyn.inference.quadratic import Quadratic

__all__ = ["Inner", "refined"]

#: Iterations that refine inner constants, and the gain of the sum of squares below which they are fine enough.
REFINEMENTS, ENOUGH = 10, 1.0
#: Singular values that count as none, relative to the largest, and what keeps sizes from zero.
NOTHING, TINY = 1e-13, 1e-300

#: From a table and places of constants (Q, 4) to columns (T + Q, n) of terms and of their slopes by these constants.
Columns = Callable[[Table, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Inner:
    """A right-hand side.

    Attributes
    ----------
    terms : list of CandidateTerm
    inner : list of sequences of float
        Constants inside each.
    coefficients : (k,) float64
    rss : float
        Sum of squares that they leave.
    """

    terms: Sequence[CandidateTerm]
    inner: Sequence[Sequence[float]]
    coefficients: np.ndarray
    rss: float


class _Solved(NamedTuple):
    """Sides with coefficients (M, K) for their inner constants, what they leave (M, n), and its slopes (M, Q, n)."""

    coefficients: np.ndarray
    left: np.ndarray
    total: np.ndarray
    slopes: np.ndarray


def refined(sides: Sequence[Inner], y: np.ndarray, columns: Columns, d: int) -> list[Inner]:
    """Right-hand sides matched to y (n,), their constants refined; those that are no numbers stay as they are."""
    if not sides:
        return []
    solver = _Solver(sides, y, columns, d)

    def expand(which: np.ndarray, theta: np.ndarray, starts: np.ndarray) -> Quadratic:
        solved = solver.solve(which, theta)
        design = np.swapaxes(solved.slopes, 1, 2)[:, None]
        return Quadratic.of(solved.total[:, None], solved.left[:, None], design, theta.shape[1])

    begun = solver.first, np.zeros((len(sides), 1, 0)), solver.has
    fits = LevenbergMarquardt(expand, *begun, tolerance=0.0, small=ENOUGH).run(REFINEMENTS)
    found = solver.solve(np.arange(len(sides)), fits.theta)
    return [solver.side(i, fits.theta[i], found) if np.isfinite(found.total[i]) else side for i, side in enumerate(sides)]


class _Solver:
    """Columns of all sides in one table, padded to as many terms and constants."""

    def __init__(self, sides: Sequence[Inner], y: np.ndarray, columns: Columns, d: int) -> None:
        self.sides, self.y, self.columns = sides, y, columns
        self.table = packed([t for side in sides for t in side.terms], d)
        self.counts = np.array([len(side.terms) for side in sides])
        self.begins = np.concatenate([[0], np.cumsum(self.counts)])
        self.places = [np.array([(k, *q) for k, t in enumerate(s.terms) for q in t.constants], np.int64) for s in sides]
        inside = np.array([len(q) for q in self.places])
        self.has = np.arange(inside.max()) < inside[:, None]
        self.terms = np.arange(self.counts.max()) < self.counts[:, None]
        self.owners, self.first = np.zeros(self.has.shape, np.int64), np.zeros(self.has.shape)
        self.owners[self.has] = np.concatenate([q[:, 0] for q in self.places])
        self.first[self.has] = [v for side in sides for values in side.inner for v in values]

    def solve(self, which: np.ndarray, p: np.ndarray) -> _Solved:
        """Coefficients of some sides at inner constants (m, Q); infinite sums of squares where columns are no numbers."""
        rows = np.concatenate([np.arange(self.begins[i], self.begins[i + 1]) for i in which])
        table = Table(*(part[rows] for part in self.table))
        shift = np.concatenate([[0], np.cumsum(self.counts[which])[:-1]])
        places = np.concatenate([self.places[i] + [s, 0, 0, 0] for i, s in zip(which, shift, strict=True)])
        terms, has = self.terms[which], self.has[which]
        put(table, places, p[has])
        with np.errstate(invalid="ignore", over="ignore"):
            found = self.columns(table, places)
        Z, slopes = np.zeros((*terms.shape, len(self.y))), np.zeros((*has.shape, len(self.y)))
        Z[terms], slopes[has] = found[: len(rows)], found[len(rows) :]
        sound = np.isfinite(Z).all(axis=(1, 2)) & np.isfinite(slopes).all(axis=(1, 2))
        Z[~sound], slopes[~sound] = 0.0, 0.0
        size = np.where(terms, np.linalg.norm(Z, axis=2) + TINY, 1.0)
        U, s, V = np.linalg.svd(np.swapaxes(Z / size[..., None], 1, 2), full_matrices=False)
        kept = s > NOTHING * s[:, :1]
        U = U * kept[:, None]
        seen = (np.swapaxes(U, 1, 2) @ self.y[:, None])[..., 0]
        share = np.divide(seen, s, out=np.zeros_like(seen), where=kept)
        left = self.y - (U @ seen[..., None])[..., 0]
        with np.errstate(invalid="ignore", over="ignore"):  # columns may all but vanish
            c = (np.swapaxes(V, 1, 2) @ share[..., None])[..., 0] / size
            slopes *= np.take_along_axis(c, self.owners[which], axis=1)[..., None]
            slopes -= (slopes @ U) @ np.swapaxes(U, 1, 2)
        sound &= np.isfinite(c).all(axis=1) & np.isfinite(slopes).all(axis=(1, 2))
        c[~sound], slopes[~sound] = 0.0, 0.0
        total = np.where(sound, np.einsum("mn,mn->m", left, left), np.inf)
        return _Solved(c, left, total, np.where(has[..., None], slopes, 0.0))

    def side(self, i: int, p: np.ndarray, solved: _Solved) -> Inner:
        """A side with its constants."""
        values, side = iter(p[self.has[i]].tolist()), self.sides[i]
        inner = [[next(values) for _ in t.constants] for t in side.terms]
        return replace(
            side, inner=inner, coefficients=solved.coefficients[i, : self.counts[i]], rss=max(float(solved.total[i]), 1e-30)
        )
