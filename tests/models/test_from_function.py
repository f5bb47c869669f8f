"""Right-hand sides that were written for numpy, as systems: the same numbers as the function itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError

A = np.array([[-1.0, 0.5, 0.0], [0.2, -0.3, 0.1], [0.0, 0.4, -0.7]])


def filled(t, y):
    rates = np.zeros_like(y)
    for i in range(len(y)):
        rates[i] = np.sin(t) * y[i] - y[i - 1] ** 2 / (1 + np.exp(-y[i]))
    return rates


@pytest.mark.parametrize("function", [
    lambda t, y: A @ y,
    lambda t, y: np.roll(y, 1) - 2 * y + np.roll(y, -1),
    lambda t, y: -y * np.array([1.0, 2.0, 3.0]) + np.float64(0.5) * y[::-1],
    lambda t, y: [np.maximum(y[0], y[1]), np.where(t < 1, y[2], -1), np.hypot(3, 4) - abs(y[2]) ** 1.5],
    lambda t, y: np.array([np.log1p(y[0] ** 2), np.sqrt(y[1] ** 2), np.sum(y) / np.log10(5 + y[2] ** 2)]),
    lambda t, y: np.arctan(y) + np.tanh(2 * y) + np.square(y) - np.expm1(y / 2),
    filled,
    lambda t, y: np.where(y > 0, np.maximum(y, 0.3), -1) * np.sign(y) + np.where(t < 1, y, [1, 2, 3]),
    lambda t, y: np.minimum(np.concatenate([y[1:], y[:1]]), np.sum(y)) + np.where(y[0] > 0, y, 0),
], ids=range(9))  # fmt: skip
def test_rates_are_those_of_the_function(function):
    system = sd.ODESystem.from_function(function, 3)
    found = sp.lambdify([system.time, system.states], system.drift, "numpy")
    for seed in range(3):
        t, y = seed / 2, np.random.default_rng(seed).normal(size=3)
        assert np.allclose(found(t, y), np.array(function(t, y), dtype=float), rtol=1e-13)


def test_arguments_are_parameters_and_options_those_of_the_class():
    system = sd.ODESystem.from_function(
        lambda t, z, r, K: r * z * (1 - z / K), "z", ["r", "K"], parameters={"r": 1, "K": 2}, initial=[1]
    )
    end = float(sd.simulate(system, [0, 2], rtol=1e-10, progress=False).z[-1])
    assert abs(end - 2 / (1 + math.exp(-2))) < 1e-8


@pytest.mark.parametrize(("function", "states", "message"), [
    (lambda t, y: [math.sin(y[0])], "x", "math's functions"),
    (lambda t, y: [1 if y[0] > 0 else 2], "x", r"branches on x > 0; give both branches, np\.where"),
    (lambda t, y: [y[0], y[0]], "x", "2 rates of change for the 1 states x"),
    (lambda t, y, a: a * y, "x", r"missing 1 required positional argument: 'a'; called as f\(t, y\)"),
    (lambda t, y: np.arctan2(y[0], 1), "x", "np.arctan2 has no formula here"),
    (lambda t, y: ["x"], "x", "the text 'x'"),
    (lambda t, y: -y, [], "names of its states"),
    (lambda t, y: -y, None, "names of its states"),
    (lambda t, y: -y, "x, x", "a name of its own"),
    (lambda y, t: -y, "x", r"the second argument of the function is t; expected f\(t, y\)"),
    (lambda s, time, k: -k * time, "x", "the second argument of the function is time"),
    (lambda t, y: [y, 1], "x v", r"\[x, v\]"),
    ("x", "x", "expected f"),
])  # fmt: skip
def test_what_cannot_be_followed_is_refused(function, states, message):
    with pytest.raises(DeclarationError, match=message):
        sd.ODESystem.from_function(function, states)


@pytest.mark.parametrize(("states", "args"), [("x", "x"), ("x", "t"), ("x", "k k"), ("t", "k")])
def test_a_name_stands_for_one_thing(states, args):
    with pytest.raises(DeclarationError, match="a name of its own for each"):
        sd.ODESystem.from_function(lambda t, y, *k: -sum(k) * y, states, args)


def test_a_number_of_states_may_be_numpys():
    assert sd.ODESystem.from_function(lambda t, y: -y, np.int64(2)).names == ("y0", "y1")


def test_an_array_of_numbers_is_named():
    def rates(t, y):
        found = np.zeros(1)
        found[0] = y[0]
        return found

    with pytest.raises(DeclarationError, match=r"np\.zeros_like\(y\)"):
        sd.ODESystem.from_function(rates, "x")
