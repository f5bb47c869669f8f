r"""All eigenvalues of a nonlinear eigenvalue problem :math:`T(\lambda) x = 0` in a region.

Rectangles are halved until each contains few eigenvalues, counted by winding numbers; from contour integrals of
:math:`T^{-1}` around each follow its eigenvalues, as many as were counted.

References
----------
Beyn, Linear Algebra and its Applications 436 (2012) 3839-3863; Güttel & Tisseur, Acta Numerica 26 (2017) 1-94, section 5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symdyn.cells._ellipse import on_ellipse
from symdyn.cells._regions import CUTS, SearchRectangle, read_region
from symdyn.cells.winding import Phased, Winding
from symdyn.errors import SymdynError

__all__ = ["eigenpairs", "roots"]

#: Eigenvalues in a rectangle at most, and its longer side against the shorter.
FEW, LONG = 24, 2.5
#: How often a rectangle may be halved.
DEPTH = 40


def roots(matrices: Callable[[np.ndarray], np.ndarray], region: Any) -> tuple[np.ndarray, np.ndarray]:
    r"""Every eigenvalue of a holomorphic matrix function in a region, with multiplicity, and its vector.

    Parameters
    ----------
    matrices : callable
        T, from (k,) complex to (k, N, N), holomorphic in the region and around it.
    region : pair of complex corners, ((re, re), (im, im)) or (re, re, im, im)

    Returns
    -------
    eigenvalues : (r,) complex array
        By falling real part.
    vectors : (N, r) complex array
        Of norm 1.

    Raises
    ------
    DeclarationError
        For a region that is empty or cannot be read.
    SymdynError
        If an eigenvalue lies on the boundary, or contour integrals do not give as many as the winding number counts.

    Examples
    --------
    >>> found, _ = roots(lambda z: (np.exp(z) - 1)[:, None, None] * np.eye(1), (-1 - 1j, 1 + 8j))
    >>> found.round(6) + 0  # no signs of zeros
    array([0.+0.j      , 0.+6.283185j])
    """
    found, vectors = eigenpairs(matrices, lambda z: np.linalg.slogdet(matrices(z)), np.empty(0, complex), read_region(region))
    order = np.lexsort((found.imag, -found.real.round(9)))
    return found[order] + 0.0, vectors[:, order]


def eigenpairs(
    matrices: Callable[[np.ndarray], np.ndarray],
    characteristic: Phased,
    poles: np.ndarray,
    region: SearchRectangle,
    limit: float = -np.inf,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Every eigenvalue in a region, where a cheaper function than det T has the same zeros.

    Parameters
    ----------
    matrices : callable
        T, from (k,) complex to (k, N, N), holomorphic in the region and a little around it.
    characteristic : callable
        A function f with :math:`\det T = f \prod_k(\lambda - p_k)`, as phase and logarithm of its modulus (see `Winding`).
    poles : (p,) complex array
        These :math:`p_k`.
    region : SearchRectangle
    limit : float
        T need not be holomorphic where the real part is smaller.

    Returns
    -------
    eigenvalues : (r,) complex array
    vectors : (N, r) complex array
        Of norm 1.

    Raises
    ------
    SymdynError
        If contour integrals do not give as many eigenvalues as the winding number counts, even of tiny parts of the region.
    """
    winding = Winding(characteristic, poles)
    values, vectors = [], []
    parts = [(region, _count(winding, region), 0)]
    while parts:
        part, count, depth = parts.pop()
        if count == 0:
            continue
        reach = part.width * (np.sqrt(2) - 1) / 2
        simple = count <= FEW and max(part.width, part.height) <= LONG * min(part.width, part.height)
        if simple and part.low.real - reach > limit:
            found = on_ellipse(matrices, part, count)
            if found is not None:
                values.append(found[0])
                vectors.append(found[1])
                continue
        if depth == DEPTH:
            raise SymdynError(f"{part} holds {count} eigenvalues that contour integrals do not resolve; choose another region")
        parts += [(half, n, depth + 1) for half, n in _halved(winding, part, count)]
    if not values:
        return np.empty(0, complex), np.empty((0, 0), complex)
    return np.concatenate(values), np.concatenate(vectors, axis=1)


def _count(winding: Winding, region: SearchRectangle) -> int:
    return winding.around(region) + int(region.contains(winding.poles).sum())


def _halved(winding: Winding, part: SearchRectangle, count: int) -> list[tuple[SearchRectangle, int]]:
    """Two parts with the numbers of their eigenvalues; none may lie on the cut."""
    problem: SymdynError | None = None
    for share in CUTS:
        halves = part.halves(share)
        try:
            counts = [_count(winding, half) for half in halves]
        except SymdynError as e:
            problem = e
            continue
        if sum(counts) == count and min(counts) >= 0:
            return list(zip(halves, counts, strict=True))
        problem = SymdynError(
            f"{part} holds {count} eigenvalues, its halves {counts[0]} and {counts[1]}; choose another region"
        )
    assert problem is not None
    raise problem
