"""Finite differences as data: offsets and coefficients, on cells and between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.registry import Registry

__all__ = ["STENCILS", "Differences", "Stencil", "centred", "differences", "staggered", "weights"]


class Stencil(NamedTuple):
    """A weighted sum over neighbours: `offsets` in cells, `coefficients` for cells of length one.

    Attributes
    ----------
    offsets : tuple of int
    coefficients : tuple of float

    Examples
    --------
    >>> second = Stencil((-1, 0, 1), (1.0, -2.0, 1.0))
    >>> sum(c * k**2 for k, c in zip(*second))  # the second derivative of x^2
    2.0
    """

    offsets: tuple[int, ...]
    coefficients: tuple[float, ...]


def weights(points: Sequence[float], derivative: int, at: float = 0.0) -> np.ndarray:
    r"""Weights w with :math:`f^{(m)}(a) \approx \sum_j w_j f(x_j)`, exact for polynomials of degree below the number of points.

    Parameters
    ----------
    points : (n,) sequence of float
        The positions :math:`x_j`, all different.
    derivative : int
        Its order m, less than n.
    at : float
        The position a.

    Returns
    -------
    (n,) float64

    Raises
    ------
    DeclarationError
        If positions coincide, or the order is negative or not below their number.

    References
    ----------
    Fornberg, Mathematics of Computation 51 (1988) 699-706.

    Examples
    --------
    >>> weights([-1, 0, 1], 2).tolist()
    [1.0, -2.0, 1.0]
    >>> weights([0, 1], 0, at=0.25).tolist()  # linear interpolation
    [0.75, 0.25]
    """
    x = np.asarray(points, float)
    n, m = x.size, derivative
    if x.ndim != 1 or np.unique(x).size != n or not 0 <= m < n:
        raise DeclarationError(
            f"the positions are {list(points)} for a derivative of order {m}; expected different numbers, more than the order"
        )
    c = np.zeros((n, m + 1))
    c[0, 0] = 1.0
    c1, c4 = 1.0, x[0] - at
    for i in range(1, n):
        low = min(i, m)
        c2, c5, c4 = 1.0, c4, x[i] - at
        for j in range(i):
            c3 = x[i] - x[j]
            c2 *= c3
            if j == i - 1:
                for k in range(low, 0, -1):
                    c[i, k] = c1 * (k * c[i - 1, k - 1] - c5 * c[i - 1, k]) / c2
                c[i, 0] = -c1 * c5 * c[i - 1, 0] / c2
            for k in range(low, 0, -1):
                c[j, k] = (c4 * c[j, k] - k * c[j, k - 1]) / c3
            c[j, 0] = c4 * c[j, 0] / c3
        c1 = c2
    return c[:, m]


@cache
def centred(derivative: int, order: int) -> Stencil:
    """The derivative at a cell from the cells around it.

    >>> centred(1, 2)
    Stencil(offsets=(-1, 1), coefficients=(-0.5, 0.5))
    """
    if derivative == 0:
        return Stencil((0,), (1.0,))
    reach = (derivative - 1) // 2 + order // 2
    offsets = range(-reach, reach + 1)
    return _kept(offsets, weights(list(offsets), derivative), derivative)


@cache
def staggered(derivative: int, order: int) -> Stencil:
    """The derivative half a cell to the left of cell 0, from cells; 0 interpolates.

    The same offsets plus one give the derivative at a cell from the faces around it, where face 0 is its left one.

    >>> staggered(0, 2), staggered(1, 2)
    (Stencil(offsets=(-1, 0), coefficients=(0.5, 0.5)), Stencil(offsets=(-1, 0), coefficients=(-1.0, 1.0)))
    """
    reach = derivative // 2 + order // 2
    offsets = range(-reach, reach)
    return _kept(offsets, weights([k + 0.5 for k in offsets], derivative), derivative)


def _kept(offsets: Sequence[int], w: np.ndarray, derivative: int) -> Stencil:
    """The symmetric or antisymmetric part, exactly, without zeros."""
    w = (w + (-1) ** derivative * w[::-1]) / 2
    kept = [(k, float(c)) for k, c in zip(offsets, w, strict=True) if abs(c) > 1e-13]
    return Stencil(tuple(k for k, _ in kept), tuple(c for _, c in kept))


@dataclass(frozen=True)
class Differences:
    """Finite differences of one order of accuracy.

    Attributes
    ----------
    order : int
    cell : callable
        ``cell(derivative)`` is the `Stencil` of a derivative at a cell, from cells; symmetric or antisymmetric.
    face : callable
        ``face(derivative)`` is that half a cell to the left of cell 0, from cells; 0 interpolates.
    reference : str

    References
    ----------
    Fornberg, Mathematics of Computation 51 (1988) 699-706.

    Examples
    --------
    >>> second = STENCILS["2"]
    >>> second.cell(2)
    Stencil(offsets=(-1, 0, 1), coefficients=(1.0, -2.0, 1.0))
    >>> second.face(1)
    Stencil(offsets=(-1, 0), coefficients=(-1.0, 1.0))
    """

    order: int
    cell: Callable[[int], Stencil]
    face: Callable[[int], Stencil]
    reference: str


#: By the order of accuracy as text, which is what `PDESystem.discretize` is asked for.
STENCILS: Registry[Differences] = Registry("order of differences")
for _order in (2, 4, 6):
    STENCILS.register(
        str(_order),
        Differences(
            _order, partial(centred, order=_order), partial(staggered, order=_order),
            "B. Fornberg, Mathematics of Computation 51 (1988) 699-706",
        ),
    )  # fmt: skip


def differences(order: int) -> Differences:
    """The finite differences of an order of accuracy.

    >>> differences(4).cell(1).offsets
    (-2, -1, 1, 2)
    """
    return STENCILS[str(order)]
