"""All right-hand sides by sparse regression: weak form first, then shooting windows of the trajectories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from symdyn.discover.data import estimated_noise
from symdyn.discover.regressors._choice import Choice, chosen_under
from symdyn.discover.regressors._formula import effective_size
from symdyn.discover.regressors._matching import Library
from symdyn.discover.regressors._weak import FINER, WIDTH, smoothed, weak_form
from symdyn.discover.regressors._whole import WholeFit, whole_fit

__all__ = ["DOUBTFUL", "WIDTHS", "WeakRows", "constrained_choices", "noise_of", "refined", "smoothed", "weak_rows"]

#: Data from which the noise of each state is estimated.
ENOUGH = 3000
#: Half widths of the test functions that are tried, in data: narrower ones where states turn within few data.
WIDTHS = (WIDTH, 12, 6)
#: Sum of squares over its degrees of freedom beyond which a fit is not believed.
DOUBTFUL = 2.0


@dataclass(frozen=True)
class WeakRows:
    """Weak form of all trajectories.

    Attributes
    ----------
    design : (w, p) float64
        Integrals of the terms; columns that are not finite are zero.
    targets : (w, n) float64
        Integrals of the states' derivatives.
    smooth : tuple of (T, n) float64
        Smoothed states at the data.
    """

    design: np.ndarray
    targets: np.ndarray
    smooth: tuple[np.ndarray, ...]


def weak_rows(
    runs: Sequence[tuple[np.ndarray, np.ndarray]],
    fine: Sequence[tuple[np.ndarray, np.ndarray]],
    values: Callable[[np.ndarray], np.ndarray],
    width: int,
) -> WeakRows:
    """Integrate the terms along smoothed runs against test functions of a half width in data."""
    parts = [weak_form(times, x, values, width) for times, x in fine]
    design, targets = (np.concatenate(p) for p in zip(*parts, strict=True))
    finite = np.all(np.isfinite(design), axis=0)
    smooth = tuple(
        np.stack([np.interp(times, t, v) for v in x.T], axis=1) if len(t) != FINER * (len(times) - 1) + 1 else x[::FINER]
        for (times, _), (t, x) in zip(runs, fine, strict=True)
    )
    return WeakRows(np.where(finite, design, 0.0), targets, smooth)


def constrained_choices(rows: WeakRows, equations: tuple[np.ndarray, np.ndarray], threshold: float) -> list[Choice]:
    """Choices of all coefficients (n p,) under linear equations between them, best first.

    Every equation weighs by what the whole library leaves of its target.
    """
    p, n = rows.design.shape[1], rows.targets.shape[1]
    full = np.linalg.lstsq(rows.design, rows.targets, rcond=None)[0]
    left = np.linalg.norm(rows.targets - rows.design @ full, axis=0)
    left = np.maximum(left, 1e-3 * threshold * np.linalg.norm(rows.targets, axis=0) + 1e-300)
    gram = np.kron(np.diag(left**-2.0), rows.design.T @ rows.design)
    right = (rows.design.T @ rows.targets / left**2).T.ravel()
    power = float((rows.targets**2 / left**2).sum())

    def size(c: np.ndarray) -> float:
        residuals = rows.targets - rows.design @ c.reshape(n, p).T
        return sum(effective_size(r) for r in residuals.T)

    return chosen_under(gram, right, power, equations, threshold=threshold, size=size)


def noise_of(runs: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Estimated standard deviation of the measurement error of each state."""
    few = max(1, ENOUGH // max(len(times) for times, _ in runs))
    return np.array([estimated_noise([(t, x[:, i]) for t, x in runs[:few]]) for i in range(runs[0][1].shape[1])])


def refined(
    library: Library, runs: Sequence[tuple[np.ndarray, np.ndarray]], rows: WeakRows, first: np.ndarray,
    noise: np.ndarray, equations: np.ndarray | None,
) -> WholeFit:  # fmt: skip
    """Coefficients fitted in windows of the trajectories, with terms added, dropped and exchanged."""
    whole = [(t, x, s) for (t, x), s in zip(runs, rows.smooth, strict=True)]
    return whole_fit(library, whole, first, noise, equations=equations)
