"""What terms cost, in numbers by hand and in both searches with likelihoods."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.inference.criterion import criterion, price

x, X, s = sp.symbols("x X s")
f = sp.Function("f")


def test_the_price_by_hand():
    assert price([(2, 100.0), (1, 10.0)], terms=2, library=10) == pytest.approx(2 * np.log(100) + np.log(10) + 4 * np.log(10))
    few = 50 / (50 - 3 - 2)
    assert price([(3, 50.0)], terms=3, library=8, data=50) == pytest.approx(few * 3 * np.log(50) + 6 * np.log(8))
    assert price([(3, 50.0)], terms=3, library=8, data=5) == np.inf
    # x**3 and a constant: the prior of the former is smaller by exp(-3)
    assert price([(2, 50.0)], terms=2, library=4, orders=3) == pytest.approx(2 * np.log(50) + 4 * np.log(4) + 2 * 3)
    # a term that comes again among two functions: one of 1/(2*2) instead of one of 8
    once = price([(3, 50.0)], terms=3, library=8)
    assert once - price([(3, 50.0)], terms=3, library=8, repeats=1, places=2) == pytest.approx(2 * np.log(8 / 4))


def test_sums_of_squares_pay_the_same_price():
    found = criterion(2.0, 60, 10, 3, terms=2, library=7, floor=0.0)
    assert found == pytest.approx(50 * np.log(2 / 50) + 50 / 45 * 3 * np.log(50) + 4 * np.log(7))


def path():
    rng, values = np.random.default_rng(3), [0.0]
    for e in rng.normal(size=600):
        values.append(0.8 * values[-1] + 0.3 * e)
    return sd.SDESystem({x: f(x)}, {x: s}), {"t": 0.2 * np.arange(601), "x": np.array(values)}, [x, x**3], x**2


def births():
    times = np.cumsum(np.random.default_rng(3).exponential(0.2, size=200))
    network = sd.ReactionNetwork([({}, {X: 1}, f(X))], initial={X: 0})
    return network, {"t": np.array([0.0, *times]), "X": np.arange(201)}, [sp.S.One, X], X**2


@pytest.mark.parametrize("case", [path, births])
def test_each_term_pays_for_the_library_that_it_is_chosen_from(case):
    system, data, library, further = case()
    prices = []
    for terms in (library, [*library, further]):
        table = sd.recover(system, data, library=terms, progress=False).table
        prices.append(table["bic"][0] + 2 * table["log_likelihood"][0])
    assert prices[1] - prices[0] == pytest.approx(2 * np.log(3 / 2))


@pytest.mark.parametrize("seed", [2, 29])
def test_of_terms_that_a_path_does_not_tell_apart_the_lower_order_is_taken(seed):
    # dx = -x dt + dW / 2, 600 steps: x**3 fits these paths slightly better than x
    keep, values = np.exp(-0.1), [0.0]
    for e in np.random.default_rng([101, seed]).normal(0, 0.5 * np.sqrt((1 - keep**2) / 2), 600):
        values.append(keep * values[-1] + e)
    data = {"t": 0.1 * np.arange(601), "x": np.array(values)}
    found = sd.recover(sd.SDESystem({x: f(x)}, {x: s}), data, progress=False)
    assert set(found.terms[f].as_coefficients_dict()) == {x}
    rival = max(found.table["log_likelihood"][found.table["parameters"] == 2])
    assert rival > found.table["log_likelihood"][0]
