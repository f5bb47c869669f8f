r"""Ends of bridges as weighted points: clouds, and densities in one or two dimensions on a grid."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.inference.points import read_points
from symdyn.transport.densities import GaussianMixture

__all__ = ["Cloud", "cloud_moments", "cloud_of", "normal_moments", "read_end"]

#: Points of a grid at most; its spacing in units of the narrowest width, and how far it reaches in standard deviations.
MOST, SPACING, REACH = 20_000, 0.6, 7.0
#: Densities relative to the largest that are left out.
SMALL = 1e-14


@dataclass(frozen=True)
class Cloud:
    """Weighted points.

    Attributes
    ----------
    points : (n, d) float64
    weights : (n,) float64
        With the sum 1.
    density : GaussianMixture or None
        That the points stand for.
    """

    points: np.ndarray
    weights: np.ndarray
    density: GaussianMixture | None = None

    def sample(self, count: int, seed: int) -> np.ndarray:
        """Independent points, of the density where there is one."""
        if self.density is not None:
            return self.density.sample(count, seed)
        return self.points[np.random.default_rng(seed).choice(len(self.points), count, p=self.weights)]


def read_end(value: Any, states: Sequence[sp.Symbol], what: str) -> GaussianMixture | np.ndarray:
    """A mixture, or points (n, d), of one end.

    Raises
    ------
    DeclarationError
        For anything else, and for dimensions that are not those of the states.
    """
    d, names = len(states), [s.name for s in states]
    if isinstance(value, GaussianMixture):
        if value.dimension != d:
            raise DeclarationError(f"{what} has {value.dimension} dimensions; expected {d}, those of {', '.join(names)}")
        return value
    return read_points(value, states, what, "a GaussianMixture, Normal, or ")


def normal_moments(end: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean and covariance of a single normal distribution, or None."""
    if not isinstance(end, GaussianMixture) or len(end.weights) != 1:
        return None
    mean = np.array(_numbers(end.means[0]))
    if end.stds is not None:
        return mean, np.diag(np.array(_numbers(end.stds[0])) ** 2)
    assert end.covariances is not None
    return mean, end.covariances[0]


def cloud_moments(end: Any) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of points, or of a mixture."""
    if not isinstance(end, GaussianMixture):
        return end.mean(axis=0), np.atleast_2d(np.cov(end.T, bias=True))
    weights, means = np.array(_numbers(end.weights)), np.array([_numbers(m) for m in end.means])
    spreads = end.covariances if end.stds is None else [np.diag(np.array(_numbers(s)) ** 2) for s in end.stds]
    away = means - weights @ means
    return weights @ means, np.einsum("k,kij->ij", weights, np.array(spreads)) + (away.T * weights) @ away


def cloud_of(end: GaussianMixture | np.ndarray, noise: np.ndarray, what: str) -> Cloud:
    """Points as they are, or a mixture on a grid that resolves it and the kernel of the reference.

    Parameters
    ----------
    end : GaussianMixture or (n, d) float64
    noise : (d, d) float64
        Covariance of the kernel in the coordinates of this end.
    what : str

    Raises
    ------
    DeclarationError
        For mixtures in more than two dimensions, and where a grid would have too many points.
    """
    if not isinstance(end, GaussianMixture):
        return Cloud(end, np.full(len(end), 1 / len(end)))
    d = end.dimension
    if d > 2:
        raise DeclarationError(
            f"{what} is a mixture in {d} dimensions; expected 2 at most, or points: {what}=mixture.sample(2000, seed=0)"
        )
    means = np.array([_numbers(m) for m in end.means])
    if end.stds is not None:
        spreads = [np.diag(np.array(_numbers(s)) ** 2) for s in end.stds]
    else:
        assert end.covariances is not None
        spreads = list(end.covariances)
    narrow = min(1 / np.linalg.eigvalsh(np.linalg.inv(s) + np.linalg.inv(noise)).max() for s in spreads) ** 0.5
    sides = np.array([np.sqrt(np.diag(s)) for s in spreads])
    low, high = (means - REACH * sides).min(axis=0), (means + REACH * sides).max(axis=0)
    counts = np.ceil((high - low) / (SPACING * narrow)).astype(int) + 1
    axes = [np.linspace(a, b, k) for a, b, k in zip(low, high, counts, strict=True)]
    if counts.prod() > 50 * MOST:
        raise DeclarationError(_too_many(what, int(counts.prod())))
    points = np.array(list(itertools.product(*axes)))
    logs = end.log_pdf(points)
    kept = logs > logs.max() + np.log(SMALL)
    if kept.sum() > MOST:
        raise DeclarationError(_too_many(what, int(kept.sum())))
    weights = np.exp(logs[kept] - logs.max())
    return Cloud(points[kept], weights / weights.sum(), end)


def _too_many(what: str, count: int) -> str:
    return (
        f"a grid that resolves {what} and the noise of the reference has {count} points; expected {MOST} at most: give points, "
        f"{what}=mixture.sample(2000, seed=0), or a reference with more noise"
    )


def _numbers(row: Sequence[sp.Expr]) -> list[float]:
    try:
        return [float(v) for v in row]
    except TypeError:
        raise DeclarationError(
            f"{', '.join(map(str, row))} are no numbers; bridges are between distributions of numbers"
        ) from None
