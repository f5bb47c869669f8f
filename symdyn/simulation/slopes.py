"""How trajectories move with parameters and initial values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.derive.sensitivities import Sensitivities
from symdyn.derive.sensitivities import sensitivities as extended_system
from symdyn.errors import DeclarationError
from symdyn.given_values import listed, lookup
from symdyn.simulation.run import simulate
from symdyn.system import System

__all__ = ["forward_run", "sensitivities"]


def sensitivities(
    system: System,
    t: Sequence[float] | np.ndarray,
    *,
    by: Iterable[Any] | None = None,
    relative: bool = False,
    initial: Mapping[Any, Any] | None = None,
    parameters: Mapping[Any, Any] | None = None,
    **options: Any,
) -> xr.Dataset:
    r"""Simulate a system with the derivatives :math:`\partial x_i/\partial p_k` by parameters and initial values.

    They solve the forward sensitivity equations of `symdyn.derive.sensitivities`, to the accuracy of the trajectories:
    through events, whose times move, delays and algebraic equations.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
        Without randomness, inputs or unknown terms.
    t : (T,) sequence of float
        Output times, as for `symdyn.simulate`.
    by : iterable of Symbol or str, optional
        Parameters, and states for their initial values; all parameters unless given.
    relative : bool
        Whether to give :math:`\partial \log x_i/\partial \log p_k = (p_k/x_i)\, \partial x_i/\partial p_k`, by how many per
        cent a state changes where a parameter does by one; NaN where the state is 0.
    initial, parameters, **options : optional
        As for `symdyn.simulate`; sweeps give a derivative at each point.

    Returns
    -------
    Dataset
        That of `symdyn.simulate`, with a variable ``d<state>_d<name>`` for each state and each of `by`, or
        ``dlog_<state>_dlog_<name>``.

    Raises
    ------
    DeclarationError
        For names that the system does not have, systems whose sensitivities are not known, and whatever `symdyn.simulate`
        refuses.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -k*x; k = 0.5; x(0) = 2")
    >>> run = sd.sensitivities(decay, [0, 1], by=["k", "x"])  # -2 t exp(-k t), exp(-k t)
    >>> run.dx_dk.round(4).values.tolist(), run.dx_dx.round(4).values.tolist()
    ([0.0, -1.2131], [1.0, 0.6065])
    >>> sd.sensitivities(decay, [0, 1], by="k", relative=True).dlog_x_dlog_k.round(4).values.tolist()  # -k t
    [0.0, -0.5]
    """
    found, extended, chosen, given = forward_run(system, t, by, initial, parameters, options)
    if relative:
        found = found.assign(_relative(extended.base, extended, chosen, found, parameters or {}, given))
        kept = set[str]()
    else:
        kept = {extended.names[s, c].name for s in extended.base.states for c in chosen if s not in extended.base.helpers}
    names = extended.base.names
    return found.drop_vars([s for s in extended.system.names if s not in kept and s not in names and s in found])


def forward_run(
    system: System, t: Any, by: Iterable[Any] | None, initial: Mapping[Any, Any] | None, parameters: Mapping[Any, Any] | None,
    options: Mapping[str, Any],
) -> tuple[xr.Dataset, Sensitivities, list[sp.Symbol], dict[sp.Symbol, Any]]:  # fmt: skip
    """What `sensitivities` simulates, the extended system, by what it is differentiated, and initial values by state."""
    if not isinstance(system, System):
        raise DeclarationError(f"sensitivities needs an ODESystem or a DiscreteSystem, got {type(system).__name__}")
    given = {lookup(k, system.states, "state"): v for k, v in (initial or {}).items()}
    formulas = {s: v for s, v in given.items() if isinstance(v, sp.Expr)}
    # numbers in the place of declared formulas do not move with parameters; those given are put in by `simulate`
    fixed = {s: 0.0 for s in given if s not in formulas and isinstance(system.initial.get(s), sp.Expr)}
    begun = system.with_initial({**formulas, **fixed}) if formulas or fixed else system
    known = (*begun.parameters, *begun.states)
    chosen = list(begun.parameters if by is None else dict.fromkeys(lookup(k, known, "parameter or state") for k in listed(by)))
    if not chosen:
        raise DeclarationError("by is empty, or the system has no parameters; name what the states are differentiated by")
    states = [s for s in chosen if s in begun.states]
    extended = extended_system(begun, [p for p in chosen if p not in states], initial=bool(states))
    times = np.asarray(t)
    moved = extended.system.events and not begun.events
    if moved and times.dtype.kind in "iuf" and (np.diff(np.atleast_1d(times)) < 0).all() and times.size > 1:
        raise DeclarationError(
            "output times decrease, and rates of change jump at times or places that move, which sensitivities follow forwards "
            "in time only; integrate forwards, or differentiate by names on which no jump depends"
        )
    begin = {s: v for s, v in given.items() if s not in formulas}
    found = simulate(extended.system, t, initial=begin, parameters=parameters, **options)
    return _own_events(begun, extended, found), extended, chosen, given


def _own_events(system: System, extended: Sensitivities, run: xr.Dataset) -> xr.Dataset:
    """The run without the events that only sensitivities have."""
    if "event" not in run.dims:
        return run
    own = [k for k, event in enumerate(extended.system.events) if {*event.assignments} & {*system.states}]
    if not own:
        return run.drop_dims("event").drop_vars("event", errors="ignore")
    return run.isel(event=own).assign_coords(event=[str(event) for event in system.events])


def _relative(
    system: System, extended: Sensitivities, chosen: Iterable[sp.Symbol], run: xr.Dataset, parameters: Mapping[Any, Any],
    initial: Mapping[sp.Symbol, Any],
) -> dict[str, xr.DataArray]:  # fmt: skip
    """Derivatives of logarithms."""
    given = {lookup(k, system.parameters, "parameter"): v for k, v in parameters.items()}
    swept = {(kind, v.attrs[kind]): v for v in run.coords.values() for kind in ("parameter", "initial") if kind in v.attrs}
    found = {}
    for c in chosen:
        value: Any = swept.get(("initial" if c in system.states else "parameter", c.name))
        if value is None and c in system.states:
            value = initial.get(c, system.initial.get(c))
            value = run[c.name].isel(time=0, drop=True) if value is None or isinstance(value, sp.Expr) else value
        elif value is None:
            value = given.get(c, system.defaults.get(c))
        for s in (s for s in system.states if s not in system.helpers):
            x = run[s.name]
            slope = run[extended.names[s, c].name]
            found[f"dlog_{s}_dlog_{c}"] = (value * slope / x.where(x != 0)).transpose(*slope.dims)
    return found
