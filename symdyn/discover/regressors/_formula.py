"""What regressors share: evaluating formulas on samples, ranking them, refitting and pruning them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp
from scipy.optimize import least_squares

from symdyn.discover.regressors._criterion import criterion, effective_size, neighbours
from symdyn.discover.regressors.registry import Candidate, complexity_of
from symdyn.discover.regressors.subsets import Shrinking
from symdyn.errors import CompileError
from symdyn.inference.formulas import evaluated

__all__ = ["columns", "evaluate", "front", "merged", "ranked", "refit"]


def columns(expressions: Sequence[sp.Expr], symbols: Sequence[sp.Symbol], x: np.ndarray) -> np.ndarray:
    """Values of expressions on the rows of `x`, (m, expressions)."""
    return np.ascontiguousarray(evaluated(expressions, dict(zip(symbols, x.T, strict=True)), (len(x),)).T)


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
    return sorted(found, key=lambda c: criterion(c.loss / scale, size, c.complexity / 2, floor))


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
    if not kept:
        return []
    size = np.sqrt(np.mean(values[:, kept] ** 2, axis=0))
    left = Shrinking.of(values[:, kept] / size * root[:, None], y * root)
    while True:
        numbers = left.coefficients / size[left.columns]
        total = sp.Add(*(sp.Float(c) * shapes[kept[i]] for c, i in zip(numbers, left.columns, strict=True)))
        forms.append(_polished(total, symbols, x, y, root))
        if len(left.columns) == 1:
            return forms
        left.drop(int(np.argmin(left.costs())))


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
