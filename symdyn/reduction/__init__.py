"""Reduction of large systems and of measured series to a few coordinates, which are systems again.

>>> import numpy as np, symdyn as sd
>>> heat = sd.PDESystem.from_text("u' = D*laplacian(u); D = 0.1", (0, 1), initial={"u": "cos(pi*x) + cos(3*pi*x)"})
>>> full = heat.discretize(32)
>>> small = sd.reduction.pod(full, sd.simulate(full, np.linspace(0, 1, 21), progress=False), modes=2)
>>> isinstance(small, sd.ODESystem), len(small.states)
(True, 2)

Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.reduction.pods import pod
    from symdyn.reduction.reduced import ReducedSystem

__getattr__, __dir__, __all__ = lazy(__name__, {"pods": ("pod",), "reduced": ("ReducedSystem",)})
