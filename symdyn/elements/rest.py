"""Fields on elements at rest."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sps

from symdyn.elements.system import ElementSystem
from symdyn.errors import DeclarationError
from symdyn.integration.rest import RestProblem

__all__ = ["ElementRest", "element_rest"]


def element_rest(system: ElementSystem) -> ElementRest:
    """The stationary equations of fields on elements.

    Parameters
    ----------
    system : ElementSystem

    Returns
    -------
    ElementRest

    Raises
    ------
    DeclarationError
        For equations that depend on time.

    Examples
    --------
    >>> import symdyn as sd
    >>> disc = sd.PDESystem.from_text("u' = laplacian(u) - u", domain=sd.Disk(1)).mesh(0.5)
    >>> rest = disc.at_rest()
    >>> bool(np.isclose(rest.residual(np.ones(rest.size), np.empty(0)).sum(), -np.pi, rtol=1e-3))  # the integral of -u
    True
    """
    return ElementRest(system)


class ElementRest(RestProblem):
    """The weak form of the rates, and u - g at the unknowns whose values g are given.

    Parameters
    ----------
    system : ElementSystem
    """

    def __init__(self, system: ElementSystem) -> None:
        forms = system.forms
        walls = [row[0][0].value for row in system.conditions.values()]
        free = set().union(*(e.free_symbols for e in (*system.rates, *walls)))
        if system.time in free:
            raise DeclarationError(f"the equations depend on {system.time}; steady states need an autonomous system")
        self.system, self.forms, self.size = system, forms, forms.size
        self.blocks = [slice(k * forms.cells, (k + 1) * forms.cells) for k in range(forms.fields)]
        weights = np.asarray(abs(system.elements.mass).sum(axis=0)).ravel()
        self.weights = np.tile(weights / weights.sum(), forms.fields)
        self._held = sps.diags((~forms.free).astype(float))
        self.mass = (sps.diags(forms.free.astype(float)) @ forms.mass).tocsc()

    def residual(self, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        out = self.forms.weak(y, 0.0, p)
        out[~self.forms.free] = y[~self.forms.free] - self.forms.given(y, 0.0, p)
        return out

    def jacobian(self, y: np.ndarray, p: np.ndarray, sizes: np.ndarray) -> sps.csc_matrix:
        return (self.forms.jacobian(y, 0.0, p) + self._held).tocsc()

    def shifts(self, y: np.ndarray) -> np.ndarray:
        return np.empty((self.size, 0))  # turning a pattern on a disc is no symmetry of its mesh
