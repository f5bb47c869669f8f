"""Gradients through reversible methods: no step is kept, all are taken back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from symdyn_kernels.arguments.reversible import ReversibleArguments
from symdyn_kernels.status import MESSAGES, NOT_FINITE, PARTED

from symdyn.codegen.drivers import plain_driver
from symdyn.errors import DeclarationError, SimulationError
from symdyn.methods.reversible import ReversibleMethod
from symdyn.simulation.adjoints import lane_functions
from symdyn.system import System

__all__ = ["NoWayBackError", "ReversedRun", "ReversibleKernel"]

#: Distance of the state to which the reversed steps lead from the initial one, relative to the largest state, up to which
#: their gradient is that of the steps.
RETURN = 1e-7


class NoWayBackError(SimulationError):
    """Reversible steps part, or do not lead back to where they began, as on an attractor.

    Examples
    --------
    >>> issubclass(NoWayBackError, SimulationError)
    True
    """


class ReversedRun(NamedTuple):
    """A trajectory of which the last state of both solutions is kept."""

    values: np.ndarray
    both: np.ndarray
    parameters: np.ndarray
    steps: int
    evaluations: int
    rejected: int = 0


class ReversibleKernel:
    """As `AdjointKernel`, for a reversible method.

    Parameters
    ----------
    system : ODESystem
        Of rates of change alone.
    method : ReversibleMethod
    step : float

    Raises
    ------
    DeclarationError
        For systems with further parts.
    """

    def __init__(self, system: System, method: ReversibleMethod, step: float) -> None:
        if reason := method.applies(system):
            raise DeclarationError(f"{method.name}: {reason}")
        self.system, self.method, self.step = system, method, step
        self._functions = lane_functions(system.states, system.part("drift"), system.time, system.parameters)
        s = len(method.a)
        self._a = np.zeros((s, s))
        for i, row in enumerate(method.a):
            self._a[i, : len(row)] = row
        self._nodes = np.array([0.0, *(float(sum(row)) for row in method.a[:-1])][:s])

    def forward(self, initial: np.ndarray, parameters: np.ndarray, times: np.ndarray, max_steps: int) -> ReversedRun:
        """Follow a trajectory.

        Raises
        ------
        SimulationError
            If it needs more steps.
        NoWayBackError
            If it is not finite, or both solutions part.
        """
        needed = float(np.ceil(np.diff(times) / self.step).sum())
        if needed > max_steps:
            raise SimulationError(f"the trajectory takes {needed:.3g} steps of {self.step:g}; give max_steps or a longer step")
        both, values, counts = np.tile(initial, (2, 1)), np.empty((len(times), len(initial))), np.zeros(2, np.int64)
        plain_driver("reversible").forward(self._arguments(parameters, times, both, values, np.zeros_like(values), counts))
        if not (np.isfinite(values).all() and np.isfinite(both).all()):
            raise NoWayBackError(f"its steps failed: {MESSAGES[NOT_FINITE]}, as they do where a system decays fast")
        if np.abs(both[0] - both[1]).max() > self.method.apart * np.abs(values).max():
            raise NoWayBackError(f"its steps failed: {MESSAGES[PARTED]}")
        return ReversedRun(values, both, parameters, int(counts[0]), int(counts[1]))

    def backward(self, run: ReversedRun, times: np.ndarray, pulls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives of a cost by initial values (n,) and parameters (k,), from those by the values at output times (T, n).

        Raises
        ------
        NoWayBackError
            If the reversed steps do not lead back to the initial state.
        """
        both, counts = run.both.copy(), np.zeros(2, np.int64)
        arguments = self._arguments(run.parameters, times, both, run.values, np.ascontiguousarray(pulls), counts)
        plain_driver("reversible").backward(arguments)
        missed = float(np.abs(both - run.values[0]).max() / max(np.abs(run.values).max(), 1e-300))
        if not missed <= RETURN or not np.isfinite(arguments.gradient).all():
            raise NoWayBackError(
                f"its steps taken back miss the initial state by {missed:.1e} of the largest state: backwards, rounding grows "
                f"as fast as the system contracts{self._fading(run.steps)}"
            )
        return arguments.adjoints.sum(axis=0), arguments.gradient

    def _fading(self, steps: int) -> str:
        """What the coupling of both solutions adds to the growth of rounding, as part of a message."""
        if self.method.coupling == 1:
            return ""
        grown = -steps * np.log10(self.method.coupling)
        return f", and of {self.method.name!r} by 1e{grown:.0f} in {steps} steps (longer ones, or 'reversible-heun', help)"

    def _arguments(
        self, parameters: np.ndarray, times: np.ndarray, both: np.ndarray, values: np.ndarray, pulls: np.ndarray,
        counts: np.ndarray,
    ) -> ReversibleArguments:  # fmt: skip
        rhs, pull = self._functions.addresses
        return ReversibleArguments(
            rhs, pull, parameters, self._a, self._nodes, self.method.coupling, times, self.step, both, values,
            pulls, np.zeros_like(both), np.zeros(len(self.system.parameters)), counts,
        )  # fmt: skip
