"""Periodic orbits of periodically forced systems, from those of the system with an oscillator in the place of the forcing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from symdyn.derive.forcing import ForcedSystem
from symdyn.errors import DeclarationError, SimulationError
from symdyn.given_values import lookup
from symdyn.simulation.dataset import attributes
from symdyn.simulation.run import simulate
from symdyn.system import System

__all__ = ["breaks_of", "forcing_period", "recurrence", "rounds_of", "with_phase", "without_phase"]

#: Of the oscillator, the size of the multiplier for each round is exp(-DAMPED).
DAMPED = 4 * np.pi
#: How near, relative to the size of the orbit, a trajectory comes back after a period that is taken as a guess, and what counts
#: as the same point; how far, relative to it, the guess of a user may be from a multiple of the period of the forcing.
NEAR, SAME, CLOSE = 0.05, 1e-5, 0.1
#: Points of the trajectory in a period of the forcing, and all of them.
POINTS, SAMPLES = 64, 20_000


def forcing_period(form: ForcedSystem, values: np.ndarray) -> float:
    """The period of the forcing for these values (k,) of the parameters."""
    known = dict(zip(form.system.parameters, map(float, values), strict=True))
    frequency = abs(float(form.frequency.xreplace(known)))
    if not 0 < frequency < np.inf:
        raise DeclarationError(
            f"the frequency {form.frequency} of the forcing is {frequency:g}; expected a number other than 0"
        )
    return 2 * np.pi / frequency


def rounds_of(period: float, turn: float) -> int:
    """How many periods of the forcing are in a period, of which the latter is a guess."""
    rounds = max(1, round(period / turn))
    if abs(period / turn - rounds) > CLOSE * rounds:
        raise DeclarationError(f"period is {period:g}; expected about a multiple of {turn:g}, the period of the forcing")
    return rounds


def recurrence(
    system: System, numbers: Mapping[str, float], start: Mapping[str, float], turn: float, transient: float
) -> tuple[dict[str, float], int]:  # fmt: skip
    """A point of the orbit that a trajectory approaches, at the phase 0 of the forcing, and how many of its periods are in one.

    Raises
    ------
    SimulationError
        If the trajectory does not come back after a number of periods.
    """
    late = max(4, int(np.ceil(transient / turn)))
    each = max(1, min(POINTS, SAMPLES // late))
    times = turn * np.append(0.0, np.arange(late * each, 2 * late * each + 1) / each)
    data = simulate(system, times, initial=start, parameters=numbers, rtol=1e-9, atol=1e-11, progress=False)
    path = np.stack([data[name].values[1:] for name in system.names], axis=1)
    spread = path.max(axis=0) - path.min(axis=0)
    floor = 1e-9 * max(abs(v) for v in start.values()) + 1e-6 * np.abs(path).max(axis=0) + 1e-300
    strobe = path[::each]
    back = np.abs((strobe[-2::-1] - strobe[-1]) / np.where(spread > floor, spread, np.inf)).max(axis=1)
    near = np.flatnonzero(back <= max(100 * back.min(), SAME))
    if back[near[0]] > NEAR:
        raise SimulationError(
            f"the trajectory does not come back within {NEAR:g} of its size after up to {late} periods of the forcing; give a "
            "longer transient, or a point and a period", data,
        )  # fmt: skip
    return dict(zip(system.names, map(float, strobe[-1]), strict=True)), int(near[0]) + 1


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
            f"the phases at which {form.hidden[0]} jumps or bends cannot be found; write it by comparisons with one mod, sine "
            "or cosine of time, without states, such as piecewise(1, mod(t, T) < T/4, 0)"
        )
    moving = [e for e in form.breaks if symbol in e.free_symbols]
    if moving:
        raise DeclarationError(
            f"the phase {moving[0]} at which the forcing jumps depends on {symbol}, along which the cycle is to be followed; "
            "write times within a period as parts of it"
        )
    values = dict(zip(form.system.parameters, map(float, row), strict=True))
    numbers = np.array([complex(e.xreplace(values)) for e in form.breaks])
    found = np.mod(numbers.real[np.abs(numbers.imag) < 1e-12], 1.0)  # sin(t) > 2 changes nowhere
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
