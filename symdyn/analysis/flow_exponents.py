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

    Each of the `steps` is followed by a normalisation of the vectors (Benettin et al.).
    """
    kernel, extended = extended_kernel(system, [])
    initial, parameters = design.rows(0, design.size)
    n, count = len(system.states), len(initial)
    length = -(-steps // batches)
    current = extended.initial(initial)
    sums, status = np.zeros((batches, count, n)), np.zeros(count, np.int64)
    for step in range(burn_in + batches * length):
        begin = step * interval
        run = kernel(current, parameters, [begin, begin + interval], **TOLERANCES)
        status = np.where(status == SUCCESS, run.status, status)
        states, vectors = extended.split(run.values[:, -1])
        good = status == SUCCESS
        q, r = np.linalg.qr(np.where(good[:, None, None], vectors, np.eye(n)))
        if step >= burn_in:
            with np.errstate(divide="ignore"):
                sums[(step - burn_in) // length] += np.log(np.abs(np.diagonal(r, axis1=1, axis2=2)))
        current = np.concatenate([np.where(good[:, None], states, initial), np.swapaxes(q, 1, 2).reshape(count, -1)], axis=1)
    means = sums / (length * interval)
    means[:, status != SUCCESS] = np.nan
    return means.mean(axis=0), means.std(axis=0, ddof=1) / np.sqrt(batches), status
