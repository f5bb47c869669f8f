"""Taylor: the series of the solution in lanes, of an order that follows from the tolerance; for high accuracy."""

from __future__ import annotations

from symdyn.methods.registry import METHODS
from symdyn.methods.series import TaylorSeries

METHODS.register(
    "taylor",
    TaylorSeries(
        name="taylor",
        slope=0.5,
        extra=6.0,
        least=4,
        most=40,
        reference="Jorba & Zou, Experimental Mathematics 14 (2005) 99-117",
    ),
)
