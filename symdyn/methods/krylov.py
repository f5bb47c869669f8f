"""Krylov spaces of a generator."""

from __future__ import annotations

from symdyn.methods.options import MethodOptions
from symdyn.methods.propagation import GeneratorExponential
from symdyn.methods.registry import METHODS

__all__ = ["Krylov"]


class Krylov(MethodOptions):
    """Exponentials in Krylov spaces, with estimated errors; the default of master equations.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ReactionNetwork.from_text("X -> 0, 1; X(0) = 1").master_equation(upper=1)
    >>> decay.transient(1.0, method=sd.methods.Krylov()).values.round(6).tolist()   # 1 - exp(-1), exp(-1)
    [0.632121, 0.367879]
    """

    method = "krylov"


METHODS.register(
    "krylov",
    GeneratorExponential(
        name="krylov",
        reference="Saad, SIAM Journal on Numerical Analysis 29 (1992) 209-228; Sidje, ACM Transactions on Mathematical "
        "Software 24 (1998) 130-156",
        options=Krylov,
        follows=True,
    ),
)
