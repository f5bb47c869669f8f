"""Sweeps of Markov chains on mixtures of normal distributions at several noise levels, in numpy: the mixture is data.

With L levels, K components, d dimensions and C chains, `log_weight` (L, K) holds logarithms of weights over widths, `mean`
(L, K, d) the means, and `whiten` (L, K, d, d) inverses of the lower factors of the covariances.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class LevelMixtures(NamedTuple):
    """The mixtures of all levels."""

    log_weight: np.ndarray
    mean: np.ndarray
    whiten: np.ndarray


def log_densities(x: np.ndarray, levels: LevelMixtures) -> np.ndarray:
    """Logarithms of the densities (L, C) of points (C, d) at every level."""
    away = np.matmul(x[None, None] - levels.mean[:, :, None], levels.whiten.swapaxes(-1, -2))
    logs = levels.log_weight[:, :, None] - 0.5 * (away**2).sum(axis=-1)
    most = logs.max(axis=1)
    return most + np.log(np.exp(logs - most[:, None]).sum(axis=1))


def log_density_and_score(x: np.ndarray, level: np.ndarray, levels: LevelMixtures) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of the density (C,) and scores (C, d) of points at a level each."""
    whiten = levels.whiten[level]
    away = np.matmul(whiten, (x[:, None] - levels.mean[level])[..., None])
    logs = levels.log_weight[level] - 0.5 * (away[..., 0] ** 2).sum(axis=-1)
    most = logs.max(axis=1)
    share = np.exp(logs - most[:, None])
    total = share.sum(axis=1)
    pull = np.matmul(whiten.swapaxes(-1, -2), away)[..., 0]
    return most + np.log(total), -((share / total[:, None])[..., None] * pull).sum(axis=1)


def sweep(
    x: np.ndarray, normals: np.ndarray, uniforms: np.ndarray, levels: LevelMixtures, step: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A level from its exact law given the point, and a Langevin step there that is accepted or not.

    Parameters
    ----------
    x : (C, d) float64
    normals : (C, d) float64
        Standard normal numbers.
    uniforms : (C, 2) float64
        For the level, and for the acceptance.
    levels : LevelMixtures
    step : (L,) float64
        Lengths of the steps.

    Returns
    -------
    x : (C, d) float64
    level : (C,) int64
    accepted : (C,) bool
    """
    logs = log_densities(x, levels)
    share = np.exp(logs - logs.max(axis=0)).cumsum(axis=0)
    level = (share < uniforms[:, 0] * share[-1]).sum(axis=0)
    h = step[level][:, None]
    here, score = log_density_and_score(x, level, levels)
    proposed = x + h * score + np.sqrt(2 * h) * normals
    there, back = log_density_and_score(proposed, level, levels)
    forth = -0.5 * (normals**2).sum(axis=1)
    returned = -((x - proposed - h * back) ** 2).sum(axis=1) / (4 * h[:, 0])
    accepted = np.log(uniforms[:, 1]) < there - here + returned - forth
    return np.where(accepted[:, None], proposed, x), level, accepted
