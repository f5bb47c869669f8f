"""Steady state and eigenvalues of cells in a bulk of finite elements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg as sla
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator, eigs

from symdyn.cells._factors import Factors, factorise
from symdyn.cells.finite_elements import BulkMatrices
from symdyn.cells.values import CellValues
from symdyn.errors import DeclarationError, SymdynError

__all__ = ["FullModes", "leading_modes", "modes_near", "resting"]

TOLERANCE = 1e-9
"""Residual of an eigenpair, relative to its vector."""

BLOCKS = 40
LARGEST = 1e8
"""Largest numbers of blocks and of basis entries of the space in which growing modes are sought."""


@dataclass(frozen=True)
class FullModes:
    r"""Modes of the linearised system: :math:`\tau M \dot U = -A U + B s`, :math:`\dot u = J u + e (C U - \ell s)`.

    Attributes
    ----------
    eigenvalues : (k,) complex array
        Growing first, conjugates next to each other, the positive imaginary part first.
    vectors : (k, n) complex array
        The part of the cells, of norm 1.
    bulk : (k, S, N) complex array
        That of the bulk, in the same scale.
    """

    eigenvalues: np.ndarray
    vectors: np.ndarray
    bulk: np.ndarray


def resting(values: CellValues, matrices: list[BulkMatrices], starts: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """A steady state: cells (n,) and bulk, each (N,), by Newton's method from the first start from which it converges.

    Raises
    ------
    SymdynError
        If it converges from none.
    """
    kinetics, n = values.kinetics, values.kinetics.size
    gain = np.zeros((n, n))
    responses = []
    for e, places in zip(matrices, values.secreted, strict=True):
        response = factorise(e.A).solve(e.B.toarray())
        responses.append(response)
        gain[np.ix_(places, places)] += e.C @ response - np.diag(e.loss)

    def total(u: np.ndarray) -> np.ndarray:
        return kinetics.rates(u) + gain @ u

    for start in starts:
        u = np.array(start, float)
        now = total(u)
        for _ in range(100):
            try:
                step = np.linalg.solve(kinetics.jacobian(u) + gain, now)
            except np.linalg.LinAlgError:
                break
            length, size = 1.0, np.abs(now).max()
            new = total(u - step)
            while length > 1e-4 and not np.abs(new).max() < size:
                length /= 2
                new = total(u - length * step)
            u, now = u - length * step, new
            if length * np.abs(step).max() <= 1e-13 * (1 + np.abs(u).max()) or not np.isfinite(now).all():
                break
        if np.isfinite(now).all() and np.abs(now).max() < 1e-9 * (1 + np.abs(u).max()):
            return u, [r @ u[p] for r, p in zip(responses, values.secreted, strict=True)]
    raise SymdynError("found no steady state of the cells and their bulk; pass guess=..., the states of the cells near it")


def leading_modes(values: CellValues, matrices: list[BulkMatrices], u: np.ndarray, k: int | None) -> FullModes:
    r"""All growing modes, and of the others the slowest, k in all if the growing ones are fewer.

    The bulk is projected on block Krylov spaces of :math:`(A + \sigma\tau M)^{-1}` with a positive :math:`\sigma`, one
    factorisation and m solutions for each block; the projected bulk is symmetric and decays, so it has no spurious growing
    modes. Growing modes lie where the transfer function is analytic, and there the projection converges geometrically,
    whether or not several coincide.  The space grows until the residuals of the modes in the full system are small and the
    number of growing ones stays, or until it is too large: then the list ends before the first decaying mode that has not
    converged.  Modes of the bulk in which no cell participates are not found; they decay.
    """
    jacobian = values.kinetics.jacobian(u)
    n = len(u)
    wanted = n if k is None else k
    sigma = max(1e-3, float(np.abs(np.linalg.eigvals(jacobian)).max()))
    spaces = [_Krylov(e, sigma) for e in matrices]
    # a few blocks at a time: the projected eigenvalue problem is of moderate size
    growing = -1
    for block in range(1, BLOCKS + 1):
        widened = [s.widen() for s in spaces]
        if any(widened) and (block < 5 or block % 3 != 2):
            continue
        found = _projected(values, jacobian, spaces)
        order = np.argsort(-found[0].real, kind="stable")
        grow = int(np.count_nonzero(found[0].real > 0))
        order = order[: max(wanted, grow)]
        modes = _lifted(found[0][order], found[1][:, order], n, spaces)
        missed = _residuals(values, modes, spaces)
        wrong = missed > TOLERANCE
        if grow == growing and not wrong.any():
            return _sorted(modes)
        if not any(widened) or sum(s.basis.size for s in spaces) > LARGEST:
            break
        growing = grow
    grow = int(np.count_nonzero(modes.eigenvalues.real > 0))
    good = int(np.argmax(wrong)) if wrong.any() else len(wrong)
    if good < min(max(grow, 1), len(wrong)):
        place = f"{modes.eigenvalues[good]:.3g}"
        raise SymdynError(f"the mode at {place} did not converge; pass near=..., a place in the complex plane to look at")
    return _sorted(FullModes(*(a[:good] for a in (modes.eigenvalues, modes.vectors, modes.bulk))))


def modes_near(values: CellValues, matrices: list[BulkMatrices], u: np.ndarray, k: int, near: complex) -> FullModes:
    """The k modes nearest to a point of the complex plane, by Arnoldi's method with shift and inversion."""
    jacobian = values.kinetics.jacobian(u)
    n = len(u)
    cells = jacobian.copy()
    rows: list[list] = [[None] * (len(matrices) + 1) for _ in range(len(matrices) + 1)]
    masses: list = [sps.identity(n)]
    for s, (e, places) in enumerate(zip(matrices, values.secreted, strict=True), 1):
        cells[places, places] -= e.loss
        pick = sps.csr_matrix((np.ones(len(places)), (np.arange(len(places)), places)), shape=(len(places), n))
        rows[s][0], rows[0][s], rows[s][s] = e.B @ pick, pick.T @ e.C, -e.A
        masses.append(e.tau * e.M)
    rows[0][0] = sps.csr_matrix(cells)
    jacobians = sps.bmat(rows).tocsc().astype(complex)
    mass = sps.block_diag(masses).tocsc().astype(complex)
    size = jacobians.shape[0]
    if k >= size - 1:
        raise DeclarationError(f"k is {k}; the system has {size} unknowns, ask for fewer modes")
    start = np.random.default_rng(0).standard_normal(size).astype(complex)
    factors = Factors(jacobians - complex(near) * mass, definite=False)
    inverse = LinearOperator(jacobians.shape, factors.solve, dtype=complex)
    ncv = min(size, max(2 * k + 10, 30))
    found, vectors = eigs(jacobians, k, mass, sigma=complex(near), v0=start, ncv=ncv, OPinv=inverse)
    bulk = vectors[n:].T.reshape(k, len(matrices), -1)
    norm = np.linalg.norm(vectors[:n], axis=0)
    norm[norm == 0] = 1
    return _sorted(FullModes(found, vectors[:n].T / norm[:, None], bulk / norm[:, None, None]))


