"""How trajectories ended: an error that names the first failure, its cause where it is known, and what to try."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import xarray as xr
from symdyn_kernels.status import INTERRUPTED, MESSAGES, NOT_FINITE, SUCCESS, TOO_MANY_STEPS

from symdyn.codegen.kernel import Kernel
from symdyn.derive.langevin import DESCRIPTION as LANGEVIN
from symdyn.errors import SimulationError
from symdyn.models.moments import MomentSystem
from symdyn.models.reactions import ReactionNetwork
from symdyn.models.sde import SDESystem
from symdyn.simulation.sweeps import Design

__all__ = ["Ending", "verdict"]


@dataclass(frozen=True)
class Ending:
    """How the trajectories of a run ended.

    Attributes
    ----------
    kernel : Kernel
    design : Design
    status : (N,) int64
    last_time : (N,) float64
        Of the last output of trajectories that failed.
    """

    kernel: Kernel
    design: Design
    status: np.ndarray
    last_time: np.ndarray

    def cause(self, row: int) -> str:
        """Why a trajectory failed, as a sentence that ends with a space; empty where nothing is known."""
        system = self.kernel.system
        if isinstance(system, MomentSystem) and system.positive_means:
            initial = dict(zip(system.states, self.design.rows(row, row + 1)[0][0], strict=True))
            zero = [str(s) for s, index in system.indices.items() if sum(index) == 1 and initial[s] == 0]
            if zero:
                return (
                    f"{', '.join(zero)} {'starts' if len(zero) == 1 else 'start'} at 0, and the closure {system.closure!r} "
                    "divides by means: start from a positive number. "
                )
        langevin = isinstance(system, SDESystem) and LANGEVIN in system.provenance
        if langevin and self.status[row] == NOT_FINITE:
            return (
                "A number of molecules became negative, where the chemical Langevin equation has no real value: "
                "symdyn.simulate(network, ..., method='langevin') keeps them at 0 or above. "
            )
        return ""

    def remedies(self, row: int) -> str:
        """What to try."""
        system, found = self.kernel.system, ["other values"]
        if self.status[row] == TOO_MANY_STEPS:
            found.append("a larger max_steps")
            if isinstance(system, ReactionNetwork) and self.kernel.method == "ssa" and not system.events:
                found.append("an approximate method such as 'tau'")
        if system.kind != "map":
            found += self.kernel.family.remedies
        return ", ".join(found)


def verdict(data: xr.Dataset, ending: Ending, on_failure: str) -> xr.Dataset:
    """Return, warn or raise, according to how the trajectories ended.

    Raises
    ------
    SimulationError
        If trajectories failed, unless `on_failure` is 'nan'.
    """
    status = ending.status
    left = int((status == INTERRUPTED).sum())
    if left:
        warnings.warn(f"interrupted: {left} of {status.size} trajectories are incomplete (status {INTERRUPTED})", stacklevel=3)
    failed = np.flatnonzero((status != SUCCESS) & (status != INTERRUPTED))
    if failed.size and on_failure == "raise":
        first = int(failed[0])
        system = ending.kernel.system
        raise SimulationError(
            f"{failed.size} of {status.size} trajectories failed. The first is {ending.design.label(first, system)}: "
            f"{MESSAGES[int(status[first])]}; its last output is at {system.time} = {ending.last_time[first]:g}. "
            f"{ending.cause(first)}Try {ending.remedies(first)}, or on_failure='nan' to get NaN from the failure on; "
            "everything computed is in the 'dataset' of this error.",
            data,
        )
    return data
