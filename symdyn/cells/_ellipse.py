"""Eigenvalues inside an ellipse around a rectangle: Beyn's contour integrals with higher moments, then inverse iteration."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symdyn.cells._regions import SearchRectangle

__all__ = ["corrected", "on_ellipse", "residuals"]

Matrices = Callable[[np.ndarray], np.ndarray]

#: Moments of the contour integral.
MOMENTS = 4
#: Points on a contour: to begin with, and at most before the rectangle is halved.
NODES, MOST_NODES = 32, 128
#: Columns beyond the number of eigenvalues inside, as many may lie just outside; and the smallest singular values of
#: the moments, relative to the largest, that indicate an eigenvalue.
SPARE, RANK = 16, 1e-12
#: How far integrals may be off an eigenvalue, relative to the rectangle.
NEAR = 1e-2
#: Eigenvalues closer than this, relative to the rectangle, are corrected jointly.
CLUSTER = 1e-6
#: Largest |T x| against the row sums of T near an eigenvalue.
RESIDUAL = 1e-11
#: Largest stack of matrices in memory, in entries.
CHUNK = 2_000_000
#: Rounds of inverse iteration at most, and the relative change after which none follows.
ROUNDS, SETTLED = 4, 1e-9


def on_ellipse(matrices: Matrices, part: SearchRectangle, count: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The `count` eigenvalues of a rectangle and their vectors, or None if integrals around it do not resolve them.

    The ellipse goes through the corners.  Points are doubled, and known ones are used again.
    """
    across, up = part.width / np.sqrt(2), part.height / np.sqrt(2)
    scale = max(part.width, part.height)
    moments: np.ndarray | None = None
    known, width = 0, count + SPARE
    while known < MOST_NODES:
        angles = _angles(known)
        local = (across * np.cos(angles) + 1j * up * np.sin(angles)) / scale
        weights = (1j * up * np.cos(angles) - across * np.sin(angles)) * local ** np.arange(2 * MOMENTS)[:, None]
        new = _integrated(matrices, part.center + scale * local, weights, width)
        moments = new if moments is None else moments + new
        known += len(angles)
        found = _beyn(moments, count)
        if found is None:
            continue
        guess = part.center + scale * found[0]
        values, vectors = corrected(matrices, guess, found[1], scale)
        # eigenvalues that the integrals determine well are near their corrected values, inside or just outside
        mine = part.contains(values) & (np.abs(values - guess) <= NEAR * scale)
        if mine.sum() == count and (residuals(matrices, values[mine], vectors[:, mine], scale) <= RESIDUAL).all():
            return values[mine], vectors[:, mine]
    return None


def _angles(known: int) -> np.ndarray:
    """Angles that double those known, which are evenly spread."""
    if known == 0:
        return 2 * np.pi * (np.arange(NODES) + 0.37) / NODES
    first = 2 * np.pi * (0.37 / NODES + 0.5 / known)
    return first + 2 * np.pi * np.arange(known) / known


def _integrated(matrices: Matrices, points: np.ndarray, weights: np.ndarray, width: int) -> np.ndarray:
    """Sums of the inverses, applied to random columns, with the weights (moments, k)."""
    total, probe, done, step = np.zeros(1), None, 0, 1
    while done < len(points):
        stack = matrices(points[done : done + step])
        n = stack.shape[1]
        if probe is None:
            generator = np.random.default_rng(0)
            probe = (generator.normal(size=(n, n)) + 1j * generator.normal(size=(n, n)))[:, :width]
        solved = np.linalg.solve(stack, np.broadcast_to(probe, (len(stack), *probe.shape)))
        total = total + np.tensordot(weights[:, done : done + step], solved, 1)
        done += step
        step = max(1, CHUNK // (n * n))
    return total


def _beyn(moments: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Eigenvalues inside a closed curve and their vectors from a block Hankel matrix of moments (2 K, N, l)."""
    half, n = len(moments) // 2, moments.shape[1]
    first, second = (np.block([[moments[i + j + s] for j in range(half)] for i in range(half)]) for s in (0, 1))
    # only the column space matters: tall matrices are reduced before their singular values are computed
    basis, small = np.linalg.qr(first)
    u, sizes, vh = np.linalg.svd(small)
    rank = int((sizes > RANK * sizes[0]).sum())
    if rank < count:
        return None
    u, v = basis @ u[:, :rank], vh[:rank].conj().T
    values, coordinates = np.linalg.eig(u.conj().T @ second @ v / sizes[:rank])
    vectors = (u @ coordinates)[:n]
    size = np.linalg.norm(vectors, axis=0)
    inside = np.abs(values) < 0.8
    return values[inside], vectors[:, inside] / np.where(size > 0, size, 1)[inside]


def corrected(matrices: Matrices, values: np.ndarray, vectors: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Eigenvalues and vectors by inverse iteration, :math:`y = T(\sigma)^{-1}T'(\sigma)x \approx x/(\sigma - \lambda)`.

    Its error falls with the square of :math:`\sigma - \lambda`.  Clustered eigenvalues are corrected jointly, and
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
