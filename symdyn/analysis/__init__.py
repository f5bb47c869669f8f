"""Steady states, stability, continuation, bifurcations, blow-up and late-time behaviour of systems; chaos and cycles of maps.

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
    from symdyn.analysis.figures import plot_bifurcations
    from symdyn.analysis.following import continuation
    from symdyn.analysis.linearisation import stability
    from symdyn.analysis.lyapunov import lyapunov_exponents
    from symdyn.analysis.map_attractors import bifurcation_diagram
    from symdyn.analysis.tangents import tangent_map

_LAZY = {
    "bifurcation_diagram": "symdyn.analysis.map_attractors",
    "blow_up": "symdyn.analysis.existence",
    "continuation": "symdyn.analysis.following",
    "folds": "symdyn.analysis.bifurcations",
    "hopf_points": "symdyn.analysis.bifurcations",
    "late_time": "symdyn.analysis.attractors",
    "lyapunov_exponents": "symdyn.analysis.lyapunov",
    "plot_bifurcations": "symdyn.analysis.figures",
    "stability": "symdyn.analysis.linearisation",
    "steady_states": "symdyn.analysis.equilibria",
    "tangent_map": "symdyn.analysis.tangents",
}

__all__ = [
    "bifurcation_diagram",
    "blow_up",
    "continuation",
    "folds",
    "hopf_points",
    "late_time",
    "lyapunov_exponents",
    "plot_bifurcations",
    "stability",
    "steady_states",
    "tangent_map",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = globals()[name] = getattr(importlib.import_module(_LAZY[name]), name)
        return value
    raise AttributeError(f"module 'symdyn.analysis' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
