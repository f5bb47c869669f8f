"""The 39 models of the discrete stochastic model test suite: Evans, Gillespie, Wilkinson, Bioinformatics 24, 285 (2008).

For each of the times 1, ..., 50 the suite compares the mean m and the variance s^2 of n runs with their exact values by

    Z = sqrt(n) (m - mu) / sigma,    Y = sqrt(n/2) (s^2 / sigma^2 - 1),

and holds a simulator for sound if abs(Z) < 3 and abs(Y) < 5 but for a few of the times.  Here two may be missed, none
by a lot, and where sigma = 0 the runs must agree exactly.  Y is made for numbers that are nearly normal: of model 001-03,
where all but a few runs die out, it is divided by its standard deviation, which follows from the kurtosis.  Exact values
are closed forms, or of the master equation on its finite state space; some are compared with those that the suite prints.
"""

from __future__ import annotations

from functools import cache
from math import factorial

import numpy as np
import pytest
from scipy import integrate, linalg

import symdyn as sd

RUNS = 10_000
TIMES = np.arange(51.0)

BIRTH, DEATH = "X -> 2 X, Lambda", "X -> 0, Mu"
RATES = "Lambda = 0.1; Mu = 0.11; X(0) = 100"
ARRIVAL = "0 -> X, Alpha"
PAIRS = "2 P -> P2, k1/2; P2 -> 2 P, k2; P(0) = 100; P2(0) = 0; k1 = 0.001; k2 = 0.01"
DIMERS = "P2 => 0, k2*P2; P2(0) = 0; k1 = 0.001; k2 = 0.01"


# ---- exact means and standard deviations, each an array over times -------------------------------


def birth_death(start, birth, death, t=TIMES):
    growth = np.exp((birth - death) * t)
    return start * growth, np.sqrt(start * (birth + death) / (birth - death) * growth * (growth - 1))


def excess(start, birth, death, t):
    """Excess kurtosis of birth and death: each ancestor leaves nobody, or a geometric number of descendants."""
    growth = np.exp((birth - death) * t)
    none, more = death * (growth - 1) / (birth * growth - death), birth * (growth - 1) / (birth * growth - death)
    # factorial moments k! (1 - none) more^(k - 1) / (1 - more)^k, and from them raw moments and the fourth cumulant
    f1, f2, f3, f4 = (factorial(k) * (1 - none) * more ** (k - 1) / (1 - more) ** k for k in (1, 2, 3, 4))
    m2, m3, m4 = f1 + f2, f1 + 3 * f2 + f3, f1 + 7 * f2 + 6 * f3 + f4
    fourth = m4 - 4 * m3 * f1 - 3 * m2**2 + 12 * m2 * f1**2 - 6 * f1**4
    return start * fourth / birth_death(start, birth, death, t)[1] ** 4


def with_sink():
    """Covariances of birth, death and the count of the dead: C' = J C + C J^T + D, linear as the rates are."""
    changes, slopes = np.array([[1.0, -1.0], [0.0, 1.0]]), np.array([[0.1, 0.0], [0.11, 0.0]])
    jacobian = changes @ slopes

    def field(t, y):
        mean, c = y[:2], y[2:].reshape(2, 2)
        noise = changes @ np.diag(slopes @ mean) @ changes.T
        return np.concatenate([jacobian @ mean, (jacobian @ c + c @ jacobian.T + noise).ravel()])

    start = [100.0, 0, 0, 0, 0, 0]
    y = integrate.solve_ivp(field, (0, 50), start, t_eval=TIMES, rtol=1e-11, atol=1e-9, method="DOP853").y
    return {"X": (y[0], np.sqrt(y[2])), "Sink": (y[1], np.sqrt(y[5]))}


def immigration_death(arrival, death, *, batch=1, t=TIMES):
    """Each batch leaves a binomial number of survivors: compound Poisson."""
    once, twice = (1 - np.exp(-death * t)) / death, (1 - np.exp(-2 * death * t)) / (2 * death)
    return batch * arrival * once, np.sqrt(arrival * (batch * once + batch * (batch - 1) * twice))


def with_reset(when, value):
    """After the reset the survivors of those set, and those who have arrived since."""
    mean, spread = immigration_death(1, 0.1)
    after = when <= TIMES
    since = TIMES[after] - when
    left = np.exp(-0.1 * since)
    mean[after] = value * left + 10 * (1 - left)
    spread[after] = np.sqrt(value * left * (1 - left) + 10 * (1 - left))
    return {"X": (mean, spread)}


