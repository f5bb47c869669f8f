"""Comparison of the routes to the leading eigenvalue and the period of a colony."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.ensembles import plain
from symdyn.analysis.field import Field, parameter_row
from symdyn.cells.phases import cell_traces, extremes, period
from symdyn.errors import DeclarationError
from symdyn.given_values import name_of
from symdyn.models.colony import BulkCellSystem
from symdyn.models.ode import ODESystem
from symdyn.simulation.dataset import attributes
from symdyn.simulation.run import simulate
from symdyn.studies._colony_rest import leading, resting_rows, starts

__all__ = ["compare_routes"]

ROUTES = ("finite elements", "reduced", "asymptotic", "large diffusion", "well mixed")


def compare_routes(
    colony: BulkCellSystem,
    points: Sequence[Mapping[Any, float]],
    *,
    tolerance: float = 1e-8,
    periods: bool = True,
    t_end: float = 600.0,
    mesh: Any = None,
) -> xr.Dataset:
    r"""Leading eigenvalue, and period of the oscillation, by every route, with errors against the finite elements.

    The routes are the finite elements themselves, their reduction, the asymptotic theory of small cells, the limit of fast
    diffusion (fails at small D), and the well-mixed bulk (fails at any but very large D).  The error of the asymptotic theory
    decreases as :math:`\epsilon^2|\log\epsilon|/D` while D is small, and levels off at order :math:`\epsilon^2` where D is
    large: the theory and both limits count the area of the cells, :math:`\pi\epsilon^2` each, to the bulk.

    Parameters
    ----------
    colony : BulkCellSystem
    points : sequence of mappings
        Parameter values over the defaults, ``[{"D": 1, "tau": 0.55}, ...]``; the key ``radius`` changes that of the cells.
    tolerance : float
        Relative tolerance of the reduction, dimensionless.
    periods : bool
        Whether to simulate the ODEs where their steady state is unstable.
    t_end : float
        Length of the simulation, in time; the period is that of the second half.
    mesh : optional
        As in `BulkCellSystem.full`.

    Returns
    -------
    xarray.Dataset
        With dims ``point`` and ``route``: ``eigenvalue`` (complex, upper half plane), ``error`` (its distance from that of the
        finite elements), ``period`` (NaN at rest, and of routes without a simulation: finite elements and asymptotics),
        and ``agrees``, whether the stability is that of the finite elements; the values at the points by their names.

    Raises
    ------
    DeclarationError
        For points that are no mappings, or without values.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> colony = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)],
    ...     kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)
    >>> error = sd.studies.compare_routes(colony, [{"D": 1, "tau": 0.5}], mesh=0, periods=False).error[0]
    >>> bool(error.sel(route="reduced") < 1e-8), bool(error.sel(route="asymptotic") < 0.05**2)
    (True, True)
    """
    places = list(points) if isinstance(points, Sequence) else []
    if not places or not all(isinstance(q, Mapping) for q in places):
        raise DeclarationError(f"points is {points!r}; expected mappings of parameters, [{{'D': 1, 'tau': 0.5}}, ...]")
    named = [{name_of(k): float(v) for k, v in q.items()} for q in places]
    eigenvalue = np.full((len(named), len(ROUTES)), np.nan + 0j)
    lengths = np.full((len(named), len(ROUTES)), np.nan)
    for i, (radius, values) in enumerate((q.get("radius", colony.radius), q) for q in named):
        own = colony if radius == colony.radius else colony.redeclared(radius=radius)
        given = {k: v for k, v in values.items() if k != "radius"}
        full = own.full(mesh)
        reduced = own.reduce(given, tolerance=tolerance, mesh=full)
        eigenvalue[i, 0] = _upper(full.eigenvalues(given))
        eigenvalue[i, 2] = _upper(own.eigenvalues(given))
        systems = {1: reduced, 3: own.large_diffusion(), 4: own.well_mixed()}
        for k, system in systems.items():
            used = {n: v for n, v in given.items() if n in {p.name for p in system.parameters}}
            field, row = Field(plain(system)), parameter_row(system, used)[None]
            if k == 1:
                state = np.array([float(v) for v in reduced.steady_state().data_vars.values()])[None]
            else:
                state = resting_rows(field, starts(system, row), row)
            eigenvalue[i, k] = leading(field, state, row)[0][0]
            if periods and eigenvalue[i, k].real > 0:
                lengths[i, k] = _period(system, own, state[0], used, t_end)
    exact = eigenvalue[:, :1]
    names = list(dict.fromkeys(n for q in named for n in q))
    coords = {n: ("point", [q.get(n, np.nan) for q in named]) for n in names}
    data = xr.Dataset(
        {
            "eigenvalue": (("point", "route"), eigenvalue),
            "error": (("point", "route"), np.abs(eigenvalue - exact)),
            "period": (("point", "route"), lengths),
            "agrees": (("point", "route"), (eigenvalue.real > 0) == (exact.real > 0)),
        },
        {"route": list(ROUTES), **coords},
    )
    data.attrs = attributes(colony, tolerance=tolerance, t_end=float(t_end))
    return data


def _upper(values: np.ndarray) -> complex:
    first = complex(values[np.argmax(values.real)])
    return complex(first.real, abs(first.imag))


def _period(system: ODESystem, colony: BulkCellSystem, state: np.ndarray, values: Mapping[str, float], t_end: float) -> float:
    start = {s.name: float(v) for s, v in zip(system.states, state, strict=True)}
    for j in range(colony.cells):
        start[f"{colony.secreted[0]}_{j + 1}"] *= 1 + 0.1 * float(np.cos(2.4 * j))
    times = np.concatenate([[0.0], np.linspace(t_end / 2, t_end, 1501)])
    data = simulate(
        plain(system), times, initial=start, parameters=dict(values), method="rodas5p", rtol=1e-8, atol=1e-11, progress=False
    ).isel(time=slice(1, None))  # fmt: skip
    names = [n for n in data.data_vars if str(n).startswith(f"{colony.secreted[0]}_")]
    traces = cell_traces(data[names], colony.secreted[0])
    after = float(traces.time[0])
    most = int(np.argmax(extremes(traces, after=after).amplitude.values))
    return float(period(traces, after=after)[most])
