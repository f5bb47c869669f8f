"""Fitting the parameters of a known system with the simulation in the loop."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from symdyn.inference.data import Observations, observations
from symdyn.inference.information import intervals
from symdyn.inference.optimum import find_optimum
from symdyn.system import System

__all__ = ["ParameterFit", "fit_parameters"]


@dataclass(frozen=True)
class ParameterFit:
    """Parameters and initial values fitted to data.

    Attributes
    ----------
    system : System
        With the fitted values as defaults, and the initial values of the first trajectory.
    intervals : DataFrame
        Columns constant, value, standard error, lower, upper; intervals end at the bounds that were given.
    starts : (trajectories, n) float64
        Fitted initial values.
    noise : (n,) float64
        Root mean square residual of each state; NaN where nothing was measured.  Of noise that grows with the values, the
        deviation at their root mean square.
    criterion : float
        Information criterion, comparable between systems fitted to the same data.
    rank, parameters : int
        Rank of the information matrix, and how many values were fitted.
    simulations : int
    windows : int
        Into which the longest trajectory stayed cut: 1, unless `windows` was given or runs of a map over longer windows
        follow the data far less well.
    """

    system: System
    intervals: pd.DataFrame
    starts: np.ndarray
    noise: np.ndarray
    criterion: float
    rank: int
    parameters: int
    simulations: int
    windows: int = 1


def fit_parameters(
    system: System,
    data: Any,
    *,
    fit: Iterable[Any] = (),
    guesses: Mapping[Any, float] | None = None,
    bounds: Mapping[Any, tuple[Any, Any]] | None = None,
    noise: Mapping[Any, float] | None = None,
    windows: int | None = None,
    level: float = 0.9,
    seed: int = 0,
) -> ParameterFit:
    """Fit the parameters of a fully known ODE system or map, and the initial values of every trajectory, by multiple shooting.

    Parameters with a value are known, and so are declared initial values, which are those at the first time of the data: they
    are held unless they are named in `fit` or given bounds; of several trajectories only those of states without data are.
    A warning says where the data contradict one.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
    data : Observations or anything that `symdyn.inference.data.observations` reads
    fit : iterable of Symbol or str
        Parameters to fit beside those without a value, and states whose declared initial values are fitted.
    guesses : mapping, optional
        Values to begin from; several powers of ten are tried for parameters without value and guess.
    bounds : mapping, optional
        Pairs (smallest, largest) of parameters and of the initial values of states; a pair of equal numbers holds an
        initial value.
    noise : mapping, optional
        Standard deviations of the measurement error by state, which weigh the residuals; found with the fit otherwise.
    windows : int, optional
        Windows into which each trajectory stays cut, each with initial values of its own and two intervals of the data or
        more: of a trajectory that is too short for so many there are fewer.  Unless given, windows are joined until one is
        left, of maps as long as that does not spoil the fit: short windows judge a chaotic map better.
    level : float
        Of the intervals.
    seed : int
        Of further random first values.

    Returns
    -------
    ParameterFit
        The fitted system, intervals of the fitted values in their units, initial values and errors.

    Raises
    ------
    RecoveryError
        If the system has unknown terms, the data are too few, or no simulation of the system follows them.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> N, r, K = sp.symbols("N r K")
    >>> ricker = sd.DiscreteSystem({N: N * sp.exp(r * (1 - N / K))})
    >>> data = sd.simulate(ricker, range(12), initial={N: 0.1}, parameters={r: 2.0, K: 1.0}, progress=False)
    >>> fit_parameters(ricker, data[["N"]]).intervals["value"].round(6).tolist()
    [1.0, 2.0, 0.1]
    """
    fit = tuple(fit)
    system = system.with_initial_numbers(unknown=fit)
    seen = data if isinstance(data, Observations) else observations(system, data)
    found = find_optimum(
        system, seen, fit=fit, guesses=guesses, bounds=bounds, noise=noise, windows=windows, seed=seed
    )  # fmt: skip
    for note in found.notes:
        warnings.warn(note, stacklevel=2)
    problem, selection, model = found.problem, found.selection, found.model
    facts = selection.information(model)
    values = dict(zip(found.free, model.theta * problem.candidates.sizes, strict=True))
    starts = model.starts[found.first_windows] * seen.scale
    fitted = system.with_parameters(values).with_initial(dict(zip(system.states, starts[0], strict=True)))
    counts = np.isfinite(selection.cut.values).sum(axis=(0, 1))
    left = np.sqrt(model.rss / np.where(counts, counts, np.nan)) * problem.shooting.noise
    line = f"{', '.join(map(str, found.free)) or 'initial values'} fitted to {seen.size} data"
    return ParameterFit(
        fitted.replace(provenance=(*system.provenance, line)),
        intervals(facts, level), starts, left, model.criterion, facts.rank, len(facts.names),
        problem.shooting.simulations, int(np.bincount(selection.cut.origins[:, 0]).max()),
    )  # fmt: skip
