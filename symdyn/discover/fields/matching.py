r"""Rough coefficients from changes between snapshots.

.. math:: u(t_{j+1}) - u(t_j) \approx \sum_k c_k \int_{t_j}^{t_{j+1}} F_k(u)\, dt

with the trapezoidal rule, of smoothed snapshots, tested by smooth functions of position.  It tells where fits by simulation
may begin, nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn.discover.choose import LinearChoice, choose
from symdyn.discover.fields.lanes import Lanes
from symdyn.discover.fields.smoothing import along, axis_basis, smooth_fields
from symdyn.discover.fields.starts import FieldStarts

__all__ = ["FieldMatching", "match"]

#: Test functions along an axis.
TESTS = 12
#: Largest subsets that are looked for, and the mean square, relative to that of the changes, that counts as zero.
LARGEST, EXACT = 4, 1e-12


@dataclass(frozen=True)
class FieldMatching:
    """Linear equations for the coefficients.

    Attributes
    ----------
    sizes : (P,) float64
        For each column the value with which it changes a field by its own size within the time of the data.
    subsets : list of LinearChoice
        The best of every size.
    """

    sizes: np.ndarray
    subsets: list[LinearChoice]


def match(lanes: Lanes, starts: FieldStarts) -> FieldMatching:
    """Typical sizes of the columns, and subsets with which integrals of the rates match the snapshots."""
    candidates, data, system = lanes.candidates, lanes.data, lanes.system
    count, fields = len(candidates.columns), range(len(system.fields))
    guess = candidates.guesses[0]
    coefficient = np.arange(count) < len(candidates.terms)
    nudge = np.where(coefficient | (guess == 0), 1.0, 0.01 * np.abs(guess))
    theta = np.concatenate([guess[None], guess + np.diag(nudge)])
    tests = [
        np.linalg.qr(axis_basis(system, a, c, min(TESTS + (a in system.periodic), len(c))))[0].T
        for a, c in enumerate(lanes.centers)
    ]
    designs, targets, squares, seen = [], [], np.zeros(count), 0
    for r, run in enumerate(data.trajectories):
        frames, times = _frames(lanes, starts, r)
        if not np.isfinite(run.values).any(axis=tuple(range(2, run.values.ndim))).all():
            continue  # a field that was not measured has no rates
        effects = []
        for t, frame in zip(times, frames, strict=True):
            rates = lanes.rates(theta, frame, float(t))
            slopes = (rates[1:] - rates[0]) / nudge.reshape(-1, *[1] * frame.ndim)
            known = rates[0] - np.tensordot(np.where(coefficient, 0.0, guess), slopes, axes=1)
            relative = slopes / data.scale.reshape(1, -1, *[1] * len(lanes.cells))
            squares += np.square(relative).mean(axis=tuple(range(2, relative.ndim))).max(axis=1)
            seen += 1
            effects.append(np.concatenate([slopes, known[None]]))
        for j in range(len(times) - 1):
            h = float(times[j + 1] - times[j])
            mean = h * (effects[j] + effects[j + 1]) / 2
            for i in fields:
                weight = 1 / data.scale[i]
                left = _tested(tests, (frames[j + 1][i] - frames[j][i] - mean[-1, i])[None]) * weight
                designs.append(_tested(tests, mean[:-1, i]).T * weight)
                targets.append(left[0])
    if not designs:
        return FieldMatching(np.ones(count) / data.span, [])
    rms = np.sqrt(squares / max(seen, 1))
    sizes = np.where(rms > 0, 1 / np.maximum(rms, 1e-300) / max(data.span, 1e-300), 1.0)
    sizes = np.where(coefficient, sizes, np.where(guess != 0, np.maximum(np.abs(guess), 1e-300), sizes))
    choices = choose(
        np.concatenate(designs), np.concatenate(targets), np.flatnonzero(coefficient), np.flatnonzero(candidates.always),
        largest=LARGEST, floor=EXACT,
    )  # fmt: skip
    best = {int(c.chosen.sum()): c for c in reversed(choices)}
    return FieldMatching(sizes, [best[size] for size in sorted(best)])


def _frames(lanes: Lanes, starts: FieldStarts, run: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Smoothed fields (fields, *cells) on the grid at the start and at every later snapshot."""
    data, system = lanes.data, lanes.system
    times = starts.times[run]
    own = data.trajectories[run]
    late = own.times > times[0]
    smooth = [
        smooth_fields(system, data.positions, own.values[:, i], float(data.noise[i]))(lanes.centers)
        if np.isfinite(own.values[:, i]).any() else np.zeros((len(own.times), *lanes.cells))
        for i in range(len(system.fields))
    ]  # fmt: skip
    frames = np.stack(smooth, axis=1)[late]
    begin = lanes.initial(starts.fields(run, starts.first[None]))
    return [begin, *frames], times


def _tested(tests: list[np.ndarray], fields: np.ndarray) -> np.ndarray:
    """Products of fields (k, *cells) with all test functions: (k, tests)."""
    return along(tests, fields, 1).reshape(len(fields), -1)
