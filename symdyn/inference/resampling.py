"""The bootstrap: fits to data that the fitted system could have given as well."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from symdyn.errors import RecoveryError
from symdyn.inference.fits import Fit, observed_problem
from symdyn.inference.long_run import check_running, long_run
from symdyn.inference.observed_problem import ObservedProblem
from symdyn.methods.options import check_whole

__all__ = ["BootstrapSamples", "bootstrap"]

#: Repeats that are fitted at once.
TOGETHER = 64
STAGES = {"repeats": (0.0, 1.0)}


class BootstrapSamples(dict[str, dict[str, xr.DataArray]]):
    """Samples of a bootstrap, as `simulate` takes them: ``parameters`` and ``initial``; `Fit.bootstrap` makes them.

    Parameters
    ----------
    samples : dict
        ``parameters`` and ``initial``, each by name over the dimension ``trajectory``.
    done, repeats : int
        Repeats that were fitted, those whose fit failed among them, and that were asked for.
    others : dict, optional
        What was fitted and is no parameter of the system, such as scales of observables and deviations of noise, in the same
        form.

    Attributes
    ----------
    others : dict
    complete : bool
        Whether these are as many: else a budget or an interrupt ended the bootstrap.

    Examples
    --------
    >>> samples = {"parameters": {"a": xr.DataArray([0.4, 0.6], dims="trajectory")}, "initial": {}}
    >>> print(BootstrapSamples(samples, done=2, repeats=5))
    Bootstrap of 2 repeats of 5, cut short
      a  mean 0.5, standard deviation 0.1
    """

    def __init__(
        self,
        samples: dict[str, dict[str, xr.DataArray]],
        done: int,
        repeats: int,
        others: dict[str, xr.DataArray] | None = None,
    ) -> None:
        super().__init__(samples)
        self.done, self.repeats, self.others = done, repeats, others or {}

    @property
    def complete(self) -> bool:
        """Whether all repeats were fitted that were asked for."""
        return self.done == self.repeats

    def __repr__(self) -> str:
        named: dict[str, Any] = {**self["parameters"], **self.others, **{f"{s}(0)": v for s, v in self["initial"].items()}}
        used = next(iter(named.values())).size if named else 0
        lines = [f"Bootstrap of {self.done} repeats" + ("" if self.complete else f" of {self.repeats}, cut short")]
        lines[0] += f", {self.done - used} of which failed" if used < self.done else ""
        width = max(map(len, named), default=0)
        for name, v in named.items():
            if used and float(v.std()) > 0:
                lines.append(f"  {name:<{width}}  mean {float(v.mean()):.5g}, standard deviation {float(v.std()):.2g}")
        return "\n".join(lines)


def bootstrap(
    fit: Fit, repeats: int = 200, *, seed: int = 0, parametric: bool = False, trajectory: int = 0,
    budget: float | None = None, checkpoint: str | Path | None = None,
    progress: bool | Callable[[str, float], None] | None = None,
) -> BootstrapSamples:  # fmt: skip
    r"""Samples of fitted parameters and initial values, from fits to data made anew.

    Each repeat adds to what is expected residuals of the same observable, drawn with replacement after they were centred and
    scaled by :math:`\sqrt{N/(N - k)}` for `N` data and `k` fitted values, or (`parametric`) draws from the fitted noise; then
    all is fitted again from the optimum, many repeats at once, in lanes.  Where measurements are censored, draws at
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
    budget : float, optional
        Seconds after which the bootstrap ends with the first repeats, as it does at an interrupt (Ctrl-C).  Repeats are fitted
        64 at a time and count once these are, so that none is left out because it takes long.
    checkpoint : str or Path, optional
        File from which the same call goes on after that, with the bits of one that was not cut short; see `symdyn.fit`.
    progress : bool or callable, optional
        A bar, or ``progress(stage, fraction)`` with the stage ``"repeats"``.

    Returns
    -------
    BootstrapSamples
        A dict of ``parameters`` and ``initial`` over the dimension ``trajectory``, as `simulate` takes them:
        ``simulate(system, t, **fit.bootstrap())``.  Repeats whose fit failed are left out; ``complete`` is False if the time
        was over before the last.

    Warns
    -----
    UserWarning
        If the time was over, or the fit itself was cut short.

    Raises
    ------
    RecoveryError
        If `repeats` is no whole number above 0, there is no such trajectory, counts or censored measurements are not drawn from
        their noise, or limits are intervals, or several in a trajectory; if the budget ended before the first repeats; for a
        checkpoint as `symdyn.fit`.

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
    problem = observed_problem(fit, "bootstrap")
    check_running(budget, checkpoint, progress)
    if isinstance(repeats, bool) or not isinstance(repeats, Integral) or repeats < 1:
        raise RecoveryError(f"repeats is {repeats!r}; expected a whole number, 1 or more")
    if problem.noise.limits is not None and not parametric:
        raise RecoveryError("residuals of censored measurements are not known and cannot be drawn again; pass parametric=True")
    count = len(problem.setup.data.trajectories)
    check_whole(0, seed=seed)
    if isinstance(trajectory, bool) or not isinstance(trajectory, Integral) or not 0 <= trajectory < count:
        raise RecoveryError(f"trajectory is {trajectory!r}; the data hold {count}, counted from 0")
    if not parametric and (counts := [o.name for o in problem.setup.observed if not o.law.centred]):
        raise RecoveryError(f"the residuals of the counts {counts[0]} cannot be drawn again; pass parametric=True")
    drawn = _made_anew(fit, problem, repeats, parametric, np.random.default_rng(seed))
    limits = None
    if problem.noise.limits is not None:
        drawn, limits = _censored_anew(problem, drawn)
    ends: list[tuple[np.ndarray, ...]] = []
    facts = (repeats, seed, parametric)
    with long_run(fit, "bootstrap", STAGES, facts, budget=budget, checkpoint=checkpoint, progress=progress) as run:
        with run.ending(lambda: ends):
            for a in range(0, repeats, TOGETHER):
                b = min(a + TOGETHER, repeats)
                anew = problem.with_values(drawn[a:b], None if limits is None else limits[a:b])
                theta, starts = (np.repeat(v[None], b - a, axis=0) for v in (fit.theta, fit.scaled_starts))
                fits = run.fitted("repeats", anew, theta, starts, part=(a / repeats, b / repeats), key=(a,))
                ends.append((fits.theta, fits.starts, fits.total))
        if not ends:
            raise run.nothing("the bootstrap", "before the first repeats were fitted")
        done = sum(len(e[2]) for e in ends)
        run.note("the bootstrap", f"{done} of {repeats} repeats")
    theta, scaled, total = (np.concatenate(parts) for parts in zip(*ends, strict=True))
    good = np.flatnonzero(np.isfinite(total))
    system, first = fit.system, np.flatnonzero(problem.first)[trajectory]
    theta, scaled = theta[good], scaled[good]
    starts, values = problem.starts_of_many(theta, scaled)[:, first], problem.parameters_of_many(theta, scaled, first)
    known = {p.name: np.full(len(good), v) for p, v in system.numeric_defaults.items()}
    known |= {n: v for n, v in values.items() if n in known}
    parameters = {n: xr.DataArray(v, dims="trajectory") for n, v in known.items()}
    initial = {
        s: xr.DataArray(column, dims="trajectory")
        for s, column in zip(system.names, starts.T, strict=True)
        if np.isfinite(column).all()
    }
    fitted = dict(zip(problem.names, problem.values(theta).T, strict=True))
    others = {n: xr.DataArray(v, dims="trajectory") for n, v in fitted.items() if n not in known}
    return BootstrapSamples({"parameters": parameters, "initial": initial}, done, repeats, others)


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
