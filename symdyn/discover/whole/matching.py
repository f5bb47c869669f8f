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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from symdyn_kernels.arguments.candidates import Table

from symdyn.discover.whole.kernel import driver
from symdyn.discover.whole.problem import EquationProblem
from symdyn.discover.whole.refining import Inner, refined
from symdyn.discover.whole.terms import CandidateTerm, Part, packed

__all__ = ["MatchedSupport", "WeakMatching", "elbow"]

#: Most terms of an equation by the number of states.
LARGEST = {1: 5, 2: 5, 3: 6}
#: Subsets of 1, 2 and more terms that are extended; results of each size; results of each size that are looked at.
BEAM, RESULTS, LOOKED = (40, 120, 36), 4, 12
#: Terms up to which all pairs are extended, without noise.
EVERY = 200
#: Best subsets with each nonlinear term that are kept whatever their score, while sizes are up to this.
FAMILY_SIZE = 3
#: Score above the best within which they are, with noise; how many without noise, in all and of each term.
FAMILY_MARGIN, FAMILIES, EACH = 60.0, {1: 100, 2: 80}, 3
#: Factor of the least sum of squares within which the smallest subset is the elbow, and the least mean square that counts,
#: with and without noise.
ELBOW, CLEAN_ELBOW = (1.8, 0.7), (30.0, 0.02)
#: Places of a grid from which the inner constants of one term are refined.
PLACES = 3

#: Score, columns, and sum of squares.
Subset = tuple[float, tuple[int, ...], float]
#: Number of a subset, its terms and their columns, score, and sum of squares.
Looked = tuple[int, np.ndarray, np.ndarray, float, float]


@dataclass(frozen=True)
class MatchedSupport:
    """A right-hand side of one state; `constants` are fitted."""

    score: float
    parts: tuple[Part, ...]
    rss: float

    @property
    def constants(self) -> int:
        return sum(1 + len(inner) for *_, inner in self.parts)


class MatchedEquations(NamedTuple):
    """What the right-hand side of an `equation` is matched to: `seen` data, weighted in y, and columns of terms like these.

    They are those of `several` equations where these are alike.
    """

    equation: int
    seen: float
    y: np.ndarray
    columns: Callable[[Table, np.ndarray], np.ndarray]
    several: bool = False


def elbow(sides: Sequence[MatchedSupport], problem: EquationProblem, j: int) -> MatchedSupport:
    """The one with the fewest constants that is nearly as close to the data of a state as any."""
    factor, least = CLEAN_ELBOW if problem.clean else ELBOW
    enough = factor * max(min(q.rss for q in sides), least * problem.seen[j])
    return min((q for q in sides if q.rss < enough), key=lambda q: (q.constants, q.score))


