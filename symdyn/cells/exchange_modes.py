r"""Cells in their bulk in modes, in which the linear part is diagonal, as exponential methods need it.

Where a cell exchanges in both directions, :math:`C_j = B_j^T / w_j` with :math:`w_j = \tau d_{2j} / d_{1j}`, and
the linear part is symmetric in the scalar product of the masses :math:`G = (w, \tau M)`:

.. math:: G L = -\begin{pmatrix} w \ell & -B^T \\ -B & A \end{pmatrix}

All its modes are computed once for each set of parameters of the exchange; kinetics drive them through the rows of the cells.
Cells that only take up or only secrete stay out of the symmetric part: their exchange is in N.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg as sla

from symdyn.cells.finite_elements import BulkMatrices
from symdyn.errors import DeclarationError

__all__ = ["LARGEST", "ExchangeModes", "SpeciesModes"]

#: Unknowns of a species whose modes are computed: their number to the third power takes time, to the second memory.
LARGEST = 5000


class SpeciesModes:
    """One species of the bulk and the cells that exchange it in both directions.

    Parameters
    ----------
    matrices : BulkMatrices
    places : (m,) int array
        Of the secreted states among those of the cells.

    Attributes
    ----------
    eigenvalues : (K,) array
        Not positive.
    places, one_way : int arrays
        Of the states in the modes, and of those that are not, among those of the cells.
    """

    def __init__(self, matrices: BulkMatrices, places: np.ndarray) -> None:
        size = matrices.M.shape[0]
        if size > LARGEST:
            raise DeclarationError(
                f"exponential methods need all modes of the bulk, and this mesh has {size} unknowns, more than {LARGEST}; take "
                "a coarser mesh (mesh=0), or method='imex'"
            )
        sources, uptake = matrices.B.toarray(), matrices.C.toarray()
        both = sources.any(axis=0) & uptake.any(axis=1)
        self.places, self.one_way = places[both], places[~both]
        weights = sources[:, both].sum(axis=0) / uptake[both].sum(axis=1)
        first = weights.size
        masses, pull = np.zeros((first + size,) * 2), np.zeros((first + size,) * 2)
        masses[range(first), range(first)], pull[range(first), range(first)] = weights, weights * matrices.loss[both]
        masses[first:, first:], pull[first:, first:] = matrices.tau * matrices.M.toarray(), matrices.A.toarray()
        pull[:first, first:], pull[first:, :first] = -sources[:, both].T, -sources[:, both]
        decay, vectors = sla.eigh(pull, masses, driver="gvd")
        self.eigenvalues = -decay
        self._cells, self._bulk = vectors[:first], vectors[first:]
        self._weights, self._masses = weights, matrices.tau * matrices.M
        self._loss = matrices.loss[~both]
        self._taken_up, self._secreted = uptake[~both] @ self._bulk, self._bulk.T @ sources[:, ~both]

    def forward(self, cells: np.ndarray, bulk: np.ndarray) -> np.ndarray:
        """Modes (K,) of the states (n,) of the cells and the bulk (N,)."""
        return (self._weights * cells[self.places]) @ self._cells + (self._masses @ bulk) @ self._bulk

    def back(self, modes: np.ndarray, cells: np.ndarray, bulk: np.ndarray) -> None:
        """Fill the states of the cells in the modes, and the bulk."""
        cells[self.places] = self._cells @ modes
        np.dot(self._bulk, modes, out=bulk)

    def states(self, modes: np.ndarray, cells: np.ndarray) -> None:
        """Fill the states of the cells in the modes."""
        cells[self.places] = self._cells @ modes

    def drive(self, modes: np.ndarray, cells: np.ndarray, rates: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` (K,) with N, from the rates (n,) of the cells by their kinetics; add to these the exchange in one way."""
        np.dot(self._weights * rates[self.places], self._cells, out=out)
        if self.one_way.size:
            states = cells[self.one_way]
            rates[self.one_way] += self._taken_up @ modes - self._loss * states
            out += self._secreted @ states


class ExchangeModes:
    """The linear part of a colony, as `symdyn.integration.problem.DiagonalProblem` takes it.

    In the variables z the states of the cells come first that are in no modes, then the modes of each species.

    Parameters
    ----------
    matrices : list of BulkMatrices
    secreted : (S, m) int array
        Places of the secreted states among those of the cells.
    bulks : list of slice
        The bulk of each species in a state.
    """

    dtype = np.dtype(float)

    def __init__(self, matrices: list[BulkMatrices], secreted: np.ndarray, bulks: list[slice]) -> None:
        self.cells, self.size = bulks[0].start, bulks[-1].stop
        self.blocks = [slice(0, self.cells), *bulks]
        self._bulks = bulks
        self.species = [SpeciesModes(e, places) for e, places in zip(matrices, secreted, strict=True)]
        inside = np.concatenate([s.places for s in self.species])
        self.others = np.setdiff1d(np.arange(self.cells), inside)
        self.eigenvalues = np.concatenate([np.zeros(self.others.size), *(s.eigenvalues for s in self.species)])
        ends = self.others.size + np.cumsum([s.eigenvalues.size for s in self.species])
        self.parts = [slice(int(end) - s.eigenvalues.size, int(end)) for end, s in zip(ends, self.species, strict=True)]

    def forward(self, y: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Fill `out` with the z of a state y (size,)."""
        cells = y[: self.cells]
        out[: self.others.size] = cells[self.others]
        for species, bulk, part in zip(self.species, self._bulks, self.parts, strict=True):
            out[part] = species.forward(cells, y[bulk])
        return out

    def back(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Fill `out` (size,) with the state of z."""
        out[self.others] = z[: self.others.size]
        for species, bulk, part in zip(self.species, self._bulks, self.parts, strict=True):
            species.back(z[part], out[: self.cells], out[bulk])
        return out

    def states(self, z: np.ndarray) -> np.ndarray:
        """The states (n,) of the cells in z."""
        cells = np.empty(self.cells)
        cells[self.others] = z[: self.others.size]
        for species, part in zip(self.species, self.parts, strict=True):
            species.states(z[part], cells)
        return cells

    def drive(self, z: np.ndarray, cells: np.ndarray, rates: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Fill `out` with N at z, from the states (n,) of the cells and their rates (n,) by the kinetics."""
        for species, part in zip(self.species, self.parts, strict=True):
            species.drive(z[part], cells, rates, out[part])
        out[: self.others.size] = rates[self.others]
        return out
