"""Simulation-based calibration of `Fit.sample`: ``python -m tests.inference.sampler_calibration --repeats 200 --out FILE``.

Values are drawn from the priors, data from them, and the posterior is sampled: the ranks of the true values among the draws are
uniform if the samples are those of the posterior (Talts, Betancourt, Simpson, Vehtari & Gelman, arXiv:1804.06788).
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from scipy import stats

import symdyn as sd

#: Draws among which a true value is ranked, and bins of the ranks.
DRAWS, BINS = 99, 10
#: Kept steps of every walker and steps before, of chains that mix: R-hat is about 1.03, and effective sizes are 10 `DRAWS`.
STEPS, TUNE = 600, 200
x, r, K, k, s, d = sp.symbols("x r K k s d")
TIMES = np.linspace(0, 8, 12)
GROWTH = sd.ODESystem({x: r * x * (1 - x / K)}, initial={x: 1})
DECAY = sd.ODESystem({x: -k * x}, initial={x: 1})


def _growth(rng: np.random.Generator) -> tuple[sd.Fit, dict[str, float]]:
    """Logistic growth with normal noise whose deviation has a prior."""
    priors = {r: stats.lognorm(0.3, scale=0.8), K: stats.lognorm(0.2, scale=10), d: stats.lognorm(0.3, scale=0.4)}
    true = {q.name: float(p.rvs(random_state=rng)) for q, p in priors.items()}
    size = true["K"] / (1 + (true["K"] - 1) * np.exp(-true["r"] * TIMES))
    data = {"t": TIMES, "x": size + true["d"] * rng.normal(size=len(TIMES))}
    return sd.fit(GROWTH, data, noise=d, priors=priors, starts=2), true


def _counts(rng: np.random.Generator) -> tuple[sd.Fit, dict[str, float]]:
    """Decay seen by few counts, so that posteriors are not normal."""
    priors = {k: stats.gamma(2, scale=0.25), s: stats.gamma(3, scale=3)}
    true = {q.name: float(p.rvs(random_state=rng)) for q, p in priors.items()}
    data = {"t": TIMES, "n": rng.poisson(true["s"] * np.exp(-true["k"] * TIMES)).astype(float)}
    return sd.fit(DECAY, data, observables={"n": s * x}, noise="poisson", priors=priors, starts=4), true


CASES: dict[str, Callable[[np.random.Generator], tuple[sd.Fit, dict[str, float]]]] = {
    "logistic growth, normal noise": _growth, "decay, Poisson counts": _counts,
}  # fmt: skip


def ranks(case: str, repeat: int) -> tuple[dict[str, int], float]:
    """Ranks of the true values, 0 to `DRAWS`, in one repeat, and the largest R-hat of its chains."""
    rng = np.random.default_rng([len(case), repeat])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        fit, true = CASES[case](rng)
        found = fit.sample(STEPS, tune=TUNE, seed=repeat)
    flat = {name: found.posterior[name].values.ravel() for name in true}
    chosen = rng.choice(len(next(iter(flat.values()))), DRAWS, replace=False)
    return {name: int((flat[name][chosen] < value).sum()) for name, value in true.items()}, float(found.posterior.r_hat)


def calibration(found: list[tuple[dict[str, int], float]]) -> dict[str, Any]:
    """Counts of ranks in bins for each value, with the p value of their chi square about equal counts, and the worst R-hat."""
    told: dict[str, Any] = {"repeats": len(found), "r_hat": round(max(r_hat for _, r_hat in found), 3)}
    for name in found[0][0]:
        counts = np.bincount([row[name] * BINS // (DRAWS + 1) for row, _ in found], minlength=BINS)
        told[name] = {"counts": counts.tolist(), "p": round(float(stats.chisquare(counts).pvalue), 4)}
    return told


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--repeats", type=int, default=200)
    reader.add_argument("--out", type=Path)
    given = reader.parse_args()
    found: dict[str, list[tuple[dict[str, int], float]]] = {case: [] for case in CASES}
    text = ""
    for repeat in range(given.repeats):  # an interrupted run leaves what it has found
        for case, own in found.items():
            own.append(ranks(case, repeat))
        text = json.dumps({case: calibration(own) for case, own in found.items()}, indent=1)
        if given.out is not None:
            given.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
