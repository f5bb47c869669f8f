r"""Limit cycles of flows: periodic orbits by multiple shooting, their periods and Floquet multipliers.

The orbit is cut into m arcs of the same duration T/m, which are integrated side by side in lanes.  Newton's method solves

.. math:: \varphi(x_k, T/m) = x_{k+1}, \qquad x_{m+1} = x_1, \qquad f(\hat x_1) \cdot (x_1 - \hat x_1) = 0

for the beginnings :math:`x_k` and the period T; the last equation, from the previous iterate, fixes the phase.  The Floquet
multipliers are the eigenvalues of the product of the derivatives of the arcs; one of them is 1.

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
from symdyn_kernels.status import SUCCESS

from symdyn.analysis.forced_cycles import starting, without_phase
from symdyn.analysis.kernels import extended_kernel
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.derive.forcing import repeated, with_oscillator
from symdyn.errors import DeclarationError, SimulationError
from symdyn.simulation.dataset import attributes, fixed_values
from symdyn.simulation.run import simulate
from symdyn.simulation.sweeps import make_design
from symdyn.system import System

__all__ = ["limit_cycle"]

#: Arcs of an orbit, and Newton steps.
ARCS, MOST_STEPS = 12, 30
#: Tolerances of the arcs, and of the differences at their ends relative to the size of the orbit.
TOLERANCES = {"rtol": 1e-12, "atol": 1e-13}
CLOSED = 1e-9
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
        iterates of the stroboscopic map.
    parameters : mapping, optional
        Numbers, over the defaults of the system.
    initial : mapping, optional
        With `period`, a point near the orbit, which may be unstable; else where a trajectory begins that approaches a stable
        one.
    period : float, optional
        A guess of the period, in units of time.
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
        that of the phase of the forcing, the others are those of the iterated stroboscopic map.

    Raises
    ------
    DeclarationError
        If the system is no flow, or depends on time otherwise.
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
    if system.time_dependent:
        form = with_oscillator(system, "a limit cycle")
        options: dict[str, Any] = {"period": period, "transient": transient, "points": points}
        return without_phase(form, system, limit_cycle(form.system, parameters, initial=starting(form, initial), **options))
    design = make_design(system, initial, parameters, None)
    if design.size != 1:
        raise DeclarationError("a limit cycle is that of one set of values; sweep in a loop")
    start, values = design.rows(0, 1)
    given = dict(zip(system.names, start[0], strict=True))
    numbers = dict(zip((p.name for p in system.parameters), values[0], strict=True))
    if period is None:
        given, period = _returns(system, numbers, given, transient)
    elif not period > 0 or not np.isfinite(period):
        raise DeclarationError(f"period is {period!r}; expected a positive number")
    shooting = _Shooting(system, values[0])
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
    found = {
        "period": ((), period), "multiplier": ("index", multipliers.real), "multiplier_imag": ("index", multipliers.imag),
        "stable": ((), bool((np.abs(others) < 1).all())), "closure": ((), closure),
        "trivial": ((), float(np.abs(multipliers[trivial] - 1))),
    }  # fmt: skip
    attrs = attributes(system, **fixed_values(system, design, system.states))
    coords = {"time": times, "index": np.arange(1, len(multipliers) + 1)}
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


class _Shooting:
    """Arcs of a system with given parameters."""

    def __init__(self, system: System, parameters: np.ndarray) -> None:
        self.system, self.parameters = system, parameters
        self.kernel, self.extended = extended_kernel(system, [])
        blocks = [("lane", (system.time,)), ("y", system.states), ("p", system.parameters)]
        self.rates = lower("rates", blocks, list(system.part("drift")), list(system.names))

    def field(self, x: np.ndarray) -> np.ndarray:
        """Rates of change (m, n) at points (m, n)."""
        found = evaluate(self.rates, [np.zeros(())], list(x.T), list(self.parameters))
        return np.stack([np.broadcast_to(v, len(x)) for v in found], axis=1)

    def flow(self, arcs: np.ndarray, times: Any) -> tuple[np.ndarray, np.ndarray]:
        """States (m, T, n) at some times after the beginnings of arcs, and derivatives (m, n, n) by them at the last."""
        values = np.tile(self.parameters, (len(arcs), 1))
        run = self.kernel(self.extended.initial(arcs), values, times, **TOLERANCES)
        if (run.status != SUCCESS).any():
            raise SimulationError(
                "an arc of the orbit could not be integrated; give a point nearer to it, or a better period", None
            )
        states, slopes = self.extended.split(run.values)
        return states, slopes[:, -1]

    def solve(self, arcs: np.ndarray, period: float) -> tuple[np.ndarray, float, float]:
        """Arcs that join, their period, and how well they join."""
        m, n = arcs.shape
        for _ in range(MOST_STEPS):
            states, slopes = self.flow(arcs, [0.0, period / m])
            ends = states[:, -1]
            size = max(float((arcs.max(axis=0) - arcs.min(axis=0)).max()), 1e-300)
            gaps = ends - np.roll(arcs, -1, axis=0)
            closure = float(np.abs(gaps).max()) / size
            matrix = np.zeros((m * n + 1, m * n + 1))
            rates = self.field(ends)
            for k in range(m):
                row, following = slice(k * n, (k + 1) * n), slice((k + 1) % m * n, ((k + 1) % m + 1) * n)
                matrix[row, row] += slopes[k]
                matrix[row, following] -= np.eye(n)
                matrix[row, -1] = rates[k] / m
            matrix[-1, :n] = self.field(arcs[:1])[0]
            change = np.linalg.lstsq(matrix, -np.append(gaps.ravel(), 0.0), rcond=None)[0]
            if closure < CLOSED and np.abs(change[:-1]).max() < 1e3 * CLOSED * size:
                return arcs, period, closure
            factor = min(1.0, 0.5 * size / max(np.abs(change[:-1]).max(), 1e-300), 0.5 * period / max(abs(change[-1]), 1e-300))
            arcs, period = arcs + factor * change[:-1].reshape(m, n), period + factor * change[-1]
        raise SimulationError(
            f"Newton's method did not close the orbit: its ends differ by {closure:.1e} of its size after {MOST_STEPS} steps; "
            "give a point nearer to it, or a better period", None,
        )  # fmt: skip

    def multipliers(self, arcs: np.ndarray, period: float) -> np.ndarray:
        """The eigenvalues of the derivative along the orbit."""
        product = np.eye(arcs.shape[1])
        for slope in self.flow(arcs, [0.0, period / len(arcs)])[1]:
            product = slope @ product
        return np.linalg.eigvals(product).astype(complex)

    def orbit(self, arcs: np.ndarray, period: float, times: np.ndarray) -> np.ndarray:
        """States (T, n) at times within a period, each from the beginning of its arc."""
        length = period / len(arcs)
        number = np.minimum((times / length).astype(int), len(arcs) - 1)
        found = np.empty((len(times), arcs.shape[1]))
        for k in range(len(arcs)):
            mine = np.flatnonzero(number == k)
            after = np.maximum(times[mine] - k * length, 0.0)
            if mine.size:
                inner = np.unique(np.concatenate([[0.0], after]))
                states = self.flow(arcs[k : k + 1], inner)[0][0] if inner.size > 1 else arcs[k : k + 1]
                found[mine] = states[np.searchsorted(inner, after)]
        return found
