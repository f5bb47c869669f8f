"""Gradients by reversed steps beside complex steps of the same map, and by adjoint systems beside them."""

import re

import numpy as np
import pytest
import sympy as sp
from sympy.core.cache import clear_cache

import symdyn as sd
from symdyn.errors import DeclarationError, SimulationError

PREY = sd.ODESystem.from_text("x' = a*x - b*x*y; y' = b*x*y - y/2; x(0) = 1; y(0) = 2; a = 0.5; b = 0.5")
POL = sd.ODESystem.from_text("x' = y; y' = mu*(1 - x^2)*y - x; x(0) = 2; y(0) = 0; mu = 3")
#: Derivatives of |y(10)|^2 of van der Pol's equation by mu, x(0) and y(0), by forward sensitivities of another program.
SLOPES = (1.40188922, 4.04303752, 0.45502591)


def in_numpy(method, a, b, x, y, h, n):
    """x(T)^2 + y(T) of the steps, also of complex numbers."""

    def f(v):
        return np.array([a * v[0] - b * v[0] * v[1], b * v[0] * v[1] - v[1] / 2])

    def increment(v, h):
        k1 = f(v)
        k2 = f(v + h / 2 * k1)
        k3 = f(v + h / 2 * k2)
        return h / 6 * (k1 + 2 * k2 + 2 * k3 + f(v + h * k3))

    u = v = np.array([x, y])
    for _ in range(n):
        if method == "reversible-heun":
            other = 2 * u - v + h * f(v)
            u, v = u + h / 2 * (f(v) + f(other)), other
        else:
            u = 0.99 * u + (1 - 0.99) * v + increment(v, h)
            v = v - increment(u, -h)
    return u[0] ** 2 + u[1]


@pytest.mark.parametrize("method", ["reversible-heun", "reversible-rk4"])
def test_gradients_are_complex_steps_of_the_same_steps(method):
    found = sd.gradient(PREY, "x^2 + y", [0, 10], by=["a", "b", "x", "y"], method=method, step=0.05)
    point = np.array([0.5, 0.5, 1.0, 2.0], complex)
    expected = [in_numpy(method, *(point + 1e-30j * row), 0.05, 200).imag / 1e-30 for row in np.eye(4)]
    assert found.array == pytest.approx(expected, rel=1e-11)
    assert found.value == pytest.approx(in_numpy(method, *point, 0.05, 200).real, rel=1e-13)
    assert found.steps == 200


def test_costs_at_times_and_integrals_agree_with_adaptive_steps():
    times = np.linspace(0, 10, 6)
    data = {"seen": [np.nan, 1.2, 0.4, 0.9, np.nan, 1.0]}
    options = {"each": "(x - seen)^2", "data": data, "running": "b*x", "by": ["a", "b", "x", "y"]}
    exact = sd.gradient(PREY, "x^2 + y", times, rtol=1e-11, atol=1e-13, **options)
    found = sd.gradient(PREY, "x^2 + y", times, method="reversible-rk4", step=0.01, **options)
    assert found.array == pytest.approx(exact.array, rel=1e-8)


def test_on_an_attractor_steps_are_kept_instead_and_that_is_said():
    kept = sd.gradient(POL, "x^2 + y^2", [0, 10], by=["mu", "x", "y"], rtol=1e-10, atol=1e-12)
    assert kept.array == pytest.approx(SLOPES, abs=2e-8)
    assert not kept.note
    for method, why in (
        ("reversible-rk4", "miss the initial state|parted|infinite"),
        ("reversible-heun", "parted|infinite|miss"),
    ):
        found = sd.gradient(POL, "x^2 + y^2", [0, 10], by=["mu", "x", "y"], method=method, step=0.001)
        assert found.array == pytest.approx(SLOPES, abs=1e-6)
        assert re.search(f"that of 'tsit5'.*{why}", found.note)
        assert found.note in str(found)
    short = {"by": ["mu", "x", "y"]}
    near = sd.gradient(POL, "x^2 + y^2", [0, 1], method="reversible-rk4", step=0.001, **short)
    assert near.array == pytest.approx(sd.gradient(POL, "x^2 + y^2", [0, 1], rtol=1e-11, atol=1e-13, **short).array, rel=1e-8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "tsit5", "step": 0.1}, "step has no effect"), ({"method": "reversible-rk4"}, "give step"),
        ({"method": "reversible-rk4", "step": 0.1, "rtol": 1e-3}, "rtol has no effect"),
        ({"method": "reversible-rk4", "step": -0.1}, "step"), ({"method": "rk4"}, "'bs32', 'tsit5'"),
    ],
)  # fmt: skip
def test_options_without_effect_are_refused(options, message):
    with pytest.raises(DeclarationError, match=message):
        sd.gradient(PREY, "x", [0, 1], **options)


def test_too_many_steps_are_refused_before_they_are_made():
    with pytest.raises(SimulationError, match="1e\\+06 steps"):
        sd.gradient(PREY, "x", [0, 1], method="reversible-rk4", step=1e-6)


