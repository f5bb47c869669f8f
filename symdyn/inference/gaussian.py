"""The quasi-likelihood of data whose conditional mean and covariance are known: that of normal variables."""

from __future__ import annotations

import numpy as np

from symdyn.inference.scoring import Score

__all__ = ["gaussian_score", "gaussian_value"]

LOG_2PI = float(np.log(2 * np.pi))


def _roots(covariance: np.ndarray) -> np.ndarray | None:
    """Lower triangular factors of covariances (N, n, n); None if one is not positive."""
    if not np.isfinite(covariance).all():
        return None
    if covariance.shape[-1] == 1:
        return np.sqrt(covariance) if covariance.min() > 0 else None
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return None


def gaussian_value(residual: np.ndarray, covariance: np.ndarray) -> float:
    """The log-likelihood of residuals (N, n) with covariances (N, n, n)."""
    root = _roots(covariance)
    if root is None or not np.isfinite(residual).all():
        return -np.inf
    white = _solved(root, residual[..., None])[..., 0]
    each = -0.5 * (white**2).sum(axis=1) - np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    each = each - 0.5 * residual.shape[1] * LOG_2PI
    return float(each.sum())


def gaussian_score(residual: np.ndarray, covariance: np.ndarray, slopes: np.ndarray, spreads: np.ndarray) -> Score:
    """The same with its score and information.

    Parameters
    ----------
    residual : (N, n) float64
    covariance : (N, n, n) float64
    slopes : (P, N, n) float64
        Derivatives of the conditional mean.
    spreads : (P, N, n, n) float64
        Derivatives of the covariance.
    """
    root = _roots(covariance)
    if root is None or not np.isfinite(residual).all():
        return Score.none(len(slopes), -np.inf)
    white = _solved(root, residual[..., None])[..., 0]
    value = -0.5 * float((white**2).sum()) - float(np.log(np.diagonal(root, axis1=1, axis2=2)).sum())
    value -= 0.5 * residual.size * LOG_2PI
    if not len(slopes):
        return Score.none(0, value)
    moved = np.stack([_solved(root, s[..., None])[..., 0] for s in slopes])
    half = np.stack([_solved(root, s) for s in spreads])
    turned = np.stack([_solved(root, np.swapaxes(h, 1, 2)) for h in half])  # L^-1 dS L^-T
    each = np.einsum("pni,ni->pn", moved, white)
    each += 0.5 * (np.einsum("ni,pnij,nj->pn", white, turned, white) - np.einsum("pnii->pn", turned))
    flat, bent = moved.reshape(len(moved), -1), turned.reshape(len(turned), -1)
    with np.errstate(over="ignore", invalid="ignore"):
        information, outer = flat @ flat.T + 0.5 * (bent @ bent.T), each @ each.T
    if not (np.isfinite(information).all() and np.isfinite(outer).all()):
        return Score.none(len(slopes), -np.inf)
    return Score(value, each.sum(axis=1), information, outer)


def _solved(root: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solutions of lower triangular systems (N, n, n) with right-hand sides (N, n, k), row after row."""
    found = np.empty_like(right)
    for i in range(root.shape[-1]):
        found[:, i] = (right[:, i] - np.einsum("nj,njk->nk", root[:, i, :i], found[:, :i])) / root[:, i, i, None]
    return found
