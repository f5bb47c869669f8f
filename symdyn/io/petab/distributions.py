"""Distributions of PEtab: of measurements around a simulation, and of parameters before any."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.inference.noise_laws import KINK
from symdyn.io.petab.formulas import read_number

__all__ = ["NOISES", "SCALES", "PetabPrior", "log_density", "read_prior", "residuals", "scaled", "unscaled"]

SCALES = ("lin", "log", "log10")
#: Noise of version 2: its scale, and whether it has the density of Laplace there.
NOISES = {
    "normal": ("lin", False),
    "laplace": ("lin", True),
    "log-normal": ("log", False),
    "log-laplace": ("log", True),
}
#: Priors: how many numbers each takes, and the scale on which its density is that of another.
_PRIORS = {
    "uniform": (2, "uniform", "lin"), "normal": (2, "normal", "lin"), "laplace": (2, "laplace", "lin"),
    "cauchy": (2, "cauchy", "lin"), "chisquare": (1, "chisquare", "lin"), "exponential": (1, "exponential", "lin"),
    "gamma": (2, "gamma", "lin"), "rayleigh": (1, "rayleigh", "lin"),
    "log-normal": (2, "normal", "log"), "log-laplace": (2, "laplace", "log"), "log-uniform": (2, "log-uniform", "log"),
    "logNormal": (2, "normal", "log"), "logLaplace": (2, "laplace", "log"),
    "parameterScaleUniform": (2, "uniform", ""), "parameterScaleNormal": (2, "normal", ""),
    "parameterScaleLaplace": (2, "laplace", ""),
}  # fmt: skip


def scaled(value: Any, scale: str) -> Any:
    """Values on a scale, NaN where they have none there."""
    with np.errstate(all="ignore"):
        return value if scale == "lin" else np.log(value) if scale == "log" else np.log10(value)


def unscaled(value: Any, scale: str) -> Any:
    """Values of a scale as plain ones."""
    return value if scale == "lin" else np.exp(value) if scale == "log" else 10.0**value


def residuals(measured: np.ndarray, simulated: np.ndarray, sigma: np.ndarray, scale: str) -> np.ndarray:
    """Differences of measurements and simulations on a scale, over the noise there."""
    with np.errstate(all="ignore"):
        return (scaled(measured, scale) - scaled(simulated, scale)) / sigma


def log_density(measured: np.ndarray, simulated: np.ndarray, sigma: np.ndarray, scale: str, laplace: bool) -> np.ndarray:
    r"""Logarithms of the densities of measurements.

    With :math:`r = (s(m) - s(y))/\sigma` on the scale s, of normal noise

    .. math:: \log \pi = -\tfrac12 r^2 - \log\left(\sqrt{2\pi}\,\sigma\right) + \log |s'(m)|,

    of Laplace's :math:`-|r| - \log 2\sigma + \log |s'(m)|`.
    """
    r = residuals(measured, simulated, sigma, scale)
    with np.errstate(all="ignore"):
        height = np.log(2 * sigma) if laplace else 0.5 * math.log(2 * math.pi) + np.log(sigma)
        slope = 0.0 if scale == "lin" else np.log(measured) + (math.log(math.log(10)) if scale == "log10" else 0.0)
        found: np.ndarray = -(np.abs(r) if laplace else 0.5 * r**2) - height - slope
    return found


@dataclass(frozen=True)
class PetabPrior:
    """The distribution of a parameter before any measurement.

    Attributes
    ----------
    name : str
        As the table calls it.
    numbers : tuple of float
        Its parameters, as in the table.
    family, scale : str
        The density that it has on a scale.
    low, high : float
        Bounds, where it is cut off and normalised again; infinite where it is not.
    jacobian : bool
        Whether it is a density of the plain value.
    """

    name: str
    numbers: tuple[float, ...]
    family: str
    scale: str
    low: float = -math.inf
    high: float = math.inf
    jacobian: bool = True

    @property
    def _law(self) -> Any:
        from scipy import stats

        a, b = (*self.numbers, 0.0)[:2]
        if self.family in ("uniform", "log-uniform"):
            if self.family == "log-uniform":
                a, b = math.log(a), math.log(b)
            return stats.uniform(a, b - a)
        return {
            "normal": lambda: stats.norm(a, b), "laplace": lambda: stats.laplace(a, b), "cauchy": lambda: stats.cauchy(a, b),
            "chisquare": lambda: stats.chi2(a), "exponential": lambda: stats.expon(scale=a),
            "gamma": lambda: stats.gamma(a, scale=b), "rayleigh": lambda: stats.rayleigh(scale=a),
        }[self.family]()  # fmt: skip

    @property
    def support(self) -> tuple[float, float]:
        """Plain values outside of which a uniform density, or one that is cut off, is zero."""
        if "uniform" not in self.family:
            return self.low, self.high
        a, b = self.numbers if self.family == "log-uniform" else (float(unscaled(x, self.scale)) for x in self.numbers)
        return max(a, self.low), min(b, self.high)

    def log_density(self, value: Any) -> Any:
        """The logarithm of the density at plain values."""
        value = np.asarray(value, dtype=float)
        law = self._law
        with np.errstate(all="ignore"):
            found = law.logpdf(scaled(value, self.scale))
            if self.jacobian and self.scale != "lin":
                found = found - np.log(value) - (math.log(math.log(10)) if self.scale == "log10" else 0.0)
            found = np.where(np.isnan(found), -np.inf, found)
        inside = (value >= self.low) & (value <= self.high)
        return np.where(inside, found - self.log_mass, -np.inf)

    def slopes(self, value: np.ndarray, *, fisher: bool) -> tuple[np.ndarray, np.ndarray]:
        """First and second derivatives of the logarithm of the density by plain values, inwards at bounds.

        The second derivative of Laplace's is that of its majorising parabola, or minus its Fisher information.
        """
        a, b = (*self.numbers, 1.0)[:2]
        size = {"lin": 1.0, "log": 1.0, "log10": 1 / math.log(10)}[self.scale]  # of the slope of the scale, over 1/value
        with np.errstate(all="ignore"):
            u, z = scaled(value, self.scale), (scaled(value, self.scale) - a) / b
            bent = 1.0 if fisher else 1 / np.maximum(np.abs(z), KINK)
            first, second = {
                "uniform": lambda: (0 * u, 0 * u), "log-uniform": lambda: (0 * u, 0 * u),
                "normal": lambda: (-z / b, -1 / b**2 + 0 * u),
                "laplace": lambda: (-np.sign(z) / b, -bent / b**2 + 0 * u),
                "cauchy": lambda: (-2 * z / (1 + z**2) / b, -2 * (1 - z**2) / (1 + z**2) ** 2 / b**2),
                "exponential": lambda: (-1 / a + 0 * u, 0 * u),
                "chisquare": lambda: ((a / 2 - 1) / u - 0.5, (1 - a / 2) / u**2),
                "gamma": lambda: ((a - 1) / u - 1 / b, (1 - a) / u**2),
                "rayleigh": lambda: (1 / u - u / a**2, -1 / u**2 - 1 / a**2),
            }[self.family]()  # fmt: skip
            if self.scale == "lin":
                return first, second
            lost = 1.0 if self.jacobian else 0.0
            return (size * first - lost) / value, (size**2 * second - size * first + lost) / value**2

    @property
    def log_mass(self) -> float:
        """The logarithm of the probability between the bounds, minus infinity without any."""
        law = self._law
        low, high = (scaled(max(x, 0.0) if self.scale != "lin" else x, self.scale) for x in (self.low, self.high))
        with np.errstate(all="ignore"):
            if law.cdf(low) > 0.5:  # far above the median the distribution function is 1, and its complement exact
                larger, rest = float(law.logsf(low)), float(law.logsf(high))
            else:
                larger, rest = float(law.logcdf(high)), float(law.logcdf(low))
            return larger + float(np.log1p(-np.exp(rest - larger))) if larger > rest else -math.inf


def read_prior(
    name: str, numbers: str, where: str, *, scale: str = "lin", low: float = -math.inf, high: float = math.inf
) -> PetabPrior:
    """A prior of a table, cut off at bounds.

    Raises
    ------
    DeclarationError
        If there is no such prior, or its parameters are no such numbers.
    """
    if name not in _PRIORS:
        raise DeclarationError(f"{where} has the prior {name!r}; expected one of {', '.join(_PRIORS)}")
    count, family, own = _PRIORS[name]
    found = [read_number(n.strip()) for n in numbers.split(";")]
    if len(found) != count or any(x is None or not math.isfinite(x) for x in found):
        raise DeclarationError(f"{where}: the prior {name} takes {count} finite number(s) separated by ;, got {numbers!r}")
    values = tuple(float(x) for x in found if x is not None)
    ordered = family not in ("uniform", "log-uniform") or (values[0] < values[1] and (family == "uniform" or values[0] > 0))
    scales = () if family in ("uniform", "log-uniform") else values if family == "gamma" else values[-1:]
    if not ordered or any(x <= 0 for x in scales):
        raise DeclarationError(
            f"{where}: the prior {name} has the parameters {numbers!r}; expected an interval or a positive scale"
        )
    prior = PetabPrior(name, values, family, own or scale, low, high, jacobian=bool(own))
    if not (low < high):
        raise DeclarationError(f"{where}: the lower bound {low} is not below the upper bound {high}")
    if not math.isfinite(prior.log_mass):
        raise DeclarationError(f"{where}: the prior {name} of {numbers} has no values between the bounds {low:g} and {high:g}")
    return prior
