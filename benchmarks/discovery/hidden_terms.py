"""Surrogates on the Lotka-Volterra set-up of universal differential equations: how well each learns the hidden terms.

31 points of both states on [0, 3]; growth and death are known, both interactions hidden (Rackauckas et al.,
arXiv:2001.04385; Podina, Eastman, Kohandel, PMLR 202:27948).  Noise is normal, relative to the mean of each state.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

import symdyn as sd
from symdyn.discover.surrogates.registry import SURROGATES
from symdyn.inference.data import observations

__all__ = ["NOISES", "run"]

NOISES = (0.0, 0.005, 0.01, 0.05)
x, y = sp.symbols("x y")
f, g = sp.Function("f"), sp.Function("g")
START = {x: 0.44249296, y: 4.6280594}


def measured(noise: float, seed: int, points: int = 31) -> dict[str, np.ndarray]:
    """Times and noisy states."""
    truth = sd.ODESystem({x: 1.3 * x - 0.9 * x * y, y: 0.8 * x * y - 1.8 * y}, initial=START)
    found = sd.simulate(truth, np.linspace(0, 3, points), rtol=1e-11, atol=1e-12, progress=False)
    rng = np.random.default_rng(seed)
    data = {s: np.ravel(found[s]) for s in ("x", "y")}
    return {"t": np.linspace(0, 3, points)} | {s: v + noise * v.mean() * rng.normal(size=v.shape) for s, v in data.items()}


def run(
    names: Sequence[str] = ("smoothing", "neural_ode", "pinn"),
    noises: Sequence[float] = NOISES,
    seeds: Sequence[int] = (0, 1, 2),
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> pd.DataFrame:
    """Relative L2 error of both hidden terms at the times of their samples, and CPU seconds, compilation included."""
    system = sd.ODESystem({x: 1.3 * x - f(x, y), y: g(x, y) - 1.8 * y})
    exact = sd.ODESystem({x: 1.3 * x - 0.9 * x * y, y: 0.8 * x * y - 1.8 * y}, initial=START)
    rows = []
    for name in names:
        for noise in noises:
            for seed in seeds:
                seen = observations(system, measured(noise, seed))
                before = time.process_time()
                fit = SURROGATES[name](**(options or {}).get(name, {})).fit(system, seen, seed=seed)
                seconds = time.process_time() - before
                true = sd.simulate(exact, fit.times[0], rtol=1e-11, atol=1e-12, progress=False)
                product = np.ravel(true["x"]) * np.ravel(true["y"])
                along = np.concatenate([0.9 * product, 0.8 * product])
                found = np.concatenate([fit.terms[f(x, y)].values, fit.terms[g(x, y)].values])
                error = np.linalg.norm(found - along) / np.linalg.norm(along)
                rows.append({"surrogate": name, "noise": noise, "seed": seed, "error": error, "seconds": seconds})
    return pd.DataFrame(rows)
