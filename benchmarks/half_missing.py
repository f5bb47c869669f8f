"""Irregular series of which half is missing: the exact smoother, a fitted linear equation, and neural equations with noise.

``python -m benchmarks.half_missing --networks --seeds 5 --out benchmarks/results/half_missing.txt``: ten minutes, most of them
for the networks, which need JAX.
Two states rotate under noise, dx = A x dt + G dW, are measured with errors at irregular times, and every
entry is missing with a probability.  Errors are mean squares there.  The smoother knows the equation, and no method
can have less.  The fitted equation is that of `symdyn.fit` by its likelihood, smoothed in the same way.  Networks are
small ones of Oh et al. (ICLR 2024), passed over the series in both directions, trained on 600 series.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from scipy.linalg import expm, solve_continuous_lyapunov

import symdyn as sd

DRIFT, SPREAD, ERROR = np.array([[-0.5, -3.0], [3.0, -0.5]]), 0.7, 0.1
LENGTH, GAP, FITTED, SERIES = 40, 0.15, 40, 600
#: Time from the origin to the first measurement, over which the state comes to rest whatever it was.
RESTED = 15.0
KINDS = ("naive", "langevin", "linear-noise", "geometric")
MISSING = (0.5, 0.7, 0.8)


def series(count: int, seed: int, missing: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Times (count, L), states (count, L, 2), measurements, and which entries were seen."""
    rng = np.random.default_rng(seed)
    times, states = np.cumsum(rng.exponential(GAP, (count, LENGTH)), axis=1), np.empty((count, LENGTH, 2))
    states[:, 0] = SPREAD * rng.normal(size=(count, 2))
    for k in range(1, LENGTH):
        h = times[:, k] - times[:, k - 1]
        turn = np.stack([np.cos(3 * h), -np.sin(3 * h), np.sin(3 * h), np.cos(3 * h)], -1).reshape(-1, 2, 2)
        mean = np.exp(-0.5 * h)[:, None] * np.einsum("nij,nj->ni", turn, states[:, k - 1])
        states[:, k] = mean + SPREAD * np.sqrt(1 - np.exp(-h))[:, None] * rng.normal(size=(count, 2))
    return times, states, states + ERROR * rng.normal(size=states.shape), rng.random(states.shape) > missing


def smoothed(data: Any, drift: np.ndarray, noise: np.ndarray, error: float) -> np.ndarray:
    """Means of the states given what was seen, of dx = drift x dt + dW with the covariance noise, at rest before."""
    times, _, seen, mask = data
    rest = solve_continuous_lyapunov(drift, -noise)
    found = np.empty_like(seen)
    for i in range(len(times)):
        gaps = times[i][:, None] - times[i]
        ahead = expm(np.abs(gaps)[..., None, None] * drift) @ rest  # Cov(x(t + h), x(t)) = exp(A h) S
        blocks = np.where((gaps >= 0)[..., None, None], ahead, ahead.swapaxes(-1, -2))
        whole = blocks.transpose(0, 2, 1, 3).reshape(2 * LENGTH, 2 * LENGTH)
        o = mask[i].ravel()
        weights = np.linalg.solve(whole[np.ix_(o, o)] + error**2 * np.eye(o.sum()), seen[i].ravel()[o])
        found[i] = (whole[:, o] @ weights).reshape(LENGTH, 2)
    return found


def straight(data: Any) -> np.ndarray:
    """Straight lines between what was seen of each state."""
    times, _, seen, mask = data
    found = np.zeros_like(seen)
    for i in range(len(times)):
        for c in range(2):
            o = mask[i, :, c]
            found[i, :, c] = np.interp(times[i], times[i][o], seen[i, o, c]) if o.any() else 0.0
    return found


def error_of(guess: np.ndarray, data: Any) -> float:
    return float(((guess - data[1])[~data[3]] ** 2).mean())


