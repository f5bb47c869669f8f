"""Uniformisation of a generator."""

from __future__ import annotations

from symdyn.methods.options import MethodOptions
from symdyn.methods.propagation import GeneratorExponential
from symdyn.methods.registry import METHODS

__all__ = ["Uniformisation"]


class Uniformisation(MethodOptions):
    """A sum of positive terms with a known error, which takes longer than Krylov spaces.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ReactionNetwork.from_text("X -> 0, 1; X(0) = 1").master_equation(upper=1)
    >>> decay.transient(1.0, method=sd.methods.Uniformisation()).values.round(6).tolist()   # 1 - exp(-1), exp(-1)
    [0.632121, 0.367879]
    """

    method = "uniformisation"


METHODS.register(
    "uniformisation",
    GeneratorExponential(
        name="uniformisation",
        reference="Jensen, Scandinavian Actuarial Journal 1953, 87-91; Grassmann, Computers & Operations Research 4 (1977) "
        "47-53",
        options=Uniformisation,
        follows=False,
    ),
)
