"""Where paths begin: about fitted initial values, or at known ones, of equations and of networks."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from scipy import stats

import symdyn as sd
from symdyn.inference.simulated_data import SimulatedData
from symdyn.inference.stochastic_problem import StochasticProblem
from tests.inference.stochastic_cases import DECAY, TIMES, WALK, kalman, likelihood, slopes


@pytest.mark.parametrize(
    ("begin", "k", "first"),
    [("x0", 0.8, 0.6**2 * 0.5), ("2*k", 0.8, 0.0), ("2*k", 0.7, 0.0), ("1.4", 0.8, 0.6**2 * 0.5), ("1.3", 0.8, 0.0)],
)
def test_which_initial_values_are_not_known(begin, k, first):
    """A parameter of nothing else and the first datum are not; one that the equations have, also if it meets it, is."""
    times, y = 0.5 * np.arange(5), np.array([1.4, 1.1, 0.2, 0.35, -0.1])
    walk = sd.SDESystem.from_text(f"dx = -k*x*dt + s*dW; x(0) = {begin}")
    own = {"x0": (-5, 5)} if begin == "x0" else {}
    fit = sd.fit(walk, {"t": times, "x": y}, noise="normal", starts=1, parameters={"k": (0.01, 10), "s": (0.01, 10), **own})
    values = {"k": k, "s": 0.6, "deviation_x": 0.3, **dict.fromkeys(own, 1.7)}
    x0 = {"x0": 1.7, "2*k": 2 * k}.get(begin) or float(begin)
    assert likelihood(fit, **values) == pytest.approx(kalman(y, times, k, 0.6, 0.3, x0, first), rel=1e-8)
    ours, differences = slopes(fit, fit.problem.coordinates([values[n] for n in fit.problem.names]))
    np.testing.assert_allclose(ours, differences, rtol=1e-6, atol=1e-6)


def test_the_likelihood_is_bounded_where_a_fitted_initial_value_is_the_first_datum():
    """As the error vanishes it tends to that of the transitions and of the first datum about the initial value."""
    times, y = 0.5 * np.arange(5), np.array([1.4, 1.1, 0.2, 0.35, -0.1])
    fit = sd.fit(
        WALK, {"t": times, "x": y}, noise="normal", starts=1, parameters={"x": (-5, 5), "k": (0.01, 10), "s": (0.01, 10)}
    )
    stay, exact = np.exp(-0.8 * 0.5), stats.norm.logpdf(0, 0, 0.6 * np.sqrt(0.5))
    exact += stats.norm.logpdf(y[1:], stay * y[:-1], 0.6 * np.sqrt((1 - stay**2) / 1.6)).sum()
    for error, near in ((1e-3, 1e-3), (1e-6, 1e-8)):
        values = {"k": 0.8, "s": 0.6, "deviation_x": error, "x(0)": 1.4}
        assert likelihood(fit, **values) == pytest.approx(exact, abs=near)


@pytest.mark.filterwarnings("error")
def test_fits_by_an_earlier_law_are_told(tmp_path, monkeypatch):
    data = {"t": TIMES, "x": [1.4, 1.1, 0.2, 0.35, -0.1]}
    options = {"noise": 0.3, "starts": 1, "guesses": {"k": 1, "s": 0.6}}
    about = sd.fit(WALK, data, parameters={"x": (-5, 5), "k": (0.01, 10), "s": (0.01, 10)}, **options)
    at = sd.fit(WALK.with_initial(x=1.5), data, **options)
    about.save(tmp_path / "now.nc")
    sd.Fit.load(tmp_path / "now.nc")
    monkeypatch.setattr("symdyn.io.fits.LAW", 1)
    for name, fit in (("about", about), ("at", at)):
        fit.save(tmp_path / f"{name}.nc")
    monkeypatch.undo()
    with pytest.warns(UserWarning, match="not the best by that of this one; fit again"):
        assert sd.Fit.load(tmp_path / "about.nc").parameters == about.parameters
    assert sd.Fit.load(tmp_path / "at.nc").parameters == at.parameters


def test_correlated_noise_about_fitted_initial_values():
    """At the first time alone: x(0) and y(0) fitted, z(0) held, with the covariance of the noise in half a unit of time."""
    text = "dx = s*dW1 + s*x*dW2; dy = y*dW2; dz = z*dW1; dw = dW3; z(0) = 3; w(0) = 0"
    noisy, rows = sd.SDESystem.from_text(text), [[1.1, 2.3, 2.8], [0.9, 1.8, 3.1]]
    data = [{"t": [0, 0.5], **{n: [v, np.nan] for n, v in zip("xyz", row, strict=True)}, "w": [np.nan, 0]} for row in rows]
    bounds = {"x": (-5, 5), "y": (-5, 5), "s": (0.01, 9)}
    fit = sd.fit(noisy, data, likelihood="langevin", noise=0.2, starts=1, parameters=bounds)
    x, y, s = 1.2, 2.1, 0.7
    noise = np.array([[s, s * x], [0, y]])
    spread = 0.5 * np.pad(noise @ noise.T, ((0, 1), (0, 1)))
    exact = stats.multivariate_normal.logpdf(rows, [x, y, 3], 0.04 * np.eye(3) + spread).sum()
    exact += 2 * stats.norm.logpdf(0, 0, np.sqrt(0.5 + 0.04))
    values = {"s": s, "x(0)": x, "y(0)": y}
    assert likelihood(fit, **values) == pytest.approx(exact, rel=1e-8)
    ours, differences = slopes(fit, fit.problem.coordinates([values[n] for n in fit.problem.names]))
    np.testing.assert_allclose(ours, differences, rtol=1e-6, atol=1e-6)


def test_particles_and_simulated_data_begin_about_a_fitted_initial_value():
    times, y = 0.5 * np.arange(5), np.array([1.4, 1.1, 0.2, 0.35, -0.1])
    options = {"noise": 0.3, "starts": 1, "parameters": {"x": (-5, 5), "k": (0.01, 10), "s": (0.01, 10)}}
    fit = sd.fit(WALK, {"t": times, "x": y}, **options)
    setup, values = fit.problem.setup, {"k": 0.8, "s": 0.6, "x(0)": 2.4}
    rule = StochasticProblem(setup, sd.LIKELIHOODS["particle"](particles=4000, steps=40))
    theta = fit.problem.coordinates([values[n] for n in fit.problem.names])
    exact, error = kalman(y, times, 0.8, 0.6, 0.3, 2.4, 0.18), rule.error(theta)
    assert kalman(y, times, 0.8, 0.6, 0.3, 2.4) < exact - 6 * error  # as if the first state were the initial value
    assert abs(rule.log_posterior(theta[None])[0] - exact) < 4 * error
    first = SimulatedData(setup, 0).begun(next(setup.groups()), np.tile(fit.problem.values(theta[None]), (4000, 1)))
    assert first.mean() == pytest.approx(2.4, abs=4 * np.sqrt(0.18 / 4000))
    assert first.var() == pytest.approx(0.18, rel=4 * np.sqrt(2 / 4000))


@pytest.mark.parametrize("starts", [1, 6])
def test_fits_in_other_units_of_states_are_those_in_other_units(starts):
    """With c*x, c*m, c*s and c*deviation the law of c*y is the same, and its density is divided by c for each datum."""
    walk = sd.SDESystem.from_text("dx = -k*(x - m)*dt + s*dW")
    rng, times = np.random.default_rng(1), 0.25 * np.arange(60)
    stay, x = np.exp(-0.8 * 0.25), [2.0]
    for e in rng.normal(size=59) * 0.6 * np.sqrt((1 - stay**2) / 1.6):
        x.append(1.5 + stay * (x[-1] - 1.5) + e)
    y, fits = np.array(x) + 0.2 * rng.normal(size=60), {}
    open_ = (-np.inf, np.inf)
    for c in (1.0, 1e3, 1e-4):
        for noise in ("normal", None):
            bounds = {"k": (1e-3, 1e3), "m": open_, "s": (0, np.inf), **({"x": open_} if noise else {})}
            fit = sd.fit(walk, {"t": times, "x": c * y}, noise=noise, starts=starts, parameters=bounds, progress=False)
            found = {n: v / (1 if n == "k" else c) for n, v in fit.parameters.items()}
            found["density"] = fit.log_likelihood + (60 if noise else 59) * np.log(c)
            expected = fits.setdefault(noise, found)
            assert found == pytest.approx(expected, rel=1e-4)
            assert fit.parameters["s"] > 0.3 * c


def counted(y, k, g, r, x0, first):
    """The Kalman likelihood of immigration and death with noise: of n that live, a binomial number stays, a Poisson one comes.

    `first` is the variance of the first number about x0.
    """
    m, v, total, before = x0, first, 0.0, TIMES[0]
    for t, z in zip(TIMES, y, strict=True):
        stay = np.exp(-g * (t - before))
        new = k / g * (1 - stay)
        m, v, before = stay * m + new, stay**2 * v + stay * (1 - stay) * m + new, t
        total += stats.norm.logpdf(z, m, np.sqrt(v + r**2))
        gain = v / (v + r**2)
        m, v = m + gain * (z - m), (1 - gain) * v
    return total


@pytest.mark.parametrize(
    ("own", "noise", "law"),
    [("fitted", "normal", "lna"), ("fitted", "normal", "moments"), ("fitted", 1.5, "langevin"), ("datum", "normal", "lna"),
     ("datum", 1.5, "lna"), ("other", "normal", "lna")],
)  # fmt: skip
def test_paths_of_networks_begin_about_fitted_numbers(own, noise, law):
    """A number that is declared and measured counts as the datum where its error is fitted, another one is known."""
    y, k, g, r = np.array([11.3, 8.2, 9.4, 7.1, 6.6]), 9.0, 1.3, 1.5
    x0 = {"fitted": 10.2, "datum": 11.3, "other": 12.0}[own]
    given = {"parameters": {"X": (0, 50), "k": (1, 99), "g": (0.1, 9)}} if own == "fitted" else {"initial": {"X": x0}}
    fit = sd.fit(DECAY, {"t": TIMES, "X": y}, likelihood=law, noise=noise, starts=1, guesses={"k": 9, "g": 1}, **given)
    first = (k + g * x0) * 0.45 if own == "fitted" or (own, noise) == ("datum", "normal") else 0.0
    values = {"k": k, "g": g, "deviation_X": r, "X(0)": x0}
    assert likelihood(fit, **values) == pytest.approx(counted(y, k, g, r, x0, first), rel=1e-7)
    ours, differences = slopes(fit, fit.problem.coordinates([values[n] for n in fit.problem.names]))
    np.testing.assert_allclose(ours, differences, rtol=1e-5, atol=1e-6)
    if own == "fitted" and noise == "normal":  # bounded as the error vanishes at the datum
        bound = counted(y, k, g, 0.0, y[0], (k + g * y[0]) * 0.45)
        assert likelihood(fit, **values | {"X(0)": y[0], "deviation_X": 1e-4}) == pytest.approx(bound, abs=1e-6)


def test_projection_begins_at_the_declared_number():
    """Also where it is the first datum, and so do its simulated data."""
    y = [5.0, 6.5, 8.0, 9.0, 7.0]
    fit = sd.fit(DECAY.with_initial({"X": 5}), {"t": TIMES, "X": y}, likelihood="projection", noise="normal", starts=1,
                 guesses={"k": 9, "g": 1}, parameters={"k": (1, 99), "g": (0.1, 9)})  # fmt: skip
    values, problem = np.repeat(fit.problem.values(fit.theta[None]), 99, axis=0), fit.problem
    assert not problem.begins_about(fit.theta)
    assert (SimulatedData(problem.setup, seed=0).begun(next(iter(problem.setup.groups())), values) == 5).all()


def test_reactions_correlate_fitted_first_numbers():
    """A -> B moves one from A to B; geometric bursts of mean 3 have the mean square 3*4 + 9 = 21; C(0) is known."""
    text = "A -> B, c; 0 -> geometric(3) B, h; B -> 2 C, d"
    net = sd.ReactionNetwork.from_text(text, {"h": 6, "d": 0.5}, initial={"C": 0})
    rows = [[21.0, 8.5], [18.0, 11.0]]
    data = [{"t": [0, 0.5], "A": [a, np.nan], "B": [b, np.nan], "C": [np.nan, 3.0]} for a, b in rows]
    fit = sd.fit(net, data, likelihood="lna", noise=2.0, starts=1, parameters={"A": (0, 99), "B": (0, 99), "c": (0.01, 9)})
    a, b, c = 20.0, 9.0, 0.7
    first = 0.5 * np.array([[c * a, -c * a], [-c * a, c * a + 6 * 21 + 0.5 * b]])
    setup, values = fit.problem.setup, {"c": c, "A(0)": a, "B(0)": b}
    theta = fit.problem.coordinates([values[n] for n in fit.problem.names])
    group, coordinates = next(setup.groups()), fit.problem.values(theta[None])
    spread, _ = setup.path_spread(group, *setup.path_starts(group, coordinates), coordinates)
    np.testing.assert_allclose(spread[0], [np.pad(first, (0, 1))] * 2, rtol=1e-12)
    ours, differences = slopes(fit, theta)
    np.testing.assert_allclose(ours, differences, rtol=1e-5, atol=1e-6)


def test_first_numbers_that_are_simulated_are_whole_and_not_negative():
    """They are rounded normal ones, and negative ones are on the other side of the fitted number."""
    y, k, g, n = np.array([2.7, 3.1, 4.4, 5.2, 4.9]), 9.0, 1.3, np.arange(81)
    bounds = {"X": (0, 99), "k": (1, 99), "g": (0.1, 9)}
    fit = sd.fit(
        DECAY, {"t": TIMES, "X": y}, likelihood="lna", noise=1.0, starts=1, guesses={"k": 9, "g": 1}, parameters=bounds
    )
    setup = fit.problem.setup
    rule = StochasticProblem(setup, sd.LIKELIHOODS["particle"](particles=4000))
    A = np.diag(np.full(80, k), -1) + np.diag(g * n[1:], 1) - np.diag(k + g * n)
    for x0 in (2.2, 7.0):
        theta = fit.problem.coordinates([{"k": k, "g": g, "X(0)": x0}[name] for name in fit.problem.names])
        law, edges = stats.norm(x0, np.sqrt((k + g * x0) * 0.45)), np.arange(-0.5, 81)
        p = np.diff(law.cdf(edges))
        low = np.diff(law.cdf(np.minimum(np.sort(2 * x0 - edges), -0.5)))[::-1]  # of what comes to be at each number
        p = p + low
        made = SimulatedData(setup, 0).begun(next(setup.groups()), np.tile(fit.problem.values(theta[None]), (4000, 1)))
        found = np.bincount(made.ravel().astype(int), minlength=81) / 4000
        np.testing.assert_allclose(found, p, atol=5 * np.sqrt(0.25 / 4000))
        assert (made == np.rint(made)).all()
        total = 0.0
        for gap, z in zip([0.0, *np.diff(TIMES)], y, strict=True):
            p = scipy.linalg.expm(A * gap) @ p * stats.norm.pdf(z, n, 1.0)
            total, p = total + np.log(p.sum()), p / p.sum()
        assert abs(rule.log_posterior(theta[None])[0] - total) < 4 * rule.error(theta)


def test_first_states_are_those_at_which_noise_is_a_number():
    """Normal about 0.1 with the deviation 0.6 sqrt(0.1): 0.3 of them would be below zero, where the noise has no value."""
    times, y = np.arange(6.0), np.array([0.02, 0.35, 0.9, 1.9, 0.8, 1.1])
    roots = sd.SDESystem.from_text("dx = (1 - x)*dt + s*sqrt(x)*dW")
    problem = sd.fit(roots, {"t": times, "x": y}, noise=0.05, starts=1, parameters={"s": (0.1, 2), "x": (0.01, 1)}).problem
    values = np.tile(problem.values(problem.coordinates([{"s": 0.6, "x(0)": 0.1}[n] for n in problem.names])[None]), (2000, 1))
    first = SimulatedData(problem.setup, 0).begun(next(problem.setup.groups()), values).ravel()
    assert first.min() > 0
    distances = 0.6 * np.sqrt(0.1) * np.abs(np.random.default_rng(0).standard_normal(2000))
    np.testing.assert_allclose(np.sort(np.abs(first - 0.1)), np.sort(distances), rtol=1e-12)