def tables(data: Any) -> list[dict[str, np.ndarray]]:
    """The series as `symdyn.fit` reads them; each has come to rest before it is measured."""
    times, _, seen, mask = data
    shown = np.where(mask, seen, np.nan)
    return [{"t": np.r_[0.0, RESTED + t], **{n: np.r_[np.nan, v[:, k]] for k, n in enumerate("xy")}}
            for t, v in zip(times, shown, strict=True)]  # fmt: skip


def fitted() -> tuple[sd.Fit, float]:
    """A linear equation of which nothing else is known, fitted to series; CPU time."""
    x, y, a, b, c, d, g, e = sp.symbols("x y a b c d g e")
    system = sd.SDESystem({x: a * x + b * y, y: c * x + d * y}, {x: [g, 0], y: [0, g]}, initial={x: 0, y: 0})
    began = time.process_time()
    bounds = {a: (-4, -0.01), b: (-6, 6), c: (-6, 6), d: (-4, -0.01), g: (0.05, 3.0), e: (0.01, 0.5)}
    data = tables(series(FITTED, 7, 0.5))
    found = sd.fit(system, data, parameters=bounds, noise={"x": e, "y": e}, starts=8, seed=1)
    return found, time.process_time() - began


def smoothed_by(fit: sd.Fit, data: Any) -> np.ndarray:
    """The states by the fitted equation, through `symdyn.smooth`."""
    noise = dict.fromkeys("xy", fit.parameters["e"])
    found = sd.smooth(fit.system, tables(data), noise=noise, initial={"x": 0, "y": 0})
    return np.stack([np.stack([f.x.values[1:], f.y.values[1:]], axis=-1) for f in found])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--networks", action="store_true", help="train the networks too")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="of networks; rows of others in the file stay")
    given = parser.parse_args()
    tests = {m: series(200, 11 + k, m) for k, m in enumerate(MISSING)}
    fit, seconds = fitted()
    truth = SPREAD**2 * np.eye(2)
    rows = {
        "variance": {m: float(data[1].var()) for m, data in tests.items()},
        "straight lines": {m: error_of(straight(data), data) for m, data in tests.items()},
        "exact smoother": {m: error_of(smoothed(data, DRIFT, truth, ERROR), data) for m, data in tests.items()},
        "fitted linear equation": {m: error_of(smoothed_by(fit, data), data) for m, data in tests.items()},
    }
    values = ", ".join(f"{k} {v:.3f}" for k, v in fit.parameters.items())
    lines = [
        f"mean squared errors at missing entries; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        f"fitted: {values} (true: -0.5, -3, 3, -0.5, 0.7, 0.1), from {FITTED} series in {seconds:.1f} s of CPU",
    ]
    spreads: dict[str, dict[float, float]] = {}
    if given.networks:
        from benchmarks.half_missing_networks import trained

        data = series(SERIES, 3, 0.5)
        for kind in given.kinds:
            found = [trained(kind, data, tests, seed=seed) for seed in range(given.seeds)]
            name = f"network, {kind}"
            rows[name] = {m: float(np.mean([f[m] for f in found])) for m in MISSING}
            spreads[name] = {m: float(np.std([f[m] for f in found], ddof=1)) for m in MISSING if given.seeds > 1}
    floor, kept = rows["exact smoother"], {}
    if given.networks and given.out and given.out.exists():
        kept = {f"network, {k}": r for r in given.out.read_text().splitlines() for k in KINDS if r.startswith(f"network, {k} ")}
    lines.append(f"{'missing':24s}" + "".join(f"{m:>26.0%}" for m in MISSING))
    for name, row in rows.items():
        cells = [
            f"{row[m]:.4f}" + (f" ± {spreads[name][m]:.4f}" if spreads.get(name) else "") + f" ({row[m] / floor[m]:.3f})"
            for m in MISSING
        ]
        lines.append(f"{name:24s}" + "".join(f"{c:>26s}" for c in cells))
    lines += [row for name, row in kept.items() if name not in rows]
    lines.append(f"in brackets over the exact smoother's; of networks {given.seeds} seeds, ± their standard deviation")
    print("\n".join(lines))
    if given.out:
        given.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
