"""What a fit of a system with randomness foretells: ensembles of simulations at values that the data allow."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from symdyn.errors import RecoveryError
from symdyn.inference.fits import Fit
from symdyn.inference.information import normal_draws
from symdyn.inference.simulated_data import SimulatedData
from symdyn.inference.stochastic_problem import StochasticProblem
from symdyn.simulation.dataset import helpers_aside

__all__ = ["ensemble_prediction"]

#: Standard error of a logarithm from which on draws without an upper bound are beyond what can be simulated.
WIDE = 10.0
#: Simulations of a prediction.
PATHS = 1000


def ensemble_prediction(
    fit: Fit, problem: StochasticProblem, times: np.ndarray, trajectory: int, level: float, begin: float
) -> xr.Dataset:
    """Means of simulations that begin as a path or a cell does, and bands that hold the share `level` of them.

    Values of what is fitted are drawn from the normal law of the estimates, so that bands have both kinds of uncertainty.
    """
    setup, facts = problem.setup, fit.information
    made = SimulatedData(setup, fit.seed)
    theta = normal_draws(fit.theta, facts.covariance, PATHS, made.rng)
    values = problem.values(np.clip(theta, problem.low, problem.high))
    wide = np.array([c.logarithmic for c in problem.columns]) & (np.sqrt(np.diag(facts.covariance)) > WIDE)
    unknown = facts.undetermined | ~np.isfinite(values).all(axis=0) | (wide & np.isinf(problem.high))
    if unknown.any():
        lost = ", ".join(n for n, u in zip(facts.names, unknown, strict=True) if u)
        raise RecoveryError(f"the data do not tell {lost}, so that nothing can be foretold; give it a value or a prior")
    if setup.snapshots:
        begun = setup.starts(values)[0]
    else:
        group = next(g for g in setup.groups() if trajectory in g.members)
        begun = made.begun(group, values)[:, int(np.flatnonzero(group.members == trajectory)[0])]
    grid = np.union1d([begin], times)
    grid = grid if len(grid) > 1 else np.append(grid, begin + 1.0)
    x = made.states(values, begun, grid)
    columns = {s: x[..., i] for i, s in enumerate(setup.system.names)}
    columns |= {spec.name: mean for spec, (mean, *_) in made.laws(x, values, grid)}
    at, found = np.searchsorted(grid, times), dict[str, Any]()
    share = np.array([0.5 - level / 2, 0.5 + level / 2])
    for name, path in columns.items():
        lower, upper = np.nanquantile(path[:, at], share, axis=0)
        found |= {
            name: ("time", np.nanmean(path[:, at], axis=0)),
            f"{name}_lower": ("time", lower),
            f"{name}_upper": ("time", upper),
        }
    told = xr.Dataset(found, coords={"time": times}, attrs={"level": level, "trajectory": trajectory, "simulations": PATHS})
    return helpers_aside(told, setup.system)
