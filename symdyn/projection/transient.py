"""Distributions at times: in a box of states, or on a list that grows as probability moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from symdyn.codegen.kernel import read_method
from symdyn.errors import DeclarationError
from symdyn.methods.options import MethodOptions
from symdyn.methods.propagation import GeneratorExponential
from symdyn.methods.registry import METHODS
from symdyn.projection.adaptive import INTEGRATOR, Growing
from symdyn.projection.bounds import Bounds
from symdyn.projection.equation import MasterEquation
from symdyn.projection.evolve import Clock, Exponential, Modulated
from symdyn.projection.generator import assemble
from symdyn.projection.initial import begin, outside, read_initial
from symdyn.projection.labelled import check_layout, labelled
from symdyn.projection.states import StateSpace
from symdyn.projection.transitions import LONGEST_BURST, StateJump, Transitions
from symdyn.registry import suggest

__all__ = ["check_tolerance", "read_times", "transient"]

#: Probability of bursts, relative to the tolerance, that are longer than those followed where there is no upper bound.
BURST_TAIL = 1e-6


def transient(
    equation: MasterEquation,
    t: float | Sequence[float],
    initial: Any = None,
    parameters: Mapping[Any, float] | None = None,
    *,
    tolerance: float = 1e-8,
    method: str | MethodOptions = "krylov",
    start: float = 0.0,
    layout: str | None = None,
) -> xr.DataArray:
    """Distributions at one or several times.

    Parameters
    ----------
    equation : MasterEquation
    t : float or increasing sequence of float
    initial : mapping or DataArray, optional
        For each species a number, a discrete distribution of scipy.stats or a DataArray over it; or a joint
        distribution.  It holds at the time `start`; by default the initial numbers of the network.
    parameters : mapping, optional
        Values over the defaults of the network.
    tolerance : float
        In a box, the error of the integration; what leaves the box comes on top.  Without upper bounds the error of the
        result, what leaves the set included.  Errors are sums of magnitudes over all states.
    method : {'krylov', 'uniformisation'}, or an object of a class of `symdyn.methods`
        Krylov spaces with estimated errors, or a sum of positive terms with a known error, which takes longer.
    start : float
        The time at which `initial` holds.
    layout : {'box', 'list'}, optional
        A dimension per species, or one dimension ``state`` with a coordinate per species; by default the former, unless
        the array would be far larger than the set of states.

    Returns
    -------
    xarray.DataArray
        With a leading dimension ``time`` if `t` is a sequence.  ``attrs['error_bound']``, and the coordinate
        ``error_bound`` along time, bound the sum of the magnitudes of all errors.

    Raises
    ------
    DeclarationError, CompileError
        For input that does not fit.
    SimulationError
        If a propensity is negative, or the set grows beyond ``max_states``.

    References
    ----------
    Munsky, Khammash, J. Chem. Phys. 124, 044104 (2006) (the error of a projection).

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
    >>> p = net.master_equation(upper={"X": 60}).transient(2.0, {"X": 0})
    >>> round(float(sd.projection.mean(p, "X")), 6)  # 5 (1 - exp(-2))
    4.323324
    """
    times = read_times(t, start)
    check_tolerance(tolerance)
    check_layout(layout)
    scheme = read_scheme(method)
    transitions = Transitions(equation.network, parameters)
    if equation.box is not None:
        p, accuracy = begin(equation.network, equation.box, initial, transitions.values), tolerance
        rows = advance(
            equation.box,
            transitions,
            equation.jumps(transitions),
            p,
            times,
            start=start,
            tolerance=tolerance,
            method=scheme.name,
        )
        found: list[tuple[StateSpace, np.ndarray]] = [(equation.box, row) for row in rows]
    else:
        accuracy = INTEGRATOR * tolerance
        found = grown(
            equation,
            transitions,
            read_initial(equation.network, initial, transitions.values),
            times,
            start=start,
            tolerance=tolerance,
            scheme=scheme,
        )
    facts = {"method": scheme.name, "tolerance": tolerance, "error_bound": 2 * accuracy}
    return labelled(equation, transitions, found, None if np.ndim(t) == 0 else times, layout=layout, facts=facts)


def grown(
    equation: MasterEquation,
    transitions: Transitions,
    initial: tuple[np.ndarray, np.ndarray],
    times: np.ndarray,
    *,
    start: float,
    tolerance: float,
    scheme: GeneratorExponential,
) -> list[tuple[StateSpace, np.ndarray]]:
    """Distributions at `times`, each with its set of states."""
    states, weight = initial
    jumps = transitions.jumps(lambda i: LONGEST_BURST, BURST_TAIL * tolerance)
    top = [np.iinfo(np.int64).max if b is None else b for b in equation.upper]
    bounds = Bounds(np.array(equation.lower), np.array(top), equation.max_states)
    if not bounds.inside(states).any():
        raise outside(equation.network, states[0])
    growing = Growing(transitions, jumps, bounds, trimming=scheme.follows)
    first, p = growing.start(states, weight, start)
    found: list[tuple[StateSpace, np.ndarray]] = list(growing.run(first, p, times, start, tolerance))
    if scheme.follows:
        return found
    last = found[-1][0]  # all states that were needed
    p = np.zeros(last.size)
    np.add.at(p, last.locate(states), weight)
    within = transitions.stopped_outside(bounds.inside)
    rows = advance(last, within, jumps, p, times, start=start, tolerance=INTEGRATOR * tolerance, method=scheme.name)
    return [(last, row) for row in rows]


def advance(
    space: StateSpace,
    transitions: Transitions,
    jumps: list[StateJump],
    p: np.ndarray,
    times: np.ndarray,
    *,
    start: float,
    tolerance: float,
    method: str,
) -> np.ndarray:
    """Distributions on a fixed set, (times, states)."""
    clock = Clock(start, error=tolerance / max(times[-1] - start, 1e-300))
    out = np.empty((times.size, p.size))
    if any(transitions.moving):
        Modulated(space, transitions, jumps, method).advance(p, clock, times, out)
    else:
        generator = assemble(space, transitions.propensities(space), jumps, reflecting=False)
        Exponential(generator, method).advance(p, clock, times, out)
    return out


def read_scheme(method: Any) -> GeneratorExponential:
    """The entry of the registry of methods."""
    known = [name for name, scheme in METHODS.items() if isinstance(scheme, GeneratorExponential)]
    name, _ = read_method(method)
    if name not in known:
        raise DeclarationError(f"unknown method {method!r}; known: {', '.join(known)}.{suggest(method, known)}")
    return METHODS[name]


def read_times(t: Any, start: float) -> np.ndarray:
    """Times as an array; they increase strictly from `start` on."""
    if not isinstance(start, (int, float, np.number)) or not np.isfinite(start):
        raise DeclarationError(f"start is {start!r}; expected a finite number, the time at which initial holds")
    try:
        times = np.atleast_1d(np.asarray(t, dtype=float))
    except (TypeError, ValueError):
        raise DeclarationError(f"the time is {t!r}; expected a number or an increasing sequence of numbers") from None
    if times.ndim != 1 or times.size == 0 or not np.isfinite(times).all():
        raise DeclarationError(f"the times are {t!r}; expected a finite number or an increasing sequence of such numbers")
    if (np.diff(times) <= 0).any() or times[0] < start:
        back = np.flatnonzero(np.diff(times) <= 0)
        what = f"{times[back[0]]:g} is followed by {times[back[0] + 1]:g}" if back.size else f"the first is {times[0]:g}"
        raise DeclarationError(f"the times must increase strictly and begin at {start:g} or later; {what}")
    return np.ascontiguousarray(times)


def check_tolerance(tolerance: Any) -> None:
    """Refuse what is no tolerance."""
    if not isinstance(tolerance, (int, float, np.number)) or not 0 < tolerance < 1:
        raise DeclarationError(f"tolerance is {tolerance!r}; expected a number between 0 and 1")
