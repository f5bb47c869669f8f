"""Recovering unknown terms from data, and fitting parameters: ODE systems and maps.

`symdyn.recover` is the main entry; here are the tools for systems whose form is known.  Names are imported when they are first
used, because that imports scikit-learn and, for networks, jax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.discover.evidence import errors
    from symdyn.discover.fitting import fit_parameters
    from symdyn.discover.options import RecoverOptions
    from symdyn.discover.profiles import profile
    from symdyn.discover.resampling import bootstrap

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "evidence": ("errors",),
        "fitting": ("fit_parameters",),
        "options": ("RecoverOptions",),
        "profiles": ("profile",),
        "resampling": ("bootstrap",),
    },
)
