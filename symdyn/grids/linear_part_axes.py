"""Modes along one axis: waves, cosines, or the eigenvectors of the second derivative between walls."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import eig, eigh_tridiagonal

from symdyn.errors import DeclarationError
from symdyn.grids.stencils import differences
from symdyn.grids.walls import MIRROR, PERIODIC, axis_matrix

__all__ = ["Axis", "axis_modes"]

#: Eigenvectors that are worse conditioned than this lose half of the digits.
CONDITION = 1e8


class Axis(NamedTuple):
    """The modes along one axis of n cells of width h.

    Attributes
    ----------
    kind : {'periodic', 'mirror', 'dense'}
    h : float
    order : int or None
        Of the differences; None for derivatives of the modes themselves.
    values : (n,) array
        Of dense axes, the eigenvalues of the second derivative.
    vectors, inverse : (n, n) arrays
        Of dense axes, from modes to cells and back.
    """

    n: int
    h: float
    kind: str
    order: int | None
    values: np.ndarray | None = None
    vectors: np.ndarray | None = None
    inverse: np.ndarray | None = None

    @property
    def real(self) -> bool:
        """Whether the modes are real."""
        return self.kind != "periodic" and (self.vectors is None or not np.iscomplexobj(self.vectors))

    def symbol(self, derivative: int, half: bool = False) -> np.ndarray:
        """Eigenvalues of a derivative, those of half of a real spectrum if so said."""
        if derivative == 0:
            return np.ones(self.n // 2 + 1 if half else self.n)
        if self.kind == "dense":
            return self.values ** (derivative // 2)  # type: ignore[operator]
        if self.kind == "mirror":
            angle: np.ndarray = np.pi * np.arange(self.n) / self.n
        else:
            angle = 2 * np.pi * (np.arange(self.n // 2 + 1) / self.n if half else np.fft.fftfreq(self.n))
        found: Any
        if self.order is None:
            found = (1j * angle) ** derivative
            if derivative % 2:
                found[np.abs(angle) == np.pi] = 0  # the highest wave has no derivative on these cells
        else:
            stencil = differences(self.order).cell(derivative)
            terms = (c * np.exp(1j * angle * k) for k, c in zip(*stencil, strict=True))
            found = np.asarray(sum(terms), dtype=complex)
        found = found / self.h**derivative
        return found.real if derivative % 2 == 0 else 1j * found.imag


@lru_cache(maxsize=32)
def axis_modes(n: int, h: float, order: int | None, left: Any, right: Any, name: str = "x") -> Axis:
    """Modes of an axis from its conditions, 'periodic', 'mirror' or coefficients of u, its normal derivative, ...

    Raises
    ------
    DeclarationError
        If the second derivative with these walls has no usable eigenvectors.

    Examples
    --------
    >>> axis_modes(4, 1.0, 2, "mirror", "mirror").symbol(2).round(6).tolist()
    [0.0, -0.585786, -2.0, -3.414214]
    """
    if left == PERIODIC or right == PERIODIC:
        return Axis(n, h, "periodic", order)
    if left == MIRROR and right == MIRROR:
        return Axis(n, h, "mirror", order)
    A, _, _ = axis_matrix(n, h, 2, order or 2, left, right)
    if (np.triu(A, 2) == 0).all() and (np.tril(A, -2) == 0).all() and (np.diag(A, 1) * np.diag(A, -1) > 0).all():
        up, down = np.diag(A, 1), np.diag(A, -1)
        roots, Q = eigh_tridiagonal(np.diag(A), np.sign(up) * np.sqrt(up * down))
        scale = np.concatenate([[1.0], np.cumprod(np.sqrt(down / up))])
        return Axis(n, h, "dense", order, roots, scale[:, None] * Q, Q.T / scale)
    values, V = eig(A)
    if np.abs(values.imag).max() <= 1e-12 * np.abs(values).max():
        values, V = values.real, V.real
    condition = np.linalg.cond(V)
    if not condition < CONDITION:
        raise DeclarationError(
            f"the second derivative of order {order} along {name} with these walls has nearly dependent eigenvectors "
            f"(condition {condition:.1e}); take order=2, other walls, or an explicit method"
        )
    return Axis(n, h, "dense", order, values, V, np.linalg.inv(V))
