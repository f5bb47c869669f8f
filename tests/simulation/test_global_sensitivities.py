"""Sobol's shares and Morris's effects against closed forms, and SALib's own analysis."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from scipy import stats

import symdyn as sd
from symdyn.errors import DeclarationError

SALib = pytest.importorskip("SALib", reason="SALib is not installed")

A, B = 7.0, 0.1
ISHIGAMI = sd.ODESystem.from_text(f"x' = sin(a) + {A}*sin(b)^2 + {B}*c^4*sin(a); x(0) = 0; double := 2*x")
CUBE = dict.fromkeys("abc", (-np.pi, np.pi))
#: Ishigami, Homma, Proc. ISUMA (1990): variances of a, b, and a with c.
PARTS = np.array([0.5 * (1 + B * np.pi**4 / 5) ** 2, A**2 / 8, B**2 * np.pi**8 * (1 / 18 - 1 / 50)])


def test_ishigami_function_as_an_equation():
    """x(1) is the function; shares lie within five standard errors of its closed form, which are below 0.02."""
    found = sd.global_sensitivities(ISHIGAMI, [0, 1], CUBE, samples=4096, second_order=True, seed=3)
    shares = PARTS / PARTS.sum()
    at = found.isel(time=1)
    for name, expected in (("first", [shares[0], shares[1], 0]), ("total", [shares[0] + shares[2], shares[1], shares[2]])):
        error = at[f"x_{name}_error"].values
        assert (error < 0.03).all()
        np.testing.assert_array_less(np.abs(at[f"x_{name}"] - expected), 5 * error + 1e-12)
    pairs = at.x_second.sel(parameter="a", other=["b", "c"]).values
    np.testing.assert_allclose(pairs, [0, shares[2]], atol=0.1)
    np.testing.assert_allclose(at.double_first, at.x_first, rtol=1e-9)
    assert np.isnan(found.x_total.isel(time=0)).all()  # the initial value does not vary
    assert found.attrs["simulations"] == 8 * 4096
    assert list(found.parameter.values) == ["a", "b", "c"]


def test_shares_are_those_of_salib():
    from SALib.analyze import morris as morris_effects
    from SALib.analyze import sobol as sobol_shares
    from SALib.sample import morris, sobol

    problem = {"num_vars": 3, "names": list("abc"), "bounds": [[-np.pi, np.pi]] * 3}

    def ishigami(p: np.ndarray) -> np.ndarray:
        return np.sin(p[:, 0]) * (1 + B * p[:, 2] ** 4) + A * np.sin(p[:, 1]) ** 2

    ours = sd.global_sensitivities(ISHIGAMI, [0, 1], CUBE, samples=64, seed=5, rtol=1e-10).isel(time=1)
    points = sobol.sample(problem, 64, calc_second_order=False, seed=5)
    theirs = sobol_shares.analyze(problem, ishigami(points), calc_second_order=False, seed=1)
    np.testing.assert_allclose(ours.x_first, theirs["S1"], rtol=1e-7)
    np.testing.assert_allclose(ours.x_total, theirs["ST"], rtol=1e-7)
    ours = sd.global_sensitivities(ISHIGAMI, [0, 1], CUBE, design="morris", samples=20, seed=5, rtol=1e-10).isel(time=1)
    points = morris.sample(problem, 20, seed=5)
    theirs = morris_effects.analyze(problem, points, ishigami(points), seed=1)
    for mine, name in (("mean", "mu"), ("size", "mu_star"), ("spread", "sigma")):
        np.testing.assert_allclose(ours[f"x_{mine}"], np.asarray(theirs[name], float), rtol=1e-7)


@pytest.mark.parametrize("design", ["sobol", "morris"])
def test_the_order_of_the_parameters_changes_no_number(design):
    pairs = {"second_order": True} if design == "sobol" else {}
    first = sd.global_sensitivities(ISHIGAMI, [0, 1], CUBE, samples=16, design=design, **pairs)
    other = sd.global_sensitivities(ISHIGAMI, [0, 1], dict(reversed(CUBE.items())), samples=16, design=design, **pairs)
    assert list(other.parameter.values) == ["c", "b", "a"]
    turned = {d: first[d][::-1] for d in ("parameter", "other") if d in first.coords}
    xr.testing.assert_identical(other, first.sel(turned))


def test_distributions_initial_values_and_functions_of_runs():
    """x(1) = x(0) + 2 k with normal laws of the deviations 3 and 2: shares 9/25 and 16/25; of x(0) alone Morris's effects."""
    system = sd.DiscreteSystem.from_text("x[t+1] = x + 2*k; k = 1; x(0) = 0")
    laws = {"x": stats.norm(0, 3), "k": stats.norm(5, 2)}
    found = sd.global_sensitivities(system, [0, 1], laws, samples=1024, outputs={"end": lambda run: run.x.isel(time=-1)})
    np.testing.assert_allclose(found.end_first, [9 / 25, 16 / 25], atol=0.02)
    assert found.end_first.dims == ("parameter",)
    effects = sd.global_sensitivities(system, [0, 1], {"x": (0, 3), "k": (0, 1)}, design="morris", samples=8)
    np.testing.assert_allclose(effects.x_mean.isel(time=1), [3, 2], rtol=1e-9)
    np.testing.assert_allclose(effects.x_spread.isel(time=1), 0, atol=1e-9)
    again = sd.global_sensitivities(system, [0, 1], laws, samples=1024, outputs="x")
    np.testing.assert_allclose(again.x_first.isel(time=1), found.end_first, rtol=1e-12)
    normal = sd.global_sensitivities(system, [0, 1], laws, design="morris", samples=8)
    assert np.isfinite(normal.x_size).all()


