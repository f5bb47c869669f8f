"""Following a Hopf curve by pseudo-arclength continuation in the logarithms of two parameters and of the frequency."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar

from symdyn.cells._hopf_condition import HopfCondition, HopfPoint
from symdyn.errors import SymdynError

__all__ = ["fold", "follow", "place"]

#: Length of a step in logarithms: first, least, most; and its factor if the corrector fails or is quick.
FIRST, LEAST, MOST, SHORTER, LONGER = 0.03, 1e-5, 0.12, 0.4, 1.3
#: Newton steps of the corrector, its tolerance, and how far the tangent may turn in a step (its cosine).
STEPS, DONE, TURN = 12, 1e-10, 0.97
#: Slopes are recomputed if a step shrinks by less than this.
QUICK = 0.2
#: Points of a curve at most, in each direction.
POINTS = 1000


def place(point: HopfPoint, names: Sequence[str]) -> np.ndarray:
    return np.log([*(point.parameters[n] for n in names), point.omega])


def follow(
    condition: HopfCondition, names: Sequence[str], base: dict[str, float], box: np.ndarray, start: HopfPoint
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Points (k, 3) in logarithms along a curve, their vectors (k, N), and whether it closes."""
    first = place(start, names)
    ahead, vectors, closed = _walk(condition, names, base, box, first, start.vector, 1.0)
    if closed:
        return ahead, vectors, True
    back, others, _ = _walk(condition, names, base, box, first, start.vector, -1.0)
    return np.concatenate([back[:0:-1], ahead]), np.concatenate([others[:0:-1], vectors]), False


def _walk(
    condition: HopfCondition, names: Sequence[str], base: dict[str, float], box: np.ndarray, first: np.ndarray,
    vector: np.ndarray, sense: float,
) -> tuple[np.ndarray, np.ndarray, bool]:  # fmt: skip
    """From a point in one sense, to the bounds or around."""
    limits = np.log(box)
    at, length = first, FIRST
    b, c = _borders(condition, names, base, at, vector)
    slopes = condition.jacobian(base, names, at, b, c)
    tangent = sense * _tangent(slopes)
    track, vectors = [at], [c]
    while len(track) < POINTS and length >= LEAST:
        found = _correct(condition, names, base, at + length * tangent, tangent, b, c, slopes)
        if found is None:
            length *= SHORTER
            continue
        new, there, steps = found
        turned = _tangent(there)
        turned *= np.sign(turned @ tangent) or 1.0
        if turned @ tangent < TURN and length > 10 * LEAST:
            length *= SHORTER
            continue
        beyond = np.flatnonzero((new[:2] < limits[:, 0]) | (new[:2] > limits[:, 1]))
        if beyond.size:
            end = _at_bound(condition, names, base, limits, at, new, int(beyond[0]), b, c)
            if end is not None and np.abs(end - at).max() > 1e-7:  # else the curve begins on the bound
                track.append(end)
                vectors.append(_borders(condition, names, base, end, c)[1])
            return np.array(track), np.array(vectors), False
        if len(track) > 4 and np.linalg.norm(new - first) < 1.2 * length and (first - at) @ tangent > 0:
            return np.array([*track, first]), np.array([*vectors, vectors[0]]), True
        at, tangent = new, turned
        b, c = _borders(condition, names, base, at, c)
        slopes = condition.jacobian(base, names, at, b, c)
        track.append(at)
        vectors.append(c)
        length = min(MOST, length * LONGER) if steps <= 6 else length
    return np.array(track), np.array(vectors), False


def _borders(
    condition: HopfCondition, names: Sequence[str], base: dict[str, float], at: np.ndarray, near: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    values = {**base, **dict(zip(names, np.exp(at[:-1]).tolist(), strict=True))}
    return condition.null_vectors(values, float(np.exp(at[-1])), near)


def _tangent(jacobian: np.ndarray) -> np.ndarray:
    """The direction (3,) along which two equations remain satisfied."""
    direction = np.cross(jacobian[0], jacobian[1])
    return direction / np.linalg.norm(direction)


def _correct(
    condition: HopfCondition, names: Sequence[str], base: dict[str, float], at: np.ndarray, normal: np.ndarray, b: np.ndarray,
    c: np.ndarray, slopes: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, int] | None:  # fmt: skip
    """Back to the curve within the plane through `at` with this normal; the point, the slopes there, and Newton's steps.

    Slopes of the point before serve as long as they lead on.
    """
    start, before = at, np.inf
    for step in range(1, STEPS + 1):
        try:
            value = condition.equations(base, names, at, b, c)
            if slopes is None:
                slopes = condition.jacobian(base, names, at, b, c)
            change = np.linalg.solve(np.vstack([slopes, normal]), -np.append(value, normal @ (at - start)))
        except (SymdynError, np.linalg.LinAlgError):
            return None
        at = at + change
        size = float(np.abs(change).max())
        if not np.isfinite(at).all() or np.abs(at - start).max() > 2 * MOST:
            return None
        if size < DONE:
            return at, condition.jacobian(base, names, at, b, c), step
        if size >= QUICK * before:
            slopes = None
        before = size
    return None


def _at_bound(
    condition: HopfCondition, names: Sequence[str], base: dict[str, float], limits: np.ndarray, at: np.ndarray, new: np.ndarray,
    axis: int, b: np.ndarray, c: np.ndarray,
) -> np.ndarray | None:  # fmt: skip
    """The point of the curve on a bound, between one inside and one outside."""
    limit = limits[axis, 0] if new[axis] < limits[axis, 0] else limits[axis, 1]
    guess = at + (limit - at[axis]) / (new[axis] - at[axis]) * (new - at)
    found = _correct(condition, names, base, guess, np.eye(3)[axis], b, c)
    return None if found is None else found[0]


def fold(
    condition: HopfCondition, names: Sequence[str], base: dict[str, float], track: np.ndarray, vector: np.ndarray, k: int,
    axis: int,
) -> float:  # fmt: skip
    """The extreme value of a parameter near point k of a curve."""
    b, c = _borders(condition, names, base, track[k], vector)
    chord = track[k + 1] - track[k - 1]
    normal = chord / np.linalg.norm(chord)
    sign = -1.0 if track[k, axis] > track[k - 1, axis] else 1.0

    def height(s: float) -> float:
        found = _correct(condition, names, base, track[k] + s * normal, normal, b, c)
        return np.inf if found is None else sign * found[0][axis]

    low, high = ((track[j] - track[k]) @ normal for j in (k - 1, k + 1))
    best = minimize_scalar(height, bounds=(low, high), method="bounded", options={"xatol": 1e-7})
    return float(np.exp(sign * best.fun))
