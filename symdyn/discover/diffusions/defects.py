"""What makes a fitted diffusion no model: a squared noise that is negative, or paths that diverge."""

from __future__ import annotations

import numpy as np

from symdyn.inference.path_likelihood import PathLikelihood

__all__ = ["noise_defects"]

#: Places on the data from which paths are simulated, and gaps that they cross.
PLACES, GAPS = 200, 32
#: Share of the simulated paths that may fail, for steps of a simulation cross a boundary that the process does not.
FAILING = 0.02
#: Eigenvalues of the squared diffusion, relative to its mean trace along the data, that count as negative on the data and on
#: simulated paths, which overshoot where noise vanishes.
ROUNDING, OVERSHOOT = 1e-9, 0.05
#: A path that is further from the data than this many of their ranges diverges.
FAR = 1e6


def noise_defects(likelihood: PathLikelihood, theta: np.ndarray) -> list[str]:
    """Defects of a diffusion with parameters `theta` (P,) along the data and where it goes from there.

    The squared diffusion is looked at where steps begin, end, and half way; then along paths from places on the data.
    """
    moments, data = likelihood.moments, likelihood.data
    times = np.concatenate([data.times, data.times + data.gaps, data.times + data.gaps / 2])
    states = np.concatenate([data.begin, data.end, (data.begin + data.end) / 2], axis=1)
    squared = moments.matrix(moments.local(theta, states, times)[1])
    if not np.isfinite(squared).all():
        return ["its squared noise is not finite along the data"]
    scale = float(np.trace(squared, axis1=1, axis2=2).mean())
    negative = np.linalg.eigvalsh(squared)[:, 0].reshape(3, -1) < -ROUNDING * abs(scale)
    if negative.any() or scale < 0:
        return [f"its squared noise is negative along {int(negative.any(axis=0).sum())} of {data.count} steps"]
    crossed, diverged = _simulated(likelihood, theta, scale)
    found = []
    if crossed > FAILING * PLACES:
        found.append(f"its squared noise becomes negative along {crossed} of {PLACES} simulated paths")
    if diverged > FAILING * PLACES:
        found.append(f"{diverged} of {PLACES} paths that are simulated with it diverge")
    return found


def _simulated(likelihood: PathLikelihood, theta: np.ndarray, scale: float) -> tuple[int, int]:
    """How many paths by Euler and Maruyama's method meet a negative squared noise, and how many diverge."""
    moments, data = likelihood.moments, likelihood.data
    at = np.linspace(0, data.count - 1, PLACES).astype(int)
    states, times, step = data.begin[:, at].copy(), data.times[at].copy(), float(np.median(data.gaps)) / likelihood.steps
    middle, reach = data.begin.mean(axis=1, keepdims=True), FAR * np.ptp(data.begin, axis=1, keepdims=True)
    crossed, diverged = np.zeros(PLACES, dtype=bool), np.zeros(PLACES, dtype=bool)
    rng = np.random.default_rng(0)
    for _ in range(GAPS * likelihood.steps):
        drift, noise = moments.local(theta, states, times)
        squared = moments.matrix(noise)
        diverged |= ~(np.isfinite(drift).all(axis=0) & np.isfinite(squared).all(axis=(1, 2)))
        diverged |= (np.abs(states - middle) > reach).any(axis=0)
        squared[diverged] = 0.0
        values, vectors = np.linalg.eigh(squared)
        crossed |= ~diverged & (values[:, 0] < -OVERSHOOT * scale)
        pushed = np.sqrt(np.maximum(values, 0.0)) * rng.normal(size=values.shape)
        moved = step * drift + np.sqrt(step) * np.einsum("nij,nj->in", vectors, pushed)
        states = states + np.where(diverged, 0.0, moved)
        times = times + step
    return int(crossed.sum()), int(diverged.sum())
