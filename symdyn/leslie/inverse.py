"""The inverse problem: a projection matrix from a time series of stages, as a quadratic programme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp
from scipy.optimize import minimize

from symdyn.errors import DeclarationError, RecoveryError
from symdyn.models.matrix import MatrixModel

__all__ = ["from_series"]


def from_series(
    series: Any, pattern: Any, *, fecundity: Any = None, states: Sequence[Any] | None = None, weights: Any = None,
    **options: Any,
) -> MatrixModel:  # fmt: skip
    r"""The projection matrix of least squares one step ahead for a time series of numbers by stage.

    .. math:: \min_A \sum_t \| n(t+1) - A\,n(t) \|_W^2, \qquad a_{ij} \ge 0, \quad \textstyle\sum_i t_{ij} \le 1

    Only entries of the pattern differ from 0; those that are no reproduction are probabilities, which add up to at most 1 for
    each stage.  The problem is convex, so that the solution is unique where the data determine it.

    Parameters
    ----------
    series : DataFrame or array
        Numbers (times, stages) at equal steps; columns of a frame name the stages.  Steps with missing values are left out.
    pattern : matrix of bool, n x n
        Where A may differ from 0.
    fecundity : matrix of bool, optional
        Which of these are reproduction; by default the first row, as for `MatrixModel`.
    states, **options :
        As for `MatrixModel`.
    weights : sequence of float, optional
        Of the stages in the sum of squares, dimensionless; 1 by default.

    Returns
    -------
    MatrixModel

    Raises
    ------
    RecoveryError
        If there are no two consecutive complete rows, or fewer data than entries.

    References
    ----------
    Wood, Biometrics 50 (1994) 23 and Ecology 78 (1997) 1682; Caswell, Matrix Population Models (2001), sec. 6.2.2.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> A = np.array([[0, 4], [0.5, 0.2]])
    >>> numbers = [np.linalg.matrix_power(A, t) @ [10, 1] for t in range(6)]
    >>> np.array(sd.leslie.from_series(numbers, [[0, 1], [1, 1]]).matrix, float).round(6).tolist()
    [[0.0, 4.0], [0.5, 0.2]]
    """
    names = [str(c) for c in series.columns] if isinstance(series, pd.DataFrame) else None
    values = np.asarray(series, dtype=float)
    if values.ndim != 2 or len(values) < 2:
        raise RecoveryError(f"the series has the shape {values.shape}; expected times x stages, with two times or more")
    n = values.shape[1]
    allowed = _pattern(pattern, n, "the pattern")
    births, split = _births(allowed) if fecundity is None else (_pattern(fecundity, n, "the fecundity") & allowed, True)
    scale = np.ones(n) if weights is None else np.sqrt(np.asarray(weights, dtype=float))
    if scale.shape != (n,) or not (scale >= 0).all():
        raise DeclarationError(f"weights are {weights!r}; expected {n} numbers from 0, one for each stage")
    complete = np.isfinite(values).all(axis=1)
    steps = np.flatnonzero(complete[:-1] & complete[1:])
    rows, columns = np.nonzero(allowed)
    if len(steps) * n < len(rows):
        raise RecoveryError(f"{len(steps)} complete steps of {n} stages cannot determine {len(rows)} entries")
    before, after = values[steps], values[steps + 1]
    design = np.zeros((len(steps), n, len(rows)))
    for e, (i, j) in enumerate(zip(rows, columns, strict=True)):
        design[:, i, e] = before[:, j] * scale[i]
    solved = _solve(design.reshape(-1, len(rows)), (after * scale).ravel(), rows, columns, births, n)
    found = np.zeros((n, n))
    found[rows, columns] = solved
    given = {"provenance": (f"fitted to {len(steps)} steps of a series of stages",), **options}
    return MatrixModel(found, states or names, fecundity=np.where(births, found, 0.0), **given).replace(split=split)


def _solve(
    design: np.ndarray, target: np.ndarray, rows: np.ndarray, columns: np.ndarray, births: np.ndarray, n: int
) -> np.ndarray:  # fmt: skip
    """The quadratic programme in scaled unknowns."""
    size = np.maximum(np.sqrt((design**2).sum(axis=0)), 1e-300)
    norm = np.sqrt((target**2).sum()) or 1.0
    gram, slope = (design / size).T @ (design / size), (design / size).T @ target / norm
    survive = ~births[rows, columns]
    limits = np.array([[1.0 if survive[e] and columns[e] == j else 0.0 for e in range(len(rows))] for j in range(n)])
    limits = limits[limits.any(axis=1)] * (norm / size)
    # unconstrained least squares, scaled to the limits
    start = np.maximum(np.linalg.lstsq(design / size, target / norm, rcond=None)[0], 0.0)
    over = limits @ start
    for row, total in zip(limits, over, strict=True):
        if total > 1:
            start = np.where(row > 0, start / total, start)
    found = minimize(
        lambda x: 0.5 * x @ gram @ x - slope @ x, start, jac=lambda x: gram @ x - slope, method="SLSQP",
        bounds=[(0.0, None)] * len(rows), options={"maxiter": 1000, "ftol": 1e-16},
        constraints={"type": "ineq", "fun": lambda x: 1 - limits @ x, "jac": lambda x: -limits},
    )  # fmt: skip
    return np.maximum(found.x, 0.0) * norm / size


def _pattern(value: Any, n: int, what: str) -> np.ndarray:
    rows = value.tolist() if isinstance(value, sp.MatrixBase) else value
    found = np.array([[e != 0 for e in row] for row in rows], dtype=bool)
    if found.shape != (n, n):
        raise DeclarationError(f"{what} has the shape {found.shape}; expected {(n, n)}, one row and column a stage")
    return found


def _births(allowed: np.ndarray) -> tuple[np.ndarray, bool]:
    """The first row, and whether it is known that this is reproduction."""
    as_model = MatrixModel(allowed.astype(int).tolist())
    return np.array(as_model.fecundity, dtype=int) != 0, as_model.split
