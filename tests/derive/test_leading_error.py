"""The leading error of one step, against the expansion by hand, simulated integrals and schemes themselves."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.derive.leading_error import _covariance
from symdyn.errors import DeclarationError

x, y, a, s, t, g = sp.symbols("x y a s t g")


def by_power(system, order):
    return {e.power: [sp.factor(q) for q in e.squares] for e in sd.derive.local_error(system, order)}


def test_euler_maruyama_on_multiplicative_and_additive_noise():
    growth = by_power(sd.SDESystem({x: a * x}, {x: s * x}), 0.5)
    assert growth[1] == [s**4 * x**2 / 2]  # s^2 x I_11
    # a s x (I_10 + I_01), of variance h^3 (1/3 + 1/3 + 2/6)
    assert growth[sp.Rational(3, 2)] == [a**2 * s**2 * x**2]
    assert growth[2] == [a**4 * x**2 / 4]  # the mean a^2 x h^2/2
    additive = by_power(sd.SDESystem({x: -(x**3)}, {x: s}), 0.5)
    assert list(additive) == [sp.Rational(3, 2), 2]
    assert sp.expand(additive[sp.Rational(3, 2)][0] - (3 * x**2 * s) ** 2 / 3) == 0


def test_additive_noise_of_order_three_halves():
    # h^2 f'' g^2 I_110 with Var I_110 = h^4/12, and h^3 L0 L0 f / 6
    f = sp.sin(x)
    found = by_power(sd.SDESystem({x: f}, {x: g}), 1.5)
    assert sp.simplify(found[2][0] - (f.diff(x, 2) * g**2) ** 2 / 12) == 0
    once = f * f.diff(x) + g**2 * f.diff(x, 2) / 2
    twice = f * once.diff(x) + g**2 * once.diff(x, 2) / 2
    assert sp.simplify(found[3][0] - (twice / 6) ** 2) == 0
    assert list(found) == [2, sp.Rational(5, 2), 3]


def test_linear_drift_leaves_nothing_of_the_second_order():
    found = by_power(sd.SDESystem({x: -a * x}, {x: s}), 1.5)
    assert found[sp.Rational(5, 2)] == [a**4 * s**2 / 20]  # a^2 s I_100, Var = h^5/20
    assert sp.Integer(2) not in found
    assert sd.derive.local_error(sd.SDESystem({x: 0}, {x: 1}), 1.5) == ()


def test_stratonovich_equations_are_converted():
    declared = sd.SDESystem({x: a * x}, {x: s * x}, interpretation="stratonovich")
    assert by_power(declared, 1) == by_power(declared.ito(), 1)


@pytest.mark.parametrize(
    "words", [((1, 0), (0, 1)), ((1, 1), (1, 1)), ((1, 2, 0), (1, 2, 0)), ((0, 1, 0), (1, 0, 0)), ((1, 2), (2, 1))]
)
def test_covariances_of_iterated_integrals(words):
    """Against sums over simulated paths."""
    rng, n, count = np.random.default_rng(0), 200, 20000
    dw = {j: rng.normal(0, np.sqrt(1 / n), (count, n)) for j in (1, 2)} | {0: np.full((count, n), 1 / n)}

    def integral(word):
        value = np.ones((count, n))
        for j in word:
            value = np.concatenate([np.zeros((count, 1)), np.cumsum(value * dw[j], axis=1)], axis=1)[:, :-1]
        return value[:, -1]

    product = integral(words[0]) * integral(words[1])
    exact = float(_covariance(*words))
    assert abs(product.mean() - exact) < 4.5 * product.std() / np.sqrt(count) + 0.03 * abs(exact)  # sums of 200 terms


@pytest.mark.parametrize(
    ("system", "order", "message"),
    [
        (sd.SDESystem({x: -x}, {x: s}), 4, "strong_order is 4; expected 0.5, 1, 1.5, 2, 2.5 or 3"),
        (sd.ODESystem({x: -x}), 1, "takes systems of rates of change and Wiener noise"),
    ],
)
def test_what_makes_no_sense_is_refused(system, order, message):
    with pytest.raises(DeclarationError, match=message):
        sd.derive.local_error(system, order)


def test_many_noises_are_refused_before_they_take_long():
    states = sp.symbols("u0:8")
    crowd = sd.SDESystem({u: -u for u in states}, {u: [sp.sin(states[0]) * k for k in range(8)] for u in states})
    with pytest.raises(DeclarationError, match="terms, which take too long"):
        sd.derive.local_error(crowd, 1)


def test_long_rates_are_refused_before_they_take_long():
    states = sp.symbols("u0:7")
    rates = {u: sp.exp(-(sum(states) ** 2)) * u / (1 + u**2) for u in states}
    tangle = sd.SDESystem(rates, dict.fromkeys(states, 1), initial=dict.fromkeys(states, 0))
    with pytest.raises(DeclarationError, match="more than 60000 operations, which take too long"):
        sd.derive.local_error(tangle, 1.5)
