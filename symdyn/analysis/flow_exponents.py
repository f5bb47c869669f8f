"""Lyapunov exponents of flows: tangent vectors integrated with the states, and made orthonormal again at equal intervals."""

from __future__ import annotations

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
    system: System, design: Design, *, steps: int, burn_in: int, batches: int, interval: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean rates of growth of tangent vectors (N, n), their standard errors (N, n) and a status (N,).

    Each of the `steps` is followed by a normalisation of the vectors (Benettin et al.); a trajectory on which one of them
    shrinks until only errors are left takes its step in parts.

    Raises
    ------
    DeclarationError
        If it does so within a thousandth of a step.
    """
    kernel, extended = extended_kernel(system, [])
    initial, parameters = design.rows(0, design.size)
    n, count = len(system.states), len(initial)
    length = -(-steps // batches)
    current = extended.initial(initial)
    sums, status = np.zeros((batches, count, n)), np.zeros(count, np.int64)

    def advanced(rows: np.ndarray, begin: float, step: float, parts: int) -> np.ndarray:
        """Take these trajectories a step further; returns the logarithms by which their vectors grow."""
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

    for step in range(burn_in + batches * length):
        grown = advanced(np.arange(count), step * interval, interval, 1)
        if step >= burn_in:
            sums[(step - burn_in) // length] += grown
    means = sums / (length * interval)
    means[:, status != SUCCESS] = np.nan
    return means.mean(axis=0), means.std(axis=0, ddof=1) / np.sqrt(batches), status
