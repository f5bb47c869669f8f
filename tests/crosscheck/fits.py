"""Fits of parameters against the least squares, that is the likelihood, of solutions in closed form."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import sympy as sp
from hypothesis import strategies as st

import symdyn as sd

__all__ = ["Data", "by_least_squares", "noisy"]


class Data(NamedTuple):
    """Relaxation to a level, by an ODE or a map: the true values, the noise, and a seed of the random numbers."""

    kind: str
    rate: float
    level: float
    start: float
    noise: float
    size: int
    seed: int


def noisy() -> st.SearchStrategy[Data]:
    """Series from which all three values can be found."""
    return st.builds(
        Data, st.sampled_from(("ode", "map")), st.integers(4, 20).map(lambda k: k / 20), st.integers(5, 20).map(float),
        st.integers(0, 3).map(float), st.integers(1, 20).map(lambda k: k / 50), st.integers(12, 40), st.integers(0, 10**6),
    )  # fmt: skip


def _curve(kind: str, theta: Any, times: np.ndarray) -> np.ndarray:
    rate, level, start = theta
    factor = np.exp(-rate * times) if kind == "ode" else (1 - 0.9 * rate) ** times
    return level + (start - level) * factor


def by_least_squares(data: Data) -> None:
    """Values, standard errors and the size of the residuals."""
    times = np.arange(data.size, dtype=float)
    true = (data.rate, data.level, data.start)
    values = _curve(data.kind, true, times) + data.noise * np.random.default_rng(data.seed).normal(size=data.size)
    exact = scipy.optimize.least_squares(
        lambda theta: _curve(data.kind, theta, times) - values, true, xtol=1e-15, ftol=1e-15, gtol=1e-12
    )
    X, r, b = sp.symbols("X r b")
    if data.kind == "ode":
        system: Any = sd.ODESystem({X: r * (b - X)})
    else:
        system = sd.DiscreteSystem({X: X + sp.Rational(9, 10) * r * (b - X)})
    found = sd.fit(system, {"t": times, "X": values}, guesses={"r": 0.5, "b": 8.0}, windows=1)
    fitted = {str(p): float(v) for p, v in found.system.defaults.items()}
    theta = np.array([fitted["r"], fitted["b"], float(found.starts[0, 0])])
    covariance = np.linalg.inv(exact.jac.T @ exact.jac) * 2 * exact.cost
    deviations = np.sqrt(np.diag(covariance) / data.size)
    off = np.abs(theta - exact.x) / deviations
    assert off.max() < 1e-2, f"{data}: r, b, X(0) = {theta}, by least squares {exact.x} +- {deviations}"
    rms = np.sqrt(2 * exact.cost / data.size)
    assert abs(float(found.noise["X"]) - rms) < 1e-4 * rms, f"{data}: residuals {found.noise['X']}, by least squares {rms}"
    errors = found.intervals.set_index("constant")["standard error"]
    for name, deviation in (("r", deviations[0]), ("b", deviations[1])):
        ratio = float(errors[name]) / deviation
        # with or without the three degrees of freedom
        assert 0.98 < ratio < 1.02 * np.sqrt(data.size / (data.size - 3)), (
            f"{data}: error of {name} {errors[name]}, {deviation}"
        )
