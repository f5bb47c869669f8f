"""Prices of steps: residuals of one equation beside numbers by hand, their derivatives, and what is refused."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import RecoveryError

pytest.importorskip("jax")


def effort(penalty, substeps=2):
    from symdyn.discover.surrogates._ensemble import prepare
    from symdyn.discover.surrogates._network_effort import StepEffort

    prepare()  # double precision
    return StepEffort(penalty, substeps)


def by_hand(w, start, h):
    """Error and stiffness of a step of the classical method, and its end."""
    k1 = w * start
    k2 = w * (start + h / 2 * k1)
    k3 = w * (start + h / 2 * k2)
    k4 = w * (start + h * k3)
    end = start + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return h / 6 * (k4 - w * end), abs(w), end


@pytest.mark.parametrize("substeps", [2, 7])
def test_residuals_are_local_errors_and_stiffness_of_every_step(substeps):
    """Of x' = 1.3 x, in steps that are written out and in a loop."""
    import jax.numpy as jnp

    found, h = effort({"error": 9.0, "stiffness": 4.0}, substeps), 0.2
    end, value = found.interval(lambda t, y: 1.3 * y, np.array([2.0]), np.array([1.5]), 0.4, h, jnp.ones(substeps))
    x, squares = 1.5, 0.0
    for _ in range(substeps):
        error, stiffness, x = by_hand(1.3, x, h)
        squares += (3 * error / 2) ** 2 + (2 * h * stiffness) ** 2
    assert float(end[0]) == pytest.approx(x, rel=1e-14)
    assert float(value[0]) == pytest.approx(squares**0.5, rel=1e-9)


def test_a_local_price_takes_one_step_in_the_place_of_all():
    found = effort({"local error": 1.0})
    weights = found.chosen(5, 2, np.random.default_rng(0)).reshape(5, -1)
    assert (np.count_nonzero(weights, axis=1) == 1).all()
    assert (weights**2).sum(axis=1) == pytest.approx([4.0] * 5)
    assert sorted(np.count_nonzero(weights, axis=0)) == [1, 1, 1, 2]


