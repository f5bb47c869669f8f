"""Taylor: the series of the solution in lanes, of an order that follows from the tolerance; for high accuracy."""

from __future__ import annotations

from symdyn.methods.options import AdaptiveOptions
from symdyn.methods.registry import METHODS
from symdyn.methods.series import TaylorSeries

__all__ = ["Taylor"]


class Taylor(AdaptiveOptions):
    """The Taylor series of the solution, for high accuracy.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -x; x(0) = 1")
    >>> data = sd.simulate(decay, [0, 1], method=sd.methods.Taylor(max_step=0.1), progress=False)
    >>> bool(data.steps >= 10)
    True
    """

    method = "taylor"


METHODS.register(
    "taylor",
    TaylorSeries(
        name="taylor",
        slope=0.5,
        extra=6.0,
        least=4,
        most=40,
        reference="Jorba & Zou, Experimental Mathematics 14 (2005) 99-117",
        options=Taylor,
    ),
)
