"""Periodic orbits of periodically forced systems, from those of the system with an oscillator in the place of the forcing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.declaration import lookup
from symdyn.derive.forcing import ForcedSystem
from symdyn.errors import DeclarationError
from symdyn.simulation.dataset import attributes
from symdyn.system import System

__all__ = ["breaks_of", "starting", "with_phase", "without_phase"]

#: Of the oscillator, the size of the multiplier for each round is exp(-DAMPED).
DAMPED = 4 * np.pi


def starting(form: ForcedSystem, initial: Mapping[Any, Any] | None) -> dict[Any, Any] | None:
    """Initial values with those of the oscillator at time 0.

    Raises
    ------
    DeclarationError
        For names that are no states of the forced system.
    """
    if initial is None:
        return None
    given = {lookup(key, form.system.states[:-2], "state").name: value for key, value in initial.items()}
    return {**given, **dict(zip(form.phase, (1.0, 0.0), strict=True))}


def with_phase(form: ForcedSystem, start: Any) -> Any:
    """A cycle, whose times are those of the forcing, as one of the system with the oscillator.

    Raises
    ------
    DeclarationError
        If it is none.
    """
    if not isinstance(start, xr.Dataset) or not {"period", "rounds", "time"} <= {*start.variables}:
        raise DeclarationError(
            "start is no cycle of a forced system; expected what limit_cycle returns, or a point of a branch of cycles"
        )
    along, times = start["time"].dims, np.asarray(start["time"].values, float)
    phase = 2 * np.pi * float(start["rounds"]) / float(start["period"]) * times
    found = start.assign({name: (along, f(phase)) for name, f in zip(form.phase, (np.cos, np.sin), strict=True)})
    return found.assign_coords(time=(along, times - times[0]))


def breaks_of(form: ForcedSystem, parameter: Any, row: np.ndarray) -> np.ndarray:
    """Phases (b,) in [0, 1), in turns, at which right-hand sides may jump, at these parameters.

    Raises
    ------
    DeclarationError
        If they depend on the parameter that varies, or are not known.
    """
    symbol = lookup(parameter, form.system.parameters, "parameter")
    if form.hidden:
        raise DeclarationError(
            f"the phases at which {form.hidden[0]} jumps or bends cannot be found; write it by comparisons linear in one "
            "mod of time, without states, such as piecewise(1, mod(t, T) < T/4, 0)"
        )
    moving = [e for e in form.breaks if symbol in e.free_symbols]
    if moving:
        raise DeclarationError(
            f"the phase {moving[0]} at which the forcing jumps depends on {symbol}, along which the cycle is to be followed; "
            "write times within a period as parts of it"
        )
    values = dict(zip(form.system.parameters, map(float, row), strict=True))
    found = np.mod(np.array([float(e.xreplace(values)) for e in form.breaks]), 1.0)
    return np.unique(np.where(found > 1 - 1e-12, 0.0, np.round(found, 14)))


def without_phase(form: ForcedSystem, system: System, found: xr.Dataset) -> xr.Dataset:
    """Cycles of the system with the oscillator as those of the system, with times at which the forcing has their phase.

    ``rounds`` are the periods of the forcing in that of the orbit.
    """
    cosine, sine = (found[name].values for name in form.phase)
    phase = np.unwrap(np.arctan2(sine, cosine), axis=-1)
    turns = (phase[..., -1] - phase[..., 0]) / (2 * np.pi)
    rounds = np.rint(np.abs(turns)).astype(int)
    period = found["period"].values
    begin = np.mod(np.sign(turns) * phase[..., 0], 2 * np.pi) / (2 * np.pi) * period / np.maximum(rounds, 1)
    multipliers = found["multiplier"].values + 1j * found["multiplier_imag"].values
    own = np.argmin(np.abs(multipliers - np.exp(-DAMPED * rounds)[..., None]), axis=-1)
    keep = np.arange(multipliers.shape[-1]) != own[..., None]
    left = multipliers[keep].reshape(*multipliers.shape[:-1], -1)
    along, dims = found["time"].dims, found["multiplier"].dims
    times = found["time"].values + np.asarray(begin)[..., None]
    result = found.drop_vars([*form.phase, "multiplier", "multiplier_imag", "index"]).assign_coords(
        time=(along, times, {"long_name": "time, at which the forcing has the phase of the orbit"}),
        index=np.arange(1, left.shape[-1] + 1),
    )
    result = result.assign(
        multiplier=(dims, left.real, found["multiplier"].attrs),
        multiplier_imag=(dims, left.imag, found["multiplier_imag"].attrs),
        rounds=(found["period"].dims, rounds, {"long_name": "periods of the forcing in a period of the orbit"}),
    )  # fmt: skip
    result.attrs = {**found.attrs, **attributes(system)}
    return result