@pytest.mark.parametrize("price", ["error", "local error"])
@pytest.mark.parametrize(("starts", "seen"), [("fitted", [1, 2, 3]), ("measured", [1, np.nan, 3])])  # of all times, and of few
def test_derivatives_of_data_and_prices_are_difference_quotients(starts, seen, price):
    from symdyn.discover.surrogates._ensemble import prepare
    from symdyn.discover.surrogates._network_ode import NetworkODE
    from symdyn.discover.surrogates._windows import windows
    from symdyn.discover.surrogates.neural_ode import NeuralODE
    from symdyn.inference.data import observations

    prepare()
    x, y = sp.symbols("x y")
    f = sd.network("f", [x, y], width=2, depth=1)
    system = sd.ODESystem({x: f(x, y), y: -y}, initial={x: 1, y: 2})
    rows = [{"t": [0, 0.5, 1], "x": np.array(seen) * c, "y": [2 * c, np.nan, np.nan]} for c in (1, 0.7)]
    data = observations(system, rows)
    options = NeuralODE(window=99, starts=starts, penalty={price: 1e3, "stiffness": 1.0})
    equations, cut = NetworkODE(system, options, 0, 2), windows(data, np.ones(2), 99)
    given = equations.followed(data, cut, None)
    weights = (
        cut.weights if given.places is None else np.take_along_axis(cut.weights.reshape(2, -1), np.asarray(given.places), 1)
    )
    steps = equations.effort.chosen(2, 2, np.random.default_rng(0))
    w = np.random.default_rng(2).normal(size=equations.starts(2) + equations.networks.size) / 2

    def residuals(w):
        return np.asarray(equations.residuals(w, (given, weights, steps))).reshape(2, -1)

    own, common = (np.asarray(v) for v in equations.jacobian(w, (given, weights, steps)))
    whole = np.zeros((2, common.shape[1], len(w)))
    whole[:, :, equations.starts(2) :] = common
    for k in range(2 if starts == "fitted" else 0):
        whole[k, :, 2 * k : 2 * k + 2] = own[k]
    for k, unit in enumerate(np.eye(len(w))):
        quotient = (residuals(w + 1e-5 * unit) - residuals(w - 1e-5 * unit)) / 2e-5
        assert whole[..., k] == pytest.approx(quotient, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("price", ["error", "local error"])
def test_prices_among_few_measurements_add_no_rows_and_the_same_cost(price):
    """Starts that hold leave one measurement of a trajectory; with the same ones fitted there are rows of all."""
    from symdyn.discover.surrogates._ensemble import prepare
    from symdyn.discover.surrogates._network_ode import NetworkODE
    from symdyn.discover.surrogates._windows import windows
    from symdyn.discover.surrogates.neural_ode import NeuralODE
    from symdyn.inference.data import observations

    prepare()
    x, y = sp.symbols("x y")
    system = sd.ODESystem({x: sd.network("f", [x, y], width=2, depth=1)(x, y), y: -y})
    rows = [{"t": [0, 0.5, 1], "x": np.array([1, np.nan, 3]) * c, "y": [2 * c, np.nan, np.nan]} for c in (1, 0.7)]
    data, shared, costs = observations(system, rows), None, []
    cut = windows(data, np.ones(2), 99)
    for starts in ("fitted", "measured"):
        options = NeuralODE(window=99, starts=starts, penalty={price: 1e3, "stiffness": 1.0})
        equations = NetworkODE(system, options, 0, 2)
        given = equations.followed(data, cut, None)
        shared = np.random.default_rng(2).normal(size=equations.networks.size) if shared is None else shared
        begin = (cut.values[:, 0] / np.asarray(given.units.size)).ravel() if starts == "fitted" else []
        weights = cut.weights if given.places is None else np.ones((2, 1))
        steps = equations.effort.chosen(2, 2, np.random.default_rng(0))
        found = np.asarray(equations.residuals(np.concatenate([begin, shared]), (given, weights, steps)))
        costs.append(np.sum(found**2))
        assert found.shape == ((2, 1) if starts == "measured" else (2, 3 * 2 + 2))
    assert costs[1] == pytest.approx(costs[0], rel=1e-12)


@pytest.mark.parametrize(
    "penalty", [{"eror": 1}, {"error": -1}, {}, 3, {"error": 1, "local error": 1}, {"stiffness": True}, {"error": float("nan")}]
)
def test_prices_that_are_none_are_refused(penalty):
    with pytest.raises(RecoveryError, match="penalty"):
        sd.learn(sd.ODESystem({"x": sd.network("f", ["x"])("x")}), {"t": [0, 1], "x": [1, 2]}, penalty=penalty)


def test_maps_have_no_steps_to_be_priced():
    with pytest.raises(RecoveryError, match="penalty has no effect"):
        sd.learn(sd.DiscreteSystem({"x": sd.network("f", ["x"])("x")}), {"t": [0, 1], "x": [1, 2]}, penalty={"error": 1})


def test_starts_that_hold_exactly_are_not_cut_into_windows_and_are_checked():
    from symdyn.discover.surrogates.neural_ode import NeuralODE
    from symdyn.inference.data import observations

    x = sp.Symbol("x")
    system = sd.ODESystem({x: sd.network("f", [x], width=2, depth=1)(x)}, initial={x: 1})
    data = observations(system, [{"t": np.arange(6), "x": 0.9 ** np.arange(6)}])
    whole, cut = (NeuralODE(starts="declared", window=w, iterations=2, members=1, decay=1.0).fit(system, data) for w in (6, 3))
    assert cut.times[0].tolist() == whole.times[0].tolist()
    np.testing.assert_array_equal(cut.states[0], whole.states[0])
    assert cut.states[0][0] == pytest.approx(1)
    with pytest.raises(RecoveryError, match="starts is 'exact'; expected 'fitted', 'declared', 'measured'"):
        NeuralODE(starts="exact")


def test_slopes_beside_which_the_prior_is_rounding_leave_the_precisions_as_they_are():
    from symdyn.discover.surrogates._descent import descend

    slopes = np.full((3, 2), 1e12)
    found = descend(
        lambda w, _: slopes @ w - 1e12, lambda w, _: slopes, np.zeros(2), np.ones(2), trials=30, classes=np.zeros(2, dtype=int)
    )
    assert found.precision == pytest.approx(1)
    assert np.isfinite(found.cost)
