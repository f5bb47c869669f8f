"""How often 90 % intervals of `symdyn.fit` cover the truth: ``python -m tests.inference.fit_coverage [repeats [out.json]]``.

Decay with normal noise that is estimated, Poisson counts, log-normal noise with a scale of the observable, and a map;
intervals of Laplace's approximation and of profile likelihoods.  Immigration and death with noise of measurement by every
likelihood of networks, and an Ornstein-Uhlenbeck process, by intervals of Laplace's approximation.  The numbers of the last
long run are in ``fit_coverage.json``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
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


IMMIGRATION = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", initial={"X": 0})
WALK = sd.SDESystem.from_text("dx = -g*x*dt + s*dW", initial={"x": 2})
CLOCK = np.linspace(0, 6, 13)
#: Likelihoods by which the network is fitted, with their options.
RULES: dict[str, dict[str, Any]] = {
    "projection": {}, "lna": {}, "moments": {}, "langevin": {}, "particle": {"particles": 200},
}  # fmt: skip


def _immigration(name: str, rng: np.random.Generator) -> sd.Fit:
    run = sd.simulate(
        IMMIGRATION, CLOCK, parameters={"k": 10, "g": 0.7}, trajectories=6, seed=int(rng.integers(2**31)), progress=False
    )
    paths = [{"t": CLOCK, "X": values + rng.normal(size=13)} for values in run.X.values]
    rule = sd.LIKELIHOODS[name](**RULES[name])
    return sd.fit(IMMIGRATION, paths, likelihood=rule, noise=1.0, starts=1, guesses={"k": 8, "g": 0.6})


def _walk(rng: np.random.Generator) -> sd.Fit:
    seed = int(rng.integers(2**31))
    run = sd.simulate(WALK, CLOCK, parameters={"g": 0.7, "s": 0.6}, trajectories=6, seed=seed, step=0.005, progress=False)
    paths = [{"t": CLOCK, "x": values + 0.2 * rng.normal(size=13)} for values in run.x.values]
    return sd.fit(WALK, paths, noise=0.2, starts=1, parameters={"g": (0.01, 20), "s": (0.01, 20)}, guesses={"g": 1, "s": 1})


CASES: dict[str, tuple[Callable[[np.random.Generator], sd.Fit], str]] = {
    "decay, normal noise": (_decay, "k"), "counts, Poisson": (_counts, "k"), "scaled light, log-normal": (_light, "k"),
    "Ricker's map": (_ricker, "r"), "Ornstein-Uhlenbeck process": (_walk, "g"),
    **{f"immigration and death, {name}": (partial(_immigration, name), "g") for name in RULES},
}  # fmt: skip
#: Cases of which profiles are made too.
PROFILED = tuple(CASES)[:4]
TRUTH = 0.7


def coverage(case: str, repeats: int, seed: int = 0) -> tuple[int, int | None]:
    """How many intervals cover the truth: Laplace's and, of some cases, those of profiles."""
    make, name = CASES[case]
    laplace = profiled = 0
    for repeat in range(repeats):
        fit = make(np.random.default_rng([seed, repeat]))
        row: Any = fit.intervals.set_index("constant").loc[name]
        laplace += row["lower"] <= TRUTH <= row["upper"]
        if case in PROFILED:
            curve = fit.profile(name, points=7)
            profiled += float(curve.lower) <= TRUTH <= float(curve.upper)
    return int(laplace), int(profiled) if case in PROFILED else None


def main(repeats: int = 200, out: str | None = None) -> None:
    low, high = binom.interval(0.99, repeats, 0.9)
    print(f"of {repeats} intervals of 90 %, {low:.0f} to {high:.0f} are expected to cover the truth")
    found: dict[str, dict[str, int | None]] = {}
    for case in CASES:
        laplace, profiled = coverage(case, repeats)
        print(f"{case:34} Laplace {laplace}" + (f", profile {profiled}" if profiled is not None else ""), flush=True)
        found[case] = {"laplace": laplace, "profile": profiled}
        if out is not None:
            Path(out).write_text(json.dumps({"repeats": repeats, "covered": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:3])
