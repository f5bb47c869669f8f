"""Linear stability of a state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.conservation import sampled_integrals, tangent_space
from symdyn.analysis.field import Field, parameter_row
from symdyn.errors import DeclarationError
from symdyn.given_values import numeric_values
from symdyn.simulation.dataset import attributes
from symdyn.system import System

__all__ = ["read_state", "stability"]


def stability(system: System, state: Any, parameters: Mapping[Any, float] | None = None) -> xr.Dataset:
    r"""Eigenvalues and eigenvectors of the linearisation :math:`\partial f_i / \partial x_j` at a state.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
    state : mapping or Dataset
        A value for each state by symbol or name, or one branch of `steady_states`, ``found.isel(branch=0)``.
    parameters : mapping, optional
        Values over the defaults of the system.

    Returns
    -------
    xarray.Dataset
        ``jacobian`` (state, direction), ``eigenvalue`` (mode) complex, least stable first, and ``stable``.  Of a system with
        linear first integrals the zero eigenvalues that belong to them are left out.  ``attrs["residual"]`` is the largest
        ``|f|``: far from zero, the state is no steady state and its linearisation says little.

    Raises
    ------
    DeclarationError
        If the system depends on time, or the state or a parameter has no value.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> found = stability(zoo.brusselator(), {"x": 1, "y": 3})
    >>> found.eigenvalue.values.round(6).tolist(), bool(found.stable)
    ([(0.5+0.866025j), (0.5-0.866025j)], False)
    """
    field = Field(system)
    p = parameter_row(system, parameters)
    x = read_state(system, state)
    eigenvalues = field.eigenvalues(x, p, tangent_space(sampled_integrals(field, p)))
    matrix = field.jacobian(x, p) + (np.eye(x.size) if field.is_map else 0)
    names = list(system.names)
    data = xr.Dataset(
        {
            "jacobian": (("state", "direction"), matrix),
            "eigenvalue": ("mode", eigenvalues),
            "stable": ((), field.stable(eigenvalues)),
        },
        coords={"state": names, "direction": names},
    )
    data.attrs = attributes(system, residual=float(np.abs(field(x, p)).max()))
    return data


def read_state(system: System, state: Any) -> np.ndarray:
    """A number for each state.

    Raises
    ------
    DeclarationError
        For states without a value, and for several branches where one is expected.
    """
    if isinstance(state, xr.Dataset):
        several = [n for n in system.names if n in state and state[n].ndim]
        if several:
            raise DeclarationError(
                f"the state {several[0]} has dims {state[several[0]].dims}; choose one, such as found.isel(branch=0)"
            )
        state = {n: float(state[n]) for n in system.names if n in state}
    if not isinstance(state, Mapping):
        raise DeclarationError(f"a state is a mapping from each state to its value, got {type(state).__name__}")
    values = numeric_values(state, system.states, "state")
    missing = [s.name for s in system.states if s not in values]
    if missing:
        raise DeclarationError(
            f"no value for the state {', '.join(missing)}; give one for every state, {{'{missing[0]}': ...}}"
        )
    return np.array([values[s] for s in system.states], dtype=float)
