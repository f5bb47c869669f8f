"""Steady states by search, for right-hand sides that are not algebraic: many starts, without a guarantee of completeness."""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc

from symdyn.analysis.field import Field
from symdyn.analysis.moment_starts import moment_starts

__all__ = ["newton", "search"]

#: Decades around the given scale over which starts are spread.
DECADES = 4.0
ITERATIONS = 200
#: Relative rates of change, in units of the fastest, from which Newton's method may finish.
NEAR = 1e-4
#: Failures of Newton's method close to one another, as where two steady states have just met, after which no more is tried.
FAILURES = 3
#: First steps from distributions of moments, in units of the shortest time scale.
PACES = (1.0, 1e3)


def newton(field: Field, x: np.ndarray, p: np.ndarray, extra: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray | None:
    """A zero close to `x` by Newton's method, or None; `extra` are rows and values of linear conditions."""
    for _ in range(50):
        value, matrix = field(x, p), field.jacobian(x, p)
        if extra is not None:
            value = np.concatenate([value, extra[0] @ x - extra[1]])
            matrix = np.vstack([matrix, extra[0]])
        if not (np.isfinite(value).all() and np.isfinite(matrix).all()):
            return None
        size = np.maximum(np.abs(x), 1e-8 * max(np.abs(x).max(), 1e-300))
        with np.errstate(over="ignore"):
            scaled = matrix * size
        if not np.isfinite(scaled).all():
            return None
        delta = size * np.linalg.lstsq(*_balanced(scaled, value), rcond=1e-14)[0]
        x = x - delta
        if (np.abs(delta) <= 1e-13 * size).all():
            break
    value, matrix = field(x, p), np.abs(field.jacobian(x, p))
    if not (np.isfinite(value).all() and np.isfinite(matrix).all() and (np.abs(delta) <= 1e-9 * size).all()):
        return None
    # where terms cancel f is far below |J| |x|; on the way to infinity it only fades, and near poles everything is large
    cancelled = (np.abs(value) <= 1e-7 * (matrix @ np.abs(x)) + 1e-300).all()
    return x if cancelled and np.abs(value).max() <= 1e-6 * (1 + np.abs(x).max()) else None


def _balanced(matrix: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows divided by their largest entry."""
    size = np.abs(matrix).max(axis=1)
    size = np.where(size > 0, size, 1.0)
    return matrix / size[:, None], value / size


def search(
    field: Field, p: np.ndarray, *, starts: int, seed: int, extra: tuple[np.ndarray, np.ndarray] | None, scale: float = 1.0
) -> list[np.ndarray]:
    """Zeros that pseudo-transient continuation reaches from `starts` points of a Sobol sequence in log space.

    Half of the starts are positive, the others have random signs; of moments every other start is that of definite counts,
    and moments of random distributions, and of those where equations of low order rest, are starts in addition.
    Steps are those of the implicit Euler method whose length grows as the residual falls, so that they end as Newton steps
    (Kelley & Keyes, SIAM Journal on Numerical Analysis 35 (1998) 508).
    """
    n = len(field.states)
    rng = np.random.default_rng(seed)
    points = qmc.Sobol(n, seed=seed).random(starts)
    x = scale * 10 ** (DECADES * (2 * points - 1))
    half = starts // 2
    x[half:] *= rng.choice([-1.0, 1.0], size=(starts - half, n))
    x[::2] = _consistent(field, x[::2])
    pace = 10 ** rng.uniform(-2, 6, size=starts)
    more = moment_starts(field, p, starts // 4, rng)
    x = np.concatenate([x, np.repeat(more, len(PACES), axis=0)])
    relative = np.tile(PACES, len(more)) / _stiffness(field, x[starts:], p)
    reached = _relaxed(field, x, p, np.concatenate([pace, relative]))
    return _settled(field, p, reached, extra)


def _stiffness(field: Field, x: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The largest row sum of the Jacobian, states taken relative to their values."""
    matrix = np.abs(field.jacobian(x, np.broadcast_to(p, (len(x), p.size))))
    size = np.abs(x) + 1e-12
    with np.errstate(all="ignore"):
        return (matrix * size[:, None, :] / size[:, :, None]).sum(axis=2).max(axis=1, initial=1e-12)


def _relaxed(field: Field, x: np.ndarray, p: np.ndarray, pace: np.ndarray) -> np.ndarray:
    """Where implicit Euler steps, first of length `pace`, lead to from the points `x`; those that come near to rest."""
    n = x.shape[1]
    row = np.broadcast_to(p, (len(x), p.size))
    f = field(x, row)
    alive = np.isfinite(f).all(axis=1)
    with np.errstate(all="ignore"):
        norm = _rate(f, x)
        for _ in range(ITERATIONS):
            live = np.flatnonzero(alive & (norm > 1e-12))
            if not live.size:
                break
            size = np.abs(x[live]) + 1e-300
            matrix = np.eye(n) / pace[live, None, None] - field.jacobian(x[live], row[live])
            matrix = matrix * size[:, None, :] / size[:, :, None]  # moments of different orders differ by many decades
            good = np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(pace[live])
            alive[live[~good]] = False
            live, matrix, size = live[good], matrix[good], size[good]
            right = (f[live] / size)[..., None]
            try:
                delta = np.linalg.solve(matrix, right)[..., 0]
            except np.linalg.LinAlgError:
                delta = np.stack([np.linalg.lstsq(a, b, rcond=None)[0][:, 0] for a, b in zip(matrix, right, strict=True)])
            new = x[live] + size * delta
            value = field(new, row[live])
            fresh = _rate(value, new)
            fine = np.isfinite(fresh) & (fresh < 10 * norm[live])
            pace[live] *= np.where(fine, np.clip(norm[live] / np.maximum(fresh, 1e-300), 1.5, 10), 0.2)
            taken = live[fine]
            x[taken], f[taken], norm[taken] = new[fine], value[fine], fresh[fine]
        x, norm = x[alive], norm[alive]
        return x[norm <= NEAR * _stiffness(field, x, p)]


def _rate(f: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The largest relative rate of change of each point: moments of different orders weigh the same."""
    size = np.abs(x)
    return (np.abs(f) / (size + 1e-8 * size.max(axis=1, keepdims=True) + 1e-12)).max(axis=1)


def _consistent(field: Field, x: np.ndarray) -> np.ndarray:
    """Starts in terms of what the system starts from, where that is not its states: counts of species, say."""
    symbols = [s for s in field.system.initial_symbols if s not in field.states]
    if not symbols:
        return x
    values = field.system.initial_values({s: np.abs(x[:, k]) for k, s in enumerate(symbols)})
    return np.stack([np.broadcast_to(values[s], len(x)) for s in field.states], axis=-1).astype(float)


def _settled(field: Field, p: np.ndarray, points: np.ndarray, extra: tuple[np.ndarray, np.ndarray] | None) -> list[np.ndarray]:
    """Points refined by Newton's method, each once, in increasing order."""
    kept: list[np.ndarray] = []
    failed: list[np.ndarray] = []
    for start in points:
        if any(np.allclose(start, y, rtol=1e-9, atol=1e-12) for y in kept):
            continue
        if sum(np.allclose(start, y, rtol=1e-2) for y in failed) >= FAILURES:
            continue
        found = newton(field, start, p, extra)
        if found is None:
            failed.append(start)
        elif not any(np.allclose(found, y, rtol=1e-7, atol=1e-10 * (1 + np.abs(y).max())) for y in kept):
            kept.append(found)
    return sorted(kept, key=lambda y: tuple(y))
