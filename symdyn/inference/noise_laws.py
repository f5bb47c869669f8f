"""Distributions of measurements about what is expected: their densities, scores and information."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.special import digamma, gammaln, polygamma

__all__ = ["KINK", "LAWS", "LawScore", "NoiseLaw", "ScaledLaw"]

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
#: Residuals of Laplace's law below this share of its scale count as large as this: the majorising parabola needs a width.
KINK = 1e-4


class LawScore(NamedTuple):
    """Log densities (...), scores (k, ...) by the expected value and each parameter, and information (k, k, ...)."""

    value: np.ndarray
    scores: np.ndarray
    information: np.ndarray


class NoiseLaw(ABC):
    """A distribution of measurements; parameters are positive, and the first of them is its scale if it has one.

    Attributes
    ----------
    name : str
    parameters : tuple of str
    bounds : dict
        Within which parameters that are not given are fitted: beyond, the law is another one as far as digits tell.
    centred : bool
        Whether residuals over the scale have a distribution of their own, so that they can be drawn again.
    counts : bool
        Whether measurements are whole numbers from 0.
    positive : bool
        Whether measurements are positive.
    exact : bool
        Whether measurements are what is expected, which systems with randomness alone allow.
    """

    name: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]]
    bounds: ClassVar[dict[str, tuple[float, float]]] = {}
    centred: ClassVar[bool] = True
    counts: ClassVar[bool] = False
    positive: ClassVar[bool] = False
    exact: ClassVar[bool] = False

    @abstractmethod
    def score(self, y: np.ndarray, mean: np.ndarray, parameters: tuple[np.ndarray, ...], *, fisher: bool) -> LawScore:
        """Of measurements `y`, the expected information with `fisher`, else what bounds the log density from below."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, mean: np.ndarray, parameters: tuple[np.ndarray, ...]) -> np.ndarray:
        """Measurements."""

    def variance(self, mean: np.ndarray, parameters: tuple[np.ndarray, ...]) -> np.ndarray:
        """The square of the scale of residuals."""
        return parameters[0] ** 2

    def residuals(self, y: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """Differences from what is expected, on the scale on which the law is symmetric."""
        return y - mean

    def moved(self, mean: np.ndarray, residuals: np.ndarray) -> np.ndarray:
        """Measurements with these residuals."""
        return mean + residuals


class ScaledLaw(NoiseLaw):
    """A law whose only parameter is a scale, which can be estimated along from residuals."""

    @abstractmethod
    def scale(self, residuals: np.ndarray) -> np.ndarray:
        """The most likely scale of residuals (..., N), NaN where there are none."""


def _diagonal(*entries: np.ndarray) -> np.ndarray:
    found = np.zeros((len(entries), len(entries), *np.broadcast_shapes(*(np.shape(e) for e in entries))))
    for k, entry in enumerate(entries):
        found[k, k] = entry
    return found


def _of_scale(information: np.ndarray, size: np.ndarray, fisher: bool) -> np.ndarray:
    """The information about a scale, or how the log density bends in its logarithm far from the curve, so that steps end."""
    return information + 0 * size if fisher else information * np.maximum(size, 1.0)


class _Normal(ScaledLaw):
    r"""With the expected value h, :math:`p(y) = e^{-(y - h)^2/2s^2}/(s\sqrt{2\pi})`."""

    name, parameters = "normal", ("deviation",)

    def score(self, y: np.ndarray, mean: np.ndarray, parameters: tuple[np.ndarray, ...], *, fisher: bool) -> LawScore:
        s = parameters[0]
        z = (y - mean) / s
        value = -0.5 * z**2 - np.log(s) - HALF_LOG_2PI
        information = _diagonal(1 / s**2 + 0 * z, _of_scale(2 / s**2, z**2, fisher))
        return LawScore(value, np.stack(np.broadcast_arrays(z / s, (z**2 - 1) / s)), information)

    def draw(self, rng: np.random.Generator, mean: np.ndarray, parameters: tuple[np.ndarray, ...]) -> np.ndarray:
        return rng.normal(mean, parameters[0])

    def scale(self, residuals: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.sqrt(np.nanmean(residuals**2, axis=-1))


class _LogNormal(ScaledLaw):
    r"""The expected value h is the median, :math:`p(y) = e^{-(\log y - \log h)^2/2s^2}/(y\, s\sqrt{2\pi})`."""

    name, parameters, positive = "lognormal", ("deviation",), True

    def score(self, y: np.ndarray, mean: np.ndarray, parameters: tuple[np.ndarray, ...], *, fisher: bool) -> LawScore:
        s = parameters[0]
        z = self.residuals(y, mean) / s
        value = -0.5 * z**2 - np.log(s) - HALF_LOG_2PI - np.log(y)
        scores = np.stack(np.broadcast_arrays(z / (s * mean), (z**2 - 1) / s))
        return LawScore(value, scores, _diagonal(1 / (s * mean) ** 2 + 0 * z, _of_scale(2 / s**2, z**2, fisher)))

    def draw(self, rng: np.random.Generator, mean: np.ndarray, parameters: tuple[np.ndarray, ...]) -> np.ndarray:
        return mean * np.exp(parameters[0] * rng.normal(size=np.shape(mean)))

    def residuals(self, y: np.ndarray, mean: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(np.log(y) - np.log(mean))

    def moved(self, mean: np.ndarray, residuals: np.ndarray) -> np.ndarray:
        return mean * np.exp(residuals)

    scale = _Normal.scale


class _Laplace(ScaledLaw):
    r"""With the expected value h, :math:`p(y) = e^{-|y - h|/b}/2b`."""

    name, parameters = "laplace", ("scale",)

    def score(self, y: np.ndarray, mean: np.ndarray, parameters: tuple[np.ndarray, ...], *, fisher: bool) -> LawScore:
        b = parameters[0]
        z = (y - mean) / b
        size = np.abs(z)
        curvature = 1 / b**2 + 0 * z if fisher else 1 / (b**2 * np.maximum(size, KINK))
        scores = np.stack(np.broadcast_arrays(np.sign(z) / b, (size - 1) / b))
        return LawScore(-size - np.log(2 * b), scores, _diagonal(curvature, _of_scale(1 / b**2, size, fisher)))

    def draw(self, rng: np.random.Generator, mean: np.ndarray, parameters: tuple[np.ndarray, ...]) -> np.ndarray:
        return rng.laplace(mean, parameters[0])

    def scale(self, residuals: np.ndarray) -> np.ndarray:
        return np.asarray(np.nanmean(np.abs(residuals), axis=-1))


class _Student(NoiseLaw):
    r"""With :math:`z = (y - h)/s`, :math:`p(y) \propto (1 + z^2/\nu)^{-(\nu + 1)/2}`: few data may lie far from the curve.

    Information: Lange, Little, Taylor, J. Am. Stat. Assoc. 84, 881 (1989), appendix B.
    """

    name, parameters, bounds = "student", ("scale", "freedom"), {"freedom": (0.5, 1e3)}

    def score(self, y: np.ndarray, mean: np.ndarray, parameters: tuple[np.ndarray, ...], *, fisher: bool) -> LawScore:
        s, v = parameters
        z = (y - mean) / s
        square, half = z**2, (v + 1) / 2
        value = gammaln(half) - gammaln(v / 2) - 0.5 * np.log(v * np.pi) - np.log(s) - half * np.log1p(square / v)
        weight = (v + 1) / (v + square)
        by_freedom = 0.5 * (digamma(half) - digamma(v / 2) - 1 / v - np.log1p(square / v) + weight * square / v)
        scores = np.stack(np.broadcast_arrays(weight * z / s, (weight * square - 1) / s, by_freedom))
        tail = 0.25 * (polygamma(1, v / 2) - polygamma(1, half)) - (v + 5) / (2 * v * (v + 1) * (v + 3))
        found = _diagonal((v + 1) / ((v + 3) * s**2) + 0 * z, 2 * v / ((v + 3) * s**2), tail)
        found[1, 2] = found[2, 1] = -2 / (s * (v + 1) * (v + 3))
        return LawScore(value, scores, found)

    def draw(self, rng: np.random.Generator, mean: np.ndarray, parameters: tuple[np.ndarray, ...]) -> np.ndarray:
        return mean + parameters[0] * rng.standard_t(np.broadcast_to(parameters[1], np.shape(mean)))


class _Poisson(NoiseLaw):
    r"""Counts with the mean h, :math:`p(y) = h^y e^{-h}/y!`."""

    name, parameters, centred, counts = "poisson", (), False, True

    def score(self, y: np.ndarray, mean: np.ndarray, parameters: tuple[np.ndarray, ...], *, fisher: bool) -> LawScore:
        return LawScore(y * np.log(mean) - mean - gammaln(y + 1), (y / mean - 1)[None], _diagonal(1 / mean + 0 * y))

    def draw(self, rng: np.random.Generator, mean: np.ndarray, parameters: tuple[np.ndarray, ...]) -> np.ndarray:
        return rng.poisson(mean).astype(float)

    def variance(self, mean: np.ndarray, parameters: tuple[np.ndarray, ...]) -> np.ndarray:
        return mean


class _NegativeBinomial(NoiseLaw):
    r"""Counts of the mean m and the variance :math:`m + m^2/r` with the size r.

    .. math:: p(y) = \frac{\Gamma(y + r)}{\Gamma(r)\, y!} \left(\frac{r}{r + m}\right)^r \left(\frac{m}{r + m}\right)^y

    The information about the size is that of the squared scores.
    """

    name, parameters, bounds = "negative binomial", ("size",), {"size": (1e-4, 1e6)}
    centred, counts = False, True

    def score(self, y: np.ndarray, mean: np.ndarray, parameters: tuple[np.ndarray, ...], *, fisher: bool) -> LawScore:
        r = parameters[0]
        value = gammaln(y + r) - gammaln(r) - gammaln(y + 1) + r * np.log(r / (r + mean)) + y * np.log(mean / (r + mean))
        by_size = digamma(y + r) - digamma(r) + np.log(r / (r + mean)) + (mean - y) / (r + mean)
        scores = np.stack(np.broadcast_arrays(y / mean - (y + r) / (r + mean), by_size))
        return LawScore(value, scores, _diagonal(r / (mean * (mean + r)) + 0 * y, by_size**2))

    def draw(self, rng: np.random.Generator, mean: np.ndarray, parameters: tuple[np.ndarray, ...]) -> np.ndarray:
        return rng.negative_binomial(parameters[0], parameters[0] / (parameters[0] + mean)).astype(float)

    def variance(self, mean: np.ndarray, parameters: tuple[np.ndarray, ...]) -> np.ndarray:
        return mean + mean**2 / parameters[0]


class _Exact(NoiseLaw):
    """No noise: of systems with randomness of their own."""

    name, parameters, centred, exact = "none", (), False, True

    def score(self, y: np.ndarray, mean: np.ndarray, parameters: tuple[np.ndarray, ...], *, fisher: bool) -> LawScore:
        value = np.where(y == mean, 0.0, -np.inf)
        return LawScore(value, np.zeros((1, *value.shape)), np.zeros((1, 1, *value.shape)))

    def draw(self, rng: np.random.Generator, mean: np.ndarray, parameters: tuple[np.ndarray, ...]) -> np.ndarray:
        return np.array(mean, dtype=float)

    def variance(self, mean: np.ndarray, parameters: tuple[np.ndarray, ...]) -> np.ndarray:
        return np.zeros(np.shape(mean))


#: By name.
LAWS: dict[str, NoiseLaw] = {
    law.name: law for law in (_Normal(), _LogNormal(), _Laplace(), _Student(), _Poisson(), _NegativeBinomial(), _Exact())
}
