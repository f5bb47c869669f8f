r"""UBU, a splitting of strong order 2 for underdamped Langevin equations, with one force a step.

.. math:: dq = p\,dt, \qquad dp = (F(q, t) - \gamma p)\,dt + \sigma\,dW

Half a step without the force (U), a kick of the whole step (B), and half a step without the force.  With :math:`z = \gamma h`,
:math:`\varphi_k = \varphi_k(-z)` and :math:`\varphi_k^* = \varphi_k(-z/2)` of exponential integrators,
:math:`H = \Delta Z / h - \tfrac12 \Delta W` and :math:`\psi = 3 - 6 (z + 2) \varphi_3`,

.. math::
    q^* &= q + \tfrac h2 \varphi_1^* p + \sigma h \left[\tfrac14 \varphi_2^* \Delta W
           + \left(\tfrac34 - (\tfrac32 + \tfrac34 z) \varphi_3^*\right) H\right] \\
    q' &= q + h \varphi_1 p + \tfrac{h^2}{2} \varphi_1^* F(q^*, t + \tfrac h2) + h \sigma (\varphi_2 \Delta W + \psi H) \\
    p' &= e^{-z} p + h e^{-z/2} F(q^*, t + \tfrac h2) + \sigma (\varphi_1 \Delta W - z \psi H)

The integrals of the path against exponentials are the means that they have, given :math:`\Delta W` and :math:`\Delta Z`; what
is left out has a standard deviation of order :math:`h^{5/2}` and the mean 0, which leaves the order 2.  Without noise the order
is 2 as well.
"""

from __future__ import annotations

import sympy as sp

from symdyn.methods.registry import METHODS
from symdyn.methods.stochastic import StepSymbols, StochasticScheme
from symdyn.methods.stochastic_options import StochasticOptions
from symdyn.methods.underdamped import functions, motions, refuse_all_but_underdamped, tilt
from symdyn.models.sde import SDESystem

__all__ = ["UBU", "Ubu"]


def step(system: SDESystem, symbols: StepSymbols) -> tuple[sp.Expr, ...]:
    """New states after one step."""
    h, t, states = symbols.h, system.time, system.states
    half, new, middle = sp.Rational(1, 2), list(states), {t: t + sp.Rational(1, 2) * h}
    found = motions(system, symbols)
    for i, j, rate, _, noise, area in found:
        first, second, third = functions(half * rate * h)
        # products are added one by one: a sum of two would be contracted in one way by some compilers, in another by others
        tilted = sp.Rational(3, 4) - (sp.Rational(3, 2) + sp.Rational(3, 4) * rate * h) * third
        middle[states[i]] = states[i] + half * h * first * states[j] + h * second / 4 * noise + h * tilted * area
    for i, j, rate, force, noise, area in found:
        (first, second, _), (first_half, _, _) = functions(rate * h), functions(half * rate * h)
        kick, tilted = force.xreplace(middle), tilt(rate * h)
        kept = 1 - half * rate * h * first_half  # exp(-z/2), of the same functions
        new[i] = states[i] + h * first * states[j] + half * h**2 * first_half * kick + h * second * noise + h * tilted * area
        new[j] = states[j] - rate * h * first * states[j] + h * kept * kick + first * noise - rate * h * tilted * area
    return tuple(new)


class Ubu(StochasticOptions):
    """The splitting UBU of Zapatero, for underdamped Langevin equations.

    Examples
    --------
    >>> import symdyn as sd
    >>> particle = sd.SDESystem.from_text("dq = p*dt; dp = (-q^3 - 2*p)*dt + 0.5*dW; q(0) = 1; p(0) = 0")
    >>> method = sd.methods.Ubu(brownian="tree")
    >>> runs = [sd.simulate(particle, [0, 1], method=method, step=h, seed=1, progress=False) for h in (1 / 64, 1 / 8)]
    >>> abs(float(runs[0].q[-1] - runs[1].q[-1])) < 0.01  # two step sizes on one path
    True
    """

    method = "ubu"


UBU = METHODS.register(
    "ubu",
    StochasticScheme(
        name="ubu",
        strong_order=2.0,
        weak_order=2.0,
        integrals=1,
        reference="A. A. Zapatero, thesis, Madrid (2017); J. M. Sanz-Serna & K. C. Zygalakis, J. Mach. Learn. Res. 22 (2021), "
        "no. 242, with noise from the increments and areas of the path",
        step=step,
        applies=refuse_all_but_underdamped,
        options=Ubu,
    ),
)
