"""One closure at one order and volume: its steady states, and time courses from several initial conditions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis import blow_up, steady_states
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.derive.closures import Closure
from symdyn.errors import SymdynError
from symdyn.methods.options import AdaptiveOptions
from symdyn.models.moments import MomentSystem
from symdyn.models.reactions import ReactionNetwork
from symdyn.simulation.run import simulate
from symdyn.simulation.settings import Layout

__all__ = [
    "Cell",
    "Question",
    "answer",
    "branches_of",
    "closed_system",
    "first_two_moments",
    "hash_text",
    "is_physical",
    "name_of_closure",
]

#: Output times of a time course; the last two quarters decide how it ends.
TIMES = 801
#: A course has arrived at a steady state, or stands still, within this relative distance.
CLOSE = 1e-4
#: Least relative amplitude of the means that counts as an oscillation, and its least ratio to that a quarter before.
SWING, PERSISTENT = 1e-2, 0.98
#: Courses that end in none of these ways are followed for longer.
LONGER = (1, 5, 25)
#: Rounding of the tests for positive means and variances, relative to the largest of them.
ROUNDING = 1e-7


@dataclass(frozen=True)
class Question:
    """What is asked of a closure: everything a worker needs."""

    network: ReactionNetwork
    closure: str | Callable | Closure
    order: int
    taylor_order: int | None
    parameters: Mapping[str, float]
    starts: np.ndarray
    t_end: float

    @property
    def key(self) -> str:
        """Identifying text, from which the name in the store follows."""
        values = sorted(self.parameters.items())
        parts = (self.network.digest, name_of_closure(self.closure, code=True), self.order, self.taylor_order)
        return repr((*parts, values, self.starts.tolist(), self.t_end))


def name_of_closure(closure: str | Callable | Closure, *, code: bool = False) -> str:
    """The name of a closure; of a function, on request with a fingerprint of its code."""
    if isinstance(closure, str):
        return closure
    function = closure.express if isinstance(closure, Closure) else closure
    name = closure.name if isinstance(closure, Closure) else getattr(closure, "__name__", type(closure).__name__)
    inside = getattr(function, "__code__", None)
    return f"{name}:{hash_text(repr((inside.co_code, inside.co_consts, inside.co_names)))}" if code and inside else name


def hash_text(text: str) -> str:
    """Twenty hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Cell:
    """The answer.

    Attributes
    ----------
    mean, covariance : (branch, species) and (branch, species, species) float64
        Of every steady state of the closed equations.
    stable, physical : (branch,) bool
        Linear stability; means and variances not negative and the covariance matrix positive semidefinite.
    complete : bool
        Whether these are all steady states.
    reached : (start,) int
        The steady state in which the course from each initial condition ends, or -1.
    swing : (start,) float64
        Relative amplitude of an oscillation that persists, else 0.
    blow_up : (start,) float64
        Time at which the solution becomes infinite, or inf.
    unphysical : (start,) float64
        First output time with a negative mean or variance or an indefinite covariance, or inf.
    final : (start, species) float64
        Means at the end.
    error : str
        Why there is no answer, or empty.
    """

    mean: np.ndarray
    covariance: np.ndarray
    stable: np.ndarray
    physical: np.ndarray
    complete: bool
    reached: np.ndarray
    swing: np.ndarray
    blow_up: np.ndarray
    unphysical: np.ndarray
    final: np.ndarray
    error: str = ""

    @classmethod
    def failed(cls, question: Question, error: Exception) -> Cell:
        """No answer but the reason."""
        k, s = question.starts.shape
        none, never = np.full(k, np.nan), np.full(k, -1)
        empty = np.empty((0, s)), np.empty((0, s, s)), np.empty(0, bool), np.empty(0, bool)
        return cls(*empty, False, never, none, none, none, np.full((k, s), np.nan), f"{type(error).__name__}: {error}")


@lru_cache(maxsize=16)
def closed_system(
    network: ReactionNetwork, closure: str | Callable | Closure, order: int, taylor_order: int | None
) -> MomentSystem:
    """The closed moment equations, derived once a process."""
    return network.moments(order, closure, taylor_order=taylor_order)


