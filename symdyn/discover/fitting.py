"""Fitting the parameters of a known system with the simulation in the loop."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from symdyn.declaration import name_of
from symdyn.discover.candidates import Candidates, candidate_system
from symdyn.discover.data import Observations, observations
from symdyn.discover.evidence import information, intervals
from symdyn.discover.guesses import free_parameters, read_bounds, start_values
from symdyn.discover.problem import data_counts, make_problem
from symdyn.errors import RecoveryError
from symdyn.models.ode import ODESystem

__all__ = ["ParameterFit", "fit_parameters"]

#: How many random first values are tried.
RANDOM = 48


@dataclass(frozen=True)
class ParameterFit:
    """Parameters and initial values fitted to data.

    Attributes
    ----------
    system : ODESystem
        With the fitted values as defaults, and the initial values of the first trajectory.
    intervals : DataFrame
        Columns constant, value, standard error, lower, upper.
    starts : (trajectories, n) float64
        Fitted initial values.
    noise : (n,) float64
        Root mean square residual of each state; NaN where nothing was measured.
    criterion : float
        Information criterion, comparable between systems fitted to the same data.
    rank, parameters : int
        Rank of the information matrix, and how many values were fitted.
    simulations : int
    """

    system: ODESystem
    intervals: pd.DataFrame
    starts: np.ndarray
    noise: np.ndarray
    criterion: float
    rank: int
    parameters: int
    simulations: int


def fit_parameters(
    system: ODESystem,
    data: Any,
    *,
    fit: Iterable[Any] = (),
    guesses: Mapping[Any, float] | None = None,
    bounds: Mapping[Any, tuple[Any, Any]] | None = None,
    level: float = 0.9,
    seed: int = 0,
) -> ParameterFit:
    """Fit the parameters of a fully known ODE system, and the initial values of every trajectory, by multiple shooting.

    Parameters
    ----------
    system : ODESystem
    data : Observations or anything that `symdyn.discover.data.observations` reads
    fit : iterable of Symbol or str
        Parameters to fit beside those without a value.
    guesses : mapping, optional
        Values to begin from; several powers of ten are tried for parameters without value and guess.
    bounds : mapping, optional
        Pairs (smallest, largest) of parameters and of the initial values of states.
    level : float
        Of the intervals.
    seed : int
        Of further random first values.

    Raises
    ------
    RecoveryError
        If the system has unknown terms, or no simulation of it follows the data.
    """
    if system.unknowns:
        names = ", ".join(map(str, system.unknowns))
        raise RecoveryError(f"the system has unknown terms ({names}); recover them with symdyn.recover")
    seen = data if isinstance(data, Observations) else observations(system, data)
    free = free_parameters(system, fit)
    limits = read_bounds(bounds, (*system.parameters, *system.states))
    candidates = candidate_system(
        system, (), seen, free=free, guesses=start_values(system, free, guesses or {}, limits), bounds=limits
    )  # fmt: skip
    problem = make_problem(system, candidates, seen, limits)
    # first almost interval by interval, where the problem is nearly linear
    stages = [problem.selection(v) for v in problem.stages(points=1)]
    theta = np.concatenate([candidates.guesses, _random_guesses(candidates, free, guesses or {}, seed)])
    problem.begin(stages[0], np.zeros((len(theta), 0), dtype=bool), theta)
    for before, after in itertools.pairwise(stages):
        problem.join(before, after)
    best = problem.polish(stages[-1], 1)
    if best and (again := problem.reweighed(best)) is not None:
        problem, last = again, again.selection(1)
        last.fit(best[0].chosen[None], best[0].theta[None], best[0].starts[None], iterations=60, tolerance=1e-9)
        stages[-1], best = last, last.ranked()
    if not best:
        raise RecoveryError("no simulation of the system follows the data; give guesses or bounds of its parameters")
    model = best[0]
    facts = information(problem.shooting, stages[-1], model)
    values = dict(zip(candidates.columns, model.theta * candidates.sizes, strict=True))
    starts = model.starts * seen.scale
    fitted = system.with_parameters(values).with_initial(dict(zip(system.states, starts[0], strict=True)))
    counts = data_counts(seen)
    noise = np.sqrt(model.rss / np.where(counts, counts, np.nan)) * problem.shooting.noise
    line = f"{', '.join(map(str, free)) or 'initial values'} fitted to {seen.size} data"
    return ParameterFit(
        fitted.replace(provenance=(*system.provenance, line)),
        intervals(facts, level), starts, noise, model.criterion, facts.rank, len(facts.names),
        problem.shooting.simulations,
    )  # fmt: skip


def _random_guesses(candidates: Candidates, free: Sequence[sp.Symbol], guesses: Mapping[Any, float], seed: int) -> np.ndarray:
    """Scaled first values: near those that were given, over several powers of ten for the others."""
    rng = np.random.default_rng(seed)
    given = {name_of(k) for k in guesses}
    spread = np.array([0.5 if p.name in given else 3.0 for p in free])
    middle = np.where(candidates.guesses[0] != 0, candidates.guesses[0], 1.0)
    return middle * np.exp(rng.normal(0.0, 1.0, (RANDOM, len(free))) * spread)
