"""Whole right-hand sides of ODEBench by symdyn and by peers, each from the same one trajectory alone.

``method(times, values, states, seed)`` gives a `Law`.  Peers work on smoothing splines whose stiffness is found by generalized
cross-validation, which need no even times; the threshold of PySINDy is that whose equations, from the first part of the data,
run free nearest to the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import sympy as sp
from scipy.interpolate import make_smoothing_spline

import symdyn as sd
from benchmarks.discovery.lotka_volterra_peers import TRACE, Law, Split, best, equations, fitted, formula, weak_sindy

__all__ = ["METHODS", "Method", "ensemble", "operon", "sindy", "splines", "symdyn", "weak"]

DEGREE = 3
THRESHOLDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.5, 1.0)
#: Of PyOperon.
SYMBOLS = "add,sub,mul,div,constant,variable,sin,cos,exp"
#: Least uncertainty of a rate of change, relative to its spread.
LEAST = 1e-4

Method = Callable[[np.ndarray, np.ndarray, Sequence[sp.Symbol], int], Law]


def splines(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """States and rates of change (T, n) by smoothing splines."""
    curves = [make_smoothing_spline(times, column) for column in values.T]
    return np.stack([c(times) for c in curves], axis=1), np.stack([c.derivative()(times) for c in curves], axis=1)


def symdyn(times: np.ndarray, values: np.ndarray, states: Sequence[sp.Symbol], seed: int) -> Law:
    """`symdyn.recover` with nothing known."""
    columns = {s.name: column for s, column in zip(states, values.T, strict=True)}
    found = sd.recover(None, pd.DataFrame({"time": times, **columns}), progress=False, seed=seed)
    return Law(tuple(found.terms[f"f_{s.name}"] for s in states), given=False)


def sindy(times: np.ndarray, values: np.ndarray, states: Sequence[sp.Symbol], seed: int) -> Law:
    """PySINDy: STLSQ on the rates of change of splines, polynomials of degree 3."""
    import pysindy as ps

    return _strong(times, values, states, lambda threshold: ps.STLSQ(threshold=threshold))


def ensemble(times: np.ndarray, values: np.ndarray, states: Sequence[sp.Symbol], seed: int) -> Law:
    """The same, the median of 20 fits to points drawn with replacement."""
    import pysindy as ps

    state = np.random.get_state()
    np.random.seed(seed)  # PySINDy draws by the global generator
    try:
        return _strong(
            times, values, states, lambda threshold: ps.EnsembleOptimizer(ps.STLSQ(threshold=threshold), bagging=True)
        )
    finally:
        np.random.set_state(state)


def weak(times: np.ndarray, values: np.ndarray, states: Sequence[sp.Symbol], seed: int) -> Law:
    """PySINDy in weak form, with test functions, degree and threshold chosen likewise."""
    return weak_sindy(times, values, (), states, seed)


def _strong(times: np.ndarray, values: np.ndarray, states: Sequence[sp.Symbol], optimizer: Callable[[float], object]) -> Law:
    import pysindy as ps

    def fit(t: np.ndarray, v: np.ndarray, threshold: float) -> tuple[tuple[sp.Expr, ...], np.ndarray]:
        smooth, rates = splines(t, v)
        model = ps.SINDy(optimizer=optimizer(threshold), feature_library=ps.PolynomialLibrary(degree=DEGREE))
        return equations(fitted(model, smooth, t, rates), states), smooth[-1]

    option = best(Split(times, values, states), ((threshold,) for threshold in THRESHOLDS), fit)
    return Law(fit(times, values, *option)[0], given=False)


def operon(times: np.ndarray, values: np.ndarray, states: Sequence[sp.Symbol], seed: int) -> Law:
    """PyOperon on the rates of change of splines.

    Their uncertainty is half the root mean square difference between the rates of splines through every other point.
    """
    smooth, rates = splines(times, values)
    halves = [splines(times[k::2], values[k::2])[1] for k in (0, 1)]
    apart = [np.interp(times, times[k::2], halves[k][:, j]) for j in range(len(states)) for k in (0, 1)]
    sides = []
    for j in range(len(states)):
        uncertainty = 0.5 * float(np.sqrt(np.mean((apart[2 * j] - apart[2 * j + 1]) ** 2)))
        uncertainty = max(uncertainty, LEAST * float(rates[:, j].std()))
        sides.append(formula(smooth, rates[:, j], uncertainty, states, seed, SYMBOLS))
    return Law(tuple(sides), given=False, least=TRACE)


METHODS: Mapping[str, Method] = {
    "symdyn": symdyn, "PySINDy": sindy, "PySINDy, ensemble": ensemble, "PySINDy, weak": weak, "PyOperon": operon,
}  # fmt: skip
