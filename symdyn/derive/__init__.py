"""Systems from systems: rate equations, fluctuations, moments and closures, sensitivities, steps and flows of methods.

Most derivations are methods of the systems that they start from, such as ``net.moments(2)``.  Those that are not, or that are
looked up more easily here, are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.derive.adjoints import adjoint
    from symdyn.derive.backward_error import modified_equation
    from symdyn.derive.certificates import Certificate, descent_certificate
    from symdyn.derive.gradient_methods import descent, descent_map
    from symdyn.derive.holding import hold
    from symdyn.derive.homotopies import homotopy
    from symdyn.derive.leading_error import LeadingError, local_error
    from symdyn.derive.signatures import signature
    from symdyn.derive.time_steps import discretize

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "adjoints": ("adjoint",),
        "backward_error": ("modified_equation",),
        "certificates": ("Certificate", "descent_certificate"),
        "gradient_methods": ("descent", "descent_map"),
        "holding": ("hold",),
        "homotopies": ("homotopy",),
        "leading_error": ("LeadingError", "local_error"),
        "signatures": ("signature",),
        "time_steps": ("discretize",),
    },
)
