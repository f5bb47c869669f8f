"""Reduction of large systems and of measured series to a few coordinates, which are systems again.

>>> import numpy as np, symdyn as sd
>>> heat = sd.PDESystem.from_text("u' = D*laplacian(u); D = 0.1", domain=(0, 1), initial={"u": "cos(pi*x) + cos(3*pi*x)"})
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
    from symdyn.reduction.assimilation import Assimilation
    from symdyn.reduction.delay_maps import DelayMap
    from symdyn.reduction.hankel import DelayCoordinates, delays
    from symdyn.reduction.havok import HavokSystem
    from symdyn.reduction.interpolation import Interpolation
    from symdyn.reduction.operator_inference import infer
    from symdyn.reduction.pods import pod
    from symdyn.reduction.reduced import ReducedSystem

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "assimilation": ("Assimilation",),
        "delay_maps": ("DelayMap",),
        "hankel": ("DelayCoordinates", "delays"),
        "havok": ("HavokSystem",),
        "interpolation": ("Interpolation",),
        "operator_inference": ("infer",),
        "pods": ("pod",),
        "reduced": ("ReducedSystem",),
    },
)
