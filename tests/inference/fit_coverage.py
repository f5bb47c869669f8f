"""How often 90 % intervals of `symdyn.fit` cover the truth: ``python -m tests.inference.fit_coverage [repeats]``.

Decay with normal noise that is estimated, Poisson counts, log-normal noise with a scale of the observable, and a map;
intervals of Laplace's approximation and of profile likelihoods.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp
from scipy.stats import binom

import symdyn as sd

x, k, s, r, K = sp.symbols("x k s r K")
TIMES = np.linspace(0, 4, 12)
DECAY = sd.ODESystem({x: -k * x})
RICKER = sd.DiscreteSystem({x: x * sp.exp(r * (1 - x / K))})


def _decay(rng: np.random.Generator) -> sd.Fit:
    return sd.fit(DECAY, {"t": TIMES, "x": 2 * np.exp(-0.7 * TIMES) + 0.08 * rng.normal(size=12)}, starts=2)


def _counts(rng: np.random.Generator) -> sd.Fit:
    return sd.fit(DECAY, {"t": TIMES, "x": rng.poisson(40 * np.exp(-0.7 * TIMES))}, noise="poisson", starts=2, guesses={k: 1})


def _light(rng: np.random.Generator) -> sd.Fit:
    light = 30 * np.exp(-0.7 * TIMES + 0.2 * rng.normal(size=12))
    return sd.fit(
        DECAY, {"t": TIMES, "light": light}, observables={"light": s * x}, initial={x: 1}, noise="lognormal",
        parameters={s: (1, 1000)}, starts=2, guesses={k: 1},
    )  # fmt: skip


def _ricker(rng: np.random.Generator) -> sd.Fit:
    values = [0.2]
    for _ in range(15):
        values.append(values[-1] * np.exp(0.7 * (1 - values[-1])))
    return sd.fit(RICKER, {"t": np.arange(16), "x": np.array(values) + 0.05 * rng.normal(size=16)}, starts=2)


CASES: dict[str, tuple[Callable[[np.random.Generator], sd.Fit], str]] = {
    "decay, normal noise": (_decay, "k"), "counts, Poisson": (_counts, "k"), "scaled light, log-normal": (_light, "k"),
    "Ricker's map": (_ricker, "r"),
}  # fmt: skip
TRUTH = 0.7


def coverage(case: str, repeats: int, seed: int = 0) -> tuple[int, int]:
    """How many intervals cover the truth: Laplace's and those of profiles."""
    make, name = CASES[case]
    laplace = profiled = 0
    for repeat in range(repeats):
        fit = make(np.random.default_rng([seed, repeat]))
        row: Any = fit.intervals.set_index("constant").loc[name]
        curve = fit.profile(name, points=7)
        laplace += row["lower"] <= TRUTH <= row["upper"]
        profiled += float(curve.lower) <= TRUTH <= float(curve.upper)
    return laplace, profiled


def main(repeats: int = 200) -> None:
    low, high = binom.interval(0.99, repeats, 0.9)
    print(f"of {repeats} intervals of 90 %, {low:.0f} to {high:.0f} are expected to cover the truth")
    for case in CASES:
        laplace, profiled = coverage(case, repeats)
        print(f"{case:28} Laplace {laplace}, profile {profiled}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
