"""Cells coupled by a diffusing signal: one declaration, and the routes from it.

>>> import symdyn as sd
>>> from symdyn.models import zoo
>>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(),
...     secreted="v", influx=0.8, efflux=0.2)
>>> float(cell.steady_state({"D": 1, "tau": 0.55}).v[0].round(4))
1.3104

Names are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symdyn.cells.exchange import AsymptoticExchange
    from symdyn.cells.figures import animate_colony, draw, plot_bulk, plot_hopf, plot_mode, plot_traces
    from symdyn.cells.full import FullBulkCells
    from symdyn.cells.greens import greens_function
    from symdyn.cells.meshing import mesh_domain
    from symdyn.cells.modal import neumann_modes
    from symdyn.cells.one_cell import OneCellExchange
    from symdyn.cells.phases import cell_traces, cycle_lengths, extremes, order_parameter, period, phase, phase_lag, synchrony
    from symdyn.cells.reduction import ReducedCells
    from symdyn.cells.spectrum import Spectrum

_MODULES = {
    "symdyn.cells.exchange": ("AsymptoticExchange",),
    "symdyn.cells.figures": (
        "animate_colony",
        "draw",
        "plot_bulk",
        "plot_hopf",
        "plot_mode",
        "plot_traces",
    ),
    "symdyn.cells.full": ("FullBulkCells",),
    "symdyn.cells.greens": ("greens_function",),
    "symdyn.cells.meshing": ("mesh_domain",),
    "symdyn.cells.modal": ("neumann_modes",),
    "symdyn.cells.one_cell": ("OneCellExchange",),
    "symdyn.cells.phases": (
        "cell_traces",
        "cycle_lengths",
        "extremes",
        "order_parameter",
        "period",
        "phase",
        "phase_lag",
        "synchrony",
    ),
    "symdyn.cells.reduction": ("ReducedCells",),
    "symdyn.cells.spectrum": ("Spectrum",),
}
_LAZY = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AsymptoticExchange",
    "FullBulkCells",
    "OneCellExchange",
    "ReducedCells",
    "Spectrum",
    "animate_colony",
    "cell_traces",
    "cycle_lengths",
    "draw",
    "extremes",
    "greens_function",
    "mesh_domain",
    "neumann_modes",
    "order_parameter",
    "period",
    "phase",
    "phase_lag",
    "plot_bulk",
    "plot_hopf",
    "plot_mode",
    "plot_traces",
    "synchrony",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = globals()[name] = getattr(importlib.import_module(_LAZY[name]), name)
        return value
    raise AttributeError(f"module '{__name__}' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
