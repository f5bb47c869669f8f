"""Prices of steps: residuals of one equation beside numbers by hand, their derivatives, and what is refused."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import RecoveryError

pytest.importorskip("jax")


def effort(penalty, substeps=2):
    """Of x' = w x in one window of two intervals."""
    from symdyn.discover.surrogates._ensemble import prepare
    from symdyn.discover.surrogates._network_effort import StepEffort

    prepare()  # double precision
    return StepEffort(lambda units, s, t, y: s[0] * y, penalty, substeps)


class Units:
    size = np.array([2.0])


TIMES = np.array([[0.0, 0.4, 1.0]])


def by_hand(w, start, h):
    """Error and stiffness of a step of the classical method, and its end."""
    k1 = w * start
    k2 = w * (start + h / 2 * k1)
    k3 = w * (start + h / 2 * k2)
    k4 = w * (start + h * k3)
    end = start + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return h / 6 * (k4 - w * end), abs(w), end


def test_residuals_are_local_errors_and_stiffness_of_every_step():
    found = effort({"error": 9.0, "stiffness": 4.0})
    path = np.array([[[1.0], [1.5], [2.0]]])
    weights = found.chosen(1, 2, np.random.default_rng(0))
    values = np.asarray(found.residuals(Units, np.array([1.3]), path, TIMES, weights)).ravel()
    expected = []
    for start, h in ((1.0, 0.2), (1.5, 0.3)):
        x, squares = start, 0.0
        for _ in range(2):
            error, stiffness, x = by_hand(1.3, x, h)
            squares += (3 * error / 2) ** 2 + (2 * h * stiffness) ** 2
        expected.append(squares**0.5)
    assert values == pytest.approx(expected, rel=1e-9)


def test_a_local_price_takes_one_step_in_the_place_of_all():
    found = effort({"local error": 1.0})
    weights = found.chosen(5, 2, np.random.default_rng(0)).reshape(5, -1)
    assert (np.count_nonzero(weights, axis=1) == 1).all()
    assert (weights**2).sum(axis=1) == pytest.approx([4.0] * 5)


@pytest.mark.parametrize(("starts", "seen"), [("fitted", [1, 2, 3]), ("measured", [1, np.nan, 3])])  # of all times, and of few
def test_derivatives_of_data_and_prices_are_difference_quotients(starts, seen):
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
    options = NeuralODE(window=99, starts=starts, penalty={"error": 1e3, "stiffness": 1.0})
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


@pytest.mark.parametrize(
    "penalty", [{"eror": 1}, {"error": -1}, {}, 3, {"error": 1, "local error": 1}, {"stiffness": True}, {"error": float("nan")}]
)
def test_prices_that_are_none_are_refused(penalty):
    with pytest.raises(RecoveryError, match="penalty"):
        sd.learn(sd.ODESystem({"x": sd.network("f", ["x"])("x")}), {"t": [0, 1], "x": [1, 2]}, penalty=penalty)


def test_maps_have_no_steps_to_be_priced():
    with pytest.raises(RecoveryError, match="penalty has no effect"):
        sd.learn(sd.DiscreteSystem({"x": sd.network("f", ["x"])("x")}), {"t": [0, 1], "x": [1, 2]}, penalty={"error": 1})


def test_derivatives_are_those_of_the_residuals():
    """By differences, of a path that depends on its start and on the weight."""
    from symdyn.discover.surrogates._descent import Blocks

    found = effort({"local error": 9.0, "stiffness": 4.0})
    weights = found.chosen(1, 2, np.random.default_rng(0))

    def path(start, w):
        return (start * np.exp(w * TIMES))[..., None]

    def residuals(start, w):
        return np.asarray(found.residuals(Units, np.array([w]), path(start, w), TIMES, weights))[0]

    slopes = Blocks(path(1.2, 0.7)[..., None] / 1.2, (TIMES[..., None] * path(1.2, 0.7))[..., None])
    own, common = found.derivatives(Units, np.array([0.7]), path(1.2, 0.7), slopes, TIMES, weights)
    h = 1e-4
    assert np.asarray(own)[0, :, 0] == pytest.approx((residuals(1.2 + h, 0.7) - residuals(1.2 - h, 0.7)) / (2 * h), abs=1e-6)
    assert np.asarray(common)[0, :, 0] == pytest.approx((residuals(1.2, 0.7 + h) - residuals(1.2, 0.7 - h)) / (2 * h), abs=1e-6)


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
