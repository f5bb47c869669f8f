"""Compiled flows with their sensitivities, which analyses integrate over many short times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdyn.codegen.kernel import Kernel, compile
from symdyn.derive.sensitivities import Sensitivities, sensitivities
from symdyn.system import System

__all__ = ["extended_kernel"]


def extended_kernel(system: System, parameters: Sequence[Any], method: str = "dop853") -> tuple[Kernel, Sensitivities]:
    """A kernel of a system with its derivatives by some parameters and by the initial values.

    >>> import symdyn as sd
    >>> kernel, extended = extended_kernel(sd.ODESystem.from_text("x' = -x"), [])
    >>> kernel.size, extended.columns
    (2, (x,))
    """
    extended = sensitivities(system, parameters)
    return compile(extended.system, method=method), extended
