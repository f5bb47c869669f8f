"""Which terms of the rates are linear, have constant coefficients and are diagonal in the modes of their own field."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.grids.linear_part import LinearPart
from symdyn.grids.linear_part_axes import Axis, axis_modes
from symdyn.models.operators import Operator, components, linear_form, read_operators
from symdyn.models.pde import PDESystem
from symdyn.parsing import parse_expression

__all__ = ["field_terms", "linear_part_of", "numeric_terms"]

Index = tuple[int, ...]
#: Derivatives one after the other, as ``((2, 0), (0, 2))`` for the laplacian along y of that along x.
Chain = tuple[Index, ...]


@lru_cache(maxsize=256)
def field_terms(pde: PDESystem, field: sp.Symbol, rate: sp.Expr | None = None) -> Mapping[Chain, sp.Expr]:
    """The coefficients of what L has for a field: derivatives of even order along axes with walls, of any along others.

    Parameters
    ----------
    pde : PDESystem
    field : Symbol
    rate : Expr, optional
        An expression in place of the rate of the field.

    Examples
    --------
    >>> u, D, c = sp.symbols("u D c")
    >>> from symdyn.models.operators import dx, laplacian
    >>> pde = PDESystem({u: D * laplacian(u) - c * dx(u) - u**3}, (0, 1), boundary="periodic")
    >>> field_terms(pde, u)
    mappingproxy({((2,),): D, ((1,),): -c})
    """
    if rate is None:
        rate = pde.rates[pde.fields.index(field)]
    operands = {components(k, pde.dimension): k for k in pde.conditions if k not in pde.fields}
    found: dict[Chain, sp.Expr] = {}
    _collect(pde, field, components(rate, pde.dimension), operands, (), sp.S.One, found)
    return MappingProxyType({k: c for k, c in found.items() if c != 0})


def _collect(
    pde: PDESystem,
    field: sp.Symbol,
    e: sp.Expr,
    operands: Mapping[sp.Expr, sp.Expr],
    chain: Chain,
    factor: sp.Expr,
    found: dict[Chain, sp.Expr],
) -> None:
    bases = {*pde.fields, *operands}
    for (w, m), c in linear_form(e, bases, pde.space, pde.dimension).items():
        if not _constant(c, pde.parameters) or any(k % 2 and axis not in pde.periodic for axis, k in enumerate(m)):
            continue
        longer = (*chain, m) if any(m) else chain
        if w == field:
            key = longer or (m,)
            found[key] = found.get(key, sp.S.Zero) + factor * c
        elif w in operands and _alike(pde, field, operands[w]):
            inner = {k: v for k, v in operands.items() if k != w}
            _collect(pde, field, w, inner, longer, factor * c, found)


def _constant(c: sp.Expr, parameters: Collection[sp.Symbol]) -> bool:
    return c.free_symbols <= set(parameters) and not c.has(Operator, AppliedUndef)


def _alike(pde: PDESystem, field: sp.Symbol, operand: sp.Expr) -> bool:
    """Whether an operand has conditions of the same form as the field, and so the same modes."""

    def forms(target: sp.Expr) -> list[Any]:
        return [pair if pair == "periodic" else [c.coefficients for c in pair] for pair in pde.conditions[target]]

    return forms(field) == forms(operand)


def numeric_terms(
    pde: PDESystem, parameters: Mapping[sp.Symbol, float], implicit: Mapping[Any, Any] | None = None
) -> list[dict[Chain, float]]:
    """The terms of each field with numbers for parameters.

    Parameters
    ----------
    implicit : mapping, optional
        From fields to a linear expression of that field that takes the place of what is found in its rate.

    Raises
    ------
    DeclarationError
        For expressions in `implicit` that are not linear in their field with constant coefficients.
    """
    given: dict[sp.Symbol, sp.Expr] = {}
    for key, value in (implicit or {}).items():
        field = lookup(key, pde.fields, "field")
        e = read_operators(parse_expression(value)) if isinstance(value, str) else expression(value)
        known = {s.name: s for s in (*pde.fields, *pde.parameters)}
        given[field] = e.xreplace({s: known[s.name] for s in e.free_symbols if s.name in known})
    rows, known = [], dict(parameters)
    for field in pde.fields:
        terms = field_terms(pde, field, given.get(field))
        if field in given:
            plain = components(given[field], pde.dimension)
            if len(linear_form(plain, set(pde.fields), pde.space, pde.dimension)) != len(terms):
                raise DeclarationError(
                    f"implicit[{field}] is {given[field]}; expected a sum of {field} and its derivatives, of even order "
                    "between walls, with coefficients made of parameters"
                )
        numbers = {k: float(c.xreplace(known)) for k, c in terms.items()}
        rows.append({k: c for k, c in numbers.items() if c})
    return rows


def linear_part_of(
    pde: PDESystem,
    shape: tuple[int, ...],
    walls: Mapping[sp.Symbol, Any],
    parameters: Mapping[sp.Symbol, float],
    *,
    order: int | None,
    implicit: Mapping[Any, Any] | None = None,
    method: str = "imex",
    threads: int | None = None,
) -> LinearPart:
    """L of a system on a grid.

    Parameters
    ----------
    pde : PDESystem
    shape : tuple of int
    walls : mapping
        For each field a tuple over axes of (left, right), as `axis_matrix` takes them.
    parameters : mapping of Symbol to float
    order : int or None
        Of the differences; None if derivatives are spectral.
    implicit : mapping, optional
        See `numeric_terms`.
    method : str
        Named in the message.
    threads : int, optional

    Raises
    ------
    DeclarationError
        If there is nothing in L, and for walls whose modes are of no use.
    """
    box = pde.domain.box
    spacing = (box[1] - box[0]) / np.array(shape)
    rows = []
    made: dict[Any, Axis] = {}
    for field in pde.fields:
        row = []
        for axis, (left, right) in enumerate(walls[field]):
            key = axis, left, right
            if key not in made:
                made[key] = axis_modes(shape[axis], float(spacing[axis]), order, left, right, pde.space[axis].name)
            row.append(made[key])
        rows.append(row)
    linear = LinearPart(numeric_terms(pde, parameters, implicit), rows, len(pde.scalars), threads)
    if linear.nothing and not any(field_terms(pde, field) for field in pde.fields):  # a coefficient may be 0 for a while
        raise DeclarationError(
            f"no rate of this system has a linear term with constant coefficients in its own field, such as D*laplacian(u), so "
            f"{method!r} has nothing to treat implicitly or exactly; give discretize(..., implicit={{'{pde.fields[0]}': "
            f"'D*laplacian({pde.fields[0]})'}}) or take an explicit method"
        )
    return linear
