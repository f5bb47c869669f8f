"""One step of a fixed-step scheme as a straight-line program, laid out for `symdyn_kernels.drivers.stepping`."""

from __future__ import annotations

from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.errors import CompileError
from symdyn.methods.stochastic import MapScheme, StepSymbols, StochasticScheme
from symdyn.system import System

__all__ = ["step_program"]


def step_program(system: System, scheme: StochasticScheme | MapScheme) -> Program:
    """The program ``step`` from lane rows, states and parameters to the new states.

    The rows are t, h, sqrt(h), dW of each noise and, only if the scheme needs them, dZ of each.

    Raises
    ------
    CompileError
        If the scheme does not apply to the system, with the reason; if the system has unknown terms.
    """
    reason = scheme.applies(system)
    if reason is not None:
        raise CompileError(f"the method {scheme.name!r} cannot be used here: {reason}")
    symbols = StepSymbols.fresh(system, system.noises, scheme.needs_dz)
    lane = (system.time, symbols.h, symbols.sqrt_h, *symbols.dW, *symbols.dZ)
    blocks = [("lane", lane), ("y", system.states), ("p", system.parameters)]
    return lower("step", blocks, scheme.step(system, symbols), [f"next {s}" for s in system.names])
