r"""Milstein's scheme for Itô equations with diagonal or commutative noise.

.. math:: x_i' = x_i + f_i h + \sum_j g_{ij}\,\Delta W_j
          + \tfrac12 \sum_{jk} L^j g_{ik}\,(\Delta W_j\,\Delta W_k - \delta_{jk} h),
          \qquad L^j = \sum_l g_{lj}\,\partial/\partial x_l

The double integrals of two different noises enter through the commutator :math:`L^j g_{ik} - L^k g_{ij}` as well: where
that is not zero, they cannot be computed from increments alone, and the scheme is refused.
"""

from __future__ import annotations

from itertools import combinations

import sympy as sp

from symdyn.declaration import derivative
from symdyn.methods.registry import METHODS
from symdyn.methods.stochastic import (
    StepSymbols,
    StochasticScheme,
    dot,
    refuse_all_but_diffusions,
    refuse_all_but_late_diffusions,
)  # fmt: skip
from symdyn.methods.stochastic_options import StochasticOptions
from symdyn.models.sde import SDESystem
from symdyn.system import System, delays_in

__all__ = ["MILSTEIN", "Milstein", "refuse_all_but_commutative"]


class _Operators:
    """The expressions :math:`L^j g_{ik}` of a system, from derivatives that are taken once."""

    def __init__(self, system: System) -> None:
        g, states = system.part("diffusion"), system.states
        self.noises = range(system.noises)
        self.entries = {(i, k): g[i, k] for i in range(len(states)) for k in self.noises if g[i, k] != 0}
        self.gradients = {
            place: {a: derivative(e, x) for a, x in enumerate(states) if x in e.free_symbols}
            for place, e in self.entries.items()
        }

    def __call__(self, i: int, j: int, k: int) -> sp.Expr:
        gradient = self.gradients.get((i, k), {})
        return sp.Add(*(self.entries[a, j] * d for a, d in gradient.items() if (a, j) in self.entries))

    def noises_of(self, i: int) -> list[int]:
        """Noises j with :math:`L^j g_{ik}` possibly nonzero for some k, or on which the state i depends."""
        reached = {a for k in self.noises for a in self.gradients.get((i, k), {})}
        return [j for j in self.noises if (i, j) in self.entries or any((a, j) in self.entries for a in reached)]


def step(system: SDESystem, symbols: StepSymbols) -> tuple[sp.Expr, ...]:
    """New states after one step."""
    ito, h, dW = system.ito(), symbols.h, symbols.dW
    operators = _Operators(ito)
    new = []
    for i, (x, f) in enumerate(zip(ito.states, ito.drift, strict=True)):
        noises = operators.noises_of(i)
        terms = [x, f * h, dot(ito.diffusion.row(i), dW)]
        terms += [operators(i, j, j) * (dW[j] ** 2 - h) / 2 for j in noises]
        # where the noises commute, both orders of a pair are equal
        terms += [operators(i, j, k) * dW[j] * dW[k] for j, k in combinations(noises, 2)]
        new.append(sp.Add(*terms))
    return tuple(new)


def refuse_all_but_commutative(system: System) -> str | None:
    """None, or the pair of noises that do not commute."""
    return refuse_all_but_diffusions(system) or _commutator(system)


def applies(system: System) -> str | None:
    """None, or the pair of noises that do not commute, or the delay in the noise."""
    if reason := refuse_all_but_late_diffusions(system):
        return reason
    if late := delays_in(system.part("diffusion"), system.names):
        return (
            f"its noise depends on {late[0]}, and its order needs integrals over the noise that this had; use 'euler-maruyama' "
            "or 'heun'"
        )
    return _commutator(system)


def _commutator(system: System) -> str | None:
    """What does not commute."""
    operators = _Operators(system)
    for i, x in enumerate(system.states):
        for j, k in combinations(operators.noises_of(i), 2):
            commutator = sp.expand(operators(i, j, k) - operators(i, k, j))
            if commutator != 0 and commutator.equals(0) is not True:
                return (
                    f"its noises {j + 1} and {k + 1} do not commute in the equation of {x}: L{j + 1} g{k + 1} -"
                    f" L{k + 1} g{j + 1} = {commutator}; use 'euler-maruyama' or 'heun'"
                )
    return None


class Milstein(StochasticOptions):
    """The Milstein scheme.

    Examples
    --------
    >>> import symdyn as sd
    >>> noise = sd.SDESystem.from_text("dX = -X*dt + 0.1*dW; X(0) = 1")
    >>> method = sd.methods.Milstein(brownian_step=0.01)
    >>> runs = [sd.simulate(noise, [0, 1], method=method, step=h, seed=1, progress=False) for h in (0.01, 0.02)]
    >>> abs(float(runs[0].X[-1] - runs[1].X[-1])) < 0.02  # two step sizes on one path
    True
    """

    method = "milstein"


MILSTEIN = METHODS.register(
    "milstein",
    StochasticScheme(
        name="milstein",
        strong_order=1.0,
        weak_order=1.0,
        integrals=0,
        reference="G. N. Milstein, Theory Probab. Appl. 19 (1975) 557; Kloeden & Platen (1992), sec. 10.3",
        step=step,
        applies=applies,
        options=Milstein,
    ),
)
