r"""A small basis for the bulk that serves a range of diffusivities, frequencies and permeabilities.

With :math:`\sigma = \tau s` the transfer matrix between walls is :math:`B^T A(p)^{-1} B`,
:math:`A = D K + (1 + \sigma) M + \sum_g c_g W_g`, where all matrices are symmetric.  The basis V consists of solutions
:math:`A(p_k)^{-1} B` at a few parameters :math:`p_k` with imaginary :math:`\sigma`, their real and imaginary parts, and the
constant.  Projected on it, the symmetric matrices stay positive: the reduced system is stable and passive for every D, and its
error is quadratic in that of the solutions.  Where to solve next is decided by a bound on the error: with the residual R and
:math:`H = \Re A`,

.. math::
    \lVert B^T A^{-1} B - \hat B^T \hat A^{-1} \hat B \rVert = \lVert R^T A^{-1} R \rVert \le \mathrm{tr}\, R^* H^{-1} R

and :math:`H(D) \ge \min(1, D/D_r)\, H(D_r)`, so that factors at a few :math:`D_r` bound it everywhere.

References
----------
Bui-Thanh, Willcox & Ghattas, SIAM J. Sci. Comput. 30 (2008) 3270; Druskin & Simoncini, Syst. Control Lett. 60 (2011) 546;
Rozza, Huynh & Patera, Arch. Comput. Methods Eng. 15 (2008) 229.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.linalg as sl
import scipy.sparse as sps

from symdyn.cells._factors import Factors, factorise

__all__ = ["Pencil", "Point", "ReducedPencil", "greedy_basis"]

#: Ratio of neighbouring diffusivities whose factors bound the error.
SPACING = 8.0
#: Fraction of the tolerance below which a direction is dropped.
DROP = 1e-2
#: Parameters at which the full equations are solved, at most.
MOST = 60


@dataclass(frozen=True)
class Point:
    r"""Parameters of the bulk: diffusivity, :math:`\sigma = \tau s`, and the coefficients (G,) of the walls."""

    diffusion: float
    sigma: complex
    walls: tuple[float, ...]


@dataclass(frozen=True)
class Pencil:
    """The full matrices.

    Attributes
    ----------
    stiffness, mass : (N, N) sparse
    walls : sequence of (N, N) sparse
        :math:`W_g`, each of one wall or of several that have one coefficient.
    loads : (N, m) array
    """

    stiffness: sps.csc_matrix
    mass: sps.csc_matrix
    walls: Sequence[sps.csc_matrix]
    loads: np.ndarray

    def factors(self, point: Point) -> Factors:
        """Of A at a point; A is symmetric with a positive definite real part."""
        return factorise(self.matrix(point))

    def matrix(self, point: Point) -> sps.csc_matrix:
        """A at a point, real where sigma is."""
        sigma = point.sigma.real if point.sigma.imag == 0 else point.sigma
        found = point.diffusion * self.stiffness + (1 + sigma) * self.mass
        for c, wall in zip(point.walls, self.walls, strict=True):
            found = found + c * wall
        return found.tocsc()

    def solve(self, point: Point) -> np.ndarray:
        """:math:`A^{-1} B`, (N, m)."""
        return self.factors(point).solve(self.loads)


@dataclass(frozen=True)
class ReducedPencil:
    r"""The matrices projected on a basis in which mass and stiffness are diagonal.

    Attributes
    ----------
    basis : (N, r) array
        :math:`V^T M V = 1`, :math:`V^T K V = \mathrm{diag}(\kappa)`; the first vector is constant.
    kappa : (r,) array
        Increasing from 0.
    walls : (G, r, r) array
        :math:`V^T W_g V`.
    loads : (r, m) array
        :math:`V^T B`.
    shifts : tuple of Point
        Where the full equations were solved.
    estimate : float
        Bound on the relative error of the transfer matrix at the points that were looked at.
    history : tuple of (float, float)
        Bound and true relative error at each shift before its solutions joined.
    """

    basis: np.ndarray
    kappa: np.ndarray
    walls: np.ndarray
    loads: np.ndarray
    shifts: tuple[Point, ...]
    estimate: float
    history: tuple[tuple[float, float], ...] = field(default=())

    @property
    def size(self) -> int:
        """States, r."""
        return len(self.kappa)

    def matrix(self, point: Point) -> np.ndarray:
        """The projected A, (r, r)."""
        found = np.diag(1 + point.sigma + point.diffusion * self.kappa)
        return found + np.tensordot(point.walls, self.walls, axes=1)

    def transfer(self, point: Point) -> np.ndarray:
        """:math:`B^T A^{-1} B` as the reduced system has it, (m, m)."""
        return self.loads.T @ np.linalg.solve(self.matrix(point), self.loads)


def greedy_basis(pencil: Pencil, candidates: Sequence[Point], tolerance: float, drop: float = DROP) -> ReducedPencil:
    """Solve at the worst of the candidates until the bound on the relative error is below the tolerance at all of them.

    Parameters
    ----------
    pencil : Pencil
    candidates : sequence of Point
        With real part of sigma zero or more.
    tolerance : float
        Relative, in the Frobenius norm of the transfer matrix.
    drop : float
        Directions that change the transfer matrix by less than this fraction of the tolerance are dropped; 0 retains all.
    """
    basis = _Basis(pencil, candidates)
    basis.extend(np.ones((len(pencil.loads), 1)))
    shifts: list[Point] = []
    history: list[tuple[float, float]] = []
    bounds = basis.bounds(candidates)
    done = np.zeros(len(candidates), bool)
    while bounds.max() > tolerance and len(shifts) < MOST and not done.all():
        # a point that was solved at has only rounding left
        k = int(np.argmax(np.where(done, -1.0, bounds)))
        done[k] = True
        point = candidates[k]
        exact = pencil.solve(point)
        reduced = basis.solution(point)
        error = exact - basis.vectors @ reduced
        transfer = pencil.loads.T @ exact
        size = float(np.linalg.norm(transfer))
        wrong = float(np.linalg.norm(transfer - basis.loads.T @ reduced)) / size
        history.append((float(bounds[k]), wrong))
        shifts.append(point)
        parts = np.hstack([error.real, error.imag]) if point.sigma.imag else error.real
        if basis.extend(_significant(pencil, point, parts, drop * tolerance * size)):
            bounds = basis.bounds(candidates)
    return basis.finish(tuple(shifts), float(bounds.max()), tuple(history))


def _significant(pencil: Pencil, point: Point, parts: np.ndarray, cut: float) -> np.ndarray:
    """The directions among the columns whose energy, the change of the transfer matrix that they cause, is above a bound."""
    real = pencil.matrix(Point(point.diffusion, point.sigma.real, point.walls))
    energy, vectors = np.linalg.eigh(parts.T @ (real @ parts))
    return parts @ vectors[:, energy > cut][:, ::-1]


class _Basis:
    """Vectors orthonormal in the mass matrix, the products with the matrices, and the Gram matrices of residuals."""

    def __init__(self, pencil: Pencil, candidates: Sequence[Point]) -> None:
        self.pencil = pencil
        low = tuple(np.min([p.walls for p in candidates], axis=0)) if pencil.walls else ()
        least, most = (f(p.diffusion for p in candidates) for f in (min, max))
        count = 1 + int(np.ceil(np.log(most / least) / np.log(SPACING) - 1e-9))
        middle = np.sqrt(least * most)
        self.references = np.geomspace(least, most, count) if count > 1 else np.array([middle])
        self.factors = [pencil.factors(Point(d, 0.0, low)) for d in self.references]
        n = len(pencil.loads)
        self.vectors = np.empty((n, 0))
        #: columns of the residuals: loads, then stiffness, mass and walls times each vector, a row of blocks a vector
        self.columns = np.ascontiguousarray(pencil.loads)
        self.grams = [self.columns.T @ f.solve(self.columns) for f in self.factors]
        self.stiffness = np.empty((0, 0))
        self.walls = np.empty((len(pencil.walls), 0, 0))

    @property
    def loads(self) -> np.ndarray:
        return self.vectors.T @ self.pencil.loads

    def extend(self, new: np.ndarray) -> int:
        """Take in the columns, orthonormalised; return how many were independent."""
        new = self._orthonormal(new)
        if not new.shape[1]:
            return 0
        parts = [self.pencil.stiffness @ new, self.pencil.mass @ new, *(w @ new for w in self.pencil.walls)]
        # of each vector its stiffness, mass and walls follow each other, so that further vectors only append
        columns = np.stack(parts, axis=2).reshape(len(new), -1)
        both = np.hstack([self.vectors, new])
        self.stiffness = _bordered(self.stiffness, both.T @ parts[0])
        self.walls = np.array([_bordered(w, both.T @ p) for w, p in zip(self.walls, parts[2:], strict=True)]).reshape(
            len(self.walls), both.shape[1], both.shape[1]
        )
        self.vectors, self.columns = both, np.hstack([self.columns, columns])
        self.grams = [
            _bordered(g, self.columns.T @ f.solve(columns)) for g, f in zip(self.grams, self.factors, strict=True)
        ]  # fmt: skip
        return new.shape[1]

    def _orthonormal(self, new: np.ndarray) -> np.ndarray:
        mass = self.pencil.mass
        for _ in range(2):  # twice is enough
            new = new - self.vectors @ (self.vectors.T @ (mass @ new))
            gram = new.T @ (mass @ new)
            size = np.sqrt(np.maximum(np.diag(gram), 0))
            kept = size > 0
            new, gram, size = new[:, kept], gram[np.ix_(kept, kept)], size[kept]
            values, vectors = np.linalg.eigh(gram / np.outer(size, size))
            good = values > 1e-13 * max(len(values), 1)
            new = (new / size) @ (vectors[:, good] / np.sqrt(values[good]))
        return new

    def _matrices(self, points: Sequence[Point]) -> np.ndarray:
        """(p, r, r) complex."""
        d, sigma = np.array([p.diffusion for p in points]), np.array([p.sigma for p in points])
        walls = np.array([p.walls for p in points]).reshape(len(points), len(self.walls))
        identity = np.eye(len(self.stiffness))
        found = d[:, None, None] * self.stiffness + (1 + sigma)[:, None, None] * identity
        return found + np.tensordot(walls, self.walls, axes=1)

    def solution(self, point: Point) -> np.ndarray:
        """The reduced solution in the basis, (r, m)."""
        return np.linalg.solve(self._matrices([point])[0], self.loads)

    def bounds(self, points: Sequence[Point]) -> np.ndarray:
        """Bounds (p,) on the relative error of the transfer matrix."""
        loads = self.loads
        found = np.empty(len(points))
        m, r = loads.shape[1], len(self.stiffness)
        batch = max(1, int(2e7 // max(r * r, 1)))
        for low in range(0, len(points), batch):
            part = points[low : low + batch]
            x = np.linalg.solve(self._matrices(part), np.broadcast_to(loads, (len(part), r, m)))
            for k, p in enumerate(part):
                share = np.minimum(1.0, p.diffusion / self.references)
                best = int(np.argmax(share / np.maximum(1.0, p.diffusion / self.references)))
                weights = np.array([p.diffusion, 1 + p.sigma, *p.walls])
                combined = -(x[k][:, None, :] * weights[:, None]).reshape(-1, m)
                residual = np.vstack([np.eye(m), combined])
                gram = self.grams[best]
                energy = np.einsum("im,im->", residual.real, gram @ residual.real)
                if p.sigma.imag:
                    energy += np.einsum("im,im->", residual.imag, gram @ residual.imag)
                found[low + k] = max(float(energy), 0.0) / share[best] / np.linalg.norm(loads.T @ x[k])
        return found

    def finish(self, shifts: tuple[Point, ...], estimate: float, history: tuple[tuple[float, float], ...]) -> ReducedPencil:
        """Rotated so that the stiffness is diagonal."""
        kappa, q = np.linalg.eigh(self.stiffness)
        # only the constant has no stiffness
        kappa = np.maximum(kappa, 0.0)
        kappa[0] = 0.0
        basis = self.vectors @ q
        # signs by the largest entry: no arbitrary choice of a library shows
        largest = np.abs(basis).argmax(axis=0)
        q = q * np.sign(basis[largest, np.arange(len(kappa))])
        walls = np.array([sl.blas.dgemm(1.0, q.T @ w, q) for w in self.walls]).reshape(self.walls.shape)
        walls = (walls + walls.swapaxes(1, 2)) / 2
        return ReducedPencil(self.vectors @ q, kappa, walls, q.T @ self.loads, shifts, estimate, history)


def _bordered(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """A symmetric matrix with columns (all rows) and the rows that mirror them added."""
    n, k = len(old), new.shape[1]
    found = np.empty((n + k, n + k))
    found[:n, :n] = old
    found[:, n:] = new
    found[n:, :n] = new[:n].T
    found[n:, n:] = (new[n:] + new[n:].T) / 2
    return found
