"""Expressions of arrays computed point by point, by the compiled loops that finite differences use too."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np
import sympy as sp

from symdyn.grids.model import GridModel
from symdyn.grids.spectral_plan import Pointwise, SpectralPlan
from symdyn.models.pde import PDESystem

__all__ = ["PointFunction"]


class PointFunction:
    """One pass on a grid: a model whose fields are the arrays that are read, and which differentiates none of them.

    Attributes
    ----------
    model : GridModel
    source, compile_seconds : str, float
        As of the model.
    count : int
        How many arrays are read.
    inputs : (n, *shape) array
        To be filled before a call; each thread has its own.
    """

    def __init__(self, pde: PDESystem, one: Pointwise, plan: SpectralPlan, shape: tuple[int, ...]) -> None:
        self._outputs = (len(one.outputs), *shape)
        fields = one.inputs or [sp.Dummy("nothing", real=True)]
        names = plan.names(len(fields))
        swap = dict(zip(fields, map(sp.Symbol, names), strict=True))
        ends = [e.xreplace(swap) for e in one.expressions]
        points = PDESystem(
            {swap[f]: sp.Add(*ends) for f in fields}, pde.domain, boundary="periodic", space=pde.space, time=pde.time
        )
        self.model = GridModel(points, shape, 2, ends=ends, numbers=())
        self.source, self.compile_seconds = self.model.source, self.model.compile_seconds
        self._given = [next(s for s in plan.known if s.name == p.name) for p in points.parameters]
        self.count: int = len(one.inputs)
        self._local = threading.local()

    @property
    def _state(self) -> np.ndarray:
        if not hasattr(self._local, "state"):
            self._local.state = np.zeros(self.model.size)
        return self._local.state

    @property
    def inputs(self) -> np.ndarray:
        return self._state.reshape(-1, *self.model.shape)[: self.count]

    def __call__(self, t: float, values: Mapping[sp.Symbol, float]) -> np.ndarray:
        """The outputs, (outputs, *shape)."""
        return self.model.rates(self._state, t, self.parameters(values)).reshape(self._outputs)

    def parameters(self, values: Mapping[sp.Symbol, float]) -> np.ndarray:
        """Those of the model, of all that is known."""
        return np.array([values[s] for s in self._given], dtype=float)
