"""Differential operators of fields as sympy functions, and what linear algebra says about expressions made of them.

``dx``, ``dy`` and ``dz`` differentiate along the first, second and third axis, ``laplacian``, ``grad`` and ``div`` along all;
``mean`` and ``integral`` are numbers, of the whole domain.  Nothing is evaluated when an operator is written down, except
that derivatives of numbers vanish: what is linear is found by `linear_form`, when it is needed.
"""

from __future__ import annotations

from symdyn.models._linear_forms import derivative_of, linear_form, linear_part, varies
from symdyn.models._operator_types import (
    AXES,
    NUMBERS,
    OPERATORS,
    Operator,
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
