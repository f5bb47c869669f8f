"""The prior of terms: what each costs in every search, and what changes where terms are taken to come again."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import sympy as sp

import symdyn as sd
from symdyn.discover.options import RecoverOptions
from symdyn.inference.criterion import criterion
from symdyn.inference.parameters import LibraryTerm
from symdyn.inference.selection import SelectedModel, Selection

x, y, X = sp.symbols("x y X")
f, g = sp.symbols("f g", cls=sp.Function)
TIMES = np.linspace(0, 2, 21)


def decay():
    data = {"t": TIMES, "x": np.exp(-TIMES) + 0.01 * np.random.RandomState(0).randn(21)}
    return sd.ODESystem({x: f(x)}), data, [x, x**2], [x, x**2, x**3, 1], {"noise": {x: 0.01}}


def growth():
    data = {"t": np.arange(15.0), "x": 1.2 ** np.arange(15.0) + 0.01 * np.random.RandomState(0).randn(15)}
    return sd.DiscreteSystem({x: f(x)}), data, [x, x**2], [x, x**2, x**3, 1], {"noise": {x: 0.01}}


def wandering():
    data = {"t": np.arange(400) / 10, "x": 5 * np.arange(400) / 10 + np.cumsum(0.3 * np.random.RandomState(0).randn(400))}
    return sd.SDESystem({x: f(x)}, {x: 1.0}), data, [1, x], [1, x, x**2, x**3], {}


def arrivals():
    times = np.concatenate([[0.0], np.cumsum(np.random.RandomState(0).exponential(0.2, 200))])
    data = pd.DataFrame({"time": times, "X": np.arange(201)})
    return sd.ReactionNetwork([({}, {X: 1}, f(X))], initial={X: 0}), data, [1, X], [1, X, X**2, X**3], {}


@pytest.mark.parametrize("made", [decay, growth, wandering, arrivals])
def test_a_term_costs_twice_the_logarithm_of_the_library(made):
    # the same model among 4 terms instead of 2: 2 log 4 - 2 log 2 for its term
    system, data, few, many, options = made()
    small, large = (
        sd.recover(
            system, data, library=library, surrogate=None, regressor=None, progress=False, options=RecoverOptions(**options)
        ).table
        for library in (few, many)
    )  # fmt: skip
    assert large["terms"][0] == small["terms"][0]
    assert large["bic"][0] - small["bic"][0] == pytest.approx(2 * np.log(2), abs=1e-3)


def test_a_term_that_comes_again_costs_less_by_hand():
    options = {"library": 24, "floor": 0.0, "terms": 2}
    once, again = (criterion(5.0, 50, 2, 3, repeats=m, places=2, **options) for m in (0, 1))
    assert once == pytest.approx(48 * np.log(5 / 48) + 48 / 43 * 3 * np.log(48) + 4 * np.log(24))
    assert once - again == pytest.approx(2 * np.log(24 / 4))


def exchange():
    """x' = -x y, y' = x y with noise."""
    system = sd.ODESystem({x: -x * y, y: x * y})
    random = np.random.RandomState(0)
    run = sd.simulate(system, np.linspace(0, 3, 16), initial={x: 1.0, y: 0.2}, rtol=1e-10, progress=False)
    return {"t": run.time.values} | {s: run[s].values + 0.005 * random.randn(16) for s in ("x", "y")}


def test_it_is_off_unless_asked_for():
    unknown, data, library = sd.ODESystem({x: -f(x, y), y: g(x, y)}), exchange(), [x, y, x * y, x**2]
    without, given = (
        sd.recover(unknown, data, library=library, surrogate=None, progress=False, options=RecoverOptions(repeats=r)).table
        for r in (False, True)
    )  # fmt: skip
    both = {frame["terms"][i]: frame["bic"][i] for frame in (without,) for i in frame.index}
    (name,) = {t for t in both if t.count("x*y") == 2 and t.count("*") == 4}
    saved = 2 * np.log(8 / 4)  # of eight terms, with two unknown functions
    assert both[name] - given.set_index("terms")["bic"][name] == pytest.approx(saved, abs=0.2)


def test_it_is_refused_where_there_is_one_unknown_function():
    system, data, library, _, options = decay()
    with pytest.raises(sd.RecoveryError, match="repeats has no effect where terms are sought for one unknown function alone"):
        sd.recover(
            system, data, library=library, surrogate=None, progress=False, options=RecoverOptions(repeats=True, **options)
        )


def test_a_note_says_where_it_decides():
    # g = y**2 follows these data a little better than the right x*y, which f holds as well
    rng, start = np.random.RandomState(3), {x: 0.44249296, y: 4.6280594}
    truth = sd.ODESystem({x: 1.3 * x - 0.9 * x * y, y: 0.8 * x * y - 1.8 * y}, initial=start)
    run = sd.simulate(truth, np.linspace(0, 3, 31), rtol=1e-10, progress=False)
    exact = np.stack([run.x, run.y], axis=1)
    values = exact + 0.05 * exact.mean(axis=0) * rng.randn(31, 2)
    hidden, found = sd.ODESystem({x: 1.3 * x + f(x, y), y: -1.8 * y + g(x, y)}), {}
    for repeats in (False, True):
        found[repeats] = sd.recover(
            hidden, {"t": run.time.values, "x": values[:, 0], "y": values[:, 1]}, library=[x, y, x**2, x * y, y**2],
            surrogate=None, progress=False, options=RecoverOptions(repeats=repeats),
        )  # fmt: skip
    firsts = {repeats: [sp.Poly(term, x, y).monoms() for term in r.terms.values()] for repeats, r in found.items()}
    assert firsts[True] == [[(1, 1)], [(1, 1)]]
    assert firsts[False] != firsts[True]
    for repeats, r in found.items():
        (note,) = r.warnings
        assert f"with RecoverOptions(repeats={not repeats}) the first is" in note
        assert "ahead by" in note


def test_a_note_on_repeats_takes_the_price_of_a_textbook_into_account(monkeypatch):
    """Of x' = a x, y' = b x, a textbook's, and x' = a x**2, one term: that x comes again changes the price of neither."""
    terms = [LibraryTerm(u, shape) for u in (f(x), g(x)) for shape in (x, x**2, x**3)]
    search = object.__new__(Selection)
    search.repeats, search._places, search.candidates = False, 2, SimpleNamespace(terms=terms)
    search._textbook = np.array([[2, 0, 0, 2, 0, 0]] * 3)
    search._shapes = np.array([0, 1, 2] * 2)
    rows = np.array([[0, 1, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0]], dtype=bool)
    models = [SelectedModel(row, row * 1.0, np.zeros((1, 1)), np.ones(1), 0.3 * k) for k, row in enumerate(rows)]
    monkeypatch.setattr(search, "ranked", lambda: models, raising=False)
    assert search.prior(rows[1]) == search.prior(rows[1], repeats=True) == pytest.approx(2 * np.log(3))
    assert search.effect_of_prior(str) == ()
