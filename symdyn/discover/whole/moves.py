"""Changes of a model with the largest predicted gain, from one run with the sensitivities of the entire library.

Around a fit the residuals are linear in all coefficients, those of absent terms included.  What an addition gains follows
from a score test, what a removal costs from a Wald test, and an exchange from both, all in the same normal equations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from symdyn.discover.whole.fits import EquationFit, Fitter
from symdyn.discover.whole.terms import CandidateTerm, packed

__all__ = ["Move", "Screen"]

#: Additions, removals and exchanges that are handed on, and exchanges looked at for each term.
ADDITIONS, REMOVALS, EXCHANGES, EACH = 5, 3, 6, 3
#: Most terms in an equation.
MOST = 7
#: Share of a column's square that must be its own.
NOVELTY = 1e-7
RIDGE = 1e-11


@dataclass(frozen=True)
class Move:
    """A change of a model.

    Attributes
    ----------
    change : float
        Forecast of the change of the score.
    drop : int or None
        CandidateTerm to be left out.
    add : (int, CandidateTerm, float) or None
        Equation, term and first coefficient.
    """

    change: float
    drop: int | None
    add: tuple[int, CandidateTerm, float] | None


class Screen:
    """A library to screen.

    Parameters
    ----------
    fitter : Fitter
    terms : sequence of CandidateTerm
    """

    def __init__(self, fitter: Fitter, terms: Sequence[CandidateTerm]) -> None:
        self.fitter, self.terms = fitter, list(terms)
        d, n = fitter.problem.d, fitter.problem.n
        self.table = packed(self.terms, d)
        # one column for each term in each equation, equation by equation
        cost = np.array([2 * t.cost + np.log(n) * (1 + len(t.constants)) for t in self.terms])
        self.cost = np.tile(cost, d)
        keys = {key: k for k, key in enumerate(dict.fromkeys(t.key for t in self.terms))}
        self.keys = keys
        self.label = np.concatenate([[e * len(keys) + keys[t.key] for t in self.terms] for e in range(d)])
        self.equation = np.repeat(np.arange(d), len(self.terms))

    def moves(self, fit: EquationFit) -> list[Move]:
        """The most promising moves, the best first."""
        screened = self.fitter.screen(fit, self.table)
        if screened is None:
            return []
        (A, g, diagonal), rss = screened.sums, screened.rss
        model, problem = fit.model, self.fitter.problem
        p, K = len(model.theta), model.K
        unit = 1 / np.sqrt(np.maximum(diagonal, 1e-30))
        A, g = A * unit[:p, None] * unit, g * unit
        inside, cross, own = A[:, :p], A[:, p:], (diagonal * unit**2)[p:]
        total, size = float(rss.sum()), problem.seen.sum()
        floor = problem.floor

        def change(value: np.ndarray | float):
            return size * (np.log(np.maximum(value, 1e-12) / size + floor) - np.log(total / size + floor))

        present = {e * len(self.keys) + self.keys[t.key] for e, t in model.terms if t.key in self.keys}
        absent = ~np.isin(self.label, list(present))
        room = model.counts() < MOST
        logarithm = np.log(problem.n)

        def gains(kept: np.ndarray, gradient: np.ndarray, gradients: np.ndarray):
            """What each column gains beside the kept parameters, its coefficient, and what those gain."""
            B = cross[kept]
            solved = np.linalg.solve(inside[np.ix_(kept, kept)] + RIDGE * np.eye(len(kept)), np.c_[B, gradient[kept]])
            score = gradients - B.T @ solved[:, -1]
            rest = own - np.einsum("ij,ij->j", B, solved[:, :-1])
            new = rest > NOVELTY
            rest = np.where(new, rest, 1.0)
            return np.where(new, score**2 / rest, 0.0), np.where(new, score / rest, 0.0), float(gradient[kept] @ solved[:, -1])

        found: list[Move] = []
        try:
            gain, coefficient, base = gains(np.arange(p), g[:p], g[p:])
            scores = np.where(
                absent & room[self.equation], change(total - base - gain) - change(total - base) + self.cost, np.inf
            )
            for c in self._distinct(scores, ADDITIONS):
                found.append(Move(float(scores[c]), None, self._added(c, coefficient[c] * unit[p + c])))
            removals, exchanges = [], []
            for k in range(K):
                kept = np.array([i for i in range(p) if i != k and (i < K or model.places[i - K, 0] != k)], dtype=int)
                shift = model.theta[k] / unit[k]
                gradient, gradients = g[:p] + inside[:, k] * shift, g[p:] + cross[k] * shift
                gain, coefficient, base = gains(kept, gradient, gradients)
                without = max(total + 2 * shift * g[k] + shift**2 * inside[k, k] - base, 1e-12)
                term = model.terms[k][1]
                saved = logarithm * (1 + len(term.constants)) + 2 * term.cost
                removals.append(Move(float(change(without)) - saved, k, None))
                free = room[self.equation] | (self.equation == model.terms[k][0])
                scores = np.where(absent & free, change(without - gain) - saved + self.cost, np.inf)
                for c in self._distinct(scores, EACH):
                    exchanges.append(Move(float(scores[c]), k, self._added(c, coefficient[c] * unit[p + c])))
        except np.linalg.LinAlgError:
            return found
        found += sorted(removals, key=_by_change)[:REMOVALS] + sorted(exchanges, key=_by_change)[:EXCHANGES]
        return sorted(found, key=_by_change)

    def _added(self, column: int, coefficient: float) -> tuple[int, CandidateTerm, float]:
        e, l = divmod(int(column), len(self.terms))
        return e, self.terms[l], float(coefficient)

    def _distinct(self, scores: np.ndarray, count: int) -> Iterator[int]:
        """Columns with the least scores, one of each key."""
        seen: set[int] = set()
        some = min(len(scores), 20 * count)
        for c in sorted(np.argpartition(scores, some - 1)[:some], key=lambda i: scores[i]):
            if len(seen) == count or not np.isfinite(scores[c]):
                return
            if self.label[c] not in seen:
                seen.add(self.label[c])
                yield int(c)


def _by_change(move: Move) -> float:
    return move.change
