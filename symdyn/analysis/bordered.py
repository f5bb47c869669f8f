r"""Sparse equations with a border: derivatives of a state at rest, what is conserved, and shifts along symmetries."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sps
from scipy.linalg import eig, eigh_tridiagonal
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigs, splu

from symdyn.analysis.iterated import Iterated
from symdyn.integration.rest import Derivative, RestProblem

__all__ = ["Border", "Bordered", "is_at_rest", "leading_eigenvalues", "solver_of"]

#: Residual in units of the largest term that counts as rounding.
RESTING = 1e-10
#: Unknowns up to which all eigenvalues are computed.
SMALL = 100
#: Eigenvalues about a shift, the most shifts along the imaginary axis, and how many of them are spread over what is left.
NEAREST, SHIFTS, SPREAD = 12, 8, 3
#: Steps of Lanczos' method for the largest rate of growth.
STEPS = 80


class Bordered:
    r"""The solution of :math:`\begin{pmatrix} A & B \\ C & 0 \end{pmatrix} z = r`, factorised once.

    Parameters
    ----------
    matrix : (n, n) sparse
    right : (n, k) array
    below : (k, n) array
        k is the attribute `below`.

    Raises
    ------
    RuntimeError
        If the matrix is exactly singular.

    Examples
    --------
    >>> Bordered(sps.identity(2), np.ones((2, 1)), np.ones((1, 2))).solve(np.array([1.0, 0.0, 0.0])).round(12).tolist()
    [0.5, -0.5, 0.5]
    """

    def __init__(self, matrix: sps.spmatrix, right: np.ndarray, below: np.ndarray) -> None:
        self.below = len(below)
        if self.below:
            matrix = sps.bmat([[matrix, sps.csc_matrix(right)], [sps.csc_matrix(below), None]])
        # full rows of a border are what the order by columns is made for
        self._factors = splu(sps.csc_matrix(matrix), permc_spec="COLAMD" if self.below else "MMD_AT_PLUS_A")

    def solve(self, r: np.ndarray) -> np.ndarray:
        """The solution for one right-hand side (n + k,), or several."""
        return self._factors.solve(r)

    def solve_transposed(self, r: np.ndarray) -> np.ndarray:
        """The solution with the transposed matrix."""
        return self._factors.solve(r, trans="T")


def solver_of(matrix: sps.spmatrix | Derivative, right: np.ndarray, below: np.ndarray) -> Bordered | Iterated:
    """The solver of derivatives with a border: by factors, or by iterations.

    Parameters
    ----------
    matrix : (n, n) sparse, or Derivative
    right : (n, k) array
    below : (k, n) array

    Returns
    -------
    Bordered or Iterated

    Raises
    ------
    RuntimeError
        If the matrix is exactly singular.
    """
    return (Iterated if isinstance(matrix, Derivative) else Bordered)(matrix, right, below)


class Border:
    """What makes the derivatives of a problem regular: rows for what is conserved and for shifts, and columns with them.

    Parameters
    ----------
    problem : RestProblem
    p : (k,) array
    near : (n,) array
        A state about which the rates are defined.
    """

    def __init__(self, problem: RestProblem, p: np.ndarray, near: np.ndarray) -> None:
        self.problem = problem
        self.left, weights = problem.conserved(p, near)
        self.rows = weights.T

    @property
    def conserved(self) -> int:
        """Number of conserved quantities."""
        return len(self.rows)

    def totals(self, y: np.ndarray) -> np.ndarray:
        """Values of the conserved quantities."""
        return self.rows @ y

    def at(self, y: np.ndarray, *, free: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Columns (n, k) and rows (k, n) at a state; `free` leaves shifts out."""
        shifts = np.empty((y.size, 0)) if free else self.problem.shifts(y)
        return np.hstack([self.left, shifts]), np.vstack([self.rows, shifts.T])


def is_at_rest(matrix: sps.csc_matrix | Derivative, y: np.ndarray, residual: np.ndarray, sizes: np.ndarray) -> bool:
    """Whether a residual is rounding: with shifts as borders iterations also come to waves that move."""
    values = np.maximum(np.abs(y), sizes)
    terms = matrix.terms(values) if isinstance(matrix, Derivative) else abs(matrix) @ values
    return bool(np.abs(residual).max() <= RESTING * terms.max())