class _Krylov:
    """An orthonormal basis (in the mass) of a block Krylov space, and the bulk projected on it."""

    def __init__(self, e: BulkMatrices, sigma: float) -> None:
        self.e = e
        self.solve = factorise(e.A + sigma * e.tau * e.M).solve
        self.basis = np.empty((e.A.shape[0], 0))
        self.projected = np.empty((0, 0))
        self._last: np.ndarray | None = None

    def widen(self) -> bool:
        """Add a block; false if it adds nothing."""
        e = self.e
        # secretion and sensing have the same spatial profile, so one of them suffices; no cell may lack both
        new = self.solve((e.B + e.tau * e.C.T).toarray() if self._last is None else e.tau * (e.M @ self._last))
        size = self._norms(new)
        for _ in range(2):
            new = new - self.basis @ (self.basis.T @ (e.M @ new))
        left = self._norms(new)
        keep = left > 1e-10 * size
        if not keep.any():
            return False
        new = new[:, keep] / left[keep]
        size, turn = np.linalg.eigh(new.T @ (e.M @ new))
        keep = size > 1e-12
        new = new @ (turn[:, keep] / np.sqrt(size[keep]))
        new = new - self.basis @ (self.basis.T @ (e.M @ new))
        root = np.linalg.cholesky(new.T @ (e.M @ new))
        new = sla.solve_triangular(root, new.T, lower=True).T
        self._last = new
        image = e.A @ new
        across, own = self.basis.T @ image, new.T @ image
        self.projected = np.block([[self.projected, across], [across.T, (own + own.T) / 2]])
        self.basis = np.concatenate([self.basis, new], axis=1)
        return True

    def _norms(self, columns: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(np.einsum("ij,ij->j", columns, self.e.M @ columns), 0))


