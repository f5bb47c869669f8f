"""The search for terms that every kind of data shares, on a sum of squares that is exactly quadratic."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.inference.candidates import Candidates
from symdyn.inference.climb import Climb, Profiled
from symdyn.inference.parameters import LibraryTerm, free_columns
from symdyn.inference.selection import SelectedModel

x = sp.Symbol("x")
f = sp.Function("f")
ROWS, TERMS, NUISANCE = 60, 7, 2


class Linear(Climb[SelectedModel]):
    """Terms of a linear model beside two columns that every model has; they are eliminated."""

    def __init__(self, largest=4, seed=0):
        system = sd.ODESystem({x: f(x)})
        columns = free_columns(system, [LibraryTerm(f(x), x**k) for k in range(TERMS)])
        filled = system.with_terms(columns.expressions(), {})
        super().__init__(Candidates(system=filled, **vars(columns)), largest)
        rng = np.random.default_rng(seed)
        mixed = rng.normal(size=(ROWS, TERMS + NUISANCE)) @ (np.eye(TERMS + NUISANCE) + 0.3)
        self.terms, self.others = mixed[:, :TERMS] * 10.0 ** np.arange(-3, 4), mixed[:, TERMS:]
        self.target = self.terms[:, [1, 4]] @ [300.0, 0.5] + 0.3 * rng.normal(size=ROWS)
        self.fitted = 0

    def exact(self, chosen):
        """Least squares: coefficients (K,) of the terms, and the sum of squares."""
        design = np.concatenate([self.terms[:, chosen], self.others], axis=1)
        found = np.linalg.lstsq(design, self.target, rcond=None)[0]
        theta = np.zeros(TERMS)
        theta[chosen] = found[: chosen.sum()]
        return theta, float(np.square(self.target - design @ found).sum())

    def value(self, rss, chosen):
        return ROWS * np.log(rss) + 6 * chosen.sum()

    def visit(self, chosen):
        theta, rss = self.exact(chosen)
        self.fitted += 1
        return self.remember(SelectedModel(chosen, theta, np.zeros((1, 0)), np.array([rss]), self.value(rss, chosen)))

    def expansions(self, model):
        q = np.linalg.qr(self.others)[0]
        own, left = (a - q @ (q.T @ a) for a in (self.terms, self.target - self.terms @ model.theta))
        return [Profiled(model.theta, float(left @ left), own.T @ own, own.T @ left)]

    def fit_neighbours(self, moves):
        for _, move in moves:
            self.visit(move.chosen)


def with_terms(*which):
    return np.isin(np.arange(TERMS), which)


def test_forecasts_are_exact_where_the_sum_of_squares_is_quadratic():
    search = Linear()
    model = search.visit(with_terms(0, 4, 5))
    moves = list(search.neighbours(model.chosen, search.expansions(model)[0], width=TERMS))
    assert {tuple(np.flatnonzero(m.chosen)) for m in moves} == {
        tuple(sorted(s))
        for s in [*itertools.combinations((0, 4, 5), 2), *[(0, 4, 5, k) for k in (1, 2, 3, 6)]]
        + [(*pair, k) for pair in itertools.combinations((0, 4, 5), 2) for k in (1, 2, 3, 6)]
    }
    for move in moves:
        theta, rss = search.exact(move.chosen)
        assert move.forecast == pytest.approx(search.value(rss, move.chosen), abs=1e-6)
        assert move.kind == move.chosen.sum() - 3
        if move.kind < 1:
            np.testing.assert_allclose(model.theta + move.step, theta, rtol=1e-6, atol=1e-12)
        else:  # of the others the step is left to the fit
            (new,) = np.flatnonzero(move.step)
            assert move.step[new] == pytest.approx(theta[new], rel=1e-6)


def test_the_climb_ends_at_the_best_of_all_subsets_and_fits_few_of_them():
    search = Linear()
    search.visit(with_terms())
    search.climb(beam=2)
    every = [np.array(s) for s in itertools.product([False, True], repeat=TERMS) if sum(s) <= search.largest]
    best = min(every, key=lambda s: search.value(search.exact(s)[1], s))
    assert search.ranked()[0].chosen.tolist() == best.tolist() == with_terms(1, 4).tolist()
    assert search.fitted == len(search.visited) < len(every)


def test_no_model_has_more_terms_than_allowed_and_a_repeated_term_is_not_added():
    search = Linear(largest=1)
    search.visit(with_terms())
    search.climb(beam=10)
    assert {m.chosen.sum() for m in search.ranked()} == {0, 1}
    twice = Linear()
    twice.terms[:, 2] = 2 * twice.terms[:, 4]
    model = twice.visit(with_terms(4))
    added = [m.chosen for m in twice.neighbours(model.chosen, twice.expansions(model)[0]) if m.kind == 1]
    assert len(added) == TERMS - 2
    assert not any(c[2] for c in added)


def test_a_climb_ends_when_it_is_not_going():
    search = Linear()
    search.visit(with_terms())
    search.going = lambda: False
    search.climb()
    assert search.fitted == 1
