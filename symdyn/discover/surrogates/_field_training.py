"""Training of networks of fields and of unknown terms, and samples of the terms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symdyn.discover.fields.data import FieldData
from symdyn.discover.surrogates._dual import descend
from symdyn.discover.surrogates._field_problem import Data, Equations
from symdyn.discover.surrogates._training import average, prepare
from symdyn.discover.surrogates.registry import SurrogateFit
from symdyn.errors import RecoveryError
from symdyn.models.pde import PDESystem

__all__ = ["train"]

#: Times and positions of each experiment at which terms are reported.
TIMES, PLACES = 12, 60
#: Most values of an experiment that are trained on.
MOST = 2000
#: Trials on the data alone, and the relative decrease over ten accepted trials that ends a training.
ALONE, SETTLED = 40, 1e-3
#: Tolerances, in that of the options, with which the equations are imposed one after another.
STRICTER = (10.0, 1.0)
#: Of the plastic number: points of additive recurrence fill a square evenly (Roberts 2018).
ROOT = 1.32471795724474602596
#: Said where the equations have no value.
INFINITE = (
    "the equations with networks in place of the unknown terms are not finite near the data; check logarithms, roots "
    "and divisions of the known terms, or use surrogate=None"
)


def train(
    system: PDESystem, observed: FieldData, options: Any, *, seed: int, progress: Callable[[int, int], None] | None
) -> SurrogateFit:
    """Fit every member and average fields, terms and parameters."""
    prepare()
    begun = _data(system, observed, options)
    equations = Equations(system, options, len(observed.trajectories))
    low, high = system.domain.box[:, 0]
    grids = [
        np.stack(
            np.meshgrid(np.linspace(ends[0], ends[1], TIMES), np.linspace(low, high, PLACES), indexing="ij"), axis=-1
        ).reshape(-1, 2)
        for ends in begun.ends
    ]
    grid, collected, losses = np.stack(grids), [], []
    for k in range(options.members):
        w, history = _member(equations, begun, options, np.random.default_rng([seed, k]), _teller(progress, k, options))
        own, s = equations.split(w[0])
        states, arguments, values = (np.asarray(v) for v in equations.sample(w[1], own, begun.ends, s, grid))
        collected.append((states, arguments, values, np.asarray(equations.parameters(s))[equations.where]))
        losses.append(history)
    fit = average(system, tuple(np.linspace(ends[0], ends[1], TIMES) for ends in begun.ends), collected, {"members": losses})
    fields = tuple(v.reshape(TIMES, PLACES, -1).transpose(0, 2, 1) for v in fit.states)
    return SurrogateFit(fit.times, fields, fit.terms, fit.parameters, fit.history)


def _teller(progress: Callable[[int, int], None] | None, member: int, options: Any) -> Callable[[int], None]:
    def tell(done: int) -> None:
        if progress is not None:
            progress(member * options.iterations + min(done, options.iterations), options.members * options.iterations)

    return tell


def _after(tell: Callable[[int], None], before: int) -> Callable[[int], None]:
    return lambda done: tell(before + done)


def _member(
    equations: Equations, d: Data, options: Any, rng: np.random.Generator, tell: Callable[[int], None]
) -> tuple[tuple[np.ndarray, Data], list[float]]:
    """Fields on the data alone, then with the equations ever more strictly; the weights with the units they belong to."""
    done = min(ALONE, options.iterations)
    w, cost, history = _descended(equations, d, equations.first(rng), done, tell)
    d = _units(equations, d, w)
    rate = d.equation
    weight = np.sqrt(d.places.shape[1] / d.inside.shape[1]) / options.tolerance
    left = options.iterations - done
    for stricter, trials in zip(STRICTER, (max(left // 3, 1), max(left - left // 3, 1)), strict=True):
        d = d._replace(equation=weight / stricter / rate)
        w, cost, more = _descended(equations, d, w, trials, _after(tell, done))
        history, done = history + more, done + trials
    if not np.isfinite(cost):
        raise RecoveryError(INFINITE)
    tell(options.iterations)
    return (w, d), history


def _descended(
    equations: Equations, d: Data, w: np.ndarray, trials: int, tell: Callable[[int], None]
) -> tuple[np.ndarray, float, list[float]]:
    return descend(
        lambda v: equations.misfit(v, d), lambda v: equations.slopes(v, d), w, equations.precision, trials=trials,
        tolerance=SETTLED, tell=tell,
    )  # fmt: skip


def _units(equations: Equations, d: Data, w: np.ndarray) -> Data:
    """Middle and spread of the arguments of terms, sizes of terms, and rates of change, along fields that follow the data."""
    own, s = equations.split(w)
    change, rest, one = (np.asarray(v) for v in equations.offsets(d, own, d.ends, s, d.inside))
    _, arguments, _ = equations.sample(d, own, d.ends, s, d.inside)
    a = np.asarray(arguments).reshape(-1, arguments.shape[-1])
    a = np.where(np.isfinite(a), a, np.nan)
    if np.isnan(a).all(axis=0).any():
        raise RecoveryError(INFINITE)
    low, middle, high = np.nanquantile(a, (0.05, 0.5, 0.95), axis=0)
    spread = np.where(high - low > 1e-9 * np.abs(middle), (high - low) / 2, np.maximum(np.abs(middle), 1e-12))
    rate = _rms(change.reshape(-1, change.shape[-1]))
    gap, gain = _rms(rest.reshape(-1, rest.shape[-1])), _rms(one.reshape(-1, *one.shape[2:]))  # (n,), (k, n)
    reach = np.array([max((gap[i] / g for i, g in enumerate(row) if g > 1e-12), default=1.0) for row in gain])
    rate = np.where(rate > 0, rate, 1.0)
    return d._replace(equation=rate, middle=middle, spread=spread, reach=np.where(reach > 0, reach, 1.0))


def _rms(values: np.ndarray) -> np.ndarray:
    """Root mean squares (...) over finite rows of (m, ...); 0 where there are none."""
    finite = np.isfinite(values)
    return np.asarray(np.sqrt((np.where(finite, values, 0.0) ** 2).sum(axis=0) / np.maximum(finite.sum(axis=0), 1)))


def _data(system: PDESystem, observed: FieldData, options: Any) -> Data:
    """Places, values and weights of all experiments, padded to the longest; the equations count nothing yet."""
    known = all(f in system.initial for f in system.fields)
    n, runs = len(system.fields), observed.trajectories
    total = max(len(r.times) for r in runs) * len(observed.positions[0])
    kept = np.unique(np.linspace(0, total - 1, min(total, MOST)).round().astype(int))
    places = np.zeros((len(runs), total, 2))
    values = np.full((len(runs), total, n), np.nan)
    ends = np.zeros((len(runs), 2))
    for k, run in enumerate(runs):
        grid = np.stack(np.meshgrid(run.times, observed.positions[0], indexing="ij"), axis=-1).reshape(-1, 2)
        places[k] = grid[-1]
        places[k, : len(grid)], values[k, : len(grid)] = grid, run.values.transpose(0, 2, 1).reshape(-1, n)
        ends[k] = min(0.0, run.times[0]) if known else run.times[0], run.times[-1]
    places, values = places[:, kept], values[:, kept]
    seen = np.isfinite(values)
    mean, size = np.zeros(n), np.ones(n)
    for i in range(n):
        some = values[..., i][seen[..., i]]
        if some.size:
            mean[i], size[i] = some.mean(), some.std() or 1.0
    noise = np.maximum(observed.noise, options.noise_floor * size)
    even = (0.5 + np.arange(1, options.collocation + 1)[:, None] * np.array([1 / ROOT, 1 / ROOT**2])) % 1.0
    low, high = system.domain.box[:, 0]
    inside = np.stack([
        np.stack([e[0] + (e[1] - e[0]) * even[:, 0], low + (high - low) * even[:, 1]], axis=1) for e in ends
    ])  # fmt: skip
    each = sum(len(u.args) for u in system.unknowns)
    return Data(
        places, np.where(seen, values, 0.0), seen / noise, inside, ends, mean, size, np.zeros(n),
        np.zeros(each), np.ones(each), np.ones(len(system.unknowns)),
    )  # fmt: skip
