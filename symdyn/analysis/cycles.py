r"""Limit cycles of flows: periodic orbits by multiple shooting, their periods and Floquet multipliers.

The orbit is cut into m arcs of the same duration T/m, which are integrated side by side in lanes.  Newton's method solves

.. math:: \varphi(x_k, T/m) = x_{k+1}, \qquad x_{m+1} = x_1, \qquad f(\hat x_1) \cdot (x_1 - \hat x_1) = 0

for the beginnings :math:`x_k` and the period T; the last equation, from the previous iterate, fixes the phase.  Of a forced
system T is known, and arcs begin at the times :math:`(k - 1) T/m`.  The Floquet multipliers are the eigenvalues of the product
of the derivatives of the arcs; one of them is 1.

References
----------
Stoer & Bulirsch, Introduction to Numerical Analysis, 3rd ed. (2002), 7.3.5; Kuznetsov, Elements of Applied Bifurcation Theory,
3rd ed. (2004), 1.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.forced_cycles import forcing_period, recurrence, rounds_of
from symdyn.analysis.shooting import ARCS, OrbitArcs
from symdyn.derive.forcing import repeated, with_oscillator
from symdyn.errors import DeclarationError, SimulationError
from symdyn.simulation.dataset import attributes, fixed_values
from symdyn.simulation.run import simulate
from symdyn.simulation.sweeps import make_design
from symdyn.system import System

__all__ = ["limit_cycle"]

#: Points of the run in which a period is looked for, in each of its crossings of a section.
SAMPLES = 20_000
#: How near, relative to the size of the orbit, a trajectory comes back after a period that is taken as a guess.
NEAR = 0.05


def limit_cycle(
    system: System,
    parameters: Mapping[Any, Any] | None = None,
    *,
    initial: Mapping[Any, Any] | None = None,
    period: float | None = None,
    transient: float = 200.0,
    points: int = 201,
) -> xr.Dataset:
    r"""A periodic orbit near a point, or the one that a trajectory approaches, with its Floquet multipliers.

    Parameters
    ----------
    system : ODESystem
        Without dependence on time, or forced by sines, cosines and mod of time with commensurate frequencies, or by inputs, of
        which the span is taken as a period: then an orbit of the period of the forcing, or of a multiple, is a fixed point of
        iterates of the stroboscopic map.  Steps end where the forcing jumps.
    parameters : mapping, optional
        Numbers, over the defaults of the system.
    initial : mapping, optional
        With `period`, a point near the orbit, which may be unstable; else where a trajectory begins that approaches a stable
        one.  Of a forced system it is the state at time 0.
    period : float, optional
        A guess of the period, in units of time; of a forced system about a multiple of the period of the forcing.
    transient : float, optional
        Time after which a trajectory is near the orbit, where no period is given; the period is looked for in as much time
        again.
    points : int, optional
        Of the orbit, from its first to the same again.

    Returns
    -------
    xarray.Dataset
        A variable for each state over ``time``, from 0 to the period; ``period``; ``multiplier``, ``multiplier_imag`` (by
        ``index``, the largest first); ``stable``, whether all but the trivial one lie in the unit circle; ``closure``, the
        largest difference at the ends of arcs relative to the size of the orbit; ``trivial``, how far the multiplier next
        to 1 is from it, an error estimate of the others.  Multipliers below 1e-14 of the largest are rounding errors.  Of a
        forced system ``time`` is the time in the forcing, and ``rounds`` the number of its periods; the trivial multiplier is
        that of the phase of the forcing, 1 without an error, the others are those of the iterated stroboscopic map.

    Raises
    ------
    DeclarationError
        If the system is no flow, or depends on time otherwise, or `period` is no multiple of that of the forcing.
    SimulationError
        If a trajectory comes to rest or does not come back, or Newton's method does not converge.

    Examples
    --------
    The cycle of van der Pol's oscillator with mu = 1 has the period 6.6632868593 (Andersen & Geer, SIAM J. Appl. Math. 42
    (1982) 678):

    >>> import symdyn as sd
    >>> oscillator = sd.ODESystem.from_text("x' = y; y' = m*(1 - x**2)*y - x; m = 1; x(0) = 1; y(0) = 0")
    >>> found = limit_cycle(oscillator)
    >>> round(found.period.item(), 8), bool(found.stable)
    (6.66328686, True)
    """
    system = repeated(system)
    system.deterministic("a limit cycle")
    if system.drift is None:
        raise DeclarationError("a limit cycle needs an ODESystem")
    form = with_oscillator(system, "a limit cycle") if system.time_dependent else None
    design = make_design(system, initial, parameters, None)
    if design.size != 1:
        raise DeclarationError("a limit cycle is that of one set of values; sweep in a loop")
    start, values = design.rows(0, 1)
    given = dict(zip(system.names, start[0], strict=True))
    numbers = dict(zip((p.name for p in system.parameters), values[0], strict=True))
    if period is not None and (not period > 0 or not np.isfinite(period)):
        raise DeclarationError(f"period is {period!r}; expected a positive number")
    rounds = 0
    if form is not None:
        turn = forcing_period(form, values[0])
        if period is None:
            given, rounds = recurrence(system, numbers, given, turn, transient)
        else:
            rounds = rounds_of(period, turn)
        period = rounds * turn
    elif period is None:
        given, period = _returns(system, numbers, given, transient)
    shooting = OrbitArcs(system, values[0])
    arcs = _arcs(system, numbers, given, period)
    arcs, period, closure = shooting.solve(arcs, float(period))
    multipliers = shooting.multipliers(arcs, period)
    order = np.argsort(-np.abs(multipliers), kind="stable")
    multipliers = multipliers[order]
    trivial = int(np.argmin(np.abs(multipliers - 1)))
    others = np.delete(multipliers, trivial)
    times = np.linspace(0, period, points)
    orbit = shooting.orbit(arcs, period, times)
    variables = {name: ("time", orbit[:, i]) for i, name in enumerate(system.names)}
    found: dict[str, Any] = {
        "period": ((), period), "multiplier": ("index", multipliers.real), "multiplier_imag": ("index", multipliers.imag),
        "stable": ((), bool((np.abs(others) < 1).all())), "closure": ((), closure),
        "trivial": ((), float(np.abs(multipliers[trivial] - 1))),
    }  # fmt: skip
    attrs = attributes(system, **fixed_values(system, design, system.states))
    about_time: dict[str, str] = {}
    if form is not None:
        about_time = {"long_name": "time, at which the forcing has the phase of the orbit"}
        found["rounds"] = ((), rounds, {"long_name": "periods of the forcing in a period of the orbit"})
    coords = {"time": ("time", times, about_time), "index": np.arange(1, len(multipliers) + 1)}
    return xr.Dataset({**variables, **found}, coords, attrs)


def _returns(
    system: System, numbers: Mapping[str, float], start: Mapping[str, float], transient: float
) -> tuple[dict[str, float], float]:
    """A point of the orbit that a trajectory approaches, and its period, from crossings of a section through their mean."""
    times = [0.0, *np.linspace(transient, 2 * transient, SAMPLES)]
    data = simulate(system, times, initial=start, parameters=numbers, rtol=1e-9, atol=1e-11, progress=False)
    path = np.stack([data[name].values[1:] for name in system.names], axis=1)
    centre, spread = path.mean(axis=0), path.max(axis=0) - path.min(axis=0)
    floor = 1e-9 * max(abs(v) for v in start.values()) + 1e-6 * np.abs(centre) + 1e-300
    scale = np.where(spread > floor, spread, np.inf)  # changes of others are rounding errors
    late = path[SAMPLES // 2 :]
    if not (late.max(axis=0) - late.min(axis=0) > floor).any():
        raise SimulationError(
            "the trajectory comes to rest; give other initial values, or a point near the orbit and its period", data
        )
    leading = int(np.argmax(spread / (np.abs(centre) + spread + floor)))
    above = path[:, leading] > centre[leading]
    crossings = np.flatnonzero(above[1:] & ~above[:-1]) + 1
    if len(crossings) < 3:
        raise SimulationError(
            f"the trajectory crosses its mean {len(crossings)} times in {transient:g}; give a longer transient, or a period",
            data,
        )
    last = crossings[-1]
    back = np.abs((path[crossings[:-1]] - path[last]) / scale).max(axis=1)  # how far earlier crossings were from the last
    near = np.flatnonzero(back < NEAR)
    if not near.size:
        raise SimulationError(
            f"the trajectory does not come back within {NEAR:g} of its size; give a longer transient, or a point and a period",
            data,
        )
    first = crossings[near[-1]]
    moments = data.time.values[1:]
    return dict(zip(system.names, path[last], strict=True)), float(moments[last] - moments[first])


def _arcs(system: System, numbers: Mapping[str, float], start: Mapping[str, float], period: float) -> np.ndarray:
    """Beginnings of the arcs (m, n) along a trajectory."""
    times = period * np.arange(ARCS) / ARCS
    data = simulate(system, times, initial=start, parameters=numbers, rtol=1e-10, atol=1e-12, progress=False)
    return np.stack([data[name].values for name in system.names], axis=1)