def test_errors_of_the_steps_are_no_variance():
    """At time 200 the state is 1 whatever its rate, to exp(-200): what is left are errors of steps."""
    system = sd.ODESystem.from_text("x' = k*b*(1 - x); x(0) = 0.5")
    with pytest.warns(UserWarning, match="x varies by no more than errors of the steps at 1 of 3 points"):
        found = sd.global_sensitivities(system, [0, 1, 200], {"k": (1, 2), "b": (1, 2)}, samples=64, method="tsit5")
    assert np.isnan(found.x_total[:, [0, 2]]).all()
    assert np.isnan(found.x_first_error[:, 2]).all()
    assert (found.x_total[:, 1] > 0.3).all()


def test_discrete_distributions_stay_in_their_support():
    """With n of 1..4, a quarter each, Morris's levels 0, 1/3, 2/3 and 1 are 1, 2, 3 and 4: x = n moves by 2 over 2/3."""
    system = sd.DiscreteSystem.from_text("x[t+1] = n + b; x(0) = 0")
    ranges = {"n": stats.randint(1, 5), "b": (0, 1)}
    found = sd.global_sensitivities(system, [0, 1], ranges, design="morris", samples=8).isel(time=1)
    np.testing.assert_allclose(found.x_mean, [3, 1], rtol=1e-9)
    np.testing.assert_allclose(found.x_spread, 0, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameters": {"a": (0, 1)}}, "names fewer than two"),
        ({"parameters": ["a", "b"]}, "expected a mapping from names to ranges"),
        ({"parameters": {"a": (1, 0), "b": (0, 1)}}, "the range of a is .1, 0."),
        ({"parameters": {"a": 2, "b": (0, 1)}}, "the range of a is 2; expected"),
        ({"parameters": {"a": stats.norm([0, 1], 1), "b": (0, 1)}}, "the distribution of a is one of arrays"),
        ({"parameters": {"z": (0, 1), "b": (0, 1)}}, "'z' is not a parameter or state"),
        ({"parameters": {"a": (0, 1), sp.Symbol("a"): (0, 1)}}, "parameters names a twice"),
        ({"samples": 100}, "expected a power of 2"),
        ({"design": "fast"}, "design is 'fast'"),
        ({"design": "morris", "second_order": True}, "second_order has no effect"),
        ({"reduce": ["mean"]}, "reduce leaves no runs to compare"),
        ({"outputs": "y"}, "'y' is not a state or observable"),
        ({"outputs": {"mean": lambda run: run.x.mean()}}, "the output mean is no DataArray"),
        ({"parameters": {"x": (0, 1), "b": (0, 1)}, "initial": {"x": 1}}, "x is in initial and varies"),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(DeclarationError, match=message):
        sd.global_sensitivities(ISHIGAMI, [0, 1], **{"parameters": CUBE, "samples": 16, **change})


def test_random_systems_are_refused():
    network = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g")
    with pytest.raises(DeclarationError, match="without randomness of its own, not a ReactionNetwork"):
        sd.global_sensitivities(network, [0, 1], {"k": (1, 2), "g": (1, 2)})


def test_states_of_the_past_of_a_map_are_no_outputs():
    henon = sd.DiscreteSystem.from_text("x[t+1] = 1 - a*x^2 + b*x[t-1]; a = 1.4; b = 0.3; x(0) = 0.1")
    shares = sd.global_sensitivities(henon, range(1, 4), {"a": (1.3, 1.4), "b": (0.2, 0.3)}, samples=16, progress=False)
    assert not [name for name in shares.data_vars if "x_lag1" in name]
