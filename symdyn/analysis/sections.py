r"""Poincaré sections of flows: where trajectories cross a surface, and the return map.

Crossings are events, which a simulation locates within its steps.  From the output before each a short arc leads to it, all of
them side by side in lanes, with its duration as the unit of time; one step of Newton's method along the flow ends it on the
surface.

References
----------
Hénon, Physica D 5 (1982) 412; Kuznetsov, Elements of Applied Bifurcation Theory, 3rd ed. (2004), 1.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.analysis.ensembles import plain, run_rows
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.declaration import derivative
from symdyn.derive.sensitivities import fresh_symbol
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.methods.options import check_positive
from symdyn.models.events import Event
from symdyn.models.ode import ODESystem
from symdyn.parsing import parse_expression
from symdyn.simulation.dataset import STATUS_CODES, attributes, fixed_values
from symdyn.simulation.run import simulate
from symdyn.simulation.sweeps import make_design
from symdyn.system import System

__all__ = ["poincare_section"]

#: Crossings for which there is room at first, and output times from which arcs begin: most of them, and most numbers.
RECORD, MOST_TIMES, MOST_NUMBERS = 200, 2001, 20_000_000
#: Tolerances of trajectories and of arcs.
RTOL, ATOL = 1e-10, 1e-12


def poincare_section(
    system: System,
    surface: Any,
    *,
    duration: float,
    direction: str = "up",
    transient: float = 0.0,
    initial: Mapping[Any, Any] | None = None,
    parameters: Mapping[Any, Any] | None = None,
) -> xr.Dataset:
    r"""The points at which trajectories cross a surface :math:`g(x, t) = 0`, in ensembles, too.

    Parameters
    ----------
    system : ODESystem
        Without events of its own.
    surface : Expr or str
        The function g of states, parameters, observables and time: ``x - 1``, or ``sin(w*t)`` for states after each period
        of a forcing.
    duration : float
        How long trajectories, which begin at time 0, run after `transient`, in units of time.
    direction : {'up', 'down', 'both'}
        Whether g grows at crossings, falls, or either.
    transient : float
        Time before the first crossing that counts.
    initial, parameters : mapping, optional
        As in `symdyn.simulate`; arrays make a sweep, whose trajectories run in parallel.

    Returns
    -------
    xarray.Dataset
        With the dims of the sweep: each state with the further dim ``crossing``, in the order of time, NaN after the last;
        ``time`` of each; ``crossings``, their number; ``status`` (0 is success).  ``attrs["surface"]`` is g.

    Raises
    ------
    DeclarationError
        If the system is no flow or has events, or g is no function of what it has.
    SimulationError
        If trajectories fail.

    Examples
    --------
    Of :math:`r' = a r (1 - r^2)` the return map is :math:`r \mapsto r e^{2\pi a} / \sqrt{1 + r^2 (e^{4\pi a} - 1)}`:

    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, y, a = sp.symbols("x y a")
    >>> growth = a * (1 - x**2 - y**2)
    >>> system = sd.ODESystem({x: x * growth - y, y: y * growth + x}, {a: 0.1})
    >>> found = poincare_section(system, y, duration=20, initial={x: 0.3, y: 0})
    >>> r = found.x.values
    >>> exact = r[:-1] * np.exp(0.2 * np.pi) / np.sqrt(1 + r[:-1] ** 2 * np.expm1(0.4 * np.pi))
    >>> len(r), bool(np.allclose(r[1:], exact, rtol=1e-9))
    (3, True)
    """
    if not isinstance(system, System) or (why := system.unmet(["drift"])) is not None:
        raise DeclarationError(f"poincare_section: {why if isinstance(system, System) else 'expected an ODESystem'}")
    g = _surface(system, surface)
    if direction not in ("up", "down", "both"):
        raise DeclarationError(f"direction is {direction!r}; expected 'up', 'down' or 'both'")
    check_positive(duration=duration, transient=transient or None)
    design = make_design(system, initial, parameters, None)
    y, p = design.rows(0, design.size)
    count = int(np.clip(MOST_NUMBERS // y.size, 11, MOST_TIMES))
    times = np.union1d([0.0], np.linspace(transient, transient + duration, count))
    first = system.states[0]
    triggers = [t for t, wanted in ((g >= 0, "up"), (g <= 0, "down")) if direction in (wanted, "both")]
    record = RECORD
    while True:
        events = [Event(t, {first: first}, record=record) for t in triggers]
        crossing = ODESystem(
            dict(zip(system.states, system.part("drift"), strict=True)), dict(system.defaults), time=system.time, events=events,
            observables=system.observables,
        )  # fmt: skip
        data = simulate(
            crossing, times, initial=_named(system.states, y), parameters=_named(system.parameters, p), progress=False,
            rtol=RTOL, atol=ATOL,
        )  # fmt: skip
        fired = data.fired.transpose("row", "event").values.astype(int)
        if fired.max(initial=0) <= record:
            break
        record = int(fired.max())
    path = np.stack([data[n].transpose("row", "time").values for n in system.names], axis=-1)
    at = data.fired_at.transpose("row", "event", "firing").values
    row, event, k = np.nonzero((np.arange(record) < fired[..., None]) & (at >= transient))
    moments = at[row, event, k]
    order = np.lexsort((moments, row))
    row, moments = row[order], moments[order]
    points, moments = _arrive(system, g, times, path, row, moments, p)
    return _dataset(system, g, design, (row, points, moments), data.status.values)


def _named(symbols: Any, rows: np.ndarray) -> dict[str, xr.DataArray]:
    return {s.name: xr.DataArray(rows[:, i], dims="row") for i, s in enumerate(symbols)}


def _surface(system: System, surface: Any) -> sp.Expr:
    """The function, in symbols of the system.

    Raises
    ------
    DeclarationError
        For what is no expression, and names that the system does not have.
    """
    g = parse_expression(surface) if isinstance(surface, str) else surface
    if not isinstance(g, sp.Expr) or not g.free_symbols:
        raise DeclarationError(f"the surface is {surface!r}; expected an expression that vanishes on it, such as x - 1")
    known = (*system.states, *system.parameters, system.time, *system.observables)
    return g.xreplace({s: lookup(s, known, "symbol") for s in sorted(g.free_symbols, key=str)}).xreplace(
        dict(system.observables)
    )


def _arrive(
    system: System, g: sp.Expr, times: np.ndarray, path: np.ndarray, row: np.ndarray, moments: np.ndarray, p: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points (R, n) on the surface, at moments (R,) near those of the crossings, from the outputs before these."""
    if not row.size:
        return np.empty((0, len(system.states))), moments
    before = np.maximum(np.searchsorted(times, moments) - 1, 0)
    begin, lengths = times[before], moments - times[before]
    taken = {s.name for s in (*system.states, *system.parameters, system.time)}
    start, length = (fresh_symbol(name, taken) for name in ("start", "length"))
    swap = {system.time: start + length * system.time}
    rows = {s: length * e.xreplace(swap) for s, e in zip(system.states, plain(system).drift, strict=True)}
    arc = ODESystem(rows, time=system.time)
    columns = {start: begin, length: lengths, **{s: p[row, i] for i, s in enumerate(system.parameters)}}
    values = np.stack([columns[s] for s in arc.parameters], axis=1)
    found, _ = run_rows(arc, np.array([0.0, 1.0]), path[row, before], values, rtol=RTOL, atol=ATOL)
    points = found[:, -1]
    rates = system.part("drift")
    speed = derivative(g, system.time) + sum(derivative(g, s) * f for s, f in zip(system.states, rates, strict=True))
    blocks = [("lane", (system.time,)), ("y", system.states), ("p", system.parameters)]
    program = lower("surface", blocks, [g, speed, *rates], ["g", "speed", *system.names])
    gap, pace, *slopes = evaluate(program, [moments], list(points.T), list(p[row].T))
    with np.errstate(divide="ignore", invalid="ignore"):
        late = np.broadcast_to(np.where(np.abs(gap) < np.abs(pace) * lengths, -gap / pace, 0.0), moments.shape)
    velocity = np.stack([np.broadcast_to(v, moments.shape) for v in slopes], axis=1)
    return points + late[:, None] * velocity, moments + late


def _dataset(
    system: System, g: sp.Expr, design: Any, found: tuple[np.ndarray, np.ndarray, np.ndarray], status: np.ndarray
) -> xr.Dataset:
    """The crossings of each row, padded with NaN."""
    row, points, moments = found
    counts = np.bincount(row, minlength=design.size)
    most = int(counts.max(initial=0))
    place = np.arange(len(row)) - np.concatenate([[0], np.cumsum(counts)])[row]
    columns = {**{n: points[:, i] for i, n in enumerate(system.names)}, str(system.time): moments}
    data = xr.Dataset(coords={**{d: (d, c) for d, c in design.coords.items() if d in design.dims}, "crossing": np.arange(most)})
    for name, values in columns.items():
        padded = np.full((design.size, most), np.nan)
        padded[row, place] = values
        data[name] = ((*design.dims, "crossing"), padded.reshape(*design.shape, most))
    data["crossings"] = (design.dims, counts.reshape(design.shape), {"long_name": "number of crossings"})
    data["status"] = (design.dims, status.reshape(design.shape), {"long_name": STATUS_CODES})
    data.attrs = attributes(system, surface=str(g), **fixed_values(system, design))
    return data
