"""How recovered equations are judged: their terms, their coefficients, and where they lead from another start."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import sympy as sp
from scipy.integrate import ODEintWarning, odeint

__all__ = ["coefficient_error", "free_run", "monomials", "r_squared", "rate_function", "support"]

#: States beyond this stand still: what runs away does so in finite time, where no integrator gets through.
BOUND = 1e6
#: Of free runs.
RTOL, ATOL, STEPS = 1e-8, 1e-10, 5000


def r_squared(truth: np.ndarray, found: np.ndarray) -> float:
    """1 - sum of squared differences / sum of squared deviations of the truth from its means, over all states together.

    This is the mean of the R² of the states weighted by their variances.  Minus infinity where `found` is not finite.

    Parameters
    ----------
    truth, found : (T, n) float64

    Examples
    --------
    >>> truth = np.array([[0.0, 1.0], [2.0, 1.0]])
    >>> r_squared(truth, truth), r_squared(truth, truth.mean(axis=0) + 0 * truth)
    (1.0, 0.0)
    """
    if not np.isfinite(found).all():
        return -np.inf
    return float(1 - ((truth - found) ** 2).sum() / ((truth - truth.mean(axis=0)) ** 2).sum())


def support(side: sp.Expr, values: Mapping[sp.Symbol, np.ndarray], *, least: float = 0.0) -> frozenset[sp.Expr]:
    """The terms of an expanded right-hand side, without their coefficients.

    A term whose root mean square along `values`, arrays (m,) by state, is not above `least` times that of the largest term does
    not count, which spares methods that leave traces of something in all they find.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> found = support(x * (1.3 - 0.9 * y) + 1e-9 * y, {x: np.ones(3), y: np.ones(3)}, least=1e-3)
    >>> found == {x, x * y}
    True
    """
    terms = [term.as_coeff_Mul() for term in sp.Add.make_args(sp.expand(side)) if term != 0]
    names = list(values)
    data = [np.asarray(values[s], dtype=float) for s in names]
    sizes = [
        float(np.sqrt(np.mean(np.square(np.broadcast_to(float(c) * sp.lambdify(names, term, "numpy")(*data), data[0].shape)))))
        for c, term in terms
    ]
    largest = max(sizes, default=0.0)
    return frozenset(term for (_, term), size in zip(terms, sizes, strict=True) if size > least * largest)


def monomials(side: sp.Expr) -> dict[sp.Expr, float]:
    """Terms of an expanded right-hand side with their coefficients.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> monomials(2 * x * (1 - y))
    {x: 2.0, x*y: -2.0}
    """
    return {shape: float(c) for c, shape in (t.as_coeff_Mul() for t in sp.Add.make_args(sp.expand(side))) if c != 0}


def coefficient_error(sides: Sequence[sp.Expr], truth: Sequence[Mapping[sp.Expr, float]]) -> float:
    """The largest relative error of the coefficients that are asked for, by term for each equation.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> round(coefficient_error([-0.99 * x * y, 0.8 * x * y], [{x * y: -0.9}, {x * y: 0.8}]), 9)
    0.1
    """
    errors = [0.0]
    for side, known in zip(sides, truth, strict=True):
        found = monomials(side)
        errors += [abs(found.get(term, 0.0) - value) / abs(value) for term, value in known.items()]
    return max(errors)


def rate_function(states: Sequence[sp.Symbol], sides: Sequence[sp.Expr]) -> Callable[[np.ndarray], np.ndarray]:
    """Right-hand sides with numbers for all constants as a function of a state (n,)."""
    function = sp.lambdify(list(states), list(sides), "numpy")
    return lambda u: np.array(function(*u), dtype=float)


def free_run(rates: Callable[[np.ndarray], np.ndarray], start: Sequence[float] | np.ndarray, times: np.ndarray) -> np.ndarray:
    """The states (T, n) at times (T,) from a start at the first; NaN where they run away or the integrator gives up."""

    def bounded(u: np.ndarray, t: float) -> np.ndarray:
        if not np.abs(u).max() < BOUND:
            return np.zeros_like(u)
        found = rates(u)
        return found if np.isfinite(found).all() else np.zeros_like(u)

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", ODEintWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        found, report = odeint(bounded, start, times, rtol=RTOL, atol=ATOL, mxstep=STEPS, full_output=True)
    there = report["message"] == "Integration successful."
    return np.where(there & (np.abs(found) < BOUND), found, np.nan)
