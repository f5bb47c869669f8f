"""Characteristic roots of linearised systems with delays: Lambert's function, known boundaries and the equation itself."""

from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
from scipy.special import lambertw

import symdyn as sd
from symdyn.analysis import characteristic_roots, without_delays


@pytest.mark.parametrize(("a", "tau"), [(-1.0, 1.0), (-0.3, 5.0), (0.8, 0.1), (-40.0, 0.7)])
def test_branches_of_lambert(a, tau):
    """x' = a x(t - tau) has the roots W_k(a tau)/tau."""
    system = sd.ODESystem.from_text("x' = a*x(t - tau)")
    known = np.array([lambertw(a * tau, k) / tau for k in range(-8, 8)])
    known = known[np.lexsort((-known.imag, -known.real.round(9)))][:5]
    np.testing.assert_allclose(
        characteristic_roots(system, {"x": 0}, {"a": a, "tau": tau}, count=5), known, rtol=1e-10, atol=1e-10
    )


def test_delayed_feedback_turns_unstable_where_it_should():
    """u' = -u - b u(t - tau) with b = 2 at tau = arccos(-1/b)/sqrt(b^2 - 1), also with a delay that depends on the state."""
    critical = np.arccos(-0.5) / np.sqrt(3)
    for delay in ("d", "d*x"):
        system = sd.ODESystem.from_text(f"x' = 2/(1 + x(t - {delay})^4) - x")
        np.testing.assert_allclose(
            characteristic_roots(system, {"x": 1}, {"d": critical}, count=2), [1j * np.sqrt(3), -1j * np.sqrt(3)], atol=1e-10
        )
        for d, sign in ((0.98 * critical, -1), (1.02 * critical, 1)):
            assert np.sign(characteristic_roots(system, {"x": 1}, {"d": d}, count=1)[0].real) == sign
        steady = sd.analysis.steady_states(without_delays(system), {"d": 1.0})
        assert np.isclose(steady["x"].values, 1).any()


def test_roots_of_several_states_and_delays_solve_the_equation():
    system = sd.ODESystem.from_text("x' = -x + 0.5*y(t - 1) + x(t - 2); y' = -y - 2*x(t - 2.5) + z; z' = -z + x(t - 1)")
    roots = characteristic_roots(system, {"x": 0, "y": 0, "z": 0}, count=7)
    s = sp.Symbol("s")
    e = {d: sp.exp(-d * s) for d in (1, 2, 2.5)}
    matrix = sp.Matrix([[s + 1 - e[2], -0.5 * e[1], 0], [2 * e[2.5], s + 1, -1], [-e[1], 0, s + 1]])
    equation = sp.lambdify(s, matrix.det(), "numpy")
    np.testing.assert_allclose(equation(roots), 0, atol=1e-9)
    assert len(set(roots.round(6))) == 7
    assert (np.diff(roots.real) <= 1e-9).all()
    # none is missing: the argument of the determinant turns once round for each root right of a line
    line = roots[-1].real - 1e-3
    right, top = line + 60, 60.0
    corners = np.array([line - 1j * top, right - 1j * top, right + 1j * top, line + 1j * top, line - 1j * top])
    path = np.concatenate([np.linspace(p, q, 200_000) for p, q in pairwise(corners)])
    turns = np.unwrap(np.angle(equation(path)))
    assert round((turns[-1] - turns[0]) / (2 * np.pi)) in (7, 8)  # the last of a pair may be the other


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("x' = -x", {"x": 0}, "no characteristic roots: it takes systems of rates of change and delays"),
        ("x' = 1 - x(t - 1)", {"x": 0}, "expected a steady state"),
        ("x' = -x(t/2)", {"x": 0}, "depends on time"),
        ("x' = -x(t - 1)*cos(t)", {"x": 0}, "a right-hand side depends on time"),
        ("x' = -x(t - tau)", {"x": 0}, "no value for tau"),
        ("x' = -x(t - 1)", {"y": 0}, "not a state"),
    ],
)
def test_what_has_none_is_refused(text, at, message):
    with pytest.raises(sd.DeclarationError, match=message):
        characteristic_roots(sd.ODESystem.from_text(text), at)
