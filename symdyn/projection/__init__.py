"""The chemical master equation on finitely many states, and what its distributions say.

>>> import symdyn as sd
>>> from symdyn import projection
>>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
>>> p = projection.master_equation(net, upper={"X": 60}).stationary()
>>> round(float(projection.mean(p, "X")), 6), round(float(projection.variance(p, "X")), 6)
(5.0, 5.0)
"""

from __future__ import annotations

from symdyn.projection.equation import MasterEquation, master_equation
from symdyn.projection.statistics import (
    covariance,
    entropy,
    marginal,
    mean,
    modes,
    moment,
    moments,
    species,
    total,
    variance,
)

__all__ = [
    "MasterEquation",
    "covariance",
    "entropy",
    "marginal",
    "master_equation",
    "mean",
    "modes",
    "moment",
    "moments",
    "species",
    "total",
    "variance",
]
