r"""What is known of unknown functions before the data: quantities that are conserved, signs, and which states they depend on.

Where the unknown functions :math:`u` enter :math:`\dot x = a(x) + M(x) u` and quantities :math:`H` have the gradients
:math:`G`, these are conserved if :math:`G a = 0` and :math:`G M u = 0`, which holds for every sum of terms

.. math:: u = \sum_k c_k\, s_k(x)\, \phi_k(x), \qquad G M s_k = 0.

The :math:`s` are the solutions of smallest support: of a total x + y of two states an exchange, (1, -1).  Models that violate
a sign along the data are not chosen, and a term with a state that the interaction graph forbids is not looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.declaration import derivative, expression
from symdyn.discover.terms import known_names, one_of_each
from symdyn.errors import RecoveryError
from symdyn.inference.criterion import BROKEN
from symdyn.inference.kinds import kind_of, right_sides
from symdyn.inference.parameters import FreeColumns
from symdyn.parsing import parse_expression
from symdyn.system import System

__all__ = ["absent_states", "read_conserved", "read_graph", "read_signs", "shared_terms", "sign_price"]

Shares = Mapping[AppliedUndef, sp.Expr]


def read_conserved(system: System, conserved: Sequence[Any] | None) -> tuple[sp.Expr, ...]:
    """Conserved quantities as expressions of the states; text is read as in the text of a system.

    Raises
    ------
    RecoveryError
        If one of them is no expression of states.

    Examples
    --------
    >>> import symdyn as sd
    >>> read_conserved(sd.ODESystem.from_text("x' = f(x, y); y' = g(x, y)"), ["x + 2*y"])
    (x + 2*y,)
    """
    found = []
    for given in conserved or ():
        quantity = parse_expression(given) if isinstance(given, str) else expression(given)
        known_names("conserved", sorted(s.name for s in quantity.free_symbols - {*system.states}), system.names)
        if quantity.has(AppliedUndef) or not quantity.free_symbols:
            raise RecoveryError(f"conserved has {quantity}; expected an expression of states, such as 'x + y'")
        found.append(quantity)
    return tuple(found)


def shared_terms(
    system: System, quantities: Sequence[sp.Expr], allowed: Mapping[AppliedUndef, Sequence[sp.Expr]]
) -> Iterator[tuple[Shares, sp.Expr]]:
    """Terms that keep all quantities: the factors with which the unknown functions hold each of them, and its shape.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
    quantities : sequence of Expr
        Of maps, linear ones.
    allowed : mapping of AppliedUndef to sequence of Expr
        The library of each unknown function; a term has to be in those of all that share it.

    Raises
    ------
    RecoveryError
        If the known part of the equations changes a quantity, unknown functions do not stand as sums and factors in the
        equations, or there are no such terms.

    Examples
    --------
    >>> import symdyn as sd
    >>> x, y, f, g = *sp.symbols("x y"), *sp.symbols("f g", cls=sp.Function)
    >>> open_ = sd.ODESystem({x: -2 * y + f(x, y), y: 2 * y + g(x, y)})
    >>> list(shared_terms(open_, [x + y], {f(x, y): [x, y], g(x, y): [y, x * y]}))
    [({f(x, y): 1, g(x, y): -1}, y)]
    """
    unknowns = one_of_each(system.unknowns)
    matrix = _effects(system, quantities, unknowns)
    supports = list(_supports(matrix))
    idle = [u for k, u in enumerate(unknowns) if not any(vector[k] for vector in supports)]
    if idle:
        raise RecoveryError(
            f"conserved {_listed(quantities)} leaves nothing to {idle[0]}, which is 0; leave it out of the equations, or the "
            "quantity out of conserved"
        )
    held: set[AppliedUndef] = set()
    for vector in supports:
        shares = {u: s for u, s in zip(unknowns, vector, strict=True) if s != 0}
        if any(s.free_symbols - {*u.args} for u, s in shares.items()):
            continue
        first, *others = shares
        for shape in allowed[first]:
            if all(shape in allowed[u] for u in others):
                held |= {*shares}
                yield shares, shape
    missing = [u for u in unknowns if u not in held]
    if missing:
        raise RecoveryError(
            f"no term of the library can be in {missing[0]} and in others such that {_listed(quantities)} is conserved; give "
            "them the same arguments and terms"
        )


def _effects(system: System, quantities: Sequence[sp.Expr], unknowns: Sequence[AppliedUndef]) -> sp.Matrix:
    """How unknown functions change quantities, (quantities, functions), after the known part is known not to."""
    stepwise = kind_of(system).stepwise
    gradient = sp.Matrix([[derivative(q, s) for s in system.states] for q in quantities])
    if stepwise and gradient.free_symbols:
        raise RecoveryError(f"conserved {_listed(quantities)} has to be linear for a map; name sums of states")
    stand_in = {u: sp.Dummy() for u in unknowns}
    sides = sp.Matrix([e.xreplace(stand_in) for e in right_sides(system)])
    if sides.has(AppliedUndef):
        raise RecoveryError("conserved needs unknown functions that have the same arguments wherever they stand")
    changes = gradient * (sides - sp.Matrix(system.states) if stepwise else sides)
    matrix = changes.jacobian(list(stand_in.values())).applyfunc(sp.simplify)
    if matrix.free_symbols & {*stand_in.values()}:
        raise RecoveryError("conserved needs unknown functions that are added or multiplied, not arguments of others")
    known = changes.xreplace(dict.fromkeys(stand_in.values(), sp.S.Zero)).applyfunc(sp.simplify)
    for quantity, change in zip(quantities, known, strict=True):
        if change != 0:
            raise RecoveryError(
                f"the known part of the equations changes {quantity}, which is to be conserved, by {change}; write what one "
                "state loses as the gain of another, or leave it to the unknown functions"
            )
    return matrix


def _supports(matrix: sp.Matrix) -> Iterator[list[sp.Expr]]:
    """Solutions of ``matrix @ s = 0`` whose support holds that of no other, in whole numbers or polynomials."""
    count = matrix.cols
    seen: list[set[int]] = []
    for size in range(1, min(count, matrix.rank() + 1) + 1):
        for columns in combinations(range(count), size):
            if any(smaller <= {*columns} for smaller in seen):
                continue
            null = matrix[:, list(columns)].nullspace()
            if not null:
                continue
            seen.append({*columns})
            parts = [sp.fraction(sp.together(e)) for e in null[0]]
            common = sp.lcm([below for _, below in parts])
            raised = [sp.cancel(above * common / below) for above, below in parts]
            divisor = sp.gcd(raised)
            divisor = -divisor if raised[0].could_extract_minus_sign() else divisor
            vector = [sp.S.Zero] * count
            for column, value in zip(columns, raised, strict=True):
                vector[column] = sp.cancel(value / divisor)
            yield vector


def _listed(quantities: Sequence[sp.Expr]) -> str:
    return ", ".join(map(str, quantities))


#: How far a term may be on the wrong side of its sign, relative to its largest value.
TOLERANCE = 0.02


def read_signs(unknowns: Sequence[AppliedUndef], signs: Mapping[Any, int] | None) -> dict[str, int]:
    """Signs by the name of the function.

    Raises
    ------
    RecoveryError
        If a function is not unknown, or a sign is neither +1 nor -1.
    """
    known, found = [u.func.__name__ for u in unknowns], {}
    for key, sign in (signs or {}).items():
        (name,) = known_names("signs", [key], known)
        if sign not in (1, -1):
            raise RecoveryError(f"the sign of {name} is {sign!r}; expected +1 or -1")
        found[name] = sign
    return found


def sign_price(
    system: System, columns: FreeColumns, signs: Mapping[str, int], times: np.ndarray, values: np.ndarray
) -> Callable[[np.ndarray, np.ndarray], float]:
    """What a model (chosen terms, scaled columns) pays for unknown functions of the wrong sign anywhere on the data.

    Parameters
    ----------
    system : System
    columns : FreeColumns
    signs : mapping of str to int
        By the name of the function; of those that are not in it either sign is right.
    times : (N,) float64
    values : (N, n) float64
        States at these times.
    """
    if not signs:
        return lambda chosen, theta: 0.0
    known = tuple(p for p in system.parameters if p not in columns.columns)
    blocks = [("t", (system.time,)), ("y", system.states), ("p", columns.columns), ("k", known)]
    held = [(k, u.func.__name__, part) for k, term in enumerate(columns.terms) for u, part in term.parts.items()]
    held = [part for part in held if part[1] in signs]
    program = lower("terms", blocks, [part for *_, part in held], [""] * len(held))
    fixed = [np.asarray(system.defaults[p]) for p in known]

    def price(chosen: np.ndarray, theta: np.ndarray) -> float:
        natural = theta * columns.sizes
        along = evaluate(program, [times], list(values.T), list(natural), fixed)
        total = 0.0
        for name, sign in signs.items():
            summed = np.zeros(times.shape)
            for (k, owner, _), values_along in zip(held, along, strict=True):
                if owner == name and chosen[k]:
                    summed = summed + natural[k] * values_along
            total += BROKEN * float(np.nanmax(-sign * summed) > TOLERANCE * np.nanmax(np.abs(summed)))
        return total

    return price


def read_graph(system: System, graph: Mapping[Any, Collection[Any]] | None) -> dict[str, frozenset[str]]:
    """Names of the states that may enter the unknown functions in the equation of a state, itself among them.

    Raises
    ------
    RecoveryError
        If a key or one of its neighbours is no state, or the neighbours are no collection.

    Examples
    --------
    >>> import symdyn as sd
    >>> system = sd.ODESystem.from_text("x' = f(x, y); y' = g(x, y)")
    >>> read_graph(system, {"x": []})
    {'x': frozenset({'x'})}
    """
    found = {}
    for key, neighbours in (graph or {}).items():
        if isinstance(neighbours, (str, Mapping)) or not isinstance(neighbours, Collection):
            raise RecoveryError(f"graph has {neighbours!r} for {key}; expected a sequence of states or their names, as ['y']")
        own, *others = known_names("graph", (key, *neighbours), system.names)
        found[own] = frozenset({own, *others})
    return found


def absent_states(system: System, unknown: AppliedUndef, graph: Mapping[str, frozenset[str]]) -> frozenset[sp.Symbol]:
    """States that may not enter an unknown function, as an equation in which it stands forbids them.

    Examples
    --------
    >>> import symdyn as sd
    >>> system = sd.ODESystem.from_text("x' = f(x, y); y' = g(x, y)")
    >>> absent_states(system, system.unknowns[0], {"x": frozenset({"x"})})
    frozenset({y})
    """
    own = {v for v in system.unknowns if v.func == unknown.func}
    sides = zip(system.names, right_sides(system), strict=True)
    owners = [name for name, side in sides if name in graph and side.has(*own)]
    return frozenset(s for s in system.states if any(s.name not in graph[name] for name in owners))
