"""Density matrices: pure and mixed states of cells, their subsystems, entropies and expectation values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as ss

from symdyn.errors import DeclarationError

__all__ = ["DensityMatrix", "as_operator", "check_rows", "mixture"]

#: Cells of the largest density matrix, and tolerance of what is given as one.
MOST_DENSE, CLOSE = 12, 1e-9


def as_operator(observable: Any, size: int) -> Any:
    """A Hermitian operator, or the diagonal one of a classical observable.

    Raises
    ------
    DeclarationError
        For another shape, and operators that are not Hermitian.

    Examples
    --------
    >>> as_operator([1, 2], 2).toarray().tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    found = observable if ss.issparse(observable) else np.asarray(observable)
    if not np.isfinite(found.data if ss.issparse(found) else found).all():
        raise DeclarationError("the observable has values that are not finite")
    if found.ndim == 1 and found.shape == (size,) and found.dtype.kind in "biuf":
        return ss.diags_array(found.astype(float), format="csr")
    if found.shape != (size, size):
        raise DeclarationError(f"the observable has the shape {found.shape}; expected {(size, size)}, or {size} real values")
    gap = np.abs(found - found.conj().T).max()
    if not gap <= CLOSE * max(1.0, np.abs(found).max()):
        raise DeclarationError(f"the observable is not Hermitian: it differs by {gap:g} from its adjoint")
    return found


def check_rows(size: int) -> None:
    """Refuse density matrices that are too large.

    >>> check_rows(4096)
    """
    if size > 2**MOST_DENSE:
        raise DeclarationError(f"the density matrix has {size} rows; expected at most 2^{MOST_DENSE}")


