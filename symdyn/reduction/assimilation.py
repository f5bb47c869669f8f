"""States and parameters of a reduced system from a few sensors, with intervals of the fields."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr
from scipy import stats

from symdyn.errors import DeclarationError
from symdyn.inference.fits import Fit, observed_problem
from symdyn.inference.fitting import fit
from symdyn.methods.options import check_whole
from symdyn.reduction.reduced import ReducedSystem
from symdyn.simulation.run import simulate

__all__ = ["Assimilation", "assimilate"]

#: How far initial coordinates may be from those of the runs, in their standard deviations.
WIDE = 3.0


@dataclass(frozen=True, eq=False, repr=False)
class Assimilation:
    """What sensors tell of a field; `ReducedSystem.assimilate` makes one.

    Attributes
    ----------
    system : ReducedSystem
        With the fitted initial coordinates and parameters.
    fit : Fit
        Of the coordinates at the first time, called ``z_1_0`` ..., and of parameters.
    error : (n,) float64
        Root mean square error of the reduced system in its runs, by number of the full state.

    Examples
    --------
    See `symdyn.reduction.assimilate`.

    >>> Assimilation.__dataclass_fields__.keys()
    dict_keys(['system', 'fit', 'error'])
    """

    system: ReducedSystem
    fit: Fit
    error: np.ndarray

    def __repr__(self) -> str:
        note = (
            f"note: in its runs the reduced system errs by {np.sqrt(np.mean(self.error**2)):.2g} (root mean square), which is"
        )
        note += " part of the intervals of fields; where it errs more they are too narrow"
        return f"Assimilation of {len(self.system.states)} coordinates\n{self.fit}\n{note}"

    def forecast(self, times: Any, *, members: int = 200, level: float | None = None, seed: int = 0) -> xr.Dataset:
        r"""The full state at any times from the first one on, with intervals.

        They are quantiles of an ensemble of the fitted system, every member with a normal error of its own of the size that
        the reduced system has in its runs.

        Parameters
        ----------
        times : (T,) sequence of float
            The first is that of the sensors' first measurement, or later.
        members : int
            Of the ensemble, which is drawn from the normal approximation of the fit.
        level : float, optional
            Of the intervals; that of the fit unless given.
        seed : int
            Of the ensemble.

        Returns
        -------
        Dataset
            Variables of the full system, and ``<name>_lower``, ``<name>_upper``.

        Raises
        ------
        DeclarationError
            For times before the first measurement, fewer than ten members, and levels that are not between 0 and 1.

        Warns
        -----
        UserWarning
            If members could not be simulated; they take no part in the intervals.

        Examples
        --------
        >>> import symdyn as sd
        >>> pair = sd.ODESystem.from_text("x' = -x; y' = -2*y; x(0) = 1; y(0) = 1")
        >>> small = sd.reduction.pod(pair, sd.simulate(pair, np.linspace(0, 1, 9), progress=False), modes=2)
        >>> seen = {"t": [0, 0.5, 1], "s": [1, 0.61, 0.37], "r": [1, 0.37, 0.13]}
        >>> found = small.assimilate(seen, at={"s": "x", "r": "y"}, noise=0.01, starts=2)
        >>> later = found.forecast([2.0], members=20)
        >>> bool(later.x_lower[0] < np.exp(-2) < later.x_upper[0])
        True
        """
        t = np.atleast_1d(np.asarray(times, float))
        begin = float(observed_problem(self.fit, "forecasts").setup.data.trajectories[0].times[0])
        check_whole(10, members=members)
        check_whole(0, seed=seed)
        level = self.fit.level if level is None else level
        if t.ndim != 1 or not np.isfinite(t).all() or not t.size or t.min() < begin:
            raise DeclarationError(f"a forecast begins at {begin:g} or later; got the times {times!r}")
        if not 0 < level < 1:
            raise DeclarationError(f"level is {level!r}; expected a number between 0 and 1, such as 0.9")
        facts, problem = self.fit.information, self.fit.problem
        rng = np.random.default_rng(seed)
        drawn = rng.multivariate_normal(facts.values, facts.covariance, members, method="eigh")
        drawn = np.clip(np.concatenate([facts.values[None], drawn]), facts.low, facts.high)
        values = problem.values(drawn)
        named = {n: xr.DataArray(values[:, k], dims="member") for k, n in enumerate(problem.names)}
        known = {p.name for p in self.system.parameters}
        grid = np.union1d([begin], t)
        grid = grid if len(grid) > 1 else np.append(grid, begin + 1.0)
        data = simulate(
            _started(self.system), grid, parameters={n: v for n, v in named.items() if n in known or n.endswith("_0")},
            rtol=1e-8, atol=1e-10, progress=False, on_failure="nan",
        )  # fmt: skip
        lifted = self.system.lift(data).isel(time=np.searchsorted(grid, t))
        best = lifted.isel(member=0, drop=True)
        rest = lifted.isel(member=slice(1, None))
        failed = int((data.status != 0).sum())
        if failed:
            warnings.warn(
                f"{failed} of {members + 1} members could not be simulated and are not in the intervals", stacklevel=2
            )
        off = self.system.layout.variables(self.error * rng.standard_normal((members, 1)), ["member"])
        found = {}
        for name in self.system.layout.names:
            found[name] = best[name]
            rest[name] = rest[name] + xr.DataArray(off[name][1], dims=off[name][0])
            for ending, share in (("lower", 0.5 - level / 2), ("upper", 0.5 + level / 2)):
                found[f"{name}_{ending}"] = rest[name].quantile(share, dim="member", skipna=failed > 0).drop_vars("quantile")
        return xr.Dataset(found)


def assimilate(
    system: ReducedSystem,
    sensors: Any,
    at: Mapping[str, Any],
    *,
    noise: Any = None,
    parameters: Mapping[Any, Any] | Sequence[Any] = (),
    starts: int = 4,
    level: float = 0.9,
    seed: int = 0,
    **options: Any,
) -> Assimilation:
    r"""The initial coordinates, and parameters, that follow from measurements of the full system in a few places.

    Least squares, or greatest likelihood, by `symdyn.fit` on the reduced system with the sensors as observables,
    :math:`y_k = e_k^\top (\bar u + V z)`, on quadratic manifolds :math:`+\, W (z \otimes z)`; of these derivatives are
    difference quotients.  The coordinates at the first time have the prior of the runs, a normal distribution with three times
    their spread.  Numbers that are given as `noise` count for the sensors alone:
    the variance of the reduced system's own error in its runs (`ReducedSystem.own_error`) is added to theirs.  It is taken for
    independent between times, which it is not, and for that of runs: intervals are too narrow where the system errs more.

    Parameters
    ----------
    system : ReducedSystem
    sensors : mapping, DataFrame or list
        As for `symdyn.fit`: a column of times, and one for each sensor; NaN where one did not measure.
    at : mapping
        From the name of each sensor to the name of a state, of fields with a position ``("u", 0.3)`` or ``("u", (0.3, 0.1))``:
        the value in the cell there.
    noise : optional
        The standard deviation of the sensors, as a number or a mapping from their names to numbers; or what else `symdyn.fit`
        takes, with which the error of the reduced system counts only as far as parameters of noise are fitted.  It is
        estimated unless given, along with that error.
    parameters : mapping or sequence, optional
        Parameters that are fitted beside, with bounds.
    starts, level, seed
        As for `symdyn.fit`.
    **options
        Further ones of `symdyn.fit`.

    Returns
    -------
    Assimilation

    Raises
    ------
    DeclarationError
        For sensors that are nowhere.
    RecoveryError
        As of `symdyn.fit`.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> heat = sd.PDESystem.from_text("u' = D*laplacian(u); D = 0.1", domain=(0, 1), initial={"u": "cos(pi*x) + cos(3*pi*x)"})
    >>> full = heat.discretize(32)
    >>> runs = sd.simulate(full, np.linspace(0, 1, 21), progress=False)
    >>> t = np.linspace(0, 0.5, 6)
    >>> seen = {"t": t, "left": 2 * np.exp(-0.1 * np.pi**2 * t), "middle": 0.6 * np.exp(-0.1 * np.pi**2 * t)}
    >>> found = sd.reduction.pod(full, runs, modes=2).assimilate(
    ...     seen, at={"left": ("u", 0.02), "middle": ("u", 0.4)}, noise=0.01, starts=2)
    >>> later = found.forecast([0.5, 1.0], members=20)
    >>> sorted(later.data_vars)
    ['u', 'u_lower', 'u_upper']
    """
    basis = system.basis
    rows = np.array([system.layout.place(where, name) for name, where in dict(at).items()], dtype=int)
    values = basis.written(rows, system.states)
    error = system.own_error()
    begun = _started(system)
    names = [f"{s}_0" for s in system.names]
    priors = {n: stats.norm(0, WIDE * s) for n, s in zip(names, basis.spread, strict=True)}
    found = fit(
        begun, sensors, observables=dict(zip(map(str, at), values, strict=True)), priors=priors,
        noise=_widened(noise, dict(zip(map(str, at), error[rows].tolist(), strict=True))),
        parameters=parameters, starts=starts, level=level, seed=seed, **options,
    )  # fmt: skip
    fitted = found.parameters
    final = system.with_initial({s: fitted[n] for s, n in zip(system.names, names, strict=True)})
    known = {p.name for p in system.parameters}
    return Assimilation(final.with_parameters({k: v for k, v in fitted.items() if k in known}), found, error)


def _started(system: ReducedSystem) -> ReducedSystem:
    """The system with its initial coordinates as parameters."""
    return system.with_initial({s: sp.Symbol(f"{s}_0") for s in system.states})


def _widened(noise: Any, errors: Mapping[str, float]) -> Any:
    """Standard deviations of sensors with the errors of the reduced system; other noise as it is."""
    if isinstance(noise, Real) and not isinstance(noise, bool):
        noise = dict.fromkeys(errors, noise)
    if not isinstance(noise, Mapping):
        return noise
    wide = {str(k): v for k, v in noise.items()}
    for k in wide.keys() & errors.keys():
        if isinstance(wide[k], Real) and not isinstance(wide[k], bool) and 0 < float(wide[k]) < np.inf:
            wide[k] = float(np.hypot(float(wide[k]), errors[k]))
    return wide
