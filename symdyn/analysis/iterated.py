r"""Bordered equations whose derivatives are known by their products: GMRES, with an approximate inverse before it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.linalg import LinAlgWarning, lu_factor, lu_solve
from scipy.sparse.linalg import LinearOperator, gmres

from symdyn.integration.rest import Derivative

__all__ = ["Iterated"]

#: Relative residual that iterations go on to, and the one below which they count as a solution.
GOAL, ENOUGH = 1e-11, 1e-7
#: Vectors that are kept, and how often they are begun anew.
KEPT, CYCLES = 80, 3


class Iterated:
    r"""The solution of :math:`\begin{pmatrix} (J - \sigma) S & B \\ C & E \end{pmatrix} z = r` with a diagonal S.

    Parameters
    ----------
    matrix : Derivative
    right : (n, k) array
    below : (k, n) array
    shift : complex, optional
    scale : (n,) array, optional
        S; ones by default.
    corner : (k, k) array, optional
        E; zeros by default.
    inner : int, optional
        Rows of the border that belong to the equations; the others are counted by the attribute `below`.

    References
    ----------
    Saad & Schultz, SIAM J. Sci. Stat. Comput. 7 (1986) 856.
    """

    def __init__(
        self, matrix: Derivative, right: np.ndarray, below: np.ndarray, *, shift: complex = 0.0,
        scale: np.ndarray | None = None, corner: np.ndarray | None = None, inner: int = 0,
    ) -> None:  # fmt: skip
        border, self.n, self.below = len(below), matrix.shape[0], len(below) - inner
        self.kind = complex if np.iscomplexobj(np.asarray(shift)) else float
        scale = np.ones(self.n) if scale is None else scale
        corner = np.zeros((border, border)) if corner is None else corner
        inverse = matrix.inverse(shift)

        def product(z: np.ndarray) -> np.ndarray:
            v, w = z[: self.n] * scale, z[self.n :]
            return np.concatenate([matrix @ v - shift * v + right @ w, below @ z[: self.n] + corner @ w])

        def before(r: np.ndarray) -> np.ndarray:
            return np.concatenate([inverse(r[: self.n]) / scale, r[self.n :]])

        def whole() -> np.ndarray | None:
            full = matrix.full() if matrix.matrix is None else None
            if full is None:
                return None
            return np.block([[(full.toarray() - shift * np.identity(self.n)) * scale, right], [below, corner]])

        self._whole = whole
        #: Of a matrix that is formed where iterations fail, if it is small.
        self._factors: Any = None
        size = (self.n + border,) * 2
        self._matrix, self._before = (LinearOperator(size, f, dtype=self.kind) for f in (product, before))

    def solve(self, r: np.ndarray) -> np.ndarray:
        """The solution for one right-hand side (n + k,).

        Raises
        ------
        RuntimeError
            If the iterations come to none.
        """
        size = float(np.linalg.norm(r))
        if size == 0:
            return np.zeros_like(r, dtype=self.kind)
        if not np.isfinite(size):
            raise RuntimeError("the right-hand side is not finite")
        if self._factors is not None:
            return lu_solve(self._factors, r.astype(self.kind))
        found, _ = gmres(
            self._matrix, r.astype(self.kind), M=self._before, rtol=GOAL, atol=0.0, restart=min(KEPT, r.size), maxiter=CYCLES
        )
        if not float(np.linalg.norm(self._matrix @ found - r)) < ENOUGH * size:
            whole = self._whole()
            if whole is not None:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    try:
                        self._factors = lu_factor(whole, overwrite_a=True)
                    except (LinAlgWarning, ValueError) as error:
                        raise RuntimeError(str(error)) from None
                return lu_solve(self._factors, r.astype(self.kind))
            raise RuntimeError(f"GMRES did not solve the linear equations in {KEPT * CYCLES} iterations")
        return found