def _projected(values: CellValues, jacobian: np.ndarray, spaces: list[_Krylov]) -> tuple[np.ndarray, np.ndarray]:
    n = len(jacobian)
    size = n + sum(s.basis.shape[1] for s in spaces)
    matrix = np.zeros((size, size))
    matrix[:n, :n] = jacobian
    start = n
    for s, places in zip(spaces, values.secreted, strict=True):
        e, V = s.e, s.basis
        here = slice(start, start + V.shape[1])
        matrix[here, here] = -s.projected / e.tau
        matrix[here, places] = (e.B.T @ V).T / e.tau
        matrix[places, here] = e.C @ V
        matrix[places, places] -= e.loss
        start += V.shape[1]
    return np.linalg.eig(matrix)


def _lifted(found: np.ndarray, vectors: np.ndarray, n: int, spaces: list[_Krylov]) -> FullModes:
    norm = np.linalg.norm(vectors[:n], axis=0)
    norm[norm < 1e-12] = 1
    vectors = vectors / norm
    bulk, start = [], n
    for s in spaces:
        bulk.append((s.basis @ vectors[start : start + s.basis.shape[1]]).T)
        start += s.basis.shape[1]
    return FullModes(found.astype(complex), vectors[:n].T.astype(complex), np.stack(bulk, axis=1).astype(complex))


def _residuals(values: CellValues, modes: FullModes, spaces: list[_Krylov]) -> np.ndarray:
    """How much each mode misses the equations of the bulk, which those of the cells do not, relative to the mode.

    The residual is measured through the inverse that the space is made with, as short waves count little there.
    """
    worst = np.zeros(len(modes.eigenvalues))
    size = np.linalg.norm(modes.bulk, axis=(1, 2)) + 1e-12  # of all species, as some modes are those of one alone
    for k, (space, places) in enumerate(zip(spaces, values.secreted, strict=True)):
        e, U = space.e, modes.bulk[:, k].T
        missed = e.tau * modes.eigenvalues * (e.M @ U) + e.A @ U - e.B @ modes.vectors[:, places].T
        away = space.solve(np.concatenate([missed.real, missed.imag], axis=1))
        away = np.hypot(away[:, : missed.shape[1]], away[:, missed.shape[1] :])
        worst = np.maximum(worst, np.linalg.norm(away, axis=0) / size)
    return worst


def _sorted(modes: FullModes) -> FullModes:
    found = modes.eigenvalues
    # conjugates have the same real part to the last bit; of several equal pairs the first comes before the second
    turn = np.array([int((found[:k] == value).sum()) for k, value in enumerate(found)])
    order = np.lexsort((-found.imag, turn, -np.abs(found.imag), -found.real))
    return FullModes(found[order], modes.vectors[order], modes.bulk[order])
