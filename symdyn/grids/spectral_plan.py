"""From the equations of fields to a pseudospectral scheme: derivatives in modes, and products point by point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.errors import DeclarationError
from symdyn.models.operators import AXES, NUMBERS, Operator, components, integral, laplacian, linear_form, varies
from symdyn.models.pde import PDESystem

__all__ = ["Link", "Number", "Pointwise", "SpectralPlan", "SpectralRead"]

Index = tuple[int, ...]


@dataclass(frozen=True)
class SpectralRead:
    """A sum of derivatives of an array, with numbers as coefficients."""

    array: int
    derivatives: tuple[tuple[Index, float], ...]


@dataclass(frozen=True)
class Link:
    """A contribution of an array to the rate of a field: a derivative times a coefficient made of parameters."""

    target: int
    array: int
    orders: Index
    coefficient: sp.Expr


@dataclass(frozen=True)
class Number:
    """The mean of an array, times a factor."""

    array: int
    factor: float


@dataclass
class Pointwise:
    """Expressions of the arrays read, computed in one pass; `outputs` are arrays, or fields in the last pass."""

    outputs: list[int]
    expressions: list[sp.Expr]
    inputs: list[sp.Symbol] = field(default_factory=list)


class SpectralPlan:
    """The passes for the rates of a system on a periodic box, or for other expressions of its fields.

    Attributes
    ----------
    reads, numbers : dict of Symbol to SpectralRead, Number
        What stands for them in the expressions of passes.
    passes : list of Pointwise
        Those that make arrays, by levels, then that of the rates.
    links : list of Link
        Beside the terms of each field that are linear in itself.
    scalars : list of Expr
        Rates of the scalars.

    Raises
    ------
    DeclarationError
        For systems with walls or unknown terms.
    """

    def __init__(self, pde: PDESystem, ends: Sequence[sp.Expr] | None = None, numbers: Sequence[sp.Expr] | None = None) -> None:
        walls = [s.name for axis, s in enumerate(pde.space) if axis not in pde.periodic]
        if walls:
            raise DeclarationError(
                f"scheme 'spectral' needs a periodic box, but there are walls along {', '.join(walls)}; declare "
                "boundary='periodic' or take scheme='finite differences'"
            )
        self.pde, self.dimension, self.fields = pde, pde.dimension, len(pde.fields)
        self.reads: dict[sp.Symbol, SpectralRead] = {}
        self.numbers: dict[sp.Symbol, Number] = {}
        self.links: list[Link] = []
        self._symbols: dict[SpectralRead | Number, sp.Symbol] = {}
        taken = [s.name for s in (*pde.states, *pde.parameters, *pde.space, pde.time)]
        self._prefix = "wave"  # of names that nothing else has
        while any(name.startswith(self._prefix) for name in taken):
            self._prefix += "_"
        self._arrays: dict[sp.Expr, int] = {f: i for i, f in enumerate(pde.fields)}
        self._points: dict[int, sp.Expr] = {}
        self._levels: list[int] = [0] * self.fields
        if ends is None or numbers is None:
            plain = [components(r, self.dimension) for r in pde.rates]
            rest = [self._rate(k, e) for k, e in enumerate(plain[: self.fields])]
            numbers = plain[self.fields :]
        else:
            rest = [self.value(e) for e in ends]
        self.scalars = [self.value(e) for e in numbers]
        self.passes: list[Pointwise] = []
        for level in range(1, max(self._levels) + 1):
            made = [k for k in self._points if self._levels[k] == level]
            self.passes.append(Pointwise(made, [self._points[k] for k in made]))
        last = [k for k, e in enumerate(rest) if e != 0 or ends is not None]
        if last:
            self.passes.append(Pointwise(last, [rest[k] for k in last]))
        for one in self.passes:
            free = set().union(*(e.free_symbols for e in one.expressions))
            one.inputs = [s for s in self.reads if s in free]
        self.makes_rates = bool(last)
        self.arrays = len(self._levels)

    @property
    def known(self) -> tuple[sp.Symbol, ...]:
        """Numbers that expressions may hold."""
        return (*self.pde.parameters, *self.pde.scalars, *self.numbers)

    def names(self, count: int) -> list[str]:
        """Names for so many arrays of a pass."""
        return [f"{self._prefix}_{k}" for k in range(count)]

    def _rate(self, target: int, e: sp.Expr) -> sp.Expr:
        """What is computed point by point; the rest becomes links."""
        rest: list[sp.Expr] = []
        zero = (0,) * self.dimension
        for (w, m), c in self._form(e).items():
            constant = c.free_symbols <= set(self.pde.parameters) and not c.has(Operator, AppliedUndef)
            if constant and w in self.pde.fields:
                if w != self.pde.fields[target]:
                    self.links.append(Link(target, self._arrays[w], m, c))
            elif w == 1 or m == zero:
                rest.append(self.value(c) * (self.value(w) if w != 1 else 1))
            elif constant:
                self.links.append(Link(target, self._array(w), m, c))
            elif w in self.pde.fields:
                rest.append(self.value(c) * self._read(self._arrays[w], ((m, 1.0),)))
            else:
                self.links.append(Link(target, self._array(c * w), m, sp.S.One))
        return sp.Add(*rest)

    def _form(self, e: sp.Expr) -> dict[tuple[sp.Expr, Index], sp.Expr]:
        return linear_form(e, self.pde.fields, self.pde.space, self.dimension)

    def value(self, e: sp.Expr) -> sp.Expr:
        """The expression in symbols of what is read."""
        if e in self.pde.fields:
            return self._read(self._arrays[e], (((0,) * self.dimension, 1.0),))
        if isinstance(e, NUMBERS):
            return self._number(e)
        if e.is_Symbol or e.is_number or not e.args:
            return e
        differentiates = e.has(*AXES, laplacian) and varies(e, {*self.pde.fields, *self.pde.space})
        if isinstance(e, (*AXES, laplacian)) or (e.is_Add and differentiates):
            return self._combination(e)
        return e.func(*(self.value(a) for a in e.args))

    def _combination(self, e: sp.Expr) -> sp.Expr:
        terms: list[sp.Expr] = []
        groups: dict[tuple[int, sp.Expr], dict[Index, float]] = {}
        for (w, m), c in self._form(e).items():
            factor = self.value(c)
            if w == 1 or not any(m):
                terms.append(factor * (self.value(w) if w != 1 else 1))
                continue
            number, symbolic = factor.as_coeff_Mul()
            entries = groups.setdefault((self._array(w), symbolic), {})
            entries[m] = entries.get(m, 0.0) + float(number)
        for (array, symbolic), entries in groups.items():
            terms.append(symbolic * self._read(array, tuple(entries.items())))
        return sp.Add(*terms)

    def _array(self, w: sp.Expr) -> int:
        if w not in self._arrays:
            point = self.value(w)
            place = self._arrays[w] = len(self._levels)
            self._levels.append(self._level([point]) + 1)
            self._points[place] = point
        return self._arrays[w]

    def _read(self, array: int, derivatives: tuple[tuple[Index, float], ...]) -> sp.Symbol:
        read = SpectralRead(array, derivatives)
        if read not in self._symbols:
            symbol = self._symbols[read] = sp.Symbol(f"{self._prefix}_read_{len(self.reads)}")
            self.reads[symbol] = read
        return self._symbols[read]

    def _number(self, e: sp.Expr) -> sp.Expr:
        inner = e.args[0]
        factor = float(self.pde.domain.measure) if isinstance(e, integral) else 1.0
        if not varies(inner, {*self.pde.fields, *self.pde.space}):
            return factor * self.value(inner)
        number = Number(self._array(inner), factor)
        if number not in self._symbols:
            symbol = self._symbols[number] = sp.Symbol(f"{self._prefix}_mean_{len(self.numbers)}")
            self.numbers[symbol] = number
        return self._symbols[number]

    def _level(self, expressions: Iterable[sp.Expr]) -> int:
        """The highest level of what expressions read."""
        level = 0
        for e in expressions:
            for s in e.free_symbols:
                if s in self.reads or s in self.numbers:
                    array = self.reads[s].array if s in self.reads else self.numbers[s].array
                    level = max(level, self._levels[array])
        return level