@dataclass(frozen=True, eq=False)
class DensityMatrix:
    r"""A state of cells as a density matrix: Hermitian, with eigenvalues that are not negative and add up to 1.

    Parameters
    ----------
    matrix : (2^n, 2^n) array of float or complex
        Bit j of an index, from the left, is cell j.

    Raises
    ------
    DeclarationError
        For what is no density matrix, and more than twelve cells.

    Examples
    --------
    >>> bell = np.array([1, 0, 0, 1]) / np.sqrt(2)  # a cell and its copy
    >>> pair = DensityMatrix(np.outer(bell, bell))
    >>> round(pair.purity, 12), round(pair.entropy, 12), round(pair.subsystem([0]).entropy, 6)  # ln 2
    (1.0, 0.0, 0.693147)
    """

    matrix: np.ndarray

    def __post_init__(self) -> None:
        rho = np.array(self.matrix)
        size = rho.shape[0] if rho.ndim == 2 else 0
        if rho.shape != (size, size) or size < 1 or size & (size - 1) or rho.dtype.kind not in "iufc":
            raise DeclarationError(f"the density matrix has the shape {rho.shape}; expected 2^n rows and columns of numbers")
        check_rows(size)
        if not np.isfinite(rho).all() or np.abs(rho - rho.conj().T).max() > CLOSE:
            raise DeclarationError("the density matrix is not Hermitian")
        if abs(np.trace(rho).real - 1) > CLOSE:
            raise DeclarationError(f"the density matrix has the trace {np.trace(rho).real:g}; expected 1")
        object.__setattr__(self, "matrix", rho.astype(complex if rho.dtype.kind == "c" else float))
        if self.eigenvalues[0] < -CLOSE:
            raise DeclarationError(f"the density matrix has the negative eigenvalue {self.eigenvalues[0]:g}")

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """Probabilities of its eigenstates, (2^n,) float64, rising."""
        return np.linalg.eigvalsh(self.matrix)

    @property
    def cells(self) -> int:
        """Number of cells n."""
        return int(self.matrix.shape[0]).bit_length() - 1

    @property
    def probabilities(self) -> np.ndarray:
        """The distribution over states, the diagonal, (2^n,) float64."""
        return np.diag(self.matrix).real.copy()

    @property
    def purity(self) -> float:
        r""":math:`\mathrm{tr}\,\rho^2`: 1 of a pure state, :math:`2^{-n}` of the maximally mixed one."""
        return float(np.sum(self.eigenvalues**2))

    @property
    def entropy(self) -> float:
        r"""Von Neumann's entropy :math:`-\mathrm{tr}\,\rho \ln \rho`, in nats."""
        positive = self.eigenvalues[self.eigenvalues > 0]
        return max(0.0, float(-np.sum(positive * np.log(positive))))

    def expectation(self, observable: Any) -> float:
        r"""The quantum rule, :math:`\langle A \rangle = \mathrm{tr}(\rho A)`.

        Parameters
        ----------
        observable : (2^n, 2^n) matrix, dense or sparse, or (2^n,) array
            A Hermitian operator, or the values of a classical observable, its diagonal.

        Returns
        -------
        float

        Raises
        ------
        DeclarationError
            For another shape, and operators that are not Hermitian.

        Examples
        --------
        >>> DensityMatrix(np.diag([0.25, 0.75])).expectation([0, 1])
        0.75
        """
        operator = as_operator(observable, self.matrix.shape[0])
        return float(np.real(np.trace(operator @ self.matrix)))

    def subsystem(self, cells: Sequence[int]) -> DensityMatrix:
        r"""The state of some cells, the partial trace over the others.

        Parameters
        ----------
        cells : sequence of int
            Numbers of the cells that are kept, in the order of the result.

        Returns
        -------
        DensityMatrix

        Raises
        ------
        DeclarationError
            For cells that do not exist or occur twice.

        Examples
        --------
        >>> DensityMatrix(np.diag([0.1, 0.2, 0.3, 0.4])).subsystem([0]).probabilities.round(12).tolist()
        [0.3, 0.7]
        """
        n, kept = self.cells, list(cells)
        if not kept or len(set(kept)) != len(kept) or not all(isinstance(c, (int, np.integer)) and 0 <= c < n for c in kept):
            raise DeclarationError(f"cells is {cells!r}; expected different numbers from 0 to {n - 1}")
        rest = [c for c in range(n) if c not in kept]
        axes = [*kept, *rest, *(n + c for c in kept), *(n + c for c in rest)]
        small, large = 2 ** len(kept), 2 ** len(rest)
        blocks = self.matrix.reshape((2,) * (2 * n)).transpose(axes).reshape(small, large, small, large)
        return DensityMatrix(np.einsum("ikjk->ij", blocks))

    def step(self, operator: Any) -> DensityMatrix:
        r"""The state after one step of a reversible automaton, :math:`S \rho S^T`.

        Parameters
        ----------
        operator : StepOperator
            Of an automaton that is deterministic and reversible.

        Returns
        -------
        DensityMatrix

        Raises
        ------
        DeclarationError
            If it is another automaton, or has another number of cells.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> s = sp.IndexedBase("s")
        >>> S = sd.Automaton(s[-1], sites=2).step_operator()
        >>> DensityMatrix(np.diag([0.1, 0.2, 0.3, 0.4])).step(S).probabilities.tolist()
        [0.1, 0.3, 0.2, 0.4]
        """
        if operator.cells != self.cells:
            raise DeclarationError(f"the automaton has {operator.cells} cells, the density matrix {self.cells}")
        if operator.permutation is None:
            raise DeclarationError("the step operator is not orthogonal: the automaton is random, or not reversible")
        back = np.argsort(operator.permutation)
        return DensityMatrix(self.matrix[np.ix_(back, back)])


def mixture(states: Sequence[Any], weights: Sequence[float]) -> DensityMatrix:
    r"""The mixed state :math:`\rho = \sum_k w_k\, \rho_k`.

    Parameters
    ----------
    states : sequence of WaveFunction or DensityMatrix
    weights : sequence of float
        Probabilities, that add up to 1.

    Returns
    -------
    DensityMatrix

    Raises
    ------
    DeclarationError
        For weights that are no probabilities, and states of other sizes.

    Examples
    --------
    >>> zero, one = DensityMatrix(np.diag([1.0, 0.0])), DensityMatrix(np.diag([0.0, 1.0]))
    >>> round(mixture([zero, one], [0.5, 0.5]).entropy, 6)  # ln 2
    0.693147
    """
    w, rho = np.asarray(weights, dtype=float), [getattr(s, "density_matrix", lambda s=s: s)() for s in states]
    if w.shape != (len(rho),) or not len(rho) or not (w >= 0).all() or abs(w.sum() - 1) > CLOSE:
        raise DeclarationError(f"weights are {weights!r}; expected {len(rho)} probabilities that add up to 1")
    if len({r.matrix.shape for r in rho}) > 1:
        raise DeclarationError("the states have different numbers of cells")
    return DensityMatrix(sum(x * r.matrix for x, r in zip(w, rho, strict=True)))
