r"""Euler-Maruyama: :math:`x' = x + f(x, t)\,h + g(x, t)\,\Delta W`, in the sense of Itô."""

from __future__ import annotations

import sympy as sp

from symdyn.methods.registry import METHODS
from symdyn.methods.stochastic import StepSymbols, StochasticScheme, dot, refuse_all_but_diffusions
from symdyn.models.sde import SDESystem

__all__ = ["EULER_MARUYAMA"]


def step(system: SDESystem, symbols: StepSymbols) -> tuple[sp.Expr, ...]:
    """New states after one step."""
    ito = system.ito()
    return tuple(
        x + f * symbols.h + dot(ito.diffusion.row(i), symbols.dW)
        for i, (x, f) in enumerate(zip(ito.states, ito.drift, strict=True))
    )


EULER_MARUYAMA = METHODS.register(
    "euler-maruyama",
    StochasticScheme(
        name="euler-maruyama",
        strong_order=0.5,
        weak_order=1.0,
        needs_dz=False,
        reference="G. Maruyama, Rend. Circ. Mat. Palermo 4 (1955) 48; Kloeden & Platen (1992), eq. 10.2.4",
        step=step,
        applies=refuse_all_but_diffusions,
    ),
)
