"""What `benchmarks.coverage` fits: systems whose parameters are known, or drawn from priors, and data made of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from scipy import stats

import symdyn as sd

__all__ = ["CREDIBLE", "INTERVALS", "Case"]

x, k, s, r, K, d, f, D, u = sp.symbols("x k s r K d f D u")
TIMES = np.linspace(0, 4, 12)
CLOCK = np.linspace(0, 6, 13)
YEARS = np.arange(11)
DECAY = sd.ODESystem({x: -k * x})
FROM_ONE = sd.ODESystem({x: -k * x}, initial={x: 1})
GROWTH = sd.ODESystem({x: r * x * (1 - x / K)}, initial={x: 1})
RICKER = sd.DiscreteSystem({x: x * sp.exp(r * (1 - x / K))})
LESLIE = sd.MatrixModel([[0, f, 2], [s, 0, 0], [0, sp.Rational(1, 2), 0]], initial={"n1": 50, "n2": 30, "n3": 10})
FISHER = sd.PDESystem.from_text("u' = D*laplacian(u) + r*u*(1 - u); u(0) = exp(-x**2/4)", domain=(0, 20))
HOURS, PLACES = np.linspace(0, 6, 7), np.arange(1.0, 20, 2)
IMMIGRATION = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", initial={"X": 0})
WALK = sd.SDESystem.from_text("dx = -g*x*dt + s*dW", initial={"x": 2})
#: Likelihoods by which the network is fitted.
RULES = ("projection", "lna", "moments", "langevin")


class Case(NamedTuple):
    """Data made with a random generator, their fit, and the true values by name.

    Attributes
    ----------
    make : callable
        From a generator to the fit and the true values.
    profiled : bool
        Whether intervals of profile likelihoods are made too.
    """

    make: Callable[[np.random.Generator], tuple[sd.Fit, dict[str, float]]]
    profiled: bool = False


def _drawn(rng: np.random.Generator, priors: dict[str, Any]) -> dict[str, float]:
    return {name: float(p.rvs(random_state=rng)) for name, p in priors.items()}


# ---- systems without randomness --------------------------------------------------------------------------


def _decay(rng: np.random.Generator) -> tuple[sd.Fit, dict[str, float]]:
    return sd.fit(DECAY, {"t": TIMES, "x": 2 * np.exp(-0.7 * TIMES) + 0.08 * rng.normal(size=12)}, starts=2), {"k": 0.7}


def _counts(rng: np.random.Generator) -> tuple[sd.Fit, dict[str, float]]:
    data = {"t": TIMES, "x": rng.poisson(40 * np.exp(-0.7 * TIMES))}
    return sd.fit(DECAY, data, noise="poisson", starts=2, guesses={k: 1}), {"k": 0.7}


def _light(rng: np.random.Generator) -> tuple[sd.Fit, dict[str, float]]:
    light = 30 * np.exp(-0.7 * TIMES + 0.2 * rng.normal(size=12))
    return sd.fit(
        DECAY, {"t": TIMES, "light": light}, observables={"light": s * x}, initial={x: 1}, noise="lognormal",
        parameters={s: (1, 1000)}, starts=2, guesses={k: 1},
    ), {"k": 0.7}  # fmt: skip


def _ricker(rng: np.random.Generator) -> tuple[sd.Fit, dict[str, float]]:
    values = [0.2]
    for _ in range(15):
        values.append(values[-1] * np.exp(0.7 * (1 - values[-1])))
    data = {"t": np.arange(16), "x": np.array(values) + 0.05 * rng.normal(size=16)}
    return sd.fit(RICKER, data, starts=2), {"r": 0.7}


def _leslie(rng: np.random.Generator, priors: dict[str, Any] | None = None) -> tuple[sd.Fit, dict[str, float]]:
    """Counts of three stages in ten years; the model is the sum of its entries, computed here."""
    true = {"f": 1.2, "s": 0.6} if priors is None else _drawn(rng, priors)
    matrix = np.array([[0, true["f"], 2], [true["s"], 0, 0], [0, 0.5, 0]])
    numbers = [np.array([50.0, 30.0, 10.0])]
    for _ in YEARS[1:]:
        numbers.append(matrix @ numbers[-1])
    seen = rng.poisson(np.array(numbers)).T.astype(float)
    data = {"t": YEARS, **dict(zip(("n1", "n2", "n3"), seen, strict=True))}
    how: dict[str, Any] = {"parameters": {"f": (0, 20), "s": (0, 1)}} if priors is None else {"priors": priors}
    return sd.fit(LESLIE, data, noise="poisson", starts=2, guesses={"f": 1.0, "s": 0.5}, **how), true


def _growth(rng: np.random.Generator) -> tuple[sd.Fit, dict[str, float]]:
    """Logistic growth with normal noise whose deviation has a prior."""
    priors = {"r": stats.lognorm(0.3, scale=0.8), "K": stats.lognorm(0.2, scale=10), "d": stats.lognorm(0.3, scale=0.4)}
    true = _drawn(rng, priors)
    times = np.linspace(0, 8, 12)
    size = true["K"] / (1 + (true["K"] - 1) * np.exp(-true["r"] * times))
    return sd.fit(GROWTH, {"t": times, "x": size + true["d"] * rng.normal(size=12)}, noise=d, priors=priors, starts=2), true


def _few_counts(rng: np.random.Generator) -> tuple[sd.Fit, dict[str, float]]:
    """Decay seen by few counts, so that posteriors are not normal."""
    priors = {"k": stats.gamma(2, scale=0.25), "s": stats.gamma(3, scale=3)}
    true = _drawn(rng, priors)
    times = np.linspace(0, 8, 12)
    data = {"t": times, "n": rng.poisson(true["s"] * np.exp(-true["k"] * times)).astype(float)}
    return sd.fit(FROM_ONE, data, observables={"n": s * x}, noise="poisson", priors=priors, starts=4), true


def _front(rng: np.random.Generator, priors: dict[str, Any] | None = None) -> tuple[sd.Fit, dict[str, float]]:
    """Fisher's front, of which a finer grid of twice as many cells gives the data."""
    true = {"D": 1.0, "r": 1.0} if priors is None else _drawn(rng, priors)
    run = sd.simulate(FISHER.discretize(80), HOURS, parameters=true, progress=False, rtol=1e-7, atol=1e-9)
    seen = run[["u"]].interp(x=PLACES)
    seen["u"] = seen.u + 0.05 * rng.normal(size=seen.u.shape)
    how: dict[str, Any] = (
        {"parameters": {"D": (0.1, 10), "r": (0.1, 10)}} if priors is None else {"priors": priors, "noise": 0.05}
    )
    return sd.fit(FISHER.discretize(40), seen, starts=1, guesses={"D": 0.8, "r": 0.8}, **how), true


