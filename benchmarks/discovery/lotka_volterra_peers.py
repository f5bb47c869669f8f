"""PySINDy and PyOperon on the data of the Lotka-Volterra problem, each tuned on those data alone.

``peer(times, values, known, states, seed)`` gives a `Law`.  Settings of PySINDy (degree, threshold, smoothing, size and
smoothness of the test functions of its weak form) are those whose equations, from the first part of the data, run free nearest
to the rest; the equations are then fitted to all of them.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from scipy.signal import savgol_coeffs, savgol_filter

from benchmarks.discovery.scores import free_run
from benchmarks.harness import Unfit
from symdyn.parsing import parse_expression

__all__ = [
    "Law", "Peer", "Split", "best", "equations", "fitted", "formula", "operon", "sindy", "sindy_known", "smoothed",
    "weak_sindy",
]  # fmt: skip

#: Share of the points, the last ones, that settings of PySINDy are chosen by.
HELD = 0.25
DEGREES, THRESHOLDS = (2, 3), (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
#: Points of the window of a local cubic; 0 for none, where derivatives are differences of second order.
WINDOWS, ORDER = (0, 5, 7, 11), 3
#: Half widths of test functions over the time of the data, their exponents, how many there are, and the fewest points that do.
WIDTHS, EXPONENTS, FUNCTIONS, FEWEST = (0.1, 0.2, 0.3, 0.4), (2, 4), 100, 10
#: Test functions reach over so many steps at least, or some would hold fewer than two points.
REACH = 3
#: The search by Operon, for each equation.
SYMBOLS, POPULATION, GENERATIONS, LENGTH = "add,sub,mul,div,constant,variable", 500, 40, 20
#: Operon's linear scaling adds a constant to whatever it finds; terms below this share of the largest do not count as its.
TRACE = 0.05


@dataclass(frozen=True)
class Law:
    """What was found.

    Attributes
    ----------
    sides : tuple of Expr
        The right-hand side of each state with numbers, or what is to be added to its known terms.
    given : bool
        Whether known terms were given.
    least : float
        Share of the largest term of an equation below which a term does not count (`benchmarks.discovery.scores.support`).
    """

    sides: tuple[sp.Expr, ...]
    given: bool
    least: float = 0.0


Peer = Callable[[np.ndarray, np.ndarray, Sequence[sp.Expr], Sequence[sp.Symbol], int], Law]


def smoothed(times: np.ndarray, values: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """States and rates of change (T, n) by local cubics over a window of equally spaced points; by differences if it is 0."""
    if not window:
        return values, np.gradient(values, times, axis=0, edge_order=2)
    step = float(times[1] - times[0])
    states, rates = (savgol_filter(values, window, ORDER, deriv=k, delta=step, axis=0) for k in (0, 1))
    return states, rates


def _windows(points: int) -> Iterator[int]:
    return (w for w in WINDOWS if w <= points)


def _judged(times: np.ndarray, values: np.ndarray) -> tuple[int, np.ndarray]:
    """The window with the least error of points left out one at a time, and the noise (n,) of its rates of change.

    Residuals away from the ends are r_i = (1 - h) e_i, where e_i is the error without the point and h the point's own weight;
    their mean square is s² (1 - h) for noise of variance s².
    """
    found = []
    for window in _windows(len(times)):
        if window:
            half, step = window // 2, float(times[1] - times[0])
            own = 1 - savgol_coeffs(window, ORDER)[half]
            square = np.mean((values - smoothed(times, values, window)[0])[half : len(times) - half] ** 2, axis=0)
            noise = np.sqrt(square / own) * np.linalg.norm(savgol_coeffs(window, ORDER, deriv=1, delta=step))
            found.append((float(np.mean(square / own**2 / np.var(values, axis=0))), window, noise))
    return min(found, key=lambda f: f[0])[1:]


@dataclass(frozen=True)
class Split:
    """Data of which the last part is held out."""

    times: np.ndarray
    values: np.ndarray
    states: Sequence[sp.Symbol]

    @property
    def cut(self) -> int:
        return len(self.times) - max(1, round(HELD * len(self.times)))

    def error(self, sides: Sequence[sp.Expr], begin: np.ndarray) -> float:
        """Of a free run from the last point that was fitted, over those held out, squared and relative to the spread."""
        run = free_run(_Polynomial.of(sides, self.states), begin, self.times[self.cut - 1 :])[1:]
        error = np.mean(((run - self.values[self.cut :]) / np.std(self.values, axis=0)) ** 2)
        return float(error) if np.isfinite(error) else np.inf


@dataclass(frozen=True)
class _Polynomial:
    """Right-hand sides sum_j c_ij prod_k u_k^e_jk, as arrays, for they are called a thousand times."""

    coefficients: np.ndarray
    exponents: np.ndarray

    @staticmethod
    def of(sides: Sequence[sp.Expr], states: Sequence[sp.Symbol]) -> _Polynomial:
        polynomials = [sp.Poly(side, *states) for side in sides]
        powers = sorted({m for p in polynomials for m in p.monoms()})
        coefficients = [[float(p.coeff_monomial(m)) for m in powers] for p in polynomials]
        return _Polynomial(np.array(coefficients), np.array(powers))

    def __call__(self, u: np.ndarray) -> np.ndarray:
        return self.coefficients @ np.prod(u**self.exponents, axis=1)


def fitted(model: Any, values: np.ndarray, times: np.ndarray, rates: np.ndarray | None = None) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of thresholds that leave nothing, and of axes
        return model.fit(values, t=times, x_dot=rates)


def equations(model: Any, states: Sequence[sp.Symbol]) -> tuple[sp.Expr, ...]:
    """The equations of a fitted model of PySINDy, whose features are called ``1``, ``x0``, ``x0^2 x1``."""
    names = {f"x{k}": s for k, s in enumerate(states)}
    texts = [name.replace(" ", "*").replace("^", "**") for name in model.get_feature_names()]
    terms = [parse_expression(text).xreplace({sp.Symbol(k): s for k, s in names.items()}) for text in texts]
    return tuple(
        sp.Add(*(float(c) * term for c, term in zip(row, terms, strict=True) if c)) for row in np.asarray(model.coefficients())
    )


def best(split: Split, options: Iterator[Any], fit: Callable[..., tuple[tuple[sp.Expr, ...], np.ndarray]]) -> Any:
    """The options with which `fit` of the first part (whole equations, and a state at its end) foretells the rest best."""

    def error(option: Any) -> float:
        return split.error(*fit(split.times[: split.cut], split.values[: split.cut], *option))

    return min(options, key=error)


def sindy(times: np.ndarray, values: np.ndarray, known: Sequence[sp.Expr], states: Sequence[sp.Symbol], seed: int) -> Law:
    """Whole equations by PySINDy: STLSQ on smoothed derivatives, polynomials of degree 2 or 3."""
    return _strong(times, values, (sp.S.Zero,) * len(states), states, given=False)


def sindy_known(times: np.ndarray, values: np.ndarray, known: Sequence[sp.Expr], states: Sequence[sp.Symbol], seed: int) -> Law:
    """The same on what the known terms leave of the derivatives."""
    return _strong(times, values, known, states, given=True)


def _strong(
    times: np.ndarray, values: np.ndarray, known: Sequence[sp.Expr], states: Sequence[sp.Symbol], *, given: bool
) -> Law:
    import pysindy as ps

    rest = sp.lambdify(list(states), list(known), "numpy")

    def fit(t: np.ndarray, v: np.ndarray, window: int, degree: int, threshold: float) -> tuple[tuple[sp.Expr, ...], np.ndarray]:
        smooth, rates = smoothed(t, v, window)
        left = rates - np.stack([np.broadcast_to(k, t.shape) for k in rest(*smooth.T)], axis=1)
        model = ps.SINDy(optimizer=ps.STLSQ(threshold=threshold), feature_library=ps.PolynomialLibrary(degree=degree))
        found = equations(fitted(model, smooth, t, left), states)
        return tuple(a + b for a, b in zip(found, known, strict=True)), smooth[-1]

    split = Split(times, values, states)
    options = itertools.product(_windows(split.cut), DEGREES, THRESHOLDS)
    whole, _ = fit(times, values, *best(split, options, fit))
    return Law(tuple(a - b for a, b in zip(whole, known, strict=True)) if given else whole, given)


def weak_sindy(times: np.ndarray, values: np.ndarray, known: Sequence[sp.Expr], states: Sequence[sp.Symbol], seed: int) -> Law:
    """Whole equations by PySINDy in weak form: STLSQ on integrals against test functions, no derivatives."""
    import pysindy as ps

    if len(times) < FEWEST:
        raise Unfit(f"test functions span too few of {len(times)} points")

    @cache
    def library(points: int, width: float, exponent: int, degree: int) -> Any:
        np.random.seed(seed)  # PySINDy places its test functions by the global generator
        grid = times[:points]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ps.WeakPDELibrary(
                ps.PolynomialLibrary(degree=degree), spatiotemporal_grid=grid, K=FUNCTIONS,
                H_xt=width * (grid[-1] - grid[0]), p=exponent,
            )  # fmt: skip

    def fit(t: np.ndarray, v: np.ndarray, width: float, exponent: int, degree: int, threshold: float) -> Any:
        chosen = library(len(t), width, exponent, degree)
        model = ps.SINDy(optimizer=ps.STLSQ(threshold=threshold), feature_library=chosen)
        return equations(fitted(model, v, t), states), smoothed(t, v, WINDOWS[1])[0][-1]

    state = np.random.get_state()
    try:
        split = Split(times, values, states)
        widths = [w for w in WIDTHS if 2 * w * (split.cut - 1) >= REACH]
        options = itertools.product(widths, EXPONENTS, DEGREES, THRESHOLDS)
        return Law(fit(times, values, *best(split, options, fit))[0], given=False)
    finally:
        np.random.set_state(state)


def formula(
    values: np.ndarray, rate: np.ndarray, uncertainty: float, states: Sequence[sp.Symbol], seed: int, symbols: str = SYMBOLS
) -> sp.Expr:
    """A formula by PyOperon for rates of change (T,) at states (T, n): of its front that of least description."""
    from pyoperon.sklearn import SymbolicRegressor

    names = [f"x{k}" for k in range(len(states))]
    swap = {sp.Symbol(name): s for name, s in zip(names, states, strict=True)}
    engine = SymbolicRegressor(
        allowed_symbols=symbols, objectives=["mse", "length"], optimizer_iterations=5, max_length=LENGTH,
        population_size=POPULATION, generations=GENERATIONS, n_threads=1, random_state=seed, uncertainty=[uncertainty],
    )  # fmt: skip
    engine.fit(values, rate)
    return parse_expression(engine.get_model_string(engine.model_, 12, names)).xreplace(swap)


def operon(times: np.ndarray, values: np.ndarray, known: Sequence[sp.Expr], states: Sequence[sp.Symbol], seed: int) -> Law:
    """Formulas by PyOperon for what the known terms leave of smoothed derivatives."""
    window, noise = _judged(times, values)
    smooth, rates = smoothed(times, values, window)
    rest = sp.lambdify(list(states), list(known), "numpy")(*smooth.T)
    sides = [formula(smooth, r - part, float(e), states, seed) for r, part, e in zip(rates.T, rest, noise, strict=True)]
    return Law(tuple(sides), given=True, least=TRACE)
