r"""The stochastic Heun scheme, which converges to the Stratonovich solution.

.. math:: \tilde x = x + f(x, t)\,h + g(x, t)\,\Delta W, \qquad
          x' = x + \tfrac12\,[f(x, t) + f(\tilde x, t + h)]\,h + \tfrac12\,[g(x, t) + g(\tilde x, t + h)]\,\Delta W

Strong order 1/2, and 1 where the noise is commutative; second order without noise.
"""

from __future__ import annotations

import sympy as sp

from symdyn.methods.registry import METHODS
from symdyn.methods.stochastic import StepSymbols, StochasticScheme, dot, refuse_all_but_late_diffusions
from symdyn.methods.stochastic_options import StochasticOptions
from symdyn.models.sde import SDESystem

__all__ = ["HEUN", "Heun"]


def step(system: SDESystem, symbols: StepSymbols) -> tuple[sp.Expr, ...]:
    """New states after one step."""
    s, h, dW = system.stratonovich(), symbols.h, symbols.dW
    increments = [f * h + dot(s.diffusion.row(i), dW) for i, f in enumerate(s.drift)]
    predicted = {x: x + d for x, d in zip(s.states, increments, strict=True)} | {s.time: s.time + h}
    return tuple(x + (d + d.xreplace(predicted)) / 2 for x, d in zip(s.states, increments, strict=True))


class Heun(StochasticOptions):
    """The stochastic Heun scheme.

    Examples
    --------
    >>> import symdyn as sd
    >>> noise = sd.SDESystem.from_text("dX = -X*dt + 0.1*dW; X(0) = 1")
    >>> method = sd.methods.Heun(brownian_step=0.01)
    >>> runs = [sd.simulate(noise, [0, 1], method=method, step=h, seed=1, progress=False) for h in (0.01, 0.02)]
    >>> abs(float(runs[0].X[-1] - runs[1].X[-1])) < 0.02  # two step sizes on one path
    True
    """

    method = "heun"


HEUN = METHODS.register(
    "heun",
    StochasticScheme(
        name="heun",
        strong_order=0.5,
        weak_order=1.0,
        integrals=0,
        reference="W. Rümelin, SIAM J. Numer. Anal. 19 (1982) 604",
        step=step,
        applies=refuse_all_but_late_diffusions,
        options=Heun,
    ),
)
