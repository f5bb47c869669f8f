"""Occupation numbers and the matrices of ladder operators between them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np
import scipy.sparse as ss

__all__ = ["box_ladders", "exchanged", "jordan_wigner", "normal_ordered", "occupations", "projected"]


def occupations(modes: int, number: int, highest: int | None = None) -> np.ndarray:
    """All ways to put particles into modes.

    Parameters
    ----------
    modes, number : int
        Numbers of modes and of particles.
    highest : int, optional
        Most particles in one mode: 1 for fermions.

    Returns
    -------
    (D, modes) int64
        Those with particles in the first modes come first.

    Examples
    --------
    >>> occupations(3, 2, highest=1).tolist()
    [[1, 1, 0], [1, 0, 1], [0, 1, 1]]
    """
    top = number if highest is None else highest

    def fill(left: int, places: int) -> Iterator[tuple[int, ...]]:
        if places == 0:
            if left == 0:
                yield ()
            return
        for here in range(min(left, top), -1, -1):
            for rest in fill(left - here, places - 1):
                yield (here, *rest)

    found = list(fill(number, modes))
    return np.array(found, dtype=np.int64).reshape(len(found), modes)


def exchanged(coefficients: np.ndarray, basis: np.ndarray, *, fermions: bool) -> ss.csr_array:
    r"""The matrix of :math:`\sum_{jk} K_{jk} a_j^\dagger a_k` between normalised states of one number of particles.

    Bosons: :math:`a_j^\dagger a_k |n\rangle = \sqrt{n_k (n_j + 1)}\, |n - e_k + e_j\rangle`; fermions have the sign of the
    particles that are passed over (Jordan and Wigner).

    Parameters
    ----------
    coefficients : (m, m) array of float or complex
        K.
    basis : (D, m) int64
        As `occupations` gives it.
    fermions : bool

    Returns
    -------
    (D, D) scipy.sparse.csr_array of complex128

    Examples
    --------
    >>> two = occupations(2, 2)  # 20, 11, 02
    >>> exchanged(np.array([[0, 1], [0, 0]]), two, fermions=False).toarray().real.round(6).tolist()
    [[0.0, 1.414214, 0.0], [0.0, 0.0, 1.414214], [0.0, 0.0, 0.0]]
    """
    place = {tuple(row): i for i, row in enumerate(basis.tolist())}
    rows, columns, values = [], [], []
    for column, start in enumerate(basis.tolist()):
        for k in range(basis.shape[1]):
            if not start[k]:
                continue
            taken = start.copy()
            taken[k] -= 1
            for j in np.flatnonzero(coefficients[:, k]).tolist():
                if fermions and taken[j]:
                    continue
                size = -1.0 if fermions and (sum(start[:k]) + sum(taken[:j])) % 2 else 1.0
                if not fermions:
                    size = math.sqrt(start[k] * (taken[j] + 1))
                end = taken.copy()
                end[j] += 1
                rows.append(place[tuple(end)])
                columns.append(column)
                values.append(size * coefficients[j, k])
    shape = (len(basis), len(basis))
    return ss.csr_array(ss.coo_array((np.array(values, dtype=complex), (rows, columns)), shape=shape))


def projected(amplitudes: np.ndarray, basis: np.ndarray) -> np.ndarray:
    r"""The part of :math:`e^{\sum \alpha_j a_j^\dagger} |0\rangle` on a basis: :math:`\prod_j \alpha_j^{n_j} / \sqrt{n_j!}`.

    Parameters
    ----------
    amplitudes : (m,) array of float or complex
    basis : (D, m) int64

    Returns
    -------
    (D,) complex128

    Examples
    --------
    >>> projected(np.array([2.0, 3.0]), occupations(2, 1)).real.tolist()
    [2.0, 3.0]
    """
    roots = np.array([math.sqrt(math.factorial(n)) for n in range(int(basis.max(initial=0)) + 1)])
    return np.prod(np.asarray(amplitudes, dtype=complex) ** basis / roots[basis], axis=1)


def box_ladders(sizes: Sequence[int]) -> tuple[list[ss.csr_array], list[ss.csr_array]]:
    """Annihilators and creators of Doi and Peliti, a|n> = n |n-1> and a+|n> = |n+1>, on a box of states.

    Products that create last lose what would leave the box, as a projection on finitely many states does.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of states of each mode, which has fewer particles.

    Returns
    -------
    annihilators, creators : list of scipy.sparse.csr_array of float64
        One for each mode; the first mode is the slowest index.

    Examples
    --------
    >>> (a,), (c,) = box_ladders([3])
    >>> (c @ a).toarray().tolist()  # the number of particles
    [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]]
    """
    down = [ss.csr_array(ss.diags_array(np.arange(1.0, m), offsets=1, shape=(m, m))) for m in sizes]
    up = [ss.csr_array(ss.diags_array(np.ones(m - 1), offsets=-1, shape=(m, m))) for m in sizes]
    return [_lifted(a, i, sizes) for i, a in enumerate(down)], [_lifted(a, i, sizes) for i, a in enumerate(up)]


def _lifted(one: ss.csr_array, place: int, sizes: Sequence[int]) -> ss.csr_array:
    """An operator of one mode among the others; the first mode is the slowest index."""
    parts = [one if i == place else ss.eye_array(m) for i, m in enumerate(sizes)]
    return ss.csr_array(reduce(lambda a, b: ss.kron(a, b, format="csr"), parts))


def jordan_wigner(modes: int) -> list[ss.csr_array]:
    r"""Annihilators of fermions as matrices (2^modes, 2^modes), :math:`a_j = Z^{\otimes j} \otimes \sigma \otimes 1 \cdots`.

    Parameters
    ----------
    modes : int

    Returns
    -------
    list of scipy.sparse.csr_array of float64
        Bit j of an index, from the left, is the occupation of mode j.

    Examples
    --------
    >>> a, b = jordan_wigner(2)
    >>> float(abs(a @ b + b @ a).max()), (a @ a.T + a.T @ a).toarray().diagonal().tolist()
    (0.0, [1.0, 1.0, 1.0, 1.0])
    """
    sigma, sign, one = ss.csr_array([[0.0, 1.0], [0.0, 0.0]]), ss.csr_array([[1.0, 0.0], [0.0, -1.0]]), ss.eye_array(2)
    found = []
    for j in range(modes):
        parts = [*[sign] * j, sigma, *[one] * (modes - j - 1)]
        found.append(ss.csr_array(reduce(lambda a, b: ss.kron(a, b, format="csr"), parts)))
    return found


def normal_ordered(
    matrix: Any, modes: int, order: int | None = None, tolerance: float = 1e-12
) -> dict[tuple[tuple[int, ...], tuple[int, ...]], complex]:
    r"""An operator in creators and annihilators of fermions, the creators in front.

    .. math:: O = \sum_{A, B} c_{AB}\; a_{A_1}^\dagger \cdots a_{A_k}^\dagger\, a_{B_l} \cdots a_{B_1}

    Between states of few particles only terms of few occur: coefficients follow one after the other,
    :math:`c_{AB} = \langle A|O|B\rangle - \sum_{C} \pm c_{A \setminus C, B \setminus C}` over the non-empty sets C of
    particles that both states have.

    Parameters
    ----------
    matrix : (2^modes, 2^modes) array or sparse array
        In the basis of `jordan_wigner`.
    modes : int
    order : int, optional
        Most creators and most annihilators of a term; by default all.
    tolerance : float
        Coefficients of smaller modulus are left out.

    Returns
    -------
    dict from (A, B), tuples of modes, to complex
        By rising numbers of operators.

    Examples
    --------
    >>> a = jordan_wigner(2)
    >>> normal_ordered(a[0] @ a[0].T, 2)  # a a+ = 1 - a+ a
    {((), ()): (1+0j), ((0,), (0,)): (-1+0j)}
    """
    most = modes if order is None else order
    rows = ss.coo_array(matrix)
    entries: dict[tuple[int, int], complex] = {}
    for i, j, v in zip(*rows.coords, rows.data, strict=True):
        entries[int(i), int(j)] = entries.get((int(i), int(j)), 0j) + complex(v)
    sets = [c for k in range(most + 1) for c in itertools.combinations(range(modes), k)]
    found: dict[tuple[tuple[int, ...], tuple[int, ...]], complex] = {}
    for left, right in sorted(itertools.product(sets, sets), key=lambda pair: (len(pair[0]) + len(pair[1]), pair)):
        place = tuple(sum(1 << (modes - 1 - m) for m in states) for states in (left, right))
        value = entries.get((place[0], place[1]), 0j)
        shared = sorted(set(left) & set(right))
        for size in range(1, len(shared) + 1):
            for common in itertools.combinations(shared, size):
                one, other = (tuple(m for m in states if m not in common) for states in (left, right))
                if (one, other) in found:
                    value -= found[one, other] * _sign(one, common) * _sign(other, common)
        if abs(value) > tolerance:
            found[left, right] = value
    return found


def _sign(first: Sequence[int], then: Sequence[int]) -> int:
    """The sign of the permutation that sorts one rising sequence followed by another."""
    return -1 if sum(a > b for a in first for b in then) % 2 else 1
