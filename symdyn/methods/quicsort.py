r"""QUICSORT, a scheme of strong order 3 for underdamped Langevin equations, with two forces a step.

.. math:: dq = p\,dt, \qquad dp = (F(q, t) - \gamma p)\,dt + \sigma\,dW

Over a step the path is replaced by a jump, a straight line and a jump, which have its increment and its areas
:math:`H = \Delta Z / h - \tfrac12 \Delta W` and :math:`K = \Delta Y / h^2 - \tfrac12 \Delta Z / h + \tfrac1{12} \Delta W`, and
the ordinary equation that this leaves is solved at the two nodes of Gauss's rule, :math:`c_\mp = \tfrac12 \mp \tfrac16\sqrt 3`.
With :math:`z = \gamma h` and :math:`\varphi_k` of exponential integrators,

.. math::
    \tilde p &= p + \sigma (H + 6 K), \qquad \omega = \sigma (\Delta W - 12 K) \\
    q_1 &= q + c_- h \varphi_1(-c_- z)\,\tilde p + c_-^2 h \varphi_2(-c_- z)\,\omega, \qquad F_1 = F(q_1, t + c_- h) \\
    q_2 &= q + c_+ h \varphi_1(-c_+ z)\,\tilde p + c_+^2 h \varphi_2(-c_+ z)\,\omega
           + \tfrac13 h^2 \varphi_1(-\tfrac13 z) F_1, \qquad F_2 = F(q_2, t + c_+ h) \\
    q' &= q + h \varphi_1(-z)\,\tilde p + h \varphi_2(-z)\,\omega
           + \tfrac12 h^2 \left[c_+ \varphi_1(-c_+ z) F_1 + c_- \varphi_1(-c_- z) F_2\right] \\
    p' &= e^{-z} \tilde p + \varphi_1(-z)\,\omega + \tfrac12 h \left[e^{-c_+ z} F_1 + e^{-c_- z} F_2\right] - \sigma (H - 6 K)

The order is that for forces with three derivatives in q and two in t; without noise it is 3 as well.
"""

from __future__ import annotations

import sympy as sp

from symdyn.methods.registry import METHODS
from symdyn.methods.stochastic import StepSymbols, StochasticScheme, dot, second_areas
from symdyn.methods.stochastic_options import StochasticOptions
from symdyn.methods.underdamped import functions, motions, refuse_all_but_underdamped
from symdyn.models.sde import SDESystem

__all__ = ["QUICSORT", "Quicsort"]


def step(system: SDESystem, symbols: StepSymbols) -> tuple[sp.Expr, ...]:
    """New states after one step."""
    h, t, states = symbols.h, system.time, system.states
    early, late = (sp.Rational(1, 2) - sp.sqrt(3) / 6).evalf(20), (sp.Rational(1, 2) + sp.sqrt(3) / 6).evalf(20)
    found, thirds = motions(system, symbols), second_areas(symbols)
    new, shifts, lines = list(states), {}, {}
    for _, j, _, _, noise, area in found:
        third = dot(system.diffusion.row(j), thirds)
        shifts[j], lines[j] = (states[j] + area + 6 * third, area - 6 * third), noise - 12 * third
    # products are added one by one: a sum of two would be contracted in one way by some compilers, in another by others
    first_stage, second_stage = {t: t + early * h}, {t: t + late * h}
    for i, j, rate, *_ in found:
        first, second, _ = functions(early * rate * h)
        first_stage[states[i]] = states[i] + early * h * first * shifts[j][0] + early**2 * h * second * lines[j]
    for i, j, rate, force, *_ in found:
        first, second, _ = functions(late * rate * h)
        coast = states[i] + late * h * first * shifts[j][0] + late**2 * h * second * lines[j]
        between, _, _ = functions(rate * h / 3)
        second_stage[states[i]] = coast + h**2 * between / 3 * force.xreplace(first_stage)
    for i, j, rate, force, *_ in found:
        first, second, _ = functions(rate * h)
        (first_early, _, _), (first_late, _, _) = functions(early * rate * h), functions(late * rate * h)
        one, two = force.xreplace(first_stage), force.xreplace(second_stage)
        coast = states[i] + h * first * shifts[j][0] + h * second * lines[j]
        new[i] = coast + h**2 * late * first_late / 2 * one + h**2 * early * first_early / 2 * two
        # exp(-z) is 1 - z phi_1
        kept_early, kept_late = (1 - c * rate * h * f for c, f in ((early, first_early), (late, first_late)))
        moved = shifts[j][0] - rate * h * first * shifts[j][0] + first * lines[j]
        new[j] = moved + h * kept_late / 2 * one + h * kept_early / 2 * two - shifts[j][1]
    return tuple(new)


class Quicsort(StochasticOptions):
    """The scheme QUICSORT of Foster and O'Kane, for underdamped Langevin equations.

    Examples
    --------
    >>> import symdyn as sd
    >>> particle = sd.SDESystem.from_text("dq = p*dt; dp = (-q^3 - 2*p)*dt + 0.5*dW; q(0) = 1; p(0) = 0")
    >>> method = sd.methods.Quicsort(brownian="tree")
    >>> runs = [sd.simulate(particle, [0, 1], method=method, step=h, seed=1, progress=False) for h in (1 / 64, 1 / 8)]
    >>> abs(float(runs[0].q[-1] - runs[1].q[-1])) < 0.01  # two step sizes on one path
    True
    """

    method = "quicsort"


QUICSORT = METHODS.register(
    "quicsort",
    StochasticScheme(
        name="quicsort",
        strong_order=3.0,
        weak_order=3.0,
        integrals=2,
        reference="J. Foster, T. Lyons & H. Oberhauser, arXiv:2101.03446 (2021), definition 1.2, with two nodes of Gauss in "
        "the place of its Runge-Kutta scheme, by J. Foster & D. O'Kane (in diffrax, Kidger 2022)",
        step=step,
        applies=refuse_all_but_underdamped,
        options=Quicsort,
    ),
)
