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

import sympy as sp

from symdyn.methods.registry import METHODS
from symdyn.methods.stochastic import StepSymbols, StochasticScheme
from symdyn.methods.stochastic_options import StochasticOptions
from symdyn.methods.underdamped import functions, motions, refuse_all_but_underdamped, tilt
from symdyn.models.sde import SDESystem

__all__ = ["ALIGN", "Align"]


def step(system: SDESystem, symbols: StepSymbols) -> tuple[sp.Expr, ...]:
    """New states after one step."""
    h, t, states = symbols.h, system.time, system.states
    found, new, moved = motions(system, symbols), list(states), {t: t + h}
    for i, j, rate, force, noise, area in found:
        first, second, _ = functions(rate * h)
        # products are added one by one: a sum of two would be contracted in one way by some compilers, in another by others
        new[i] = states[i] + h * first * states[j] + h**2 * second * force + h * second * noise
        new[i] = moved[states[i]] = new[i] + h * tilt(rate * h) * area
    for _, j, rate, force, noise, area in found:
        first, second, _ = functions(rate * h)
        kept = states[j] + h * first * (force - rate * states[j]) + h * second * (force.xreplace(moved) - force)
        new[j] = kept + first * noise - rate * h * tilt(rate * h) * area
    return tuple(new)


class Align(StochasticOptions):
    """The scheme ALIGN of Foster, for underdamped Langevin equations.

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
        integrals=1,
        reference="J. Foster, T. Lyons & H. Oberhauser, arXiv:2101.03446 (2021), definition 4.2, with the noise of its "
        "implementation in diffrax (Kidger 2022)",
        step=step,
        applies=refuse_all_but_underdamped,
        options=Align,
    ),
)
