"""The one optimiser, on linear least squares, where the optimum is known, and on a likelihood with a closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares, lsq_linear

from symdyn.inference.levenberg import LevenbergMarquardt
from symdyn.inference.quadratic import Quadratic
from symdyn.inference.scoring import Score, maximise, maximise_together

WINDOWS, ROWS, COLUMNS, STARTS = 3, 8, 4, 2


@pytest.fixture
def linear():
    """Designs (V, R, P + n) and data (M, V, R) of M = 2 candidates, their expansions, and places that were asked for."""
    rng = np.random.default_rng(0)
    design, data = rng.normal(size=(WINDOWS, ROWS, COLUMNS + STARTS)), rng.normal(size=(2, WINDOWS, ROWS))
    asked = []

    def expand(which, theta, starts):
        asked.append(which.tolist())
        values = np.concatenate([np.repeat(theta[:, None], WINDOWS, axis=1), starts], axis=2)
        left = data[which] - np.einsum("vrq,mvq->mvr", design, values)
        whole = np.broadcast_to(design, (len(which), *design.shape))
        return Quadratic.of((left**2).sum(axis=(1, 2))[:, None], left, whole, COLUMNS)

    return design, data, expand, asked


def begin():
    return np.zeros((2, COLUMNS)), np.zeros((2, WINDOWS, STARTS)), np.ones((2, COLUMNS), dtype=bool)


def joint(design):
    """The design of parameters and of the initial values of all windows, (V R, P + V n)."""
    found = np.zeros((WINDOWS, ROWS, COLUMNS + WINDOWS * STARTS))
    found[..., :COLUMNS] = design[..., :COLUMNS]
    for v in range(WINDOWS):
        found[v, :, COLUMNS + v * STARTS : COLUMNS + (v + 1) * STARTS] = design[v, :, COLUMNS:]
    return found.reshape(WINDOWS * ROWS, -1)


def test_parameters_and_initial_values_are_those_of_least_squares(linear):
    design, data, expand, _ = linear
    fits = LevenbergMarquardt(expand, *begin(), tolerance=1e-14).run()
    for m in range(2):
        exact = np.linalg.lstsq(joint(design), data[m].ravel(), rcond=None)[0]
        np.testing.assert_allclose(np.append(fits.theta[m], fits.starts[m]), exact, atol=1e-7)


@pytest.mark.parametrize("size", [1.0, 1e5, 1e12])
def test_units_in_which_parameters_are_large_do_not_matter(size):
    """The optimum of a quadratic in parameters of which one is of another size."""
    rng = np.random.default_rng(1)
    design, data = rng.normal(size=(ROWS, 2)) / [1.0, size], rng.normal(size=ROWS)

    def expand(which, theta, starts):
        left = data - np.einsum("rp,mp->mr", design, theta)
        whole = np.broadcast_to(design, (len(which), 1, ROWS, 2))
        return Quadratic.of((left**2).sum(axis=1)[:, None], left[:, None], whole, 2)

    fits = LevenbergMarquardt(
        expand, np.array([[1.0, size]]), np.zeros((1, 1, 0)), np.ones((1, 2), dtype=bool), tolerance=1e-14
    ).run()
    exact = np.linalg.lstsq(design * [1.0, size], data, rcond=None)[0]
    np.testing.assert_allclose(fits.theta[0] / [1.0, size], exact, rtol=1e-6)


def test_bounds_and_held_parameters_are_kept(linear):
    design, data, expand, _ = linear
    theta, starts, active = begin()
    active[:, 3] = False
    low, high = np.full(COLUMNS, -0.05), np.full(COLUMNS, 0.05)
    fits = LevenbergMarquardt(expand, theta, starts, active, bounds=(low, high), tolerance=1e-14).run(200)
    whole = np.delete(joint(design), 3, axis=1)
    edges = np.append(low[:3], np.full(WINDOWS * STARTS, -np.inf)), np.append(high[:3], np.full(WINDOWS * STARTS, np.inf))
    for m in range(2):
        exact = lsq_linear(whole, data[m].ravel(), edges, tol=1e-14)
        assert fits.total[m] == pytest.approx(2 * exact.cost, rel=1e-6)
        assert fits.theta[m, 3] == 0
        np.testing.assert_allclose(fits.theta[m, :3], exact.x[:3], atol=1e-4)


def test_what_cannot_become_good_enough_is_given_up(linear):
    *_, expand, asked = linear
    lost = LevenbergMarquardt(expand, *begin(), needed=-1e6).run()
    assert lost.abandoned.all()
    assert asked == [[0, 1]]
    assert np.all(lost.theta == 0)
    assert not LevenbergMarquardt(expand, *begin(), needed=1e6).run().abandoned.any()


def test_a_bound_at_which_simulations_fail_does_not_stop_what_else_moves():
    """The least squares of p + q t wants q below its bound 0, where nothing can be computed: p becomes the mean."""
    t, y = np.linspace(0, 1, 9), 2.0 - np.linspace(0, 1, 9)

    def expand(which, theta, starts):
        left = y - theta[:, :1] - theta[:, 1:] * t
        design = np.broadcast_to(np.stack([np.ones(9), t], axis=-1), (len(theta), 1, 9, 2))
        rss = np.where(theta[:, 1] > 0, (left**2).sum(axis=1), np.inf)
        return Quadratic.of(rss[:, None], left[:, None], design, 2)

    begun, bounds = np.array([[9.0, 1e-9]]), (np.array([-np.inf, 0.0]), np.full(2, np.inf))
    fits = LevenbergMarquardt(
        expand, begun, np.zeros((1, 1, 0)), np.ones((1, 2), dtype=bool), bounds=bounds, tolerance=1e-12
    ).run()
    assert fits.theta[0, 0] == pytest.approx(y.mean(), abs=1e-6)
    assert 0 < fits.theta[0, 1] <= 1e-9


@pytest.mark.parametrize("active", [(True, True), (False, True)])
@pytest.mark.parametrize("begin", [0.6, 3.0, 100.0])
def test_what_waits_at_such_a_bound_goes_on_in_the_end(active, begin):
    """Full steps of p + t log q from afar end at the bound 0 of q, where the logarithm fails; the best q is 1/2."""
    t = np.linspace(0, 1, 9)
    y = 1.5 + np.log(0.5) * t

    def expand(which, theta, starts):
        with np.errstate(divide="ignore", invalid="ignore"):
            left = y - theta[:, :1] - np.log(theta[:, 1:]) * t
            design = np.stack([np.ones((len(theta), 9)), t / theta[:, 1:]], axis=-1)
        fails = theta[:, 1] <= 0
        left[fails], design[fails] = 0.0, 0.0
        return Quadratic.of(np.where(fails, np.inf, (left**2).sum(axis=1))[:, None], left[:, None], design[:, None], 2)

    begun, bounds = np.array([[9.0 if active[0] else 1.5, begin]]), (np.array([-np.inf, 0.0]), np.full(2, np.inf))
    stops = {"tolerance": 0.0, "small": 1e-6, "floor": -np.inf}
    fits = LevenbergMarquardt(expand, begun, np.zeros((1, 1, 0)), np.array([active]), bounds=bounds, **stops).run(80)
    np.testing.assert_allclose(fits.theta, [[1.5, 0.5]], rtol=2e-3)


class Correlated:
    """A normal law whose parameters the data hardly tell apart: with the first one bounded, the best second one is 0.199."""

    INFORMATION = np.array([[1.0, -0.99], [-0.99, 1.0]])

    def score(self, theta):
        left = np.array([10.0, 10.0]) - theta
        gradient = self.INFORMATION @ left
        return Score(-0.5 * float(left @ gradient), gradient, self.INFORMATION, np.zeros((2, 2)))


def test_a_step_that_a_bound_bends_is_damped_until_it_promises_a_fall():
    # of the first step, to (10, 10), the bound leaves (0.1, 10), where the likelihood is less
    fit = maximise(Correlated(), np.zeros(2), high=np.array([0.1, np.inf]))
    assert fit.converged
    assert fit.theta == pytest.approx([0.1, 0.1 + 0.99 * 0.1], abs=1e-3)


class Counts:
    """Poisson numbers of a mean whose logarithm is sought."""

    numbers = np.array([3.0, 5.0, 9.0])

    def value(self, theta):
        return self.score(theta).value

    def score(self, theta):
        mean = np.exp(theta[0])
        left = self.numbers - mean
        return Score(
            float((self.numbers * theta[0] - mean).sum()),
            left.sum(keepdims=True),
            np.array([[3 * mean]]),
            np.array([[left @ left]]),
        )


@pytest.mark.parametrize("start", [-3.0, 1.0, 8.0])
def test_a_likelihood_is_maximised(start):
    fit = maximise(Counts(), np.array([start]))
    assert fit.converged
    assert fit.theta[0] == pytest.approx(np.log(17 / 3), abs=1e-4)
    at_bound = maximise(Counts(), np.array([min(start, 1.2)]), high=np.array([1.2]))
    assert at_bound.converged
    assert at_bound.theta[0] == 1.2
    lost = maximise(Counts(), np.array([1.7]), needed=100.0)
    assert lost.abandoned
    assert not lost.converged


def test_likelihoods_of_different_sizes_are_maximised_at_once():
    # the mean of counts, bounded once, and the mean and the logarithm of the deviation of normal numbers
    counts, numbers = Counts(), np.array([1.0, 4.0, 2.0, 7.0])

    def normal(theta):
        mean, size = theta
        left = (numbers - mean) * np.exp(-size)
        each = np.stack([left * np.exp(-size), left**2 - 1])
        return Score(
            float(-0.5 * (left**2).sum() - 4 * size), each.sum(axis=1), np.diag([4 * np.exp(-2 * size), 8.0]), each @ each.T
        )

    def scores(which, thetas):
        return [normal(theta) if i == 1 else counts.score(theta) for i, theta in zip(which, thetas, strict=True)]

    free, bounded = (np.array([-np.inf]), np.array([np.inf])), (np.array([-np.inf]), np.array([1.2]))
    fits = maximise_together(
        scores,
        [np.array([1.0]), np.array([0.0, 1.0]), np.array([1.0])],
        [free, (np.full(2, -np.inf), np.full(2, np.inf)), bounded],
    )
    assert all(fit.converged for fit in fits)
    assert fits[0].theta == pytest.approx([np.log(17 / 3)], abs=1e-4)
    assert fits[1].theta == pytest.approx([3.5, np.log(np.std(numbers))], abs=1e-4)
    assert fits[2].theta == [1.2]


def test_a_fit_ends_where_it_does_alone():
    """One of these takes far more steps than the other, whose end must not depend on that."""
    t = np.arange(1.0, 9.0)

    class Decay:
        """exp(-k t), errors of one hundredth."""

        def __init__(self, k):
            self.y = np.exp(-k * t)

        def score(self, theta):
            model = np.exp(-theta[0] * t)
            left, slope = (self.y - model) / 0.01, -t * model / 0.01
            square = np.array([[slope @ slope]])
            return Score(-0.5 * float(left @ left), np.array([slope @ left]), square, square)

    near, far, free = Decay(0.5), Decay(3.0), (np.array([-np.inf]), np.array([np.inf]))
    both = maximise_together(
        lambda which, thetas: [(near, far)[i].score(theta) for i, theta in zip(which, thetas, strict=True)],
        [np.array([0.47]), np.array([0.1])], [free, free], tolerance=1e-2,
    )  # fmt: skip
    alone = [maximise(like, np.array([k]), tolerance=1e-2) for like, k in ((near, 0.47), (far, 0.1))]
    assert both[1].evaluations > both[0].evaluations
    assert [(fit.theta.tolist(), fit.evaluations) for fit in both] == [(fit.theta.tolist(), fit.evaluations) for fit in alone]


def test_parameters_that_are_eliminated():
    """y = a exp(-k t) with a at its best for every k: the optimum is that of both, and what is held stays."""
    t = np.linspace(0, 3, 12)
    y = 2.5 * np.exp(-1.3 * t) + 0.05 * np.cos(9 * t)

    settled, expanded = [], []

    def expand(which, theta, starts):
        k, a = theta[:, :1], theta[:, 1:]
        model = a * np.exp(-k * t)
        expanded.append(((y - model) ** 2).sum(axis=1))
        design = np.stack([-t * model, np.exp(-k * t)], axis=-1)
        return Quadratic.of(((y - model) ** 2).sum(axis=1)[:, None], (y - model)[:, None], design[:, None], 2)

    def settle(which, theta, starts, active):
        shape = np.exp(-theta[:, :1] * t)
        best = np.where(active[:, 1], shape @ y / (shape**2).sum(axis=1), theta[:, 1])
        settled.append(((y - best[:, None] * shape) ** 2).sum(axis=1))
        return np.stack([theta[:, 0], best], axis=1), settled[-1]

    begun = np.array([[0.2, 100.0], [4.0, 100.0]])
    active = np.array([[True, True], [True, False]])
    fits = LevenbergMarquardt(expand, begun, np.zeros((2, 1, 0)), active, tolerance=1e-15, settle=settle).run(100)
    both = least_squares(lambda p: y - p[1] * np.exp(-p[0] * t), [1.0, 1.0], xtol=1e-12)
    np.testing.assert_allclose(fits.theta[0], both.x, rtol=1e-6)
    alone = least_squares(lambda p: y - 100.0 * np.exp(-p[0] * t), [4.0], xtol=1e-12)
    np.testing.assert_allclose(fits.theta[1], [alone.x[0], 100.0], rtol=1e-4)
    # trials that are no better are seen to be so before their derivatives are computed
    assert sum(map(len, expanded)) < sum(map(len, settled))
