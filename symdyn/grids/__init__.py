"""Fields on structured grids: discretisation of a `PDESystem` by the method of lines, and integration in time.

Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.grids.figures import animate, snapshots, space_time
    from symdyn.grids.manufactured_solutions import convergence, manufactured
    from symdyn.grids.system import GridSystem

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "figures": ("animate", "snapshots", "space_time"),
        "manufactured_solutions": ("convergence", "manufactured"),
        "system": ("GridSystem",),
    },
)
