"""Numerical values of a matrix model: exact where they are, symbols without values, else floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.models.matrix import MatrixModel
from symdyn.models.random_steps import noise_of
from symdyn.system import System

__all__ = [
    "as_array", "check_split", "exact", "fecundity_of", "matrix_of", "numeric", "plain", "refuse_changes", "require_linear",
    "row_of", "simplest",
]  # fmt: skip


def matrix_of(model: MatrixModel, part: str = "matrix") -> sp.Matrix:
    """A, F (``part="fecundity"``) or T (``"transitions"``) with the values of its parameters, at low density.

    Raises
    ------
    DeclarationError
        If its entries depend on time or on random numbers, or are not finite at low density; if a part is asked for and it is
        not known which entries are reproduction; if the model has events or inputs.
    """
    refuse_changes(model, "a single matrix")
    matrix = getattr(model, part)
    if part != "matrix":
        check_split(model)
    free = matrix.free_symbols
    noise = noise_of(list(matrix))
    if noise:
        raise DeclarationError(
            f"vital rates hold random numbers ({noise[0]}), so no single matrix determines the growth; "
            "see symdyn.leslie.stochastic_growth_rate"
        )
    if model.time in free:
        raise DeclarationError(f"vital rates depend on time {model.time}; give the matrix of one time, as a model of its own")
    if not free:
        return matrix
    values: dict[sp.Symbol, sp.Expr] = dict.fromkeys(model.states, sp.S.Zero)
    values |= {p: sp.Float(v, 17) for p, v in model.defaults.items()}
    found = matrix.xreplace({s: v for s, v in values.items() if s in free and s in model.parameters})
    for s in free & set(model.states):
        found = found.subs(s, 0)
    if found.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        raise DeclarationError("vital rates are not finite where all numbers are 0; give numbers, model.at({...})")
    return sp.ImmutableDenseMatrix(found)


def refuse_changes(model: System, what: str) -> None:
    """Refuse models with events or inputs over time.

    Raises
    ------
    DeclarationError
        Naming the first of them.
    """
    if model.events:
        raise DeclarationError(
            f"the model has events ({model.events[0]}), which {what} does not contain; simulate it, or leave them out with "
            "model.replace(events=())"
        )
    if model.inputs:
        raise DeclarationError(f"{model.inputs[0]} is an input over time, which {what} does not contain; simulate the model")


def check_split(model: MatrixModel) -> None:
    """Refuse models of which it is not known which entries are reproduction.

    Raises
    ------
    DeclarationError
        Naming the entry.
    """
    if not model.split:
        first = model.names[0]
        raise DeclarationError(
            f"the entry {model.matrix[0, 0]} from {first} to {first} may be reproduction, survival or both, as individuals can "
            "also remain in other stages; say which part of the matrix is reproduction: fecundity=[[...], ...]"
        )


def exact(matrix: sp.MatrixBase) -> bool:
    """Whether all entries are exact rational numbers."""
    return all(e.is_Rational for e in matrix)


def fecundity_of(model: MatrixModel) -> sp.Matrix:
    """F with the values of its parameters."""
    return matrix_of(model, "fecundity")


def numeric(matrix: sp.MatrixBase) -> np.ndarray:
    """The matrix in floats, (n, n).

    Raises
    ------
    DeclarationError
        Naming the parameters that have no value.
    """
    free = sorted(matrix.free_symbols, key=lambda s: s.name)
    if free:
        raise DeclarationError(
            f"no value for {', '.join(map(str, free))}: this has no short formula for {matrix.shape[0]} stages; "
            f"give values, model.with_parameters({free[0]}=...), or see symdyn.leslie.vital_rates(model, symbolic=True)"
        )
    return np.array(matrix.tolist(), dtype=float)


def require_linear(model: MatrixModel, what: str) -> None:
    """Refuse models that are not linear.

    Raises
    ------
    DeclarationError
        If vital rates depend on numbers, or there is immigration.
    """
    if model.density_dependent:
        raise DeclarationError(f"the vital rates depend on numbers, and {what} needs a linear model, such as model.at({{...}})")
    if any(model.immigration):
        raise DeclarationError(f"the model has immigration, and {what} needs a linear model without")


def as_array(matrix: Any) -> np.ndarray:
    """An object array of sympy numbers, two-dimensional for matrices."""
    found = np.empty(matrix.shape, dtype=object)
    for index in np.ndindex(*matrix.shape):
        found[index] = matrix[index]
    return found


def plain(value: Any) -> Any:
    """A number of Python where sympy or numpy made a floating one; exact numbers and formulas as they are."""
    return float(value) if isinstance(value, (np.floating, sp.Float)) else value


def simplest(values: np.ndarray) -> np.ndarray:
    """Exact numbers in lowest terms, with at most one root each; floats unchanged."""
    if values.dtype != object:
        return values
    out = np.empty_like(values)
    for index in np.ndindex(*values.shape):
        e = expression(values[index])
        out[index] = e if e.is_Rational else _shortest(e)
    return out


def _shortest(e: sp.Expr) -> sp.Expr:
    return sp.factor(sp.simplify(e)) if e.free_symbols else sp.radsimp(sp.expand(e))


def row_of(model: MatrixModel, initial: Any) -> np.ndarray:
    """Numbers by stage from anything that a model reads as initial values, (n,): exact ones in an object array.

    Raises
    ------
    DeclarationError
        If a stage has no number.
    """
    given = model.read_initial(initial) if initial is not None else model.initial_numbers()
    missing = [s.name for s in model.states if s not in given]
    if missing:
        raise DeclarationError(f"no number for the stage {missing[0]}; give one for each of {', '.join(model.names)}")
    values = [expression(given[s]) for s in model.states]
    if any(v.free_symbols for v in values):
        raise DeclarationError(f"the numbers are {', '.join(map(str, values))}; expected numbers, not symbols")
    if all(v.is_Rational for v in values):
        return as_array(sp.Matrix(values))[:, 0]
    return np.array([float(v) for v in values])
