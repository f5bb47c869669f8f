r"""ShARK, a Runge-Kutta scheme of strong order 3/2 for additive noise, which may depend on time.

With :math:`H = \Delta Z / h - \tfrac12 \Delta W`, the area of the path against its chord,

.. math:: a = x + g(t) H, \qquad b = a + \tfrac56\,[f(a, t)\,h + g(t)\,\Delta W]

.. math:: x' = x + \left[\tfrac25 f(a, t) + \tfrac35 f(b, t + \tfrac56 h)\right] h
          + g(t + h)\,(\Delta W - \Delta Z / h) + g(t)\,\Delta Z / h

Two evaluations of the drift, as SRA1 takes, with about three quarters of its error.
"""

from __future__ import annotations

import sympy as sp

from symdyn.methods.registry import METHODS
from symdyn.methods.sra1 import additive_noise, refuse_all_but_additive
from symdyn.methods.stochastic import StepSymbols, StochasticScheme, dot, mean_areas
from symdyn.methods.stochastic_options import StochasticOptions
from symdyn.models.sde import SDESystem

__all__ = ["SHARK", "Shark"]


def step(system: SDESystem, symbols: StepSymbols) -> tuple[sp.Expr, ...]:
    """New states after one step."""
    t, h, g = system.time, symbols.h, system.diffusion
    areas = mean_areas(symbols)
    first = {x: x + dot(g.row(i), areas) for i, x in enumerate(system.states)}
    slopes = [f.xreplace(first) for f in system.drift]
    # as one product: a sum of two would be contracted in one way by some compilers, in another by others
    moved = [h * (f + dot(g.row(i), symbols.dW) / h) for i, f in enumerate(slopes)]
    second = {x: first[x] + sp.Rational(5, 6) * d for x, d in zip(system.states, moved, strict=True)}
    second[t] = t + sp.Rational(5, 6) * h
    return tuple(
        x + sp.Rational(2, 5) * h * slopes[i] + sp.Rational(3, 5) * h * f.xreplace(second) + additive_noise(system, symbols, i)
        for i, (x, f) in enumerate(zip(system.states, system.drift, strict=True))
    )


class Shark(StochasticOptions):
    """The scheme ShARK of Foster, dos Reis and Strange, for additive noise.

    Examples
    --------
    >>> import symdyn as sd
    >>> noise = sd.SDESystem.from_text("dX = -X*dt + 0.1*dW; X(0) = 1")
    >>> method = sd.methods.Shark(brownian="tree")
    >>> runs = [sd.simulate(noise, [0, 1], method=method, step=h, seed=1, progress=False) for h in (1 / 64, 1 / 8)]
    >>> abs(float(runs[0].X[-1] - runs[1].X[-1])) < 0.002  # two step sizes on one path
    True
    """

    method = "shark"


SHARK = METHODS.register(
    "shark",
    StochasticScheme(
        name="shark",
        strong_order=1.5,
        weak_order=2.0,
        integrals=1,
        reference="J. Foster, G. dos Reis & C. Strange, SIAM J. Numer. Anal. 62 (2024) 1350 (arXiv:2210.17543), eq. 6.1",
        step=step,
        applies=refuse_all_but_additive,
        options=Shark,
    ),
)
