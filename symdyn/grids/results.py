"""The dataset of a run, and the error or warning if trajectories failed."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import xarray as xr
from symdyn_kernels.status import INTERRUPTED, MESSAGES, NOT_FINITE, SUCCESS, TOO_MANY_STEPS

from symdyn.errors import SimulationError
from symdyn.grids.model import GridModel
from symdyn.grids.options import takes_steps
from symdyn.grids.spectral_observe import SpectralObserver
from symdyn.grids.system import GridSystem
from symdyn.methods.runge_kutta import ExplicitRungeKutta
from symdyn.models.operators import components, varies
from symdyn.simulation.dataset import STATUS_CODES, attributes, fixed_values
from symdyn.simulation.sweeps import Design

__all__ = ["run_dataset", "run_verdict"]


def run_dataset(
    grid: GridSystem,
    design: Design,
    times: np.ndarray,
    frames: np.ndarray,
    status: np.ndarray,
    counts: np.ndarray,
    facts: dict[str, Any],
) -> xr.Dataset:
    """A variable for each field, scalar and observable; `facts` are attributes."""
    positions = [s.name for s in grid.space]
    lead, cells = (*design.dims, "time"), math.prod(grid.shape)
    shape = (*design.shape, times.size)
    variables: dict[str, Any] = {}
    for i, f in enumerate(grid.fields):
        part = frames[..., i * cells : (i + 1) * cells]
        variables[f.name] = ((*lead, *positions), part.reshape(*shape, *grid.shape))
    for k, s in enumerate(grid.scalars):
        variables[s.name] = (lead, frames[..., len(grid.fields) * cells + k].reshape(shape))
    variables |= _observed(grid, design, times, frames)
    names = {
        "status": STATUS_CODES,
        "steps": "accepted steps",
        "rejected": "rejected steps",
        "evaluations": "evaluations of the rates",
    }
    for k, (name, meaning) in enumerate(names.items()):
        values = status if k == 0 else counts[:, k - 1]
        variables[name] = (design.dims, values.reshape(design.shape), {"long_name": meaning})
    coords: dict[str, Any] = {
        "time": ("time", times, {"long_name": str(grid.time)}),
        **design.coordinates(grid, skip=grid.fields),
    }
    coords |= dict(zip(positions, grid.centers, strict=True))
    walls = "; ".join(f"{k} along {grid.space[a]}: {pair if pair == 'periodic' else ', '.join(map(str, pair))}"
                      for k, row in grid.conditions.items() for a, pair in enumerate(row))  # fmt: skip
    known: dict[str, Any] = {**fixed_values(grid, design, skip=grid.states), **facts}
    known |= {"scheme": grid.scheme, "domain": str(grid.domain), "boundary": walls}
    known["order"] = grid.order if grid.scheme != "spectral" else None
    return xr.Dataset(variables, coords, attributes(grid, **known) | {"system": "PDESystem"})


def _observed(grid: GridSystem, design: Design, times: np.ndarray, frames: np.ndarray) -> dict[str, Any]:
    """Observables of every frame."""
    if not grid.observables:
        return {}
    symbols = {*grid.fields, *grid.space}
    plain = {k: components(e, grid.dimension) for k, e in grid.observables.items()}
    spread = [k for k, e in plain.items() if varies(e, symbols)]
    single = [k for k in plain if k not in spread]
    parts: dict[str, Any] = dict(ends=[plain[k] for k in spread], numbers=[plain[k] for k in single])
    observer: Any
    if grid.scheme == "spectral":
        observer = SpectralObserver(grid.pde, grid.shape, **parts)
    else:
        observer = GridModel(grid.pde, grid.shape, grid.order, **parts)
    cells = math.prod(grid.shape)
    found = np.full((*frames.shape[:2], len(spread) * cells + len(single)), np.nan)
    for row in range(design.size):
        p = design.rows(row, row + 1)[1][0]
        for m, t in enumerate(times):
            if np.isfinite(frames[row, m]).all():
                observer.rates(frames[row, m], float(t), p, found[row, m])
    lead, shape = (*design.dims, "time"), (*design.shape, times.size)
    positions = [s.name for s in grid.space]
    fields = {
        k.name: ((*lead, *positions), found[..., i * cells : (i + 1) * cells].reshape(*shape, *grid.shape))
        for i, k in enumerate(spread)
    }
    return {**fields, **{k.name: (lead, found[..., len(spread) * cells + i].reshape(shape)) for i, k in enumerate(single)}}


def run_verdict(
    grid: GridSystem,
    design: Design,
    data: xr.Dataset,
    times: np.ndarray,
    frames: np.ndarray,
    status: np.ndarray,
    scheme: Any,
    on_failure: str,
) -> xr.Dataset:
    """Return, warn or raise, according to how the trajectories ended, as for systems without fields."""
    cut = int((status == INTERRUPTED).sum())
    if cut:
        warnings.warn(f"interrupted: {cut} of {design.size} trajectories are incomplete (status {INTERRUPTED})", stacklevel=4)
    wrong = np.flatnonzero((status != SUCCESS) & (status != INTERRUPTED))
    if not wrong.size or on_failure == "nan":
        return data
    row = int(wrong[0])
    values = ", ".join(f"{k} = {v:g}" for k, v in zip(grid.parameters, design.rows(row, row + 1)[1][0], strict=True))
    last = float(times[max(int(np.isfinite(frames[row]).all(axis=-1).sum()) - 1, 0)])
    code = int(status[row])
    remedies = []
    if code == TOO_MANY_STEPS:
        remedies.append(f"a larger max_steps (method={scheme.options.__name__}(max_steps=...))")
    elif code == NOT_FINITE:
        remedies.append("a smaller step" if takes_steps(scheme) else "another grid or smaller tolerances")
    if isinstance(scheme, ExplicitRungeKutta) and (code == TOO_MANY_STEPS or takes_steps(scheme)):
        remedies.append("method='imex', which no diffusion forces to small steps")
    remedies += ["other values", "on_failure='nan' to get NaN from the failure on"]
    raise SimulationError(
        f"{design.failure(wrong.size, row, values)}: {MESSAGES[code]}; its last output is at {grid.time} = {last:g}. "
        f"Try {', '.join(remedies)}; everything computed is in the 'dataset' of this error.",
        data,
    )
