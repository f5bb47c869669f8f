"""Lyapunov exponents of flows: tangent vectors integrated with the states, and made orthonormal again at equal intervals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from symdyn_kernels.status import SUCCESS

from symdyn.analysis.kernels import extended_kernel
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.declaration import derivative
from symdyn.errors import DeclarationError
from symdyn.simulation.sweeps import Design
from symdyn.system import System

__all__ = ["default_interval", "flow_growth"]

#: Relative and absolute tolerance of the states and of the vectors, whose length is 1 at first.
TOLERANCES = {"rtol": 1e-9, "atol": 1e-10}
#: By what factor a vector may grow between two normalisations, in logarithms, where the Jacobian is that at the beginning.
GROWTH = 10.0
#: Length of a vector below which errors count beside it, and in how many parts a step is taken at most.
LEAST, MOST_PARTS = 1e-6, 1024


class _LateStep(Exception):
    """The time is over within a step that is taken in parts."""


def default_interval(system: System, design: Design) -> float:
    r"""The time between normalisations: 10 divided by the largest norm of the Jacobian at the initial values.

    Raises
    ------
    DeclarationError
        If the Jacobian is zero or not finite there.
    """
    entries = [derivative(f, s) for f in system.part("drift") for s in system.states]
    blocks = [("lane", (system.time,)), ("y", system.states), ("p", system.parameters)]
    program = lower("jacobian", blocks, entries, [str(k) for k in range(len(entries))])
    initial, parameters = design.rows(0, design.size)
    values = evaluate(program, [np.zeros(())], list(initial.T), list(parameters.T))
    norms = np.sqrt(sum(np.broadcast_to(v, design.size) ** 2 for v in values))
    if not np.isfinite(norms).all() or not norms.max() > 0:
        raise DeclarationError(
            "the Jacobian is zero or infinite at the initial values; give interval=, the time between normalisations"
        )
    return GROWTH / float(norms.max())


def flow_growth(
    system: System, design: Design, *, steps: int, burn_in: int, batches: int, interval: float, going: Callable[[float], bool]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Mean rates of growth of tangent vectors (N, n), their standard errors (N, n), a status (N,), and of how many steps.

    Each of the `steps` is followed by a normalisation of the vectors (Benettin et al.); a trajectory on which one of them
    shrinks until only errors are left takes its step in parts.  They are fewer where `going`, which is called with the share
    that is done, says no, or after an interrupt; standard errors are those of whole batches, NaN where there are not two.

    Raises
    ------
    DeclarationError
        If it does so within a thousandth of a step.
    KeyboardInterrupt
        If there is no step yet.
    """
    kernel, extended = extended_kernel(system, [])
    initial, parameters = design.rows(0, design.size)
    n, count = len(system.states), len(initial)
    length = -(-steps // batches)
    current = extended.initial(initial)
    sums, status = np.zeros((batches, count, n)), np.zeros(count, np.int64)
    done, every, share = 0, burn_in + batches * length, 0.0

    def advanced(rows: np.ndarray, begin: float, step: float, parts: int) -> np.ndarray:
        """Take these trajectories a step further; returns the logarithms by which their vectors grow."""
        if parts > 1 and not going(share):
            raise _LateStep
        run = kernel(current[rows], parameters[rows], [begin, begin + step], **TOLERANCES)
        states, vectors = extended.split(run.values[:, -1])
        good = run.status == SUCCESS
        q, r = np.linalg.qr(np.where(good[:, None, None], vectors, np.eye(n)))
        sizes = np.abs(np.diagonal(r, axis1=1, axis2=2))
        lost = good & (sizes.min(axis=1) < LEAST)
        if parts >= MOST_PARTS and lost.any():
            raise DeclarationError(
                f"vectors shrink by more than errors leave of them within {step:.3g}, a part of the interval {interval:.3g} "
                f"between normalisations; give a shorter one, interval={step / 16:.1g}"
            )
        kept, again = rows[~lost], rows[lost]
        status[kept] = np.where(status[kept] == SUCCESS, run.status[~lost], status[kept])
        states, vectors = np.where(good[:, None], states, initial[rows])[~lost], np.swapaxes(q, 1, 2)[~lost]
        current[kept] = np.concatenate([states, vectors.reshape(kept.size, n * n)], axis=1)
        with np.errstate(divide="ignore"):  # where it is lost
            grown = np.log(sizes)
        if again.size:
            grown[lost] = sum(advanced(again, begin + k * step / 2, step / 2, 2 * parts) for k in range(2))
        return grown

    try:
        for step in range(every):
            grown = advanced(np.arange(count), step * interval, interval, 1)
            if step >= burn_in:
                sums[done // length] += grown
                done += 1
            share = (step + 1) / every
            if not going(share):
                break
    except _LateStep:
        pass
    except KeyboardInterrupt:
        if not done:
            raise
    sums[:, status != SUCCESS] = np.nan
    whole = done // length
    errors = np.full((count, n), np.nan)
    if whole > 1:
        errors = (sums[:whole] / (length * interval)).std(axis=0, ddof=1) / np.sqrt(whole)
    return sums.sum(axis=0) / (max(done, 1) * interval), errors, status, done
