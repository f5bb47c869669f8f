"""Likelihoods of networks and diffusions against closed forms: transition laws, Kalman filters, stationary laws."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import sympy as sp
from scipy import integrate, stats

import symdyn as sd
from symdyn.inference.stochastic_problem import StochasticProblem
from tests.inference.stochastic_cases import DECAY, GENE, PATH, TIMES, WALK, kalman, likelihood, slopes


def transition(y, x, gap, k, g):
    """P(y | x) of immigration and death: those of x that survive, and a Poisson number of new ones."""
    stay = np.exp(-g * gap)
    n = np.arange(int(x) + 1)
    return float(np.sum(stats.binom.pmf(n, x, stay) * stats.poisson.pmf(y - n, k / g * (1 - stay))))


# ---- paths -----------------------------------------------------------------------------------------------


def test_projection_has_the_transition_law_of_immigration_and_death():
    fit = sd.fit(DECAY, {"t": TIMES, "X": PATH}, likelihood="projection", starts=2, guesses={"k": 5, "g": 1})
    exact = sum(np.log(transition(b, a, h, 9.0, 1.3)) for a, b, h in zip(PATH, PATH[1:], np.diff(TIMES), strict=False))
    assert likelihood(fit, k=9.0, g=1.3) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("name", ["lna", "moments", "langevin"])
def test_normal_laws_have_the_first_moments_of_immigration_and_death(name):
    fit = sd.fit(DECAY, {"t": TIMES, "X": PATH}, likelihood=name, starts=2, guesses={"k": 5, "g": 1})
    k, g, exact = 9.0, 1.3, 0.0
    for a, b, h in zip(PATH, PATH[1:], np.diff(TIMES), strict=False):
        stay = np.exp(-g * h)
        new = k / g * (1 - stay)
        exact += stats.norm.logpdf(b, a * stay + new, np.sqrt(a * stay * (1 - stay) + new))
    assert likelihood(fit, k=k, g=g) == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize("name", ["lna", "langevin", "moments"])
def test_an_ornstein_uhlenbeck_process_has_its_kalman_likelihood(name):
    times = np.array([0.0, 0.3, 0.5, 1.1, 1.2, 2.0, 2.6])
    y = np.array([1.4, 1.1, np.nan, 0.2, 0.35, -0.1, np.nan])
    fit = sd.fit(
        WALK, {"t": times, "x": y}, likelihood=name, noise="normal", starts=2, seed=1,
        parameters={"x": (-5, 5), "k": (0.01, 10), "s": (0.01, 10)},
    )  # fmt: skip
    values = {"k": 0.8, "s": 0.6, "deviation_x": 0.3, "x(0)": 1.5}
    first = 0.6**2 * 0.55  # that of the usual interval between data, as the initial value is fitted
    assert likelihood(fit, **values) == pytest.approx(kalman(y, times, 0.8, 0.6, 0.3, 1.5, first), rel=1e-8)
    ours, differences = slopes(fit, fit.problem.coordinates([values[n] for n in fit.problem.names]))
    np.testing.assert_allclose(ours, differences, rtol=1e-6, atol=1e-7)
    held = sd.fit(
        WALK.with_initial(x=1.5), {"t": times, "x": y}, likelihood=name, noise="normal", starts=1,
        parameters={"k": (0.01, 10), "s": (0.01, 10)},
    )  # fmt: skip
    del values["x(0)"]
    assert likelihood(held, **values) == pytest.approx(kalman(y, times, 0.8, 0.6, 0.3, 1.5), rel=1e-8)


def test_several_paths_of_two_species_of_which_one_is_unobserved():
    # a linear chain: the law of y given x(0), y(0) is a discrete Kalman filter with matrix exponentials
    net = sd.ReactionNetwork.from_text("0 -> X, k; X -> Y, a; Y -> 0, d", parameters={"d": 1.0}, initial={"X": 20, "Y": 4})
    k, a, d, r = 30.0, 0.8, 1.0, 1.5
    paths = [{"t": [0, 0.5, 1.0], "Y": [4.0, 9.5, 13.2]}, {"t": [0, 0.7], "Y": [5.0, 12.0]}]
    fit = sd.fit(net, paths, likelihood="lna", noise=r, starts=2, guesses={"k": 20, "a": 1})
    J, total = np.array([[-a, 0.0], [a, -d]]), 0.0
    for path in paths:
        m, C = np.array([20.0, 4.0]), np.zeros((2, 2))
        for i, (t, y) in enumerate(zip(path["t"], path["Y"], strict=True)):
            if i:
                z = np.concatenate([m, C.ravel()])

                def rates(_, z):
                    x, c = z[:2], z[2:].reshape(2, 2)
                    D = np.array([[k + a * x[0], -a * x[0]], [-a * x[0], a * x[0] + d * x[1]]])
                    return np.concatenate([J @ x + [k, 0], (J @ c + c @ J.T + D).ravel()])

                z = integrate.solve_ivp(rates, (path["t"][i - 1], t), z, rtol=1e-11, atol=1e-12).y[:, -1]
                m, C = z[:2], z[2:].reshape(2, 2)
            S = C[1, 1] + r**2
            total += stats.norm.logpdf(y, m[1], np.sqrt(S))
            gain = C[:, 1] / S
            m, C = m + gain * (y - m[1]), C - np.outer(gain, gain) * S
    assert likelihood(fit, k=k, a=a) == pytest.approx(total, rel=1e-8)


def test_projection_filters_noisy_counts_as_a_hidden_markov_chain():
    y, times = np.array([0.0, 5.0, np.nan, 6.0]), np.array([0.0, 0.5, 1.0, 1.5])
    rule = sd.LIKELIHOODS["projection"](upper={"X": 40})
    fit = sd.fit(DECAY, {"t": times, "X": y}, likelihood=rule, noise="poisson", starts=2, guesses={"k": 10, "g": 1})
    k, g, n = 9.0, 1.3, np.arange(41)
    A = np.diag(np.full(40, k), -1) + np.diag(g * n[1:], 1)
    A -= np.diag(k + g * n)  # what leaves the box is lost
    p, total = np.eye(41)[0], 0.0
    for i, z in enumerate(y):
        p = scipy.linalg.expm(A * 0.5) @ p if i else p
        if np.isfinite(z):
            p = p * stats.poisson.pmf(z, np.maximum(n, 1e-10))
            total, p = total + np.log(p.sum()), p / p.sum()
    assert likelihood(fit, k=k, g=g) == pytest.approx(total, rel=1e-8)
    ours, differences = slopes(fit, np.log([g, k]) if fit.problem.names == ("g", "k") else np.log([k, g]))
    np.testing.assert_allclose(ours, differences, rtol=1e-6, atol=1e-8)


def test_particles_are_within_their_error_of_the_exact_likelihood():
    data = {"t": TIMES, "X": np.add(PATH, [0.3, -0.8, 0.5, 1.0, -0.2])}
    options = {"noise": 1.0, "starts": 1, "guesses": {"k": 9, "g": 1.3}, "initial": {"X": 3}}
    exact = sd.fit(DECAY, data, likelihood="projection", **options)
    rule = sd.LIKELIHOODS["particle"](particles=2000)
    fit = sd.fit(DECAY, data, likelihood=rule, seed=3, **options)
    at = dict(zip(fit.problem.names, (1.3, 9.0) if fit.problem.names[0] == "g" else (9.0, 1.3), strict=True))
    error = fit.problem.error(fit.problem.coordinates([at[n] for n in fit.problem.names]))
    assert 0 < error < 0.2
    assert abs(likelihood(fit, **at) - likelihood(exact, **at)) < 4 * error
    assert abs(np.log(fit.parameters["k"] / exact.parameters["k"])) < 0.3
    again = sd.fit(DECAY, data, likelihood=rule, seed=3, **options)
    assert again.parameters == fit.parameters


# ---- cells that are not followed -----------------------------------------------------------------------------


def beta_poisson(n, a, b, r):
    """The stationary law of a gene that switches, with mRNA that decays at rate 1 (Peccoud, Ycart 1995)."""
    return integrate.quad(lambda p: stats.poisson.pmf(n, r * p) * stats.beta.pdf(p, a, b), 0, 1, epsabs=1e-13, limit=200)[0]


def test_projection_of_old_cells_is_the_beta_poisson_law(tmp_path):
    cells = np.array([0, 0, 1, 3, 5, 8, 0, 2, 12, 4])
    with pytest.raises(sd.RecoveryError, match="has a box of up to 9 of M, and the data hold 12; raise upper"):
        sd.fit(GENE, {"t": np.full(10, 40.0), "M": cells}, likelihood=sd.LIKELIHOODS["projection"](upper={"M": 9}))
    rule = sd.LIKELIHOODS["projection"](upper={"M": 60})
    fit = sd.fit(GENE, {"t": np.full(10, 40.0), "M": cells}, likelihood=rule, starts=1, guesses={"a": 1, "b": 2, "r": 15})
    exact = sum(np.log(beta_poisson(n, 1.2, 2.5, 14.0)) for n in cells)
    assert likelihood(fit, a=1.2, b=2.5, r=14.0) == pytest.approx(exact, rel=1e-6)
    ours, differences = slopes(fit, fit.problem.coordinates([{"a": 1.2, "b": 2.5, "r": 14.0}[n] for n in fit.problem.names]))
    np.testing.assert_allclose(ours, differences, rtol=1e-5, atol=1e-6)
    fit.save(tmp_path / "fit.nc")
    again = sd.Fit.load(tmp_path / "fit.nc")
    assert again.log_likelihood == fit.log_likelihood
    assert again.problem.likelihood == rule
    assert len(again.plot().axes) == 1


def test_sample_moments_of_poisson_cells_have_their_normal_law():
    cells = np.array([3, 5, 4, 8, 6, 5, 4, 7, 2, 5, 6, 9])
    fit = sd.fit(DECAY, {"t": np.full(12, 0.7), "X": cells}, likelihood="moments", parameters={"k": (1, 50)},
                 initial={"X": 0}, priors={"g": stats.lognorm(0.1)}, starts=2)  # fmt: skip
    m = 9.0 / 1.3 * (1 - np.exp(-1.3 * 0.7))
    raw = [1.0, m, m + m**2, m + 3 * m**2 + m**3, m + 7 * m**2 + 6 * m**3 + m**4]
    C = np.array([[raw[i + j] - raw[i] * raw[j] for j in (1, 2)] for i in (1, 2)]) / 12
    size = np.sqrt((cells.astype(float) ** 2).mean()) ** np.array([1, 2])  # moments are scaled
    gap = np.array([cells.mean(), (cells**2.0).mean()]) - raw[1:3]
    exact = stats.multivariate_normal.logpdf(gap / size, cov=C / np.outer(size, size))
    assert likelihood(fit, k=9.0, g=1.3) == pytest.approx(exact, rel=1e-8)
    ours, differences = slopes(fit, fit.theta)
    np.testing.assert_allclose(ours, differences, rtol=1e-5, atol=1e-5)


def test_normal_cells_enter_one_by_one():
    data = {"t": np.array([0.5, 0.5, 1.0, 1.0, 1.0]), "X": np.array([3.0, 5.0, 6.0, np.nan, 4.0])}
    begun = {"t": np.append([0.0, 0.0], data["t"]), "X": np.append([0.0, 0.0], data["X"])}
    exact = [sd.fit(DECAY, d, likelihood="lna", parameters={"k": (1, 50), "g": (0.1, 10)}, starts=1) for d in (data, begun)]
    assert exact[0].log_likelihood == pytest.approx(exact[1].log_likelihood, rel=1e-12)  # all cells begin alike
    fit = sd.fit(DECAY, data, likelihood="lna", noise=0.5, parameters={"k": (1, 50), "g": (0.1, 10)}, starts=2)
    mean = {t: 9.0 / 1.3 * (1 - np.exp(-1.3 * t)) for t in (0.5, 1.0)}
    exact = sum(
        stats.norm.logpdf(x, mean[t], np.sqrt(mean[t] + 0.25)) for t, x in zip(data["t"], data["X"], strict=True)
        if np.isfinite(x)
    )  # fmt: skip
    assert likelihood(fit, k=9.0, g=1.3) == pytest.approx(exact, rel=1e-8)
    ours, differences = slopes(fit, fit.theta)
    np.testing.assert_allclose(ours, differences, rtol=1e-5, atol=1e-5)


# ---- what a fit can do -----------------------------------------------------------------------------------------


def test_validity_finds_by_how_much_a_normal_law_understates_errors():
    # Poisson cells of mean m with normal scores: E g^2 / I from the moments of the Poisson law
    m = 0.5
    net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"g": 1.0}, initial={"X": 0})
    cells = np.repeat([0, 1, 2], [31, 14, 5])  # the mean is 0.48
    fit = sd.fit(net, {"t": np.full(50, 30.0), "X": cells}, likelihood="lna", starts=2, parameters={"k": (0.05, 5)})
    m = fit.parameters["k"]
    squared = 1 / m + 1 / m**2 + 1 / (4 * m**3) + 1 / (2 * m**2)
    found = fit.validity(300, seed=1)
    assert found.table["spread"].iloc[0] == pytest.approx(np.sqrt(squared / (1 / m + 1 / (2 * m**2))), rel=0.15)
    assert found.misleads
    assert "varies" in found.verdict
    assert found.reference == "projection"
    assert float(abs(found.moments.mean_error).max()) < 1e-6  # linear rates: both moments are exact
    assert float(abs(found.moments.std_error).max()) < 1e-6


def test_validity_finds_the_bias_of_the_linear_noise_approximation():
    # 2 X -> 0 from two molecules: the rate equations predict a slow power law, the pair goes at once
    net = sd.ReactionNetwork.from_text("0 -> X, k; 2 X -> 0, c", parameters={"k": 2.0}, initial={"X": 0})
    run = sd.simulate(net, [0.0, 6.0], parameters={"c": 1.0}, trajectories=400, seed=2, progress=False)
    cells = {"t": np.full(400, 6.0), "X": run.X.values[:, -1]}
    limits = {"parameters": {"c": (0.01, 20)}, "starts": 2}
    exact = sd.fit(net, cells, likelihood="projection", **limits)
    rough = sd.fit(net, cells, likelihood="lna", **limits)
    found = rough.validity(60)
    assert abs(np.log(exact.parameters["c"])) < 0.3
    assert found.misleads
    assert abs(found.table["ratio"].iloc[0]) > 1
    assert np.sign(found.table["bias"].iloc[0]) == np.sign(np.log(rough.parameters["c"] / exact.parameters["c"]))


def test_predictions_have_the_mean_of_the_process(tmp_path):
    run = sd.simulate(DECAY, TIMES, parameters={"k": 20, "g": 1}, trajectories=20, seed=1, progress=False)
    data = [{"t": TIMES, "X": x} for x in run.X.values]
    fit = sd.fit(DECAY, data, starts=2, guesses={"k": 10, "g": 1})
    k, g = fit.parameters["k"], fit.parameters["g"]
    foretold = fit.predict([1.0, 4.0])
    exact = k / g * (1 - np.exp(-g * np.array([1.0, 4.0])))
    np.testing.assert_allclose(foretold.X, exact, rtol=0.05)
    inside = stats.poisson.cdf(foretold.X_upper, exact) - stats.poisson.cdf(foretold.X_lower - 1, exact)
    assert (inside > 0.85).all()
    fit.save(tmp_path / "fit.nc")
    again = sd.Fit.load(tmp_path / "fit.nc")
    assert isinstance(again.problem, StochasticProblem)
    assert again.parameters == fit.parameters
    assert again.log_likelihood == fit.log_likelihood
    np.testing.assert_array_equal(again.predict([1.0]).X, fit.predict([1.0]).X)
    curve = fit.profile("g", points=5)
    row = fit.intervals.set_index("constant").loc["g"]
    assert float(curve.lower) == pytest.approx(row["lower"], rel=0.05)
    assert float(curve.upper) == pytest.approx(row["upper"], rel=0.05)
    assert len(fit.plot().axes) == 1


def test_the_likelihood_is_chosen_by_what_the_system_is():
    small = sd.fit(DECAY, {"t": TIMES, "X": PATH}, starts=1, guesses={"k": 5, "g": 1})
    large = sd.fit(DECAY, {"t": TIMES, "X": np.array(PATH) * 1000}, starts=1, guesses={"k": 5000, "g": 1})
    walk = sd.fit(WALK, {"t": TIMES, "x": [1.0, 0.5, 0.2, 0.1, -0.3]}, starts=2, parameters={"k": (0.01, 9), "s": (0.01, 9)})
    growth = sd.SDESystem.from_text("dx = r*x*dt + s*x*dW")
    bent = sd.fit(growth, {"t": TIMES, "x": [1.0, 1.5, 1.2, 2.1, 3.3]}, starts=2, parameters={"s": (0.01, 9)})
    assert [f.problem.likelihood.name for f in (small, large, walk, bent)] == ["projection", "lna", "lna", "langevin"]
    assert "was chosen, which is exact as the box of states is small" in str(small)
    assert "projection needs" in str(large)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"likelihood": "kalman"}, "the likelihood is 'kalman'; known: auto"),
        ({"windows": 2}, "windows has no effect on fits of systems with randomness"),
        ({"conditions": {"a": {}}}, "conditions has no effect"),
        ({"rtol": 1e-3}, "rtol has no effect"),
        ({"likelihood": "lna", "noise": "poisson"}, "takes normal noise or none"),
        ({"likelihood": "abc"}, "draws from priors; give one of"),
        ({"noise": "nois"}, "the noise of X is 'nois'"),
        ({"observables": {"X": 2 * sp.Symbol("X")}, "likelihood": "lna"}, "with noise alone"),
        ({"likelihood": sd.LIKELIHOODS["projection"](largest=5)}, "more than largest=5"),
    ],
)
def test_what_has_no_effect_or_does_not_go_together_is_refused(options, message):
    with pytest.raises(sd.SymdynError, match=message):
        sd.fit(DECAY, {"t": TIMES, "X": PATH}, **options)


def test_what_else_is_refused():
    with pytest.raises(sd.RecoveryError, match="has an effect on systems with randomness alone"):
        sd.fit(DECAY.rate_equations(), {"t": TIMES, "X": PATH}, likelihood="lna")
    with pytest.raises(sd.RecoveryError, match="which only systems with randomness allow"):
        sd.fit(DECAY.rate_equations(), {"t": TIMES, "X": PATH}, noise="none")
    with pytest.raises(sd.RecoveryError, match="how large M may become"):
        sd.fit(GENE, {"t": TIMES, "ON": [0, 1, 1, 0, 1]}, likelihood="projection")
    with pytest.raises(sd.RecoveryError, match="no initial value of x, which is not measured without noise"):
        sd.fit(WALK, {"t": TIMES, "x": PATH}, noise=0.1)
    with pytest.raises(sd.RecoveryError, match="takes diffusions with noise of measurement alone"):
        sd.fit(WALK, {"t": TIMES, "x": PATH}, likelihood="particle")
    dosed = sd.ReactionNetwork.from_text("X -> 0, g", initial={"X": 9}).with_events(sd.dose("X", 5, every=1, times=2))
    with pytest.raises(sd.RecoveryError, match="does not apply, but 'abc' may: the network has events"):
        sd.fit(dosed, {"t": TIMES, "X": PATH}, likelihood="lna")
    with pytest.raises(sd.SymdynError, match="order is 0"):
        sd.LIKELIHOODS["moments"](order=0)
    with pytest.raises(sd.RecoveryError, match="the closure is 'norml'"):
        sd.LIKELIHOODS["moments"](closure="norml")
    fit = sd.fit(DECAY, {"t": TIMES, "X": PATH}, starts=1, guesses={"k": 5, "g": 1})
    with pytest.raises(sd.RecoveryError, match="a fit with the likelihood 'projection' has no bootstrap"):
        fit.bootstrap()
    with pytest.raises(sd.RecoveryError, match="validity compares"):
        sd.fit(DECAY.rate_equations(), {"t": TIMES, "X": PATH}, starts=1, guesses={"k": 5, "g": 1}).validity()
