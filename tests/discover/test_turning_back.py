"""What may come before an equation of first order: nothing that chance alone follows as well."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import minimize

import symdyn as sd
from symdyn.discover.turning_back import by_chance
from symdyn.inference.criterion import price
from symdyn.inference.data import observations

x = sp.Symbol("x")
TIMES = np.cumsum(np.random.default_rng(0).uniform(0.5, 1.5, 30))


def walk(seed):
    """Values of a walk at random, measured with an error, of both signs."""
    rng = np.random.default_rng(seed)
    return np.cumsum(np.sqrt(np.diff(TIMES, prepend=TIMES[0])) * rng.normal(size=30)) + 0.5 * rng.normal(size=30)


def least(values, jacobian=0.0):
    """Minus twice the largest log-likelihood of the first value and both deviations, by the covariance of all data."""
    shared = np.minimum.outer(TIMES, TIMES) - TIMES[0] + np.median(np.diff(TIMES))  # the first state is a usual step away

    def minus(theta):
        start, process, measured = theta[0], *(np.exp(2 * theta[1:]) + 1e-9)
        covariance, left = process * shared + measured * np.eye(30), values - start
        return 30 * np.log(2 * np.pi) + np.linalg.slogdet(covariance)[1] + left @ np.linalg.solve(covariance, left)

    begin = [values[0], np.log(np.diff(values).std()), np.log(0.5 * np.diff(values).std())]
    found = minimize(minus, begin, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-8, "maxiter": 5000})
    return found.fun + 2 * jacobian


@pytest.mark.parametrize("positive", [False, True])
def test_the_criterion_of_chance_is_that_of_a_walk_measured_with_errors(positive):
    values = walk(1)
    data = np.exp(values) if positive else values
    expected = least(values, values.sum()) if positive else least(values)
    seen = observations(sd.ODESystem({x: 0}), {"t": TIMES, "x": data})
    assert by_chance(seen) == pytest.approx(expected + price([(3, 30)], terms=0, library=1, data=30), abs=0.05)


def test_a_walk_of_logarithms_is_no_prey_with_a_hidden_predator():
    values = 100 * np.exp(np.cumsum(0.15 * np.random.default_rng(101).normal(size=40)))
    found = sd.recover(None, {"t": 0.5 * np.arange(40), "x": values}, progress=False)
    assert found.system.names == ("x",)
    assert found.warnings
