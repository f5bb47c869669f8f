"""Conditions at the walls of a box: arguments of users read into one condition for each field, axis and side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.given_values import name_of
from symdyn.models.operators import Operator, read_operators
from symdyn.models.reaction import rate_text
from symdyn.parsing import parse_expression
from symdyn.registry import Registry, suggest

__all__ = ["CONDITIONS", "NO_FLUX", "SIDES", "Condition", "Conditions", "Dirichlet", "Neumann", "Robin", "read_conditions"]

#: Names of the two sides along each axis.
SIDES = (("left", "right"), ("bottom", "top"), ("front", "back"))


@dataclass(frozen=True)
class Condition:
    r"""A linear condition at a wall, :math:`\sum_k a_k\, \partial_n^k u = \gamma`, with the outward normal n.

    Attributes
    ----------
    coefficients : tuple of Expr
        :math:`a_0, a_1, \ldots` of parameters, up to the highest derivative.
    value : Expr
        :math:`\gamma`, of parameters, time, position along the wall and scalars of the system.

    Raises
    ------
    DeclarationError
        If all coefficients vanish, or one is no expression.

    Examples
    --------
    >>> outflow = Condition((0, 0, 1), 0)  # the second derivative along the normal vanishes
    >>> print(outflow)
    Condition((0, 0, 1), 0)
    """

    coefficients: tuple[sp.Expr, ...]
    value: sp.Expr

    def __post_init__(self) -> None:
        given = [_read(a) for a in self.coefficients]
        while given and given[-1] == 0:
            given.pop()
        if not given:
            raise DeclarationError(f"the coefficients of a condition are {self.coefficients!r}; one of them must not vanish")
        object.__setattr__(self, "coefficients", tuple(given))
        object.__setattr__(self, "value", _read(self.value))

    @property
    def reflecting(self) -> bool:
        """Whether the condition is that the normal derivative vanishes."""
        return self.coefficients[0] == 0 and len(self.coefficients) == 2 and self.value == 0

    def map(self, function: Any) -> Condition:
        """The condition with a function applied to its coefficients and its value.

        Parameters
        ----------
        function : callable
            From Expr to Expr.

        Returns
        -------
        Condition

        Raises
        ------
        DeclarationError
            If all coefficients vanish after the function.

        Examples
        --------
        >>> a, b = sp.symbols("a b")
        >>> print(Robin(a, 1, b).map(lambda e: e.subs({a: 2, b: 3})))
        Robin(2, 1, 3)
        """
        return Condition(tuple(map(function, self.coefficients)), function(self.value))

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        a = self.coefficients
        if len(a) == 1:
            return f"Dirichlet({rate_text(self.value / a[0])})"
        if self.reflecting:
            return "no-flux"
        if len(a) == 2:
            return (
                f"Neumann({rate_text(self.value / a[1])})"
                if a[0] == 0
                else f"Robin({', '.join(map(rate_text, (*a, self.value)))})"
            )
        return f"Condition(({', '.join(map(rate_text, a))}), {rate_text(self.value)})"


def _read(value: Any) -> sp.Expr:
    return read_operators(parse_expression(value) if isinstance(value, str) else expression(value))


def Dirichlet(value: Any = 0) -> Condition:
    r"""The field has a given value at the wall, :math:`u = \gamma`.

    Parameters
    ----------
    value : number, Expr or str
        :math:`\gamma`, of parameters, time, position along the wall and scalars of the system, in the units of the field.

    Returns
    -------
    Condition

    Raises
    ------
    DeclarationError, ParseError
        For values that are not scalar expressions, and texts that cannot be read.

    Examples
    --------
    >>> print(Dirichlet(2))
    Dirichlet(2)
    """
    return Condition((sp.S.One,), value)


def Neumann(value: Any = 0) -> Condition:
    r"""The derivative of the field along the outward normal has a given value, :math:`\partial_n u = \gamma`.

    Parameters
    ----------
    value : number, Expr or str
        :math:`\gamma`, of parameters, time, position along the wall and scalars of the system, in units of the field by length;
        0, no flux, by default.

    Returns
    -------
    Condition

    Raises
    ------
    DeclarationError, ParseError
        For values that are not scalar expressions, and texts that cannot be read.

    Examples
    --------
    >>> print(Neumann(), Neumann("a*sin(t)"))
    no-flux Neumann(a*sin(t))
    """
    return Condition((sp.S.Zero, sp.S.One), value)


def Robin(a: Any, b: Any, value: Any = 0) -> Condition:
    r"""A combination of the field and its outward normal derivative has a given value, :math:`a u + b\,\partial_n u = \gamma`.

    Parameters
    ----------
    a, b : number, Expr or str
        Of parameters alone; not both zero.
    value : number, Expr or str
        :math:`\gamma`, of parameters, time, position along the wall and scalars of the system.

    Returns
    -------
    Condition

    Raises
    ------
    DeclarationError
        If a and b are both zero, or an argument is not a scalar expression.
    ParseError
        For texts that cannot be read.

    Examples
    --------
    >>> print(Robin("h", "D", "h*c"))
    Robin(h, D, c*h)
    """
    if _read(a) == 0 and _read(b) == 0:
        raise DeclarationError("Robin(a, b, value) has a = b = 0, which does not constrain the field; give one of them a value")
    return Condition((a, b), value)


NO_FLUX = Neumann(0)
#: Conditions that are given by name, as in ``boundary="no-flux"``.
CONDITIONS: Registry[Condition] = Registry("boundary condition")
CONDITIONS.register("no-flux", NO_FLUX)

#: Of a field: for each axis the conditions on both sides, or "periodic".
Conditions = tuple[Any, ...]


def read_conditions(
    boundary: Any, fields: Sequence[sp.Symbol], space: Sequence[sp.Symbol]
) -> tuple[dict[sp.Expr, Conditions], frozenset[int]]:
    """The conditions of every field and of operands that were named, and the axes that are periodic.

    Raises
    ------
    DeclarationError
        For values that are not conditions, keys that name no field, axis or side, and axes that are periodic for some fields
        only.
    """
    dimension = len(space)
    found: dict[sp.Expr, list[Any]] = {f: [None] * (2 * dimension) for f in fields}
    general: list[Any] = [None] * (2 * dimension)
    places = _places(space)
    if isinstance(boundary, Mapping) and not all(name_of(k) in places for k in boundary):
        for key, spec in boundary.items():
            target = _target(key, fields, places)
            if target is None:
                _fill(general, {key: spec}, places, "the boundary")
            else:
                _fill(found.setdefault(target, [None] * (2 * dimension)), spec, places, f"the boundary of {target}")
    else:
        _fill(general, boundary, places, "the boundary")
    periodic = {i // 2 for row in (general, *found.values()) for i, c in enumerate(row) if c == "periodic"}
    for target, row in found.items():
        for i, condition in enumerate(row):
            if condition is None:
                row[i] = general[i] if general[i] is not None else ("periodic" if i // 2 in periodic else NO_FLUX)
            if (row[i] == "periodic") != (i // 2 in periodic):
                raise DeclarationError(
                    f"{space[i // 2]} is periodic for some fields or on one side only, but {target} has {row[i]} at its "
                    f"{SIDES[i // 2][i % 2]} side; an axis is periodic for all or for none"
                )
    rows = {
        f: tuple("periodic" if a in periodic else (row[2 * a], row[2 * a + 1]) for a in range(dimension))
        for f, row in found.items()
    }
    return rows, frozenset(periodic)


def _places(space: Sequence[sp.Symbol]) -> dict[str, tuple[int, ...]]:
    """Which sides a name means."""
    places: dict[str, tuple[int, ...]] = {}
    for axis, symbol in enumerate(space):
        places[symbol.name] = (2 * axis, 2 * axis + 1)
        for side in range(2):
            places[SIDES[axis][side]] = (2 * axis + side,)
    return places


def _target(key: Any, fields: Sequence[sp.Symbol], places: Mapping[str, Any]) -> sp.Expr | None:
    """The field or operand that a key means, None if it is an axis or a side."""
    by_name = {f.name: f for f in fields}
    if isinstance(key, (str, sp.Symbol)) or not isinstance(key, sp.Expr):
        name = name_of(key)
        if name in by_name:
            return by_name[name]
        if name in places:
            return None
        if not isinstance(key, str) or str(name).isidentifier():
            known = [*by_name, *places]
            raise DeclarationError(
                f"{key!r} in the boundary is no field, axis or side; known: {', '.join(known)}.{suggest(str(key), known)}"
            )
        key = parse_expression(key)
    operand = read_operators(key)
    return operand.xreplace({s: by_name[s.name] for s in operand.free_symbols if s.name in by_name})


def _fill(row: list[Any], spec: Any, places: Mapping[str, tuple[int, ...]], what: str) -> None:
    if isinstance(spec, Mapping):
        for key, part in sorted(spec.items(), key=lambda item: len(places.get(name_of(item[0]), ())), reverse=True):
            if name_of(key) not in places:
                raise DeclarationError(
                    f"{what} has the key {key!r}; expected an axis or a side: {', '.join(places)}.{suggest(str(key), places)}"
                )
            sides = places[name_of(key)]
            parts = part if isinstance(part, (tuple, list)) else (part,) * len(sides)
            if len(parts) != len(sides):
                raise DeclarationError(f"{what} has {len(parts)} conditions at {key}, which has {len(sides)} sides")
            for side, condition in zip(sides, parts, strict=True):
                row[side] = _condition(condition, f"{what} at {key}")
        return
    row[:] = [_condition(spec, what)] * len(row)


def _condition(value: Any, what: str) -> Any:
    if isinstance(value, Condition) or value == "periodic":
        return value
    if isinstance(value, str) and value in CONDITIONS:
        return CONDITIONS[value]
    named = ", ".join(f'"{name}"' for name in ("periodic", *CONDITIONS))
    raise DeclarationError(
        f"{what} is {value!r}; expected {named}, Dirichlet(value), Neumann(value) or Robin(a, b, value), or for sides that "
        'differ a mapping such as {"left": ..., "right": ...}'
    )


def has_operators(condition: Condition) -> bool:
    """Whether an expression of a condition differentiates or integrates."""
    return any(e.has(Operator) for e in (*condition.coefficients, condition.value))
