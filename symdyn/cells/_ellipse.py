"""Eigenvalues inside an ellipse around a rectangle: Beyn's contour integrals with higher moments, then inverse iteration."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symdyn.cells._regions import Rectangle
from symdyn.cells.winding import Phased

__all__ = ["corrected", "on_ellipse", "residuals"]

Matrices = Callable[[np.ndarray], np.ndarray]

#: Moments of the contour integral.
MOMENTS = 4
#: Points on a contour: to begin with, and at most before the rectangle is halved.
NODES, MOST_NODES = 32, 128
#: Eigenvalues closer than this, relative to the rectangle, are corrected together.
CLUSTER = 1e-6
#: Largest |T x| against the row sums of T near an eigenvalue.
RESIDUAL = 1e-11
#: Entries of stacks of matrices that are held at once.
CHUNK = 2_000_000
#: Rounds of inverse iteration at most, and the relative change after which none follows.
ROUNDS, SETTLED = 4, 1e-9


def on_ellipse(
    matrices: Matrices, characteristic: Phased, poles: np.ndarray, part: Rectangle, count: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """The `count` eigenvalues of a rectangle and their vectors, or None if integrals around it do not resolve them.

    The ellipse goes through the corners.  Points are doubled, and those known are used again.
    """
    across, up = part.width / np.sqrt(2), part.height / np.sqrt(2)
    scale = max(part.width, part.height)
    angles = np.empty(0)
    phase, moments, probe = np.empty(0, complex), None, None
    while len(angles) < MOST_NODES:
        new = _angles(len(angles))
        points = part.center + across * np.cos(new) + 1j * up * np.sin(new)
        angles, phase = np.concatenate([angles, new]), np.concatenate([phase, characteristic(points)[0]])
        inside = _inside(phase[np.argsort(angles)], poles - part.center, across, up)
        if inside is None or inside < count:
            moments = None
            if inside is not None:
                return None  # the walk around the rectangle and that around the ellipse contradict each other
            continue
        if moments is None:  # all points so far
            points = part.center + across * np.cos(angles) + 1j * up * np.sin(angles)
            new, moments, probe = angles, 0.0, None
        local = (points - part.center) / scale
        weights = (1j * up * np.cos(new) - across * np.sin(new)) * local ** np.arange(2 * MOMENTS)[:, None]
        total, probe = _integrated(matrices, points, weights, inside, probe)
        moments = moments + total
        found = _beyn(moments, inside, part.center, scale)
        if found is None:
            continue
        values, vectors = corrected(matrices, *found, scale)
        mine = part.contains(values)
        if mine.sum() == count and (residuals(matrices, values[mine], vectors[:, mine], scale) <= RESIDUAL).all():
            return values[mine], vectors[:, mine]
    return None


def _angles(known: int) -> np.ndarray:
    """Angles that double those known, which are evenly spread."""
    if known == 0:
        return 2 * np.pi * (np.arange(NODES) + 0.37) / NODES
    first = 2 * np.pi * (0.37 / NODES + 0.5 / known)
    return first + 2 * np.pi * np.arange(known) / known


def _inside(phase: np.ndarray, away: np.ndarray, across: float, up: float) -> int | None:
    """Eigenvalues inside the ellipse by the phase along it, or None if the points are too few to tell."""
    turns = np.angle(np.roll(phase, -1) / phase)
    if not np.abs(turns).max() <= 0.75 * np.pi:
        return None
    return round(float(turns.sum()) / (2 * np.pi)) + int(((away.real / across) ** 2 + (away.imag / up) ** 2 < 1).sum())


def _integrated(
    matrices: Matrices, points: np.ndarray, weights: np.ndarray, count: int, probe: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the inverses, applied to random columns, with the weights (moments, k)."""
    total, done, step = 0.0, 0, 1
    while done < len(points):
        stack = matrices(points[done : done + step])
        n = stack.shape[1]
        if probe is None:
            width = min(n, count // 2 + 4)
            generator = np.random.default_rng(0)
            probe = generator.normal(size=(n, width)) + 1j * generator.normal(size=(n, width))
        solved = np.linalg.solve(stack, np.broadcast_to(probe, (len(stack), *probe.shape)))
        total = total + np.einsum("jk,kab->jab", weights[:, done : done + step], solved)
        done += step
        step = max(1, CHUNK // (n * n))
    assert probe is not None
    return np.asarray(total), probe


def _beyn(moments: np.ndarray, count: int, center: complex, scale: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Eigenvalues inside a closed curve and their vectors from a block Hankel matrix of moments (2 K, N, l)."""
    half, (n, width) = len(moments) // 2, moments.shape[1:]
    if min(width, n) * half < count:
        return None
    first, second = (np.block([[moments[i + j + s] for j in range(half)] for i in range(half)]) for s in (0, 1))
    # what the columns span is enough: tall matrices are made small before their singular values are sought
    basis, small = np.linalg.qr(first)
    u, sizes, vh = np.linalg.svd(small)
    if not sizes[count - 1] > 1e-13 * sizes[0]:
        return None
    u, v = basis @ u[:, :count], vh[:count].conj().T
    values, coordinates = np.linalg.eig(u.conj().T @ second @ v / sizes[:count])
    vectors = (u @ coordinates)[:n]
    size = np.linalg.norm(vectors, axis=0)
    return center + scale * values, vectors / np.where(size > 0, size, 1)


def corrected(matrices: Matrices, values: np.ndarray, vectors: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Eigenvalues and vectors by inverse iteration, :math:`y = T(\sigma)^{-1}T'(\sigma)x \approx x/(\sigma - \lambda)`.

    Its error falls with the square of :math:`\sigma - \lambda`.  Eigenvalues that lie together are corrected together, and
    may be the same.
    """
    values, vectors = values.copy(), vectors.copy()
    circle = 2e-3 * scale * np.exp(0.5j * np.pi * np.arange(4))
    for cluster in _clusters(values, CLUSTER * scale):
        for _ in range(ROUNDS):
            sigma = values[cluster].mean() + 1e-10 * scale
            at = matrices(np.concatenate([[sigma], sigma + circle]))
            slope = np.einsum("k,kab->ab", 1 / (4 * circle), at[1:])
            x, _ = np.linalg.qr(vectors[:, cluster])
            try:
                y = np.linalg.solve(at[0], slope @ x)
            except np.linalg.LinAlgError:  # the eigenvalue to the last bit
                break
            inverse, mix = np.linalg.eig(x.conj().T @ y)
            with np.errstate(all="ignore"):
                new, columns = sigma - 1 / inverse, y @ mix / np.linalg.norm(y @ mix, axis=0)
            if not (np.isfinite(new).all() and np.isfinite(columns).all()):
                break
            change = float(np.abs(new - values[cluster].mean()).max())
            values[cluster], vectors[:, cluster] = new, columns
            if change <= SETTLED * scale or change > 0.1 * scale:
                break
    return values, vectors


def _clusters(values: np.ndarray, near: float) -> list[list[int]]:
    waiting, found = list(range(len(values))), []
    while waiting:
        found.append([i for i in waiting if abs(values[i] - values[waiting[0]]) <= near])
        waiting = [i for i in waiting if i not in found[-1]]
    return found


def residuals(matrices: Matrices, values: np.ndarray, vectors: np.ndarray, scale: float) -> np.ndarray:
    """|T x| against the largest row sum of T there and a tenth of `scale` away, for every pair, (r,)."""
    out = np.empty(len(values))
    for k, value in enumerate(values):
        stack = matrices(np.array([value, value + 0.1 * scale]))
        out[k] = np.linalg.norm(stack[0] @ vectors[:, k]) / np.abs(stack).sum(axis=2).max()
    return out
