"""Recovering unknown terms from data, and fitting parameters: ODE systems and maps.

`symdyn.recover` is the main entry; here are the tools for systems whose form is known.  Names are imported when they are first
used, for that brings in scikit-learn and, for networks, jax.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symdyn.discover.evidence import errors
    from symdyn.discover.fitting import fit_parameters
    from symdyn.discover.options import RecoverOptions
    from symdyn.discover.profiles import profile
    from symdyn.discover.resampling import bootstrap

_LAZY = {
    "RecoverOptions": "symdyn.discover.options",
    "bootstrap": "symdyn.discover.resampling",
    "errors": "symdyn.discover.evidence",
    "fit_parameters": "symdyn.discover.fitting",
    "profile": "symdyn.discover.profiles",
}

__all__ = ["RecoverOptions", "bootstrap", "errors", "fit_parameters", "profile"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = globals()[name] = getattr(importlib.import_module(_LAZY[name]), name)
        return value
    raise AttributeError(f"module 'symdyn.discover' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
