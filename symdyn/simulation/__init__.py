"""Simulation: ensembles of trajectories from compiled kernels, as labelled data.

Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.simulation.run import simulate
    from symdyn.simulation.settings import Layout, Store

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "run": ("simulate",),
        "settings": (
            "Layout",
            "Store",
        ),
    },
)
