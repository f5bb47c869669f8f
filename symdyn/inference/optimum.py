"""The best fit of a known system: multiple shooting from many windows and many initial guesses to full trajectories."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdyn.errors import RecoveryError
from symdyn.given_values import lookup, name_of
from symdyn.inference.budget import Budget
from symdyn.inference.candidates import Candidates, candidate_system
from symdyn.inference.criterion import SPARE
from symdyn.inference.data import Observations
from symdyn.inference.journal import Journal
from symdyn.inference.kinds import kind_of
from symdyn.inference.problem import REWEIGHINGS, SelectionProblem, make_problem, read_windows
from symdyn.inference.selection import SelectedModel, Selection
from symdyn.inference.starts import contradictions, with_declared_starts
from symdyn.system import System

__all__ = ["Optimum", "find_optimum", "read_noise"]

#: How many random first values are tried.
RANDOM = 48
#: Share of a budget of time that the search for a first start may take.
SHOOTING = 0.5


@dataclass(frozen=True)
class Optimum:
    """The best fit, and what it takes to fit again near it.

    Attributes
    ----------
    problem : SelectionProblem
    selection : Selection
        The last stage: its windows, bounds and counts.
    model : SelectedModel
    free : tuple of Symbol
        Fitted parameters, in the order of ``model.theta``.
    notes : tuple of str
        Declared initial values that the data contradict.
    complete : bool
        False if the budget or an interrupt ended the search.
    """

    problem: SelectionProblem
    selection: Selection
    model: SelectedModel
    free: tuple[sp.Symbol, ...]
    notes: tuple[str, ...] = ()
    complete: bool = True

    @property
    def values(self) -> dict[sp.Symbol, float]:
        """The fitted parameters."""
        return dict(zip(self.free, map(float, self.model.theta * self.problem.candidates.sizes), strict=True))


def find_optimum(
    system: System,
    data: Observations,
    *,
    fit: Iterable[Any] = (),
    guesses: Mapping[Any, float] | None = None,
    bounds: Mapping[Any, tuple[Any, Any]] | None = None,
    noise: Mapping[Any, float] | None = None,
    windows: int | None = None,
    seed: int = 0,
    budget: Budget | None = None,
    journal: Journal | None = None,
) -> Optimum:
    """Fit parameters and initial values.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
    data : Observations
    fit : iterable of Symbol or str
        Parameters to fit beside those without a value, and states whose declared initial values are fitted.
    guesses : mapping, optional
        Values to begin from; of parameters without value and guess several powers of ten about their natural sizes are tried.
    bounds : mapping, optional
        Pairs (smallest, largest) of parameters and of the initial values of states; a pair of equal numbers holds an
        initial value.
    noise : mapping, optional
        Standard deviations of the measurement error by state, which weigh the residuals; found with the fit otherwise.
    windows : int, optional
        See `symdyn.fit`.
    seed : int
        Of further random first values.
    budget : Budget, optional
        Of which half may be taken; at its end, or an interrupt, the best so far is the result.
    journal : Journal, optional
        Which keeps fits.

    Raises
    ------
    RecoveryError
        If the system has unknown terms, the data are too few, or no simulation of the system follows them.
    """
    kind = kind_of(system, "fitting")
    if system.unknowns:
        names = ", ".join(map(str, system.unknowns))
        raise RecoveryError(f"the system has unknown terms ({names}); recover them with symdyn.recover")
    fit = tuple(fit)
    candidates = candidate_system(system, (), data, fit=fit, guesses=guesses, bounds=bounds)
    limits = with_declared_starts(system, data, fit, candidates.given)
    problem = make_problem(
        system, candidates, data, limits, noise=None if noise is None else read_noise(system.states, data.noise, noise),
        journal=journal,
    )  # fmt: skip
    budget = Budget() if budget is None else budget
    shooting = budget.share(SHOOTING)

    def going() -> bool:
        return shooting.going() and budget.going()

    def stage(problem: SelectionProblem, pieces: int) -> Selection:
        selection = problem.selection(pieces)
        selection.going = going
        return selection

    stages = [stage(problem, c) for c in _counts(problem, data, windows)]
    _check_size(data, stages[-1], candidates.free)
    theta = np.concatenate([candidates.guesses, _random_guesses(candidates, guesses or {}, seed)])
    chosen = np.zeros((len(theta), 0), dtype=bool)
    last = stages[0]
    with budget.keeping(lambda: last.visited):
        problem.begin(stages[0], chosen, theta)
        for before, after in itertools.pairwise(stages):
            if not going():
                break
            problem.join(before, after)
            # runs of maps cost little: begin with whole ones too, valleys are many
            if not before.visited or (kind.stepwise and (after is stages[-1] or last is not before)):
                problem.begin(after, chosen, theta)
            # where joining spoils the fit, go on: short windows with hidden beginnings may be the trap, and longer ones right
            if windows is not None or not problem.spoiled(last, after):
                last = after
    if not going() and last is not stages[-1]:
        problem.join(last, stages[-1])  # at once
        if not last.visited:
            problem.begin(stages[-1], chosen, theta)
        last = stages[-1] if stages[-1].visited else last
    if last is not stages[-1]:
        problem.polish(stages[-1], 1)
        last = last if problem.spoiled(last, stages[-1]) else stages[-1]
    best = problem.polish(last, 1)
    for _ in range(REWEIGHINGS if best and noise is None and going() else 0):
        again = problem.reweighed(last, best)
        if again is None:
            break
        problem, last = again, stage(again, last.pieces)
        last.fit(best[0].chosen[None], best[0].theta[None], best[0].starts[None], iterations=60, tolerance=1e-9)
        best = last.ranked()
    if not best:
        raise RecoveryError("no simulation of the system follows the data; give guesses or bounds of its parameters")
    return Optimum(problem, last, best[0], candidates.free, contradictions(problem, last, candidates.given), going())


def _counts(problem: SelectionProblem, data: Observations, windows: int | None) -> list[int]:
    """Windows a trajectory at each stage: at first almost interval by interval, where the problem is nearly linear."""
    counts = problem.stages(points=1)
    if windows is None:
        return counts
    wanted = min(read_windows(windows), max((len(t.times) - 1) // 2 for t in data.trajectories) or 1)
    return [*(c for c in counts if c > wanted), wanted]


def _check_size(data: Observations, selection: Selection, free: Sequence[sp.Symbol]) -> None:
    """Refuse data that no criterion could judge a fit by, however well it follows them."""
    starts = selection.nuisance
    if selection.cut.size - starts <= len(free) + SPARE:
        raise RecoveryError(
            f"{data.size} data cannot tell {len(free)} parameters and {starts} initial values; expected "
            f"{SPARE + 1} data more than these at least: give more, fewer windows, or known values"
        )


def read_noise(states: Sequence[sp.Symbol], estimated: np.ndarray, given: Mapping[Any, float]) -> np.ndarray:
    """Standard deviations that weigh the residuals, (n,): those given by state, else those estimated.

    Raises
    ------
    RecoveryError
        If one is not positive.
    """
    noise = estimated.copy()
    for key, value in given.items():
        state = lookup(key, states, "state")
        if not (isinstance(value, (int, float, np.number)) and value > 0):
            raise RecoveryError(f"the noise of {state} is {value!r}; expected a positive standard deviation")
        noise[states.index(state)] = value
    return noise


def _random_guesses(candidates: Candidates, guesses: Mapping[Any, float], seed: int) -> np.ndarray:
    """Scaled first values: anywhere between two bounds, near guesses, over several powers of ten for the others."""
    rng = np.random.default_rng(seed)
    given = {name_of(k) for k in guesses}
    spread = np.array([0.5 if p.name in given else 3.0 for p in candidates.free])
    middle = np.where(candidates.guesses[0] != 0, candidates.guesses[0], 1.0)
    found = middle * np.exp(rng.normal(0.0, 1.0, (RANDOM, len(spread))) * spread)
    for i, p in enumerate(candidates.free):
        low, high = candidates.given.get(p, (-np.inf, np.inf))
        if p.name in given or not np.isfinite([low, high]).all():
            continue
        share = rng.uniform(size=RANDOM)
        found[:, i] = (low * (high / low) ** share if low > 0 else low + (high - low) * share) / candidates.sizes[i]
    return found
