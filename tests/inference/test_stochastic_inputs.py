"""What users give to fits of systems with randomness: numbers that cannot be, units of time, and what a fit returns."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy import stats

import symdyn as sd
from symdyn.inference.density import PosteriorDensity

DECAY = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", initial={"X": 0})
WALK = sd.SDESystem.from_text("dx = -k*x*dt + s*dW")
TIMES = np.array([0.0, 0.4, 0.9, 1.7, 2.0])
PATH = np.array([3.0, 7.0, 9.0, 6.0, 8.0])
NEAR = {"guesses": {"k": 9, "g": 1.3}, "starts": 1}
CELLS = {"t": np.full(12, 0.7), "X": np.array([3.0, 5, 4, 8, 6, 5, 4, 7, 2, 5, 6, 9])}


@pytest.mark.parametrize("data", [{"t": TIMES, "X": PATH + 0.6}, {"t": CELLS["t"], "X": CELLS["X"] + 0.5}])
def test_fractions_without_noise_are_no_numbers_of_molecules(data):
    with pytest.raises(sd.RecoveryError, match="'projection' takes whole numbers of X without noise, and the data hold 3"):
        sd.fit(DECAY, data, likelihood="projection", **NEAR)
    fit = sd.fit(DECAY, data, **NEAR)
    assert fit.problem.likelihood.name == "moments"
    assert "projection takes whole numbers" in str(fit)


def test_particles_of_networks_take_whole_numbers_and_no_steps():
    rule = sd.LIKELIHOODS["particle"]
    with pytest.raises(sd.RecoveryError, match="'particle' takes whole numbers of X without noise"):
        sd.fit(DECAY, {"t": TIMES, "X": PATH + 0.6}, likelihood=rule(particles=10), **NEAR)
    with pytest.raises(sd.RecoveryError, match="takes no steps of networks"):
        sd.fit(DECAY, {"t": TIMES, "X": PATH}, likelihood=rule(particles=10, steps=3), **NEAR)


def test_particles_whose_reactions_do_not_end_are_impossible():
    """The best rates of the normal laws are beyond 1e4, at which no particle arrives; the guess is where to begin."""
    net = sd.ReactionNetwork.from_text("0 -> X, k*(1+sin(t)); X -> 0, g", initial={"X": 0})
    rule = sd.LIKELIHOODS["particle"](particles=100, reactions=2000)
    fit = sd.fit(net, {"t": TIMES, "X": PATH}, likelihood=rule, noise=1.0, initial={"X": 3}, **NEAR)
    far = fit.problem.evaluator.expand(np.array([[1e7, 1e7]])).value
    assert np.isneginf(far).all()
    assert np.isfinite(fit.log_likelihood)
    with pytest.raises(sd.RecoveryError, match="takes no reactions of diffusions"):
        sd.fit(WALK, {"t": TIMES, "x": PATH}, likelihood=rule, noise=1.0, initial={"x": 3})


@pytest.mark.parametrize("name", ["auto", "lna"])
def test_negative_numbers_of_molecules_need_noise(name):
    with pytest.raises(sd.RecoveryError, match="X is a number of molecules without noise of measurement, and the data hold -7"):
        sd.fit(DECAY, {"t": TIMES, "X": PATH * [1, -1, 1, 1, 1]}, likelihood=name, **NEAR)


@pytest.mark.parametrize("name", ["lna", "moments"])
@pytest.mark.parametrize("times", [np.arange(4.0), np.ones(4)])
def test_normal_laws_of_a_conserved_sum_have_no_density(name, times):
    net = sd.ReactionNetwork.from_text("A -> B, f; B -> A, r", initial={"A": 20, "B": 0})
    data = {"t": times, "A": np.array([20.0, 14, 9, 8]), "B": np.array([0.0, 6, 11, 12])}
    with pytest.raises(sd.RecoveryError, match="as reactions conserve a sum of A, B"):
        sd.fit(net, data, likelihood=name)
    alone = sd.fit(net, {"t": times, "A": data["A"]}, likelihood=name, guesses={"f": 1, "r": 1}, starts=1)
    assert np.isfinite(alone.log_likelihood)
    assert sd.fit(net, data, guesses={"f": 1, "r": 1}, starts=1).problem.likelihood.name == "projection"


def test_the_unit_of_time_does_not_matter():
    unit = 1e-12  # the likelihood of counts is a probability
    fits = [
        sd.fit(DECAY, {"t": TIMES * u, "X": PATH}, likelihood="projection", guesses={"k": 9 / u, "g": 1.3 / u}, starts=1)
        for u in (1.0, unit)
    ]
    assert fits[1].log_likelihood == pytest.approx(fits[0].log_likelihood, rel=1e-8)
    assert fits[1].parameters["g"] * unit == pytest.approx(fits[0].parameters["g"], rel=1e-5)


def test_the_fitted_system_begins_where_the_first_path_does():
    net = sd.fit(DECAY, {"t": TIMES, "X": PATH}, likelihood="lna", **NEAR).system
    assert net.initial == {sp.Symbol("X"): 3}
    bounds = {"k": (0.1, 9), "s": (0.1, 9)}
    walk = sd.fit(WALK, {"t": TIMES, "x": [1.0, 0.5, 0.2, 0.1, -0.3]}, parameters=bounds, starts=1).system
    assert walk.initial == {sp.Symbol("x"): 1}


def test_sample_moments_know_noise_that_grows_with_the_numbers():
    fit = sd.fit(DECAY, CELLS, likelihood="moments", noise={"X": 0.1 * sp.Symbol("X")}, **NEAR)
    k, g, count = 9.0, 1.3, len(CELLS["X"])
    m = k / g * (1 - np.exp(-0.7 * g))
    raw = [1.0, m, m + m**2, m + 3 * m**2 + m**3, m + 7 * m**2 + 6 * m**3 + m**4]  # Poisson numbers
    raw = [r * e for r, e in zip(raw, (1, 1, 1.01, 1.03, 1 + 6 * 0.01 + 3 * 0.0001), strict=True)]  # times (1 + 0.1 e)^n
    C = np.array([[raw[i + j] - raw[i] * raw[j] for j in (1, 2)] for i in (1, 2)]) / count
    size = np.sqrt((CELLS["X"] ** 2).mean()) ** np.array([1, 2])
    gap = np.array([CELLS["X"].mean(), (CELLS["X"] ** 2).mean()]) - raw[1:3]
    exact = stats.multivariate_normal.logpdf(gap / size, cov=C / np.outer(size, size))
    theta = fit.problem.coordinates([{"k": k, "g": g}[n] for n in fit.problem.names])
    assert fit.problem.log_posterior(theta[None])[0] == pytest.approx(exact, rel=1e-8)
    assert "sample moments suppose many cells, and of time 0.7 there are 12" in str(fit)


def test_a_scaled_observable_does_not_tell_how_large_numbers_are():
    data = {"t": TIMES, "light": 1000 * PATH}
    fit = sd.fit(DECAY, data, observables={"light": 1000 * sp.Symbol("X")}, noise=500.0, **NEAR)
    assert "was chosen, as the numbers themselves are not measured" in str(fit)


def test_columns_of_cells_that_are_no_species_are_named():
    with pytest.warns(UserWarning, match="columns that are no state are ignored: batch"):
        sd.fit(DECAY, {**CELLS, "batch": np.arange(12.0)}, likelihood="lna", **NEAR)


def test_noise_that_vanished_is_said():
    # numbers that were measured without noise
    fit = sd.fit(DECAY, {"t": TIMES, "X": PATH}, likelihood="lna", noise="normal", starts=1, guesses={"k": 10, "g": 1},
                 parameters={"X": (0.1, 20), "k": (0.1, 99), "g": (0.1, 9)})  # fmt: skip
    assert fit.parameters["deviation_X"] < 1e-3
    assert "deviation_X fell to" in str(fit)
    assert "either there is no noise, or the data do not tell it from the noise of the reactions" in str(fit)


def test_what_approximate_posteriors_refuse():
    rule = sd.LIKELIHOODS["abc"]
    with pytest.raises(sd.RecoveryError, match="a population of 200 begins with 400"):
        rule(population=200, simulations=300)
    bounds = {"k": (1, 50), "g": (0.1, 10)}
    paths = [{"t": TIMES, "X": PATH}, {"t": TIMES[:3], "X": PATH[:3]}]
    with pytest.raises(sd.RecoveryError, match="the paths were measured at different ones"):
        sd.fit(DECAY, paths, likelihood=rule(summaries=lambda t, v: v[0][-1]), parameters=bounds)
    pytest.importorskip("emcee")
    pytest.importorskip("arviz")
    fit = sd.fit(DECAY, CELLS, likelihood=rule(population=10, simulations=20), parameters=bounds, starts=1)
    with pytest.raises(sd.RecoveryError, match="'abc' is a posterior already"):
        fit.sample(10)


def test_the_density_of_a_simulated_likelihood_takes_one_simulation_each():
    rule = sd.LIKELIHOODS["particle"](particles=20)
    fit = sd.fit(DECAY, {"t": TIMES, "X": PATH}, likelihood=rule, noise=1.0, initial={"X": 3}, **NEAR)
    evaluator, rows = fit.problem.evaluator, []
    expand = evaluator.expand
    evaluator.expand = lambda values: rows.append(len(values)) or expand(values)
    found = PosteriorDensity(fit.problem, fit.scaled_starts)(fit.theta + np.array([[0.0, 0.0], [0.1, 0.0]]))
    assert rows == [2]
    assert found[0] == pytest.approx(fit.log_posterior)


def test_values_that_the_data_do_not_tell_have_no_bias_and_foretell_nothing():
    fit = sd.fit(DECAY, {"t": [1.0, 1.0], "X": [4.0, 6.0]}, likelihood="lna", **NEAR)
    with pytest.raises(sd.RecoveryError, match="the data do not tell g, k, so that there is no bias"):
        fit.validity(10)
    flat = sd.fit(DECAY, {"t": [0.0, 1.0], "X": [3.0, 7.0]}, likelihood="lna", guesses={"k": 9, "g": 1.3}, starts=2)
    with pytest.raises(sd.RecoveryError, match="the data do not tell g, so that nothing can be foretold"):
        flat.predict([0.0, 1.0])
