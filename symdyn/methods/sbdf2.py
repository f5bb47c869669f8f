"""SBDF2: backward differences of order 2 with extrapolation of what is explicit."""

from __future__ import annotations

from symdyn.methods.multistep import ImexMultistep
from symdyn.methods.options import FieldOptions
from symdyn.methods.registry import METHODS

__all__ = ["Sbdf2"]


class Sbdf2(FieldOptions):
    """Backward differences of order 2 for linear terms, in steps of length ``step``; see `FieldOptions`.

    Nonlinear terms are extrapolated from two steps.

    References
    ----------
    Ascher, Ruuth & Wetton, SIAM Journal on Numerical Analysis 32 (1995) 797, scheme SBDF.

    Examples
    --------
    Half the step size divides the error by 4:

    >>> import math
    >>> import symdyn as sd
    >>> decay = sd.PDESystem.from_text("u' = -u; u(0) = 1", domain=(0, 1))
    >>> def error(h):
    ...     data = sd.simulate(decay, [0, 1], grid=2, method=sd.methods.Sbdf2(max_steps=1000), step=h, progress=False)
    ...     return float(data.u[-1, 0]) - math.exp(-1)
    >>> round(error(0.02) / error(0.01), 1)
    4.0
    """

    method = "sbdf2"


METHODS.register(
    "sbdf2",
    ImexMultistep(
        name="sbdf2",
        order=2,
        implicit=2 / 3,
        past=(4 / 3, -1 / 3),
        explicit=(4 / 3, -2 / 3),
        start="imex",
        reference="Ascher, Ruuth & Wetton, SIAM Journal on Numerical Analysis 32 (1995) 797-823, scheme SBDF",
        options=Sbdf2,
    ),
)
