r"""The stochastic Heun scheme, which converges to the Stratonovich solution.

.. math:: \tilde x = x + f(x, t)\,h + g(x, t)\,\Delta W, \qquad
          x' = x + \tfrac12\,[f(x, t) + f(\tilde x, t + h)]\,h + \tfrac12\,[g(x, t) + g(\tilde x, t + h)]\,\Delta W

Strong order 1/2, and 1 where the noise is commutative; second order without noise.
"""

from __future__ import annotations

import sympy as sp

from symdyn.methods.registry import METHODS
from symdyn.methods.stochastic import StepSymbols, StochasticScheme, dot, refuse_all_but_diffusions
from symdyn.models.sde import SDESystem

__all__ = ["HEUN"]


def step(system: SDESystem, symbols: StepSymbols) -> tuple[sp.Expr, ...]:
    """New states after one step."""
    s, h, dW = system.stratonovich(), symbols.h, symbols.dW
    increments = [f * h + dot(s.diffusion.row(i), dW) for i, f in enumerate(s.drift)]
    predicted = {x: x + d for x, d in zip(s.states, increments, strict=True)} | {s.time: s.time + h}
    return tuple(x + (d + d.xreplace(predicted)) / 2 for x, d in zip(s.states, increments, strict=True))


HEUN = METHODS.register(
    "heun",
    StochasticScheme(
        name="heun",
        strong_order=0.5,
        weak_order=1.0,
        needs_dz=False,
        reference="W. Rümelin, SIAM J. Numer. Anal. 19 (1982) 604",
        step=step,
        applies=refuse_all_but_diffusions,
    ),
)
