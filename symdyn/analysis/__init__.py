"""Steady states, stability, continuation, bifurcations, blow-up and late-time behaviour of systems.

Names are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symdyn.analysis.attractors import late_time
    from symdyn.analysis.bifurcations import folds, hopf_points
    from symdyn.analysis.equilibria import steady_states
    from symdyn.analysis.existence import blow_up
    from symdyn.analysis.following import continuation
    from symdyn.analysis.linearisation import stability

_LAZY = {
    "blow_up": "symdyn.analysis.existence",
    "continuation": "symdyn.analysis.following",
    "folds": "symdyn.analysis.bifurcations",
    "hopf_points": "symdyn.analysis.bifurcations",
    "late_time": "symdyn.analysis.attractors",
    "stability": "symdyn.analysis.linearisation",
    "steady_states": "symdyn.analysis.equilibria",
}

__all__ = ["blow_up", "continuation", "folds", "hopf_points", "late_time", "stability", "steady_states"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = globals()[name] = getattr(importlib.import_module(_LAZY[name]), name)
        return value
    raise AttributeError(f"module 'symdyn.analysis' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
