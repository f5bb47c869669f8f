"""Interpolation of the bulk of many cells: matrices at thousands of growth rates from those at some dozens."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from symdyn.cells._regions import SearchRectangle
from symdyn.cells.exchange import Exchange

__all__ = ["InterpolatedExchange", "interpolated"]

#: Relative error of the interpolation on the boundary of a region, which bounds that inside; and the largest that is accepted
#: where values come with the rounding errors of finite elements, to which more points would only add spurious poles.
TOLERANCE, ROUGH = 1e-11, 1e-9
#: Random combinations of the entries that represent all of them, interpolation points at most, and points on each side.
COMBINATIONS, MOST, SIDE = 8, 70, 48
#: Contours around parts of a region leave it by this part of its sides.
BEYOND = 0.22


class InterpolatedExchange(Exchange):
    r"""W by rational interpolation in barycentric form.

    .. math:: W(\lambda) \approx \sum_k \frac{w_k}{\lambda - z_k} W(z_k) \Big/ \sum_k \frac{w_k}{\lambda - z_k}.

    Parameters
    ----------
    exchange : Exchange
        What is interpolated.
    points : (n,) complex array
    weights : (n,) complex array
    """

    def __init__(self, exchange: Exchange, points: np.ndarray, weights: np.ndarray) -> None:
        super().__init__(exchange.values)
        self._uptake, self.points, self.weights = exchange.uptake, points, weights
        self.table = exchange.bulk(points)

    @property
    def uptake(self) -> np.ndarray:
        return self._uptake

    def bulk(self, lambdas: np.ndarray) -> np.ndarray:
        shares = _shares(np.asarray(lambdas, complex), self.points, self.weights)
        return np.tensordot(shares, self.table, 1)


def interpolated(exchange: Exchange, region: SearchRectangle, limit: float) -> Exchange:
    """The exchange, interpolated in a region and around it; itself where that is not accurate.

    Interpolation points are chosen one by one where the error on the boundary is largest (the AAA algorithm); as W is
    holomorphic inside, the error is smaller there, unless the interpolant has a pole, which is checked.

    Parameters
    ----------
    exchange : Exchange
    region : SearchRectangle
    limit : float
        The real number up to which W is not holomorphic.

    References
    ----------
    Nakatsukasa, Sète & Trefethen, SIAM Journal on Scientific Computing 40 (2018) A1494-A1522; of several functions at once:
    Lietaert, Meerbergen, Pérez & Vandereycken, IMA Journal of Numerical Analysis 42 (2022) 1087-1115.
    """
    left = max(region.low.real - BEYOND * region.width, limit + 0.05 * (region.low.real - limit))
    right, top = (
        region.high.real + BEYOND * region.width,
        max(abs(region.low.imag), abs(region.high.imag)) + BEYOND * region.height,
    )
    if left <= limit:
        return exchange
    # denser where the branch point or the first pole is near
    near = left - limit
    up = near * np.sinh(np.linspace(0, np.arcsinh(top / near), SIDE))
    along = limit + near * np.exp(np.linspace(0, np.log((right - limit) / near), SIDE))
    half = np.concatenate([left + 1j * up, along[1:] + 1j * top, right + 1j * np.linspace(0, top, SIDE // 2)[:-1]])
    samples = np.concatenate([half, half[half.imag > 0].conj()])
    size = exchange.bulk(half[:1]).shape[1]
    generator = np.random.default_rng(0)
    mix = generator.normal(size=(size * size, COMBINATIONS))
    mirrored = exchange.values.with_conjugates  # then W(conj(lambda)) is the conjugate of W(lambda)
    places = half if mirrored else samples
    values = np.concatenate([exchange.bulk(places[k : k + 8]).reshape(-1, size * size) @ mix for k in range(0, len(places), 8)])
    if mirrored:
        values = np.concatenate([values, values[half.imag > 0].conj()])
    scale = np.median(np.abs(values), axis=0)
    for chosen in _greedy(samples, values / scale):
        if not _has_pole(*chosen, complex(left, -top), complex(right, top)):
            return InterpolatedExchange(exchange, *chosen)
    return exchange


def _greedy(samples: np.ndarray, values: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Interpolation points and weights for functions given at samples (N, q): the first accurate and the first acceptable."""
    rough: list[tuple[np.ndarray, np.ndarray]] = []
    left = np.ones(len(samples), bool)
    fit = np.broadcast_to(values.mean(axis=0), values.shape)
    size = np.maximum(np.abs(values).max(axis=1), 1)  # errors are relative to it: beside a pole values are large
    places: list[int] = []
    while len(places) < MOST:
        places.append(int((np.abs(values - fit).max(axis=1) / size).argmax()))
        left[places[-1]] = False
        cauchy = 1 / (samples[left][:, None] - samples[places])
        # errors of all functions stacked, (N q, n), whose smallest singular vector has the weights
        loewner = (values[left][:, :, None] - values[places].T[None]) * cauchy[:, None, :]
        weights = np.linalg.svd(np.linalg.qr(loewner.reshape(-1, len(places)), mode="r"))[2][-1].conj()
        fit = values.copy()
        fit[left] = (cauchy * weights) @ values[places] / (cauchy @ weights)[:, None]
        error = (np.abs(values - fit).max(axis=1) / size).max()
        if error <= TOLERANCE:
            return [(samples[places], weights), *rough]
        if error <= ROUGH and not rough:
            rough.append((samples[places], weights))
    return rough


def _shares(at: np.ndarray, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Barycentric shares of the interpolation points, (k, n)."""
    away = at[:, None] - points
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = weights / away
        shares = parts / parts.sum(axis=1, keepdims=True)
    on = ~np.isfinite(shares).all(axis=1)  # a point of interpolation itself
    shares[on] = away[on] == 0
    return shares


def _has_pole(points: np.ndarray, weights: np.ndarray, low: complex, high: complex) -> bool:
    """Whether the interpolant has a pole between two corners."""
    n = len(points)
    pencil, mass = np.zeros((n + 1, n + 1), complex), np.eye(n + 1)
    pencil[0, 1:], pencil[1:, 0], pencil[1:, 1:], mass[0, 0] = weights, 1, np.diag(points), 0
    with np.errstate(all="ignore"):
        poles = scipy.linalg.eigvals(pencil, mass)
    poles = poles[np.isfinite(poles)]
    inside = (low.real < poles.real) & (poles.real < high.real) & (low.imag < poles.imag) & (poles.imag < high.imag)
    return bool(inside.any())
