"""Operators of fields as sympy functions, and expressions without vectors."""

from __future__ import annotations

from typing import Any, ClassVar

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn import dag
from symdyn.errors import DeclarationError

#: Order up to which derivatives can be written as ``dx(u, order)``.
HIGHEST = 8


class Operator(sp.Function):
    """Operator on fields; the name of a subclass is that under which it is printed and read."""

    nargs: Any = 1
    sign: ClassVar[str] = ""

    @classmethod
    def eval(cls, *args: sp.Expr) -> sp.Expr | None:
        """Simplify an application: derivatives of numbers are zero; everything else is left as it is.

        Parameters
        ----------
        *args : Expr
            The operands.

        Returns
        -------
        Expr or None
            None if the application is not simplified.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.dx(3), sd.div(0)
        (0, div(0))
        """
        return sp.S.Zero if args[0].is_number and cls.sign.startswith(r"\partial") else None

    def _latex(self, printer: Any, exp: Any = None) -> str:
        inner = printer._print(self.args[0])
        if not (self.args[0].is_Symbol or isinstance(self.args[0], (AppliedUndef, Operator))):
            inner = rf"\left({inner}\right)"
        text = f"{self.sign} {inner}"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


class AxisDerivative(Operator):
    """Derivative along an axis; of higher order it is the derivative of derivatives."""

    nargs: Any = (1, 2)

    def __new__(cls, *args: Any, order: Any = None, **options: Any) -> Any:
        if strange := sorted(options.keys() - {"evaluate"}):
            raise DeclarationError(
                f"{cls.__name__} got {strange[0]}={options[strange[0]]!r}; expected {cls.__name__}(u, order=2)"
            )
        if order is not None and len(args) > 1:
            raise DeclarationError(f"{cls.__name__} got the order {args[1]}, and order={order!r}; give one of them")
        return super().__new__(cls, *args, *([] if order is None else [order]), **options)

    @classmethod
    def eval(cls, *args: sp.Expr) -> sp.Expr | None:
        """A derivative of higher order as derivatives of first order; of numbers it is zero.

        Parameters
        ----------
        *args : Expr
            The operand, and the order if it is not 1.

        Returns
        -------
        Expr or None
            None if the application is not simplified.

        Raises
        ------
        DeclarationError
            For an order that is no whole number from 1 to 8.

        Examples
        --------
        >>> dx(sp.Symbol("u"), 2)
        dx(dx(u))
        """
        if len(args) == 1:
            return super().eval(*args)
        u, order = args
        if not isinstance(order, sp.Integer) or not 1 <= order <= HIGHEST:
            raise DeclarationError(
                f"{cls.__name__}({u}, {order}): the second argument is the order of the derivative, 1 to {HIGHEST}"
            )
        for _ in range(int(order)):
            u = cls(u)
        return u


class dx(AxisDerivative):
    r"""Derivative along the first axis, :math:`\partial_x u`.

    Parameters
    ----------
    u : Expr
        A scalar expression of fields.
    order : int, optional
        ``dx(u, 2)``, or ``dx(u, order=2)``, is ``dx(dx(u))``.

    Raises
    ------
    DeclarationError
        If the order is no whole number from 1 to 8, is given twice, or another keyword is given.

    Examples
    --------
    >>> u = sp.Symbol("u")
    >>> dx(u**2), dx(3), dx(u, order=2)
    (dx(u**2), 0, dx(dx(u)))
    """

    sign = r"\partial_x"


class dy(AxisDerivative):
    r"""Derivative along the second axis, :math:`\partial_y u`.

    Parameters
    ----------
    u : Expr
        A scalar expression of fields.
    order : int, optional
        ``dy(u, 2)`` is ``dy(dy(u))``.

    Raises
    ------
    DeclarationError
        If the order is no whole number from 1 to 8, is given twice, or another keyword is given.

    Examples
    --------
    >>> u = sp.Symbol("u")
    >>> dy(u**2), dy(3)
    (dy(u**2), 0)
    """

    sign = r"\partial_y"


class dz(AxisDerivative):
    r"""Derivative along the third axis, :math:`\partial_z u`.

    Parameters
    ----------
    u : Expr
        A scalar expression of fields.
    order : int, optional
        ``dz(u, 2)`` is ``dz(dz(u))``.

    Raises
    ------
    DeclarationError
        If the order is no whole number from 1 to 8, is given twice, or another keyword is given.

    Examples
    --------
    >>> u = sp.Symbol("u")
    >>> dz(u**2), dz(3)
    (dz(u**2), 0)
    """

    sign = r"\partial_z"


class laplacian(Operator):
    r"""Sum of the second derivatives along all axes, :math:`\Delta u = \nabla \cdot \nabla u`.

    Parameters
    ----------
    u : Expr
        A scalar expression of fields.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.PDESystem({"u": laplacian(sp.Symbol("u"))}, domain=sd.Rectangle(2, 1)))
    u' = laplacian(u)
    """

    sign = r"\Delta"


