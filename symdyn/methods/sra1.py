r"""SRA1, a Runge-Kutta scheme of strong order 3/2 for additive noise, which may depend on time.

.. math:: \tilde x = x + \tfrac34 f(x, t)\,h + \tfrac32\,g(t + h)\,\Delta Z / h

.. math:: x' = x + \left[\tfrac13 f(x, t) + \tfrac23 f(\tilde x, t + \tfrac34 h)\right] h
          + g(t + h)\,(\Delta W - \Delta Z / h) + g(t)\,\Delta Z / h

with :math:`\Delta Z = \int_t^{t+h} (W(s) - W(t))\,\mathrm{d}s`.
"""

from __future__ import annotations

import sympy as sp

from symdyn.methods.registry import METHODS
from symdyn.methods.stochastic import StepSymbols, StochasticScheme, dot, refuse_all_but_diffusions
from symdyn.methods.stochastic_options import StochasticOptions
from symdyn.models.sde import SDESystem
from symdyn.system import System

__all__ = ["SRA1", "Sra1", "additive_noise", "refuse_all_but_additive"]


def step(system: SDESystem, symbols: StepSymbols) -> tuple[sp.Expr, ...]:
    """New states after one step."""
    t, h = system.time, symbols.h
    mean = [dZ / h for dZ in symbols.dZ]
    after = system.diffusion.xreplace({t: t + h})
    stage = {
        x: x + sp.Rational(3, 4) * h * f + sp.Rational(3, 2) * dot(after.row(i), mean)
        for i, (x, f) in enumerate(zip(system.states, system.drift, strict=True))
    }
    stage[t] = t + sp.Rational(3, 4) * h
    new = []
    for i, (x, f) in enumerate(zip(system.states, system.drift, strict=True)):
        drift = (f + 2 * f.xreplace(stage)) * (h / 3)
        new.append(x + drift + additive_noise(system, symbols, i))
    return tuple(new)


def additive_noise(system: SDESystem, symbols: StepSymbols, i: int) -> sp.Expr:
    """The integral of additive noise over a step in the equation of state i, to the order 3/2."""
    t, h = system.time, symbols.h
    mean = [dZ / h for dZ in symbols.dZ]
    rest = [dW - z for dW, z in zip(symbols.dW, mean, strict=True)]
    now, after = system.diffusion.row(i), system.diffusion.row(i).xreplace({t: t + h})
    return dot(now, symbols.dW) if now == after else dot(after, rest) + dot(now, mean)  # where equal, the sum is g dW


def refuse_all_but_additive(system: System) -> str | None:
    """None, or the states on which the noise depends."""
    if system.diffusion is None or refuse_all_but_diffusions(system):
        return refuse_all_but_diffusions(system)
    found = sorted(system.diffusion.free_symbols & set(system.states), key=lambda s: s.name)
    if found:
        return f"its noise must be additive, but depends on {', '.join(map(str, found))}; use 'milstein' or 'heun'"
    return None


class Sra1(StochasticOptions):
    """The scheme SRA1 of Rößler, for additive noise.

    Examples
    --------
    >>> import symdyn as sd
    >>> noise = sd.SDESystem.from_text("dX = -X*dt + 0.1*dW; X(0) = 1")
    >>> method = sd.methods.Sra1(brownian_step=0.01)
    >>> runs = [sd.simulate(noise, [0, 1], method=method, step=h, seed=1, progress=False) for h in (0.01, 0.02)]
    >>> abs(float(runs[0].X[-1] - runs[1].X[-1])) < 0.02  # two step sizes on one path
    True
    """

    method = "sra1"


SRA1 = METHODS.register(
    "sra1",
    StochasticScheme(
        name="sra1",
        strong_order=1.5,
        weak_order=2.0,
        integrals=1,
        reference="A. Rößler, SIAM J. Numer. Anal. 48 (2010) 922, scheme SRA1",
        step=step,
        applies=refuse_all_but_additive,
        options=Sra1,
    ),
)
