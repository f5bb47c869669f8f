"""Whether the fit of the first system has several optima: a table of where fits from scattered beginnings end."""

from __future__ import annotations

import numpy as np
import pandas as pd

from symdyn.discover.forecasts import refitted
from symdyn.discover.recovery import Recovery
from symdyn.errors import RecoveryError
from symdyn.inference.scoring import maximise

__all__ = ["optima"]

#: Spread of the logarithms of the values to begin from, and differences of log-likelihoods and of values, relative to their
#: sizes, of one optimum.
SPREAD, SAME, NEAR = 0.7, 0.1, 0.05


def optima(recovery: Recovery, count: int = 20, *, seed: int = 0) -> pd.DataFrame:
    """Fit the first system again from scattered values of its constants, under the law of its errors.

    Parameters
    ----------
    recovery : Recovery
        Of an ODE system or a map.
    count : int
        Fits; the first begins from the values of the recovery.
    seed : int
        Of the values from which the others begin.

    Returns
    -------
    DataFrame
        A row for each optimum, the best first: log_likelihood, reached (how many fits ended there), and the constants and
        initial values.  Fits that ended nowhere are not counted.

    Raises
    ------
    RecoveryError
        If it is a recovery of another kind, or the number of fits is not positive.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, f = sp.Symbol("x"), sp.Function("f")
    >>> t = np.linspace(0, 4, 21)
    >>> data = {"t": t, "x": 1 / (1 + 4 * np.exp(-t)) + 0.02 * np.cos(40 * t)}
    >>> found = sd.recover(sd.ODESystem({x: f(x)}), data, library=[x, x**2], surrogate=None, progress=False)
    >>> table = found.optima(5)
    >>> list(table.columns), bool(table["reached"].sum() <= 5)
    (['log_likelihood', 'reached', 'f_1', 'f_2', 'x(0)'], True)
    """
    if count < 1:
        raise RecoveryError(f"the number of fits is {count!r}; expected 1 or more")
    fit = refitted(recovery)
    like, rng = fit.likelihood, np.random.default_rng(seed)
    low, high = like.bounds
    ended = [(float(fit.found.score.value), fit.found.theta)]
    for _ in range(count - 1):
        theta = fit.found.theta.copy()
        theta[: len(like.free)] *= np.exp(SPREAD * rng.standard_normal(len(like.free)))
        found = maximise(like, theta, low=low, high=high)
        if found.converged:
            ended.append((float(found.score.value), found.theta))
    kept: list[tuple[float, np.ndarray, int]] = []
    for value, theta in sorted(ended, key=lambda row: -row[0]):
        own = theta[: len(like.names)]
        for k, (other, place, reached) in enumerate(kept):
            if other - value < SAME and np.abs(own - place).max() < NEAR * (1 + np.abs(place).max()):
                kept[k] = (other, place, reached + 1)
                break
        else:
            kept.append((value, own, 1))
    rows = []
    for value, own, reached in kept:
        full = np.concatenate([own, fit.found.theta[len(own) :]])
        parameters, starts, _, _ = like.parts(full[None])
        constants = dict(zip(like.system.parameters, parameters[0], strict=True))
        begun = like.outward(starts[0]).ravel()[like.loose]
        row = [constants[p] for p in like.free] + list(begun)
        rows.append({"log_likelihood": value, "reached": reached} | dict(zip(like.names, map(float, row), strict=True)))
    return pd.DataFrame(rows)
