"""The search for terms that diffusions and networks share, on linear regressions, where every subset can be looked at."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.inference.budget import LEVELS, Budget
from symdyn.inference.criterion import price
from symdyn.inference.parameters import LibraryTerm
from symdyn.inference.scoring import Score, ScoredFit
from symdyn.inference.term_search import FittedTerms, TermSearch, Trial, doubts, searched

x = sp.Symbol("x")
f, g = sp.symbols("f g", cls=sp.Function)
TERMS = [LibraryTerm(f(x), x**k) for k in range(5)]


class Line:
    """Independent normal data of unit variance about a sum of columns."""

    def __init__(self, columns, data):
        self.columns, self.data = columns, data

    def value(self, theta):
        return self.score(theta).value

    def score(self, theta):
        left = self.data - self.columns @ theta
        each = self.columns * left[:, None]
        return Score(-0.5 * float(left @ left), each.sum(axis=0), self.columns.T @ self.columns, each.T @ each)


class Regression(TermSearch[FittedTerms]):
    """Terms of a regression on columns (N, K); models with all of the terms `bad` have a defect."""

    def __init__(self, columns, data, *, bad=(), largest=12, seconds=None, necessary=()):
        super().__init__(TERMS, "", largest=largest, necessary=necessary, budget=Budget(seconds))
        self.columns, self.data, self.bad = columns, data, bad

    def trial(self, chosen, near):
        count = int(chosen.sum())
        limits = (np.full(count, -np.inf), np.full(count, np.inf))
        cost = price([(count, len(self.data))], terms=count, library=len(chosen))
        names = [f"c{k}" for k in np.flatnonzero(chosen)]
        return Trial(Line(self.columns[:, chosen], self.data), names, [np.zeros(count)], lambda u: limits, [], cost)

    def model(self, chosen, trial, fit):
        defects = doubts(fit, trial.names)
        if self.bad and chosen[list(self.bad)].all():
            defects.append("it is bad")
        return FittedTerms(chosen, fit, -2 * fit.score.value + trial.price, tuple(defects))

    def written(self, model):
        return str(sp.Add(*(TERMS[k].shape for k in np.flatnonzero(model.chosen))))

    def begin(self, report):
        self.fit(np.eye(len(self.terms), dtype=bool)[0])


@pytest.fixture
def regression():
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(200, 5))
    return columns, columns @ [0.0, 0.6, 0.0, -0.6, 0.0] + rng.normal(size=200)


def ended(search):
    notes = searched(search, lambda stage, fraction: None)
    return search, notes


def names(model):
    return set(np.flatnonzero(model.chosen).tolist())


def test_the_best_of_all_subsets_is_found(regression):
    columns, data = regression

    def by_hand(subset):
        part = columns[:, list(subset)]
        left = data - part @ np.linalg.lstsq(part, data, rcond=None)[0]
        return left @ left + len(subset) * np.log(200) + 2 * len(subset) * np.log(5)

    subsets = [s for k in range(6) for s in itertools.combinations(range(5), k)]
    search, notes = ended(Regression(*regression))
    first = search.ranked()[0]
    assert names(first) == set(min(subsets, key=by_hand)) == {1, 3}
    assert first.criterion == pytest.approx(by_hand((1, 3)))
    assert search.complete
    assert not notes


def test_a_model_with_a_defect_is_last_and_is_named(regression):
    search, notes = ended(Regression(*regression, bad=(1, 3)))
    ranked = search.ranked()
    assert not ranked[0].defects
    assert all(m.criterion == np.inf for m in ranked if m.defects)
    assert len(notes) == 1
    assert notes[0].startswith("ranked last in spite of a better criterion, for a defect: x**3 + x (it is bad)")


def test_where_every_model_has_a_defect_that_is_said(regression):
    columns, data = regression
    search = Regression(columns[:, [0, 0, 0, 0, 0]] * 0.0, data, necessary=(f(x),))
    _, notes = ended(search)
    assert notes == ["every model that was fitted has a defect; of the first, the data do not determine its constants c0"]
    assert np.isfinite(search.ranked()[0].criterion)


def test_the_largest_number_of_terms_is_kept_everywhere(regression):
    search, _ = ended(Regression(*regression, largest=1))
    assert {len(names(m)) for m in search.ranked()} == {0, 1}
    with pytest.raises(sd.RecoveryError, match=r"largest is 0, but f\(x\) need a term each; expected 1 or more"):
        Regression(*regression, largest=0, necessary=(f(x),))


def test_a_longer_budget_searches_further(regression):
    plain, _ = ended(Regression(*regression))
    wide, notes = ended(Regression(*regression, seconds=1e6))
    assert (plain.level, wide.level) == (0, LEVELS)
    assert len(wide.visited) > len(plain.visited)
    assert not notes
    cut, notes = ended(Regression(*regression, seconds=0.0))
    assert notes[0] == "the search ended at its budget of time, after 1 models"
    assert notes[1].endswith("its fit did not converge")
    assert not cut.complete
    assert len(cut.ranked()) == 1


def test_neighbours_have_one_term_more_or_less_or_another(regression):
    search = Regression(*regression, largest=2)
    chosen = np.array([True, False, False, True, False])
    near = {tuple(np.flatnonzero(m)) for m in search.neighbours(chosen)}
    assert near == {(0,), (3,), (1, 3), (2, 3), (3, 4), (0, 1), (0, 2), (0, 4)}  # a third term is one too many
    assert len(list(Regression(*regression).neighbours(chosen))) == 5 + 6


def test_constants_that_are_not_finite_are_a_defect():
    score = Score(0.0, np.zeros(2), np.eye(2), np.eye(2))
    for theta, defects in (([1.0, 2.0], []), ([1.0, np.nan], ["its constants or their errors are not finite"])):
        assert doubts(ScoredFit(np.array(theta), score, True, False), ["a", "b"]) == defects
    assert doubts(ScoredFit(np.ones(2), score, False, True), ["a", "b"]) == ["its fit was given up, far from the best"]
    listed = doubts(ScoredFit(np.ones(2), score, True, False), ["a", "b"], np.array([False, True]))
    assert listed == ["the data do not determine its constants b"]
