"""Trajectories of the full system, cells and finite elements: what `symdyn.simulate` calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.cells._full_run import integrate
from symdyn.cells.full import FullBulkCells

__all__ = ["run"]


def run(
    system: FullBulkCells,
    times: np.ndarray,
    *,
    initial: Mapping[Any, Any] | None,
    parameters: Mapping[Any, Any] | None,
    **options: Any,
) -> xr.Dataset:
    """Simulate, see `symdyn.simulate`, which calls this.

    Parameters
    ----------
    system : FullBulkCells
    times : (T,) array
    initial : mapping, optional
        Values of the cells' states by name, numbers or sweeps; of the bulk a number, a sympy expression of x and y, a
        function of arrays x and y, or 'steady' (at rest with the cells).
    parameters : mapping, optional
        Numbers or sweeps.
    **options
        method ('ark4', 'ark3' or 'sbdf2'), step (by default 0.15, 0.08 or 0.02 of the shortest time of the kinetics near
        the initial values), trajectories, threads, progress, on_failure.

    Returns
    -------
    xarray.Dataset
        Each state of the cells and the mean of the bulk with dims (sweeps..., ``trajectory``, ``time``); with `keep_bulk`
        also the bulk itself, ``U_field`` with dims (sweeps..., ``trajectory``, ``time`` or ``bulk_time``, ``node``), the
        places ``node_x`` and ``node_y``, and ``triangles`` between the nodes, to draw it.  ``status`` and ``steps`` as in
        other runs; ``step_error`` is small where the step is short enough.

    Raises
    ------
    DeclarationError
        For options that mean nothing here, naming those that do, and for values that do not fit.
    SimulationError
        If a trajectory fails, unless ``on_failure='nan'``.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(), secreted="v",
    ...     influx=0.8, efflux=0.2, parameters={"D": 1, "tau": 0.55})
    >>> data = sd.simulate(cell.full(mesh=0, keep_bulk=True), [0, 1], initial={"v_1": 1, "U": "steady"})
    >>> data.U_field.sizes["time"], "node_x" in data.coords
    (2, True)
    """
    return integrate(system, np.asarray(times, float), initial, parameters, options)
