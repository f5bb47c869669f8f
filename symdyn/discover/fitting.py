"""Fitting with the simulation in the loop: from many windows with initial values of their own to whole trajectories."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from symdyn.discover.candidates import Candidates, candidate_system
from symdyn.discover.data import Observations, observations
from symdyn.discover.evidence import information, intervals, weights
from symdyn.discover.selection import Model, Selection
from symdyn.discover.shooting import Shooting, windows
from symdyn.errors import RecoveryError
from symdyn.models.ode import ODESystem
from symdyn.system import System, lookup, name_of

__all__ = ["ParameterFit", "Problem", "fit_parameters", "free_parameters", "read_bounds", "rough_states"]

Bounds = Mapping[sp.Symbol, tuple[float, float]]

#: Points a window should have before windows are joined, and the most windows of a trajectory.
POINTS, MOST_WINDOWS = 3, 32
#: Data of a state below which its noise cannot be told: residuals then weigh as this share of each state's scale.
FEW, COMMON_NOISE = 12, 0.05
#: Smallest noise that weighs the residuals, relative to the scale of a state.
NOISE_FLOOR = 1e-3
#: Models that are carried over when windows are joined.
CARRIED = 12
#: Factor between assumed and found noise of the states beyond which their weights are set anew.
REWEIGH = 1.5
#: Values from which parameters without a value or guess are fitted, and how many random ones `fit_parameters` adds.
GUESSES, RANDOM = (0.01, 0.1, 1.0, 10.0), 48


@dataclass(frozen=True)
class Problem:
    """Candidates against data: what every stage of a fit shares.

    Attributes
    ----------
    candidates : Candidates
    shooting : Shooting
    rough : tuple of tuples of (T, n) float64
        Guesses of the states at the times of the data; one array a trajectory in each guess.
    bounds : pair of (n,) float64
        Smallest and largest initial values.
    penalty : callable or None
        See `Selection`.
    largest : int
        Most terms in a model.
    """

    candidates: Candidates
    shooting: Shooting
    rough: tuple[tuple[np.ndarray, ...], ...]
    bounds: tuple[np.ndarray, np.ndarray]
    penalty: Callable[[np.ndarray, np.ndarray], float] | None = None
    largest: int = 12

    def selection(self, pieces: int) -> Selection:
        """The search with so many windows a trajectory."""
        cut = windows(self.shooting.observations, pieces)
        scale = self.shooting.scale
        limits = (self.bounds[0] / scale, self.bounds[1] / scale)
        return Selection(
            self.candidates, self.shooting, cut, start_bounds=limits, penalty=self.penalty, largest=self.largest
        )  # fmt: skip

    def stages(self, points: int = POINTS) -> list[int]:
        """Numbers of windows a trajectory, halved from stage to stage; the first have at least so many intervals."""
        longest = max(len(t.times) for t in self.shooting.observations.trajectories)
        count = 1
        while 2 * count <= min((longest - 1) // points, MOST_WINDOWS):
            count *= 2
        return [count >> k for k in range(count.bit_length())]

    def begin(self, selection: Selection, chosen: np.ndarray, theta: np.ndarray) -> None:
        """Fit models from every rough guess of the states; `chosen` (M, K) and `theta` (M, P)."""
        starts = np.stack([[guess[k][i] for k, i in selection.cut.origins] for guess in self.rough])
        m, g = len(chosen), len(starts)
        starts = np.tile(starts / self.shooting.scale, (m, 1, 1))
        selection.fit(np.repeat(chosen, g, axis=0), np.repeat(theta, g, axis=0), starts, iterations=30)

    def join(self, before: Selection, after: Selection, count: int = CARRIED) -> None:
        """Fit the best models of one stage again with the windows of the next."""
        models = before.ranked()[:count]
        if not models:
            return
        theta, starts = np.stack([m.theta for m in models]), np.stack([m.starts for m in models])
        states, _ = self.shooting.simulate(before.cut, theta, starts)
        joined = np.empty((len(models), after.cut.count, starts.shape[-1]))
        for v, (k, i) in enumerate(after.cut.origins):
            home = np.flatnonzero((before.cut.origins[:, 0] == k) & (before.cut.origins[:, 1] <= i))[-1]
            joined[:, v] = states[:, home, i - before.cut.origins[home, 1]]
        after.fit(np.stack([m.chosen for m in models]), theta, np.nan_to_num(joined), iterations=30)

    def polish(self, selection: Selection, count: int) -> list[Model]:
        """Converge the best models."""
        models = selection.ranked()[:count]
        if models:
            columns = (np.stack([getattr(m, name) for m in models]) for name in ("chosen", "theta", "starts"))
            selection.fit(*columns, iterations=60, tolerance=1e-9)
        return selection.ranked()[:count]

    def reweighed(self, models: Sequence[Model]) -> Problem | None:
        """The problem with the noise that residuals show, averaged over models by evidence; None if it was right."""
        counts = data_counts(self.shooting.observations)
        seen = counts > 0
        if counts[seen].min() < FEW:
            return None
        rss = weights([m.criterion for m in models]) @ np.stack([m.rss for m in models])
        spread = np.sqrt(rss[seen] / counts[seen])
        found = self.shooting.noise.copy()
        found[seen] *= spread
        found = np.maximum(found, NOISE_FLOOR * self.shooting.scale)
        ratio = (found / self.shooting.noise)[seen]
        if ratio.max() / ratio.min() < REWEIGH:
            return None
        return replace(self, shooting=self.shooting.with_noise(found))


def data_counts(data: Observations) -> np.ndarray:
    """How many values of each state were measured, (n,)."""
    return np.sum([np.isfinite(t.values).sum(axis=0) for t in data.trajectories], axis=0)


def rough_states(
    system: System, data: Observations, fitted: Sequence[tuple[np.ndarray, np.ndarray]] | None = None
) -> tuple[tuple[np.ndarray, ...], ...]:
    """Guesses of all states at the times of the data: from the data, else a surrogate, else initial values, else sizes.

    Parameters
    ----------
    fitted : sequence of (times, states), optional
        States of a surrogate, one pair a trajectory.
    """
    factors = (1.0,)
    guesses = []
    seen = np.any([np.isfinite(t.values).any(axis=0) for t in data.trajectories], axis=0)
    scale = float(np.median(data.scale[seen]))
    hidden = [s for s, have in zip(system.states, seen, strict=True) if not have]
    if fitted is None and any(s not in system.initial for s in hidden):
        factors = (0.1, 1.0, 10.0)
    for factor in factors:
        tables = []
        for k, t in enumerate(data.trajectories):
            table = np.empty_like(t.values)
            for i, state in enumerate(system.states):
                have = np.isfinite(t.values[:, i])
                if have.any():
                    table[:, i] = np.interp(t.times, t.times[have], t.values[have, i])
                elif fitted is not None:
                    table[:, i] = np.interp(t.times, fitted[k][0], fitted[k][1][:, i])
                else:
                    table[:, i] = system.initial.get(state, factor * scale)
            tables.append(table)
        guesses.append(tuple(tables))
    return tuple(guesses)


def free_parameters(system: System, fit: Iterable[Any]) -> tuple[sp.Symbol, ...]:
    """Parameters to fit: those without a value, and those named."""
    named = {lookup(p, system.parameters, "parameter") for p in fit}
    return tuple(p for p in system.parameters if p in named or p not in system.defaults)


def read_bounds(bounds: Mapping[Any, tuple[Any, Any]] | None, known: Iterable[sp.Symbol]) -> Bounds:
    """Bounds by symbol, infinite where None was given.

    Raises
    ------
    RecoveryError
        If bounds are no pair of increasing numbers.
    """
    known = tuple(known)
    found = {}
    for key, pair in (bounds or {}).items():
        symbol = lookup(key, known, "parameter, constant or state")
        try:
            low, high = (float(v) if v is not None else s * np.inf for v, s in zip(pair, (-1, 1), strict=True))
        except (TypeError, ValueError):
            message = f"the bounds of {symbol} are {pair!r}; expected a pair (smallest, largest), None where open"
            raise RecoveryError(message) from None
        if not low < high:
            raise RecoveryError(f"the bounds of {symbol} are {pair!r}; the first must be below the second")
        found[symbol] = (low, high)
    return found


def start_values(
    system: System, free: Iterable[sp.Symbol], guesses: Mapping[Any, float], bounds: Bounds
) -> dict[sp.Symbol, tuple[float, ...]]:
    """Values from which each free parameter is fitted."""
    given = {lookup(k, system.parameters, "parameter"): float(v) for k, v in guesses.items()}
    found: dict[sp.Symbol, tuple[float, ...]] = {}
    for p in free:
        if p in given or p in system.defaults:
            found[p] = (given.get(p, system.defaults.get(p, 1.0)),)
        else:
            found[p] = between(bounds.get(p)) or GUESSES
    return found


def between(pair: tuple[float | None, float | None] | None) -> tuple[float, ...]:
    """Values spread between two bounds, evenly in their logarithms where both are positive; none if a bound is open."""
    if pair is None or None in pair or not np.all(np.isfinite(np.array(pair, dtype=float))):
        return ()
    low, high = map(float, pair)  # type: ignore[arg-type]
    return tuple((np.geomspace if low > 0 else np.linspace)(low, high, 5)[1:-1].tolist())


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


def _random_guesses(
    candidates: Candidates, free: Sequence[sp.Symbol], guesses: Mapping[Any, float], seed: int
) -> np.ndarray:
    """Scaled first values: near those that were given, over several powers of ten for the others."""
    rng = np.random.default_rng(seed)
    given = {name_of(k) for k in guesses}
    spread = np.array([0.5 if p.name in given else 3.0 for p in free])
    middle = np.where(candidates.guesses[0] != 0, candidates.guesses[0], 1.0)
    return middle * np.exp(rng.normal(0.0, 1.0, (RANDOM, len(free))) * spread)


def make_problem(
    system: ODESystem,
    candidates: Candidates,
    data: Observations,
    limits: Bounds,
    *,
    rough: tuple[tuple[np.ndarray, ...], ...] | None = None,
    noise: np.ndarray | None = None,
    penalty: Callable[[np.ndarray, np.ndarray], float] | None = None,
    largest: int = 12,
) -> Problem:
    """Compile candidates and set up their comparison with data."""
    fixed = {p: v for p, v in system.defaults.items() if p not in candidates.columns}
    if noise is None:
        counts = data_counts(data)
        few = counts[counts > 0].min() < FEW
        noise = COMMON_NOISE * data.scale if few else np.maximum(data.noise, NOISE_FLOOR * data.scale)
    shooting = Shooting(candidates.system, data, candidates.columns, sizes=candidates.sizes, fixed=fixed, noise=noise)
    pairs = [limits.get(s, (-np.inf, np.inf)) for s in system.states]
    bounds = (np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs]))
    return Problem(candidates, shooting, rough or rough_states(system, data), bounds, penalty, largest)
