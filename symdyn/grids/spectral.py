r"""Rates on a periodic box with derivatives by Fourier transforms, and dealiased products.

.. math:: \widehat{\partial^m u}_k = (ik)^m \hat u_k

Products of two fields with wavenumbers up to :math:`K < n/3` alias to wavenumbers above K only; with `dealias` all pointwise
products are computed from fields truncated at K, and truncated at K themselves (the two thirds rule).

References
----------
Orszag, Journal of the Atmospheric Sciences 28 (1971) 1074; Boyd, Chebyshev and Fourier Spectral Methods, 2nd ed. (2001), 11.5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp

from symdyn.codegen.lower import lower
from symdyn.grids.interpolation import with_weights
from symdyn.grids.linear_part_axes import axis_modes
from symdyn.grids.spectral_plan import SpectralPlan
from symdyn.grids.spectral_points import PointFunction
from symdyn.grids.spectral_rates import SpectralRates
from symdyn.models.pde import PDESystem

__all__ = ["SpectralModel"]


class SpectralModel:
    """The rates of a system on n points along each axis of a periodic box.

    A state y holds the fields one after the other, each in C order, then the scalars.

    Parameters
    ----------
    pde : PDESystem
    shape : tuple of int
    dealias : bool
        Whether to apply the two thirds rule.
    threads : int, optional
    ends, numbers : sequences of Expr, optional
        What is computed in place of the rates: expressions that vary in space, and others.

    Raises
    ------
    DeclarationError
        For systems with walls.
    """

    def __init__(
        self,
        pde: PDESystem,
        shape: Sequence[int],
        *,
        dealias: bool = True,
        threads: int | None = None,
        ends: Sequence[sp.Expr] | None = None,
        numbers: Sequence[sp.Expr] | None = None,
    ) -> None:
        weighted = with_weights(pde, shape, None)
        pde, ends, numbers = (
            pde.map_expressions(weighted),
            *(None if a is None else [*map(weighted, a)] for a in (ends, numbers)),
        )
        self.pde, self.shape, self.dealias = pde, tuple(shape), bool(dealias)
        self.plan = SpectralPlan(pde, ends, numbers)
        self.parameters = pde.parameters
        box = pde.domain.box
        self.spacing = tuple(((box[1] - box[0]) / np.array(self.shape)).tolist())
        self.axes = [axis_modes(n, h, None, "periodic", "periodic") for n, h in zip(self.shape, self.spacing, strict=True)]
        self.cells = int(np.prod(self.shape))
        self.size = len(pde.fields) * self.cells + len(pde.scalars)
        self.functions = [PointFunction(pde, p, self.plan, self.shape) for p in self.plan.passes]
        blocks = [("lane", [pde.time]), ("y", []), ("p", self.plan.known)]
        scalars = self.plan.scalars
        self.scalars = lower("scalars", blocks, scalars, [""] * len(scalars)) if scalars else None
        self._bound: tuple[bytes, SpectralRates] | None = None
        self.threads = threads

    @property
    def source(self) -> str:
        """LLVM IR of the functions of points."""
        return "\n".join(f.source for f in self.functions)

    @property
    def compile_seconds(self) -> float:
        """Time that generating, compiling and loading them took."""
        return sum(f.compile_seconds for f in self.functions)

    def bound(self, p: np.ndarray) -> SpectralRates:
        """The rates for one set of parameters."""
        key = np.asarray(p, float).tobytes()
        known = self._bound
        if known is None or known[0] != key:
            self._bound = known = key, SpectralRates(self, np.asarray(p, float))
        return known[1]

    def rates(self, y: np.ndarray, t: float, p: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Rates (size,) of a state (size,)."""
        return self.bound(p).rates(y, t, np.empty(self.size) if out is None else out)
