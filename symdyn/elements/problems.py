r"""Fields on elements as a problem for `symdyn.integration.integrate`: what is linear implicitly, the rest explicitly."""

from __future__ import annotations

import threading
from functools import lru_cache, partial
from typing import Any

import numpy as np
import scipy.sparse as sps
from scipy.sparse.linalg import splu

from symdyn.elements.forms import WeakRates
from symdyn.integration.problem import SplitProblem

__all__ = ["ElementProblem"]

#: Factorisations that are kept.
KEPT = 8


def _factors(mass: Any, matrix: Any, c: float) -> Any:
    return splu(sps.csc_matrix(mass - c * matrix))


class ElementProblem(SplitProblem):
    r""":math:`M' \dot y = A y + r(y, t)`, with rows of the identity in M' for values that are given on the boundary.

    Parameters
    ----------
    forms : WeakRates
    p : (k,) array
    """

    # given values and fluxes at the wall are none of those that A has
    corrected = True
    factorised = True

    def __init__(self, forms: WeakRates, p: np.ndarray) -> None:
        self.forms, self.p = forms, np.ascontiguousarray(p, float)
        self.size = self.modes = forms.size
        self.blocks = [slice(k * forms.cells, (k + 1) * forms.cells) for k in range(forms.fields)]
        self.matrix = forms.linear(0.0, self.p)
        self._lock = threading.Lock()
        self._factors = lru_cache(maxsize=KEPT)(partial(_factors, forms.mass, self.matrix))

    def _factor(self, c: float) -> Any:
        with self._lock:
            return self._factors(c)

    def rates(self, y: np.ndarray, t: float, out: np.ndarray) -> np.ndarray:
        out[...] = self._factor(0.0).solve(self.forms.right(y, t, self.p))
        return out

    def nonlinear(self, z: np.ndarray, t: float, out: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        out[...] = self._factor(0.0).solve(self.forms.right(z, t, self.p) - self.matrix @ z)
        return out

    def linear(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        out[...] = self._factor(0.0).solve(self.matrix @ z)
        return out

    def solve(self, c: float, r: np.ndarray, out: np.ndarray, product: np.ndarray | None) -> None:
        found = self._factor(c).solve(self.forms.mass @ r)
        if product is not None:
            product[...] = (found - r) / c
        out[...] = found
