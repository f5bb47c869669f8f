r"""ALIGN, a scheme of strong order 2 for underdamped Langevin equations.

.. math:: dq = p\,dt, \qquad dp = (F(q, t) - \gamma p)\,dt + \sigma\,dW

With :math:`z = \gamma h`, :math:`\varphi_k(-z)` of exponential integrators, :math:`H = \Delta Z / h - \tfrac12 \Delta W` and
:math:`\psi = 3 - 6 (z + 2) \varphi_3`,

.. math::
    q' &= q + h \varphi_1 p + h^2 \varphi_2 F(q, t) + h \sigma (\varphi_2 \Delta W + \psi H) \\
    p' &= e^{-z} p + h (\varphi_1 - \varphi_2) F(q, t) + h \varphi_2 F(q', t + h) + \sigma (\varphi_1 \Delta W - z \psi H)

Friction is solved exactly, so steps may be long against :math:`1/\gamma`; one new evaluation of the force a step would do,
as :math:`F(q', t + h)` is that with which the next step begins.
"""

from __future__ import annotations

from math import factorial

import sympy as sp

from symdyn.declaration import derivative
from symdyn.methods.registry import METHODS
from symdyn.methods.stochastic import StepSymbols, StochasticScheme, dot, mean_areas, refuse_all_but_diffusions
from symdyn.methods.stochastic_options import StochasticOptions
from symdyn.models.sde import SDESystem
from symdyn.system import System

__all__ = ["ALIGN", "Align"]

#: Terms of the series of the third function, which serves below 1, where the next one is below the last digit.
TERMS = 18


def pairs(system: System) -> list[tuple[int, int]]:
    """Places of positions with those of their momenta."""
    drift, states = system.part("drift"), system.states
    found = [(i, states.index(f)) for i, f in enumerate(drift) if f in states and f != states[i]]
    return [(i, j) for i, j in found if all(g == 0 for g in system.part("diffusion").row(i))]


def friction(system: System, momentum: int) -> sp.Expr:
    """The rate at which a momentum is damped."""
    return -sp.expand(derivative(system.part("drift")[momentum], system.states[momentum]))


def step(system: SDESystem, symbols: StepSymbols) -> tuple[sp.Expr, ...]:
    """New states after one step."""
    h, t, states = symbols.h, system.time, system.states
    areas = mean_areas(symbols)
    new, forces, parts = list(states), {}, {}
    for i, j in pairs(system):
        rate, row = friction(system, j), system.diffusion.row(j)
        z = rate * h
        third = _third(z)
        second = sp.Rational(1, 2) - z * third
        first, tilt = 1 - z * second, 3 - 6 * (z + 2) * third
        forces[j] = system.drift[j].xreplace({states[j]: sp.S.Zero})
        noise, area = dot(row, symbols.dW), dot(row, areas)
        # products are added one by one: a sum of two would be contracted in one way by some compilers, in another by others
        new[i] = states[i] + h * first * states[j] + h**2 * second * forces[j] + h * second * noise + h * tilt * area
        parts[j] = (rate, first, second, tilt, noise, area)
    moved = {**{states[i]: new[i] for i, _ in pairs(system)}, t: t + h}
    for j, (rate, first, second, tilt, noise, area) in parts.items():
        kept = states[j] + h * first * (forces[j] - rate * states[j]) + h * second * (forces[j].xreplace(moved) - forces[j])
        new[j] = kept + first * noise - rate * h * tilt * area
    return tuple(new)


def _third(z: sp.Expr) -> sp.Expr:
    """``(1 - z + z^2/2 - exp(-z)) / z^3``, by its series where the difference would cancel."""
    series = sp.S.Zero
    for k in reversed(range(TERMS)):
        series = sp.Rational((-1) ** k, factorial(k + 3)) + z * series
    if z == 0:
        return sp.Rational(1, 6)
    safe = sp.Max(z, sp.Rational(1, 2))  # of what is not chosen no quotient is infinite
    direct = (1 - safe + safe**2 / 2 - sp.exp(-safe)) / safe**3
    return sp.Piecewise((series, z < 1), (direct, True))


def applies(system: System) -> str | None:
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


class Align(StochasticOptions):
    """The scheme ALIGN of Foster, for underdamped Langevin equations.

    Parameters
    ----------
    brownian_step : float, optional
        Each step's Brownian increment is composed of pieces of this length, in the unit of time; by default of one piece.
    brownian : {'stream', 'tree'}, optional
        Where increments come from; 'tree' is one path for any steps, see `StochasticOptions`.
    max_step : float, optional
        Longest step along a tree where tolerances decide.
    max_steps : int, optional
        Steps along a tree allowed to each trajectory; a million by default.

    Raises
    ------
    DeclarationError
        If ``brownian_step`` is not positive, ``brownian`` is unknown, ``max_step`` is not positive or ``max_steps``
        is no positive whole number, or an option is given that has no effect on the source of the path.

    Examples
    --------
    >>> import symdyn as sd
    >>> particle = sd.SDESystem.from_text("dq = p*dt; dp = (-q^3 - 2*p)*dt + 0.5*dW; q(0) = 1; p(0) = 0")
    >>> method = sd.methods.Align(brownian="tree")
    >>> runs = [sd.simulate(particle, [0, 1], method=method, step=h, seed=1, progress=False) for h in (1 / 64, 1 / 8)]
    >>> abs(float(runs[0].q[-1] - runs[1].q[-1])) < 0.01  # two step sizes on one path
    True
    """

    method = "align"


ALIGN = METHODS.register(
    "align",
    StochasticScheme(
        name="align",
        strong_order=2.0,
        weak_order=2.0,
        needs_dz=True,
        reference="J. Foster, T. Lyons & H. Oberhauser, arXiv:2101.03446 (2021), definition 4.2, with the noise of its "
        "implementation in diffrax (Kidger 2022)",
        step=step,
        applies=applies,
        options=Align,
    ),
)
