r"""Sparse factors of matrices whose symmetric part is positive definite, so that nothing has to be interchanged.

Complex matrices are factorised as real ones of twice the size, in which each entry a + ib is the block ((a, -b), (b, a)):
the work is about the same, but the complex kernels of BLAS that SuperLU calls for its many small blocks start threads for
each of them, which takes up to a hundred times as long as the work.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sps
from scipy.sparse.linalg import splu

__all__ = ["Factors", "elimination_order", "factorise"]


class Factors:
    """Factors of a matrix (N, N), real or complex.

    Parameters
    ----------
    matrix : sparse (N, N)
    ordered : bool
        Whether its order is already a good one to eliminate in, see `elimination_order`.
    definite : bool
        Whether pivots on the diagonal are good ones.
    """

    def __init__(self, matrix: sps.spmatrix, *, ordered: bool = False, definite: bool = True) -> None:
        self.complex = np.iscomplexobj(matrix.data)
        if self.complex:
            turned = sps.csr_matrix(np.array([[0.0, -1.0], [1.0, 0.0]]))
            matrix = sps.kron(matrix.real, sps.identity(2)) + sps.kron(matrix.imag, turned)
        if definite:
            order = "NATURAL" if ordered else "MMD_AT_PLUS_A"
            self._lu = splu(matrix.tocsc(), permc_spec=order, diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        else:
            self._lu = splu(matrix.tocsc())

    def solve(self, b: np.ndarray) -> np.ndarray:
        """x of matrix x = b, for b (N,) or (N, k); real where matrix and b are."""
        if not self.complex:
            if np.iscomplexobj(b):
                return self.solve(b.real) + 1j * self.solve(b.imag)
            return self._lu.solve(b)
        columns = np.asarray(b, complex).reshape(len(b), -1)
        pairs = np.stack([columns.real, columns.imag], axis=1).reshape(2 * len(b), -1)
        found = self._lu.solve(pairs).reshape(len(b), 2, -1)
        return (found[:, 0] + 1j * found[:, 1]).reshape(b.shape)

    @property
    def order(self) -> np.ndarray:
        """In which the unknowns of a real matrix were eliminated."""
        return np.argsort(self._lu.perm_c)


def factorise(matrix: sps.spmatrix) -> Factors:
    """Factors of a matrix whose symmetric part is positive definite."""
    return Factors(matrix)


def elimination_order(matrix: sps.spmatrix) -> np.ndarray:
    """An order of the unknowns of a real matrix that keeps its factors sparse."""
    return Factors(matrix).order
