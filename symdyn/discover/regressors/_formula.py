"""What regressors share: evaluating formulas on samples, ranking them, refitting and pruning them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp
from scipy.optimize import least_squares
from scipy.spatial import cKDTree

from symdyn.codegen.evaluate import evaluate as evaluate_program
from symdyn.codegen.lower import lower
from symdyn.discover.regressors.registry import Candidate, complexity_of
from symdyn.errors import CompileError, RecoveryError

__all__ = [
    "columns",
    "criterion",
    "effective_size",
    "evaluate",
    "front",
    "merged",
    "neighbours",
    "ranked",
    "refit",
    "variables",
]


def variables(names: Sequence[Any] | None, count: int) -> tuple[sp.Symbol, ...]:
    """Symbols of the columns: those given, or ``x0, x1, ...``.

    Raises
    ------
    RecoveryError
        If there are not as many names as columns.
    """
    if names is None:
        return tuple(sp.Symbol(f"x{i}") for i in range(count))
    if len(names) != count:
        raise RecoveryError(f"names has {len(names)} entries for {count} columns; give one name a column")
    return tuple(n if isinstance(n, sp.Symbol) else sp.Symbol(str(n)) for n in names)


def columns(expressions: Sequence[sp.Expr], symbols: Sequence[sp.Symbol], x: np.ndarray) -> np.ndarray:
    """Values of expressions on the rows of `x`, (m, expressions)."""
    if not expressions:
        return np.zeros((len(x), 0))
    program = lower("terms", [("none", []), ("x", symbols)], expressions, [""] * len(expressions))
    values = evaluate_program(program, (), list(x.T))
    return np.stack([np.broadcast_to(v, len(x)) for v in values], axis=1).astype(float)


def evaluate(expression: sp.Expr, symbols: Sequence[sp.Symbol], x: np.ndarray) -> np.ndarray:
    """Values of one expression on the rows of `x`, (m,)."""
    return columns([expression], symbols, x)[:, 0]


def merged(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples in an order of their own: equal ones once, with their weights added, and without those of weight zero.

    >>> x, y = np.array([[2.0], [1.0], [2.0]]), np.array([5.0, 4.0, 5.0])
    >>> [a.tolist() for a in merged(x, y, np.ones(3))]
    [[[1.0], [2.0]], [4.0, 5.0], [1.0, 2.0]]
    """
    kept = weights > 0
    table, place = np.unique(np.column_stack([x[kept], y[kept]]), axis=0, return_inverse=True)
    return table[:, :-1], table[:, -1], np.bincount(place.ravel(), weights[kept], minlength=len(table))


def neighbours(x: np.ndarray) -> np.ndarray:
    """Number of the sample nearest to each sample (m, n), in units of the spread of every column."""
    if len(x) < 2:
        return np.zeros(len(x), dtype=int)
    spread = x.std(axis=0)
    scaled = x / np.where(spread > 0, spread, 1.0)
    _, near = cKDTree(scaled).query(scaled, k=2)
    own = near[:, 0] == np.arange(len(x))
    return np.where(own, near[:, 1], near[:, 0])


def effective_size(residuals: np.ndarray, near: np.ndarray | None = None) -> float:
    """How many independent samples the residuals are worth: ``m (1 - rho) / (1 + rho)``, at least 10 (or m).

    Samples of a smooth surrogate err together; counted one by one they would buy every further term.  The correlation `rho`
    is that of each sample with the nearest one (`near`, see `neighbours`), or with the next one.
    """
    m = len(residuals)
    power = float(residuals @ residuals)
    lagged = residuals[1:] @ residuals[:-1] if near is None else residuals @ residuals[near]
    rho = float(lagged) / power if power > 0 else 0.0
    rho = min(max(rho, 0.0), 0.999)
    return min(m, max(10.0, m * (1 - rho) / (1 + rho)))


def criterion(relative_loss: float, size: float, count: float, *, floor: float) -> float:
    """Bayesian information criterion ``size log(loss + floor^2) + count log(size)``, corrected for few samples."""
    few = 2 * count * (count + 1) / max(size - count - 1, 1.0)
    return size * np.log(relative_loss + floor**2 + 1e-300) + count * np.log(max(size, 2.0)) + few


