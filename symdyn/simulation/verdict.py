"""How trajectories ended: an error that names the first failure, its cause where it is known, and what to try."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import sympy as sp
import xarray as xr
from symdyn_kernels.status import (
    CONTRADICTED,
    INCONSISTENT,
    INTERRUPTED,
    MESSAGES,
    NOT_FINITE,
    PROBABILITY,
    SINGULAR,
    STEP_TOO_SMALL,
    SUCCESS,
    TOO_MANY_KEPT,
    TOO_MANY_PENDING,
    TOO_MANY_STEPS,
)

from symdyn.codegen.cuda.adaptive import MOST_STEPS
from symdyn.codegen.cuda.jump_queued import PENDING
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.kernel import Kernel, Run
from symdyn.codegen.lower import lower
from symdyn.derive.langevin import DESCRIPTION as LANGEVIN
from symdyn.derive.poles import poles
from symdyn.errors import DeclarationError, SimulationError
from symdyn.models.automaton import Automaton
from symdyn.models.moments import MomentSystem
from symdyn.simulation.sweeps import Design

__all__ = ["Ending", "Outcome", "verdict"]


#: Residuals below this are taken for rounding.
RESIDUAL = 1e-9
#: What a thread of a card keeps at most, by the status of a trajectory that needs more.
LESS_ON_CARDS = {TOO_MANY_KEPT: MOST_STEPS, TOO_MANY_PENDING: PENDING}
#: Failures that a remedy of a method does not mend.
NOT_MENDED = {
    "a shorter step": (TOO_MANY_STEPS, STEP_TOO_SMALL, TOO_MANY_KEPT),
    "smaller tolerances": (TOO_MANY_STEPS, STEP_TOO_SMALL),
    "greater tolerances": (NOT_FINITE,),
}


class Outcome(NamedTuple):
    """How some trajectories ended: how many failed, were interrupted or passed on to another method, and the first failure.

    Its row is -1 where there is none; its time is that of the last output.
    """

    failed: int = 0
    interrupted: int = 0
    passed_on: int = 0
    row: int = -1
    code: int = SUCCESS
    time: float = np.nan

    @classmethod
    def of(cls, run: Run, times: np.ndarray, start: int, *, passed_on: int) -> Self:
        """The outcome of the rows from `start` on."""
        if not np.count_nonzero(run.status):
            return cls(passed_on=passed_on)
        interrupted = int((run.status == INTERRUPTED).sum())
        wrong = np.flatnonzero((run.status != SUCCESS) & (run.status != INTERRUPTED))
        if not wrong.size:
            return cls(0, interrupted, passed_on)
        first = int(wrong[0])
        good = int(np.isfinite(run.values[first]).all(axis=-1).sum())
        return cls(wrong.size, interrupted, passed_on, start + first, int(run.status[first]), float(times[max(good - 1, 0)]))

    @classmethod
    def total(cls, parts: Iterable[Outcome]) -> Self:
        """The outcome of several parts, in any order."""
        listed = list(parts)
        if len(listed) == 1:
            return cls(*listed[0])
        first = min((o for o in listed if o.failed), key=lambda o: o.row, default=cls())
        failed, interrupted, passed_on = (sum(o[k] for o in listed) for k in range(3))
        return cls(int(failed), int(interrupted), int(passed_on), first.row, first.code, first.time)

    @classmethod
    def read(cls, numbers: Iterable[float]) -> Self:
        """The outcome of which these are the numbers."""
        *counts, time = numbers
        failed, interrupted, passed_on, row, code = map(int, counts)
        return cls(failed, interrupted, passed_on, row, code, time)


@dataclass(frozen=True)
class Ending:
    """How the trajectories of a run ended.

    Attributes
    ----------
    kernel : Kernel
    design : Design
    outcome : Outcome
    skip : collection of Symbol
        States whose initial values are not the numbers in the design.
    """

    kernel: Kernel
    design: Design
    outcome: Outcome
    skip: Collection[sp.Symbol] = ()

    @property
    def values(self) -> str:
        """Initial values and parameters of the first failure."""
        return self.design.values(self.outcome.row, self.kernel.system, self.skip)

    def cause(self) -> str:
        """The cause of the first failure, as a sentence that ends with a space; empty where it is not known."""
        system, row = self.kernel.system, self.outcome.row
        if isinstance(system, MomentSystem) and system.positive_means:
            initial = dict(zip(system.states, self.design.rows(row, row + 1)[0][0], strict=True))
            zero = [str(s) for s, index in system.indices.items() if sum(index) == 1 and initial[s] == 0]
            if zero:
                return (
                    f"{', '.join(zero)} {'starts' if len(zero) == 1 else 'start'} at 0, and the closure {system.closure!r} "
                    "divides by means: start from a positive number. "
                )
        if self.outcome.code in (CONTRADICTED, INCONSISTENT, SINGULAR) and not (system.inputs or system.delays):
            return self._residuals()
        if isinstance(system, Automaton) and self.outcome.code == PROBABILITY:
            try:
                system.probabilities(dict(zip(system.parameters, self.design.rows(row, row + 1)[1][0], strict=True)))
            except DeclarationError as reason:
                return f"Here {reason}. "
        if self.kernel.target == "cuda" and self.outcome.code in LESS_ON_CARDS:
            return (
                f"A thread of a card keeps fewer of them, at most {LESS_ON_CARDS[self.outcome.code]}: target='cpu' keeps more. "
            )
        langevin = system.diffusion is not None and LANGEVIN in system.provenance
        if langevin and self.outcome.code == NOT_FINITE:
            return (
                "A number of molecules became negative, where the chemical Langevin equation has no real value: "
                "symdyn.simulate(network, ..., method='langevin') keeps them at 0 or above. "
            )
        noisy = system.unmet(["drift", "diffusion"]) is None
        if noisy and self.outcome.code == NOT_FINITE and (found := poles(system)):
            return (
                f"The rates have poles where {', '.join(f'{p} = 0' for p in found)}: a step across one, which no path takes, "
                "is a failure. "
            )
        return ""

    def _residuals(self) -> str:
        """The algebraic equations, or constraints, that the initial values of the first failure do not satisfy."""
        system, contradicted = self.kernel.system, self.outcome.code == CONTRADICTED
        rows = {s: f for s, f in zip(system.states, system.part("drift"), strict=True) if s in system.algebraic}
        sides = system.constraints if contradicted else tuple(rows.values())
        blocks = [("lane", (system.time,)), ("y", system.states), ("p", system.parameters)]
        program = lower("residuals", blocks, sides, [str(k) for k in range(len(sides))])
        initial, parameters = self.design.rows(self.outcome.row, self.outcome.row + 1)
        found = evaluate(program, [np.array(self.outcome.time)], list(initial[0]), list(parameters[0]))
        wrong = [(e, float(r)) for e, r in zip(sides, found, strict=True) if not abs(float(r)) <= RESIDUAL]
        listed = ", ".join(f"0 = {e} has the residual {r:.6g}" for e, r in wrong)
        hint = "" if contradicted else f"Give initial values for {', '.join(map(str, rows))} from which it can be solved. "
        return (f"With the initial values {listed}. " if wrong else "") + hint

    def remedies(self) -> str:
        """Remedies, as a phrase of a message."""
        system, found = self.kernel.system, ["other values"]
        if self.outcome.code == TOO_MANY_STEPS:
            found.append(f"a larger max_steps (method={type(self.kernel.options).__name__}(max_steps=...))")
            if self.kernel.method == "ssa" and not system.events:
                found.append("an approximate method such as 'tau'")
        if self.outcome.code == TOO_MANY_KEPT and "a shorter step" in self.kernel.remedies:
            found.append("a longer step")
        if system.map is None and self.outcome.code not in (CONTRADICTED, INCONSISTENT, SINGULAR):
            found += [r for r in self.kernel.remedies if self.outcome.code not in NOT_MENDED.get(r, ())]
        return ", ".join(found)


def verdict(data: xr.Dataset, ending: Ending, on_failure: str, advice: str = "") -> xr.Dataset:
    """Return, warn or raise, according to how the trajectories ended; `advice` follows the warning of an interrupt.

    Raises
    ------
    SimulationError
        If trajectories failed, unless `on_failure` is 'nan'.
    """
    outcome, size = ending.outcome, ending.design.size
    if outcome.interrupted:
        message = f"interrupted: {outcome.interrupted} of {size} trajectories are incomplete (status {INTERRUPTED})"
        warnings.warn(f"{message}{advice}", stacklevel=3)
    if outcome.failed and on_failure == "raise":
        system = ending.kernel.system
        raise SimulationError(
            f"{ending.design.failure(outcome.failed, outcome.row, ending.values)}: "
            f"{MESSAGES[outcome.code]}; its last output is at {system.time} = {outcome.time:g}. "
            f"{ending.cause()}Try {ending.remedies()}, or on_failure='nan' to get NaN from the failure on; "
            "everything computed is in the 'dataset' of this error.",
            data,
        )
    return data
