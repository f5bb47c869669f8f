r"""SLOW-RK, a Runge-Kutta scheme of strong order 3/2 for commutative noise, diagonal noise among it, without derivatives.

For the equation in the sense of Stratonovich, with :math:`H = \Delta Z / h - \tfrac12 \Delta W` and the drift f at the
beginning,

.. math::
    z_1 &= x + \tfrac h2 f, \quad z_2 = z_1 + \tfrac12 g(z_1) \Delta W, \quad z_3 = z_1 + \tfrac12 g(z_2) \Delta W, \quad
    z_4 = z_1 + g(z_3) \Delta W \\
    z_5 &= x + \tfrac34 h f + g(z_3) (\tfrac34 \Delta W + \tfrac32 H), \quad z_6 = x + h f + \tfrac12 g(z_2) \Delta W \\
    x' &= x + h (\tfrac13 f + \tfrac23 f(z_5)) + \tfrac16 [g(z_1) + 2 g(z_2) + 2 g(z_3) + g(z_4)] \Delta W
    + 2 [g(z_3) - g(z_6)] H

where :math:`z_1` to :math:`z_4` are at the middle of the step, :math:`z_5` at three quarters, :math:`z_6` at its end.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symdyn.methods.milstein import refuse_all_but_commutative
from symdyn.methods.registry import METHODS
from symdyn.methods.stochastic import StepSymbols, StochasticScheme, dot, mean_areas
from symdyn.methods.stochastic_options import StochasticOptions
from symdyn.models.sde import SDESystem

__all__ = ["SLOWRK", "SlowRk"]


def step(system: SDESystem, symbols: StepSymbols) -> tuple[sp.Expr, ...]:
    """New states after one step."""
    s, h, dW = system.stratonovich(), symbols.h, symbols.dW
    areas = mean_areas(symbols)
    n, half = len(s.states), sp.Rational(1, 2)

    def at(point: list[sp.Expr], part: sp.Rational) -> dict[sp.Symbol, sp.Expr]:
        return {**dict(zip(s.states, point, strict=True)), s.time: s.time + part * h}

    def along(point: dict[sp.Symbol, sp.Expr], increments: Sequence[sp.Expr]) -> list[sp.Expr]:
        return [dot((g.xreplace(point) for g in s.diffusion.row(i)), increments) for i in range(n)]

    begin = list(s.states)
    z1 = [x + h / 2 * f for x, f in zip(begin, s.drift, strict=True)]
    points, noises = [at(z1, half)], []
    for part in (half, half, sp.S.One):
        noises.append(along(points[-1], dW))
        points.append(at([x + part * d for x, d in zip(z1, noises[-1], strict=True)], half))
    noises.append(along(points[-1], dW))
    mixed = along(points[2], [3 * dZ / (2 * h) for dZ in symbols.dZ])  # 3/4 dW + 3/2 H
    z5 = at([x + sp.Rational(3, 4) * h * f + d for x, f, d in zip(begin, s.drift, mixed, strict=True)], sp.Rational(3, 4))
    z6 = at([x + h * f + d / 2 for x, f, d in zip(begin, s.drift, noises[1], strict=True)], sp.S.One)
    tilt, untilt = along(points[2], areas), along(z6, areas)
    return tuple(
        begin[i] + h * (s.drift[i] + 2 * s.drift[i].xreplace(z5)) / 3
        + (noises[0][i] + 2 * noises[1][i] + 2 * noises[2][i] + noises[3][i]) / 6 + 2 * (tilt[i] - untilt[i])
        for i in range(n)
    )  # fmt: skip


class SlowRk(StochasticOptions):
    """The scheme SLOW-RK of Foster, dos Reis and Strange, for commutative noise.

    Examples
    --------
    >>> import symdyn as sd
    >>> growth = sd.SDESystem.from_text("dX = X*dt + 0.5*X*dW; X(0) = 1")
    >>> method = sd.methods.SlowRk(brownian="tree")
    >>> runs = [sd.simulate(growth, [0, 1], method=method, step=h, seed=1, progress=False) for h in (1 / 64, 1 / 8)]
    >>> abs(float(runs[0].X[-1] - runs[1].X[-1])) < 0.05  # two step sizes on one path
    True
    """

    method = "slowrk"


SLOWRK = METHODS.register(
    "slowrk",
    StochasticScheme(
        name="slowrk",
        strong_order=1.5,
        weak_order=1.5,
        integrals=1,
        reference="J. Foster, G. dos Reis & C. Strange, SIAM J. Numer. Anal. 62 (2024) 1350 (arXiv:2210.17543), eq. 6.2",
        step=step,
        applies=refuse_all_but_commutative,
        options=SlowRk,
    ),
)
