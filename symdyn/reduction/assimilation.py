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
from symdyn.reduction.background import Background, backgrounds, most_probable
from symdyn.reduction.dense import dense
from symdyn.reduction.reduced import ReducedSystem
from symdyn.simulation.run import simulate

__all__ = ["Assimilation", "assimilate"]


@dataclass(frozen=True, eq=False, repr=False)
class Assimilation:
    """What sensors tell of a field; `ReducedSystem.assimilate` makes one.

    Attributes
    ----------
    system : ReducedSystem
        With the fitted initial coordinates and parameters.
    fit : Fit
        Of the coordinates at the first time, ``prior_1`` ... in standard deviations of the background, and of parameters.
    error : (n,) float64
        Root mean square error of the reduced system in its runs, by number of the full state.
    background : Background
        What the runs tell of the first state without the sensors.

    Examples
    --------
    See `symdyn.reduction.assimilate`.

    >>> Assimilation.__dataclass_fields__.keys()
    dict_keys(['system', 'fit', 'error', 'background'])
    """

    system: ReducedSystem
    fit: Fit
    error: np.ndarray
    background: Background

    def __repr__(self) -> str:
        note = (
            f"note: in its runs the reduced system errs by {np.sqrt(np.mean(self.error**2)):.2g} (root mean square), which is"
        )
        note += " part of the intervals of fields; where it errs more they are too narrow"
        said = f"Assimilation of {len(self.system.states)} coordinates, with {self.background} as background"
        return f"{said}\n{self.fit}\n{note}"

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
        begun = _started(self.system, self.background)
        known = {p.name for p in begun.parameters}
        grid = np.union1d([begin], t)
        grid = grid if len(grid) > 1 else np.append(grid, begin + 1.0)
        data = simulate(
            begun, grid, parameters={n: v for n, v in named.items() if n in known},
            rtol=1e-8, atol=1e-10, progress=False, on_failure="nan",
        )  # fmt: skip
        lifted = self.system.lift(data).isel(time=np.searchsorted(grid, t))
        failed = int((data.status != 0).sum())
        if failed:
            warnings.warn(
                f"{failed} of {members + 1} members could not be simulated and are not in the intervals", stacklevel=2
            )
        off = self.system.layout.variables(self.error * rng.standard_normal((members, 1)), ["member"])
        shares, quantile = (0.5 - level / 2, 0.5 + level / 2), np.nanquantile if failed else np.quantile
        found: dict[str, Any] = {}
        for name in self.system.layout.names:
            every = lifted.variables[name].transpose("member", ...)
            found[name] = every[0]
            noisy = every[1:] + xr.Variable(*off[name])
            for ending, bound in zip(("lower", "upper"), quantile(noisy.values, shares, axis=0), strict=True):
                found[f"{name}_{ending}"] = (every.dims[1:], bound)
        return xr.Dataset(found, lifted.isel(member=0, drop=True).coords)


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
    difference quotients.

    A few sensors seldom tell every coordinate, so that the prior of the first state matters: the background, as in weather
    forecasts.  It is a normal distribution, one of these: that of all states of the runs, or those of their states at one
    moment each, of runs that come in threes or more at the same times; half of the probability is that of the first, the others
    share the rest.  After a fit with the first, that one is taken which makes the sensors the most probable, with the
    likelihood as a normal function of the coordinates.  So the runs' clock need not be that of the sensors, and a state unlike
    any moment of the runs is fitted with their overall spread alone.

    Numbers that are given as `noise` count for the sensors alone: the variance of the reduced system's own error in its runs
    (`ReducedSystem.own_error`) is added to theirs.  It is taken for independent between times, which it is not, and for that of
    runs: intervals are too narrow where the system errs more, and where the first state is unlike the background.

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
        For sensors that are nowhere, and options that say what sensors or the first state are in another way.
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
    if wrong := [k for k in ("observables", "initial") if options.get(k) is not None]:
        raise DeclarationError(f"{wrong[0]} has no effect here, where sensors and the first state have their own; leave it out")
    others = dict(options.pop("priors", None) or {})
    rows = np.array([system.layout.place(where, name) for name, where in dict(at).items()], dtype=int)
    values = basis.written(rows, system.states)
    error = system.own_error()
    observed = dict(zip(map(str, at), values, strict=True))
    given = {
        "observables": observed, "noise": _widened(noise, dict(zip(map(str, at), error[rows].tolist(), strict=True))),
        "parameters": parameters, "level": level, "seed": seed, **options,
    }  # fmt: skip
    candidates = backgrounds(basis, system.layout.read(system.runs))
    own = _names(system)
    priors = others | dict.fromkeys(own, stats.norm(0, 1))
    found, background = fit(_started(system, candidates[0]), sensors, priors=priors, starts=starts, **given), candidates[0]
    if len(candidates) > 1:
        standard = np.array([found.parameters[n] for n in own])
        background, at_first = most_probable(candidates, standard, found.covariance.loc[own, own].to_numpy())
        if background is not candidates[0]:
            guesses = found.parameters | dict(zip(own, at_first.tolist(), strict=True))
            begun = _started(system, background)
            found = fit(begun, sensors, priors=priors, starts=starts, **(given | {"guesses": guesses}))
    fitted = found.parameters
    first = background.coordinates(np.array([fitted[n] for n in own]))
    final = system.with_initial(dict(zip(system.states, first.tolist(), strict=True)))
    known = {p.name for p in system.parameters}
    return Assimilation(final.with_parameters({k: v for k, v in fitted.items() if k in known}), found, error, background)


def _names(system: ReducedSystem) -> list[str]:
    """Names of the standardised coordinates at the first time, which no parameter of the system has."""
    taken, stem = {p.name for p in system.parameters}, "prior"
    while taken & {*(names := [f"{stem}_{k + 1}" for k in range(len(system.states))])}:
        stem += "_"
    return names


def _started(system: ReducedSystem, background: Background) -> ReducedSystem:
    """The system with its standardised initial coordinates as parameters."""
    w = [sp.Symbol(n) for n in _names(system)]
    return system.with_initial(dict(zip(system.states, dense(background.factor, w, background.mean), strict=True)))


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
