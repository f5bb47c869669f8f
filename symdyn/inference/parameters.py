"""What is fitted: coefficients of library terms, constants inside them, and parameters of the declared system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.derive.sensitivities import fresh_symbol
from symdyn.errors import RecoveryError
from symdyn.given_values import keyed, name_of
from symdyn.inference.constants import constant_limits
from symdyn.inference.guesses import GUESSES, Bounds, between, free_parameters, read_bounds
from symdyn.system import System

__all__ = ["FreeColumns", "LibraryTerm", "constant_symbols", "free_columns", "open_constants"]


@dataclass(frozen=True)
class LibraryTerm:
    """A candidate term of one unknown function.

    Attributes
    ----------
    unknown : AppliedUndef
        The function it may be part of.
    shape : Expr
        The term without its coefficient, in the arguments of `unknown` and `constants`.
    constants : mapping of Symbol to tuple of float
        Constants inside the term, with values from which to fit them.
    shares : mapping of AppliedUndef to Expr
        Unknown functions that hold the term at once, `unknown` among them, each with a factor; that one alone unless given.
    """

    unknown: AppliedUndef
    shape: sp.Expr
    constants: Mapping[sp.Symbol, tuple[float, ...]] = field(default_factory=dict)
    shares: Mapping[AppliedUndef, sp.Expr] = field(default_factory=dict)

    @property
    def parts(self) -> dict[AppliedUndef, sp.Expr]:
        """What each unknown function holds of the term."""
        return {u: share * self.shape for u, share in (self.shares or {self.unknown: sp.S.One}).items()}


@dataclass(frozen=True)
class FreeColumns:
    """The free parameters of all candidates.

    Attributes
    ----------
    terms : tuple of LibraryTerm
    columns : tuple of Symbol
        Coefficients in the order of `terms`, constants inside terms, then parameters of the declared system.
    starts : mapping of Symbol to tuple of float
        Values from which constants and parameters are fitted.
    given : mapping of Symbol to pair of float
        Bounds that the user gave, also of initial values.
    sizes : (P,) float64
        Typical sizes of the columns.
    inner : (K, P) bool
        The columns of each term: its coefficient and constants.
    always : (P,) bool
        The columns that every candidate has.
    guesses : (G, P) float64
        Values, scaled by `sizes`, from which constants and parameters are fitted; coefficients are zero.
    low, high : (P,) float64
        Bounds, scaled.  A constant inside a term keeps the sign of its first value unless bounds were given.
    """

    terms: tuple[LibraryTerm, ...]
    columns: tuple[sp.Symbol, ...]
    starts: Mapping[sp.Symbol, tuple[float, ...]]
    given: Bounds
    sizes: np.ndarray
    inner: np.ndarray
    always: np.ndarray
    guesses: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def free(self) -> tuple[sp.Symbol, ...]:
        """Parameters of the declared system that are fitted."""
        return tuple(c for c, on in zip(self.columns, self.always, strict=True) if on)

    @property
    def movable(self) -> np.ndarray:
        """Columns (P,) that are not held by equal bounds."""
        return np.asarray(self.low < self.high)

    def active(self, chosen: np.ndarray) -> np.ndarray:
        """Free columns (..., P) of candidates with the terms `chosen` (..., K)."""
        return (chosen @ self.inner) | self.always

    def scaled(self, sizes: np.ndarray) -> Self:
        """The same columns, of which none is scaled yet, with other typical sizes (P,)."""
        return replace(self, sizes=sizes, guesses=self.guesses / sizes, low=self.low / sizes, high=self.high / sizes)

    def expressions(
        self, chosen: np.ndarray | None = None, values: Mapping[sp.Symbol, Any] | None = None
    ) -> dict[AppliedUndef, sp.Expr]:
        """Each unknown function with the terms `chosen` (K,), by default all, and columns replaced by `values`."""
        values = values or {}
        found: dict[AppliedUndef, list[sp.Expr]] = {u: [] for term in self.terms for u in term.parts}
        for k in range(len(self.terms)) if chosen is None else np.flatnonzero(chosen):
            term = self.terms[k]
            inside = {c: values[c] for c in term.constants if c in values}
            for unknown, part in term.parts.items():
                found[unknown].append(values.get(self.columns[k], self.columns[k]) * part.xreplace(inside))
        return {unknown: sp.Add(*parts) for unknown, parts in found.items()}

    def check_entering(self, expressions: Iterable[sp.Expr]) -> None:
        """Refuse parameters that are to be fitted but are in none of the right-hand sides.

        Raises
        ------
        RecoveryError
            Naming the first of them.
        """
        entering = set().union(*(e.free_symbols for e in expressions))
        idle = [p for p in self.free if p not in entering]
        if idle:
            raise RecoveryError(
                f"the parameter {idle[0]} does not enter the equations of the states, so their data cannot tell it; "
                "give it a value"
            )


def free_columns(
    system: System,
    terms: Iterable[LibraryTerm] = (),
    *,
    fit: Iterable[Any] = (),
    guesses: Mapping[Any, float] | None = None,
    bounds: Mapping[Any, tuple[Any, Any]] | None = None,
    initial: Sequence[sp.Symbol] = (),
    natural: Mapping[sp.Symbol, float] | None = None,
) -> FreeColumns:
    """The columns of candidate terms and of the parameters that are fitted jointly; all sizes are 1.

    Parameters
    ----------
    system : System
    terms : iterable of LibraryTerm
        Without them the columns are the parameters.
    fit : iterable
        Parameters that are fitted although they have values.
    guesses : mapping, optional
        First values of parameters and constants, by symbol or name.
    bounds : mapping, optional
        Smallest and largest values of them, and of `initial`.
    initial : sequence of Symbol
        States that `fit` and `bounds` may name.
    natural : mapping of Symbol to float, optional
        Typical sizes of parameters; 1 where there is none.

    Returns
    -------
    FreeColumns
        A constant or parameter begins at its guess or declared value; else between its bounds; else a constant at the
        values of its terms.

    Raises
    ------
    DeclarationError
        If a name is neither a parameter nor a constant.
    RecoveryError
        If bounds are none.

    Examples
    --------
    >>> import symdyn as sd
    >>> x, h, r, f = *sp.symbols("x h r"), sp.Function("f")
    >>> system = sd.ODESystem({x: -r * x + f(x)})
    >>> found = free_columns(system, [LibraryTerm(f(x), x / (1 + h * x), {h: (0.1, 1.0)})], bounds={"r": (1, 3)})
    >>> found.columns, found.starts[h], found.starts[r]
    ((f_0, h, r), (0.1, 1.0), (1.3160740129524924, 1.7320508075688772, 2.2795070569547775))
    >>> found.low.tolist(), found.high.tolist()
    ([-inf, 0.0, 1.0], [inf, inf, 3.0])
    """
    terms, natural = tuple(terms), natural or {}
    constants = tuple(dict.fromkeys(c for term in terms for c in term.constants))
    taken = {s.name for s in (*_symbols(system), *system.observables, *constants)}
    coefficients = tuple(fresh_symbol(f"{term.unknown.func.__name__}_{k}", taken) for k, term in enumerate(terms))
    free = free_parameters(system, fit, initial)
    given = read_bounds(bounds, (*system.parameters, *constants, *initial), initial)
    known = {p: (v,) for p, v in system.defaults.items()}
    what = "parameter or constant" if constants else "parameter"
    known |= {s: (float(v),) for s, v in keyed(guesses or {}, (*system.parameters, *constants), what).items()}
    starts, limits = {}, dict(given)
    for c in (*constants, *free):
        # a constant that terms share begins where any of them would have it; that of a formula has the value it was found with
        usual = tuple(dict.fromkeys(v for term in terms for v in term.constants.get(c, ())))
        found = usual if len(usual) == 1 else between(given.get(c)) or usual or tuple(g * natural.get(c, 1.0) for g in GUESSES)
        starts[c] = known.get(c, found)
        if c not in free:
            shape = next(term.shape for term in terms if c in term.constants)
            limits.setdefault(c, constant_limits(shape, c, starts[c][0]))
    columns = (*coefficients, *constants, *free)
    inner = np.zeros((len(terms), len(columns)), dtype=bool)
    for k, term in enumerate(terms):
        inner[k] = [c == coefficients[k] or c in term.constants for c in columns]
    listed = [starts.get(c, (0.0,)) for c in columns]
    rounds = range(max((len(values) for values in starts.values()), default=1))
    guessed = np.array([[values[(g + len(values) // 2) % len(values)] for values in listed] for g in rounds])
    low, high = (np.array([limits.get(c, (-np.inf, np.inf))[k] for c in columns], dtype=float) for k in range(2))
    return FreeColumns(
        terms, columns, starts, given, np.ones(len(columns)), inner,
        np.array([c in free for c in columns], dtype=bool), guessed.reshape(len(rounds), -1), low, high,
    )  # fmt: skip


def _symbols(system: System) -> tuple[sp.Symbol, ...]:
    """Everything in the equations that has a name."""
    return (*system.states, *getattr(system, "space", ()), *system.parameters, system.time)


def constant_symbols(shape: sp.Expr, system: System) -> list[sp.Symbol]:
    """Symbols of a library term that the system does not know: constants to be fitted.

    Raises
    ------
    RecoveryError
        If one of them is named like a random number of a map.
    """
    known = {name_of(s) for s in _symbols(system)}
    found = sorted((s for s in shape.free_symbols if s.name not in known), key=lambda s: s.name)
    drawn = [s for s in found if system.drawn(s)]
    if drawn:
        raise RecoveryError(
            f"the constant {drawn[0]} of the library term {shape} is named like a random number of a map; rename it"
        )
    return found


def open_constants(expression: sp.Expr, prefix: str, taken: set[str]) -> tuple[sp.Expr, dict[sp.Symbol, tuple[float, ...]]]:
    """Replace the decimal numbers inside a term by constants to be fitted, which start at those numbers."""
    swap: dict[sp.Expr, sp.Symbol] = {}
    for number in sorted(expression.atoms(sp.Float), key=float):
        swap[number] = fresh_symbol(f"{prefix}_c{len(swap)}", taken)
    return expression.xreplace(swap), {symbol: (float(number),) for number, symbol in swap.items()}
