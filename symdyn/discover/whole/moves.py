"""Changes of a model with the largest predicted gain, from one run with the sensitivities of the entire library.

Around a fit the residuals are linear in all coefficients, those of absent terms included.  What an addition gains follows
from a score test, what a removal costs from a Wald test, and an exchange from both, all in the same normal equations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from symdyn.discover.whole.fits import EquationFit, Fitter
from symdyn.discover.whole.terms import CandidateTerm, packed
from symdyn.inference.climb import score_tests

__all__ = ["Move", "Screen"]

#: Additions, removals and exchanges that are handed on, and exchanges looked at for each term.
ADDITIONS, REMOVALS, EXCHANGES, EACH = 5, 3, 6, 3
#: Most terms in an equation.
MOST = 7
#: Share of a column's square that must be its own.
NOVELTY = 1e-7


class Move(NamedTuple):
    """A change of a model: forecast of the change of the score, the term to be left out, and equation, term and coefficient."""

    change: float
    drop: int | None
    add: tuple[int, CandidateTerm, float] | None


class Screen:
    """A library to screen."""

    def __init__(self, fitter: Fitter, terms: Sequence[CandidateTerm]) -> None:
        self.fitter, self.terms = fitter, list(terms)
        d = fitter.problem.d
        self.table = packed(self.terms, d)
        # one column for each term in each equation, equation by equation
        self.price = np.tile([t.price(fitter.problem.n) for t in self.terms], d)
        self.keys = {key: k for k, key in enumerate(dict.fromkeys(t.key for t in self.terms))}
        self.label = np.concatenate([[e * len(self.keys) + self.keys[t.key] for t in self.terms] for e in range(d)])
        self.equation = np.repeat(np.arange(d), len(self.terms))

    def moves(self, fit: EquationFit) -> list[Move]:
        """The most promising moves, the best first."""
        screened = self.fitter.screen(fit, self.table)
        if screened is None:
            return []
        A, g, diagonal = screened.sums
        model, problem = fit.model, self.fitter.problem
        p, K = len(model.theta), model.K
        unit = 1 / np.sqrt(np.maximum(diagonal, 1e-30))
        A, g = A * unit[:p, None] * unit, g * unit
        inside, cross, own = A[:, :p], A[:, p:], (diagonal * unit**2)[p:]
        total, size = float(screened.rss.sum()), problem.seen.sum()

        def change(value: np.ndarray | float):
            return size * (np.log(np.maximum(value, 1e-12) / size + problem.floor) - np.log(total / size + problem.floor))

        present = {e * len(self.keys) + self.keys[t.key] for e, t in model.terms if t.key in self.keys}
        absent, room = ~np.isin(self.label, list(present)), model.counts() < MOST
        found: list[Move] = []
        try:
            gain, values, base = score_tests(inside, cross, own, g[:p], g[p:], NOVELTY)
            forecast = change(total - base - gain) - change(total - base) + self.price
            scores = np.where(absent & room[self.equation], forecast, np.inf)
            found += self._best(scores, ADDITIONS, None, values * unit[p:])
            removals: list[Move] = []
            exchanges: list[Move] = []
            for k, (equation, term) in enumerate(model.terms):
                kept = np.array([i for i in range(p) if i != k and (i < K or model.places[i - K, 0] != k)], dtype=int)
                shift = model.theta[k] / unit[k]
                after, afters = (g[:p] + inside[:, k] * shift)[kept], g[p:] + cross[k] * shift
                gain, values, base = score_tests(inside[np.ix_(kept, kept)], cross[kept], own, after, afters, NOVELTY)
                without = max(total + 2 * shift * g[k] + shift**2 * inside[k, k] - base, 1e-12)
                removals.append(Move(float(change(without)) - term.price(problem.n), k, None))
                free = absent & (room[self.equation] | (self.equation == equation))
                scores = np.where(free, change(without - gain) - term.price(problem.n) + self.price, np.inf)
                exchanges += self._best(scores, EACH, k, values * unit[p:])
        except np.linalg.LinAlgError:
            return found
        found += sorted(removals, key=_change)[:REMOVALS] + sorted(exchanges, key=_change)[:EXCHANGES]
        return sorted(found, key=_change)

    def _best(self, scores: np.ndarray, count: int, drop: int | None, coefficients: np.ndarray) -> Iterator[Move]:
        """Moves to columns with the least scores, one of each key."""
        seen: set[int] = set()
        some = min(len(scores), 20 * count)
        for c in sorted(np.argpartition(scores, some - 1)[:some], key=lambda i: scores[i]):
            if len(seen) == count or not np.isfinite(scores[c]):
                return
            if self.label[c] not in seen:
                seen.add(self.label[c])
                e, l = divmod(int(c), len(self.terms))
                yield Move(float(scores[c]), drop, (e, self.terms[l], float(coefficients[c])))


def _change(move: Move) -> float:
    return move.change
