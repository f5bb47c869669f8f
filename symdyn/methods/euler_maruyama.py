r"""Euler-Maruyama: :math:`x' = x + f(x, t)\,h + g(x, t)\,\Delta W`, in the sense of Itô."""

from __future__ import annotations

import sympy as sp

from symdyn.methods.registry import METHODS
from symdyn.methods.stochastic import StepSymbols, StochasticScheme, dot, refuse_all_but_late_diffusions
from symdyn.methods.stochastic_options import StochasticOptions
from symdyn.models.sde import SDESystem

__all__ = ["EULER_MARUYAMA", "EulerMaruyama"]


def step(system: SDESystem, symbols: StepSymbols) -> tuple[sp.Expr, ...]:
    """New states after one step."""
    ito = system.ito()
    return tuple(
        x + f * symbols.h + dot(ito.diffusion.row(i), symbols.dW)
        for i, (x, f) in enumerate(zip(ito.states, ito.drift, strict=True))
    )


class EulerMaruyama(StochasticOptions):
    """The Euler-Maruyama scheme, the default of SDEs.

    Examples
    --------
    >>> import symdyn as sd
    >>> noise = sd.SDESystem.from_text("dX = -X*dt + 0.1*dW; X(0) = 1")
    >>> method = sd.methods.EulerMaruyama(brownian_step=0.01)
    >>> runs = [sd.simulate(noise, [0, 1], method=method, step=h, seed=1, progress=False) for h in (0.01, 0.02)]
    >>> abs(float(runs[0].X[-1] - runs[1].X[-1])) < 0.02  # two step sizes on one path
    True
    """

    method = "euler-maruyama"


EULER_MARUYAMA = METHODS.register(
    "euler-maruyama",
    StochasticScheme(
        name="euler-maruyama",
        strong_order=0.5,
        weak_order=1.0,
        integrals=0,
        reference="G. Maruyama, Rend. Circ. Mat. Palermo 4 (1955) 48; Kloeden & Platen (1992), eq. 10.2.4",
        step=step,
        applies=refuse_all_but_late_diffusions,
        options=EulerMaruyama,
    ),
)