def first_two_moments(
    closed: MomentSystem, states: np.ndarray, parameters: Mapping[str, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Means (..., s) and covariances (..., s, s) from values of the states (..., n)."""
    species = closed.species
    pairs = [(a, b) for i, a in enumerate(species) for b in species[i:]]
    expressions = [*(closed.mean(a) for a in species), *(closed.covariance(a, b) for a, b in pairs)]
    blocks = [("lane", (closed.time,)), ("y", closed.states), ("p", closed.parameters)]
    program = lower("two", blocks, expressions, [str(k) for k in range(len(expressions))])
    numbers = [np.asarray(parameters[p.name], dtype=float) for p in closed.parameters]
    found = evaluate(program, [np.zeros(())], [states[..., i] for i in range(states.shape[-1])], numbers)
    shape = states.shape[:-1]
    values = [np.broadcast_to(np.asarray(f, dtype=float), shape) for f in found]
    count = len(species)
    mean = np.stack(values[:count], axis=-1)
    covariance = np.empty((*shape, count, count))
    place = {s: i for i, s in enumerate(species)}
    for (a, b), value in zip(pairs, values[count:], strict=True):
        covariance[..., place[a], place[b]] = covariance[..., place[b], place[a]] = value
    return mean, covariance


def is_physical(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Whether means are not negative and covariances positive semidefinite, up to rounding."""
    finite = np.isfinite(mean).all(axis=-1) & np.isfinite(covariance).all(axis=(-1, -2))
    mean, covariance = np.where(finite[..., None], mean, 0.0), np.where(finite[..., None, None], covariance, 0.0)
    size = np.maximum(abs(mean).max(axis=-1), 1e-300)
    spread = np.maximum(abs(covariance).max(axis=(-1, -2)), ROUNDING * size**2)
    least = np.linalg.eigvalsh(covariance).min(axis=-1)
    return finite & (mean.min(axis=-1) >= -ROUNDING * size) & (least >= -ROUNDING * spread)


def branches_of(
    closed: MomentSystem, parameters: Mapping[str, float], initial: Any = None
) -> tuple[np.ndarray, np.ndarray, bool]:
    """All steady states (branch, n), their stability, and whether they are all."""
    found = steady_states(closed, parameters, initial=initial)
    states = (
        np.stack([found[s].values for s in closed.names], axis=-1)
        if found.sizes["branch"]
        else np.empty((0, len(closed.names)))
    )
    return states, found["stable"].values.astype(bool), bool(found.attrs["complete"])


def answer(question: Question) -> Cell:
    """Steady states and time courses of one closure at one volume."""
    try:
        return _answer(question)
    except (SymdynError, ArithmeticError, np.linalg.LinAlgError) as error:
        return Cell.failed(question, error)


def _answer(q: Question) -> Cell:
    closed = closed_system(q.network, q.closure, q.order, q.taylor_order)
    known = {p.name for p in closed.parameters}  # some may have dropped out of the equations
    q = replace(q, parameters={k: v for k, v in q.parameters.items() if k in known})
    starts = np.maximum(q.starts, 1.0) if closed.positive_means else q.starts
    species = [s.name for s in closed.species]
    states, stable, complete = branches_of(closed, q.parameters, dict(zip(species, starts[0], strict=True)))
    mean, covariance = first_two_moments(closed, states, q.parameters)
    count = len(starts)
    reached, swing, final = np.full(count, -1), np.zeros(count), np.empty((count, len(species)))
    escape, unphysical = np.full(count, np.inf), np.full(count, np.inf)
    rest = np.arange(count)
    for longer in LONGER:
        courses = _courses(closed, starts[rest], q.parameters, longer * q.t_end)
        final[rest], escape[rest], unphysical[rest] = courses.means[:, -1], courses.escape, courses.unphysical
        for k, values, means in zip(rest, courses.values, courses.means, strict=True):
            reached[k], swing[k] = _ending(values, means, states, stable)
        rest = rest[(reached[rest] < 0) & (swing[rest] == 0) & np.isfinite(final[rest]).all(axis=1)]
        if not rest.size:
            break
    return Cell(mean, covariance, stable, is_physical(mean, covariance), complete, reached, swing, escape, unphysical, final)


@dataclass(frozen=True)
class _Courses:
    """Time courses: states (start, time, n), means (start, time, s), times of blow-up and of the first impossible moments."""

    values: np.ndarray
    means: np.ndarray
    escape: np.ndarray
    unphysical: np.ndarray


def _courses(closed: MomentSystem, starts: np.ndarray, parameters: Mapping[str, float], t_end: float) -> _Courses:
    times = np.linspace(0.0, t_end, TIMES)
    initial = {s.name: xr.DataArray(starts[:, i], dims="start") for i, s in enumerate(closed.species)}
    runs = simulate(
        closed, times, initial=initial, parameters=parameters, on_failure="nan", rtol=1e-8, atol=1e-9,
        method=AdaptiveOptions(max_steps=200_000), layout=Layout(threads=1), progress=False,
    )  # fmt: skip
    values = np.stack([runs[s].values for s in closed.names], axis=-1)
    means, covariances = first_two_moments(closed, values, parameters)
    escape = np.full(len(starts), np.inf)
    failed = np.flatnonzero(runs["status"].values != 0)
    if failed.size:
        found = blow_up(closed, {k: v[failed] for k, v in initial.items()}, parameters, t_end=t_end)
        ended = found["outcome"].values.ravel() != "exists"
        escape[failed] = np.where(ended, found["end"].values.ravel(), np.inf)
    sane = is_physical(means, covariances) | ~np.isfinite(values).all(axis=-1)
    unphysical = np.where(sane.all(axis=1), np.inf, times[np.argmin(sane, axis=1)])
    return _Courses(values, means, escape, unphysical)


def _ending(values: np.ndarray, means: np.ndarray, states: np.ndarray, stable: np.ndarray) -> tuple[int, float]:
    """The steady state in which a course (time, n) ends, or -1, and the amplitude of an oscillation that persists."""
    if not np.isfinite(values[-1]).all():
        return -1, 0.0
    for i in np.flatnonzero(stable):
        scale = np.maximum(abs(states[i]), 1e-9 * abs(states[i]).max())
        if (abs(values[-1] - states[i]) <= CLOSE * scale).all():
            return int(i), 0.0
    quarter = len(means) // 4
    late, before = means[-quarter:], means[-2 * quarter : -quarter]
    size = np.maximum(abs(late).mean(axis=0), 1e-300)
    swing, earlier = (np.ptp(part, axis=0) / size for part in (late, before))
    k = int(np.argmax(swing))
    persists = swing[k] > SWING and swing[k] > PERSISTENT * earlier[k]
    turns = np.count_nonzero(np.diff(np.sign(np.diff(late[:, k]))))  # a drift is no oscillation
    return -1, float(swing[k]) if persists and turns >= 2 else 0.0