@cache
def dimers(most, k1, k2, *, back_at=None, times=51):
    """Mean and standard deviation of the number of pairs from the master equation; of `back_at` pairs all part at once."""
    states = np.arange(most // 2 + 1 if back_at is None else back_at)
    joins, parts = k1 * (most - 2 * states) * (most - 2 * states - 1) / 2, k2 * states
    generator = np.diag(joins[:-1], -1) + np.diag(parts[1:], 1) - np.diag(joins + parts)
    if back_at is not None:
        generator[0, -1] += joins[-1]
    step, p = linalg.expm(generator), np.zeros((times, states.size))
    p[0, 0] = 1
    for i in range(1, times):
        p[i] = step @ p[i - 1]
    assert np.allclose(p.sum(axis=1), 1, atol=1e-10)
    mean = p @ states
    return mean, np.sqrt(np.maximum(p @ states**2 - mean**2, 0))


def both(most, pairs):
    mean, spread = pairs
    return {"P": (most - 2 * mean, 2 * spread), "P2": (mean, spread)}


def reset_twice():
    """A second run of the first 25 times begins at time 25."""
    mean, spread = dimers(100, 0.001, 0.01)
    again = [np.concatenate([a[:25], a[:26]]) for a in (mean, spread)]
    return both(100, again)


PLAIN = {"X": birth_death(100, 0.1, 0.11)}
HALVED = {"X": birth_death(100, 0.05, 0.055)}
NOTHING = (np.zeros(51), np.zeros(51))


def text(*parts):
    return "; ".join(parts)


# ---- the models: text, options of from_text, exact values by name ----------------------------------

MODELS = {
    "001-01": (text(BIRTH, DEATH, RATES), {}, PLAIN),
    # rates of their own for each reaction
    "001-02": (
        text("X -> 2 X, Birth_Lambda", "X -> 0, Death_Mu", "X(0) = 100; Birth_Lambda = 0.1; Death_Mu = 0.11"),
        {},
        PLAIN,
    ),
    "001-03": (text(BIRTH, DEATH, "Lambda = 1; Mu = 1.1; X(0) = 100"), {}, {"X": birth_death(100, 1, 1.1)}),
    "001-04": (text(BIRTH, DEATH, "Lambda = 0.1; Mu = 0.11; X(0) = 10"), {}, {"X": birth_death(10, 0.1, 0.11)}),
    "001-05": (text(BIRTH, DEATH, "Lambda = 0.1; Mu = 0.11; X(0) = 10000"), {}, {"X": birth_death(10_000, 0.1, 0.11)}),
    # a sink on the boundary counts nothing; the other does
    "001-06": (text(BIRTH, "X -> 0, Mu", RATES), {}, PLAIN),
    "001-07": (text(BIRTH, "X -> Sink, Mu", RATES, "Sink(0) = 0"), {}, with_sink()),
    # amounts do not care for the size of the compartment
    "001-08": (text(BIRTH, DEATH, RATES, "Cell = 1"), {"volume": "Cell"}, PLAIN),
    "001-09": (text(BIRTH, DEATH, RATES), {"volume": 2}, PLAIN),
    # laws in concentrations
    "001-10": (text("X => 2 X, Lambda*X/Cell", "X => 0, Mu*X/Cell", RATES, "Cell = 1"), {}, PLAIN),
    "001-11": (text("X => 2 X, Lambda*X/Cell", "X => 0, Mu*X/Cell", RATES, "Cell = 2"), {}, HALVED),
    # factors and brackets
    "001-12": (text("X => 2 X, Lambda*X*0.5*2", DEATH, RATES), {}, PLAIN),
    "001-13": (text("X => 2 X, Lambda*X*0.5", DEATH, "Lambda = 0.2; Mu = 0.11; X(0) = 100"), {}, PLAIN),
    "001-14": (text("X => 2 X, Lambda*X/2/0.5", DEATH, RATES), {}, PLAIN),
    "001-15": (text("X => 2 X, Lambda*(X/2)/0.5", DEATH, RATES), {}, PLAIN),
    "001-16": (text("X => 2 X, Lambda*X/(2/2)", DEATH, RATES), {}, PLAIN),
    # the size of the compartment in the laws of amounts
    "001-17": (text("X => 2 X, Cell*Lambda*X", "X => 0, Cell*Mu*X", RATES, "Cell = 1"), {"volume": "Cell"}, PLAIN),
    "001-18": (text("X => 2 X, Cell*Lambda*X", "X => 0, Cell*Mu*X", RATES, "Cell = 0.5"), {"volume": "Cell"}, HALVED),
    # an assignment rule
    "001-19": (text(BIRTH, DEATH, RATES, "y := 2*X"), {}, {**PLAIN, "y": tuple(2 * a for a in PLAIN["X"])}),
    "002-01": (text(ARRIVAL, DEATH, "Alpha = 1; Mu = 0.1; X(0) = 0"), {}, {"X": immigration_death(1, 0.1)}),
    "002-02": (text(ARRIVAL, DEATH, "Alpha = 10; Mu = 0.1; X(0) = 0"), {}, {"X": immigration_death(10, 0.1)}),
    # a local value that hides a global one
    "002-03": (
        text("0 -> X, Immigration_Alpha", DEATH, "Immigration_Alpha = 5; Mu = 0.1; X(0) = 0"),
        {},
        {"X": immigration_death(5, 0.1)},
    ),
    "002-04": (text(ARRIVAL, DEATH, "Alpha = 1000; Mu = 0.1; X(0) = 0"), {}, {"X": immigration_death(1000, 0.1)}),
    # an empty source that is never used up: a propensity without mass action, and nothing that changes it
    "002-05": (
        text("Source => Source + X, Alpha", DEATH, "Alpha = 10; Mu = 0.1; X(0) = 0; Source(0) = 0"),
        {},
        {"X": immigration_death(10, 0.1), "Source": NOTHING},
    ),
    # of Poisson arrivals those gone are Poisson too
    "002-06": (
        text("0 -> X, Alpha", "X -> Sink, Mu", "Alpha = 10; Mu = 0.1; X(0) = 0; Sink(0) = 0"),
        {},
        {
            "X": immigration_death(10, 0.1),
            "Sink": (gone := 10 * TIMES - immigration_death(10, 0.1)[0], np.sqrt(np.maximum(gone, 0))),
        },
    ),
    "002-07": (text(ARRIVAL, DEATH, "Alpha = 10; Mu = 0.1; X(0) = 0"), {}, {"X": immigration_death(10, 0.1)}),
    "002-08": (text("0 -> X, R1_k", "X -> 0, R2_k", "R1_k = 1; R2_k = 0.1; X(0) = 0"), {}, {"X": immigration_death(1, 0.1)}),
    "002-09": (text(ARRIVAL, DEATH, "Alpha = 1; Mu = 0.1; X(0) = 0", "when t >= 25, X = 50"), {}, with_reset(25, 50)),
    "002-10": (text(ARRIVAL, DEATH, "Alpha = 1; Mu = 0.1; X(0) = 0", "when t >= 22.5, X = 20"), {}, with_reset(22.5, 20)),
    "003-01": (PAIRS, {}, both(100, dimers(100, 0.001, 0.01))),
    "003-02": (
        "2 P <-> P2, k1, k2; P(0) = 1000; P2(0) = 0; k1 = 0.0002; k2 = 0.004",
        {"combinatoric": True},
        both(1000, dimers(1000, 0.0002, 0.004)),
    ),
    "003-03": (text(PAIRS, "when t >= 25, P = 100, P2 = 0"), {}, reset_twice()),
    "003-04": (text(PAIRS, "when P2 > 30, P = 100, P2 = 0"), {}, both(100, dimers(100, 0.001, 0.01, back_at=31))),
    # the monomers written out by the conservation law
    "003-05": (text("0 => P2, 0.5*k1*(100 - 2*P2)*(99 - 2*P2)", DIMERS), {}, {"P2": dimers(100, 0.001, 0.01)}),
    "003-06": (text("0 => P2, k1*(100 - 2*P2)*(100 - 2*P2 - 1)/2", DIMERS), {}, {"P2": dimers(100, 0.001, 0.01)}),
    "003-07": (text("0 => P2, k1*(100 - 2*P2)*((100 - 2*P2) - 1)/2", DIMERS), {}, {"P2": dimers(100, 0.001, 0.01)}),
    "004-01": (text("0 -> 5 X, Alpha", DEATH, "Alpha = 1; Mu = 0.2; X(0) = 0"), {}, {"X": immigration_death(1, 0.2, batch=5)}),
    "004-02": (
        text("0 -> 10 X, Alpha", DEATH, "Alpha = 1; Mu = 0.4; X(0) = 0"),
        {},
        {"X": immigration_death(1, 0.4, batch=10)},
    ),
    "004-03": (text("0 -> 100 X, Alpha", DEATH, "Alpha = 1; Mu = 4; X(0) = 0"), {}, {"X": immigration_death(1, 4, batch=100)}),
}
#: Standard deviation of Y where it is far from one.
SPREAD_OF_Y = {"001-03": np.sqrt(1 + excess(100, 1, 1.1, TIMES[1:]) / 2)}
#: Models without events whose propensities are linear: their moments of second order are exact.
LINEAR = [name for name in MODELS if not name.startswith("003") and name not in ("002-09", "002-10")]


def network(name):
    description, options, _ = MODELS[name]
    return sd.ReactionNetwork.from_text(description, **options)


def agree(data, exact, spread_of_y=1.0):
    """The statistics of the suite, for every variable."""
    for variable, (mean, spread) in exact.items():
        m, s2 = data[f"{variable}_mean"].values, data[f"{variable}_var"].values
        sharp = spread < 1e-9
        np.testing.assert_allclose(m[sharp], mean[sharp], atol=1e-9, err_msg=variable)
        np.testing.assert_allclose(s2[sharp], 0, atol=1e-9, err_msg=variable)
        z = np.sqrt(RUNS) * (m - mean)[~sharp] / spread[~sharp]
        y = np.sqrt(RUNS / 2) * (s2[~sharp] / spread[~sharp] ** 2 - 1) / spread_of_y
        assert (np.abs(z) >= 3).sum() <= 2, (variable, z)
        assert (np.abs(y) >= 5).sum() <= 2, (variable, y)
        assert (np.abs(z) < 5).all(), (variable, z)
        assert (np.abs(y) < 7).all(), (variable, y)


@pytest.mark.parametrize("name", MODELS)
def test_simulation(name):
    data = sd.simulate(network(name), TIMES, trajectories=RUNS, seed=2008, reduce=["mean", "var"])
    agree(data, MODELS[name][2], SPREAD_OF_Y.get(name, 1.0))


@pytest.mark.parametrize("name", LINEAR)
def test_moments_of_linear_models_are_exact(name):
    closed = network(name).moments(2, closure=None, central=True)
    data = sd.simulate(closed, TIMES, rtol=1e-9, atol=1e-9)
    compared = [v for v in MODELS[name][2] if f"{v}_mean" in data]  # moments have no observables of the network
    assert compared
    for variable in compared:
        mean, spread = MODELS[name][2][variable]
        np.testing.assert_allclose(data[f"{variable}_mean"], mean, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(data[f"{variable}_var"], spread**2, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["001-01", "001-05", "001-07", "002-02", "003-01", "003-02", "004-01"])
def test_leaps_meet_the_same_bounds(name):
    data = sd.simulate(network(name), TIMES, trajectories=RUNS, seed=2008, method="tau", reduce=["mean", "var"])
    agree(data, MODELS[name][2])


def test_the_statistics_tell_wrong_rates():
    # a rate that is wrong by three percent
    data = sd.simulate(network("002-01"), TIMES, trajectories=RUNS, seed=2008, reduce=["mean", "var"], parameters={"Mu": 0.103})
    with pytest.raises(AssertionError):
        agree(data, MODELS["002-01"][2])


@pytest.mark.parametrize(
    ("name", "variable", "mean", "spread"),
    [  # what the suite prints for time 50; for 003-04 its corrected results, the first printing had 58.0409
        ("001-07", "X", 60.65307, 22.38677),
        ("001-07", "Sink", 432.8163, 68.93673),
        ("001-11", "X", 77.88008, 19.02018),
        ("002-06", "Sink", 400.6738, 20.01684),
        ("002-09", "X", 13.283399945, 3.59812487207),
        ("002-10", "X", 10.6392786121, 3.24923732333),
        ("003-02", "P", 144.995965, 11.165711),
        ("003-02", "P2", 427.502018, 5.582855),
        ("003-04", "P", 58.3027904, 16.11157406),
        ("003-04", "P2", 20.8486048, 8.05578703),
        ("004-03", "X", 25.0, 35.53168),
    ],
)
def test_exact_values_are_those_of_the_suite(name, variable, mean, spread):
    exact = MODELS[name][2][variable]
    assert exact[0][-1] == pytest.approx(mean, rel=2e-7)
    assert exact[1][-1] == pytest.approx(spread, rel=3e-7)
