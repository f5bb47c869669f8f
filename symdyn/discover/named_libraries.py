"""Libraries by kind of problem: terms of populations, of mechanics and of chemistry, with constants inside that are fitted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.discover.library import library_terms
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.inference.guesses import Bounds
from symdyn.inference.kinds import unknown_slopes
from symdyn.system import System

__all__ = ["NAMED", "POSITIVE", "fits_library", "inner_names", "library_names", "named_terms", "positive_starts"]

Terms = Iterator[sp.Expr]
States = Sequence[sp.Symbol]


def _populations(states: States, own: States) -> Terms:
    """Per-capita growth and competition, Holling's responses of types II and III, ratio dependence, Allee and Ricker terms."""
    for x in own:
        b, g, h = (_inside(c, x) for c in "bgh")
        yield from (x, *(x * y for y in states), x**3, x / (1 + h * x), x**2 / (1 + g * x**2), x * sp.exp(-b * x))
        for y in states:
            if y != x:
                k, m = _inside("h", y), _inside("g", y)
                yield from (x * y / (1 + h * x), x * y / (1 + k * y), x**2 * y / (1 + g * x**2), x * y**2 / (1 + m * y**2))
                yield x * y / (x + sp.Symbol(f"r_{x}_{y}") * y)


def _mechanics(states: States, own: States) -> Terms:
    """Polynomials, sines and cosines, and resistance |v| v, of positions and velocities alike."""
    yield from library_terms(states, 3 if len(states) <= 2 else 2)
    for x in states:
        yield from (x**3, sp.sin(x), sp.cos(x), x * sp.Abs(x))


def _chemistry(states: States, own: States) -> Terms:
    """Mass action, Michaelis-Menten rates, and activation and repression after Hill with an exponent that is fitted."""
    yield from library_terms(states, 3 if len(states) == 1 else 2)
    for x in states:
        K, k, n = (_inside(c, x) for c in ("K", "k", "n"))
        yield from (x / (K + x), x**n / (k**n + x**n), k**n / (k**n + x**n))
        yield from (y * x / (K + x) for y in states if y != x)


#: Terms by the name of a library: a function of the arguments of an unknown function, and those in whose equations it stands.
NAMED: dict[str, Callable[[States, States], Terms]] = {
    "populations": _populations,
    "mechanics": _mechanics,
    "chemistry": _chemistry,
}
#: Libraries for states that are nowhere negative.
POSITIVE = frozenset({"populations", "chemistry"})
#: Least initial value there, relative to the scale of a state, and the least of its data, which may be noise about zero.
LEAST, NOISY = 1e-9, -0.5


def _inside(letter: str, state: sp.Symbol) -> sp.Symbol:
    """A constant inside terms of a state."""
    return sp.Symbol(f"{letter}_{state}")


def library_names(choice: Any) -> list[str]:
    """Names of libraries in the argument ``library`` of `recover`.

    >>> library_names({"f": "chemistry", "g": 2}), library_names("mechanics"), library_names(None)
    (['chemistry'], ['mechanics'], [])
    """
    parts = choice.values() if isinstance(choice, Mapping) else [choice]
    return [part for part in parts if isinstance(part, str)]


def named_terms(system: System, unknown: AppliedUndef, name: str) -> tuple[sp.Expr, ...]:
    """The terms of a named library for one unknown function.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
    unknown : AppliedUndef
        Its arguments that are states are the states of the terms.
    name : str
        One of `NAMED`.

    Returns
    -------
    tuple of Expr
        Of populations, each has all states in whose equations the function stands as factors, unless they are factors of the
        function: in ``x' = x*f(x, y)`` the terms are those of ``x' = f(x, y)`` divided by x.

    Raises
    ------
    RecoveryError
        If no argument is a state, or no term of populations has the factors that the equations need.

    Examples
    --------
    >>> import symdyn as sd
    >>> system = sd.ODESystem.from_text("x' = 1 - f(x)")
    >>> named_terms(system, system.unknowns[0], "chemistry")[:3], named_terms(system, system.unknowns[0], "chemistry")[3:]
    ((1, x, x**2), (x**3, x/(K_x + x), x**n_x/(k_x**n_x + x**n_x), k_x**n_x/(k_x**n_x + x**n_x)))
    """
    states = [a for a in unknown.args if a in system.states]
    if not states:
        raise RecoveryError(f"the library {name!r} has terms of states, and no argument of {unknown} is one; give its terms")
    owners = _owners(system, unknown)
    own = tuple(s for s in owners if s in states)
    terms = _free_of(system, dict.fromkeys(NAMED[name](states, own or states)))
    if name != "populations":
        return terms
    if len(owners) == 1 and own and owners[own[0]]:
        return tuple(term / own[0] for term in terms)
    needed = [s for s, factor in owners.items() if not factor]
    found = tuple(term for term in terms if _has_factors(term, needed))
    if not found:
        names = ", ".join(map(str, needed))
        raise RecoveryError(
            f"the library 'populations' gives each equation its state as a factor, and no term of {unknown} has {names}; make "
            f"them arguments, or write the factors in the equations, as in {needed[0]}*{unknown}"
        )
    return found


