"""Expressions of fields on a periodic box, with spectral derivatives, for the observables of a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft
import sympy as sp

from symdyn.grids.spectral import SpectralModel
from symdyn.models.pde import PDESystem

__all__ = ["SpectralObserver"]


class SpectralObserver:
    """Expressions that vary in space, and others, of states of a `SpectralModel`.

    Parameters
    ----------
    pde : PDESystem
        Periodic.
    shape : tuple of int
    ends, numbers : sequences of Expr
        Without vectors, as `components` gives them.
    """

    def __init__(self, pde: PDESystem, shape: Sequence[int], *, ends: Sequence[sp.Expr], numbers: Sequence[sp.Expr]) -> None:
        self._model = SpectralModel(pde, shape, dealias=False, ends=ends, numbers=numbers)
        self._count = len(ends)

    def rates(self, y: np.ndarray, t: float, p: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Their values for a state (size,): arrays one after the other, then numbers."""
        bound, model = self._model.bound(p), self._model
        total = self._count * model.cells + len(model.plan.scalars)
        found = np.empty(total) if out is None else out
        fields = len(model.pde.fields)
        arrays = np.reshape(y[: fields * model.cells], (fields, *model.shape))
        waves = scipy.fft.rfftn(arrays, axes=tuple(range(1, arrays.ndim)))
        made, numbers = bound.observed(waves, arrays, y[fields * model.cells :], t)
        found[: self._count * model.cells] = np.ravel(made)
        found[self._count * model.cells :] = numbers
        return found
