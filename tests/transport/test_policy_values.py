"""Values of the Ornstein-Uhlenbeck process with quadratic rewards: closed forms, limits of estimators, and coverage."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from scipy.linalg import solve_continuous_lyapunov
from scipy.signal import lfilter

import symdyn as sd
from symdyn.derive.generators import generator

x, y, t = sp.symbols("x y t")
PROCESS = sd.SDESystem({x: -x}, {x: 1})
# V = x^2/(b + 2k) + s^2/(b (b + 2k)), both 1/3 for k = s = b = 1
EXACT = (1 / 3, 1 / 3)
LEFT = (1 - sp.exp(-2 * (1 - t))) / 2  # J = LEFT x^2 + REST up to the time 1
REST = ((1 - t) - LEFT) / 2


def paths(count: int, steps: int, gap: float, seed: int, start: str = "rest") -> xr.Dataset:
    """Exact steps, from the distribution at rest or from N(0, 1)."""
    rng = np.random.default_rng(seed)
    pushes = rng.normal(size=(count, steps + 1)) * np.sqrt(-0.5 * np.expm1(-2 * gap))
    pushes[:, 0] = rng.normal(size=count) * (np.sqrt(0.5) if start == "rest" else 1.0)
    found = lfilter([1.0], [1.0, -np.exp(-gap)], pushes, axis=1)
    return xr.Dataset({"x": (("trajectory", "time"), found)}, coords={"time": gap * np.arange(steps + 1)})


def estimated(data: xr.Dataset, **options) -> sd.transport.PolicyValue:
    return sd.transport.value(PROCESS, x**2, discount=1, features=[x**2, 1], data=data, **options)


# limits of least-squares temporal differences with n -> oo: D/(1 - e^{-2D} + D), and th1 v (1 - e^{-2D})/D with v = 1/2
@pytest.mark.parametrize(("gap", "limit"), [(0.1, (0.3555312, 0.3222344)), (0.01, (0.3355555, 0.3322222))])
def test_temporal_differences_of_first_order_have_their_limits(gap, limit):
    found = estimated(paths(2000, 1000, gap, 1), order=1)
    deviation = np.sqrt(np.diag(found.covariance))
    assert np.abs(found.coefficients - limit).max() < 3.5 * deviation.max()
    assert deviation.max() < 0.004


def test_trapezoids_take_the_bias_of_the_step_away():
    """Limits: V = a x^2 + c with a (e^{-D} e^{-2D} - 1) + D/2 (1 + e^{-3D}) = 0, 1/3 + D^2/4 to leading order."""
    gap = 0.1
    limit = 0.5 * gap * (1 + np.exp(-3 * gap)) / (1 - np.exp(-3 * gap))
    assert abs(limit - 1 / 3) < 0.1 * (0.3555312 - 1 / 3) + 0.003
    found = estimated(paths(2000, 1000, gap, 2))
    assert found.coefficients[0] == pytest.approx(limit, abs=3.5 * np.sqrt(found.covariance[0, 0]))


def test_the_mean_square_of_temporal_differences_is_biased_and_says_so():
    """theta1 = p D v/(D v + 2 s^2 p^2) to leading order, .00734 at D = .01."""
    with pytest.warns(UserWarning, match="quadratic variation"):
        found = estimated(paths(500, 2000, 0.01, 3), criterion="td-mean-square", order=1)
    assert found.coefficients == pytest.approx([0.0073, 0.48], rel=0.05)


def test_with_the_generator_states_alone_tell_the_value():
    found = estimated(paths(5, 200, 0.3, 4), criterion="generator")
    assert found.coefficients == pytest.approx(EXACT, rel=1e-10)
    assert sp.simplify(found.exact - x**2 / 3 - sp.Rational(1, 3)) == 0
    assert max(abs(c) for c in sp.Poly(found.residual, x).coeffs()) < 1e-10
    assert found.interval is None  # errors at the times of a path are correlated, and 5 paths are few
    assert estimated(paths(20, 50, 0.3, 4), criterion="generator").interval.shape == (2, 2)


def test_paths_of_several_processes_are_refused():
    swept = sd.simulate(
        sd.SDESystem.from_text("dx = -k*x*dt + dW; x(0) = 0"), [0, 0.1, 0.2], parameters={"k": [1, 2]}, trajectories=30,
        step=0.1, seed=1, progress=False,
    )  # fmt: skip
    with pytest.raises(sd.DeclarationError, match="the data are a sweep of k, of several processes"):
        estimated(swept)
    assert estimated(swept.sel(k=1)).coefficients.shape == (2,)


@pytest.mark.parametrize(("criterion", "deviations"), [("martingale-loss", (0.05, 0.08)), ("orthogonality", (0.063, 0.039))])
def test_up_to_a_horizon_both_criteria_find_the_value(criterion, deviations):
    """Standard deviations of an independent computation with 1000 paths; the value is (1, 1) in these features."""
    found = sd.transport.value(
        PROCESS, x**2, horizon=1, features=[LEFT * x**2, REST], data=paths(1000, 100, 0.01, 5, "wide"), criterion=criterion
    )
    assert np.abs(found.coefficients - 1).max() < 3 * max(deviations)
    assert np.sqrt(np.diag(found.covariance)).max() < 1.5 * max(deviations)
    assert sp.simplify(found.exact - LEFT * x**2 - REST) == 0


def test_up_to_a_horizon_the_biased_criterion_is_far_away():
    with pytest.warns(UserWarning, match="quadratic variation"):
        found = sd.transport.value(
            PROCESS,
            x**2,
            horizon=1,
            features=[LEFT * x**2, REST],
            data=paths(2000, 100, 0.01, 6, "wide"),
            criterion="td-mean-square",
        )
    assert found.coefficients == pytest.approx([0.0217, 2.23], rel=0.15)


@pytest.mark.parametrize("count", [200, 2])
def test_intervals_cover_as_often_as_they_say(count):
    """90 of 100 times, of 200 repetitions 85 to 95; for many paths and for few long ones."""
    hits = np.zeros(2)
    for seed in range(200):
        low, high = estimated(paths(count, 100 if count > 20 else 10_000, 0.05, 1000 + seed)).interval.T
        hits += (low < EXACT) & (high > EXACT)
    assert (hits >= 170).all()
    assert (hits <= 190).all()


def test_linear_systems_have_the_solution_of_lyapunovs_equation():
    """V = x^T P x + trace(P D)/b with (A - b/2)^T P + P (A - b/2) + Q = 0."""
    a, q, b = np.array([[-1.0, 1.0], [0.3, -2.0]]), np.array([[1.0, 0.5], [0.5, 2.0]]), 0.5
    process = sd.SDESystem({x: -x + y, y: 0.3 * x - 2 * y}, {x: 1, y: 0.5})
    found = sd.transport.value(process, x**2 + x * y + 2 * y**2, discount=b)
    p = solve_continuous_lyapunov((a - b / 2 * np.eye(2)).T, -q)
    poly = sp.Poly(found.expression, x, y)
    assert [float(poly.coeff_monomial(m)) for m in (x**2, x * y, y**2, 1)] == pytest.approx(
        [p[0, 0], 2 * p[0, 1], p[1, 1], (p[0, 0] + 0.25 * p[1, 1]) / b]
    )
    assert sp.simplify(
        sp.nsimplify(generator(process, found.expression) - b * found.expression + x**2 + x * y + 2 * y**2, rational=True).subs(
            {x: 1, y: 2}
        )
    ).evalf() == pytest.approx(0, abs=1e-12)


def test_closed_forms_with_symbols_and_a_horizon():
    k, s, b, end = sp.symbols("k s b T", positive=True)
    process = sd.SDESystem({x: -k * x}, {x: s})
    found = sd.transport.value(process, x**2, discount=b).expression
    assert sp.simplify(found - x**2 / (b + 2 * k) - s**2 / (b * (b + 2 * k))) == 0
    cost = sp.Poly(-found.subs({k: 0.5, s: 0.6, b: 0.3}), x)  # dX = -X/2 dt + 0.6 dW with the reward -x^2
    assert [float(c) for c in cost.all_coeffs()] == pytest.approx([-0.7692308, 0, -0.9230769], abs=1e-7)
    geometric = sd.transport.value(sd.SDESystem({x: k * x}, {x: s * x}), 0, discount=b, horizon=end, terminal=x**2).expression
    assert sp.simplify(geometric - x**2 * sp.exp((2 * k + s**2 - b) * (end - t))) == 0
    finite = sd.transport.value(process, x**2, horizon=end).expression
    assert sp.simplify(sp.diff(finite, t) - k * x * sp.diff(finite, x) + s**2 / 2 * sp.diff(finite, x, 2) + x**2) == 0
    assert sp.simplify(finite.subs(t, end)) == 0


def test_an_infinite_value_is_refused():
    assert sd.transport.value(PROCESS, 0, discount=1).expression == 0
    growing = sd.SDESystem({x: x}, {x: 1})
    with pytest.raises(sd.DeclarationError, match="grows at the rate 1"):
        sd.transport.value(growing, x**2, discount=1)
    assert sd.transport.value(growing, x**2, discount=3).expression == x**2 + sp.Rational(1, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"discount": None}, "give discount=, horizon= or both"),
        ({"discount": -1}, "expected a positive rate"),
        ({"terminal": x}, "terminal= has no effect without horizon="),
        ({"criterion": "td"}, "known: orthogonality, martingale-loss"),
        ({"criterion": "martingale-loss"}, "needs horizon="),
        ({"features": []}, "features= is empty"),
        ({"features": [y]}, "y is in a feature or reward"),
        ({"features": [x**-2], "data": paths(30, 10, 0.1, 1) * 0}, "not finite along the paths"),
        ({"instruments": [x]}, "1 instruments and 2 features"),
        ({"order": 3}, "order is 3"),
        ({"level": 2}, "level is 2"),
        ({"data": {"x": [1.0]}}, "expected a dataset of paths"),
        ({"horizon": 1, "features": [x**2]}, "does not vanish at the horizon"),
        ({"horizon": 2, "features": [x**2 * (2 - t)]}, "the paths end at 1; expected the horizon 2"),
    ],
)
def test_wrong_inputs_are_refused(options, message):
    given = {"discount": 1, "features": [x**2, 1], "data": paths(30, 10, 0.1, 1), **options}
    with pytest.raises(sd.DeclarationError, match=message):
        sd.transport.value(PROCESS, x**2, **given)


def test_features_that_paths_do_not_tell_apart_are_refused():
    with pytest.raises(sd.RecoveryError, match="do not determine the coefficients"):
        sd.transport.value(PROCESS, x**2, discount=1, features=[x**2, 2 * x**2], data=paths(30, 10, 0.1, 1))
    with pytest.raises(sd.DeclarationError, match="no polynomial of the states"):
        sd.transport.value(sd.SDESystem({x: -(x**3)}, {x: 1}), x**2, discount=1)
