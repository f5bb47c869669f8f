"""The bootstrap: fits to data that the fitted system could have given as well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import xarray as xr

from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations, observations
from symdyn.inference.levenberg import levenberg_marquardt
from symdyn.inference.optimum import Optimum, find_optimum
from symdyn.system import System

__all__ = ["bootstrap"]

Samples = dict[str, dict[str, xr.DataArray]]


def bootstrap(
    system: System,
    data: Any,
    repeats: int = 200,
    *,
    seed: int = 0,
    parametric: bool = False,
    trajectory: int = 0,
    fit: Iterable[Any] = (),
    guesses: Mapping[Any, float] | None = None,
    bounds: Mapping[Any, tuple[Any, Any]] | None = None,
    noise: Mapping[Any, float] | None = None,
    windows: int | None = None,
) -> Samples:
    r"""Samples of fitted parameters and initial values, from fits to data made anew.

    Each repeat adds to the fitted run residuals of the same state, drawn with replacement after they were centred and
    scaled by :math:`\sqrt{N/(N - k)}` for `N` data and `k` fitted values, or (`parametric`) normal numbers of that
    variance; then all is fitted again from the optimum.  All repeats are fitted at once, as lanes of one kernel.

    Parameters
    ----------
    system, data, fit, guesses, bounds, noise, windows :
        As for `symdyn.discover.fitting.fit_parameters`.
    repeats : int
    seed : int
        The same seed gives the same samples.
    parametric : bool
        Whether noise is normal instead of drawn from the residuals.
    trajectory : int
        The trajectory of the data whose initial values are given.

    Returns
    -------
    dict
        ``parameters`` and ``initial`` over the dimension ``trajectory``, as `simulate` takes them:
        ``simulate(system, t, **bootstrap(system, data))``.  Repeats whose fit failed are left out.

    Raises
    ------
    RecoveryError
        If `repeats` is no whole number above 0, there is no such trajectory, or as for `fit_parameters`.

    References
    ----------
    Efron, Tibshirani, An Introduction to the Bootstrap (1993), ch. 9.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, a = sp.symbols("x a")
    >>> data = {"t": range(6), "x": [1.0, 0.52, 0.24, 0.13, 0.06, 0.03]}
    >>> samples = bootstrap(sd.DiscreteSystem({x: a * x}), data, 100)
    >>> [round(float(v), 2) for v in (samples["parameters"]["a"].mean(), samples["initial"]["x"].mean())]
    [0.5, 1.0]
    """
    if not isinstance(repeats, Integral) or repeats < 1:
        raise RecoveryError(f"repeats is {repeats!r}; expected a whole number, 1 or more")
    seen = data if isinstance(data, Observations) else observations(system, data)
    if not 0 <= trajectory < len(seen.trajectories):
        raise RecoveryError(f"trajectory is {trajectory!r}; the data hold {len(seen.trajectories)}, counted from 0")
    best = find_optimum(
        system, seen, fit=fit, guesses=guesses, bounds=bounds, noise=noise, windows=windows, seed=seed
    )  # fmt: skip
    problem, selection, model = best.problem, best.selection, best.model
    cut = replace(selection.cut, values=_made_anew(best, repeats, parametric, np.random.default_rng(seed)))
    fits = levenberg_marquardt(
        problem.shooting.along(cut),
        np.repeat(model.theta[None], repeats, axis=0), np.repeat(model.starts[None], repeats, axis=0),
        np.ones((repeats, len(best.free)), dtype=bool), bounds=(problem.candidates.low, problem.candidates.high),
        start_bounds=selection.start_bounds, iterations=60, tolerance=1e-8,
    )  # fmt: skip
    good = np.isfinite(fits.total)
    theta = fits.theta[good] * problem.candidates.sizes
    starts = fits.starts[good, best.first_windows[trajectory]] * seen.scale
    known = {p: np.full(len(theta), v) for p, v in system.defaults.items()}
    known |= dict(zip(best.free, theta.T, strict=True))
    return {
        "parameters": {p.name: xr.DataArray(known[p], dims="trajectory") for p in system.parameters},
        "initial": {s: xr.DataArray(column, dims="trajectory") for s, column in zip(system.names, starts.T, strict=True)},
    }


def _made_anew(best: Optimum, repeats: int, parametric: bool, rng: np.random.Generator) -> np.ndarray:
    """Data of every repeat in every window, (repeats, V, T, n); points that windows share get the same noise."""
    cut, shooting = best.selection.cut, best.problem.shooting
    run = shooting.simulate(cut, best.model.theta[None], best.model.starts[None])[0][0] * shooting.scale
    values = np.repeat(cut.values[None], repeats, axis=0)
    place = cut.origins[:, 1:] + np.arange(cut.values.shape[1])
    inflation = np.sqrt((best.freedom + len(best.free) + best.selection.nuisance) / best.freedom)
    lengths = [len(t.times) for t in shooting.observations.trajectories]
    for i in range(values.shape[-1]):
        seen = np.isfinite(cut.values[..., i])
        if not seen.any():
            continue
        left = (cut.values[..., i] - run[..., i])[seen]
        left = (left - left.mean()) * inflation
        for k, length in enumerate(lengths):
            shape = (repeats, length)
            drawn = rng.normal(0.0, left.std(), shape) if parametric else rng.choice(left, shape)
            for v in np.flatnonzero(cut.origins[:, 0] == k):
                own = seen[v]
                values[:, v, own, i] = run[v, own, i] + drawn[:, place[v, own]]
    return values
