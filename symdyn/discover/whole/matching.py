r"""First candidates by integral matching, without simulation.

Along smooth curves :math:`\tilde x` through the data, :math:`x(t) = x(t_0) + \sum_k c_k \int_{t_0}^t \phi_k(\tilde x)`: a
linear regression on the integrals of terms, with a free constant in each window.  Subsets are extended term by term, the
best ones kept; inner constants are then refined by variable projection.

References
----------
Golub, Pereyra, SIAM J. Numer. Anal. 10, 413 (1973); Kaufman, BIT 15, 49 (1975).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from symdyn_kernels.arguments.candidates import Table

from symdyn.discover.whole.kernel import driver
from symdyn.discover.whole.problem import EquationProblem
from symdyn.discover.whole.terms import CandidateTerm, packed

__all__ = ["MatchedSupport", "WeakMatching"]

#: Most terms of an equation by the number of states.
LARGEST = {1: 5, 2: 5, 3: 6}
#: Subsets of 1, 2 and more terms that are extended; results of each size; results of each size that are looked at.
BEAM, RESULTS, LOOKED = (40, 120, 36), 4, 12
#: Best subsets with each nonlinear term that are kept whatever their score, while sizes are up to this.
FAMILY_SIZE = 3
#: Score above the best within which they are, with noise; how many without noise.
FAMILY_MARGIN, FAMILIES = 60.0, {1: 100, 2: 70}
#: Factor of the least sum of squares within which the smallest subset is the elbow.
ELBOW, CLEAN_ELBOW = 1.8, 30.0
#: Iterations that refine inner constants, and the most that a constant changes in one, relative to it.
REFINEMENTS, CHANGE = 8, 0.7


@dataclass(frozen=True)
class MatchedSupport:
    """One right-hand side.

    Attributes
    ----------
    score : float
    terms : tuple of CandidateTerm
    coefficients : tuple of float
    inner : tuple of tuple of float
        Inner constants of each term.
    rss : float
    """

    score: float
    terms: tuple[CandidateTerm, ...]
    coefficients: tuple[float, ...]
    inner: tuple[tuple[float, ...], ...]
    rss: float

    @property
    def constants(self) -> int:
        return len(self.terms) + sum(map(len, self.inner))


class WeakMatching:
    """Integrals of a library along the smooth curves.

    Parameters
    ----------
    problem : EquationProblem
    terms : sequence of CandidateTerm
    nodes : (n, m, d) float64, optional
        Other curves than those of the problem at its nodes.
    """

    def __init__(self, problem: EquationProblem, terms: Sequence[CandidateTerm], nodes: np.ndarray | None = None) -> None:
        self.problem, self.terms = problem, terms
        self.nodes = problem.nodes if nodes is None else nodes
        self.integrals = self._integrals(packed(terms, problem.d), np.zeros((0, 4), np.int64))
        logarithm = np.log(problem.n)
        self.cost = np.array([t.cost + 0.5 * logarithm * len(t.constants) for t in terms])
        keys = {key: k for k, key in enumerate(dict.fromkeys(t.key for t in terms))}
        self.key = np.array([keys[t.key] for t in terms])
        self.nonlinear = np.array([bool(t.constants) for t in terms])

    def _integrals(self, table: Table, places: np.ndarray) -> np.ndarray:
        problem = self.problem
        out = np.empty((len(table.exponents) + len(places), problem.n))
        driver().integrals(self.nodes, problem.quadrature, problem.begins, table, places, out)
        return out

    def candidates(self, windows: int, *, elbow: bool) -> list[list[MatchedSupport]]:
        """For each state right-hand sides, the best first; with `elbow` the one at the elbow of the residual before them."""
        edges = self.problem.cut(windows)
        return [self._of_state(j, edges, elbow) for j in range(self.problem.d)]

    # ---- one equation --------------------------------------------------------------------------

    def _of_state(self, j: int, edges: np.ndarray, elbow: bool) -> list[MatchedSupport]:
        problem = self.problem
        project = _Projection(problem.w[:, j], edges)
        y = project(problem.x[:, j])
        square = float(y @ y)
        with np.errstate(invalid="ignore", over="ignore"):
            Z = project(self.integrals)
            size = np.linalg.norm(Z, axis=1)
        good = np.flatnonzero(np.isfinite(size) & (size > 1e-8 * np.sqrt(square)))
        Z = Z[good] / size[good, None]
        G, b = np.ascontiguousarray(Z @ Z.T), Z @ y
        ranked, kept = self._subsets(j, good, G, b, square)
        found, seen, counts = [], set(), dict.fromkeys(range(99), 0)
        for score, subset, rss in ranked:
            keys = tuple(sorted(self.key[good[list(subset)]]))
            if keys in seen or len(set(keys)) < len(keys) or (counts[len(keys)] >= RESULTS and subset not in kept):
                continue
            seen.add(keys)
            counts[len(keys)] += 1
            terms = tuple(self.terms[good[i]] for i in subset)
            rows = list(subset)
            c = np.linalg.lstsq(G[np.ix_(rows, rows)], b[rows], rcond=1e-13)[0] / size[good[rows]]
            inner, refined = tuple(tuple(t.values) for t in terms), rss
            if any(inner):
                inner, c, refined = self._refined(terms, inner, c, rss, project, y)
            score += problem.seen[j] * (self._log(refined, j) - self._log(rss, j))
            found.append(MatchedSupport(score, terms, tuple(map(float, c)), inner, refined))
        found.sort(key=lambda q: q.score)
        if elbow and found:
            least = min(q.rss for q in found)
            within = CLEAN_ELBOW if problem.clean else ELBOW
            enough = within * max(least, (0.02 if problem.clean else 0.7) * problem.seen[j])
            first = min((q for q in found if q.rss < enough), key=lambda q: (q.constants, q.score))
            found = [first, *(q for q in found if q is not first)]
        return found

    def _log(self, rss: float | np.ndarray, j: int):
        return np.log(rss / self.problem.seen[j] + self.problem.floor)

    def _subsets(self, j: int, good: np.ndarray, G: np.ndarray, b: np.ndarray, square: float):
        """Subsets with score and sum of squares, the best first, and those that are kept whatever their score."""
        problem, cost = self.problem, self.cost[good]
        n, d, logarithm = problem.seen[j], problem.d, np.log(problem.n)
        pool = np.zeros((1, 0), np.int64)
        looked: list[tuple[float, tuple[int, ...], float]] = []
        families: list[tuple[float, tuple[int, ...], float]] = []
        for k in range(1, LARGEST.get(d, 5) + 1):
            gains = np.empty((len(pool), len(good)))
            driver().extend(G, b, pool, gains)
            rss = np.maximum(square - gains, 1e-30)
            scores = n * self._log(rss, j) + logarithm * k + 2 * (cost[pool].sum(axis=1)[:, None] + cost)
            scores[gains <= 0] = np.inf
            keep = BEAM[min(k, 3) - 1]
            level: dict[tuple[int, ...], tuple[float, float]] = {}
            flat = scores.ravel()
            some = min(flat.size, (k + 1) * keep)
            for at in sorted(np.argpartition(flat, some - 1)[:some], key=lambda q: flat[q]):
                r, l = divmod(int(at), len(good))
                if np.isfinite(flat[at]):
                    level.setdefault(tuple(sorted((*map(int, pool[r]), l))), (float(flat[at]), float(rss[r, l])))
            best = [(score, subset, value) for subset, (score, value) in itertools.islice(level.items(), keep)]
            if not best:
                break
            if k <= FAMILY_SIZE and d <= 2 and not problem.clean:
                families += self._families(pool, scores, rss, good)
            pool = np.array([subset for _, subset, _ in best], np.int64).reshape(-1, k)
            looked += best[:LOOKED]
        if problem.clean and d <= 2:
            families = sorted(self._small(j, good, G, b, square))[: FAMILIES[d]]
        least = min((q[0] for q in looked), default=np.inf)
        margin = np.inf if problem.clean else least + FAMILY_MARGIN
        kept = {subset: (score, subset, rss) for score, subset, rss in families if score < margin}
        return sorted([*looked, *(q for q in kept.values() if q not in looked)]), kept.keys()

    def _families(self, pool: np.ndarray, scores: np.ndarray, rss: np.ndarray, good: np.ndarray):
        """The best extension that has each nonlinear term in it."""
        keys = self.key[good]
        best: dict[int, tuple[float, tuple[int, ...], float]] = {}
        r = np.argmin(scores, axis=0)
        rows = [(int(r[l]), int(l), keys[l]) for l in np.flatnonzero(self.nonlinear[good])]
        l = np.argmin(scores, axis=1)
        rows += [(k, int(l[k]), keys[q]) for k, base in enumerate(pool) for q in base if self.nonlinear[good[q]]]
        for row, column, key in rows:
            subset = tuple(sorted((*map(int, pool[row]), int(column))))
            score = float(scores[row, column])
            if np.isfinite(score) and len(set(keys[list(subset)])) == len(subset):
                best[key] = min(best.get(key, (np.inf, (), 0.0)), (score, subset, float(rss[row, column])))
        return [q for q in best.values() if q[1]]

    def _small(self, j: int, good: np.ndarray, G: np.ndarray, b: np.ndarray, square: float):
        """One nonlinear term, at its best place of the grid, beside few monomials of low degree."""
        d, n = self.problem.d, self.problem.seen[j]
        low = [
            k for k, i in enumerate(good) if not self.terms[i].atoms and sum(self.terms[i].exponents) <= (2 if d == 1 else 1)
        ]
        nonlinear = np.flatnonzero(self.nonlinear[good])
        for size in range(4 if d == 1 else 3):
            sets = list(itertools.combinations(low, size))
            bases = np.array(sets, np.int64).reshape(len(sets), size)
            if not sets or not len(nonlinear):
                continue
            gains = np.empty((len(bases), len(good)))
            driver().extend(G, b, bases, gains)
            for key in np.unique(self.key[good[nonlinear]]):
                members = nonlinear[self.key[good[nonlinear]] == key]
                for r, l in enumerate(members[np.argmax(gains[:, members], axis=1)]):
                    if gains[r, l] > 0:
                        subset = tuple(sorted((*map(int, bases[r]), int(l))))
                        rss = max(square - float(gains[r, l]), 1e-30)
                        constants = np.log(self.problem.n) * len(subset) + 2 * self.cost[good[list(subset)]].sum()
                        yield float(n * self._log(rss, j) + constants), subset, rss

    # ---- inner constants -----------------------------------------------------------------------

    def _refined(self, terms, inner, coefficients, rss: float, project: _Projection, y: np.ndarray):
        """Inner constants by variable projection."""
        d = self.problem.d
        table = packed(terms, d)
        places = np.array([(k, *p) for k, t in enumerate(terms) for p in t.constants], np.int64)
        p = np.array([v for values in inner for v in values])
        owner = places[:, 0]

        def solve(p: np.ndarray):
            for v, (k, a, kind, i) in zip(p, places, strict=True):
                if kind == 0:
                    table.offsets[k, a] = v
                else:
                    table.weights[k, a, i] = v
            Z = project(self._integrals(table, places))
            if not np.isfinite(Z).all():
                return None
            size = np.linalg.norm(Z[: len(terms)], axis=1) + 1e-300
            U, s, V = np.linalg.svd((Z[: len(terms)] / size[:, None]).T, full_matrices=False)
            U, s, V = U[:, s > 1e-13 * s[0]], s[s > 1e-13 * s[0]], V[s > 1e-13 * s[0]]
            c = V.T @ ((U.T @ y) / s) / size
            left = y - U @ (U.T @ y)
            slopes = Z[len(terms) :] * c[owner][:, None]
            slopes = slopes - (slopes @ U) @ U.T
            return c, left, float(left @ left), slopes

        current = solve(p)
        if current is None:
            return inner, coefficients, rss
        damping = 1e-3
        for _ in range(REFINEMENTS):
            _, left, total, slopes = current
            size = np.linalg.norm(slopes, axis=1) + 1e-300
            scaled = slopes / size[:, None]
            matrix, gradient = scaled @ scaled.T, scaled @ left
            new = None
            for _ in range(4):
                move = np.linalg.solve(matrix + damping * np.eye(len(p)), gradient) / size
                reach = CHANGE * np.abs(p) + 1e-3
                trial = p + np.clip(move, -reach, reach)
                new = solve(trial)
                if new is not None and new[2] < total:
                    break
                new = None
                damping *= 10
            if new is None:
                break
            p, current = trial, new
            damping /= 8
            if total - new[2] < min(1e-3 * new[2], 1.0):
                break
        values = iter(map(float, p))
        inner = tuple(tuple(next(values) for _ in t.constants) for t in terms)
        return inner, current[0], max(current[2], 1e-30)


class _Projection:
    """Weights columns, and frees them of a constant in each window."""

    def __init__(self, w: np.ndarray, edges: np.ndarray) -> None:
        self.w, self.first, self.lengths = w, edges[:, 0], edges[:, 1] - edges[:, 0]
        self.square = np.maximum(np.add.reduceat(w * w, self.first), 1e-300)

    def __call__(self, columns: np.ndarray) -> np.ndarray:
        """Columns (..., n)."""
        weighted = columns * self.w
        mean = np.add.reduceat(weighted * self.w, self.first, axis=-1) / self.square
        return weighted - np.repeat(mean, self.lengths, axis=-1) * self.w
