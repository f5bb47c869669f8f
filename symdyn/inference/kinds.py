"""What discovery knows of each kind of system: where right-hand sides are, how time goes, how windows are cut."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn import dag
from symdyn.declaration import derivative
from symdyn.errors import RecoveryError
from symdyn.models.discrete import DiscreteSystem
from symdyn.models.ode import ODESystem
from symdyn.system import System

__all__ = ["RecoverableKind", "kind_of", "output_times", "plain", "right_sides", "unknown_slopes", "whole_steps"]

#: Gaps of a map's data may miss a whole number of steps by this much, relative to the steps since the first.
ROUNDING = 1e-6
#: Points of a smooth curve in a figure.
CURVE = 400


@dataclass(frozen=True)
class RecoverableKind:
    """A kind of system whose terms can be recovered and whose parameters can be fitted.

    Attributes
    ----------
    plain : type
        The class that is made of equations alone.
    side : str
        Its attribute with the right-hand sides.
    stepwise : bool
        Whether time goes in steps of 1, and the right-hand side is a state instead of its rate of change.
    points, most : int
        Intervals that the shortest windows of a search have, and the most windows of a trajectory.
    worse : float
        Factor by which joining windows may raise the variance of the residuals.  Runs of a chaotic map forget where they
        began: over long windows the sum of squares is full of traps, and short windows are the better judges.
    surrogates : tuple of str
        The first of these that applies to a system is used unless another is named.
    natural : bool
        Whether constants inside library terms are fitted from values about their natural sizes.  The next state of a map
        is the term itself, so a constant far off leaves nothing to follow; over a run of an ODE a term far off can be
        followed back, and values over several powers of ten reach more.
    """

    plain: type[Any]
    side: str
    stepwise: bool
    points: int
    most: int
    worse: float
    surrogates: tuple[str, ...]
    natural: bool


#: By the part of a system that holds the right-hand sides.
KINDS = {
    "drift": RecoverableKind(
        ODESystem, "drift", False, points=3, most=32, worse=np.inf, surrogates=("smoothing", "pinn"), natural=False
    ),
    "map": RecoverableKind(DiscreteSystem, "map", True, points=2, most=256, worse=2.0, surrogates=("inversion",), natural=True),
}


def kind_of(system: Any, what: str = "discovery") -> RecoverableKind:
    """What is known of the kind of a system.

    Raises
    ------
    RecoveryError
        If it is neither an ODE system nor a map without random numbers; `what` needs one.
    """
    parts = system.parts if isinstance(system, System) else frozenset()
    if parts == {"map", "noise"}:
        raise RecoveryError(
            f"{what} needs a map without random numbers, this one draws {system.noise[0]} in each step; "
            "leave the random numbers out: differences from the data count as noise"
        )
    found = [kind for part, kind in KINDS.items() if parts == {part}]
    if not found:
        raise RecoveryError(f"{what} needs an ODESystem or a DiscreteSystem, got {type(system).__name__}")
    return found[0]


def right_sides(system: System) -> tuple[sp.Expr, ...]:
    """Rates of change or next values, in the order of the states.

    >>> x = sp.Symbol("x")
    >>> right_sides(DiscreteSystem({x: x / 2}))
    (x/2,)
    """
    return tuple(getattr(system, kind_of(system).side))


def unknown_slopes(system: System) -> tuple[list[sp.Expr], dict[AppliedUndef, list[sp.Expr]]]:
    """The right-hand sides where unknown functions are zero, and their slopes by each, which hold none if that is linear.

    >>> x, f, g = sp.Symbol("x"), sp.Function("f"), sp.Function("g")
    >>> unknown_slopes(ODESystem({x: x - x * f(x) + g(x) ** 2}))
    ([x], {f(x): [-x], g(x): [2*g(x)]})
    """
    stand_in = {u: sp.Dummy() for u in system.unknowns}
    sides, back = [e.xreplace(stand_in) for e in right_sides(system)], {s: u for u, s in stand_in.items()}
    rest = [e.xreplace(dict.fromkeys(back, sp.S.Zero)) for e in sides]
    return rest, {u: [derivative(e, s).xreplace(back) if e.has(s) else sp.S.Zero for e in sides] for s, u in back.items()}


def plain(system: System, sides: Iterable[sp.Expr] | None = None) -> Any:
    """The ODE system or map of the equations alone, with other right-hand sides if they are given."""
    kind = kind_of(system)
    if sides is None and type(system) is kind.plain:
        return system
    equations = dict(zip(system.states, right_sides(system) if sides is None else sides, strict=True))
    free = dag.free_symbols([*equations.values(), *system.observables.values()])
    return kind.plain(
        equations, {p: v for p, v in system.defaults.items() if p in free}, initial=dict(system.initial),
        observables=dict(system.observables), time=system.time, provenance=system.provenance,
    )  # fmt: skip


def whole_steps(system: System, times: np.ndarray) -> np.ndarray:
    """The times of a trajectory, freed of rounding where time goes in steps.

    Raises
    ------
    RecoveryError
        If the data of a map are not whole steps apart, or two of them in the same step.
    """
    if system.map is None:
        return times
    gap = times - times[0]
    steps = np.round(gap)
    # how far the first time is from 0 allows for no more than the digits that it costs
    wrong = np.flatnonzero(np.abs(gap - steps) > ROUNDING * np.maximum(1.0, steps) + 4 * np.spacing(np.abs(times)))
    if wrong.size:
        raise RecoveryError(
            f"the data of a map must be whole steps apart, but the time {times[wrong[0]]:.12g} is "
            f"{gap[wrong[0]]:.6g} after the first; count time in steps of the map"
        )
    same = np.flatnonzero(np.diff(steps) < 1)
    if same.size:
        raise RecoveryError(
            f"the times {times[same[0]]:.15g} and {times[same[0] + 1]:.15g} are in the same step of the map; "
            "give repeats as further trajectories"
        )
    return times[0] + steps


def output_times(system: System, begin: float, end: float) -> np.ndarray:
    """Times at which a run is drawn: every step of a map, else close together."""
    return np.arange(begin, end + 0.5) if "map" in system.parts else np.linspace(begin, end, CURVE)
