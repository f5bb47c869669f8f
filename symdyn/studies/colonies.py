"""What colonies do over a plane of parameters, by simulation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.ensembles import plain
from symdyn.analysis.field import Field
from symdyn.bar import bar
from symdyn.cells.phases import cell_traces, extremes, order_parameter, period, phase_lag
from symdyn.cells.reduction import ReducedCells
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup, name_of
from symdyn.models.colony import BulkCellSystem
from symdyn.models.ode import ODESystem
from symdyn.simulation.dataset import attributes
from symdyn.simulation.run import simulate
from symdyn.simulation.settings import Layout
from symdyn.studies._colony_rest import leading, resting_rows, starts

__all__ = ["phase_diagram"]

#: Numbers of a simulation in memory at once.
CHUNK = 1.2e7
#: Default number of samples in the window.
SAMPLES = 401
#: Relative range below which a trace is at rest.
STILL = 1e-3


def phase_diagram(
    colony: BulkCellSystem | ReducedCells,
    vary: Mapping[Any, Any],
    *,
    parameters: Mapping[Any, Any] | None = None,
    tolerance: float = 1e-5,
    t_end: float = 400.0,
    window: float | None = None,
    samples: int = SAMPLES,
    kick: float = 0.1,
    rtol: float = 1e-6,
    mesh: Any = None,
    threads: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    r"""Asymptotic behaviour of the cells at every point of a sweep, by simulation of the reduced system.

    The bulk is reduced once for all diffusivities (and symbols of influxes), and diagonalised at each of them.  Every point
    starts near its steady state, with a different displacement of each cell, and is integrated to `t_end`; only statistics of
    the last `window` are retained.  The result has the linear theory of the same system, too.

    Parameters
    ----------
    colony : BulkCellSystem or ReducedCells
        A reduced system must cover the diffusivities.
    vary : mapping
        Parameters and their values, such as ``{"D": np.geomspace(0.1, 10, 100), "tau": np.linspace(0.1, 1, 160)}``.
    parameters : mapping, optional
        Values of others over the defaults.
    tolerance : float
        Of the reduction.
    t_end, window : float
        Length of the simulation and of the window at its end, in time; by default the last quarter.
    samples : int
        Output times in the window: 12 or more to a period.
    kick : float
        Largest relative displacement of the secreted state of a cell, dimensionless.
    rtol : float
        Of the integration, by 'rodas5p'.
    mesh : optional
        As in `BulkCellSystem.full`.
    threads, progress :
        As in `symdyn.simulate`.

    Returns
    -------
    xarray.Dataset
        With the dims of the sweep: ``amplitude`` and ``mean`` of the secreted state (dim ``cell``); ``period`` of the cell
        of largest amplitude; ``order``, Kuramoto's order parameter averaged over the window; ``lag`` in degrees behind that
        cell (dim ``cell``); ``drift``, the growth rate of the amplitude at the end (NaN at rest, where it is an integration
        error); ``growth`` and ``frequency``, real and imaginary part of the leading eigenvalue of the steady state, and
        ``unstable``, the number of growing ones; ``status`` of the simulation.

    Raises
    ------
    DeclarationError
        For unknown parameters and invalid values.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> colony = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0), (0, 0)],
    ...     kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)
    >>> found = phase_diagram(colony, {"D": [1.0], "tau": [0.2, 0.5]}, mesh=0, progress=False)
    >>> (found.amplitude.max("cell") > 0.1).values.tolist()
    [[False, True]]
    """
    if not isinstance(vary, Mapping) or not vary:
        raise DeclarationError(f"vary is {vary!r}; expected parameters with their values, {{'D': [...], 'tau': [...]}}")
    for name, value in (("t_end", t_end), ("window", t_end / 4 if window is None else window), ("kick", kick)):
        if not 0 < value < np.inf:
            raise DeclarationError(f"{name} is {value!r}; expected a positive number")
    window = float(t_end / 4 if window is None else window)
    if window > t_end or samples < 16:
        raise DeclarationError(
            f"a window of {window:g} with {samples} samples at t_end = {t_end:g}; expected less, and 16 or more"
        )
    reduced, sweeps = _reduced(colony, vary, parameters, tolerance, mesh)
    system, values = _diagonal(reduced, sweeps)
    points = np.stack([g.ravel() for g in np.meshgrid(*sweeps.values(), indexing="ij")], axis=-1)
    rows = _rows(system, values, sweeps, points)
    field = Field(plain(system))
    rest = resting_rows(field, starts(system, rows), rows)
    eigenvalue, unstable = leading(field, rest, rows)
    start = np.where(np.isfinite(rest), rest, starts(system, rows))
    cells = reduced.colony.cells
    for s, state in enumerate(reduced.colony.secreted):
        for j in range(cells):  # a mixture of all modes: no two cells alike
            start[:, system.names.index(f"{state}_{j + 1}")] *= 1 + kick * np.cos(2.4 * j + 1.1 * s)
    times = (
        np.concatenate([[0.0], np.linspace(t_end - window, t_end, samples)])
        if window < t_end
        else np.linspace(0, t_end, samples)
    )
    parts = []
    size = max(8, int(CHUNK / (len(times) * len(system.states))))
    with bar(progress, total=len(points), desc="points") as shown:
        for low in range(0, len(points), size):
            part = slice(low, low + size)
            parts.append(_late(system, reduced.colony.secreted[0], times, start[part], rows[part], rtol, threads))
            shown.update(len(points[part]))
    columns = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
    columns |= {"growth": eigenvalue.real, "frequency": eigenvalue.imag, "unstable": unstable}
    shape, dims = tuple(len(v) for v in sweeps.values()), tuple(sweeps)
    data = xr.Dataset(coords={**sweeps, "cell": np.arange(1, cells + 1)})
    for name, column in columns.items():
        extra = ("cell",) if column.ndim == 2 else ()
        data[name] = ((*dims, *extra), column.reshape(*shape, *column.shape[1:]))
    for name, text in _MEANINGS.items():
        data[name].attrs["long_name"] = text
    fixed = {p.name: v for p, v in reduced.defaults.items() if p.name not in sweeps}
    data.attrs = attributes(
        reduced, method="rodas5p", rtol=rtol, t_end=float(t_end), window=window, kick=float(kick),
        parameters=", ".join(f"{k} = {v:g}" for k, v in fixed.items()), estimate=reduced.estimate,
        bulk_states=len(system.states) - sum(len(k.states) for k in reduced.colony.kinetics),
    )  # fmt: skip
    return data


_MEANINGS = {
    "amplitude": "half of the range of the secreted state in the window",
    "mean": "mean of the secreted state over complete cycles in the window",
    "period": "of the cell that swings most",
    "order": "Kuramoto's order parameter, mean over the window",
    "lag": "degrees behind the cell that swings most",
    "drift": "rate of growth of the amplitude within the window, NaN at rest",
    "growth": "real part of the leading eigenvalue of the steady state",
    "frequency": "imaginary part of the leading eigenvalue of the steady state",
    "unstable": "growing eigenvalues of the steady state, -1 where it was not found",
}


def _reduced(
    colony: Any, vary: Mapping[Any, Any], parameters: Mapping[Any, Any] | None, tolerance: float, mesh: Any
) -> tuple[ReducedCells, dict[str, np.ndarray]]:
    """The reduced system, whose bulk begins empty, and the sweeps by name."""
    known = colony.parameters
    sweeps = {}
    for key, given in vary.items():
        name = lookup(key, known, "parameter").name
        try:
            values = np.atleast_1d(np.asarray(given, float))
        except (TypeError, ValueError):
            values = np.array([])
        if values.ndim != 1 or not values.size or not np.isfinite(values).all():
            raise DeclarationError(f"the values of {name} are {given!r}; expected a sequence of numbers")
        sweeps[name] = values
    others = {name_of(k): v for k, v in (parameters or {}).items() if name_of(k) not in sweeps}
    if colony.drift is not None:
        return colony.with_parameters(others), sweeps
    empty = colony.with_initial(dict.fromkeys(colony.bulk, 0.0))
    ends = {n: (float(v.min()), float(v.max())) for n, v in sweeps.items()}
    inside = {s.name for row in colony.influx for e in row for s in e.free_symbols}
    reduced = empty.reduce(
        others, tolerance=tolerance, mesh=mesh,
        diffusion={d.name: ends[d.name] for d in colony.diffusivities if d.name in ends} or None,
        delay={t.name: ends[t.name][1] for t in colony.delay if t.name in ends} or None,
        influx={n: e for n, e in ends.items() if n in inside} or None,
    )  # fmt: skip
    return reduced, sweeps


def _diagonal(reduced: ReducedCells, sweeps: Mapping[str, np.ndarray]) -> tuple[ODESystem, dict[str, Any]]:
    colony = reduced.colony
    inside = {s.name for row in colony.influx for e in row for s in e.free_symbols} | {d.name for d in colony.diffusivities}
    return reduced.diagonal({n: v for n, v in sweeps.items() if n in inside})


def _rows(system: ODESystem, values: Mapping[str, Any], sweeps: Mapping[str, np.ndarray], points: np.ndarray) -> np.ndarray:
    """Parameters (N, k) of each point."""
    index = np.stack(np.unravel_index(np.arange(len(points)), [len(v) for v in sweeps.values()]), axis=-1)
    place = {n: i for i, n in enumerate(sweeps)}
    given = {p.name: v for p, v in system.defaults.items()}
    columns = []
    for p in system.parameters:
        if p.name in sweeps:
            columns.append(points[:, place[p.name]])
        elif isinstance(values.get(p.name), xr.DataArray):
            table = values[p.name]
            columns.append(table.values[tuple(index[:, place[str(d)]] for d in table.dims)])
        elif p.name in given:
            columns.append(np.full(len(points), given[p.name]))
        else:
            raise DeclarationError(f"no value for the parameter {p.name}; pass parameters={{'{p.name}': ...}} or vary it")
    return np.stack(columns, axis=-1)


def _late(
    system: ODESystem, state: str, times: np.ndarray, start: np.ndarray, rows: np.ndarray, rtol: float, threads: int | None
) -> dict[str, np.ndarray]:
    """Statistics of some points, each (N,) or (N, cells)."""
    initial = {s.name: xr.DataArray(start[:, i], dims="point") for i, s in enumerate(system.states)}
    values = {p.name: xr.DataArray(rows[:, i], dims="point") for i, p in enumerate(system.parameters)}
    data = simulate(
        plain(system), times, initial=initial, parameters=values, method="rodas5p", rtol=rtol, atol=rtol * 1e-3,
        layout=Layout(threads=threads), on_failure="nan", progress=False,
    )  # fmt: skip
    names = [n for n in data.data_vars if n in {s.name for s in system.states} and str(n).startswith(f"{state}_")]
    traces = cell_traces(data[names], state).transpose("point", "cell", "time")
    traces = traces.isel(time=slice(1, None))
    first = float(traces.time[0])
    swing = extremes(traces, after=first)
    amplitude = swing.amplitude.values
    filled = np.where(np.isfinite(amplitude), amplitude, -1.0)
    most = filled.argmax(axis=1)
    pick = np.arange(len(most))
    drift = _drift(traces.time.values, traces.values[pick, most])
    noise = 100 * rtol * np.abs(swing["mean"].values[pick, most])
    drift[~(amplitude[pick, most] > noise)] = np.nan
    lag = np.full(amplitude.shape, np.nan)
    for j in range(amplitude.shape[1]):
        own = most == j
        if own.any():
            lag[own] = phase_lag(traces[own], reference=j + 1, after=first, least=STILL).transpose("point", "cell").values
    return {
        "amplitude": amplitude,
        "mean": swing["mean"].values,
        "period": period(traces, after=first, least=STILL).transpose("point", "cell").values[pick, most],
        "order": order_parameter(traces, after=first, least=STILL).mean("time").values,
        "lag": lag,
        "drift": drift,
        "status": data.status.values,
    }


def _drift(t: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Rate (N,) at which traces (N, n) grow: from their deviations in both halves under windows that no phase matters to."""
    n = len(t) // 2
    weights = np.hanning(n + 2)[1:-1]
    weights /= weights.sum()
    sizes = []
    for part in (x[:, :n], x[:, -n:]):
        mean = part @ weights
        sizes.append(((part - mean[:, None]) ** 2) @ weights)
    with np.errstate(all="ignore"):
        return np.log(sizes[1] / sizes[0]) / (2 * (t[-n] - t[0]))
