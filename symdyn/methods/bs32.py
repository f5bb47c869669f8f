"""The pair of orders 3 and 2 of Bogacki & Shampine, with the cubic through both ends of a step."""

from __future__ import annotations

from symdyn.methods.controllers import PI_CONTROL
from symdyn.methods.options import AdaptiveOptions
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import ExplicitRungeKutta, hermite

__all__ = ["Bs32"]

B = (2 / 9, 1 / 3, 4 / 9)


class Bs32(AdaptiveOptions):
    """The explicit Runge-Kutta method of order 3 of Bogacki & Shampine, the default of fields on differences.

    Examples
    --------
    >>> Bs32(max_step=0.1)
    Bs32(max_step=0.1)
    """

    method = "bs32"


METHODS.register(
    "bs32",
    ExplicitRungeKutta(
        name="bs32",
        order=3,
        a=((1 / 2,), (0.0, 3 / 4), B),
        error=((2 / 9 - 7 / 24, 1 / 3 - 1 / 4, 4 / 9 - 1 / 3, -1 / 8),),
        error_order=2,
        dense=hermite(B),
        dense_order=3,
        stiff_stage=2,
        stiffness_limit=2.51,
        reference="Bogacki & Shampine, Applied Mathematics Letters 2 (1989) 321-325",
        controller=PI_CONTROL,
        options=Bs32,
    ),
)
