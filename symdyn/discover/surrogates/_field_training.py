"""Training of networks of fields and of unknown terms, and samples of the terms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symdyn.discover.fields.data import FieldData
from symdyn.discover.surrogates._descent import descend
from symdyn.discover.surrogates._ensemble import ensemble, prepare
from symdyn.discover.surrogates._equations import Data
from symdyn.discover.surrogates._field_problem import FieldEquations
from symdyn.discover.surrogates.registry import MemberFit, SurrogateFit
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
    equations = FieldEquations(system, options, len(observed.trajectories))
    points = np.linspace(system.domain.box[0, 0], system.domain.box[1, 0], PLACES)
    times = tuple(np.linspace(ends[0], ends[1], TIMES) for ends in begun.ends)
    grid = np.stack([_grid(t, points) for t in times])

    def member(k: int, tell: Callable[[int], bool | None]) -> MemberFit:
        w, d, losses = _descended(equations, begun, options, np.random.default_rng([seed, k]), tell)
        states, arguments, values = equations.sample(w, d, grid)
        fields = np.asarray(states).reshape(len(times), TIMES, PLACES, -1).transpose(0, 1, 3, 2)
        shared = equations.split(w)[1]
        return MemberFit(fields, arguments, values, equations.terms.free(shared), losses, equations.terms.trained(d, shared))

    return ensemble(system, options, times, member, progress)


def _grid(times: np.ndarray, points: np.ndarray) -> np.ndarray:
    """All pairs of a time and a position, (m, 2)."""
    return np.stack(np.meshgrid(times, points, indexing="ij"), axis=-1).reshape(-1, 2)


def _descended(
    equations: FieldEquations, d: Data, options: Any, rng: np.random.Generator, tell: Callable[[int], bool | None]
) -> tuple[np.ndarray, Data, dict[str, np.ndarray]]:
    """Fields on the data alone, then with the equations ever more strictly; the weights with the units they belong to."""
    done, w, found = 0, equations.first(rng), []
    alone = min(ALONE, options.iterations)
    left = options.iterations - alone
    weight = np.sqrt(d.places.shape[1] / d.inside.shape[1]) / options.tolerance
    trials = (alone, max(left // 3, 1), max(left - left // 3, 1))
    for stricter, most in zip((np.inf, *STRICTER), trials, strict=True):
        d = d._replace(strict=weight / stricter)

        def further(count: int, before: int = done) -> bool | None:
            return tell(before + count)

        found.append(descend(
            equations.misfit, equations.slopes, w, equations.precision, d, trials=most, tolerance=SETTLED, tell=further
        ))  # fmt: skip
        w, done = found[-1].weights, done + most
        d = _units(equations, d, w) if np.isinf(stricter) else d
    if not np.isfinite(found[-1].cost):
        raise RecoveryError(INFINITE)
    tell(options.iterations)
    return w, d, {name: np.concatenate([f.history[name] for f in found]) for name in found[0].history}


def _units(equations: FieldEquations, d: Data, w: np.ndarray) -> Data:
    """Middle and spread of the arguments of terms, sizes of terms, and rates of change, along fields that follow the data."""
    change, rest, one = (np.asarray(v) for v in equations.offsets(w, d))
    _, arguments, _ = equations.sample(w, d, d.inside)
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
    middle, spread, reach = equations.terms.shared(middle, spread, np.where(reach > 0, reach, 1.0))
    return d._replace(rate=rate, middle=middle, spread=spread, reach=reach)


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
        grid = _grid(run.times, observed.positions[0])
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
        places, np.where(seen, values, 0.0), seen / noise, inside, ends, mean, size, np.ones(n),
        np.zeros(each), np.ones(each), np.ones(len(system.unknowns)),
    )  # fmt: skip
