"""How trajectories move with parameters and initial values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.declaration import listed, lookup
from symdyn.derive.sensitivities import sensitivities as extended_system
from symdyn.errors import DeclarationError
from symdyn.simulation.run import simulate
from symdyn.system import System

__all__ = ["sensitivities"]


def sensitivities(
    system: System,
    t: Sequence[float] | np.ndarray,
    *,
    by: Iterable[Any] | None = None,
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
    initial, parameters, **options : optional
        As for `symdyn.simulate`; sweeps give a derivative at each point.

    Returns
    -------
    Dataset
        That of `symdyn.simulate`, with a variable ``d<state>_d<name>`` for each state and each of `by`.

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
    """
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
    found = simulate(
        extended.system, t, initial={s: v for s, v in given.items() if s not in formulas}, parameters=parameters, **options
    )
    kept = {extended.names[s, c].name for s in begun.states for c in chosen}
    return found.drop_vars([s for s in extended.system.names if s not in kept and s not in begun.names and s in found])