def leading_eigenvalues(
    problem: RestProblem, matrix: sps.csc_matrix | Derivative, columns: np.ndarray, rows: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    r"""The `count` rightmost eigenvalues of :math:`J v = \lambda M v` that were found, and their vectors.

    Those that belong to conserved quantities and to symmetries are left out by the border.  Those nearest to zero are
    found, those nearest to points of the imaginary axis as far as the skew part of J lets eigenvalues lie, and those nearest
    to the largest real part that its symmetric part lets them have, on the real axis and beside the rightmost of the others.

    Parameters
    ----------
    problem : RestProblem
    matrix : (n, n) sparse, or Derivative
        Of the latter the bounds of growth and of imaginary parts are its own, unless its matrix is known.
    columns, rows : (n, k) and (k, n) arrays
        Of `Border.at`.
    count : int

    Returns
    -------
    values : (m,) complex
        By falling real part; the last is NaN where the equations about one of the points were not solved, so that others may
        be missing.
    vectors : (n, m) complex

    References
    ----------
    Meerbergen & Roose, IMA J. Numer. Anal. 16 (1996) 297, on rightmost eigenvalues by shift and inversion.
    """
    if isinstance(matrix, Derivative) and matrix.matrix is None:
        full = matrix.full()
        matrix = matrix if full is None else full
    n, mass = problem.size, problem.mass if problem.mass is not None else sps.identity(problem.size, format="csc")
    if n <= SMALL and not isinstance(matrix, Derivative):
        k = columns.shape[1]
        full = np.block([[matrix.toarray(), columns], [rows, np.zeros((k, k))]])
        with np.errstate(all="ignore"):
            values, vectors = eig(full, np.block([[mass.toarray(), np.zeros((n, k))], [np.zeros((k, n + k))]]))
        good = np.isfinite(values) & (np.abs(values) < 1e12 * max(1.0, abs(matrix).max()))
        values, vectors = values[good], vectors[:n, good]
        failed = False
    else:
        values, vectors, failed = _nearest(matrix, mass, columns, rows, count)
    order = np.lexsort((-values.imag, -values.real.round(12)))[: count - failed]
    values, vectors = values[order], vectors[:, order]
    if failed:
        values, vectors = np.append(values, complex(np.nan, np.nan)), np.column_stack([vectors, np.zeros(n)])
    return values, vectors


def _nearest(
    matrix: sps.csc_matrix | Derivative, mass: sps.csc_matrix, columns: np.ndarray, rows: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Eigenvalues about zero, about points of the imaginary axis, and about the rightmost end; whether a point failed."""
    n = matrix.shape[0]
    wanted = min(max(NEAREST, count + 4), n - 2)
    start = np.random.default_rng(3).standard_normal(n)
    slow, growth, reach = _extent(matrix, mass, start)
    # a real shift beside zero: at a bifurcation the matrix itself is singular
    values, vectors = _about(matrix, mass, columns, rows, 1e-3 * slow + 1e-10, wanted, start)
    failed = values.size == 0
    radius = top = float(np.abs(values).max(initial=0))
    shifts = 0

    def add(shift: complex) -> float:
        """Look about one more shift; returns the radius that is known there."""
        nonlocal values, vectors, failed
        more, further = _about(matrix, mass, columns, rows, shift, wanted, start)
        failed = failed or more.size == 0
        away = float(np.abs(more - shift).max(initial=0))
        if np.iscomplexobj(shift):  # conjugates lie farther away
            tiny = 1e-9 * (1 + np.abs(more))
            kept, upper = more.imag >= -tiny, more.imag > tiny
            more = np.concatenate([more[kept], more[upper].conj()])
            further = np.hstack([further[:, kept], further[:, upper].conj()])
        before = values.copy()
        for k in range(more.size):  # each as often as one shift tells
            near = np.abs(before - more[k])
            if before.size and near.min() <= 1e-7 * (1 + abs(more[k])):
                before[near.argmin()] = np.inf
            else:
                values, vectors = np.append(values, more[k]), np.column_stack([vectors, further[:, k]])
        return away

    while top < reach and shifts < SHIFTS and values.size:
        away = add(1j * top + 1e-9)
        left = SHIFTS - SPREAD - shifts  # the first side by side
        top += max(away, 1e-3 * reach) if left > 0 else (reach - top) / (SHIFTS - shifts)
        shifts += 1
    end = (1 + 1e-3) * growth  # beside it: the matrix less an eigenvalue is singular
    if end > radius:
        add(end)
    if end > 0 and values.size:
        first = values[values.real.argmax()]
        if abs(first.imag) > 1e-9 * abs(first):
            add(end + 1j * abs(float(first.imag)))
    return values, vectors, failed


def _extent(matrix: sps.csc_matrix | Derivative, mass: sps.csc_matrix, start: np.ndarray) -> tuple[float, float, float]:
    """The rate of slow perturbations, and how far eigenvalues may lie to the right and from the real axis."""
    if isinstance(matrix, Derivative):
        return matrix.bounds() if matrix.matrix is None else _extent(matrix.matrix, mass, start)
    return _kinetic(matrix, mass), _growth(matrix, mass, start), _widest(matrix, mass, start)


def _about(
    matrix: sps.csc_matrix | Derivative, mass: sps.csc_matrix, columns: np.ndarray, rows: np.ndarray, shift: complex,
    wanted: int, start: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The eigenvalues nearest to a shift."""
    n, k = matrix.shape[0], columns.shape[1]
    kind = complex if np.iscomplexobj(np.asarray(shift)) else float
    solver: Bordered | Iterated
    if isinstance(matrix, Derivative):
        solver = Iterated(matrix, columns, rows, shift=shift)
    else:
        solver = Bordered((matrix - shift * mass).astype(kind), columns, rows)

    def apply(v: np.ndarray) -> np.ndarray:
        return solver.solve(np.append(mass @ np.ravel(v), np.zeros(k)).astype(kind))[:n]

    try:
        first = apply(start.astype(kind))  # within the border
        inverse, vectors = eigs(LinearOperator((n, n), apply, dtype=kind), wanted, v0=first, tol=1e-11, maxiter=40 * wanted)
    except ArpackNoConvergence as some:
        inverse, vectors = some.eigenvalues, some.eigenvectors
    except (ArpackError, RuntimeError):
        return np.empty(0, complex), np.empty((n, 0), complex)
    good = np.abs(inverse) > 1e-14 * np.abs(inverse).max(initial=0)
    return shift + 1 / inverse[good], vectors[:, good]


def _kinetic(matrix: sps.csc_matrix, mass: sps.csc_matrix) -> float:
    """A size of the rates of slow perturbations: of a constant one."""
    n = matrix.shape[0]
    share = np.asarray(mass.sum(axis=1)).ravel()
    moved = np.asarray(matrix.sum(axis=1)).ravel()
    ok = share > 1e-12 * share.max()
    return float(np.median(np.abs(moved[ok] / share[ok]))) if n else 1.0


def _parts(matrix: sps.csc_matrix, mass: sps.csc_matrix) -> tuple[sps.spmatrix, sps.spmatrix, sps.csc_matrix, np.ndarray]:
    """The symmetric and the skew part of the derivatives of what moves, its mass, and which numbers it is."""
    moving = np.flatnonzero(abs(mass).sum(axis=1))
    own = matrix[moving][:, moving].tocsr()
    return (own + own.T) / 2, (own - own.T) / 2, mass[moving][:, moving].tocsc(), moving


def _growth(matrix: sps.csc_matrix, mass: sps.csc_matrix, start: np.ndarray) -> float:
    """The largest eigenvalue of the symmetric part, beyond which no real part lies, by Lanczos' method and its residual."""
    even, _, own, moving = _parts(matrix, mass)
    solve = splu(own).solve
    v = start[moving] / np.sqrt(start[moving] @ (own @ start[moving]))
    before, beside = np.zeros_like(v), 0.0
    middle, off = [], []
    for _ in range(min(STEPS, v.size)):
        w = solve(even @ v) - beside * before
        middle.append(float(v @ (own @ w)))
        w -= middle[-1] * v
        beside = float(np.sqrt(max(w @ (own @ w), 0.0)))
        off.append(beside)
        if beside <= 1e-12 * max(map(abs, middle)):
            break
        before, v = v, w / beside
    values, parts = eigh_tridiagonal(middle, off[:-1])
    return float(values[-1] + off[-1] * abs(parts[-1, -1]))


def _widest(matrix: sps.csc_matrix, mass: sps.csc_matrix, start: np.ndarray) -> float:
    """A bound of the imaginary parts: the largest of the skew part, in the norm of the mass."""
    _, skew, own, moving = _parts(matrix, mass)
    if not abs(skew).max() > 1e-9 * abs(matrix).max():  # rounding
        return 0.0
    solve, v, size = splu(own).solve, start[moving], 0.0
    for _ in range(30):
        v = v / np.sqrt(v @ (own @ v))
        w = solve(skew @ v)
        size = float(np.sqrt(w @ (own @ w)))
        v = -solve(skew @ w)
        if size == 0.0:
            return 0.0
    return 1.1 * size
