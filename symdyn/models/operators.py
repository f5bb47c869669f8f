"""Differential operators of fields as sympy functions, and linear forms of expressions in them.

``dx``, ``dy`` and ``dz`` differentiate along the first, second and third axis, ``laplacian``, ``grad`` and ``div`` along all;
``mean`` and ``integral`` are numbers, over the entire domain, and ``at`` is one, at a point of it.  Operators are not evaluated
when they are written, except that derivatives of numbers vanish: `linear_form` finds the linear parts when they are needed.
"""

from __future__ import annotations

from symdyn.models._linear_forms import derivative_of, linear_form, linear_part, varies
from symdyn.models.operator_types import (
    AXES,
    NUMBERS,
    OPERATORS,
    Operator,
    at,
    components,
    div,
    dot,
    dx,
    dy,
    dz,
    grad,
    integral,
    laplacian,
    mean,
    read_operators,
    vector,
)

__all__ = [
    "AXES",
    "NUMBERS",
    "OPERATORS",
    "Operator",
    "at",
    "components",
    "derivative_of",
    "div",
    "dot",
    "dx",
    "dy",
    "dz",
    "grad",
    "integral",
    "laplacian",
    "linear_form",
    "linear_part",
    "mean",
    "read_operators",
    "varies",
    "vector",
]
