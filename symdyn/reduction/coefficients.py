"""Coefficients of polynomials of degree 3 at most from their values, exactly."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

__all__ = ["polynomial_coefficients"]

#: Points whose values are computed at once.
BLOCK = 256


def polynomial_coefficients(
    at: Callable[[np.ndarray], np.ndarray], basis: np.ndarray, offset: np.ndarray, degree: int, test: np.ndarray
) -> dict[tuple[int, ...], np.ndarray]:
    r"""The polynomial :math:`z \mapsto T^\top f(o + B z)` as coefficients by monomial.

    Parameters
    ----------
    at : callable, (n, k) -> (n, k)
        f, a polynomial of the degree at most.
    basis : (n, r) float64
        B.
    offset : (n,) float64
        o.
    degree : {0, 1, 2, 3}
    test : (n, s) float64
        T.

    Returns
    -------
    dict
        From sorted places such as ``(0, 2, 2)`` to coefficients (s,).

    Examples
    --------
    >>> found = polynomial_coefficients(lambda u: u**2 + 3, np.array([[1.0, 2.0]]), np.array([1.0]), 2, np.eye(1))
    >>> {k: float(c[0]) for k, c in found.items()}
    {(): 4.0, (0,): 2.0, (1,): 4.0, (0, 0): 1.0, (1, 1): 4.0, (0, 1): 4.0}
    """
    r = basis.shape[1]

    def points(*rows: list[tuple[int, float]]) -> np.ndarray:
        """T' f at sums of multiples of columns, (s, k)."""
        found = []
        for begin in range(0, len(rows), BLOCK):
            chosen = rows[begin : begin + BLOCK]
            z = np.zeros((r, len(chosen)))
            for k, row in enumerate(chosen):
                for i, x in row:
                    z[i, k] += x
            found.append(test.T @ at(offset[:, None] + basis @ z))
        return np.concatenate(found, axis=1) if found else np.zeros((test.shape[1], 0))

    constant = points([])[:, 0]
    total: dict[tuple[int, ...], np.ndarray] = {(): constant}
    if degree == 0:
        return total
    plus = points(*([(i, 1.0)] for i in range(r))).T
    if degree == 1:
        return total | {(i,): plus[i] - constant for i in range(r)}
    minus = points(*([(i, -1.0)] for i in range(r))).T
    odd, even = (plus - minus) / 2, (plus + minus) / 2 - constant
    cubes = np.zeros_like(odd)
    if degree == 3:
        cubes = (points(*([(i, 2.0)] for i in range(r))).T - constant - 4 * even - 2 * odd) / 6
    total |= {(i,): odd[i] - cubes[i] for i in range(r)}
    total |= {(i, i): even[i] for i in range(r)}
    pairs = list(combinations(range(r), 2))
    both = points(*([(i, 1.0), (j, 1.0)] for i, j in pairs)).T
    mixed = {(i, j): both[k] - plus[i] - plus[j] + constant for k, (i, j) in enumerate(pairs)}
    if degree == 2:
        return total | mixed
    total |= {(i, i, i): cubes[i] for i in range(r)}
    forward = points(*([(i, 1.0), (j, -1.0)] for i, j in pairs)).T
    backward = points(*([(i, -1.0), (j, 1.0)] for i, j in pairs)).T
    for k, (i, j) in enumerate(pairs):
        second = (mixed[i, j] + forward[k] - plus[i] - minus[j] + constant) / 2
        first = (mixed[i, j] + backward[k] - minus[i] - plus[j] + constant) / 2
        total |= {(i, i, j): first, (i, j, j): second, (i, j): mixed[i, j] - first - second}
    triples = list(combinations(range(r), 3))
    three = points(*([(i, 1.0), (j, 1.0), (k, 1.0)] for i, j, k in triples)).T
    for place, (i, j, k) in enumerate(triples):
        lower = plus[i] + plus[j] + plus[k] - 2 * constant + mixed[i, j] + mixed[i, k] + mixed[j, k]
        total[i, j, k] = three[place] - lower
    return total
