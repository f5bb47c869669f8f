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

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.cells.exchange import AsymptoticExchange
    from symdyn.cells.figures import animate_colony, draw, plot_bulk, plot_hopf, plot_mode, plot_traces
    from symdyn.cells.finite_elements import mesh_domain
    from symdyn.cells.full import FullBulkCells
    from symdyn.cells.greens import greens_function
    from symdyn.cells.modal import neumann_modes
    from symdyn.cells.one_cell import OneCellExchange
    from symdyn.cells.phases import cell_traces, cycle_lengths, extremes, order_parameter, period, phase, phase_lag, synchrony
    from symdyn.cells.reduction import ReducedCells
    from symdyn.cells.spectrum import Spectrum

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "exchange": ("AsymptoticExchange",),
        "figures": ("animate_colony", "draw", "plot_bulk", "plot_hopf", "plot_mode", "plot_traces"),
        "finite_elements": ("mesh_domain",),
        "full": ("FullBulkCells",),
        "greens": ("greens_function",),
        "modal": ("neumann_modes",),
        "one_cell": ("OneCellExchange",),
        "phases": ("cell_traces", "cycle_lengths", "extremes", "order_parameter", "period", "phase", "phase_lag", "synchrony"),
        "reduction": ("ReducedCells",),
        "spectrum": ("Spectrum",),
    },
)
