"""The reaction networks on which stochastic simulation is measured."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import sympy as sp

import symdyn as sd

__all__ = ["NETWORKS", "Case"]

OUTPUTS = 101


@dataclass(frozen=True)
class Case:
    """One network, the end of its simulation, and how many trajectories a peer's run takes.

    Attributes
    ----------
    name : str
    network : ReactionNetwork
        With values for everything.
    end : float
    peers : int
        Trajectories of a run of a peer; ours takes more, for it would be over too soon to be timed.
    """

    name: str
    network: sd.ReactionNetwork
    end: float
    peers: int

    @property
    def times(self) -> np.ndarray:
        return np.linspace(0, self.end, OUTPUTS)

    def reactions(self) -> list[tuple[dict[str, int], dict[str, int], str, float | None]]:
        """Reactants, products, the propensity as text with numbers in it, and the rate constant where it is mass action."""
        values, found = {k: sp.Float(v) for k, v in self.network.defaults.items()}, []
        for r, a in zip(self.network.reactions, self.network.propensities, strict=True):
            text = re.sub(r"(\w+)\*\*2", r"\1*\1", str(a.xreplace(values)))
            constant = float((r.rate * self.network.volume ** (1 - r.order)).xreplace(values)) if r.mass_action else None
            sides = [{s.name: k for s, k in side.items()} for side in (r.reactants, r.products)]
            found.append((sides[0], sides[1], text, constant))
        return found


def _cascade(n: int) -> str:
    made = ["0 -> S0, b0", *(f"S{i} -> S{i} + S{i + 1}, b" for i in range(n - 1))]
    return "\n".join([*made, *(f"S{i} -> 0, d" for i in range(n)), *(f"S{i}(0) = 10" for i in range(n))])


_SCHLOEGL = "2 X -> 3 X, k1; 3 X -> 2 X, k2; 0 -> X, k3; X -> 0, k4; X(0) = 250"
_BRUSSELATOR = "0 -> X, a; X -> Y, b; 2 X + Y -> 3 X, c; X -> 0, d; X(0) = 100; Y(0) = 300"
_TOGGLE = "0 => A, 1 + s/(1 + q*B^2); A -> 0, d; 0 => B, 1 + s/(1 + q*A^2); B -> 0, d; A(0) = 10; B(0) = 10"

NETWORKS = (
    Case(
        "Schloegl, 1 species, 4 reactions",
        sd.ReactionNetwork.from_text(_SCHLOEGL, {"k1": 0.015, "k2": 1 / 60000, "k3": 200.0, "k4": 3.5}),
        10.0,
        64,
    ),
    Case(
        "Brusselator, volume 100",
        sd.ReactionNetwork.from_text(_BRUSSELATOR, {"a": 1.0, "b": 3.0, "c": 1.0, "d": 1.0, "V": 100.0}, volume="V"),
        20.0,
        128,
    ),
    Case("toggle switch, Hill rates", sd.ReactionNetwork.from_text(_TOGGLE, {"s": 50.0, "q": 0.01, "d": 1.0}), 100.0, 128),
    Case("cascade, 30 reactions", sd.ReactionNetwork.from_text(_cascade(15), {"b0": 10.0, "b": 1.0, "d": 1.0}), 20.0, 64),
)
