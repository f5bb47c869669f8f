"""Steady states and eigenvalues of many points of a sweep, vectorised."""

from __future__ import annotations

import numpy as np

from symdyn.analysis.field import Field
from symdyn.models.ode import ODESystem

__all__ = ["leading", "resting_rows", "starts"]

ITERATIONS = 60
#: Relative change of a state at which Newton's method has converged.
CONVERGED = 1e-10


def starts(system: ODESystem, rows: np.ndarray) -> np.ndarray:
    """Initial guesses of the steady state: the initial values of the cells."""
    known = system.initial_numbers()
    start = [known.get(s, 1.0) for s in system.states]
    return np.tile(np.array(start), (len(rows), 1))


def resting_rows(field: Field, x: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Steady states (N, n) by a damped Newton method from starts (N, n) at parameters (N, k); NaN where it finds none.

    Rows that do not converge are tried again from the mean of those that did.
    """
    found = _newton(field, x, p)
    lost = ~np.isfinite(found).all(axis=1)
    if lost.any() and not lost.all():
        again = np.broadcast_to(found[~lost].mean(axis=0), (int(lost.sum()), x.shape[1]))
        found[lost] = _newton(field, again, p[lost])
    return found


def leading(field: Field, x: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each steady state the fastest growing eigenvalue, in the upper half plane, and how many grow; NaN and -1 at none."""
    value, count = np.full(len(x), np.nan + 0j), np.full(len(x), -1)
    good = np.flatnonzero(np.isfinite(x).all(axis=1))
    for rows in np.array_split(good, max(1, len(good) // 256)):
        if rows.size:
            found = np.linalg.eigvals(field.jacobian(x[rows], p[rows])).astype(complex)
            first = found[np.arange(len(rows)), np.argmax(found.real, axis=1)]
            value[rows], count[rows] = first.real + 1j * np.abs(first.imag), (found.real > 0).sum(axis=1)
    return value, count


def _newton(field: Field, x: np.ndarray, p: np.ndarray) -> np.ndarray:
    x = np.array(x, float)
    moving = np.arange(len(x))
    arrived = np.zeros(len(x), bool)
    with np.errstate(all="ignore"):
        for _ in range(ITERATIONS):
            here, q = x[moving], p[moving]
            value, matrix = field(here, q), field.jacobian(here, q)
            sane = np.isfinite(value).all(axis=1) & np.isfinite(matrix).all(axis=(1, 2))
            moving, here, q, value, matrix = moving[sane], here[sane], q[sane], value[sane], matrix[sane]
            if not moving.size:
                break
            scale = np.abs(matrix).max(axis=2)[:, :, None]
            step = np.linalg.solve(matrix / scale, value[:, :, None] / scale)[:, :, 0]
            size, length = np.abs(value / scale[:, :, 0]).max(axis=1), np.ones(len(moving))
            for _ in range(12):
                worse = ~(
                    np.abs(field(here - length[:, None] * step, q) / scale[:, :, 0]).max(axis=1) <= size * (1 + 1e-9) + 1e-14
                )
                if not worse.any():
                    break
                length[worse] /= 2
            x[moving] = here - length[:, None] * step
            done = np.abs(step).max(axis=1) <= CONVERGED * (1 + np.abs(here).max(axis=1))
            arrived[moving[done]] = True
            moving = moving[~done]
            if not moving.size:
                break
    x[~arrived] = np.nan
    return x
