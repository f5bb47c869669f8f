"""Text of reaction networks: one reaction a line, read by the grammar of models, without evaluation.

::

    0 -> X, k0                    # mass action: the rate constant follows
    2 X + Y -> 3 X, k1
    X <-> Y, k2, k3               # both directions
    X => 0, Vm*X/(K + X)          # the complete propensity, in molecule numbers
    G -> G + geometric(b) P, kp   # a burst: a random number of molecules
    A -> B, k delay 5             # B appears 5 units of time after A has gone
    A -> B, k delay 5 consuming false   # A stays until then
    volume V                      # the volume of mass action
    k0 = 1.5; X(0) = 10; V = 100  # values, as in other models; Y(0) = 2*n follows the parameter n
    total := X + Y                # an observable; rates and events may use it
    when X > 50 and t < 9, X = 0  # an event: at the moment when the condition becomes true
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from symdyn.dag import put_in, written_out
from symdyn.errors import DeclarationError, ParseError
from symdyn.parsing import check_calls, constant, start
from symdyn.text.events import EventText, clauses, closed, flag, is_event, read_event, split_at_commas
from symdyn.text.grammar import RESERVED, Scope
from symdyn.text.lexer import MAX_TEXT, Token, split_statements, tokenize
from symdyn.text.sides import read_side
from symdyn.text.statements import left_side
from symdyn.text.terms import TermBuilder
from symdyn.text.weights import is_network

__all__ = ["BURSTS", "MAX_COEFFICIENT", "NetworkText", "ReactionText", "has_reactions", "parse_network"]

#: Distributions of a random number of molecules, each given by its mean.
BURSTS = ("geometric", "poisson")
_ARROWS = ("->", "=>", "<->", "<=>")
#: Most molecules of a species on one side of a reaction.
MAX_COEFFICIENT = 1000
_VOLUME = "volume"
_FORM = "A + 2 B -> C, k (mass action), A => C, k*A (propensity), A <-> B, k1, k2"


@dataclass(frozen=True)
class ReactionText:
    """One direction of a reaction: numbers of molecules by name, bursts as (distribution, mean), its rate and its delay."""

    reactants: dict[str, int]
    products: dict[str, int]
    bursts: dict[str, tuple[str, sp.Expr]]
    rate: sp.Expr
    mass_action: bool
    delay: sp.Expr = sp.S.Zero
    consuming: bool = True


@dataclass(frozen=True)
class NetworkText:
    """Content of the text of a network; `species` in order of appearance, observables substituted where they are used."""

    reactions: list[ReactionText]
    species: list[str]
    parameters: dict[str, float]
    initial: dict[str, Any]
    observables: dict[str, sp.Expr]
    events: list[EventText]
    volume: str | None


@dataclass
class _Complex:
    """One side of a reaction."""

    counts: dict[str, int] = field(default_factory=dict)
    bursts: dict[str, tuple[str, list[Token]]] = field(default_factory=dict)
    order: dict[str, Token] = field(default_factory=dict)


@dataclass(frozen=True)
class _Arrow:
    """A reaction as tokens: its sides, the arrow, and the tokens of each rate."""

    left: _Complex
    right: _Complex
    arrow: Token
    rates: list[list[Token]]


def has_reactions(text: str, characters: int = MAX_TEXT) -> bool:
    """Whether the text, of so many characters at most, contains an arrow."""
    return any(t.text in _ARROWS for t in tokenize(text, characters))


def parse_network(text: str, characters: int = MAX_TEXT) -> NetworkText:
    """Read a network of so many characters at most.

    Raises
    ------
    ParseError
        Pointing at the first place that could not be read, or that contradicts an earlier statement.

    Examples
    --------
    >>> network = parse_network("2 X + Y -> 3 X, k1; X => 0, k2*X; X(0) = 4")
    >>> network.species, network.reactions[0].reactants, network.reactions[1].rate
    (['X', 'Y'], {'X': 2, 'Y': 1}, X*k2)
    """
    arrows, others, moments, volume = [], [], [], None
    for tokens in split_statements(text, tokenize(text, characters)):
        if is_network(tokens):
            raise ParseError(
                "a reaction network has no trained networks in its text; put them in with with_terms", text, tokens[0].start
            )
        place = next((i for i, t in enumerate(tokens) if t.text in _ARROWS), None)
        if place is not None:
            arrows.append(_arrow(text, tokens, place))
        elif is_event(tokens):
            moments.append(tokens)
        elif tokens[0].text == _VOLUME and [t.kind for t in tokens[1:]] == ["name", "end"]:
            if volume is not None:
                raise ParseError("the volume is declared twice; remove one", text, tokens[0].start)
            volume = tokens[1].text
        elif not any(t.text in ("=", ":=") for t in tokens):
            raise ParseError(f"this states nothing; a reaction is written {_FORM}", text, tokens[0].start)
        else:
            others.append(left_side(text, tokens))
    if not arrows:
        place = others[0].start if others else 0
        raise ParseError(f"the network has no reaction; write one, such as {_FORM}", text, place)
    order: dict[str, None] = {}
    for a in arrows:
        order |= dict.fromkeys((*a.left.order, *a.right.order))
    order |= {s.name: None for s in others if s.kind == "initial"}  # a catalyst may occur only in rates
    species = list(order)
    network = NetworkText([], species, {}, {}, {}, [], volume)
    observables = [s.name for s in others if s.kind == "observable"]
    declared = dict.fromkeys(s.name for s in others if s.kind in ("parameter", "observable"))
    scope, terms = Scope(order, declared), TermBuilder(text)
    for s in others:
        if s.kind not in ("parameter", "initial", "observable"):
            raise ParseError(f"an equation has no place in a network; a reaction is written {_FORM}", text, s.start)
        if s.kind == "initial" and s.order:
            raise ParseError("numbers of molecules have no derivatives; write X(0) = ... for an initial value", text, s.start)
        if s.kind != "initial" and s.name in order:
            message = f"{s.name} is a species here; write {s.name}(0) = ... for its initial value, or rename one"
            raise ParseError(message, text, s.start)
        target = {"parameter": network.parameters, "initial": network.initial, "observable": network.observables}[s.kind]
        if s.name in target or (s.kind != "initial" and (s.name in network.parameters or s.name in network.observables)):
            raise ParseError(f"{s.name} is declared twice; remove one", text, s.start)
        node = read_side(terms, s.right, scope)
        if s.kind == "initial":
            target[s.name] = start(text, s, node, scope, observables)
        else:
            target[s.name] = node.expr if s.kind == "observable" else constant(text, s, node, scope)
    for a in arrows:
        network.reactions.extend(_directions(text, a, terms, scope))
    network.events.extend(read_event(text, tokens, terms, scope) for tokens in moments)
    check_calls(text, scope)
    return _with_observables_put_in(text, network, {s.name: s.start for s in others})


def _with_observables_put_in(text: str, network: NetworkText, places: dict[str, int]) -> NetworkText:
    """The network with observables written out in rates, events and other observables."""
    if not network.observables:
        return network
    try:
        assigned = written_out({sp.Symbol(name): e for name, e in network.observables.items()}, "observable")
        return replace(
            network,
            reactions=[
                replace(r, rate=put_in(r.rate, assigned, "a rate"), delay=put_in(r.delay, assigned, "a delay"))
                for r in network.reactions
            ],
            events=[
                replace(
                    e,
                    trigger=put_in(e.trigger, assigned, "a condition"),
                    assignments={k: put_in(v, assigned, f"the new value of {k}") for k, v in e.assignments.items()},
                    options={k: v if isinstance(v, bool) else put_in(v, assigned, k) for k, v in e.options.items()},
                )
                for e in network.events
            ],
            observables={k.name: v for k, v in assigned.items()},
        )
    except DeclarationError as error:
        named = (place for name, place in places.items() if str(error).startswith(f"the observable {name} "))
        raise ParseError(str(error), text, next(named, 0)) from None


def _directions(text: str, a: _Arrow, terms: TermBuilder, scope: Scope) -> list[ReactionText]:
    """The one or two reactions of an arrow."""
    rates, timings = [], []
    for tokens in a.rates:
        first, found = clauses(text, tokens, ("delay", "consuming"), f"a reaction is written {_FORM}, A -> B, k delay 5")
        rates.append(read_side(terms, closed(first), scope).expr)
        timing: dict[str, Any] = {}
        for word, value in found:
            timing[word.text] = (
                flag(text, word, value) if word.text == "consuming" else read_side(terms, closed(value), scope).expr
            )
        timings.append(timing)
    mass_action = a.arrow.text in ("->", "<->")

    def side(c: _Complex) -> dict[str, tuple[str, sp.Expr]]:
        return {name: (kind, read_side(terms, tokens, scope).expr) for name, (kind, tokens) in c.bursts.items()}

    if a.left.bursts:
        name = next(iter(a.left.bursts))
        raise ParseError(f"a burst of {name} can only be produced; move it to the right side", text, a.left.order[name].start)
    forward = ReactionText(a.left.counts, a.right.counts, side(a.right), rates[0], mass_action, **timings[0])
    if a.arrow.text in ("->", "=>"):
        return [forward]
    if a.right.bursts:
        raise ParseError("a reaction with a burst cannot be reversed; write both directions", text, a.arrow.start)
    return [forward, ReactionText(a.right.counts, a.left.counts, {}, rates[1], mass_action, **timings[1])]


def _arrow(text: str, tokens: list[Token], place: int) -> _Arrow:
    """Split the tokens of a reaction at its arrow and at the commas outside brackets."""
    arrow, end = tokens[place], tokens[-1]
    second = next((t for t in tokens[place + 1 :] if t.text in _ARROWS), None)
    if second is not None:
        raise ParseError("a second arrow in one statement; one reaction a line", text, second.start)
    parts = split_at_commas(tokens[place + 1 : -1])
    wanted = 2 if arrow.text in ("<->", "<=>") else 1
    if len(parts) - 1 != wanted or not all(parts[1:]):
        what = "two rates, forward and back" if wanted == 2 else "one rate"
        message = f"expected {what} after a comma; a reaction is written {_FORM}"
        raise ParseError(message, text, end.start if len(parts) <= wanted else parts[-1][0].start if parts[-1] else end.start)
    sides = _complex(text, tokens[:place], arrow), _complex(text, parts[0], arrow)
    return _Arrow(*sides, arrow, parts[1:])


def _complex(text: str, tokens: list[Token], arrow: Token) -> _Complex:
    """Read ``0`` or a sum of species with integer coefficients, and bursts such as ``geometric(b) P``."""
    found = _Complex()
    if not tokens:
        raise ParseError(f"a side of {arrow.text} is empty; write 0 for nothing", text, arrow.start)
    if len(tokens) == 1 and tokens[0].text == "0":
        return found
    at = 0
    while True:
        count, burst = 1, None
        if at < len(tokens) and tokens[at].kind == "number":
            count = _coefficient(text, tokens[at])
            at += 1 + (at + 1 < len(tokens) and tokens[at + 1].text == "*")
        elif at + 1 < len(tokens) and tokens[at].text in BURSTS and tokens[at + 1].text == "(":
            burst, at = _burst(tokens, at)
        name = tokens[at] if at < len(tokens) else arrow
        if name.kind != "name":
            raise ParseError(f"expected a species, got {name.text!r}; a reaction is written {_FORM}", text, name.start)
        if name.text in RESERVED:
            raise ParseError(f"{name.text} belongs to the grammar and cannot be a species; rename it", text, name.start)
        found.order.setdefault(name.text, name)
        if burst is None:
            found.counts[name.text] = found.counts.get(name.text, 0) + count
        elif name.text in found.bursts:
            raise ParseError(f"two bursts of {name.text} in one reaction; write two reactions", text, name.start)
        else:
            found.bursts[name.text] = burst
        at += 1
        if at == len(tokens):
            return found
        if tokens[at].text != "+":
            long = at == len(tokens) - 1 and tokens[at].text in ("-", "<")
            what = (
                f"the arrow of a reaction is {', '.join(_ARROWS)}"
                if long
                else f"expected + between species, got {tokens[at].text!r}"
            )
            message = f"{what}; a reaction is written {_FORM}"
            raise ParseError(message, text, tokens[at].start)
        at += 1


def _coefficient(text: str, token: Token) -> int:
    if not token.text.isdigit() or not 1 <= int(token.text) <= MAX_COEFFICIENT:
        message = f"a coefficient must be a whole number from 1 to {MAX_COEFFICIENT}, got {token.text}"
        raise ParseError(message, text, token.start)
    return int(token.text)


def _burst(tokens: list[Token], at: int) -> tuple[tuple[str, list[Token]], int]:
    """The distribution and the tokens of its mean; brackets are known to match."""
    begin, depth, end = at + 2, 1, at + 2
    while depth:
        depth += (tokens[end].text == "(") - (tokens[end].text == ")")
        end += 1
    inside = tokens[begin : end - 1]
    stop = tokens[end - 1].start
    following = end + (end < len(tokens) and tokens[end].text == "*")
    return (tokens[at].text, [*inside, Token("end", "", stop, stop)]), following
