"""Options of an integration, and its outcome."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from symdyn.methods.controllers import PID

__all__ = ["Result", "StepOptions"]


@dataclass(frozen=True, kw_only=True)
class StepOptions:
    """How steps are chosen.

    Attributes
    ----------
    rtol, atol : float
        Tolerances of the error of a step, in the norm of `symdyn.integration.arrays.scaled_error`.
    step : float or None
        One length for all steps, or the next smaller one that meets the output times; None where errors choose it.
    max_step : float
        The longest step that errors may choose.
    max_steps : int or None
        Attempts; by default a million, and a hundred million of one length.
    controller : PID or None
        Of the step size; by default that of the method.
    decay : float
        Rate at which the fastest waves decay.  Where it is positive, an explicit method ends with the status STIFF once
        stability has limited many steps and would limit many more.

    Examples
    --------
    >>> StepOptions(step=0.1).limit, StepOptions(max_steps=10).limit
    (100000000, 10)
    """

    rtol: float = 1e-6
    atol: float = 1e-9
    step: float | None = None
    max_step: float = math.inf
    max_steps: int | None = None
    controller: PID | None = None
    decay: float = 0.0

    @property
    def limit(self) -> int:
        """Attempts that are allowed."""
        if self.max_steps is not None:
            return int(self.max_steps)
        return 1_000_000 if self.step is None else 100_000_000


class Result(NamedTuple):
    """How an integration ended.

    Attributes
    ----------
    status : int
        A code of `symdyn_kernels.status`.
    steps, rejected, evaluations : int
        Steps that were accepted and rejected, and evaluations of the rates.
    passage : float
        Time at which the condition `until` became true; NaN if it did not.
    error : float
        The largest estimate of the error of a step of one length, of the first of every 32 steps: the greatest root mean
        square over blocks, in the units of the state.  NaN where the steps are chosen by their errors, of methods without an
        estimate, and of compiled loops.

    Examples
    --------
    >>> Result(0, 10, 1, 67).passage
    nan
    """

    status: int
    steps: int
    rejected: int
    evaluations: int
    passage: float = math.nan
    error: float = math.nan
