"""Reaction networks from Antimony, the text form of SBML: its core, read by the grammar of models; nothing is evaluated."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import sympy as sp

from symdyn.dag import put_in, written_out
from symdyn.errors import DeclarationError, ParseError
from symdyn.io._rate_laws import mass_action, split_reversible
from symdyn.models.reaction import Reaction
from symdyn.models.reactions import ReactionNetwork
from symdyn.reaction_text import MAX_COEFFICIENT
from symdyn.text.grammar import RESERVED, Scope
from symdyn.text.lexer import Token, split_statements, tokenize
from symdyn.text.rate_laws import RATE_LAWS
from symdyn.text.sides import read_side
from symdyn.text.terms import TermBuilder

__all__ = ["read_antimony"]

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_LABEL = re.compile(r"(?m)(?:^|(?<=;))([ \t]*)([A-Za-z_]\w*[ \t]*):(?!=)")
_EVENT = re.compile(r"(?m)(?:^|(?<=;))[ \t]*at\b")
_DECLARED = ("species", "compartment", "formula", "var", "const", "substanceOnly")
_NOT_READ = ("function", "import", "unit", "DNA", "gene", "operator", "delete")
_ARROWS = ("->", "=>")
_FORM = "J1: A + 2 B -> C; k*A*B, A = 3, species A, B in cell, or total := A + B"


def read_antimony(source: str | Path) -> ReactionNetwork:
    """Read a reaction network from Antimony, the text form of SBML.

    Supported are reactions with their rate laws (``->`` and ``=>``), declarations of species and compartments, values,
    assignment rules (``:=``), boundary species (``$A``) and comments.  Events, functions, submodels and rate rules raise an
    error that names them.  A species stands for its concentration, in a compartment of size 1 by default, or for its amount
    after ``substanceOnly species``; laws are propensities, and those of mass action are recognised, as by `read_sbml`.

    Parameters
    ----------
    source : str or Path
        A file, or the text of a model (with a line break or a semicolon in it).

    Returns
    -------
    ReactionNetwork

    Raises
    ------
    ParseError, DeclarationError
        If the text cannot be read.
    OSError
        If the file cannot be read.

    References
    ----------
    Smith, Bergmann, Chandran, Sauro, Bioinformatics 25, 2452 (2009).

    Examples
    --------
    >>> print(read_antimony("J1: 2 A -> B; k1*A*(A - 1); J2: B => 2 A; k2*B; A = 10; k1 = 0.5"))
    2 A -> B, k1
    B -> 2 A, k2
    """
    if isinstance(source, str) and any(c in source for c in ";\n"):
        return _Reader(source).network()
    try:
        text = Path(source).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{source}: byte {error.start} is not UTF-8; save the file as UTF-8 text") from None
    try:
        return _Reader(text).network()
    except ParseError as error:
        raise ParseError(f"{source}: {error.reason}", text, error.position) from None
    except DeclarationError as error:
        raise DeclarationError(f"{source}: {error}") from None


@dataclass
class _Arrow:
    """A reaction as tokens."""

    start: int
    reactants: dict[str, int]
    products: dict[str, int]
    reversible: bool
    law: list[Token] = field(default_factory=list)


class _Reader:
    """One model."""

    def __init__(self, text: str) -> None:
        self.text = text
        masked = _COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
        # labels and the marks of boundary species are replaced by blanks, so that positions in the text are unchanged
        masked = _LABEL.sub(lambda m: " " * len(m[0]), masked)
        if event := _EVENT.search(masked):
            raise ParseError("an event, 'at ...', is not read", text, event.end() - 2)
        self.boundary = {m[1] for m in re.finditer(r"\$[ \t]*([A-Za-z_]\w*)", masked)}
        self.terms = TermBuilder(text)
        self.arrows: list[_Arrow] = []
        self.species: dict[str, str | None] = {}
        self.compartments: set[str] = set()
        self.amounts: set[str] = set()
        self.values: dict[str, list[Token]] = {}
        self.rules: dict[str, list[Token]] = {}
        try:
            self.statements = split_statements(text, tokenize(masked.replace("$", " ")))
        except ParseError as error:
            raise ParseError(error.reason, text, error.position) from None
        while self.statements:
            self.statement(self.statements.pop(0))

    def fail(self, message: str, token: Token) -> NoReturn:
        raise ParseError(message, self.text, token.start)

    # ---- statements --------------------------------------------------------------------------------

    def statement(self, tokens: list[Token]) -> None:
        first, words = tokens[0], [t.text for t in tokens]
        if first.text in ("model", "module", "end"):
            return
        if first.text in _NOT_READ:
            self.fail(f"{first.text!r} begins a part of Antimony that is not read; a statement is {_FORM}", first)
        place = next((i for i, w in enumerate(words) if w in _ARROWS), None)
        if place is not None:
            self.reaction(tokens, place)
        elif first.text in _DECLARED and len(tokens) > 2 and tokens[1].kind == "name":
            self.declaration(tokens)
        elif len(tokens) > 3 and first.kind == "name" and words[1] in ("=", ":="):
            self.assign(first, words[1], tokens[2:])
        elif "'" in words:
            self.fail("rates of change (') are not read: a network changes by reactions alone", first)
        else:
            self.fail(f"this is not understood; a statement is {_FORM}", first)

    def assign(self, name: Token, sign: str, right: list[Token]) -> None:
        target = self.values if sign == "=" else self.rules
        if name.text in RESERVED:
            self.fail(f"{name.text} belongs to the grammar and cannot be declared; rename it", name)
        if name.text in target:
            self.fail(f"{name.text} has two values; remove one", name)
        target[name.text] = right

    def declaration(self, tokens: list[Token]) -> None:
        """``species A, $B in cell = 3``: words, then names between commas."""
        at, words = 0, set()
        while tokens[at].text in _DECLARED:
            words.add(tokens[at].text)
            at += 1
        while tokens[at].kind == "name":
            name = tokens[at]
            at += 1
            home = None
            if tokens[at].text == "in":
                home = tokens[at + 1].text
                self.compartments.add(home)
                at += 2
            if "compartment" in words:
                self.compartments.add(name.text)
            elif "species" in words or home:
                self.species[name.text] = home
                if "substanceOnly" in words:
                    self.amounts.add(name.text)
            if tokens[at].text in ("=", ":="):
                end = next(i for i in range(at, len(tokens)) if tokens[i].text == "," or tokens[i].kind == "end")
                stop = Token("end", "", tokens[end - 1].end, tokens[end - 1].end)
                self.assign(name, tokens[at].text, [*tokens[at + 1 : end], stop])
                at = end
            if tokens[at].text != ",":
                break
            at += 1
        if tokens[at].kind != "end":
            self.fail(f"expected a name, 'in', = or a comma in this declaration, got {tokens[at].text!r}", tokens[at])

    def reaction(self, tokens: list[Token], place: int) -> None:
        arrow = _Arrow(
            tokens[0].start, self.side(tokens[:place]), self.side(tokens[place + 1 : -1]), tokens[place].text == "->"
        )
        law = self.statements[0] if self.statements else tokens[-1:]
        if law[0].kind == "end" or any(t.text in ("=", ":=", *_ARROWS) for t in law) or law[0].text in ("end", *_DECLARED):
            self.fail("this reaction has no rate law; write A -> B; k*A", tokens[0])
        arrow.law = self.statements.pop(0)
        self.arrows.append(arrow)

    def side(self, tokens: list[Token]) -> dict[str, int]:
        """Numbers of molecules of one side, which may be empty."""
        counts: dict[str, int] = {}
        at = 0
        while at < len(tokens):
            count = 1
            if tokens[at].kind == "number":
                if not tokens[at].text.isdigit() or int(tokens[at].text) > MAX_COEFFICIENT:
                    self.fail(f"a coefficient must be a whole number up to {MAX_COEFFICIENT}", tokens[at])
                count = int(tokens[at].text)
                at += 1
            if at == len(tokens) or tokens[at].kind != "name":
                self.fail("expected a species", tokens[min(at, len(tokens) - 1)])
            name = tokens[at].text
            self.species.setdefault(name, None)
            counts[name] = counts.get(name, 0) + count
            at += 1
            if at < len(tokens) and tokens[at].text != "+":
                self.fail(f"expected + between species, got {tokens[at].text!r}", tokens[at])
            at += 1
        return counts

    # ---- the network -------------------------------------------------------------------------------

    def expression(self, tokens: list[Token]) -> sp.Expr:
        scope = Scope()
        found = read_side(self.terms, tokens, scope).expr
        unknown = scope.called | {name: place for name, place in scope.functions.items() if name in RATE_LAWS}
        if unknown:
            name, start = next(iter(unknown.items()))
            raise ParseError(f"{name}(...) is no function that is known", self.text, start)
        return found

    def network(self) -> ReactionNetwork:
        if not self.arrows:
            raise ParseError(f"the model has no reaction; a statement is {_FORM}", self.text, 0)
        moving = [s for s in self.species if s not in self.boundary and s not in self.rules]
        sizes = {s: self.size(s) for s in self.species}
        names = {sp.Symbol(s): sp.Symbol(s) / sizes[s] for s in self.species if s not in self.rules}
        names[sp.Symbol("time")] = sp.Symbol("t")
        rules = self.settled(names)
        laws = [put_in(put_in(self.expression(a.law), rules, "a law"), names, "a law") for a in self.arrows]
        used = {sp.Symbol(c) for c in self.compartments} & set().union(*(law.free_symbols for law in laws))
        volume = used.pop() if len(used) == 1 else sp.S.One
        states = {sp.Symbol(s) for s in moving}
        reactions = [r for a, law in zip(self.arrows, laws, strict=True) for r in self.directions(a, law, states, volume)]
        observables = {s: e * sizes.get(s.name, 1) for s, e in rules.items()}
        everything = {volume, *(s for e in (*(r.rate for r in reactions), *observables.values()) for s in e.free_symbols)}
        found = {n: self.value(n, ()) for n in self.values if n in self.species or sp.Symbol(n) in everything}
        return ReactionNetwork(
            reactions,
            {n: v for n, v in found.items() if n not in moving},
            volume=volume,
            initial={n: found[n] for n in moving if n in found},
            species=moving,
            observables=observables,
            provenance=("read from Antimony",),
        )

    def size(self, species: str) -> sp.Expr:
        """By what the number of a species is divided in formulas; a compartment of size 1 is left out."""
        home = self.species[species]
        if species in self.amounts or home is None or (home in self.values and self.value(home, ()) == 1):
            return sp.S.One
        return sp.Symbol(home)

    def settled(self, names: dict[sp.Symbol, sp.Expr]) -> dict[sp.Symbol, sp.Expr]:
        """Assignment rules by what they lean on in the end."""
        rules = written_out({sp.Symbol(n): self.expression(t) for n, t in self.rules.items()}, "rule of")
        return {s: put_in(e, names, f"the rule of {s}") for s, e in rules.items()}

    def value(self, name: str, opened: tuple[str, ...]) -> float:
        """Initial number of a species, or value of another symbol."""
        if name in opened or name not in self.values:
            what = f"go round in a circle: {' -> '.join((*opened, name))}" if name in opened else f"need {name}, which has none"
            raise DeclarationError(f"the values {what}")
        e = self.expression(self.values[name])
        swap = {s: sp.Float(self.value(s.name, (*opened, name)) / self.divisor(s.name)) for s in e.free_symbols}
        return float(e.xreplace(swap)) * self.divisor(name)

    def divisor(self, name: str) -> float:
        """Size of the compartment of a species in which concentrations are meant."""
        size = self.size(name) if name in self.species else sp.S.One
        return self.value(size.name, ()) if size.is_Symbol else 1.0

    def directions(self, a: _Arrow, law: sp.Expr, states: set[sp.Symbol], volume: sp.Expr) -> list[Reaction]:
        sides = [{s: k for n, k in side.items() if (s := sp.Symbol(n)) in states} for side in (a.reactants, a.products)]
        name = f"in line {self.text.count(chr(10), 0, a.start) + 1}"
        parts = split_reversible(law, *sides, name=name) if a.reversible else [law]
        found = []
        for part, (start, end) in zip(parts, (sides, sides[::-1]), strict=False):
            rate = mass_action(part, start, volume, states)
            found.append(Reaction(start, end, part if rate is None else rate, rate is not None))
        return found
