"""The bootstrap: fits to data that the fitted system could have given as well."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import xarray as xr

from symdyn.errors import RecoveryError
from symdyn.inference.fits import Fit, observed_problem
from symdyn.inference.held import climb
from symdyn.inference.observed_problem import ObservedProblem
from symdyn.methods.options import check_whole

__all__ = ["bootstrap"]


def bootstrap(
    fit: Fit, repeats: int = 200, *, seed: int = 0, parametric: bool = False, trajectory: int = 0
) -> dict[str, dict[str, xr.DataArray]]:
    r"""Samples of fitted parameters and initial values, from fits to data made anew.

    Each repeat adds to what is expected residuals of the same observable, drawn with replacement after they were centred and
    scaled by :math:`\sqrt{N/(N - k)}` for `N` data and `k` fitted values, or (`parametric`) draws from the fitted noise; then
    all is fitted again from the optimum.  All repeats are fitted at once, in lanes.  Where measurements are censored, draws at
    or beyond the limit of their trajectory and column are censored again.

    Parameters
    ----------
    fit : Fit
        Of a system; not of a PEtab problem.
    repeats : int
    seed : int
        The same seed gives the same samples.
    parametric : bool
        Whether measurements are drawn from the fitted noise, as counts and censored ones must be.
    trajectory : int
        The trajectory of the data whose initial values are given, and parameters as its condition has them.

    Returns
    -------
    dict
        ``parameters`` and ``initial`` over the dimension ``trajectory``, as `simulate` takes them:
        ``simulate(system, t, **fit.bootstrap())``.  Repeats whose fit failed are left out.

    Raises
    ------
    RecoveryError
        If `repeats` is no whole number above 0, there is no such trajectory, counts or censored measurements are not drawn from
        their noise, or limits are intervals, or several in a trajectory.

    References
    ----------
    Efron, Tibshirani, An Introduction to the Bootstrap (1993), ch. 9.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, a = sp.symbols("x a")
    >>> data = {"t": range(6), "x": [1.0, 0.52, 0.24, 0.13, 0.06, 0.03]}
    >>> samples = sd.fit(sd.DiscreteSystem({x: a * x}), data).bootstrap(100)
    >>> [round(float(v), 2) for v in (samples["parameters"]["a"].mean(), samples["initial"]["x"].mean())]
    [0.5, 1.0]
    """
    problem = observed_problem(fit, "the bootstrap")
    if not isinstance(repeats, Integral) or repeats < 1:
        raise RecoveryError(f"repeats is {repeats!r}; expected a whole number, 1 or more")
    if problem.noise.limits is not None and not parametric:
        raise RecoveryError("residuals of censored measurements are not known and cannot be drawn again; pass parametric=True")
    count = len(problem.setup.data.trajectories)
    check_whole(0, seed=seed)
    if not isinstance(trajectory, Integral) or not 0 <= trajectory < count:
        raise RecoveryError(f"trajectory is {trajectory!r}; the data hold {count}, counted from 0")
    if not parametric and (counts := [o.name for o in problem.setup.observed if not o.law.centred]):
        raise RecoveryError(f"the residuals of the counts {counts[0]} cannot be drawn again; pass parametric=True")
    drawn = _made_anew(fit, problem, repeats, parametric, np.random.default_rng(seed))
    anew = problem.with_values(*(drawn, None) if problem.noise.limits is None else _censored_anew(problem, drawn))
    fits = climb(
        anew, np.repeat(fit.theta[None], repeats, axis=0), np.repeat(fit.scaled_starts[None], repeats, axis=0),
    )  # fmt: skip
    good = np.flatnonzero(np.isfinite(fits.total))
    system, first = fit.system, np.flatnonzero(problem.first)[trajectory]
    theta, scaled = fits.theta[good], fits.starts[good]
    starts, values = problem.starts_of_many(theta, scaled)[:, first], problem.parameters_of_many(theta, scaled, first)
    known = {p.name: np.full(len(good), v) for p, v in system.numeric_defaults.items()}
    known |= {n: v for n, v in values.items() if n in known}
    return {
        "parameters": {n: xr.DataArray(v, dims="trajectory") for n, v in known.items()},
        "initial": {
            s: xr.DataArray(column, dims="trajectory")
            for s, column in zip(system.names, starts.T, strict=True)
            if np.isfinite(column).all()
        },
    }


def _made_anew(fit: Fit, problem: ObservedProblem, repeats: int, parametric: bool, rng: np.random.Generator) -> np.ndarray:
    """Data of every repeat in every window, (repeats, V, T, n); points that windows share get the same noise."""
    cut, prediction = problem.cut, problem.predicted(fit.theta, fit.scaled_starts)
    values = np.repeat(cut.values[None], repeats, axis=0)
    place = cut.origins[:, 1:] + np.arange(cut.values.shape[1])
    inflation = np.sqrt(problem.size / problem.freedom) if problem.corrected else 1.0
    lengths = [len(t.times) for t in problem.setup.data.trajectories]
    for o, spec in enumerate(problem.setup.observed):
        mean, parameters = prediction.mean[..., o], prediction.parameters[o]
        have, scale = np.isfinite(cut.values[..., o]), np.sqrt(spec.law.variance(mean, parameters))
        left = (spec.law.residuals(cut.values[..., o], mean) / scale)[have]
        left = (left - left.mean()) * inflation
        for k, length in enumerate(lengths):
            pieces = np.flatnonzero(cut.origins[:, 0] == k)
            if not parametric:
                drawn = rng.choice(left, (repeats, length))
            elif spec.law.centred:  # about zero, over the scale
                own = [np.ones(length)] + [_joined(p / (scale if j == 0 else 1), place, pieces, length)
                                           for j, p in enumerate(parameters)]  # fmt: skip
                drawn = inflation * spec.law.residuals(spec.law.draw(rng, np.ones((repeats, length)), tuple(own[1:])), own[0])
            else:
                own = [_joined(p, place, pieces, length) for p in (mean, *parameters)]
                drawn = spec.law.draw(rng, np.repeat(own[0][None], repeats, axis=0), tuple(own[1:]))
            for v in pieces:
                at = have[v]
                new = drawn[:, place[v, at]]
                values[:, v, at, o] = spec.law.moved(mean[v, at], new * scale[v, at]) if spec.law.centred else new
    return values


def _censored_anew(problem: ObservedProblem, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Data (M, V, T, n) and limits (M, V, T, n, 2) of draws that are censored as the measurements were."""
    known, names = problem.noise.limits, [o.name for o in problem.setup.observed]
    assert known is not None
    low, high = known[..., 0], known[..., 1]
    if (np.isfinite(low) & np.isfinite(high)).any():
        raise RecoveryError("what intervals other draws would be in is not known; take fit.profile, or fit.sample")
    values, limits = drawn.copy(), np.full((*drawn.shape, 2), np.nan)
    for v, o in np.ndindex(known.shape[0], known.shape[2]):
        for ends, lower in ((high, True), (low, False)):
            other = low if lower else high
            own, of_column = (np.unique(e[np.isfinite(e) & np.isinf(q)]) for e, q in (
                (ends[v, :, o], other[v, :, o]), (ends[:, :, o], other[:, :, o])
            ))  # fmt: skip
            found = own if len(own) else of_column
            if len(found) > 1:
                raise RecoveryError(
                    f"{names[o]} has the limits {found[0]:g} and {found[1]:g} {'in one trajectory' if len(own) else ''}, so "
                    "that it is not known which others have; take fit.profile, or fit.sample"
                )
            if not len(found):
                continue
            beyond = drawn[:, v, :, o] <= found[0] if lower else drawn[:, v, :, o] >= found[0]
            values[:, v, :, o] = np.where(beyond, found[0], values[:, v, :, o])
            pair = (-np.inf, found[0]) if lower else (found[0], np.inf)
            limits[:, v, :, o] = np.where(beyond[..., None], pair, limits[:, v, :, o])
    return values, limits


def _joined(table: np.ndarray, place: np.ndarray, pieces: np.ndarray, length: int) -> np.ndarray:
    """Values (length,) of a trajectory from those of its windows (V, T); NaN becomes 1."""
    found = np.ones(length)
    for v in pieces:
        inside = place[v] < length
        found[place[v, inside]] = np.nan_to_num(table[v, inside], nan=1.0)
    return found
