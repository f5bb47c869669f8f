"""Automata as Markov chains and as quantum systems: step operators, closures, wave functions, fermions, observables, states.

Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.automata.kernel import AutomatonKernel

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "kernel": ("AutomatonKernel",),
    },
)