def ranked(
    expressions: Sequence[sp.Expr],
    samples: tuple[Sequence[sp.Symbol], np.ndarray, np.ndarray, np.ndarray],
    floor: float,
) -> list[Candidate]:
    """Candidates on samples (symbols, arguments, values, weights), best first: every node counts half a parameter."""
    symbols, x, y, weights = samples
    x, y, weights = merged(x, y, weights)
    scale = float(np.average(y**2, weights=weights)) or 1.0
    found, errors = [], []
    for e in dict.fromkeys(expressions):
        residual = y - evaluate(e, symbols, x)
        loss = float(np.average(residual**2, weights=weights))
        if np.isfinite(loss):
            found.append(Candidate(e, complexity_of(e), loss))
            errors.append(residual)
    if not found:
        return []
    size = effective_size(errors[int(np.argmin([c.loss for c in found]))], neighbours(x))
    return sorted(found, key=lambda c: criterion(c.loss / scale, size, c.complexity / 2, floor=floor))


def front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that no other beats in both complexity and loss, simplest first.

    >>> x = sp.Symbol("x")
    >>> [c.complexity for c in front([Candidate(x, 3, 1.0), Candidate(x**2, 5, 2.0), Candidate(x**3, 7, 0.5)])]
    [3, 7]
    """
    best: list[Candidate] = []
    for c in sorted(candidates, key=lambda c: (c.complexity, c.loss)):
        if not best or c.loss < best[-1].loss:
            best.append(c)
    return best


def refit(
    expression: sp.Expr, symbols: Sequence[sp.Symbol], x: np.ndarray, y: np.ndarray, weights: np.ndarray
) -> list[sp.Expr]:
    """Simpler forms of a formula, constants fitted again: as it is, and pruned term by term.

    A formula is expanded; a factor of each term is fitted linearly, constants inside functions and denominators by
    Gauss-Newton.  The term whose loss hurts least is dropped, one after another; every stage is returned.
    """
    root = np.sqrt(weights)
    try:
        terms = sp.Add.make_args(sp.expand(expression, power_exp=False, log=False))
        shapes = list(dict.fromkeys(t.as_coeff_Mul()[1] for t in terms))
        values = columns(shapes, symbols, x)
    except (CompileError, OverflowError):
        return []
    forms: list[sp.Expr] = []
    kept = [i for i in range(len(shapes)) if np.all(np.isfinite(values[:, i])) and np.any(values[:, i])]
    while kept:
        size = np.sqrt(np.mean(values[:, kept] ** 2, axis=0))
        design = values[:, kept] / size * root[:, None]
        solution = np.linalg.lstsq(design, y * root, rcond=None)[0]
        total = sp.Add(*(sp.Float(c / s) * shapes[i] for c, s, i in zip(solution, size, kept, strict=True)))
        forms.append(_polished(total, symbols, x, y, root))
        if len(kept) == 1:
            break
        inverse = np.diag(np.linalg.pinv(design.T @ design))
        kept.pop(int(np.argmin(solution**2 / np.maximum(inverse, 1e-300))))
    return forms


def _polished(expression: sp.Expr, symbols: Sequence[sp.Symbol], x: np.ndarray, y: np.ndarray, root: np.ndarray) -> sp.Expr:
    """The same formula with its inner constants fitted too, if it has any."""
    constants = sorted(expression.atoms(sp.Float), key=float)
    inner = [c for t in sp.Add.make_args(expression) for c in t.as_coeff_Mul()[1].atoms(sp.Float)]
    if not inner:
        return expression
    holes = [sp.Dummy(f"c{i}") for i in range(len(constants))]
    open_form = expression.xreplace(dict(zip(constants, holes, strict=True)))

    def misfit(values: np.ndarray) -> np.ndarray:
        table = np.hstack([x, np.broadcast_to(values, (len(x), len(values)))])
        r = (evaluate(open_form, [*symbols, *holes], table) - y) * root
        return np.where(np.isfinite(r), r, 1e6 * (1 + np.abs(y)))

    start = np.array([float(c) for c in constants])
    result = least_squares(misfit, start, x_scale=np.abs(start) + 1e-6, max_nfev=30)
    return open_form.xreplace(dict(zip(holes, map(sp.Float, result.x), strict=True)))