def _owners(system: System, unknown: AppliedUndef) -> dict[sp.Symbol, bool]:
    """States in whose equations a function stands, and whether these have the state as a factor of it."""
    owners: dict[sp.Symbol, bool] = {}
    slopes = [own for u, own in unknown_slopes(system)[1].items() if u.func == unknown.func]
    for state, *each in zip(system.states, *slopes, strict=True):
        owners |= [(state, state in sp.Mul.make_args(slope)) for slope in each if slope != 0]
    return owners


def _has_factors(term: sp.Expr, states: Collection[sp.Symbol]) -> bool:
    """Whether a term is zero wherever one of the states is."""
    return all(term.has(s) and term.xreplace({s: sp.S.Zero}) == 0 for s in states)


def fits_library(system: System, unknown: AppliedUndef, choice: Any) -> Callable[[sp.Expr], bool]:
    """Whether a term that a regressor proposes is of the kind that a library names: without its state no population grows.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
    unknown : AppliedUndef
    choice : None, int, str or sequence of Expr
        The library of this function; only 'populations' restricts terms.

    Examples
    --------
    >>> import symdyn as sd
    >>> x, y = sp.symbols("x y")
    >>> system = sd.ODESystem({x: sp.Function("f")(x, y), y: -y})
    >>> allowed = fits_library(system, system.unknowns[0], "populations")
    >>> allowed(x * y / (1 + x)), allowed(sp.S.One), allowed(y)
    (True, False, False)
    """
    if choice != "populations":
        return lambda term: True
    needed = [s for s, factor in _owners(system, unknown).items() if not factor]
    return lambda term: _has_factors(term, needed)


def _free_of(system: System, terms: Collection[sp.Expr]) -> tuple[sp.Expr, ...]:
    """Terms whose constants are not named like what the system has."""
    swap = {}
    for constant in sorted({c for term in terms for c in term.free_symbols} - {*system.states}, key=lambda c: c.name):
        name = constant.name
        while name in {s.name for s in (*system.states, *system.parameters, system.time)}:
            name += "_"
        swap[constant] = sp.Symbol(name)
    return tuple(term.xreplace(swap) for term in terms)


def inner_names(system: System, name: str) -> list[str]:
    """Names of the constants inside the terms of a library.

    >>> import symdyn as sd
    >>> inner_names(sd.ODESystem.from_text("x' = f(x) - K_x*x"), "chemistry")
    ['K_x_', 'k_x', 'n_x']
    """
    terms = _free_of(system, list(NAMED[name](system.states, system.states)))
    return sorted({s.name for term in terms for s in term.free_symbols} - {s.name for s in system.states})


def positive_starts(system: System, data: Observations, limits: Bounds) -> dict[sp.Symbol, tuple[float, float]]:
    """Limits of initial values of states that are nowhere negative: not zero, where powers x^n have no slope by n.

    Raises
    ------
    RecoveryError
        If a state is negative in the data.
    """
    found = {}
    for k, (state, scale) in enumerate(zip(system.states, map(float, data.scale), strict=True)):
        least = min((float(v) for t in data.trajectories for v in t.values[:, k] if np.isfinite(v)), default=0.0)
        if least < NOISY * scale:
            raise RecoveryError(
                f"{state} goes down to {least:.4g} in the data, and the libraries {' and '.join(sorted(POSITIVE))} are for "
                "states that are nowhere negative; give the terms, or library='mechanics'"
            )
        low, high = limits.get(state, (0.0, np.inf))
        found[state] = (max(low, LEAST * scale), max(high, LEAST * scale))
    return found
