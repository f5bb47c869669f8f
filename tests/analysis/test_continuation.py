"""Branches and bifurcations against normal forms, classical models and published thresholds of moment equations."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.analysis import continuation, folds, hopf_points, steady_states
from symdyn.models import zoo

x, y, a, b, r, mu, V, Om = sp.symbols("x y a b r mu V Om")

MONOSTABLE = sd.ODESystem(
    {
        mu: Om - 2 / Om * (mu**2 - mu + V),
        V: Om - 4 / Om * (2 * mu - 1) * V + 4 / Om * (mu**2 - mu + V),
    }
)
SCHLOEGL = sd.ReactionNetwork.from_text(
    "2 X -> 3 X, k1\n3 X -> 2 X, k2\n0 -> X, k3\nX -> 0, k4",
    volume="V",
    parameters={"k1": 60, "k2": 1, "k3": 4600, "k4": 1000},
)
BRUSSELATOR = sd.ReactionNetwork.from_text(
    "2 X + Y -> 3 X, c1\nX -> Y, c2\n0 -> X, c3\nX -> 0, c4",
    volume="V",
    parameters={"c1": 0.9, "c2": 2, "c3": 1, "c4": 1},
)


@pytest.mark.parametrize("slope", [0.3, 1.0, 3.0])
def test_folds_of_the_cusp(slope):
    # r + a x - x^3: folds at r = -+ 2 (a/3)^(3/2)
    found = folds(sd.ODESystem({x: r + a * x - x**3}, {a: slope}), r, (-5, 5))
    np.testing.assert_allclose(found.r, np.array([-2, 2]) * (slope / 3) ** 1.5, rtol=1e-9)
    np.testing.assert_allclose(found.x, np.array([1, -1]) * (slope / 3) ** 0.5, rtol=1e-7)
    assert found.attrs["complete"] == 1


def test_no_folds_beyond_the_cusp():
    assert folds(sd.ODESystem({x: r - x - x**3}), r, (-5, 5)).sizes["point"] == 0


@pytest.mark.parametrize("drift", [r * x - x**2, r * x - x**3])
def test_branch_points(drift):
    branch = continuation(sd.ODESystem({x: drift}), r, (-1, 1), start={x: 0}, at=-0.9)
    special = branch.isel(point=(branch.special != "").values)
    assert special.special.values.tolist() == ["branch point"]
    assert abs(special.r.item()) < 1e-9
    assert branch.stable.values[[0, -1]].tolist() == [True, False]


def test_the_tip_of_a_pitchfork_is_no_fold():
    assert folds(sd.ODESystem({x: r * x - x**3}), r, (-1, 2), values=[1.5]).sizes["point"] == 0


def test_a_closed_branch_ends_where_it_began():
    branch = continuation(sd.ODESystem({x: x**2 + r**2 - 1}), r, (-2, 2), start={x: 1}, at=0)
    assert "closed" in branch.attrs["ends"]
    np.testing.assert_allclose(branch.x**2 + branch.r**2, 1, atol=1e-9)
    at_folds = branch.r[(branch.special == "fold").values]
    np.testing.assert_allclose(np.sort(at_folds), [-1, 1], rtol=1e-9)


@pytest.mark.parametrize("feed", [0.5, 1.0, 2.0])
def test_hopf_point_of_the_brusselator(feed):
    # b = 1 + a^2, frequency a
    found = hopf_points(zoo.brusselator(), "B", (1, 6), parameters={"A": feed})
    np.testing.assert_allclose([found.B.item(), found.frequency.item()], [1 + feed**2, feed], rtol=1e-9)


def test_hopf_points_of_lorenz():
    # rho = sigma (sigma + beta + 3) / (sigma - beta - 1), on both branches; frequency sqrt(beta (sigma + rho))
    found = hopf_points(zoo.lorenz(), "rho", (2, 30))
    expected = 10 * (10 + 8 / 3 + 3) / (10 - 8 / 3 - 1)
    np.testing.assert_allclose(found.rho, [expected] * 2, rtol=1e-9)
    np.testing.assert_allclose(found.frequency, np.sqrt(8 / 3 * (10 + expected)), rtol=1e-8)
    np.testing.assert_allclose(found.x, [-np.sqrt(8 / 3 * (expected - 1)), np.sqrt(8 / 3 * (expected - 1))], rtol=1e-8)


def test_hopf_point_of_van_der_pol():
    branch = continuation(zoo.van_der_pol(), "mu", (-1, 1), start={"x": 0, "y": 0}, at=-1)
    found = branch.isel(point=(branch.special == "hopf").values)
    assert abs(found.mu.item()) < 1e-10
    assert found.frequency.item() == pytest.approx(1, rel=1e-9)


def test_thresholds_of_the_closed_dimerisation():
    # where the discriminant 32 Om^6 - 195 Om^4 + 24 Om^2 + 4 of its cubic vanishes
    found = folds(MONOSTABLE, Om, (0.1, 10))
    expected = np.roots([32, 0, -195, 0, 24, 0, 4])
    expected = np.sort(expected[(np.abs(expected.imag) < 1e-9) & (expected.real > 0)].real)
    np.testing.assert_allclose(expected, [0.472405, 2.442231], atol=5e-7)
    np.testing.assert_allclose(found.Om, expected, rtol=1e-9)
    assert (found.eigenvalue_real < 0).all()


@pytest.mark.parametrize(
    ("order", "closure", "expected"),
    [
        (2, "normal", 5.0229),
        (3, "normal", 11.4427),
        (4, "normal", 17.3639),
        (2, "zero", 6.41),
        (2, "log-normal", 9.629),
    ],
)
def test_onset_of_a_second_stable_state(order, closure, expected):
    closed = SCHLOEGL.moments(order, closure)
    found = folds(closed, "V", (expected / 2, 2 * expected), values=[1.9 * expected])
    assert np.abs(found.V.values / expected - 1).min() < 1e-3
    here = float(found.V[int(np.abs(found.V.values - expected).argmin())])
    counts = steady_states(closed, {"V": [here * (1 - 1e-4), here * (1 + 1e-4)]}).stable.sum("branch").values
    assert counts[1] == counts[0] + 1


def test_stability_limits_of_the_brusselators_moments():
    found = hopf_points(BRUSSELATOR.moments(2, "normal"), "V", (0.1, 1e5))
    low, high = found.V.values
    assert 0.7665 < low < 0.7823
    assert high == pytest.approx(7149.85, rel=1e-5)
    assert found.frequency.values[1] == pytest.approx(0.94447, abs=5e-6)
    # the central moments are other unknowns of the same equations
    again = hopf_points(BRUSSELATOR.moments(2, "normal", central=True), "V", (0.1, 1e5))
    np.testing.assert_allclose(again.V, found.V, rtol=1e-8)
    np.testing.assert_allclose(again.frequency, found.frequency, rtol=1e-8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: continuation(sd.ODESystem({x: r - x}), r, (1, 0), start={x: 0}), "expected two increasing"),
        (lambda: continuation(sd.ODESystem({x: r - x}), r, (0, 1), start={x: 5}), "no steady state near"),
        (lambda: continuation(sd.ODESystem({x: r - x}), r, (0, 1), start={x: 5}, at=5), "outside the span"),
        (lambda: continuation(sd.ODESystem({x: r - x}), r, (-1, 1), start={x: 5}, log=True), "must be positive"),
        (lambda: continuation(sd.ODESystem({x: r - x}), "s", (-1, 1), start={x: 5}), "'s' is not a parameter"),
        (lambda: folds(zoo.logistic_map(), "r", (1, 2)), "maps are not covered"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(sd.DeclarationError, match=message):
        make()
