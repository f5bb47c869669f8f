"""Equations of second and higher order: first-order systems with derivatives for states."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.models.text import model_text

t, c = sp.symbols("t c")
x, y = sp.Function("x"), sp.Function("y")
X, V = sp.symbols("x x_dot")
OSCILLATOR = sp.Eq(x(t).diff(t, 2), -x(t) - c * x(t).diff(t))
TIGHT = {"rtol": 1e-10, "atol": 1e-12, "progress": False}


def test_both_ways_give_one_system():
    system = sd.ODESystem([OSCILLATOR], {c: 0.2}, initial={x(t): 0, x(t).diff(t): 1})
    assert system.states == (X, V)
    assert system.drift == (V, -X - c * V)
    assert system == sd.ODESystem.from_text("x'' = -x - c*x'; x(0) = 0; x'(0) = 1; c = 0.2")
    assert system == sd.ODESystem([OSCILLATOR], {c: 0.2}, initial={"x": 0, "x_dot": 1})
    assert system == sd.ODESystem([OSCILLATOR], {c: 0.2}, initial={x(0): 0, x(t).diff(t).subs(t, 0): 1})
    assert system == sd.ODESystem([OSCILLATOR], {c: 0.2}, initial={"x": 0, "x'": 1})
    assert sd.ODESystem.from_text(model_text(system)) == system


def test_the_damped_oscillator():
    system = sd.ODESystem([OSCILLATOR], {c: 0.2})
    times = np.linspace(0, 10, 21)
    data = sd.simulate(system, times, initial={x(t): 0, x(t).diff(t): 1}, **TIGHT)
    w = np.sqrt(1 - 0.01)
    np.testing.assert_allclose(data.x, np.exp(-0.1 * times) * np.sin(w * times) / w, atol=1e-8)


def test_third_order_and_several_functions():
    # x''' = -x' with x(0) = 0, x'(0) = 1, x''(0) = 0 is the sine
    system = sd.ODESystem.from_text("x''' = -x'; y' = x''; x(0) = 0; x'(0) = 1; x''(0) = 0; y(0) = 1")
    assert system.names == ("x", "x_dot", "x_dot2", "y")
    data = sd.simulate(system, [0, 1, 2], **TIGHT)
    np.testing.assert_allclose(data.x, np.sin([0, 1, 2]), atol=1e-8)
    np.testing.assert_allclose(data.y, np.cos([0, 1, 2]), atol=1e-8)
    same = sd.ODESystem(
        [sp.Eq(x(t).diff(t, 3), -x(t).diff(t)), sp.Eq(y(t).diff(t), x(t).diff(t, 2))],
        initial={x(t): 0, x(t).diff(t): 1, x(t).diff(t, 2): 0, y(t): 1},
    )
    assert same == system


def test_a_derivative_that_another_equation_gives_is_put_in():
    coupled = [sp.Eq(x(t).diff(t, 2) + c * y(t).diff(t), -x(t)), sp.Eq(y(t).diff(t), x(t).diff(t))]
    assert sd.ODESystem(coupled) == sd.ODESystem([sp.Eq(y(t).diff(t), x(t).diff(t)), OSCILLATOR])
    both = [sp.Eq(x(t).diff(t) + y(t).diff(t), c * x(t)), sp.Eq(y(t).diff(t), x(t) * y(t))]
    assert sd.ODESystem(both) == sd.ODESystem.from_text("y' = x*y; x' = c*x - x*y")


def test_derivatives_that_grow_without_measure_where_they_are_put_in_are_refused_by_name():
    chain = [sp.Function(f"x{k}")(t).diff(t) for k in range(25)]
    rows = [sp.Eq(d, rate * (1 + rate)) for d, rate in zip(chain, [*chain[1:], x(t)], strict=True)]
    with pytest.raises(sd.DeclarationError, match=r"the derivative x\d+' has"):
        sd.ODESystem([*rows, sp.Eq(x(t).diff(t), 1)])


def test_initial_velocities_follow_parameters():
    system = sd.ODESystem.from_text("x'' = -x; x(0) = 0; x'(0) = 2*k; k = 1")
    data = sd.simulate(system, [0, 1], parameters={"k": [1, 3]}, **TIGHT)
    np.testing.assert_allclose(data.x.isel(time=1), np.sin(1) * np.array([2, 6]), atol=1e-8)


def test_observables_and_noise():
    system = sd.ODESystem([OSCILLATOR], observables={"energy": x(t) ** 2 / 2 + x(t).diff(t) ** 2 / 2})
    assert system.observables[sp.Symbol("energy")] == X**2 / 2 + V**2 / 2
    assert sd.ODESystem.from_text("x'' = -x; energy := x^2/2 + x'^2/2").observables == system.observables
    noisy = sd.SDESystem.from_text("x'' = -x - c*x' + s*dW; c = 1; s = 0.3")
    assert noisy.drift == (V, -X - c * V)
    assert list(noisy.diffusion) == [0, sp.Symbol("s")]
    unknown = sd.ODESystem([sp.Eq(x(t).diff(t, 2), sp.Function("f")(x(t), x(t).diff(t)))])
    assert unknown.unknowns == (sp.Function("f")(X, V),)


@pytest.mark.parametrize(
    ("equations", "message"),
    [
        ([sp.Eq(x(t).diff(t, 2), -V)], r"makes a state x_dot, its derivative, and something else is called x_dot"),
        ([OSCILLATOR, sp.Eq(sp.Function("x_dot")(t).diff(t), 1)], "something else is called x_dot"),
        ([sp.Eq(x(t).diff(t, 2), x(t).diff(t, 2) * c)], "which is no state; solve the equations for the highest"),
        ([sp.Eq(x(t).diff(t), -x(t).diff(t))], "which is no state; solve"),
        ([OSCILLATOR, sp.Eq(x(t).diff(t), 1)], "two equations"),
        ([sp.Eq(x(t) ** 2 + x(t).diff(t) ** 2, 1)], r"is not linear in Derivative\(x\(t\), t\)"),
        ([sp.Eq(x(t).diff(t), 1), sp.Eq(x(t) + V, 1)], r"expected Eq\(Derivative\(x\(t\), t\).*goes to algebraic="),
        ([sp.Eq(x(t).diff(t) + sp.Function("y")(t).diff(t), k) for k in (1, 2)], r"does not determine Derivative\(x\(t\), t\)"),
        ([sp.Eq((sp.cos(x(t)) ** 2 + sp.sin(x(t)) ** 2 - 1) * x(t).diff(t), 1)], r"does not determine Derivative\(x\(t\), t\)"),
        ([sp.Eq(x(t).diff(t, 2), -x(t - 1).diff(t, 2))], "which is no state; solve|contains a derivative"),
    ],
)
def test_refused_equations(equations, message):
    with pytest.raises(sd.DeclarationError, match=message):
        sd.ODESystem(equations)


def test_equations_that_are_linear_in_derivatives_are_solved_for_them():
    y = sp.Function("y")
    damped = sd.ODESystem([sp.Eq(2 * x(t).diff(t, 2) + c * x(t).diff(t) + x(t), 0)])
    assert str(damped) == "x' = x_dot\nx_dot' = -c*x_dot/2 - x/2"
    assert sd.ODESystem(sp.Eq(0, x(t).diff(t) + x(t - 1)), history={"x": 1}).drift == (-x(t - 1),)
    turned = [sp.Eq(x(t) * x(t).diff(t) + y(t).diff(t), 1), sp.Eq(2 * x(t).diff(t), y(t))]
    at = dict.fromkeys(sd.ODESystem(turned).states, 0)
    assert [f.subs(at) for f in sd.ODESystem(turned).drift] == [0, 1]  # where the first pivot is 0
    coupled = sd.ODESystem([sp.Eq(2 * x(t).diff(t) + y(t).diff(t), x(t)), sp.Eq(x(t).diff(t) - y(t).diff(t), y(t))])
    a, b = coupled.states
    assert [sp.expand(f - g) for f, g in zip(coupled.drift, ((a + b) / 3, (a - 2 * b) / 3), strict=True)] == [0, 0]


def test_a_derivative_at_another_time_in_an_equation_of_second_order():
    """x'' = -x'(t - 1) from x = t: x' = 1 - t up to 1, then x' = (t - 1)^2/2 - t + 1 up to 2."""
    system = sd.ODESystem([sp.Eq(x(t).diff(t, 2), -x(t - 1).diff(t))], history={"x": t}, initial={"x_dot": 1})
    data = sd.simulate(system, [0, 1, 2], method="tsit5", rtol=1e-9, atol=1e-12, progress=False)
    np.testing.assert_allclose(data.x_dot, [1, 0, -1 / 2], atol=1e-9)
    np.testing.assert_allclose(data.x, [0, 1 / 2, 1 / 2 - 1 / 2 + 1 / 6], atol=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x'' = -x_dot", "x_dot is the derivative x' here; write x', or rename it"),
        ("x'' = -x; x_dot = 3", "x_dot is a derivative, a state that an equation of higher order brings in"),
        ("x'' = -x; x_dot' = 3", "x_dot is a derivative"),
        ("x'' = -x''", "x'' is no state, as x has an equation of order 2"),
        ("x' = -x'", "a derivative stands on the left side only"),
        ("x' = -x; x'(0) = 1", "a derivative has an initial value where an equation is of higher order"),
        ("x'' = -x; x'(0) = 1; x_dot(0) = 2", "x_dot has two initial values"),
        ("x'' = -x; x' = 1", "x has two equations"),
        ("x" + 11 * "'" + " = 1", "a derivative of order 11; the highest is 10"),
        ("x_'' = 1", "the derivatives of x_ are states x__dot"),
        (f"{'x' * 98}'' = 1", "which are no names"),
    ],
)
def test_refused_texts(text, message):
    with pytest.raises(sd.ParseError, match=message):
        sd.ODESystem.from_text(text)


def test_kinds_without_derivatives():
    with pytest.raises(sd.DeclarationError, match="second derivative by time, and a map has steps"):
        sd.DiscreteSystem.from_text("x'' = -x")
    with pytest.raises(sd.DeclarationError, match="second derivative by time, and fields"):
        sd.PDESystem.from_text("u'' = laplacian(u)", domain=(0, 1))
    with pytest.raises(sd.ParseError, match="numbers of molecules have no derivatives"):
        sd.ReactionNetwork.from_text("X -> 0, k; X'(0) = 1")