# ---- systems with randomness -----------------------------------------------------------------------------


def _immigration(name: str, rng: np.random.Generator, priors: dict[str, Any] | None = None) -> tuple[sd.Fit, dict[str, float]]:
    true = {"k": 10.0, "g": 0.7} if priors is None else _drawn(rng, priors)
    count = 6 if priors is None else 2
    run = sd.simulate(IMMIGRATION, CLOCK, parameters=true, trajectories=count, seed=int(rng.integers(2**31)), progress=False)
    paths = [{"t": CLOCK, "X": values + rng.normal(size=13)} for values in run.X.values]
    guesses = {"k": 8, "g": 0.6}
    return sd.fit(IMMIGRATION, paths, likelihood=name, noise=1.0, starts=1, guesses=guesses, priors=priors), true


def _walk(rng: np.random.Generator, priors: dict[str, Any] | None = None) -> tuple[sd.Fit, dict[str, float]]:
    """An Ornstein-Uhlenbeck process by its law of transition."""
    true = {"g": 0.7, "s": 0.6} if priors is None else _drawn(rng, priors)
    count = 6 if priors is None else 2
    left = np.exp(-true["g"] * 0.5)
    spread = true["s"] * np.sqrt((1 - left**2) / (2 * true["g"]))
    values = np.full((count, 13), 2.0)
    for j in range(1, 13):
        values[:, j] = left * values[:, j - 1] + spread * rng.normal(size=count)
    paths = [{"t": CLOCK, "x": row + 0.2 * rng.normal(size=13)} for row in values]
    how: dict[str, Any] = {"parameters": {"g": (0.01, 20), "s": (0.01, 20)}} if priors is None else {"priors": priors}
    return sd.fit(WALK, paths, noise=0.2, starts=1, guesses={"g": 1, "s": 1}, **how), true


RATES = {"k": stats.lognorm(0.3, scale=10), "g": stats.lognorm(0.3, scale=0.7)}
PULL = {"g": stats.lognorm(0.4, scale=0.7), "s": stats.lognorm(0.3, scale=0.6)}
SPREAD = {"D": stats.lognorm(0.3, scale=1), "r": stats.lognorm(0.2, scale=1)}
VITAL = {"f": stats.lognorm(0.2, scale=1.2), "s": stats.beta(6, 4)}

#: Intervals about one truth.
INTERVALS: dict[str, Case] = {
    "decay, normal noise": Case(_decay, True), "decay, Poisson counts": Case(_counts, True),
    "decay, scaled light, log-normal": Case(_light, True), "Ricker's map": Case(_ricker, True),
    "Leslie map, Poisson counts": Case(_leslie, True), "Fisher's front, normal noise": Case(_front, True),
    "Ornstein-Uhlenbeck process": Case(_walk),
    **{f"immigration and death, {name}": Case(partial(_immigration, name)) for name in RULES},
}  # fmt: skip
#: Posterior samples of data whose truth is drawn from the priors; those by projection take minutes each and are left out.
CREDIBLE: dict[str, Case] = {
    "logistic growth, normal noise": Case(_growth), "decay, few Poisson counts": Case(_few_counts),
    "Leslie map, Poisson counts": Case(partial(_leslie, priors=VITAL)),
    "Fisher's front, normal noise": Case(partial(_front, priors=SPREAD)),
    "Ornstein-Uhlenbeck process": Case(partial(_walk, priors=PULL)),
    **{f"immigration and death, {name}": Case(partial(_immigration, name, priors=RATES)) for name in RULES[1:]},
}  # fmt: skip
