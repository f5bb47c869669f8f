"""States and parameters of a reduced system from a few sensors, with intervals of the fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr
from scipy import stats

from symdyn.errors import DeclarationError
from symdyn.inference.fits import Fit
from symdyn.inference.fitting import fit
from symdyn.reduction.dense import combination, dense, products
from symdyn.reduction.manifold import CurvedBasis
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

    Examples
    --------
    See `symdyn.reduction.assimilate`.

    >>> Assimilation.__dataclass_fields__.keys()
    dict_keys(['system', 'fit'])
    """

    system: ReducedSystem
    fit: Fit

    def __repr__(self) -> str:
        return f"Assimilation of {len(self.system.states)} coordinates\n{self.fit}"

    def forecast(self, times: Any, *, members: int = 200, level: float | None = None, seed: int = 0) -> xr.Dataset:
        """The full state at any times from the first one on, with intervals.

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
            For times before the first measurement, and fewer than ten members.
        """
        t = np.atleast_1d(np.asarray(times, float))
        begin = float(self.fit.problem.setup.data.trajectories[0].times[0])
        if t[0] < begin or members < 10:
            raise DeclarationError(f"a forecast begins at {begin:g} or later and has ten members or more")
        level = self.fit.level if level is None else level
        facts, problem = self.fit.information, self.fit.problem
        drawn = np.random.default_rng(seed).multivariate_normal(facts.values, facts.covariance, members, method="eigh")
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
        found = {}
        for name in self.system.layout.names:
            found[name] = best[name]
            for ending, share in (("lower", 0.5 - level / 2), ("upper", 0.5 + level / 2)):
                found[f"{name}_{ending}"] = rest[name].quantile(share, dim="member", skipna=True).drop_vars("quantile")
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
    :math:`y_k = e_k^\top (\bar u + V z)`.  The coordinates at the first time have the prior of the
    runs, a normal distribution with three times their spread.  On a quadratic manifold the derivation of sensitivities takes
    seconds for four modes and minutes from six on.

    Parameters
    ----------
    system : ReducedSystem
    sensors : mapping, DataFrame or list
        As for `symdyn.fit`: a column of times, and one for each sensor; NaN where one did not measure.
    at : mapping
        From the name of each sensor to the name of a state, of fields with a position ``("u", 0.3)`` or ``("u", (0.3, 0.1))``:
        the value in the cell there.
    noise : optional
        As for `symdyn.fit`, such as the standard deviation of the sensors; estimated unless given.
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
    rows = np.array([system.layout.place(where, name) for name, where in dict(at).items()], dtype=int)
    basis = system.basis
    values = dense(basis.modes[rows], system.states, basis.center[rows])
    if isinstance(basis, CurvedBasis):
        bent = dense(basis.curvature[rows], products(system.states))
        values = [combination([(1.0, a), (1.0, b)]) for a, b in zip(values, bent, strict=True)]
    spread = _spread(system)
    begun = _started(system)
    names = [f"{s}_0" for s in system.names]
    priors = {n: stats.norm(0, WIDE * s) for n, s in zip(names, spread, strict=True)}
    found = fit(
        begun, sensors, observables=dict(zip(map(str, at), values, strict=True)), noise=noise, priors=priors,
        parameters=parameters, starts=starts, level=level, seed=seed, **options,
    )  # fmt: skip
    fitted = found.parameters
    final = system.with_initial({s: fitted[n] for s, n in zip(system.names, names, strict=True)})
    known = {p.name for p in system.parameters}
    return Assimilation(final.with_parameters({k: v for k, v in fitted.items() if k in known}), found)


def _started(system: ReducedSystem) -> ReducedSystem:
    """The system with its initial coordinates as parameters."""
    return system.with_initial({s: sp.Symbol(f"{s}_0") for s in system.states})


def _spread(system: ReducedSystem) -> np.ndarray:
    """Root mean square of each coordinate in the runs."""
    return system.basis.spread
