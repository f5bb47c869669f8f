r"""Blow-up in finite time, found by integrating in a time in which it never comes.

With :math:`\rho(y) = \sqrt{\kappa^2 + \sum_i f_i^2 / (\sigma_i^2 + y_i^2)}` and :math:`d\tau = \rho\, dt` the states grow at
most exponentially in :math:`\tau`, and where they blow up at :math:`T` the time left, :math:`T - t`, falls exponentially:
:math:`t(\tau)` tends to `T`, which Aitken's extrapolation finds from three values.  Elsewhere `t` passes its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.analysis.ensembles import labelled, read_rows, run_rows
from symdyn.errors import DeclarationError
from symdyn.given_values import numeric_values
from symdyn.methods.options import AdaptiveOptions
from symdyn.models.ode import ODESystem
from symdyn.simulation.dataset import attributes
from symdyn.system import System

__all__ = ["blow_up", "rescaled"]

#: Rescaled time that is integrated at once, and outputs in it.
PIECE, OUTPUTS = 10.0, 11
#: Rescaled time left at which an integration that fails is at its singularity.
SMALLEST = 1e-9
#: Share of the time passed below which the time left counts as none.
LEFT = 1e-8
#: Growth of a state over the last two outputs that distinguishes blow-up from other singularities.
GROWTH = 1.2
#: Steps that a piece may take.
LIMITED = AdaptiveOptions(max_steps=100_000)


def rescaled(system: System) -> tuple[ODESystem, sp.Symbol]:
    """The system in rescaled time, and the symbol of its last state, the time itself.

    Further parameters: ``kappa_`` and the squared scales ``scale_i_``.
    """
    clock, rate = sp.Symbol("clock_"), sp.Symbol("kappa_")
    scales = sp.symbols(f"scale_:{len(system.states)}_")
    drift = [e.xreplace({system.time: clock}) for e in system.deterministic("rescaled time")]
    speed = sp.sqrt(rate**2 + sum(f**2 / (s + y**2) for f, s, y in zip(drift, scales, system.states, strict=True)))
    rows = {y: f / speed for y, f in zip(system.states, drift, strict=True)}
    return ODESystem({**rows, clock: 1 / speed}, time="tau_", provenance=(*system.provenance, "in rescaled time")), clock


def blow_up(
    system: System,
    initial: Mapping[Any, Any] | None = None,
    parameters: Mapping[Any, Any] | None = None,
    *,
    t_end: float,
    t_start: float = 0.0,
    scale: Mapping[Any, float] | float = 1.0,
    rtol: float = 1e-9,
    pieces: int = 60,
) -> xr.Dataset:
    r"""Whether, and when, a solution ceases to exist.

    Parameters
    ----------
    system : ODESystem
    initial, parameters : mapping, optional
        As in `symdyn.simulate`; arrays make a sweep, whose rows run in parallel.
    t_end, t_start : float
        The last and first time.
    scale : float or mapping
        Size of each state below which its absolute rather than its relative change counts.
    rtol : float
        Relative tolerance of the integration.
    pieces : int
        Most pieces of rescaled time, ten units each, before a row is given up as undecided.

    Returns
    -------
    xarray.Dataset
        With the dims of the sweep: ``outcome``, one of 'exists' (up to `t_end`), 'blow-up' (a state grows beyond all bounds),
        'singular' (a derivative does while the states stay finite) and 'undecided'; ``blow_up`` bool; and ``end``, the time
        of blow-up or of the singularity, otherwise the time reached.

    Raises
    ------
    DeclarationError
        If ``t_end`` is not after ``t_start``, or a parameter or an initial value is missing.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x = sp.Symbol("x")
    >>> found = blow_up(sd.ODESystem({x: x**2}), {x: [1, 0.2]}, t_end=2)
    >>> found.outcome.values.tolist(), round(float(found.end[0]), 6)
    (['blow-up', 'exists'], 1.0)
    """
    design, y, p = read_rows(system, initial, parameters)
    if not t_end > t_start:
        raise DeclarationError(f"t_end is {t_end!r}; expected a time after t_start = {t_start:g}")
    extended, clock = rescaled(system)
    if isinstance(scale, Mapping):
        given = numeric_values(scale, system.states, "state")
        sizes = np.array([given.get(s, 1.0) for s in system.states])
    else:
        sizes = np.full(len(system.states), float(scale))
    columns = {**dict(zip(system.parameters, p.T, strict=True)), sp.Symbol("kappa_"): np.full(len(y), 10 / (t_end - t_start))}
    columns |= {sp.Symbol(f"scale_{i}_"): np.full(len(y), s**2) for i, s in enumerate(sizes)}
    order = np.stack([columns[s] for s in extended.parameters], axis=1)
    place = [extended.states.index(s) for s in (*system.states, clock)]
    state = np.column_stack([y, np.full(len(y), t_start)])[:, np.argsort(place)]
    outcome = np.full(len(y), "undecided", dtype="<U9")
    end = np.full(len(y), t_start)
    piece = np.full(len(y), PIECE)
    waiting = np.ones(len(y), bool)
    for _ in range(pieces):
        if not waiting.any():
            break
        size = piece[waiting].max()
        todo = np.flatnonzero(waiting & (piece == size))
        options: dict[str, Any] = dict(rtol=rtol, atol=1e-12 * sizes.min(), method=LIMITED)
        values, status = run_rows(extended, np.linspace(0, size, OUTPUTS), state[todo], order[todo], **options)
        for k, row in enumerate(todo):
            path = values[k][np.isfinite(values[k]).all(axis=1)]
            state[row], end[row] = path[-1], min(path[-1, place[-1]], t_end)
            said = _judge(path[:, place], t_end, t_start, sizes)
            if said is None and status[k] != 0 and size <= SMALLEST:
                said = "singular", float(end[row])
            if said is not None:
                outcome[row], end[row] = said
                waiting[row] = False
            elif status[k] != 0:  # nearer to what stopped it, in smaller pieces
                piece[row] = size / OUTPUTS
    return labelled(
        design, {"blow_up": outcome == "blow-up", "outcome": outcome, "end": end}, attributes(system, t_end=t_end, rtol=rtol)
    )


def _judge(path: np.ndarray, t_end: float, t_start: float, sizes: np.ndarray) -> tuple[str, float] | None:
    """The outcome and its time, or None if the path is to be continued."""
    clock = path[:, -1]
    if clock[-1] >= t_end:
        return "exists", t_end
    steps = np.diff(clock)
    near = np.flatnonzero(steps[1:] <= LEFT * (clock[2:] - t_start))
    if not near.size:
        return None
    k = int(near[0]) + 2  # the first output that is close enough: subsequent ones may overflow
    first, second = steps[k - 2 : k]
    left = second**2 / (first - second) if first > second > 0 else second
    size = np.abs(path[k, :-1])
    growing = ((size > GROWTH * np.abs(path[k - 2, :-1])) & (size > sizes)).any()
    return ("blow-up" if growing else "singular"), float(clock[k] + left)
