"""Integration in time of problems with one large state: fields on grids, spectral schemes, cells in a bulk.

>>> from symdyn.integration import StepOptions
>>> StepOptions(rtol=1e-8).rtol
1e-08
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.integration.loop import integrate
    from symdyn.integration.options import Result, StepOptions
    from symdyn.integration.problem import DiagonalProblem, Problem, SplitProblem

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "loop": ("integrate",),
        "options": ("StepOptions", "Result"),
        "problem": ("DiagonalProblem", "Problem", "SplitProblem"),
    },
)
