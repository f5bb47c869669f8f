"""Models of textbooks among the choices of terms from the library of populations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

import numpy as np
import sympy as sp

from symdyn.inference.kinds import kind_of, unknown_slopes
from symdyn.inference.parameters import LibraryTerm
from symdyn.system import System

__all__ = ["textbook_models"]

#: Stands for the constant inside a term.
C = sp.Dummy("c")
#: Terms of the right-hand side of each state, with the signs of their coefficients: 1 and -1, or 2 for either.
Sides = Mapping[sp.Symbol, Mapping[sp.Expr, int]]


def _flows(states: Sequence[sp.Symbol]) -> Iterator[tuple[str, Sides]]:
    """In continuous time."""
    if len(states) == 1:
        (x,) = states
        yield "exponential growth", {x: {x: 2}}
        yield "logistic growth", {x: {x: 1, x**2: -1}}
        yield "growth with an Allee effect", {x: {x: -1, x**2: 1, x**3: -1}}
        return
    yield "general Lotka-Volterra", {x: {x * y: -1 if y == x else 2 for y in states} | {x: 2} for x in states}
    if len(states) > 2:
        return
    for x, y in permutations(states):
        predator = {y: -1, x * y: 1}
        yield "Lotka-Volterra", {x: {x: 1, x * y: -1}, y: predator}
        yield "Lotka-Volterra with limited prey", {x: {x: 1, x**2: -1, x * y: -1}, y: predator}
        response = x * y / (1 + C * x)
        yield "Rosenzweig-MacArthur", {x: {x: 1, x**2: -1, response: -1}, y: {y: -1, response: 1}}
        yield "susceptible and infected", {x: {x * y: -1}, y: predator}
        yield "logistic growth of each", {x: {x: 1, x**2: -1}, y: {y: 1, y**2: -1}}


def _maps(states: Sequence[sp.Symbol]) -> Iterator[tuple[str, Sides]]:
    """In discrete time."""
    if len(states) == 1:
        (x,) = states
        yield "geometric growth", {x: {x: 1}}
        yield "logistic map", {x: {x: 1, x**2: -1}}
        yield "Ricker", {x: {x * sp.exp(-C * x): 1}}
        yield "Beverton-Holt", {x: {x / (1 + C * x): 1}}


def textbook_models(system: System, terms: Sequence[LibraryTerm]) -> dict[str, list[np.ndarray]]:
    """Signs (K,) of the coefficients of terms by the name of the model that these make.

    1 and -1, 2 for either, and 0 for a term that the model lacks.  None unless nothing is known of the right-hand sides.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
        Each right-hand side an unknown function, or one times its state.
    terms : sequence of LibraryTerm
        Of the library 'populations' and others.

    Notes
    -----
    Of one population: exponential and logistic growth, and the Allee effect; in discrete time geometric growth, the logistic
    map, Ricker's and that of Beverton and Holt.  Of two: Lotka and Volterra's predator and prey, also with limited prey, and
    competition; Rosenzweig and MacArthur's; susceptible and infected; logistic growth of each.  Of more: the general Lotka and
    Volterra.

    References
    ----------
    Murray, Mathematical Biology I (2002), ch. 1 to 3 and 10; Kot, Elements of Mathematical Ecology (2001).

    Examples
    --------
    >>> import symdyn as sd
    >>> x, f = sp.Symbol("x"), sp.Function("f")(sp.Symbol("x"))
    >>> found = textbook_models(sd.ODESystem({x: f}), [LibraryTerm(f, shape) for shape in (x, x**2)])
    >>> {name: [signs.tolist() for signs in each] for name, each in found.items()}
    {'exponential growth': [[2, 0]], 'logistic growth': [[1, -1]]}
    """
    known, slopes = unknown_slopes(system)
    owners = {}
    for unknown, own in slopes.items():
        places = [(s, slope) for s, slope in zip(system.states, own, strict=True) if slope != 0]
        if len(places) == 1 and places[0][1] in (sp.S.One, places[0][0]):
            owners[unknown] = places[0]
    if any(known) or len(owners) != len(slopes) or len({s for s, _ in owners.values()}) != len(system.states):
        return {}
    at: dict[tuple[sp.Symbol, sp.Expr], int] = {}
    for k, term in enumerate(terms):
        state, factor = owners[term.unknown]
        inner = dict.fromkeys(term.constants, C)
        at.setdefault((state, sp.expand(factor * term.shape.xreplace(inner), deep=False)), k)
    found: dict[str, list[np.ndarray]] = {}
    for name, sides in (_maps if kind_of(system).stepwise else _flows)(system.states):
        signed = {at.get((s, e)): sign for s, each in sides.items() for e, sign in each.items()}
        if None not in signed:
            signs = np.array([signed.get(k, 0) for k in range(len(terms))], dtype=np.int64)
            if not any((signs == other).all() for other in found.get(name, ())):
                found.setdefault(name, []).append(signs)
    return found
