r"""The iteration of a map, :math:`x_{t+1} = F(x_t, t)`."""

from __future__ import annotations

import sympy as sp

from symdyn.methods.registry import METHODS
from symdyn.methods.stochastic import MapScheme, StepSymbols
from symdyn.models.discrete import DiscreteSystem
from symdyn.system import System

__all__ = ["ITERATE"]


def step(system: DiscreteSystem, symbols: StepSymbols) -> tuple[sp.Expr, ...]:
    """New states after one step: the map itself, its random numbers those of the driver."""
    drawn = dict(zip(system.noise, symbols.dW, strict=True))
    return tuple(e.xreplace(drawn) for e in system.map) if drawn else system.map


def applies(system: System) -> str | None:
    """None for a map, which may draw random numbers, else the reason."""
    return system.unmet(["map"], also=["noise"])


ITERATE = METHODS.register(
    "iterate",
    MapScheme(name="iterate", reference="definition of a discrete dynamical system", step=step, applies=applies),
)
