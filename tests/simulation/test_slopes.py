"""sd.sensitivities: derivatives of trajectories, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

x, y, k, a = sp.symbols("x y k a")
DECAY = sd.ODESystem({x: -k * x}, {k: 0.5}, initial={x: 2})


def test_derivatives_of_a_decay_over_a_sweep():
    t = np.linspace(0, 3, 7)
    run = sd.sensitivities(DECAY, t, by=[k, x], parameters={k: [0.5, 1.0]}, rtol=1e-10, atol=1e-12, progress=False)
    for rate, row in zip((0.5, 1.0), range(2), strict=True):
        np.testing.assert_allclose(run.x[row], 2 * np.exp(-rate * t), rtol=1e-8)
        np.testing.assert_allclose(run.dx_dk[row], -2 * t * np.exp(-rate * t), rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(run.dx_dx[row], np.exp(-rate * t), rtol=1e-8)


def test_initial_values_that_are_formulas_move_along():
    # x = 3 k exp(-k t): slope 3 exp(-k t) (1 - k t)
    run = sd.sensitivities(DECAY, [0, 1, 2], initial={x: 3 * k}, rtol=1e-10, atol=1e-12, progress=False)
    t = np.array([0, 1, 2])
    np.testing.assert_allclose(run.dx_dk, 3 * np.exp(-0.5 * t) * (1 - 0.5 * t), rtol=1e-8, atol=1e-10)


def test_numbers_in_the_place_of_declared_formulas_do_not_move():
    # x = c exp(-k t): slope -t c exp(-k t), whatever the formula that the number c stands in for
    system = sd.ODESystem({x: -k * x, y: -y}, {k: 0.5}, initial={x: 2 * k, y: 3 * x})
    t = np.array([0, 1, 2])
    run = sd.sensitivities(
        system, t, by=[k, k], initial={"x": [1.0, 5.0]}, parameters={k: 0.5}, rtol=1e-10, atol=1e-12, progress=False
    )
    for c, row in zip((1, 5), run.dx_dk, strict=True):
        np.testing.assert_allclose(row, -t * c * np.exp(-0.5 * t), rtol=1e-8, atol=1e-10)
    np.testing.assert_array_equal(run.dy_dk, 0)
    np.testing.assert_allclose(run.y[:, 0], [3, 15])


def test_the_slope_by_an_exponent_at_the_base_0():
    # x = t^(n+1)/(n+1): slope t^(n+1) (log t/(n+1) - 1/(n+1)^2), of the rate y^n of y = t; z rests, with slope 0
    n, z = sp.symbols("n z")
    system = sd.ODESystem({x: y**n, y: 1, z: z**n / (1 + z**n)}, {n: 1.5}, initial={x: 0, y: 0, z: 0})
    t = np.array([0, 0.5, 2])
    run = sd.sensitivities(system, t, by=[n], rtol=1e-10, atol=1e-12, progress=False)
    np.testing.assert_allclose(run.dx_dn[1:], t[1:] ** 2.5 * (np.log(t[1:]) / 2.5 - 1 / 2.5**2), rtol=1e-7)
    np.testing.assert_array_equal(run.dz_dn, 0)


def test_a_map_and_one_of_several_initial_values():
    run = sd.sensitivities(
        sd.DiscreteSystem({x: a * x + y, y: y}, {a: 2}, initial={x: 1, y: 1}), [0, 1, 2], by=[y], progress=False
    )
    np.testing.assert_array_equal(run.dx_dy, [0, 1, 3])  # x2 = a (a x + y) + y
    assert "dx_dx" not in run


@pytest.mark.parametrize(
    ("system", "options", "message"),
    [
        (DECAY, {"by": ["z"]}, "'z' is not a parameter or state"),
        (DECAY, {"by": []}, "by is empty"),
        (DECAY, {"initial": {"z": 1}}, "'z' is not a state of this system; its states: x"),
        (None, {}, "needs an ODESystem or a DiscreteSystem, got NoneType"),
        (sd.ReactionNetwork.from_text("X -> 0, k; k = 1; X(0) = 5"), {}, "needs an ODESystem or a DiscreteSystem"),
    ],
)
def test_what_is_not_known_is_refused(system, options, message):
    with pytest.raises(sd.DeclarationError, match=message):
        sd.sensitivities(system, [0, 1], progress=False, **options)


def test_relative_sensitivities_are_slopes_of_logarithms():
    """x = 2 k exp(-k t): d log x/d log k = 1 - k t, at every point of a sweep, and NaN where the state is 0."""
    decay = sd.ODESystem.from_text("x' = -k*x; y' = k*x; k = 0.5; x(0) = 2*k; y(0) = 0")
    t = np.array([0.0, 1.0, 3.0])
    run = sd.sensitivities(decay, t, by=["k", "x"], relative=True, parameters={"k": [0.5, 2.0]}, rtol=1e-10, atol=1e-12)
    assert run.dlog_x_dlog_k.dims == ("k", "time")
    np.testing.assert_allclose(run.dlog_x_dlog_k, 1 - np.outer([0.5, 2.0], t), atol=1e-7)
    np.testing.assert_allclose(run.dlog_x_dlog_x, 1, rtol=1e-8)
    assert np.isnan(run.dlog_y_dlog_k[:, 0]).all()
    assert "dx_dk" not in run
    given = sd.sensitivities(decay, t, by="x", relative=True, initial={"x": [1.0, 4.0]}, rtol=1e-10)
    np.testing.assert_allclose(given.dlog_y_dlog_x[:, 1:], 1, rtol=1e-8)


def test_relative_sensitivities_beside_a_parameter_with_the_name_of_an_initial_value():
    """x = x(0) + x0 t: (x(0)/x) dx/dx(0) is x(0)/(x(0) + x0 t)."""
    drift = sd.ODESystem.from_text("x' = x0 + 0*x; x0 = 3; x(0) = 2")
    swept = sd.sensitivities(drift, [0, 1], by="x", relative=True, parameters={"x0": [5.0, 6.0]})
    np.testing.assert_allclose(swept.dlog_x_dlog_x, [[1, 2 / 7], [1, 2 / 8]], rtol=1e-6)
    begun = sd.sensitivities(drift, [0, 1], by="x", relative=True, initial={"x": [1.0, 2.0]})
    np.testing.assert_allclose(begun.dlog_x_dlog_x, [[1, 1 / 4], [1, 2 / 5]], rtol=1e-6)
