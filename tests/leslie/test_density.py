"""Density dependence: factors, where they act, and what populations then come to."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

n1, n2, N, b, K = sp.symbols("n1 n2 N b K")


def test_factors_are_those_of_their_papers():
    point = {N: 3, b: sp.Rational(1, 2)}
    assert sd.leslie.beverton_holt(N, b).subs(point) == sp.Rational(2, 5)
    assert sd.leslie.ricker(N, b).subs(point) == sp.exp(sp.Rational(-3, 2))
    assert sd.leslie.hassell(N, b, 2).subs(point) == sp.Rational(4, 25)
    assert sd.leslie.usher(N, b, 1).subs(point) == 1 / (1 + sp.exp(sp.Rational(1, 2)))
    assert sd.leslie.logistic(N, 2).subs(point) == 0
    assert sd.leslie.logistic(N, 4).subs(point) == sp.Rational(1, 4)


def test_beverton_holt_is_the_logistic_equation_over_one_step():
    r, k = 0.8, 500.0
    step = sd.leslie.leslie_gower([np.exp(r)], [[(np.exp(r) - 1) / k]], initial=[2])
    t = np.arange(26)
    exact = k / (1 + (k / 2 - 1) * np.exp(-r * t))
    assert sd.simulate(step, t, progress=False).N1.values == pytest.approx(exact, rel=1e-12)


def test_competitors_come_to_the_equilibrium_of_their_nullclines():
    growth, effects = np.array([2.0, 3.0]), np.array([[0.01, 0.004], [0.005, 0.02]])
    model = sd.leslie.leslie_gower(growth, effects, initial=[1, 1])
    rest = np.linalg.solve(effects, growth - 1)
    data = sd.simulate(model, range(300), progress=False)
    assert [data.N1.values[-1], data.N2.values[-1]] == pytest.approx(rest, rel=1e-9)
    found = sd.analysis.steady_states(model, positive=True)
    k = int(np.argmin(abs(found.N1.values - rest[0])))
    assert found.N2.values[k] == pytest.approx(rest[1])
    assert bool(found.stable[k])


@pytest.mark.parametrize(
    ("on", "matrix"),
    [
        ("fecundity", [[0, 4 / (1 + b * n2)], [0.5, 0.1]]),
        ("survival", [[0, 4], [0.5 / (1 + b * n2), 0.1 / (1 + b * n2)]]),
        ("all", [[0, 4 / (1 + b * n2)], [0.5 / (1 + b * n2), 0.1 / (1 + b * n2)]]),
        ([(1, 0)], [[0, 4], [0.5 / (1 + b * n2), 0.1]]),
    ],
)
def test_where_it_acts(on, matrix):
    base = sd.leslie.from_life_table([0, 4], [0.5, 0.1], initial=[1, 2])
    model = sd.leslie.density_dependent(base, sd.leslie.beverton_holt(n2, b), on=on, parameters={b: 0.01})
    assert sp.simplify(sp.Matrix(matrix) - model.matrix) == sp.zeros(2, 2)
    assert model.growth_factor == pytest.approx(float(base.growth_factor))  # at low density nothing has changed
    assert dict(model.initial) == dict(base.initial)
    assert model.defaults[b] == 0.01


def test_the_net_reproductive_rate_decides_about_the_crowded_equilibrium():
    """With Beverton-Holt fecundity R0 / (1 + b n2) = 1 at rest, for any life history."""
    base = sd.leslie.from_life_table([1, 4], [0.5, 0.2])
    model = sd.leslie.density_dependent(base, sd.leslie.beverton_holt(n2, b), parameters={b: 0.01})
    data = sd.simulate(model, [0, 400], initial={"n1": 1, "n2": 1}, progress=False)
    assert data.n2.values[-1] == pytest.approx((float(base.net_reproductive_rate) - 1) / 0.01, rel=1e-9)


def test_mistakes_are_named():
    base = sd.leslie.from_life_table([0, 4], [0.5])
    with pytest.raises(sd.DeclarationError, match="holds no state; the states: n1, n2"):
        sd.leslie.density_dependent(base, sd.leslie.ricker(N, b))
    with pytest.raises(sd.DeclarationError, match=r"on is 'fecundty'.*Did you mean 'fecundity'"):
        sd.leslie.density_dependent(base, sd.leslie.ricker(n1, b), on="fecundty")
    with pytest.raises(sd.DeclarationError, match="is no entry of a 2 x 2 matrix"):
        sd.leslie.density_dependent(base, sd.leslie.ricker(n1, b), on=[(2, 0)])
    with pytest.raises(sd.DeclarationError, match="the effects has 1 rows"):
        sd.leslie.leslie_gower([2, 3], [[0.1, 0.1]])
