"""Model text to sympy by a grammar of its own: whitelisted functions and checked names, without evaluation.

One statement a line or between semicolons; ``#`` begins a comment::

    x' = a*x - b*x*y        # an equation; or dx/dt = ..., dx = f*dt + g*dW, x[t+1] = ... with random numbers dW, dW1 ...
    x'' = -x - c*x'         # of higher order, for which x' becomes a state x_dot; its initial value: x'(0) = 1
    a = 8/3                 # the value of a parameter
    x(0) = 30               # an initial value, also of parameters and other initial values: y(0) = 2*a - x
    x(t <= 0) = cos(t)      # of a state with a delay, x(t - 1) in an expression, what it was before
    total := x + y          # an observable
    0 = z + z^3 - x for z   # an algebraic equation, and the state that it determines
    when x > 9, x = 0       # an event, see `symdyn.text.events`
    f := network(16, 16, weights_6b1f...)   # which trained network f(x, y) is; its weights are in a file
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from symdyn.errors import ParseError
from symdyn.registry import suggest
from symdyn.text.algebraic import is_algebraic, read_algebraic
from symdyn.text.derivatives import derivative_name
from symdyn.text.events import EventText, is_event, read_event
from symdyn.text.functions import SOFT
from symdyn.text.grammar import RESERVED, Scope
from symdyn.text.lexer import MAX_NAME, MAX_TEXT, Token, split_statements, tokenize
from symdyn.text.sides import read_condition_side, read_side
from symdyn.text.statements import NOISE, PRIME, Statement, first_differential, is_differential, left_side
from symdyn.text.terms import ENDLESS, Node, TermBuilder
from symdyn.text.weights import WeightsText, is_network, read_network

__all__ = ["MAX_TEXT", "ModelText", "parse_condition", "parse_expression", "parse_model"]

_STYLES = {"prime": "x' = ...", "next": "x[t+1] = ...", "differential": "dx = f*dt + g*dW"}


@dataclass(frozen=True)
class ModelText:
    """Content of a model text.

    Attributes
    ----------
    equations : dict of str to Expr
        Right-hand side of each state, in order; for stochastic equations the drift.
    style : {'prime', 'next', 'differential'}
        Whether equations were written ``x' =`` (or ``dx/dt =``), ``x[t+1] =`` or ``dx = f*dt + g*dW``.
    noise : dict of str to dict of str to Expr
        For each state with noise, the coefficient of each ``dW``.
    parameters : dict of str to float
    initial : dict of str to float or Expr
    observables : dict of str to Expr
    events : list of EventText
    orders : dict of str to int
        Of states whose equation is of order 2 or more; `equations` are of first order, with the derivatives as states.
    algebraic : dict of str to Expr
        What is 0, of each state that an algebraic equation determines.
    history : dict of str to Expr
        States before the first time.
    networks : dict of str to WeightsText
        Which of the functions are trained networks.
    history_span : (float, float) or None
        From when to when histories are known, if not always.

    Examples
    --------
    >>> model = parse_model("dx = -k*x*dt + s*dW; k = 2; x(0) = 1")
    >>> model.style, model.equations, model.noise
    ('differential', {'x': -k*x}, {'x': {'dW': s}})
    >>> model.parameters, model.initial
    ({'k': 2.0}, {'x': 1.0})
    """

    equations: dict[str, sp.Expr]
    style: str
    noise: dict[str, dict[str, sp.Expr]]
    parameters: dict[str, float]
    initial: dict[str, Any]
    observables: dict[str, sp.Expr]
    events: list[EventText] = field(default_factory=list)
    orders: dict[str, int] = field(default_factory=dict)
    algebraic: dict[str, sp.Expr] = field(default_factory=dict)
    history: dict[str, sp.Expr] = field(default_factory=dict)
    networks: dict[str, WeightsText] = field(default_factory=dict)
    history_span: tuple[float, float] | None = None


def parse_expression(text: str, *, delays: bool = False) -> sp.Expr:
    """Read one expression; names become plain symbols, other calls unknown terms.

    Parameters
    ----------
    text : str
    delays : bool
        Whether a name may be called as well, as a state and what it was, ``x*x(t - 1)``.

    Raises
    ------
    ParseError
        Pointing at the first place that does not fit the grammar.

    Examples
    --------
    >>> parse_expression("8/3*x^2 - f(x, S)")
    8*x**2/3 - f(x, S)
    """
    tokens = _only_statement(text, "a*x")
    scope = Scope()
    node = read_side(TermBuilder(text), tokens, scope)
    if not delays:
        check_calls(text, scope)
    return node.expr


def parse_condition(text: str, operators: Collection[str] = ()) -> sp.Basic:
    """Read one condition; names become plain symbols, and calls of `operators` unknown functions of those names.

    Raises
    ------
    ParseError
        With the first position that does not fit the grammar, also for text in place of a number.

    Examples
    --------
    >>> parse_condition("X <= 0 or X + Y > 2*N")
    (X <= 0) | (X + Y > 2*N)
    """
    tokens = _only_statement(text, "X <= 0")
    scope = Scope()
    node = read_condition_side(TermBuilder(text), tokens, scope)
    unknown = {name: place for name, place in scope.called.items() if name not in operators}
    if unknown:
        name, place = next(iter(unknown.items()))
        raise ParseError(f"a condition has no unknown terms; {name}(...) has no value here", text, place)
    return node.expr


def _only_statement(text: str, example: str) -> list[Token]:
    """The tokens of a text that is one expression."""
    statements = split_statements(text, tokenize(text))
    if not statements:
        raise ParseError(f"the expression is empty; write one, such as {example}", text, 0)
    if len(statements) > 1:
        message = "expected one expression; a line goes on while a bracket is open or after an operator"
        raise ParseError(message, text, statements[1][0].start)
    return statements[0]


def parse_model(text: str, characters: int = MAX_TEXT) -> ModelText:
    """Read a model of so many characters at most.

    Raises
    ------
    ParseError
        Pointing at the first place that could not be read, or that contradicts an earlier statement.

    Examples
    --------
    >>> model = parse_model("x' = a*x*(1 - x/K); a = 1/2; x(0) = 0.1")
    >>> model.equations, model.parameters, model.initial
    ({'x': a*x*(1 - x/K)}, {'a': 0.5}, {'x': 0.1})
    """
    listed = split_statements(text, tokenize(text, characters))
    others = [tokens for tokens in listed if not is_event(tokens) and not is_network(tokens)]
    statements = [left_side(text, tokens) for tokens in others if not is_algebraic(tokens)]
    statements += _algebraic(text, [tokens for tokens in others if is_algebraic(tokens)], statements)
    style, scope = _declarations(text, statements)
    terms = TermBuilder(text)
    observables = {s.name for s in statements if s.kind == "observable"}
    model = ModelText({}, style, {}, {}, {}, {}, history_span=_history_span(text, statements))
    for statement in statements:
        if (value := _endless(statement, scope)) is not None:
            model.observables[statement.name] = value
            continue
        node = read_side(terms, statement.right, scope)
        if statement.kind == "parameter":
            model.parameters[statement.name] = constant(text, statement, node, scope)
            continue
        if statement.kind == "initial":
            model.initial[statement.name] = start(text, statement, node, scope, observables)
            continue
        if statement.kind == "history":
            model.history[statement.name] = node.expr
            continue
        if statement.kind in ("observable", "algebraic"):
            _refuse_noise(text, statement.right)
        if statement.kind == "observable":
            model.observables[statement.name] = node.expr
            continue
        if statement.kind == "algebraic":
            model.algebraic[statement.name] = node.expr
            continue
        drift, noise = _split(text, statement, node.expr)
        name = statement.name
        for k in range(1, scope.orders.get(name, 1)):
            model.orders[name] = k + 1
            model.equations[derivative_name(name, k - 1)] = sp.Symbol(derivative_name(name, k))
        last = derivative_name(name, model.orders.get(name, 1) - 1)
        model.equations[last] = drift
        if noise:
            model.noise[last] = noise
    model.events.extend(read_event(text, tokens, terms, scope) for tokens in listed if is_event(tokens))
    check_calls(text, scope)
    for tokens in listed:
        if is_network(tokens):
            _add_network(text, read_network(text, tokens), model, scope)
    for name, order in model.orders.items():
        for k in range(1, order):
            if (place := scope.used.get(further := derivative_name(name, k))) is not None:
                message = f"{further} is the derivative {name}{k * PRIME} here; write {name}{k * PRIME}, or rename it"
                raise ParseError(message, text, place)
    return model


def _add_network(text: str, found: WeightsText, model: ModelText, scope: Scope) -> None:
    if found.name in model.networks:
        raise ParseError(f"{found.name} has two networks; remove one", text, found.place)
    if found.name not in scope.called:
        raise ParseError(f"no equation contains the network {found.name}, such as {found.name}(x)", text, found.place)
    model.networks[found.name] = found


def _algebraic(text: str, listed: list[list[Token]], statements: list[Statement]) -> list[Statement]:
    """Algebraic equations as statements, given the others."""
    declared, begun = {"t"}, set()
    for s in statements:
        if s.kind in ("initial", "history"):
            begun.add(s.name)
        else:
            declared |= {derivative_name(s.name, k) for k in range(max(1, s.order))}
    found = read_algebraic(text, listed, declared, begun)
    return [Statement("algebraic", e.unknown, e.right[0].start, e.right) for e in found]


def check_calls(text: str, scope: Scope) -> None:
    for name, place in (scope.called | scope.functions).items():
        if name in scope.used:
            raise ParseError(f"{name} is also used as a plain name; write {name}*(...) for a product", text, place)


def _history_span(text: str, statements: list[Statement]) -> tuple[float, float] | None:
    """When all histories are known, if not always."""
    if len(spans := {s.span: s.start for s in statements if s.kind == "history"}) > 1:
        raise ParseError("histories are known at different times; write the same for all", text, max(spans.values()))
    return next(iter(spans), None)


def _declarations(text: str, statements: list[Statement]) -> tuple[str, Scope]:
    """The style and the declared names; a contradiction between statements is an error at the second one."""
    declared: dict[str, str] = {}
    initial: set[tuple[str, str]] = set()
    style = index = None
    for s in statements:
        if s.kind in ("initial", "history"):
            if (s.kind, s.name) in initial:
                what = "initial values" if s.kind == "initial" else "histories"
                raise ParseError(f"{s.name} has two {what}; remove one", text, s.start)
            initial.add((s.kind, s.name))
            continue
        kind = s.kind if s.kind in ("parameter", "observable") else "state"
        if kind == "state" and s.kind != "algebraic":
            style, index = style or s.kind, index or s.index
            if s.kind != style:
                message = f"the model began with {_STYLES[style]} and has {_STYLES[s.kind]} here; write all alike"
                raise ParseError(message, text, s.start)
            if s.index != index:
                raise ParseError(f"the time step is {index} above and {s.index} here; use one name", text, s.start)
        if s.name in declared:
            before = declared[s.name]
            twice = {"state": "has two equations", "parameter": "has two values"}.get(kind, "is declared twice")
            message = f"{s.name} {twice}" if before == kind else f"{s.name} is a {kind} here and a {before} above"
            raise ParseError(f"{message}; remove or rename one", text, s.start)
        if kind != "state" and (NOISE.fullmatch(s.name) or (s.name == "dt" and style == "differential")):
            raise ParseError(f"{s.name} is a differential and has no value; rename it", text, s.start)
        declared[s.name] = kind
    orders = {s.name: s.order for s in statements if s.kind == "prime" and s.order > 1}
    further = {name: [derivative_name(name, k) for k in range(1, n)] for name, n in orders.items()}
    states = [s for name, kind in declared.items() if kind == "state" for s in (name, *further.get(name, ()))]
    for s in statements:
        last = derivative_name(s.name, s.order - 1) if s.kind == "prime" and s.order > 1 else ""
        if len(last) > MAX_NAME or "__" in last:
            message = (
                f"the derivatives of {s.name} are states {derivative_name(s.name, 1)} ..., which are no names; rename {s.name}"
            )
            raise ParseError(message, text, s.start)
    derivatives = {*itertools.chain(*further.values())}
    for s in statements:
        if s.kind not in ("initial", "history") and s.name in derivatives:
            message = f"{s.name} is a derivative, a state that an equation of higher order brings in; rename this one"
            raise ParseError(message, text, s.start)
    if style is None and any(s.kind == "algebraic" for s in statements):
        style = "prime"
    if style is None:
        place = statements[0].start if statements else 0
        raise ParseError("the model has no equation; write one, such as x' = -a*x", text, place)
    for s in statements:
        if s.kind in ("initial", "history") and s.name not in states:
            what = "an initial value" if s.kind == "initial" else "a history"
            message = f"{s.name} has {what} but no equation; the states: {', '.join(states[:20])}."
            if s.order:
                message = "a derivative has an initial value where an equation is of higher order, such as x'' = ..."
                raise ParseError(message, text, s.start)
            raise ParseError(message + suggest(s.name, states), text, s.start)
    if index in declared:
        place = next(s.start for s in statements if s.name == index and s.kind != "initial")
        raise ParseError(f"{index} is the time step and cannot be a {declared[str(index)]}; rename one", text, place)
    histories = any(kind == "history" for kind, _ in initial)
    known = dict.fromkeys(states), {n: kind for n, kind in declared.items() if kind != "state"}
    return style, Scope(*known, index, orders, histories)


# ---- right sides -----------------------------------------------------------------------------------


def constant(text: str, statement: Statement, node: Node, scope: Scope) -> float:
    constants = RESERVED if "pi" in scope.states or "pi" in scope.parameters else RESERVED | {"pi"}
    token = next((t for t in statement.right if t.kind == "name" and t.text not in constants | SOFT), None)
    if token is not None or node.value is None:
        token = token or statement.right[0]
        message = f"the value of {statement.name} must be a number, such as 8/3, without names; got {token.text}"
        raise ParseError(message, text, token.start)
    return node.value


def _endless(statement: Statement, scope: Scope) -> sp.Expr | None:
    """The value of an observable that is an endless constant, ``P := oo``, as files declare them."""
    if statement.kind != "observable" or {"oo", "nan"} & {*scope.states, *scope.parameters}:
        return None
    return ENDLESS.get("".join(t.text for t in statement.right))


def start(text: str, statement: Statement, node: Node, scope: Scope, observables: Collection[str] = ()) -> float | sp.Expr:
    """An initial value: a number, or an expression of parameters and other states, which stand for their initial values."""
    if node.value is not None:
        return node.value
    for token in statement.right:
        wrong = "is drawn in every step" if NOISE.fullmatch(token.text) and token.kind == "name" else None
        wrong = "is an observable" if token.kind == "name" and token.text in observables else wrong
        wrong = "is an unknown term" if scope.called.get(token.text) == token.start else wrong
        wrong = "is the time step" if token.kind == "name" and token.text == scope.index else wrong
        if wrong:
            message = f"an initial value depends on parameters and on initial values of other states only; {token.text} {wrong}"
            raise ParseError(message, text, token.start)
    return node.expr


def _refuse_noise(text: str, tokens: list[Token]) -> None:
    # dt is a good name for a parameter of a map; dW is always noise
    if found := first_differential(tokens, NOISE.fullmatch):
        message = f"observables have no noise; remove {found.text}"
        raise ParseError(message, text, found.start)


def _split(text: str, statement: Statement, expr: sp.Expr) -> tuple[sp.Expr, dict[str, sp.Expr]]:
    """Drift and noise coefficients of a right side."""
    if statement.kind == "next":
        return expr, {}
    found = first_differential(statement.right)
    place = found.start if found else statement.right[0].start
    coefficients = _linear(expr)
    if coefficients is None:
        message = "the right side must be a sum of terms, each with at most one factor dt or dW"
        raise ParseError(f"{message}; write f*dt + g*dW", text, place)
    if statement.kind == "differential":
        if coefficients.pop("", sp.S.Zero) != 0:
            message = f"a term has neither dt nor dW; write d{statement.name} = f*dt + g*dW"
            raise ParseError(message, text, statement.right[0].start)
        drift = coefficients.pop("dt", sp.S.Zero)
    else:
        if "dt" in coefficients:
            message = f"dt belongs to d{statement.name} = f*dt + g*dW; {statement.name}' = ... is the derivative itself"
            raise ParseError(message, text, place)
        drift = coefficients.pop("", sp.S.Zero)
    return drift, dict(sorted(coefficients.items()))


def _linear(expr: sp.Expr) -> dict[str, sp.Expr] | None:
    """Coefficient of each differential in `expr` (key '' for none), or None if it is not linear in them."""
    collected: dict[str, list[sp.Expr]] = {}
    for term in sp.Add.make_args(expr):
        factors = sp.Mul.make_args(term)
        marked = [f for f in factors if any(is_differential(s.name) for s in f.free_symbols)]
        plain = [f for f in factors if f not in marked]
        if not marked:
            collected.setdefault("", []).append(term)
            continue
        if len(marked) > 1 or not (marked[0].is_Symbol or marked[0].is_Add):
            return None
        inner = {marked[0].name: sp.S.One} if marked[0].is_Symbol else _linear(marked[0])
        if inner is None:
            return None
        for name, coefficient in inner.items():
            collected.setdefault(name, []).append(sp.Mul(*plain, coefficient))
    return {name: sp.Add(*parts) for name, parts in collected.items()}
