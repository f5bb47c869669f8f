r"""Distributions carried through time by :math:`\exp(A h)`, with their derivatives, by a rational approximation.

The best rational approximation of order 16 of exp on the negative axis is within :math:`2 \cdot 10^{-16}` there (Pusa, Nucl.
Sci. Eng. 182, 297 (2016), table of poles and residues of the incomplete partial fractions); eigenvalues of generators lie at
or near that axis.  Each factor takes one sparse factorisation, of which the derivatives make use too:
with :math:`z = (A h - \theta)^{-1} y` the derivative of z is :math:`(A h - \theta)^{-1} (\dot y - \dot A h z)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.sparse as ss
from scipy.linalg.lapack import zgbtrf, zgbtrs
from scipy.sparse.linalg import splu

__all__ = ["Generators", "carried"]

POLES = np.array([
    3.509103608414918 + 8.436198985884374j, 5.948152268951177 + 3.587457362018322j,
    -5.264971343442647 + 16.22022147316793j, 1.419375897185666 + 10.92536348449672j,
    6.416177699099435 + 1.194122393370139j, 4.993174737717997 + 5.996881713603942j,
    -1.413928462488886 + 13.49772569889275j, -10.84391707869699 + 19.27744616718165j,
])  # fmt: skip
RESIDUES = np.array([
    5.464930576870210e3 - 3.797983575308356e4j, 9.045112476907548e1 - 1.115537522430261e3j,
    2.344818070467641e2 - 4.228020157070496e2j, 9.453304067358312e1 - 2.951294291446048e2j,
    7.283792954673409e2 - 1.205646080220011e5j, 3.648229059594851e1 - 1.155509621409682e2j,
    2.547321630156819e1 - 2.639500283021502e1j, 2.394538338734709e1 - 5.650522971778156e0j,
])  # fmt: skip
LIMIT = 2.124853710495224e-16
#: Widest band in which systems are factorised as banded ones.
BAND = 12


class Generators:
    r"""Generators :math:`A = \sum_r B_r\,\mathrm{diag}(a_r)` of one network, for any propensities a.

    Parameters
    ----------
    parts : sequence of sparse (n, n)
        The matrices B.
    """

    def __init__(self, parts: Sequence[ss.csc_array]) -> None:
        total = ss.csc_array(sum((abs(p) for p in parts[1:]), start=abs(parts[0])) + ss.eye_array(parts[0].shape[0]))
        total.sort_indices()
        self.size, self.indices, self.indptr = total.shape[0], total.indices, total.indptr
        self.columns = np.repeat(np.arange(self.size), np.diff(total.indptr))
        places = self.indices + self.columns * self.size  # increasing, for indices are sorted in each column
        self.parts = []
        for p in parts:
            entries = p.tocoo()
            data = np.zeros(len(places))
            np.add.at(data, np.searchsorted(places, entries.row + entries.col.astype(np.int64) * self.size), entries.data)
            self.parts.append(data)
        self.diagonal = np.flatnonzero(self.indices == self.columns)

        offsets = self.indices - self.columns
        self.below, self.above = int(offsets.max()), int(-offsets.min())
        self.banded = self.below + self.above <= BAND
        self._lines = [(int(d), np.flatnonzero(offsets == d)) for d in np.unique(offsets)] if self.banded else []

    def data(self, rates: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        """Entries of A for propensities (R, n)."""
        return sum((p * a[self.columns] for p, a in zip(self.parts, rates, strict=True)), start=np.zeros(len(self.columns)))

    def factorised(self, data: np.ndarray, pole: complex) -> Callable[[np.ndarray], np.ndarray]:
        """Solves systems (n, m) with the matrix of such entries less a multiple of the identity."""
        shifted = data.astype(complex)
        shifted[self.diagonal] -= pole
        if not self.banded:
            factors = splu(ss.csc_matrix((shifted, self.indices, self.indptr), shape=(self.size, self.size)))
            return lambda right: np.asarray(factors.solve(right.astype(complex)))
        kl, ku = self.below, self.above
        band = np.zeros((2 * kl + ku + 1, self.size), dtype=complex, order="F")
        band[kl + ku + self.indices - self.columns, self.columns] = shifted
        lu, pivots, _ = zgbtrf(band, kl, ku, overwrite_ab=1)
        return lambda right: np.asarray(zgbtrs(lu, kl, ku, right, pivots)[0])

    def product(self, data: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Multiplies (n, m) by the matrix of such entries."""
        if not self.banded:
            matrix = ss.csc_array((data, self.indices, self.indptr), shape=(self.size, self.size))
            return lambda z: np.asarray(matrix @ z)
        lines = [(d, self.columns[own], data[own, None]) for d, own in self._lines]

        def multiplied(z: np.ndarray) -> np.ndarray:
            found = np.zeros_like(z)
            for d, begins, values in lines:
                found[begins + d] += values * z[begins]
            return found

        return multiplied


def carried(
    generators: Generators, data: np.ndarray, slopes: np.ndarray, y: np.ndarray, dy: np.ndarray, time: float, pieces: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """``exp(A time) y`` and its derivatives.

    Parameters
    ----------
    generators : Generators
    data : (entries,) float64
        Of A.
    slopes : (P, entries) float64
        Of its derivatives; P may be 0.
    y : (n, m) float64
        Distributions as columns.
    dy : (P, n, m) float64
    time : float
    pieces : int
        Into which the time is cut, where eigenvalues are far from the negative axis.
    """
    step = time / pieces
    moving = [generators.product(s * step) for s in slopes]
    n, m = y.shape
    for _ in range(pieces):
        for pole, residue in zip(POLES, RESIDUES, strict=True):
            solve = generators.factorised(data * step, pole)
            z = solve(y)
            if len(moving):
                right = np.stack([d - a(z) for d, a in zip(dy, moving, strict=True)], axis=1)
                dz = solve(right.reshape(n, -1)).reshape(n, len(moving), m)
                dy = dy + 2 * (residue * dz).real.transpose(1, 0, 2)
            y = y + 2 * (residue * z).real
        y, dy = y * LIMIT, dy * LIMIT
    return y, dy
