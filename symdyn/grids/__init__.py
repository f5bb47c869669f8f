"""Fields on structured grids: discretisation of a `PDESystem` by the method of lines, and its way through time.

Names are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symdyn.grids.figures import animate, snapshots, space_time
    from symdyn.grids.manufactured_solutions import convergence, manufactured
    from symdyn.grids.system import GridSystem

_MODULES = {
    "symdyn.grids.figures": (
        "animate",
        "snapshots",
        "space_time",
    ),
    "symdyn.grids.manufactured_solutions": (
        "convergence",
        "manufactured",
    ),
    "symdyn.grids.system": ("GridSystem",),
}
_LAZY = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "GridSystem",
    "animate",
    "convergence",
    "manufactured",
    "snapshots",
    "space_time",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = globals()[name] = getattr(importlib.import_module(_LAZY[name]), name)
        return value
    raise AttributeError(f"module '{__name__}' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
