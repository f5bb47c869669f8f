r"""The weak form of an equation: no derivative of the data is taken.

.. math:: -\int \dot\phi_k\, x\, dt = \sum_j c_j \int \phi_k\, \theta_j(x)\, dt
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline, make_interp_spline, make_smoothing_spline

from symdyn.errors import RecoveryError
from symdyn.inference.data import estimated_noise

__all__ = ["WIDTHS", "WeakRows", "noise_of", "smoothed", "weak_rows"]

FINER = 8  # resolution of the quadrature relative to the data
#: Half widths of the test functions that are tried, in data: narrower ones where states turn within few data.
WIDTHS = (25, 12, 6)
#: Data from which the noise of each state is estimated.
ENOUGH = 3000
ORDER = 5  # test functions (1 - s^2)^ORDER
NOISY = 1e-4  # noise, relative to the spread, from which on a state is smoothed


@dataclass(frozen=True)
class WeakRows:
    """Weak form of all trajectories.

    Attributes
    ----------
    design : (w, p) float64
        Integrals of the terms; columns that are not finite are zero.
    targets : (w, n) float64
        Integrals of the states' derivatives.
    """

    design: np.ndarray
    targets: np.ndarray


def noise_of(runs: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Estimated standard deviation of the measurement error of each state."""
    few = max(1, ENOUGH // max(len(times) for times, _ in runs))
    return np.array([estimated_noise([(t, x[:, i]) for t, x in runs[:few]]) for i in range(runs[0][1].shape[1])])


def smoothed(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times and states on a finer grid of equal steps, and states at the data.

    Quintic interpolation, or a smoothing spline that misses noisy states by their noise.
    """
    if times.ndim != 1 or values.ndim != 2 or len(values) != len(times):
        raise RecoveryError(
            f"times of shape {times.shape} and states of shape {values.shape} do not match; expected (T,) and (T, n)"
        )
    if len(times) < 8 or np.any(np.diff(times) <= 0):
        raise RecoveryError(
            f"the states need 8 or more increasing times, got {len(times)}; repeats belong into further trajectories"
        )
    fine = np.linspace(times[0], times[-1], FINER * (len(times) - 1) + 1)
    splines = []
    for v in values.T:
        noise = estimated_noise([(times, v)])
        noisy = noise > NOISY * max(float(np.std(v)), 1e-300)
        splines.append(_smoothing(times, v, noise) if noisy else make_interp_spline(times, v, k=5))
    return fine, np.stack([s(fine) for s in splines], axis=1), np.stack([s(times) for s in splines], axis=1)


def _smoothing(times: np.ndarray, values: np.ndarray, noise: float) -> BSpline:
    """The smoothest cubic spline whose misfit is the noise; cross-validation had minima far too smooth."""
    span = (times[-1] - times[0]) / (len(times) - 1)
    low, high = -8.0, 8.0  # of log10(penalty / spacing^3)
    for _ in range(8):
        middle = (low + high) / 2
        spline = make_smoothing_spline(times, values, lam=span**3 * 10**middle)
        if np.sqrt(np.mean((spline(times) - values) ** 2)) < noise:
            low = middle
        else:
            high = middle
    return make_smoothing_spline(times, values, lam=span**3 * 10**low)


def weak_rows(
    fine: Sequence[tuple[np.ndarray, np.ndarray]], library: Callable[[np.ndarray], np.ndarray], width: int
) -> WeakRows:
    """Integrate the terms along smoothed runs (times, states) against test functions of a half width in data."""
    parts = [_weak_form(times, x, library, width) for times, x in fine]
    design, targets = (np.concatenate(p) for p in zip(*parts, strict=True))
    return WeakRows(np.where(np.all(np.isfinite(design), axis=0), design, 0.0), targets)


def _weak_form(
    times: np.ndarray, states: np.ndarray, library: Callable[[np.ndarray], np.ndarray], width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Integrals against the test functions of the terms, (windows, terms), and of the states, (windows, n).

    Half the support of a test function is `width` data, less on short trajectories, and four at least.
    """
    points = len(times)
    half = max(4 * FINER, min(points // 8, width * FINER))
    half = min(half, (points - 1) // 2)
    centres = np.unique(np.linspace(half, points - 1 - half, max(20, min(400, 4 * points // half))).astype(int))
    step = times[1] - times[0]
    s = np.linspace(-1, 1, 2 * half + 1)
    test = (1 - s**2) ** ORDER
    slope = -2 * ORDER * s * (1 - s**2) ** (ORDER - 1) / (half * step)
    windows = centres[:, None] + np.arange(-half, half + 1)
    terms = library(states)[windows]
    return step * np.einsum("s,wsp->wp", test, terms), -step * np.einsum("s,wsn->wn", slope, states[windows])
