"""Methods as maps, and the differential equations that maps follow."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

q, p, c, h, x, t = sp.symbols("q p c h x t")
SWING = sd.ODESystem({q: p, p: -sp.sin(q) - c * p}, {c: 0.2}, initial={q: 1, p: 0})


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("symplectic-euler", 1), ("leapfrog", 2), ("bs32", 3), ("rk4", 4)])
def test_the_modified_equation_begins_with_the_equation_and_differs_first_at_the_order_of_the_method(method, order):
    found = SWING.discretize(method).modified_equation(order=order)
    differences = [sp.expand(a - b) for a, b in zip(found.drift, SWING.drift, strict=True)]
    assert all(sp.simplify(d.coeff(h, k)) == 0 for d in differences for k in range(order))
    assert any(sp.simplify(d.coeff(h, order)) != 0 for d in differences)


def test_the_modified_equation_of_explicit_euler_steps_is_that_of_the_textbook():
    # Hairer, Lubich & Wanner, Geometric Numerical Integration, IX.1, example 1.1: y' = y^2
    found = sd.ODESystem({x: x**2}).discretize("euler").modified_equation(order=5).drift[0]
    series = (1, -1, sp.Rational(3, 2), sp.Rational(-8, 3), sp.Rational(31, 6), sp.Rational(-157, 15))
    assert sp.expand(found - sum(a * h**k * x ** (k + 2) for k, a in enumerate(series))) == 0


def test_the_modified_equation_of_linear_steps_is_a_logarithm():
    found = sd.ODESystem({x: -c * x}).discretize("rk4").modified_equation(order=6).drift[0]
    factor = sum((-c * h) ** k / sp.factorial(k) for k in range(5))
    assert sp.expand(found - x * sp.series(sp.log(factor) / h, h, 0, 7).removeO()) == 0


def test_time_is_the_number_of_steps_times_their_length():
    # the sum of -h*(n*h) over n steps is -t^2/2 + h*t/2
    steps = sd.ODESystem({x: -t}).discretize("euler")
    assert sp.expand(steps.modified_equation(order=3).drift[0] - (-t + h / 2)) == 0
    assert float(sd.simulate(steps, [0, 10], initial={x: 0}, parameters={h: 0.1}).x[-1]) == pytest.approx(-0.5 + 0.05)


def test_symplectic_steps_keep_what_they_should():
    oscillator = sd.ODESystem({q: p, p: -q})
    new = dict(zip(oscillator.states, oscillator.discretize("symplectic-euler").map, strict=True))
    energy = p**2 + q**2 - h * p * q
    assert sp.expand(energy.xreplace(new) - energy) == 0
    damped = SWING.discretize("leapfrog")
    area = sp.Matrix(damped.map).jacobian(damped.states).det()
    assert sp.simplify(area - sp.exp(-c * h)) == 0


def test_steps_are_those_of_the_integrator():
    flow = sd.ODESystem({q: p, p: -sp.sin(q) - c * p + sp.cos(t)}, {c: 0.2}, initial={q: 1, p: 0})
    run = sd.simulate(flow, np.linspace(0, 2, 21), method="rk4", step=0.1)
    steps = sd.simulate(flow.discretize("rk4"), range(21), parameters={h: 0.1})
    assert np.abs(run.q.values - steps.q.values).max() < 1e-14


def test_the_leapfrog_is_of_order_2_where_both_rates_contain_time():
    flow = sd.ODESystem({q: p * (1 + t), p: -q * (1 + t**2)})
    found = flow.discretize("leapfrog").modified_equation(order=2)
    for rate, true in zip(found.drift, flow.drift, strict=True):
        assert sp.expand(sp.series(rate - true, h, 0, 2).removeO()) == 0


def test_momenta_can_be_chosen():
    first = sd.ODESystem({q: p, p: -q}).discretize("symplectic-euler", momenta=["q"])
    new = dict(zip(first.states, first.map, strict=True))
    assert sp.expand(new[q] - (q + h * p)) == 0
    assert sp.expand(new[p] - (p - h * (q + h * p))) == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: SWING.discretize("rk5"), "Did you mean 'rk4'"),
        (lambda: SWING.discretize("rodas4"), "got the method 'rodas4'"),
        (lambda: SWING.discretize("euler", "c"), "the step is called c"),
        (lambda: SWING.discretize("euler", 2 * q), "the step is 2"),
        (lambda: SWING.discretize("euler", momenta=[p]), "euler has none"),
        (lambda: SWING.discretize("leapfrog", momenta=[q]), "other than by linear damping"),
        (lambda: sd.ODESystem({x: x**2}).discretize("leapfrog"), "other than by linear damping"),
        (lambda: sd.ODESystem({q: p, p: q, x: q + p}).discretize("leapfrog"), "does not split"),
        (lambda: sd.ODESystem({q: p, p: -q - 3 * p / t}).discretize("leapfrog"), "constant in time"),
        (lambda: SWING.discretize("dop853"), "more than 100000"),
        (lambda: SWING.discretize("euler").modified_equation("k"), "no parameter k"),
        (lambda: SWING.discretize("euler").modified_equation(order=-1), "order is -1"),
        (lambda: sd.DiscreteSystem({x: h * x}).modified_equation(), "in a step of length 0"),
        (lambda: sd.DiscreteSystem({x: x + sp.sqrt(h)}).modified_equation(), "no derivative 1"),
        (lambda: sd.DiscreteSystem({x: x + h * sp.Symbol("dW")}).modified_equation(), "random numbers"),
    ],
)
def test_what_has_no_such_map_or_flow_is_refused(wrong, message):
    with pytest.raises(sd.DeclarationError, match=message):
        wrong()


def test_coefficients_that_are_no_fractions_leave_no_rounding():
    """Of a method of order 5 the terms of h and h^2 are 0."""
    spring = sd.ODESystem({q: p, p: -q - c * p})
    assert spring.discretize("tsit5").modified_equation(order=2).drift == spring.drift