class grad(Operator):
    r"""Gradient, :math:`\nabla u`: a vector, an operand of `div` or `dot`, possibly times a number or a scalar field.

    Parameters
    ----------
    u : Expr
        A scalar expression of fields.

    Examples
    --------
    >>> u, v = sp.symbols("u v")
    >>> components(dot(grad(u), grad(v)), 2)  # in two dimensions
    dx(u)*dx(v) + dy(u)*dy(v)
    """

    sign = r"\nabla"


class div(Operator):
    r"""Divergence, :math:`\nabla \cdot a`, of a vector such as ``D*grad(u) - chi*u*grad(v)`` or ``vector(u, v)``.

    Parameters
    ----------
    a : Expr
        A vector.

    Examples
    --------
    >>> u, D = sp.symbols("u D")
    >>> components(div(D * grad(u)), 2)  # in two dimensions
    dx(D*dx(u)) + dy(D*dy(u))
    """

    sign = r"\nabla\cdot"


class mean(Operator):
    r"""Mean over the domain, :math:`|\Omega|^{-1} \int_\Omega u`: a number at each time.

    Parameters
    ----------
    u : Expr
        A scalar expression of fields.

    Examples
    --------
    >>> import symdyn as sd
    >>> pde = sd.PDESystem.from_text("u' = -u", domain=(0, 2), observables={"m": mean(sp.Symbol("u"))})
    >>> data = sd.simulate(pde, [0.0, 1.0], initial={"u": "x"}, grid=10, progress=False)
    >>> float(data.m.isel(time=0).round(12))  # of x on (0, 2)
    1.0
    """

    def _latex(self, printer: Any, exp: Any = None) -> str:
        text = rf"\left\langle {printer._print(self.args[0])} \right\rangle"
        return text if exp is None else f"{text}^{{{exp}}}"


class integral(Operator):
    r"""Integral over the domain, :math:`\int_\Omega u`: a number at each time, in the units of u times length, area or volume.

    Parameters
    ----------
    u : Expr
        A scalar expression of fields.

    Examples
    --------
    >>> import symdyn as sd
    >>> pde = sd.PDESystem.from_text("u' = -u", domain=(0, 2), observables={"total": integral(sp.Symbol("u"))})
    >>> data = sd.simulate(pde, [0.0, 1.0], initial={"u": "x"}, grid=10, progress=False)
    >>> float(data.total.isel(time=0).round(12))  # of x on (0, 2)
    2.0
    """

    sign = r"\int"


class at(Operator):
    r"""Value of a field at a point, :math:`u(x_0)`: a number at each time, interpolated to the order of the grid.

    Only values in cells are taken: at a wall they are continued to it, whatever the condition there.

    Parameters
    ----------
    u : Expr
        A scalar expression of fields.
    *point : number
        Where, a number for each axis of the domain.

    Examples
    --------
    >>> import symdyn as sd
    >>> pde = sd.PDESystem.from_text("u' = -u", domain=(0, 2), observables={"probe": at(sp.Symbol("u"), 0.3)})
    >>> data = sd.simulate(pde, [0.0, 1.0], initial={"u": "x**2"}, grid=10, progress=False)
    >>> float(data.probe.isel(time=0).round(12))
    0.09
    """

    nargs: Any = (2, 3, 4)

    def _latex(self, printer: Any, exp: Any = None) -> str:
        inner, *point = map(printer._print, self.args)
        text = rf"\left. {inner} \right|_{{{', '.join(point)}}}"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


class vector(Operator):
    """A vector given by its components, one for each axis of the domain.

    Parameters
    ----------
    *components : Expr
        Scalar expressions, one to three.

    Examples
    --------
    >>> u, v = sp.symbols("u v")
    >>> components(div(vector(u, v)), 2)
    dx(u) + dy(v)
    """

    nargs: Any = (1, 2, 3)

    def _latex(self, printer: Any, exp: Any = None) -> str:
        return rf"\left({', '.join(map(printer._print, self.args))}\right)"


class dot(Operator):
    """Scalar product of two vectors, such as ``dot(grad(u), grad(v))``.

    Parameters
    ----------
    a, b : Expr
        Vectors.

    Examples
    --------
    >>> u, v = sp.symbols("u v")
    >>> components(dot(vector(1, 2), vector(u, v)), 2)
    u + 2*v
    """

    nargs: Any = 2

    def _latex(self, printer: Any, exp: Any = None) -> str:
        text = rf"{printer._print(self.args[0])} \cdot {printer._print(self.args[1])}"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


#: Operators by name, and the derivative along each axis.
OPERATORS: dict[str, type[Operator]] = {
    c.__name__: c for c in (dx, dy, dz, laplacian, grad, div, mean, integral, at, vector, dot)
}
AXES: tuple[type[Operator], ...] = (dx, dy, dz)
#: Operators that make a number of a field.
NUMBERS = (mean, integral, at)


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
    """The same expression without vectors: of operators only derivatives, `laplacian` and those in `NUMBERS` are left.

    Raises
    ------
    DeclarationError
        For vectors in place of scalars and scalars in place of vectors, and for derivatives along an axis that does not exist.

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
