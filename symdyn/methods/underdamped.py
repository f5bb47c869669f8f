"""Underdamped Langevin equations: positions with momenta, the functions that solve friction exactly, and where they apply."""

from __future__ import annotations

from math import factorial
from typing import NamedTuple

import sympy as sp

from symdyn.declaration import derivative
from symdyn.methods.stochastic import StepSymbols, dot, mean_areas, refuse_all_but_diffusions
from symdyn.system import System

__all__ = ["Motion", "functions", "motions", "refuse_all_but_underdamped", "tilt"]

#: Terms of the series of the third function, which serves below 1, where the next one is below the last digit.
TERMS = 18


def pairs(system: System) -> list[tuple[int, int]]:
    """Places of positions with those of their momenta."""
    drift, states = system.part("drift"), system.states
    found = [(i, states.index(f)) for i, f in enumerate(drift) if f in states and f != states[i]]
    return [(i, j) for i, j in found if all(g == 0 for g in system.part("diffusion").row(i))]


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


def functions(z: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    r"""The functions :math:`\varphi_1, \varphi_2, \varphi_3` of exponential integrators at -z, the former from the last."""
    third = third_function(z)
    second = sp.Rational(1, 2) - z * third
    return 1 - z * second, second, third


def tilt(z: sp.Expr, third: sp.Expr) -> sp.Expr:
    r""":math:`\psi = 3 - 6 (z + 2) \varphi_3`, by which the area of the path moves a position."""
    return 3 - 6 * (z + 2) * third


def third_function(z: sp.Expr) -> sp.Expr:
    """``(1 - z + z^2/2 - exp(-z)) / z^3``, by its series where the difference would cancel."""
    series = sp.S.Zero
    for k in reversed(range(TERMS)):
        series = sp.Rational((-1) ** k, factorial(k + 3)) + z * series
    if z == 0:
        return sp.Rational(1, 6)
    safe = sp.Max(z, sp.Rational(1, 2))  # of what is not chosen no quotient is infinite
    direct = (1 - safe + safe**2 / 2 - sp.exp(-safe)) / safe**3
    return sp.Piecewise((series, z < 1), (direct, True))


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
        if rate.free_symbols & {*states, system.time} or force.free_symbols & momenta:
            return f"{states[j]}' must be a force that depends on positions, less a constant times {states[j]}"
        if system.part("diffusion").row(j).free_symbols & {*states, system.time}:
            return f"the noise of {states[j]} must be constant; use 'slowrk' or 'heun'"
    return None
