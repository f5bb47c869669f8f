"""Random environments: growth rates against exact ones and published data, and the risk of extinction."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.leslie import gallery

HUDSONIA, BEARS = ([np.array(m.matrix, dtype=float) for m in models()] for models in (gallery.hudsonia, gallery.polar_bear))


def test_the_matrices_are_those_of_the_literature():
    growth = [sd.leslie.from_matrix(A).growth_factor for A in HUDSONIA]
    assert growth == pytest.approx([0.9593, 1.0098, 0.8453, 1.0183], abs=5e-5)
    growth = [sd.leslie.from_matrix(A).growth_factor for A in BEARS]
    assert growth == pytest.approx([1.0591, 1.0614, 1.0363, 0.7650, 0.7991], abs=5e-5)
    # these matrices are printed with four decimals: the sixth of the mean's growth factor is not theirs
    assert sd.leslie.from_matrix(np.mean(HUDSONIA, axis=0)).growth_factor == pytest.approx(0.965982, abs=5e-6)
    assert sd.leslie.from_matrix(np.mean(BEARS, axis=0)).growth_factor == pytest.approx(0.940646, abs=1e-6)


@pytest.mark.parametrize(
    ("matrices", "sample", "population", "digits"),
    [(HUDSONIA, -0.037126, -0.036497, 5e-6), (BEARS, -0.074199, -0.071597, 1e-6)],
    ids=["hudsonia", "polar bears"],
)
def test_the_approximation_of_tuljapurkar(matrices, sample, population, digits):
    assert sd.leslie.tuljapurkar(matrices, ddof=1) == pytest.approx(sample, abs=digits)
    assert sd.leslie.tuljapurkar(matrices) == pytest.approx(population, abs=digits)


@pytest.mark.parametrize(
    ("matrices", "reference", "error"),
    [(HUDSONIA, -0.03655, 0.00014), (BEARS, -0.07195, 0.00034)],
    ids=["hudsonia", "polar bears"],
)
def test_growth_rates_by_simulation(matrices, reference, error):
    model = sd.leslie.random_environment(matrices)
    found = sd.leslie.stochastic_growth_rate(model, steps=2000, trajectories=1000, seed=1)
    assert found.standard_error < 2.5e-4
    assert found.log_growth_rate == pytest.approx(reference, abs=3 * np.hypot(error, found.standard_error))


def test_one_stage_grows_by_the_mean_logarithm():
    shares = [0.2, 0.5, 0.3]
    model = sd.leslie.random_environment([1.3, 1.0, 0.7], shares)
    found = sd.leslie.stochastic_growth_rate(model, seed=2)
    logs = np.log([1.3, 1.0, 0.7])
    mean = shares @ logs
    assert found.log_growth_rate == pytest.approx(mean, abs=4 * found.standard_error)
    assert found.variance == pytest.approx(shares @ (logs - mean) ** 2, rel=0.2)
    assert found.growth_factor == pytest.approx(np.exp(mean), abs=1e-3)


def test_environments_with_memory():
    """One stage: the growth rate is the mean over the stationary distribution, (5/7, 2/7); the variance has the covariances."""
    P = np.array([[0.8, 0.2], [0.5, 0.5]])
    model = sd.leslie.markov_environment([1.3, 0.7], P)
    found = sd.leslie.stochastic_growth_rate(model, steps=4000, trajectories=1000, seed=4)
    stationary, logs = np.array([5, 2]) / 7, np.log([1.3, 0.7])
    mean = stationary @ logs
    assert found.log_growth_rate == pytest.approx(mean, abs=4 * found.standard_error)
    centred = logs - mean
    covariances = [stationary @ (centred * (np.linalg.matrix_power(P, k) @ centred)) for k in range(1, 60)]
    assert found.variance == pytest.approx(stationary @ centred**2 + 2 * sum(covariances), rel=0.2)


def test_random_rates_have_the_moments_that_were_asked_for():
    f, s = sd.leslie.log_normal(2, 1, "dW1"), sd.leslie.logit_normal(0.8, 0.5, "dW2")
    model = sd.DiscreteSystem({"f": f, "s": s}, initial={"f": 1, "s": 1})
    data = sd.simulate(model, [0, 1], trajectories=400_000, seed=1, progress=False)
    draws = data.f.values[:, 1]
    assert draws.mean() == pytest.approx(2, abs=4 / np.sqrt(draws.size))
    assert draws.std() == pytest.approx(1, rel=0.02)
    rates = data.s.values[:, 1]
    assert np.median(rates) == pytest.approx(0.8, abs=1e-3)
    assert np.log(rates / (1 - rates)).std() == pytest.approx(0.5, rel=0.01)


def test_environments_keep_or_change_the_names_of_stages():
    local = [sd.leslie.from_matrix([[0, f], [0.5, 0]], ["young", "old"], initial=[3, 1]) for f in (1, 3)]
    model = sd.leslie.random_environment(local)
    assert model.names == ("young", "old")
    assert dict(model.initial) == dict(local[0].initial)
    assert sd.leslie.random_environment([m.matrix for m in local], states=["a", "b"], initial=[1, 2]).names == ("a", "b")


def test_correlated_noise_has_its_correlations():
    wanted = np.array([[1, 0.6, -0.2], [0.6, 1, 0.3], [-0.2, 0.3, 1]])
    noise = sd.leslie.correlated_noise(wanted)
    model = sd.DiscreteSystem(dict(zip(["a", "b", "c"], noise, strict=True)), initial=dict(a=0, b=0, c=0))
    data = sd.simulate(model, [0, 1], trajectories=200_000, seed=1, progress=False)
    draws = np.stack([data[n].values[:, 1] for n in "abc"])
    assert np.corrcoef(draws) == pytest.approx(wanted, abs=0.01)
    assert draws.std(axis=1) == pytest.approx(1, abs=0.01)
    with pytest.raises(sd.DeclarationError, match="symmetric matrix with ones"):
        sd.leslie.correlated_noise([[1, 0.5], [0.4, 1]])
    with pytest.raises(sd.DeclarationError, match="not positive definite"):
        sd.leslie.correlated_noise([[1, 2], [2, 1]])


def test_quasi_extinction_of_a_random_walk():
    """A factor 2 or 1/2 with probability 1/2 each: hitting probabilities of the simple random walk by reflection."""
    from scipy.stats import binom

    model = sd.leslie.random_environment([2.0, 0.5])
    risk = sd.leslie.quasi_extinction(model, 2**-2.5, range(21), initial=[1.0], trajectories=50_000, seed=1)
    # below 2^-2.5 is at -3 or less; reflection: P(min <= -3) = 2 P(S <= -4) + P(S = -3)
    exact = []
    for t in range(21):
        downs = np.arange(t + 1)
        place = t - 2 * downs
        p = binom.pmf(downs, t, 0.5)
        exact.append(2 * p[place <= -4].sum() + p[place == -3].sum())
    spread = np.sqrt(np.array(exact) * (1 - np.array(exact)) / 50_000)
    assert (np.abs(risk.probability.values - exact) <= 4 * spread + 1e-12).all()
    assert (risk.lower <= risk.probability).all()
    assert (risk.upper >= risk.probability).all()
    assert float(risk.log_growth_rate) == pytest.approx(0, abs=4 * float(risk.standard_error))
    assert float(risk.variance) == pytest.approx(np.log(2) ** 2, rel=0.03)


def test_a_declining_population_passes_the_threshold_when_its_growth_factor_says():
    model = sd.leslie.from_matrix([[0, 1.2], [0.5, 0.1]], initial=[6, 4])
    risk = sd.leslie.quasi_extinction(model, 1.0, range(41), trajectories=1)
    totals = [sum(np.linalg.matrix_power(np.array([[0, 1.2], [0.5, 0.1]]), t) @ [6, 4]) for t in range(41)]
    first = next(t for t, n in enumerate(totals) if n < 1)
    assert risk.first_below.values.tolist() == [first]
    assert sd.leslie.quasi_extinction(model, 11.0, range(3), trajectories=1).first_below.item() == 0
    exactly = sd.leslie.quasi_extinction(model, 1.0, range(first + 1), trajectories=1)
    assert exactly.first_below.item() == first  # at the very last time


def test_extinction_of_individuals():
    """Poisson offspring: generating functions iterated, q(t+1) = exp(R (q(t) - 1))."""
    chain = sd.leslie.from_matrix([[1.3]], initial=[1]).demographic()
    risk = sd.leslie.quasi_extinction(chain, 1, range(31), trajectories=40_000, seed=2)
    q = [0.0]
    for _ in range(30):
        q.append(float(np.exp(1.3 * (q[-1] - 1))))
    spread = np.sqrt(np.array(q) * (1 - np.array(q)) / 40_000)
    assert (np.abs(risk.probability.values - q) <= 4 * spread + 1e-12).all()


def test_small_steps_are_a_diffusion():
    """A random walk in logarithms of steps far shorter than the distance, with the correction of its overshoot (Siegmund)."""
    mu, sigma, d = -0.002, 0.05, 2.0
    growth = sp.exp(sp.Float(mu) + sp.Float(sigma) * sp.Symbol("dW"))
    model = sd.leslie.from_matrix([[growth]], initial=[np.exp(d)])
    t = np.arange(0, 1001, 100)
    risk = sd.leslie.quasi_extinction(model, 1.0, t, trajectories=20_000, seed=1)
    exact = sd.leslie.diffusion_extinction(mu, sigma**2, np.exp(d + 0.5826 * sigma), t)
    spread = np.sqrt(np.maximum(exact * (1 - exact), 1e-4) / 20_000)
    assert (np.abs(risk.probability.values - exact) < 4 * spread + 1e-3).all()


def test_a_growing_population_may_still_become_extinct():
    mu, variance, ratio = 0.03, 0.1, 20.0
    forever = sd.leslie.diffusion_extinction(mu, variance, ratio, 1e9)
    assert forever == pytest.approx(ratio ** (-2 * mu / variance), rel=1e-9)
    assert sd.leslie.diffusion_extinction(-mu, variance, ratio, 1e9) == pytest.approx(1)
    with pytest.raises(sd.DeclarationError, match="expected a variance above 0"):
        sd.leslie.diffusion_extinction(0.1, 0, 2, 1)


def test_individuals_grow_as_their_matrix_says_until_they_are_below():
    """Many individuals in the stable structure; the trajectories are stopped at the threshold."""
    model = sd.leslie.from_matrix([[0, 1.2], [0.5, 0.1]])
    start = np.round(1e6 * model.stable_structure)
    risk = sd.leslie.quasi_extinction(model.demographic(), 3e5, range(21), initial=start, trajectories=500, seed=1)
    assert risk.probability.values[-1] == 1
    assert float(risk.log_growth_rate) == pytest.approx(np.log(model.growth_factor), abs=1e-4)
    assert float(risk.log_growth_rate) == pytest.approx(np.log(model.growth_factor), abs=4 * float(risk.standard_error))


def test_risks_of_a_sweep_keep_its_dims():
    s = sp.Symbol("s")
    model = sd.leslie.from_matrix([[sd.leslie.log_normal(0.95, s)]], parameters={s: 0.1}, initial=[100])
    both = sd.leslie.quasi_extinction(model, 20, range(21), parameters={"s": [0.1, 0.4]}, trajectories=2000, seed=1)
    assert both.probability.dims == ("s", "time")
    assert both.log_growth_rate.dims == ("s",)
    one = sd.leslie.quasi_extinction(model, 20, range(21), parameters={"s": 0.1}, trajectories=2000, seed=1)
    np.testing.assert_array_equal(both.probability.sel(s=0.1), one.probability)
    with pytest.raises(sd.DeclarationError, match="one set of values, and s has several"):
        sd.leslie.stochastic_growth_rate(model, parameters={"s": [0.1, 0.4]})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sd.leslie.random_environment([1, 2], [0.5, 0.6]), "expected 2 that add up to 1"),
        (lambda: sd.leslie.random_environment([1, [[1, 0], [0, 1]]]), "models of the same stages"),
        (lambda: sd.leslie.random_environment([1, 2], noise="rain"), "its name begins with dW"),
        (lambda: sd.leslie.markov_environment([1, 2], [[1, 0]]), "expected \\(2, 2\\)"),
        (lambda: sd.leslie.markov_environment([1, 2], [[1, 0], [0.5, 0.4]]), "probabilities of environment 1"),
        (lambda: sd.leslie.markov_environment([1, 2], [[1, 0], [0, 1]], start=2), "first environment is 2"),
        (lambda: sd.leslie.tuljapurkar([1, 2], ddof=2), "ddof is 2"),
        (lambda: sd.leslie.stochastic_growth_rate(sd.ODESystem({"x": 1})), "expected a matrix model or a map"),
        (lambda: sd.leslie.quasi_extinction(sd.leslie.from_matrix([[1]]), 1, range(5)), "no value for the state n1"),
        (lambda: sd.leslie.predator_prey(1, 1, 1, 1).demographic(), "negative entries"),
        (lambda: sd.leslie.random_environment([1.2, 0.8]).growth_factor, "hold random numbers \\(dW\\)"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(sd.DeclarationError, match=message):
        call()


def test_the_same_seed_gives_the_same_risk():
    model = sd.leslie.random_environment(HUDSONIA, initial=[4264, 3, 30, 16, 25, 5])
    runs = [sd.leslie.quasi_extinction(model, 2000, range(21), trajectories=500, seed=s) for s in (1, 1, 2)]
    assert runs[0].identical(runs[1])
    assert float(runs[0].log_growth_rate) != float(runs[2].log_growth_rate)


def test_vital_rates_may_be_parameters_of_a_sweep():
    s = sp.Symbol("s")
    model = sd.leslie.from_matrix([[sd.leslie.log_normal(1, s)]], parameters={s: 0.1}, initial=[1])
    data = sd.simulate(model, [0, 400], parameters={s: [0.1, 0.4]}, trajectories=4000, seed=1, progress=False)
    rates = np.log(data.n1.sel(time=400)).mean("trajectory") / 400
    assert rates.values == pytest.approx(-0.5 * np.log(1 + np.array([0.1, 0.4]) ** 2), abs=2e-3)


# ---- several models in one -----------------------------------------------------------------------------


def test_parameters_of_one_name_keep_their_own_values():
    f = sp.Symbol("f")
    base = sd.leslie.from_matrix([[0, f], [0.5, 0.5]], parameters={f: 1.0})
    low, high = base.with_parameters(f=0.2), base.with_parameters(f=1.8)
    numbers = [[[0, v], [0.5, 0.5]] for v in (0.2, 1.8)]
    model = sd.leslie.random_environment([low, high])
    assert model.matrix == sd.leslie.random_environment(numbers).matrix
    chain = [[0.5, 0.5], [0.5, 0.5]]
    assert sd.leslie.markov_environment([low, high], chain).map == sd.leslie.markov_environment(numbers, chain).map
    joined = sd.leslie.patches([low, high], [[1, 0], [0, 1]])
    assert joined.matrix == sd.leslie.patches(numbers, [[1, 0], [0, 1]]).matrix
    assert sd.leslie.random_environment([base, 2 * base.matrix]).parameters == (f,)  # values that agree stay symbols


def test_what_is_not_linear_has_no_growth_rate():
    crowded = sd.leslie.density_dependent(sd.leslie.from_matrix([[0, 1.0], [0.5, 0.5]]), sd.leslie.ricker(sp.Symbol("n1"), 0.5))
    with pytest.raises(sd.DeclarationError, match="next numbers do not grow with the numbers"):
        sd.leslie.stochastic_growth_rate(crowded)
    with pytest.raises(sd.DeclarationError, match="next numbers do not grow with the numbers"):
        sd.leslie.stochastic_growth_rate(sd.leslie.from_matrix([[0.5]], immigration=[1]))
    with pytest.raises(sd.DeclarationError, match="expected a matrix model or a map, got BranchingSystem"):
        sd.leslie.stochastic_growth_rate(sd.leslie.from_matrix([[1.1]]).demographic())


def test_times_and_thresholds_of_extinction_are_checked():
    model = sd.leslie.random_environment([1.2, 0.7], initial=[100])
    for times in ([0, 20, 5], [0, 1.5], [0]):
        with pytest.raises(sd.DeclarationError, match="two or more increasing whole numbers"):
            sd.leslie.quasi_extinction(model, 60, times)
    with pytest.raises(sd.DeclarationError, match=r"the threshold is \[50, 60\]; expected one number"):
        sd.leslie.quasi_extinction(model, [50, 60], range(5))


def test_numbers_of_extinction_may_be_a_sweep_and_environments_begin_where_they_say():
    model = sd.leslie.random_environment([1.2, 0.7])
    risk = sd.leslie.quasi_extinction(model, 60, range(6), initial={"n1": [100, 1000]}, trajectories=500)
    assert risk.probability.dims == ("n10", "time")
    chain = sd.leslie.markov_environment([1.2, 0.7], [[0.5, 0.5], [0.5, 0.5]], start=1)
    found = sd.leslie.quasi_extinction(chain, 80, range(3), initial=[100], trajectories=200)
    assert found.probability.values[1] == 1  # the first year is a bad one: 70
