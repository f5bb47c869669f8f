r"""The iteration of a map, :math:`x_{t+1} = F(x_t, t)`."""

from __future__ import annotations

import sympy as sp

from symdyn.methods.options import MethodOptions
from symdyn.methods.registry import METHODS
from symdyn.methods.stochastic import MapScheme, StepSymbols
from symdyn.models.discrete import DiscreteSystem
from symdyn.system import System

__all__ = ["ITERATE", "Iterate"]


def step(system: DiscreteSystem, symbols: StepSymbols) -> tuple[sp.Expr, ...]:
    """New states after one step: the map itself, its random numbers those of the driver."""
    drawn = dict(zip(system.noise, symbols.dW, strict=True))
    return tuple(e.xreplace(drawn) for e in system.map) if drawn else system.map


def applies(system: System) -> str | None:
    """None for a map, which may draw random numbers, else the reason."""
    return system.unmet(["map"], also=["noise", "events", "shuffled", "inputs"])


class Iterate(MethodOptions):
    """The iteration of a map; it has no options.

    Examples
    --------
    >>> import symdyn as sd
    >>> doubling = sd.DiscreteSystem.from_text("x[t+1] = 2*x; x(0) = 1")
    >>> sd.simulate(doubling, range(4), method=sd.methods.Iterate(), progress=False).x.values.tolist()
    [1.0, 2.0, 4.0, 8.0]
    """

    method = "iterate"


ITERATE = METHODS.register(
    "iterate",
    MapScheme(
        name="iterate", reference="definition of a discrete dynamical system", step=step, applies=applies, options=Iterate
    ),
)
