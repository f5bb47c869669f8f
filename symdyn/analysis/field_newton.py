r"""Fields at rest by damped Newton iterations, several of them by deflation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symdyn.analysis.bordered import Border, Bordered, is_at_rest, solver_of
from symdyn.analysis.iterated import Iterated
from symdyn.integration.rest import RestProblem

__all__ = ["CONVERGED", "newton", "sizes_of"]

#: Corrections below this share of the sizes of the fields end the iteration.
CONVERGED = 1e-10
STEPS = 60
SMALLEST = 1 / 1024


def sizes_of(problem: RestProblem, y: np.ndarray, least: np.ndarray | None = None) -> np.ndarray:
    """A typical size (n,) of each number: the root mean square of its field, at least `least` of each block, or 1."""
    found = problem.measure(y) if least is None else np.maximum(problem.measure(y), least)
    found = np.where(found > 0, found, 1.0)
    sizes = np.empty(problem.size)
    for b, s in zip(problem.blocks, found, strict=True):
        sizes[b] = s
    return sizes


def newton(
    problem: RestProblem, border: Border, y: np.ndarray, p: np.ndarray, totals: np.ndarray, *,
    known: Sequence[np.ndarray] = (), sizes: np.ndarray | None = None, free: bool = False,
    unsolved: list[str] | None = None,
) -> np.ndarray | None:  # fmt: skip
    r"""The state at rest that the iteration comes to, or None.

    Steps are damped until the simplified correction of the next state is smaller, which no scaling of the equations
    changes.  With states that are `known` already it solves :math:`\prod_k (1 + 1/|y - y_k|^2)\, F(y) = 0`, of which those
    are no solutions.

    Parameters
    ----------
    problem : RestProblem
    border : Border
    y : (n,) array
        Where it begins.
    p : (k,) array
    totals : (c,) array
        Values of the conserved quantities.
    known : sequence of (n,) array
    sizes : (n,) array, optional
        Typical sizes of the numbers.
    free : bool
        Do not hold the state in its place along symmetries.
    unsolved : list of str, optional
        Gets a line where the iteration ends because linear equations were not solved.

    References
    ----------
    Deuflhard, Newton Methods for Nonlinear Problems (2004), 3.3; Farrell, Birkisson & Funke, SIAM J. Sci. Comput. 37 (2015)
    A2026.
    """
    y = y.copy()
    sizes = sizes_of(problem, y) if sizes is None else sizes
    shares = np.sqrt(problem.weights) / sizes
    damping = 1.0
    for _ in range(STEPS):
        residual = problem.residual(y, p)
        if not np.isfinite(residual).all():
            return None
        matrix = problem.jacobian(y, p, sizes)
        columns, rows = border.at(y, free=free)

        def correction(y: np.ndarray, residual: np.ndarray, solver: Bordered | Iterated, rows: np.ndarray = rows) -> np.ndarray:
            low = np.zeros(len(rows))
            low[: border.conserved] = totals - border.totals(y)
            return solver.solve(np.append(-residual, low))[: problem.size]

        try:
            solver = solver_of(matrix, columns, rows)
            step = correction(y, residual, solver)
        except RuntimeError as error:  # singular
            if not known and not residual.any() and np.allclose(border.totals(y), totals, rtol=1e-10):
                return y  # at rest already, where branches cross
            if unsolved is not None:
                unsolved.append(str(error))
            return None
        length = float(np.linalg.norm(step * shares))
        if not np.isfinite(length):
            return None
        if length < CONVERGED:
            y = y + step
            if is_at_rest(matrix, y, problem.residual(y, p), sizes):
                return y
            # a wave that moves, or a pattern that the grid holds in one place
            return (
                None
                if free or rows.shape[0] == border.conserved
                else newton(problem, border, y, p, totals, known=known, sizes=sizes, free=True, unsolved=unsolved)
            )
        if known:
            factor = 1.0
            for other in known:
                away = (y - other) * shares
                square = float(away @ away)
                factor += 2 * float(away @ (step * shares)) / (square * (1 + square)) if square > 0 else 0.0
            step = step / factor if abs(factor) > 1e-12 else step
            length = float(np.linalg.norm(step * shares))
            y = y + step * min(1.0, 1.0 / length)  # by the sizes of the fields at most
            continue
        damping = min(1.0, 4 * damping)
        while True:
            trial = y + damping * step
            there = problem.residual(trial, p)
            if np.isfinite(there).all():
                try:
                    rest = float(np.linalg.norm(correction(trial, there, solver) * shares))
                except RuntimeError:  # iterations do not reach so small a residual
                    rest = np.inf
                if rest <= (1 - damping / 4) * length:
                    break
            damping /= 2
            if damping < SMALLEST:
                # rounding is all that is left
                return y if length < 1e3 * CONVERGED and is_at_rest(matrix, y, residual, sizes) else None
        y = trial
    return None
