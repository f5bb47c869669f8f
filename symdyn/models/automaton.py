"""Probabilistic cellular automata: cells that are 0 or 1, which all change at once and independently of one another."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import sympy as sp
from sympy.logic.boolalg import Boolean

from symdyn.attached import AutomatonVerbs
from symdyn.declaration import as_symbol, expression
from symdyn.errors import DeclarationError, ParseError
from symdyn.given_values import name_of, numeric_values, value_of
from symdyn.models.registry import KINDS
from symdyn.models.spatial import SpatialSystem
from symdyn.parsing import MAX_TEXT, ModelText, check_calls, constant
from symdyn.system import Equation
from symdyn.text.cells import is_rule, rule_sides
from symdyn.text.grammar import Scope
from symdyn.text.lexer import split_statements, tokenize
from symdyn.text.sides import read_side
from symdyn.text.statements import left_side
from symdyn.text.terms import TermBuilder

__all__ = ["MOST_CELLS", "Automaton"]

#: Cells on which the next value of one may depend: the table of a rule has two to this power of entries.
MOST_CELLS = 10
#: Largest distance of these: a word of a simulation has 64 cells.
FARTHEST = 63
#: Amount by which probabilities may leave 0 to 1, since they are rounded.
SLACK = 1e-12
RECORDS = ("cells", "density")
_CELL = re.compile(r"(\w+)\[(-?\d+)\]")


class Automaton(AutomatonVerbs, SpatialSystem):
    r"""Cells on a line that are 0 or 1, and whose next values are drawn independently given the present ones.

    .. math:: P(s'_i = 1 \mid s) = f(s_{i+d_1}, \dots, s_{i+d_k}), \qquad
              P(s' \mid s) = \prod_i P(s'_i \mid s)

    A rule whose probabilities are all 0 or 1 is a deterministic automaton.

    Parameters
    ----------
    rule : Expr, or mapping of IndexedBase or str to Expr
        The probability that a cell is 1 next, of the cells around it: for ``s = sympy.IndexedBase("s")``, ``s[0]`` is the cell
        itself, ``s[1]`` its right and ``s[-1]`` its left neighbour.  With a mapping every site has several cells, one of each
        name.  A condition stands for 1 where it holds and 0 elsewhere.  A rule depends on at most ten cells.
    sites : int
        Length of the line.
    parameters : mapping of Symbol or str to float, optional
        Default values of the other symbols.
    boundary : {'periodic', 0, 1}
        A ring, or the value of all cells beyond both ends.
    initial : mapping of str or Symbol to float, optional
        Probabilities with which all cells of a name are 1 at first, independently: 0 and 1 are the empty and the full lattice.
        `symdyn.simulate` takes arrays, too, one number for each site.
    record : {'cells', 'density'}
        What simulations record besides the part of the cells that are 1: all cells at all output times, or nothing.

    Attributes
    ----------
    rules : tuple of Expr
        One for each name, of symbols called ``s[0]``, ``s[1]`` ...
    neighbours : tuple of tuple of (int, int)
        For each rule the cells it depends on: number of the name, and distance.
    sites : int
    boundary : str or int
    record : str

    Raises
    ------
    DeclarationError
        For rules that are no probabilities, depend on time or on too many or too distant cells.

    References
    ----------
    Domany & Kinzel, Phys. Rev. Lett. 53 (1984) 311-314

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> s, p1, p2 = sp.IndexedBase("s"), *sp.symbols("p1 p2")
    >>> k = s[0] + s[1]
    >>> dk = sd.Automaton(sp.Piecewise((0, sp.Eq(k, 0)), (p1, sp.Eq(k, 1)), (p2, True)), sites=4, parameters={p1: 0.6, p2: 0.8})
    >>> round(float(dk.step_operator().first_passage("0000")[-1]), 10)  # mean time to extinction from the full ring
    24.6313046369
    """

    rules: tuple[sp.Expr, ...]
    neighbours: tuple[tuple[tuple[int, int], ...], ...]
    sites: int
    boundary: Any
    record: str
    kind: ClassVar[str] = "automaton"
    default_method: ClassVar[str | None] = "bit-parallel"
    sides: ClassVar[tuple[str, ...]] = ("rules",)

    def __init__(
        self,
        rule: Any,
        sites: int,
        parameters: Mapping[Any, float] | None = None,
        *,
        boundary: Any = "periodic",
        initial: Mapping[Any, Any] | None = None,
        record: str = "cells",
        time: Any = "t",
        provenance: Sequence[str] = (),
    ) -> None:
        if not isinstance(sites, (int, np.integer)) or isinstance(sites, bool) or sites < 1:
            raise DeclarationError(f"sites is {sites!r}; expected a whole number of cells, 1 or more")
        if isinstance(boundary, bool) or boundary not in ("periodic", 0, 1):
            raise DeclarationError(
                f"boundary is {boundary!r}; expected 'periodic', or 0 or 1, the value of cells beyond the ends"
            )
        if record not in RECORDS:
            raise DeclarationError(f"record is {record!r}; expected one of {', '.join(map(repr, RECORDS))}")
        rows = _read(rule)
        states = tuple(as_symbol(name, "state") for name in rows)
        if bare := sorted({s.name for e in rows.values() for s in e.free_symbols} & set(rows)):
            raise DeclarationError(
                f"the rule contains {bare[0]} without a place; write the cell {bare[0]}[i], of sympy.IndexedBase {bare[0]}[0], "
                "and give parameters other names"
            )
        neighbours = tuple(_neighbours(e, name, list(rows)) for name, e in rows.items())
        self.__dict__.update(
            rules=tuple(rows.values()), neighbours=neighbours, sites=int(sites),
            boundary=boundary if boundary == "periodic" else int(boundary), record=record, states=states,
        )  # fmt: skip
        clock = as_symbol(time, "time")
        entries = [e for table in self.tables for e in table]
        if any(e.has(clock) for e in entries):
            raise DeclarationError(f"the rule depends on {clock}; the rules of an automaton are the same at all times")
        self.settle(states, entries, {}, clock, parameters=parameters, initial=initial, provenance=provenance)
        if self.unknowns:
            raise DeclarationError(f"the rule contains the unknown term {self.unknowns[0]}; an automaton has none")
        shown = {"site", *(f"{s}_density" for s in self.names)}
        if clash := sorted(shown & {*self.names, *(p.name for p in self.parameters)}):
            raise DeclarationError(
                f"{clash[0]!r} is a name in the results of simulations; give cells and parameters other names"
            )
        for name, p in self.initial.items():
            if isinstance(p, sp.Expr) or not 0 <= p <= 1:
                raise DeclarationError(f"the initial value of {name} is {p}; expected the probability of 1, from 0 to 1")
        _check_entries(self)
        if set(self.defaults) == set(self.parameters):
            self.probabilities()

    @classmethod
    def drawn(cls, symbol: sp.Symbol) -> bool:
        """Whether a symbol stands for a cell, such as ``s[1]``, and not for a parameter.

        Parameters
        ----------
        symbol : Symbol

        Returns
        -------
        bool

        Examples
        --------
        >>> import sympy as sp
        >>> Automaton.drawn(sp.Symbol("s[-1]")), Automaton.drawn(sp.Symbol("p"))
        (True, False)
        """
        return _CELL.fullmatch(symbol.name) is not None

    @property
    def whole_steps(self) -> bool:
        """True: time advances in steps of length 1."""
        return True

    @cached_property
    def tables(self) -> tuple[tuple[sp.Expr, ...], ...]:
        """For each rule the probability of 1 for all values of its cells, the first of `neighbours` changing slowest."""
        found = []
        names = [s.name for s in self.states]
        for e, cells in zip(self.rules, self.neighbours, strict=True):
            symbols = [_symbol(names[f], d) for f, d in cells]
            rows = itertools.product((sp.S.Zero, sp.S.One), repeat=len(cells))
            found.append(tuple(e.xreplace(dict(zip(symbols, row, strict=True))) for row in rows))
        return tuple(found)

    def probabilities(self, parameters: Mapping[Any, float] | None = None) -> tuple[np.ndarray, ...]:
        """The tables in numbers.

        Parameters
        ----------
        parameters : mapping of Symbol or str to float, optional
            Over the defaults.

        Returns
        -------
        tuple of (2^k,) float64
            For each rule the probability that a cell is 1 next, for all values of its k cells.

        Raises
        ------
        DeclarationError
            If a parameter has no value, or a number is no probability, naming the cells.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> s, p = sp.IndexedBase("s"), sp.Symbol("p")
        >>> sd.Automaton(p * (s[-1] + s[1]) / 2, sites=9).probabilities({"p": 0.5})[0].tolist()
        [0.0, 0.25, 0.25, 0.5]
        """
        values = {**self.numeric_defaults, **numeric_values(parameters, self.parameters, "parameter")}
        if missing := [p.name for p in self.parameters if p not in values]:
            raise DeclarationError(f"no value for the parameter {', '.join(missing)}; pass parameters={{'{missing[0]}': ...}}")
        known: dict[sp.Expr, float] = {}
        found = []
        for i, table in enumerate(self.tables):
            for e in table:
                known.setdefault(e, value_of(e, values))
            row = np.array([known[e] for e in table])
            wrong = np.flatnonzero(~((row >= -SLACK) & (row <= 1 + SLACK)))
            if wrong.size:
                raise DeclarationError(f"{self.entry(i, int(wrong[0]))} is {row[wrong[0]]:g}; expected a probability, 0 to 1")
            found.append(np.clip(row, 0.0, 1.0))
        return tuple(found)

    def entry(self, rule: int, pattern: int) -> str:
        """An entry of a table in words, for messages.

        Parameters
        ----------
        rule : int
            Number of the rule.
        pattern : int
            Place in its table.

        Returns
        -------
        str

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> s = sp.IndexedBase("s")
        >>> sd.Automaton(s[0] * s[1], sites=5).entry(0, 2)
        'the probability that s is 1 next where s[0] = 1, s[1] = 0'
        """
        cells = self.neighbours[rule]
        bits = [(pattern >> (len(cells) - 1 - k)) & 1 for k in range(len(cells))]
        where = ", ".join(f"{self.names[f]}[{d}] = {b}" for (f, d), b in zip(cells, bits, strict=True))
        return f"the probability that {self.names[rule]} is 1 next" + (f" where {where}" if where else "")

    @cached_property
    def digest(self) -> str:
        """Hexadecimal fingerprint of rules and lattice (not of default values, what is recorded or provenance)."""
        return hashlib.sha256(f"{super().digest} {self.sites} {self.boundary}".encode()).hexdigest()

    @classmethod
    def example(cls) -> Self:
        s, (p, q) = sp.IndexedBase("s"), sp.symbols("p q")
        k = s[0] + s[1]
        rule = sp.Piecewise((0, sp.Eq(k, 0)), (p, sp.Eq(k, 1)), (q, True))
        return cls(rule, 8, {p: 0.6, q: 0.8}, initial={"s": 1})

    @classmethod
    def from_text(
        cls, text: str, parameters: Mapping[Any, float] | None = None, *, characters: int = MAX_TEXT, **options: Any
    ) -> Self:
        """Read an automaton from text, a rule for each name of cells; the text is never evaluated as code.

        A rule is the probability that the cell i is 1 next, of cells at whole numbers of sites from it; values of parameters
        and initial probabilities may be set as in other models.

        Parameters
        ----------
        text : str
            Statements such as ``s[i] = p*(s[i-1] + s[i+1])/2``, ``p = 0.6`` and ``s(0) = 1``, one a line or between
            semicolons.
        parameters : mapping of Symbol or str to float, optional
            Default values; they override those in the text.
        characters : int, optional
            Largest length of the text.
        **options
            Further arguments of the class: ``sites`` (required), ``boundary``, ``initial``, ``record``.

        Returns
        -------
        Automaton

        Raises
        ------
        ParseError
            With the line and column that could not be read.
        DeclarationError
            Without sites, and for rules that are no probabilities.

        Examples
        --------
        >>> text = "s[i] = piecewise(0, s[i] + s[i+1] == 0, p, s[i] + s[i+1] == 1, q); p = 0.6; q = 0.8; s(0) = 1"
        >>> Automaton.from_text(text, sites=8).probabilities()[0].tolist()
        [0.0, 0.6, 0.6, 0.8]
        """
        if "sites" not in options:
            raise DeclarationError("from_text of an Automaton needs sites=, the number of cells on the line, such as sites=100")
        listed = split_statements(text, tokenize(text, characters))
        sides = [rule_sides(text, tokens) for tokens in listed if is_rule(tokens)]
        others = [left_side(text, tokens) for tokens in listed if not is_rule(tokens)]
        for s in others:
            if s.kind not in ("parameter", "initial"):
                message = "an automaton has rules s[i] = ..., values a = 1 and initial probabilities s(0) = 1 alone"
                raise ParseError(message, text, s.start)
        terms, scope = TermBuilder(text), Scope(parameters={s.name for s in others if s.kind == "parameter"})
        rules: dict[str, Any] = {}
        for name, right in sides:
            if name in rules:
                raise ParseError(f"{name} has two rules; remove one", text, right[0].start)
            e = read_side(terms, right, scope).expr
            cells = {c: m for c in e.free_symbols if (m := _CELL.fullmatch(c.name))}
            rules[name] = e.xreplace({c: sp.IndexedBase(m[1])[int(m[2])] for c, m in cells.items()})
        values: dict[str, dict[str, Any]] = {"parameter": {}, "initial": {}}
        for s in others:
            if s.name in values[s.kind]:
                raise ParseError(f"{s.name} has two values; remove one", text, s.start)
            values[s.kind][s.name] = constant(text, s, read_side(terms, s.right, scope), scope)
        check_calls(text, scope)
        given = {name_of(k): v for k, v in (parameters or {}).items()}
        begin = {**values["initial"], **{name_of(k): v for k, v in (options.pop("initial", None) or {}).items()}}
        return cls(rules, parameters={**values["parameter"], **given}, initial=begin, **options)

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        raise DeclarationError("an automaton is written as rules, s[i] = s[i-1]; use Automaton.from_text")

    def equations(self) -> list[Equation]:
        """The rules as text and as LaTeX.

        Returns
        -------
        list of Equation
            One for each name.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> s = sp.IndexedBase("s")
        >>> [str(e) for e in sd.Automaton(s[0] * s[-1] / 2, sites=5).equations()]
        ['P(s[i] = 1 at t+1) = s[i-1]*s[i]/2']
        """
        t, found = self.time, []
        for s, e in zip(self.states, self.rules, strict=True):
            cells = {c: _CELL.fullmatch(c.name) for c in e.free_symbols}
            shown = {c: (m[1], int(m[2])) for c, m in cells.items() if m is not None}
            text = e.xreplace({c: sp.Symbol(f"{n}[i{d:+d}]" if d else f"{n}[i]") for c, (n, d) in shown.items()})
            latex = e.xreplace({c: sp.Symbol(f"{n}_{{i{d:+d}}}" if d else f"{n}_i") for c, (n, d) in shown.items()})
            left = rf"P({sp.latex(s)}_i({sp.latex(t)}+1) = 1)"
            found.append(Equation(f"P({s}[i] = 1 at {t}+1)", str(text), left, sp.latex(latex)))
        return found


def _symbol(name: str, distance: int) -> sp.Symbol:
    return sp.Symbol(f"{name}[{distance}]")


def _read(rule: Any) -> dict[str, sp.Expr]:
    """Rules by the names of their cells, with a symbol for each cell."""
    if isinstance(rule, Mapping):
        given = {str(k.label) if isinstance(k, sp.IndexedBase) else str(k): v for k, v in rule.items()}
        if not given:
            raise DeclarationError("the automaton has no rule; expected one for each name of cells")
        if wrong := [name for name in given if not name.isidentifier()]:
            raise DeclarationError(f"{wrong[0]!r} is no name of cells; expected letters, digits and underscores")
        return {name: _cells(v, list(given)) for name, v in given.items()}
    bases = sorted({str(c.base.label) for c in _expression(rule).atoms(sp.Indexed)})
    if len(bases) != 1:
        named = ", ".join(bases) or "none"
        raise DeclarationError(
            f"the rule has cells of these names: {named}; with several names, or none, give a mapping such as {{'s': rule}}"
        )
    return {bases[0]: _cells(rule, bases)}


def _expression(value: Any) -> sp.Expr:
    """A rule as an expression; of a condition, 1 where it holds."""
    condition = isinstance(value, Boolean) and not isinstance(value, sp.Expr)  # symbols are both
    return sp.Piecewise((1, value), (0, True)) if condition else expression(value)


def _cells(value: Any, names: list[str]) -> sp.Expr:
    """A rule with a symbol for each cell."""
    e, swap = _expression(value), {}
    for cell in e.atoms(sp.Indexed):
        if str(cell.base.label) not in names:
            known = ", ".join(names)
            raise DeclarationError(f"the rule contains {cell}, and no rule is given for {cell.base.label}; known: {known}")
        if len(cell.indices) != 1 or not cell.indices[0].is_Integer:
            raise DeclarationError(f"the rule contains {cell}; expected one distance that is a whole number, such as s[-1]")
        if abs(distance := int(cell.indices[0])) > FARTHEST:
            raise DeclarationError(f"{cell} is {distance} sites away; expected at most {FARTHEST}")
        swap[cell] = _symbol(str(cell.base.label), int(cell.indices[0]))
    return e.xreplace(swap)


def _neighbours(e: sp.Expr, name: str, names: list[str]) -> tuple[tuple[int, int], ...]:
    """The cells in a rule, sorted by name and distance."""
    found = [m for s in e.free_symbols if (m := _CELL.fullmatch(s.name))]
    cells = tuple(sorted((names.index(m[1]), int(m[2])) for m in found))
    if len(cells) > MOST_CELLS:
        raise DeclarationError(f"the rule of {name} depends on {len(cells)} cells; expected at most {MOST_CELLS}")
    return cells


def _check_entries(system: Automaton) -> None:
    """Refuse entries that are numbers, but no probabilities."""
    for i, table in enumerate(system.tables):
        for k, e in enumerate(table):
            if e.is_number and not (e.is_comparable and -SLACK <= float(e) <= 1 + SLACK):
                raise DeclarationError(f"{system.entry(i, k)} is {e}; expected a probability, 0 to 1")


KINDS.register("automaton", Automaton)
