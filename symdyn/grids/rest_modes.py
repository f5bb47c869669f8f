r"""Products with the derivatives of rates on a grid, and their approximate inverses in modes, for states at rest of many cells.

With the linear part L in modes, and what is coupled point by point in the mean, :math:`\bar R`, the inverse of
:math:`L + \bar R - \sigma` takes a small matrix for each mode.  Its singular values are kept away from zero, so that it is
near the inverse of the derivatives wherever these are regular.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse as sps

from symdyn.errors import DeclarationError
from symdyn.grids.model import GridModel
from symdyn.grids.problems import split_problem
from symdyn.grids.spectral import SpectralModel
from symdyn.integration.problem import DiagonalProblem
from symdyn.integration.rest import Derivative, differences

__all__ = ["ModalDerivative"]

#: Share of the largest coupling, or eigenvalue of L, that singular values of a mode are at least.
LEAST = 0.05


class ModalDerivative(Derivative):
    """The derivatives of rates on a grid at a state.

    Parameters
    ----------
    model : GridModel or SpectralModel
    y : (n,) array
    p : (k,) array
    sizes : (n,) array
        Typical values, by which differences are taken.
    implicit : mapping, optional
        As for `split_problem`.
    matrix : (n, n) sparse, optional
        The derivatives, where they are sparse; products are differences of the rates otherwise.
    columns : callable, optional
        Computes the matrix, which is dense then, where products do not suffice.

    Raises
    ------
    DeclarationError
        If nothing is linear with constant coefficients, and where conditions at walls hold scalars.
    """

    def __init__(
        self, model: GridModel | SpectralModel, y: np.ndarray, p: np.ndarray, sizes: np.ndarray,
        implicit: Mapping[Any, Any] | None = None, matrix: sps.csc_matrix | None = None,
        columns: Callable[[], sps.csc_matrix] | None = None,
    ) -> None:  # fmt: skip
        self.problem: DiagonalProblem = split_problem(model, p, implicit=implicit, method="an iterative solution")
        if self.problem.lift is not None:
            raise DeclarationError(
                f"conditions at walls hold scalars, and {y.size} unknowns are too many for a matrix; use a coarser grid"
            )
        self.linear, self.y, self.sizes = self.problem.linear_part, y, sizes
        self.shape = y.size, y.size
        self.fields, self.cells = len(model.pde.fields), model.cells
        self.rest = y.size - self.fields * self.cells
        self._z = self.linear.forward(y)
        self._moved = np.empty_like(self._z)
        self._full, self._compute = matrix, columns
        self.matrix, self._rows = matrix, None if matrix is None else matrix.tocsr()
        self._columns = [self._beyond(self._unit(k)) for k in range(self.fields)]
        self._known: tuple[complex, Callable[[np.ndarray], np.ndarray]] | None = None

    def _unit(self, k: int) -> np.ndarray:
        """The direction of one field everywhere."""
        found = np.zeros(self.y.size)
        found[k * self.cells : (k + 1) * self.cells] = 1.0
        return found

    def __matmul__(self, v: np.ndarray) -> np.ndarray:
        if self._rows is not None:
            return self._rows @ v
        if np.iscomplexobj(v):
            return (self @ v.real) + 1j * (self @ v.imag)
        return self._linear(v) + self._beyond(v)

    def full(self) -> sps.csc_matrix | None:
        if self._full is None and self._compute is not None:
            self._full = self._compute()
        return self._full

    def _linear(self, v: np.ndarray) -> np.ndarray:
        return self.linear.back(self.linear.eigenvalues * self.linear.forward(v))

    def _beyond(self, v: np.ndarray) -> np.ndarray:
        """The product without L: differences of N, which rounding of L does not reach."""
        if self._rows is not None:
            return self._rows @ v - self._linear(v)
        size = float(np.abs(v / self.sizes).max(initial=0))
        if size == 0:
            return np.zeros_like(v)
        moved = self.linear.forward(v / size)

        def along(h: float) -> np.ndarray:
            return self.problem.nonlinear(self._z + h * moved, 0.0, self._moved).copy()

        return self.linear.back(differences(along, 1.0)) * size

    def terms(self, values: np.ndarray) -> np.ndarray:
        values = np.abs(values)
        if self._rows is not None:
            return abs(self._rows) @ values
        found, modes = np.zeros_like(values), self.linear.modes
        for k in range(self.fields):
            part = slice(k * self.cells, (k + 1) * self.cells)
            stiffest = float(np.abs(self.linear.eigenvalues[k * modes : (k + 1) * modes]).max(initial=0))
            found[part] += stiffest * values[part].max()
            found += np.abs(self._columns[k]) * values[part].max()
        return found

    def bounds(self) -> tuple[float, float, float]:
        """Estimates: of all modes of L with the couplings at each point, and of waves along each axis for all else.

        The former are bounds where L is normal and the rates have no other derivatives; the waves are as long as the domain to
        as short as three cells.
        """
        slow, (growth, reach) = 1.0, self._pointwise()
        for axis, n in enumerate(self.linear.shape):
            may = True  # of the wave before, between which and this one others lie
            for m in (0, *(2**k for k in range(n.bit_length()) if 3 * 2**k <= n)):
                couplings = self._symbol(axis, m)
                adjoint = np.conj(np.swapaxes(couplings, 1, 2))
                grows = float(np.linalg.eigvalsh((couplings + adjoint) / 2).max())
                turns = float(np.abs(np.linalg.eigvalsh((couplings - adjoint) / 2j)).max())
                if m == 0:
                    slow = float(np.median(np.abs(couplings))) or 1.0
                growth = max(growth, grows)
                reach = max(reach, turns) if may or grows > 0 else reach
                may = grows > 0
        return slow, growth, 1.1 * reach

    def _pointwise(self) -> tuple[float, float]:
        """Bounds of growth, and of oscillations of modes that may grow, by L and couplings at each point."""
        part = np.array([c[: self.fields * self.cells].reshape(self.fields, self.cells) for c in self._columns])
        couplings = np.moveaxis(part, -1, 0).swapaxes(1, 2)  # (cells, fields, fields)
        if not np.isfinite(couplings).all():
            raise RuntimeError("the derivatives are not finite")
        modes = self.linear.eigenvalues[: self.fields * self.linear.modes].reshape(self.fields, -1)
        adjoint = couplings.swapaxes(1, 2)
        growth = float(np.linalg.eigvalsh((couplings + adjoint) / 2 + np.diag(modes.real.max(axis=1))).max())
        turns = float(np.abs(np.linalg.eigvalsh((couplings - adjoint) / 2j)).max())
        may = modes.real + float(np.linalg.eigvalsh((couplings + adjoint) / 2).max()) > 0
        return growth, turns + float(np.abs(modes.imag[may]).max()) if may.any() else 0.0

    def _symbol(self, axis: int, m: int) -> np.ndarray:
        """What a wave of m periods along an axis does to itself at each point, (cells, fields, fields)."""
        shape = self.linear.shape
        angle = 2 * np.pi * m * (np.arange(shape[axis]) + 0.5) / shape[axis]
        wave = np.broadcast_to(np.exp(1j * angle).reshape([-1 if k == axis else 1 for k in range(len(shape))]), shape).ravel()
        found = np.empty((self.cells, self.fields, self.fields), complex)
        for k in range(self.fields):
            direction = np.zeros(self.y.size, complex)
            direction[k * self.cells : (k + 1) * self.cells] = wave
            moved = self @ direction
            found[:, :, k] = (moved[: self.fields * self.cells].reshape(self.fields, self.cells) / wave).T
        return found

    # ---- the approximate inverse ---------------------------------------------------------------

    def inverse(self, shift: complex) -> Callable[[np.ndarray], np.ndarray]:
        if self._known is None or self._known[0] != shift:
            self._known = shift, self._inverse(shift)
        return self._known[1]

    def _inverse(self, shift: complex) -> Callable[[np.ndarray], np.ndarray]:
        upper = self._weights(shift)
        lower = None if not np.iscomplexobj(np.asarray(shift)) else self._weights(np.conj(shift))

        def apply(r: np.ndarray) -> np.ndarray:
            if lower is None:
                return self._through(upper, r)
            # of complex numbers: what keeps real fields real, and what makes them imaginary
            even, odd = (upper + lower) / 2, (upper - lower) / 2j
            real, imaginary = r.real, r.imag
            return (
                self._through(even, real) - self._through(odd, imaginary)
                + 1j * (self._through(even, imaginary) + self._through(odd, real))
            )  # fmt: skip

        return apply

    def _weights(self, shift: complex) -> np.ndarray:
        """For each mode the inverse of what fields do to each other, (modes, fields, fields)."""
        modes, count = self.linear.modes, self.fields
        coupled = np.array([[column[i * self.cells : (i + 1) * self.cells].mean() for column in self._columns[:count]]
                            for i in range(count)])  # fmt: skip
        if not np.isfinite(coupled).all():
            raise RuntimeError("the derivatives are not finite")
        if len(self.linear.groups) > 1:  # modes of different walls have nothing to do with each other
            coupled = np.diag(np.diag(coupled))
        matrices = np.zeros((modes, count, count), complex)
        for k in range(count):
            matrices[:, k, k] = self.linear.eigenvalues[k * modes : (k + 1) * modes] - shift
        matrices += coupled
        slowest = min((float(x) for x in np.abs(self.linear.eigenvalues[: count * modes]) if x > 0), default=1.0)
        left, values, right = np.linalg.svd(matrices)
        values = np.maximum(values, LEAST * max(float(np.abs(coupled).max(initial=0)), slowest))
        return np.conj(np.swapaxes(right, 1, 2)) / values[:, None, :] @ np.conj(np.swapaxes(left, 1, 2))

    def _through(self, weights: np.ndarray, r: np.ndarray) -> np.ndarray:
        linear, count = self.linear, self.fields
        z = linear.forward(r)
        parts = z[: count * linear.modes].reshape(count, linear.modes)
        mixed = np.einsum("mij,jm->im", weights, parts)
        z[: count * linear.modes] = (mixed if np.iscomplexobj(z) else mixed.real).ravel()
        return linear.back(z)
