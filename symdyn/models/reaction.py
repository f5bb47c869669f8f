"""One reaction: reactants, products and rate; bursts, which are random numbers of molecules."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import sympy as sp

from symdyn import dag
from symdyn.declaration import as_symbol, expression
from symdyn.errors import DeclarationError
from symdyn.reaction_text import BURSTS
from symdyn.registry import suggest

__all__ = ["Burst", "Reaction", "complex_text", "rate_text"]


@dataclass(frozen=True)
class Burst:
    """A random number of molecules, independent of the state and of all other reactions.

    Parameters
    ----------
    distribution : {'geometric', 'poisson'}
        Geometric on 0, 1, 2, ...: :math:`P(m) = b^m / (1 + b)^{m+1}`; or Poisson: :math:`P(m) = b^m e^{-b} / m!`.
    mean : Expr or number
        The mean b, in molecules; free of species and time.

    Raises
    ------
    DeclarationError
        For another distribution, and a mean that is no scalar expression.

    Examples
    --------
    >>> b = sp.Symbol("b")
    >>> Burst("geometric", b).moment(2)
    2*b**2 + b
    """

    distribution: str
    mean: sp.Expr

    def __post_init__(self) -> None:
        if self.distribution not in BURSTS:
            known = f"known: {', '.join(BURSTS)}.{suggest(self.distribution, BURSTS)}"
            raise DeclarationError(f"a burst has the distribution {self.distribution!r}; {known}")
        object.__setattr__(self, "mean", expression(self.mean))

    def factorial_moment(self, k: int) -> sp.Expr:
        r"""The factorial moment :math:`\langle m (m-1) \cdots (m-k+1) \rangle`.

        It is :math:`k!\,b^k` for geometric and :math:`b^k` for Poisson bursts.

        Parameters
        ----------
        k : int
            Order, 0 or more.

        Returns
        -------
        Expr

        Raises
        ------
        DeclarationError
            If the number is not whole, or negative.

        Examples
        --------
        >>> Burst("geometric", 3).factorial_moment(2), Burst("poisson", 3).factorial_moment(2)
        (18, 9)
        """
        k = _whole(k, "the order of a moment")
        return sp.factorial(k) * self.mean**k if self.distribution == "geometric" else self.mean**k

    def moment(self, k: int) -> sp.Expr:
        r"""The raw moment :math:`\langle m^k \rangle = \sum_j S(k, j) \langle (m)_j \rangle`.

        S are the Stirling numbers of the second kind, :math:`(m)_j` falling factorials.

        Parameters
        ----------
        k : int
            Order, 0 or more.

        Returns
        -------
        Expr

        Raises
        ------
        DeclarationError
            If the number is not whole, or negative.

        Examples
        --------
        >>> Burst("poisson", 3).moment(2)  # b + b^2
        12
        """
        if (k := _whole(k, "the order of a moment")) == 0:
            return sp.S.One
        from_factorial = (_stirling(k, j) * self.factorial_moment(j) for j in range(1, k + 1))
        return sp.Add(*from_factorial)

    def probability(self, m: int) -> sp.Expr:
        """The probability P(m) of m molecules.

        Parameters
        ----------
        m : int
            Number of molecules, 0 or more.

        Returns
        -------
        Expr

        Raises
        ------
        DeclarationError
            If the number is not whole, or negative.

        Examples
        --------
        >>> Burst("geometric", 1).probability(2), Burst("poisson", 1).probability(2)
        (1/8, exp(-1)/2)
        """
        m, b = _whole(m, "the number of molecules"), self.mean
        if self.distribution == "geometric":
            return b**m / (1 + b) ** (m + 1)
        return b**m * sp.exp(-b) / sp.factorial(m)

    def __str__(self) -> str:
        return f"{self.distribution}({rate_text(self.mean)})"


def _whole(value: int, what: str) -> int:
    try:
        if (found := operator.index(value)) >= 0:
            return found
    except TypeError:
        pass
    raise DeclarationError(f"{what} is {value!r}; expected a whole number, 0 or more")


def _stirling(n: int, k: int) -> int:
    """Stirling number of the second kind."""
    row = [1] + [0] * k
    for _ in range(n):
        row = [0, *(j * row[j] + row[j - 1] for j in range(1, k + 1))]
    return row[k]


@dataclass(frozen=True)
class Reaction:
    """A reaction, or one direction of a reversible one.

    Parameters
    ----------
    reactants, products : mapping
        From species (symbols or names) to numbers of molecules; a product may be a `Burst`.
    rate : Expr or number
        The rate constant of mass action, which may depend on anything; or the complete propensity.
    mass_action : bool
        Whether `rate` is multiplied by the number of distinct ways of choosing the reactants.
    bursts : mapping, optional
        From species to a `Burst`, produced in addition to `products`.
    delay : Expr or number, optional
        Time from the moment at which it begins, at its propensity, until it is completed; evaluated when it begins.
    consuming : bool, optional
        Whether the molecules that it uses up are gone from its beginning on, and those that it makes appear when it is
        completed; else all changes happen when it is completed.  Molecules on both sides, catalysts, stay in either case.

    Raises
    ------
    DeclarationError
        For numbers of molecules that are none, a negative delay, and `consuming` without a delay.

    References
    ----------
    Barrio, Burrage, Leier & Tian, PLoS Computational Biology 2 (2006) e117; Cai, Journal of Chemical Physics 126 (2007) 124108.

    Examples
    --------
    >>> X, Y, k = sp.symbols("X Y k")
    >>> print(Reaction({X: 1}, {Y: 1}, k, delay=5))
    X -> Y, k delay 5
    >>> print(Reaction({X: 2, Y: 1}, {X: 3}, k))
    2 X + Y -> 3 X, k
    >>> print(Reaction({X: 1}, {}, k * X / (1 + X), mass_action=False))
    X => 0, X*k/(X + 1)
    """

    reactants: Mapping[sp.Symbol, int]
    products: Mapping[sp.Symbol, int]
    rate: sp.Expr
    mass_action: bool = True
    bursts: Mapping[sp.Symbol, Burst] | None = None
    delay: sp.Expr = sp.S.Zero
    consuming: bool = True

    def __post_init__(self) -> None:
        bursts = {as_symbol(k, "a species"): v for k, v in (self.bursts or {}).items()}
        fixed: Any = self.products
        if isinstance(fixed, Mapping):
            bursts |= {as_symbol(k, "a species"): v for k, v in fixed.items() if isinstance(v, Burst)}
            fixed = {k: v for k, v in fixed.items() if not isinstance(v, Burst)}
        for name, value in (
            ("reactants", _counts(self.reactants)),
            ("products", _counts(fixed)),
            ("rate", dag.settled([expression(self.rate)])[0]),
            ("bursts", bursts),
            ("delay", expression(self.delay)),
        ):
            object.__setattr__(self, name, value)
        if self.delay.is_number and not self.delay.is_nonnegative:
            raise DeclarationError(f"the delay of {self} is {self.delay}; expected a number from 0")
        if not isinstance(self.consuming, bool):
            raise DeclarationError(f"consuming of {self} is {self.consuming!r}; expected True or False")
        if self.delay == 0 and not self.consuming:
            raise DeclarationError(f"{self} has no delay, and consuming has an effect on delayed reactions alone; leave it out")

    @property
    def change(self) -> dict[sp.Symbol, int]:
        """Products minus reactants where they differ, without bursts."""
        species = dict.fromkeys((*self.reactants, *self.products))
        return {s: d for s in species if (d := self.products.get(s, 0) - self.reactants.get(s, 0))}

    @property
    def begun(self) -> dict[sp.Symbol, int]:
        """What a delayed reaction changes when it begins."""
        return {s: d for s, d in self.change.items() if d < 0} if self.consuming else {}

    @property
    def completed(self) -> dict[sp.Symbol, int]:
        """What a delayed reaction changes when it is completed, without bursts."""
        begun = self.begun
        return {s: d for s, d in self.change.items() if s not in begun}

    @property
    def order(self) -> int:
        """Number of reactant molecules."""
        return sum(self.reactants.values())

    @property
    def species(self) -> tuple[sp.Symbol, ...]:
        """Species of both sides, in the order of their appearance."""
        return tuple(dict.fromkeys((*self.reactants, *self.products, *(self.bursts or {}))))

    def propensity(self, volume: sp.Expr, *, combinatoric: bool) -> sp.Expr:
        r"""The propensity in molecule numbers, :math:`k V^{1-s} \prod_i n_i (n_i - 1) \cdots (n_i - s_i + 1)`.

        The order is :math:`s = \sum_i s_i`.

        Parameters
        ----------
        volume : Expr
            V, in the units of volume of the rate constant.
        combinatoric : bool
            Whether it is divided by :math:`\prod_i s_i!`.

        Returns
        -------
        Expr
            In events by time; `rate` itself if the reaction is not mass action.

        Examples
        --------
        >>> X, k, V = sp.symbols("X k V")
        >>> Reaction({X: 2}, {}, k).propensity(V, combinatoric=False)
        X*k*(X - 1)/V
        >>> Reaction({X: 2}, {}, k).propensity(V, combinatoric=True)
        X*k*(X - 1)/(2*V)
        """
        if not self.mass_action:
            return self.rate
        ways = [s - i for s, k in self.reactants.items() for i in range(k)]
        return self.rate * volume ** (1 - self.order) * sp.Mul(*ways) / self._repeats(combinatoric)

    def macroscopic(self, volume: sp.Expr, species: Iterable[sp.Symbol], *, combinatoric: bool) -> sp.Expr:
        r"""The leading order of the propensity in the volume, in molecule numbers: :math:`k V^{1-s} \prod_i n_i^{s_i}`.

        Of a general propensity in which V occurs it is the leading power of V at fixed :math:`n/V`, if the propensity is a
        quotient of polynomials; every other propensity is returned unchanged.

        Parameters
        ----------
        volume : Expr
            V, in the units of volume of the rate constant.
        species : iterable of Symbol
            The species that scale with the volume.
        combinatoric : bool
            Whether it is divided by :math:`\prod_i s_i!`.

        Returns
        -------
        Expr
            In events by time.

        Examples
        --------
        >>> X, k, V = sp.symbols("X k V")
        >>> Reaction({X: 2}, {}, k).macroscopic(V, [X], combinatoric=False)
        X**2*k/V
        """
        if self.mass_action:
            powers = [s**k for s, k in self.reactants.items()]
            return self.rate * volume ** (1 - self.order) * sp.Mul(*powers) / self._repeats(combinatoric)
        if not volume.is_Symbol or volume not in self.rate.free_symbols:
            return self.rate
        return _leading(self.rate, self.rate.free_symbols & set(species), volume)

    def _repeats(self, combinatoric: bool) -> int:
        return int(sp.Mul(*(sp.factorial(k) for k in self.reactants.values()))) if combinatoric else 1

    def __str__(self) -> str:
        arrow = "->" if self.mass_action else "=>"
        produced = [f"{b} {s}" for s, b in (self.bursts or {}).items()]
        sides = f"{complex_text(self.reactants)} {arrow} {complex_text(self.products, produced)}"
        return f"{sides}, {rate_text(self.rate)}{self.timing}"

    @property
    def timing(self) -> str:
        """Its delay as text; empty where there is none."""
        if self.delay == 0:
            return ""
        return f" delay {dag.written_exactly(self.delay)}" + ("" if self.consuming else " consuming false")

    def __hash__(self) -> int:
        return hash(str(self))


def rate_text(rate: sp.Expr) -> str:
    """A rate as text; a single decimal number with the digits that determine it."""
    return repr(float(rate)) if rate.is_Float else str(rate)


def complex_text(counts: Mapping[sp.Symbol, int], more: list[str] | None = None) -> str:
    """One side of a reaction as text, ``2 X + Y``."""
    return " + ".join([*(f"{k} {s}" if k != 1 else f"{s}" for s, k in counts.items()), *(more or [])]) or "0"


def _counts(side: Mapping[Any, Any]) -> dict[sp.Symbol, int]:
    if not isinstance(side, Mapping):
        raise DeclarationError(f"a side of a reaction is {side!r}; expected a mapping from species to numbers, {{X: 2, Y: 1}}")
    counts = {}
    for key, value in side.items():
        if not getattr(value, "is_number", isinstance(value, Real)) or value != int(value) or value < 0:
            raise DeclarationError(f"{key} takes part with {value} molecules; expected a whole number, 0 or more")
        if value:
            counts[as_symbol(key, "a species")] = int(value)
    return counts


def _leading(propensity: sp.Expr, species: set[sp.Symbol], volume: sp.Symbol) -> sp.Expr:
    numerator, denominator = sp.fraction(sp.together(propensity.xreplace({s: s * volume for s in species})))
    if not (numerator.is_polynomial(volume) and denominator.is_polynomial(volume)):
        return propensity
    top, bottom = sp.Poly(numerator, volume), sp.Poly(denominator, volume)
    leading = volume ** (top.degree() - bottom.degree()) * top.LC() / bottom.LC()
    return leading.xreplace({s: s / volume for s in species})
