r"""Derivatives of a root by parameters, through the implicit function theorem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.field import Field, parameter_row
from symdyn.analysis.linearisation import read_state
from symdyn.analysis.search import newton
from symdyn.analysis.starts import values_at
from symdyn.errors import DeclarationError
from symdyn.given_values import listed, lookup
from symdyn.simulation.dataset import attributes, listed_values
from symdyn.system import System

__all__ = ["root_slopes"]

#: Farthest that Newton's method may move from the state that is given, relative to the largest state.
NEAR = 1e-2
#: Condition of the Jacobian from which on the root is no function of the parameters.
SINGULAR = 1e13


def root_slopes(
    system: System, state: Any, parameters: Mapping[Any, float] | None = None, *, by: Iterable[Any] | None = None
) -> xr.Dataset:
    r"""How a steady state, or the output of an implicit layer, moves with parameters.

    Of a root :math:`f(x, p) = 0` with a regular Jacobian

    .. math:: \frac{\mathrm d x}{\mathrm d p} = - \Big(\frac{\partial f}{\partial x}\Big)^{-1} \frac{\partial f}{\partial p} .

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
        Autonomous.  Of a map the root is a fixed point.
    state : mapping or Dataset
        A value for each state near the root, or one branch of `steady_states`, ``found.isel(branch=0)``; it is refined by
        Newton's method.
    parameters : mapping, optional
        Numbers over those at which `state` was found, over the defaults of the system.
    by : iterable of Symbol or str, optional
        Parameters; all unless given.

    Returns
    -------
    xarray.Dataset
        ``root`` (state) and ``slope`` (state, parameter).

    Raises
    ------
    DeclarationError
        Without a root near the state, and where the Jacobian is singular, as at a fold and in systems with conserved totals.

    See Also
    --------
    symdyn.sensitivities : along trajectories, also of algebraic equations beside rates of change.

    References
    ----------
    Krantz & Parks, The Implicit Function Theorem (2002), section 3.3; Bai, Kolter & Koltun, NeurIPS 32 (2019): layers that
    are equilibria.

    Examples
    --------
    >>> import symdyn as sd
    >>> found = sd.analysis.root_slopes(sd.ODESystem.from_text("x' = a - x^3"), {"x": 2}, {"a": 8})
    >>> found.slope.values.tolist()   # da^(1/3)/da = a^(-2/3)/3
    [[0.08333333333333333]]
    """
    field = Field(system)
    values = values_at(system, state, parameters)
    p = parameter_row(system, values)
    given = read_state(system, state)
    chosen = system.parameters if by is None else [lookup(k, system.parameters, "parameter") for k in listed(by)]
    if not chosen:
        raise DeclarationError("there is no parameter by which the root is differentiated; name one in by")
    x = newton(field, given, p)
    if x is None or (np.abs(x - given) > NEAR * (1e-9 + np.abs(given).max())).any():
        near = listed_values(zip(system.names, given, strict=True))
        raise DeclarationError(f"there is no root near {near}; start from one that steady_states or homotopy_roots finds")
    matrix = field.jacobian(x, p)
    condition = np.linalg.cond(matrix)
    if not condition < SINGULAR:
        raise DeclarationError(
            f"the Jacobian at {listed_values(zip(system.names, x, strict=True))} is singular (condition {condition:.1e}): the "
            "root is at a fold, or one of a family, and no function of the parameters"
        )
    slopes = -np.linalg.solve(matrix, np.stack([field.slope(x, p, s) for s in chosen], axis=1))
    names = {"state": list(system.names), "parameter": [s.name for s in chosen]}
    data = xr.Dataset({"root": ("state", x), "slope": (("state", "parameter"), slopes)}, coords=names)
    known = listed_values((s.name, v) for s, v in zip(system.parameters, p, strict=True))
    data.attrs = attributes(system, condition=float(condition), parameters=known)
    return data