class WeakMatching:
    """Integrals of a library along the smooth curves of a problem, or along others at its `nodes` (n, m, d)."""

    def __init__(self, problem: EquationProblem, terms: Sequence[CandidateTerm], nodes: np.ndarray | None = None) -> None:
        self.problem, self.terms = problem, terms
        self.nodes = problem.nodes if nodes is None else nodes
        self.integrals = self._integrals(packed(terms, problem.d), np.zeros((0, 4), np.int64))
        self.price = np.array([t.price(problem.n) for t in terms])
        keys = {key: k for k, key in enumerate(dict.fromkeys(t.key for t in terms))}
        self.key = np.array([keys[t.key] for t in terms])
        self.nonlinear = np.array([bool(t.constants) for t in terms])

    def _integrals(self, table: Table, places: np.ndarray, order: Sequence[int] | None = None) -> np.ndarray:
        """Of the states, or of the states in another order."""
        problem, nodes = self.problem, self.nodes if order is None else np.ascontiguousarray(self.nodes[..., list(order)])
        out = np.empty((len(table.exponents) + len(places), problem.n))
        driver().integrals(nodes, problem.quadrature, problem.begins, table, places, out)
        return out

    def candidates(self, windows: int) -> list[list[MatchedSupport]]:
        """For each state right-hand sides, the best first; without noise the one at the elbow before them."""
        edges = self.problem.cut(windows)
        found = []
        for j in range(self.problem.d):
            with np.errstate(invalid="ignore", over="ignore"):
                Z = _projection(self.problem.w[:, j], edges)(self.integrals)
            found.append(self._of_target(self._of_state(j, edges), Z))
        return found

    def alike(self, j: int, orders: Sequence[Sequence[int]], windows: int) -> list[MatchedSupport]:
        """The same for state j where the states i in the order ``o[i]`` have the equation of j for the state ``o[j]``."""
        targets = [self._of_state(o[j], self.problem.cut(windows), o) for o in orders]

        def columns(table: Table, places: np.ndarray) -> np.ndarray:
            return np.concatenate([target.columns(table, places) for target in targets], axis=1)

        y = np.concatenate([target.y for target in targets])
        none = np.zeros((0, 4), np.int64)
        with np.errstate(invalid="ignore", over="ignore"):
            Z = columns(packed(self.terms, self.problem.d), none)
        return self._of_target(MatchedEquations(j, sum(t.seen for t in targets), y, columns, True), Z)

    def whole(self, j: int, windows: int) -> MatchedSupport:
        """For state j the right-hand side with all terms."""
        target = self._of_state(j, self.problem.cut(windows))
        Z = target.columns(packed(self.terms, self.problem.d), np.zeros((0, 4), np.int64))
        return self._sides(target, [(0, np.arange(len(self.terms)), Z, 0.0, 1.0)])[0]

    # ---- one equation --------------------------------------------------------------------------

    def _of_state(self, j: int, edges: np.ndarray, order: Sequence[int] | None = None) -> MatchedEquations:
        project = _projection(self.problem.w[:, j], edges)
        seen, y = float(self.problem.seen[j]), project(self.problem.x[:, j])
        return MatchedEquations(j, seen, y, lambda table, places: project(self._integrals(table, places, order)))

    def _of_target(self, target: MatchedEquations, Z: np.ndarray) -> list[MatchedSupport]:
        problem, y = self.problem, target.y
        square = float(y @ y)
        with np.errstate(invalid="ignore", over="ignore"):
            size = np.linalg.norm(Z, axis=1)
        good = np.flatnonzero(np.isfinite(size) & (size > 1e-8 * np.sqrt(square)))
        Z = Z[good]
        unit = Z / size[good, None]
        G, b = np.ascontiguousarray(unit @ unit.T), unit @ y
        ranked, kept = self._subsets(target, good, G, b, square)
        looked, seen, counts = list[Looked](), set(), dict.fromkeys(range(99), 0)
        for score, subset, rss in ranked:
            keys = tuple(sorted(self.key[good[list(subset)]]))
            if keys in seen or len(set(keys)) < len(keys) or (counts[len(keys)] >= RESULTS and subset not in kept):
                continue
            seen.add(keys)
            counts[len(keys)] += 1
            looked += [(len(seen), good[at], Z[at], score, rss) for at in self._places(subset, good, G, b)]
        best: dict[int, MatchedSupport] = {}
        for (which, *_), side in zip(looked, self._sides(target, looked), strict=True):
            best[which] = min(best.get(which, side), side, key=lambda q: q.score)
        found = list(best.values())
        found.sort(key=lambda q: q.score)
        if problem.clean and found:
            first = elbow(found, problem, target.equation)
            found = [first, *(q for q in found if q is not first)]
        return found

    def _places(self, subset: tuple[int, ...], good: np.ndarray, G: np.ndarray, b: np.ndarray) -> list[list[int]]:
        """A subset, and its only term with constants inside at the next best places of its grid: there are several optima."""
        inside = [i for i in subset if self.nonlinear[good[i]]]
        if len(inside) != 1:
            return [list(subset)]
        others = [i for i in subset if i != inside[0]]
        members = np.flatnonzero(self.key[good] == self.key[good[inside[0]]])
        gains = np.empty((1, len(good)))
        driver().extend(G, b, np.array([others], np.int64).reshape(1, len(others)), gains)
        best = members[np.argsort(-gains[0, members], kind="stable")][:PLACES]
        return [list(subset), *([*others, int(i)] for i in best if i != inside[0])]

    def _sides(self, target: MatchedEquations, looked: Sequence[Looked]) -> list[MatchedSupport]:
        """Terms by their places, with columns Z (k, n), inner constants refined; scores are those of sums of squares.

        These come from normal equations, which know a sum of squares to some digits of that of the data; what without noise is
        far less is seen in the residuals alone.
        """
        y, found = target.y, list[Inner]()
        for _, which, Z, *_ in looked:
            length = np.linalg.norm(Z, axis=1)
            c = np.linalg.lstsq((Z / length[:, None]).T, y, rcond=1e-13)[0] / length
            left, terms = y - c @ Z, [self.terms[i] for i in which]
            found.append(Inner(terms, [t.values for t in terms], c, max(float(left @ left), 1e-30)))
        inside = [i for i, side in enumerate(found) if any(side.inner)]
        for i, side in zip(inside, refined([found[i] for i in inside], y, target.columns, self.problem.d), strict=True):
            found[i] = side
        supports = []
        for side, (*_, score, rss) in zip(found, looked, strict=True):
            score += target.seen * float(self._log(side.rss, target.seen) - self._log(rss, target.seen))
            own = zip(side.terms, map(float, side.coefficients), side.inner, strict=True)
            supports.append(MatchedSupport(score, tuple((target.equation, *part) for part in own), side.rss))
        return supports

    def _log(self, rss: float | np.ndarray, seen: float):
        return np.log(rss / seen + self.problem.floor)

    def _subsets(self, target: MatchedEquations, good: np.ndarray, G: np.ndarray, b: np.ndarray, square: float):
        """Subsets, the best first, and those that are kept whatever their score."""
        n, clean, d = target.seen, self.problem.clean, self.problem.d
        price, keys = self.price[good], self.key[good].tolist()
        pool = np.zeros((1, 0), np.int64)
        looked: list[Subset] = []
        families: list[Subset] = []
        for k in range(1, LARGEST.get(d, 5) + 1):
            gains = np.empty((len(pool), len(good)))
            driver().extend(G, b, pool, gains)
            rss = np.maximum(square - gains, 1e-30)
            scores = n * self._log(rss, n) + price[pool].sum(axis=1)[:, None] + price
            scores[gains <= 0] = np.inf
            # without noise a sum of three terms may be exact of which no two stand out
            every = clean and k <= 2 and len(good) <= EVERY
            keep = LOOKED if every else BEAM[min(k, 3) - 1]
            level: dict[tuple[int, ...], Subset] = {}
            flat, rows = scores.ravel(), pool.tolist()
            some = np.argpartition(flat, min(flat.size, (k + 1) * keep) - 1)[: (k + 1) * keep]
            for at in some[np.argsort(flat[some], kind="stable")].tolist():
                r, l = divmod(at, len(good))
                if not np.isfinite(flat[at]) or len(level) == keep:
                    break
                subset = tuple(sorted((*rows[r], l)))
                level.setdefault(subset, (float(flat[at]), subset, float(rss[r, l])))
            best = list(level.values())
            if not best:
                break
            if k <= FAMILY_SIZE and d <= 2 and not clean:
                families += self._families(pool, scores, rss, good)
            subsets = itertools.combinations(range(len(good)), k) if every else (subset for _, subset, _ in best)
            pool = np.array([q for q in subsets if k < 2 or keys[q[0]] != keys[q[1]]] if every else list(subsets), np.int64)
            looked += best[:LOOKED]
        if (clean or target.several) and d <= 2:
            families += sorted(itertools.chain(*self._small(n, good, G, b, square)))[: FAMILIES[d]]
        margin = np.inf if clean or target.several else min((q[0] for q in looked), default=np.inf) + FAMILY_MARGIN
        kept = {subset: (score, subset, rss) for score, subset, rss in families if score < margin}
        return sorted([*looked, *(q for q in kept.values() if q not in looked)]), kept.keys()

    def _families(self, pool: np.ndarray, scores: np.ndarray, rss: np.ndarray, good: np.ndarray) -> list[Subset]:
        """The best extension that has each nonlinear term in it."""
        keys, nonlinear = self.key[good], self.nonlinear[good]
        best: dict[int, Subset] = {}
        r, l = np.argmin(scores, axis=0), np.argmin(scores, axis=1)
        rows = [(int(r[q]), int(q), keys[q]) for q in np.flatnonzero(nonlinear)]
        rows += [(k, int(l[k]), keys[q]) for k, base in enumerate(pool) for q in base if nonlinear[q]]
        for row, column, key in rows:
            subset = tuple(sorted((*map(int, pool[row]), column)))
            score = float(scores[row, column])
            if np.isfinite(score) and len(set(keys[list(subset)])) == len(subset):
                best[key] = min(best.get(key, (np.inf, (), 0.0)), (score, subset, float(rss[row, column])))
        return [q for q in best.values() if q[1]]

    def _small(self, n: float, good: np.ndarray, G: np.ndarray, b: np.ndarray, square: float) -> Iterator[list[Subset]]:
        """Of each nonlinear term the best subsets of it, at its best place of the grid, beside few monomials of low degree."""
        d, keys, price = self.problem.d, self.key[good], self.price[good]
        most = 2 if d == 1 else 1
        low = [k for k, i in enumerate(good) if not self.terms[i].atoms and sum(self.terms[i].exponents) <= most]
        found: dict[int, list[Subset]] = {key: [] for key in np.unique(keys[self.nonlinear[good]])}
        for size in range(4 if d == 1 else 3):
            sets = list(itertools.combinations(low, size))
            bases = np.array(sets, np.int64).reshape(len(sets), size)
            gains = np.empty((len(bases), len(good)))
            driver().extend(G, b, bases, gains)
            for key in found:
                members = np.flatnonzero((keys == key) & self.nonlinear[good])
                for r, l in enumerate(members[np.argmax(gains[:, members], axis=1)] if sets else ()):
                    if gains[r, l] > 0:
                        subset, rss = tuple(sorted((*sets[r], int(l)))), max(square - float(gains[r, l]), 1e-30)
                        found[key].append((float(n * self._log(rss, n) + price[list(subset)].sum()), subset, rss))
        for subsets in found.values():
            yield sorted(subsets)[:EACH]


def _projection(w: np.ndarray, edges: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """What weighs columns (..., n), and frees them of a constant in each window."""
    first, lengths = edges[:, 0], edges[:, 1] - edges[:, 0]
    square = np.maximum(np.add.reduceat(w * w, first), 1e-300)

    def project(columns: np.ndarray) -> np.ndarray:
        weighted = columns * w
        mean = np.add.reduceat(weighted * w, first, axis=-1) / square
        return np.asarray(weighted - np.repeat(mean, lengths, axis=-1) * w)

    return project
