"""Underdamped Langevin equations: positions with momenta, the functions that solve friction exactly, and where they apply."""

from __future__ import annotations

from math import factorial
from typing import NamedTuple

import sympy as sp

from symdyn.declaration import derivative
from symdyn.methods.stochastic import StepSymbols, dot, mean_areas, refuse_all_but_diffusions
from symdyn.system import System

__all__ = ["Motion", "functions", "motions", "refuse_all_but_underdamped", "tilt"]

#: Terms of the series of the third function, which serves between -1 and 1, where the next one is below the last digit.
TERMS = 18


def pairs(system: System) -> list[tuple[int, int]]:
    """Places of positions with those of their momenta."""
    drift, states = system.part("drift"), system.states
    found = [(i, states.index(f)) for i, f in enumerate(drift) if f in states and f != states[i]]
    return [(i, j) for i, j in found if all(g.is_zero for g in system.part("diffusion").row(i))]


class Motion(NamedTuple):
    """A position with its momentum, in one step.

    Attributes
    ----------
    i, j : int
        Places of the two states.
    rate, force : Expr
        Of friction; and what else moves the momentum.
    noise, area : Expr
        The increment of its noise, and the area of this against its chord.
    """

    i: int
    j: int
    rate: sp.Expr
    force: sp.Expr
    noise: sp.Expr
    area: sp.Expr


def motions(system: System, symbols: StepSymbols) -> list[Motion]:
    """All positions with their momenta."""
    drift, diffusion, areas, found = system.part("drift"), system.part("diffusion"), mean_areas(symbols), []
    for i, j in pairs(system):
        force, row = drift[j].xreplace({system.states[j]: sp.S.Zero}), diffusion.row(j)
        found.append(Motion(i, j, friction(system, j), force, dot(row, symbols.dW), dot(row, areas)))
    return found


def friction(system: System, momentum: int) -> sp.Expr:
    """The rate at which a momentum is damped."""
    return -sp.expand(derivative(system.part("drift")[momentum], system.states[momentum]))


def linear(system: System, momentum: int, rate: sp.Expr) -> bool:
    """Whether the momentum is in its drift by friction alone: jumps as ``sign(p)`` have the slope 0 and are none of it."""
    p = system.states[momentum]
    parts = [e for e in sp.Add.make_args(system.part("drift")[momentum]) if e.has(p)]
    return not sp.expand(sp.Add(*parts) + rate * p).has(p)


def functions(z: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    r"""The functions :math:`\varphi_1, \varphi_2, \varphi_3` of exponential integrators at -z.

    Up to 1 by the series of the last, from which the others follow without cancellation; beyond, these follow from the first.
    """
    if z == 0:
        return sp.S.One, sp.Rational(1, 2), sp.Rational(1, 6)
    third = sp.S.Zero
    for k in reversed(range(TERMS)):
        third = sp.Rational((-1) ** k, factorial(k + 3)) + z * third
    second, over = sp.Rational(1, 2) - z * third, _inverse(z)
    after = (1 - sp.exp(-z)) * over
    later = (1 - after) * over
    last = (sp.Rational(1, 2) - later) * over
    return _split(z, 1 - z * second, after), _split(z, second, later), _split(z, third, last)


def tilt(z: sp.Expr) -> sp.Expr:
    r""":math:`\psi = 3 - 6 (z + 2) \varphi_3`, by which the area of the path moves a position.

    Beyond 1 it is :math:`6 (2 - (z + 2) \varphi_1) / z^2`, where 3 would cancel.
    """
    first, _, third = functions(z)
    return _split(z, 3 - 6 * (z + 2) * third, 6 * (2 - (z + 2) * first) * _inverse(z) ** 2)


def _split(z: sp.Expr, near: sp.Expr, far: sp.Expr) -> sp.Expr:
    return sp.Piecewise((near, sp.Abs(z) < 1), (far, True))


def _inverse(z: sp.Expr) -> sp.Expr:
    """1/z beyond 1, and finite below, where it is not chosen."""
    return z / sp.Max(z**2, 1)


def refuse_all_but_underdamped(system: System) -> str | None:
    """None, or what is not that of an underdamped Langevin equation."""
    if refuse_all_but_diffusions(system):
        return refuse_all_but_diffusions(system)
    states, found = system.states, pairs(system)
    names = {k for pair in found for k in pair}
    if len(names) != len(states) or len(found) * 2 != len(states):
        lone = [str(x) for k, x in enumerate(states) if k not in names] or [str(x) for x in states]
        return (
            f"it takes positions q' = p without noise, each with a momentum p of its own; {', '.join(lone)} belongs to no pair"
        )
    momenta = {states[j] for _, j in found}
    for _, j in found:
        rate = friction(system, j)
        force = system.part("drift")[j].xreplace({states[j]: sp.S.Zero})
        if rate.free_symbols & {*states, system.time} or force.free_symbols & momenta or not linear(system, j, rate):
            return f"{states[j]}' must be a force that depends on positions, less a constant times {states[j]}"
        if system.part("diffusion").row(j).free_symbols & {*states, system.time}:
            return f"the noise of {states[j]} must be constant; use 'slowrk' or 'heun'"
    return None