def test_the_adjoint_system_has_the_gradient_at_its_end():
    exact = sd.gradient(PREY, "x^2 + y", [0, 10], running="b*x", by=["a", "b", "x", "y"], rtol=1e-11, atol=1e-13).array
    times = np.linspace(0, 10, 2001)
    run = sd.simulate(PREY, times, rtol=1e-11, atol=1e-13, progress=False)
    back = sd.derive.adjoint(PREY, "x^2 + y", 10, running="b*x")
    end = {"x": float(run.x[-1]), "y": float(run.y[-1])}
    names = ["slope_a", "slope_b", "adjoint_x", "adjoint_y"]
    found = sd.simulate(back, [0, 10], initial=end, rtol=1e-11, atol=1e-13, progress=False)
    assert [float(found[k][-1]) for k in names] == pytest.approx(exact, rel=1e-8)
    # by Abel's formula the contraction is the logarithm of the volume: the integral of a - b y + b x - 1/2
    volume = np.trapezoid(0.5 * run.y.values - 0.5 * run.x.values, times)
    assert float(found.contraction[-1]) == pytest.approx(volume, abs=1e-5)
    along = sd.derive.adjoint(PREY, "x^2 + y", 10, running="b*x", along=run)
    assert [s.name for s in along.states] == [*names[2:], *names[:2], "contraction"]
    found = sd.simulate(along, [0, 10], rtol=1e-9, atol=1e-11, progress=False)
    assert [float(found[k][-1]) for k in names] == pytest.approx(exact, rel=1e-7)


def test_along_the_trajectory_the_adjoint_of_an_attractor_is_right_and_states_followed_back_are_lost():
    run = sd.simulate(POL, np.linspace(0, 10, 4001), rtol=1e-11, atol=1e-13, progress=False)
    along = sd.simulate(sd.derive.adjoint(POL, "x^2 + y^2", 10, along=run), [0, 10], rtol=1e-9, atol=1e-11, progress=False)
    found = [float(along[k][-1]) for k in ("slope_mu", "adjoint_x", "adjoint_y")]
    assert found == pytest.approx(SLOPES, abs=1e-6)
    assert float(along.contraction[-1]) > 30
    end = {"x": float(run.x[-1]), "y": float(run.y[-1])}
    with pytest.raises(SimulationError):
        sd.simulate(sd.derive.adjoint(POL, "x^2 + y^2", 10), [0, 10], initial=end, progress=False)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("x + q", 1), {}, "cost contains q"), (("x", sp.Symbol("q")), {}, "q is no parameter"),
        (("x", 1), {"running": "t*q"}, "running"),
        (("x", 1), {"by": ["c"]}, "c"), (("x", 1), {"along": {"x": 1}}, "no single simulation"),
    ],
)  # fmt: skip
def test_adjoints_of_other_costs_are_refused(arguments, options, message):
    with pytest.raises(DeclarationError, match=message):
        sd.derive.adjoint(PREY, *arguments, **options)


def test_a_report_has_the_fast_eigenvalue_and_the_local_errors():
    stiff = sd.ODESystem.from_text("x' = -50*(x - cos(t)); x(0) = 0")
    report = sd.analysis.solver_report(stiff, [0, 5])
    assert float(report.stiffness.median()) == pytest.approx(50, rel=1e-9)
    assert report.attrs["steps"] == report.sizes["step"]
    assert float(report.length.sum()) == pytest.approx(5, rel=1e-12)
    assert report.attrs["stiffness"] == pytest.approx(250, rel=1e-6)
    assert (report.error <= 1e-9 + 1e-6 * 1.01).all()  # what the controller accepts
    other = sd.analysis.solver_report(stiff, [0, 5], method="bs32")
    assert np.isnan(other.stiffness).all()
    assert other.attrs["error"] > 0


def test_the_local_error_of_a_pair_is_the_difference_of_its_solutions():
    """Of x' = x the pair of orders 3 and 2 differs by h (-5/72 k1 + 1/12 k2 + 1/9 k3 - 1/8 k4)."""
    report = sd.analysis.solver_report(sd.ODESystem.from_text("x' = x; x(0) = 1"), [0, 1], method="bs32", rtol=1e-4, atol=1e-4)
    h, x = report.length.values[0], 1.0
    k1 = x
    k2 = x + h / 2 * k1
    k3 = x + 3 * h / 4 * k2
    k4 = x + h * (2 * k1 + 3 * k2 + 4 * k3) / 9
    expected = abs(h * (-5 / 72 * k1 + k2 / 12 + k3 / 9 - k4 / 8))
    assert report.error.values[0] == pytest.approx(expected, rel=1e-12)
    with pytest.raises(DeclarationError, match="one trajectory"):
        sd.analysis.solver_report(PREY, [0, 1], parameters={"a": [1, 2]})


def test_long_ways_back_are_those_of_the_method_without_damping():
    """Of q' = p, p' = -q the derivative of q(T)^2 by q(0) = 1 is 2 cos(T)^2; damping 0.99^5000 leaves no digit."""
    swing = sd.ODESystem.from_text("q' = p; p' = -q; q(0) = 1; p(0) = 0")
    found = sd.gradient(swing, "q^2", [0, 50], by=["q"], method="reversible-heun", step=0.001)
    assert found.steps == 50_000
    assert found.by["q"] == pytest.approx(2 * np.cos(50) ** 2, abs=1e-5)
    kept = sd.gradient(swing, "q^2", [0, 50], by=["q"], method="reversible-rk4", step=0.01)
    assert re.search(r"miss.*by 1e22 in 5000 steps \(longer ones, or 'reversible-heun'", kept.note)
    assert kept.by["q"] == pytest.approx(2 * np.cos(50) ** 2, abs=1e-6)


def test_equal_symbols_need_not_be_the_same_object():
    """As after many others, when sympy has forgotten the first."""
    clear_cache()
    x, y = sp.symbols("x y")
    assert sd.derive.adjoint(PREY, "x^2 + y", 10).states == sd.derive.adjoint(PREY, x**2 + y, 10).states
