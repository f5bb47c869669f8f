"""Operators of fields as sympy functions, and expressions without vectors."""

from __future__ import annotations

from typing import Any, ClassVar

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn import dag
from symdyn.errors import DeclarationError


class Operator(sp.Function):
    """What acts on fields; subclasses carry the name under which they are printed and read."""

    nargs: Any = 1
    sign: ClassVar[str] = ""

    @classmethod
    def eval(cls, *args: sp.Expr) -> sp.Expr | None:
        return sp.S.Zero if args[0].is_number and cls.sign.startswith(r"\partial") else None

    def _latex(self, printer: Any, exp: Any = None) -> str:
        inner = printer._print(self.args[0])
        if not (self.args[0].is_Symbol or isinstance(self.args[0], (AppliedUndef, Operator))):
            inner = rf"\left({inner}\right)"
        text = f"{self.sign} {inner}"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


class dx(Operator):
    """Derivative along the first axis.

    >>> u = sp.Symbol("u")
    >>> dx(u**2), dx(3)
    (dx(u**2), 0)
    """

    sign = r"\partial_x"


class dy(Operator):
    """Derivative along the second axis."""

    sign = r"\partial_y"


class dz(Operator):
    """Derivative along the third axis."""

    sign = r"\partial_z"


class laplacian(Operator):
    """Sum of the second derivatives along all axes."""

    sign = r"\Delta"


class grad(Operator):
    """Gradient: a vector, to be used inside `div` or `dot`, perhaps times a number or a scalar field."""

    sign = r"\nabla"


class div(Operator):
    """Divergence of a vector such as ``D*grad(u) - chi*u*grad(v)`` or ``vector(u, v)``."""

    sign = r"\nabla\cdot"


class mean(Operator):
    """Mean over the domain: a number."""

    def _latex(self, printer: Any, exp: Any = None) -> str:
        text = rf"\left\langle {printer._print(self.args[0])} \right\rangle"
        return text if exp is None else f"{text}^{{{exp}}}"


class integral(Operator):
    """Integral over the domain: a number."""

    sign = r"\int"


class vector(Operator):
    """A vector of its components, one an axis."""

    nargs: Any = (1, 2, 3)

    def _latex(self, printer: Any, exp: Any = None) -> str:
        return rf"\left({', '.join(map(printer._print, self.args))}\right)"


class dot(Operator):
    """Scalar product of two vectors, ``dot(grad(u), grad(v))``."""

    nargs: Any = 2

    def _latex(self, printer: Any, exp: Any = None) -> str:
        text = rf"{printer._print(self.args[0])} \cdot {printer._print(self.args[1])}"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


#: Operators by name, and the derivative along each axis.
OPERATORS: dict[str, type[Operator]] = {c.__name__: c for c in (dx, dy, dz, laplacian, grad, div, mean, integral, vector, dot)}
AXES: tuple[type[Operator], ...] = (dx, dy, dz)
#: Operators that make a number of a field.
NUMBERS = (mean, integral)


def read_operators(e: sp.Expr) -> sp.Expr:
    """The expression with calls such as ``laplacian(u)`` of a text, which are unknown terms there, as operators.

    >>> from symdyn.parsing import parse_expression
    >>> read_operators(parse_expression("D*laplacian(u) + f(u)")).atoms(Operator)
    {laplacian(u)}
    """
    new: dict[sp.Basic, sp.Basic] = {}
    for node in dag.nodes([e]):
        args = [new[a] for a in node.args]
        changed = any(a is not b for a, b in zip(args, node.args, strict=True))
        name = node.func.__name__
        if isinstance(node, AppliedUndef) and name in OPERATORS:
            allowed = OPERATORS[name].nargs
            if len(args) not in allowed:
                raise DeclarationError(f"{node} has {len(args)} arguments; {name} takes {' or '.join(map(str, allowed))}")
            new[node] = OPERATORS[name](*args)
        else:
            new[node] = node.func(*args) if changed else node
    return new[e]


# ---- vectors -----------------------------------------------------------------------------------


def components(e: sp.Expr, dimension: int) -> sp.Expr:
    """The same expression without vectors: of operators only derivatives, `laplacian`, `mean` and `integral` are left.

    Raises
    ------
    DeclarationError
        For vectors where a number belongs and the other way round, and for derivatives along an axis that is not there.

    Examples
    --------
    >>> u, D = sp.symbols("u D")
    >>> components(div(D * grad(u)), 2)
    dx(D*dx(u)) + dy(D*dy(u))
    """
    if isinstance(e, (grad, vector)):
        raise DeclarationError(f"{e} is a vector where a number belongs; use it inside div(...) or dot(..., ...)")
    if isinstance(e, div):
        return sp.Add(*(AXES[i](part) for i, part in enumerate(_vector(e.args[0], dimension))))
    if isinstance(e, dot):
        a, b = (_vector(arg, dimension) for arg in e.args)
        return sp.Add(*(p * q for p, q in zip(a, b, strict=True)))
    if isinstance(e, AXES) and AXES.index(type(e)) >= dimension:
        raise DeclarationError(f"{e} differentiates along axis {AXES.index(type(e)) + 1} of a domain of {dimension} dimensions")
    if not e.args or not e.has(Operator):
        return e
    return e.func(*(components(a, dimension) for a in e.args))


def _vector(e: sp.Expr, dimension: int) -> list[sp.Expr]:
    if isinstance(e, grad):
        inner = components(e.args[0], dimension)
        return [AXES[i](inner) for i in range(dimension)]
    if isinstance(e, vector):
        if len(e.args) != dimension:
            raise DeclarationError(f"{e} has {len(e.args)} components on a domain of {dimension} dimensions")
        return [components(a, dimension) for a in e.args]
    if e.is_Add:
        return [sp.Add(*parts) for parts in zip(*(_vector(a, dimension) for a in e.args), strict=True)]
    if e.is_Mul:
        vectors = [a for a in e.args if _is_vector(a)]
        if len(vectors) == 1:
            rest = components(sp.Mul(*(a for a in e.args if a is not vectors[0])), dimension)
            return [rest * part for part in _vector(vectors[0], dimension)]
    if e.is_zero:
        return [sp.S.Zero] * dimension
    raise DeclarationError(f"{e} is no vector; div and dot take vectors such as D*grad(u) or vector(u, v)")


def _is_vector(e: sp.Expr) -> bool:
    if isinstance(e, (grad, vector)):
        return True
    return (e.is_Add or e.is_Mul) and any(map(_is_vector, e.args))
