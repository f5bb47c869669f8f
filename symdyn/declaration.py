"""Reading what a user declares: symbols and expressions, checked, with messages that state how to correct them."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef, UndefinedFunction

from symdyn import dag
from symdyn.errors import DeclarationError
from symdyn.given_values import name_of
from symdyn.text.functions import ELSEWHERE, FUNCTIONS
from symdyn.text.rate_laws import RATE_LAWS
from symdyn.text.terms import ENDLESS

__all__ = [
    "RESERVED_NAMES",
    "as_symbol",
    "check_symbols",
    "derivative",
    "expression",
    "read_equations",
]

#: Atoms that no real and finite expression contains.
NOT_REAL = frozenset({sp.I, sp.nan, sp.zoo, sp.oo, -sp.oo})

#: Names of dimensions and variables that simulated datasets have; no state, parameter or observable may take them.
RESERVED_NAMES = frozenset(
    {
        "time", "trajectory", "status", "steps", "rejected", "evaluations", "first_passage", "statistic", "bin", "quantile",
        "leaps", "exact_events", "implicit_leaps", "jumps", "switches", "event", "fired", "fired_at", "firing",
    }
)  # fmt: skip


def expression(value: Any) -> sp.Expr:
    """`value` as a sympy expression; numbers become exact or floating sympy numbers, text is refused.

    Raises
    ------
    DeclarationError
        For text (use ``from_text``) and for anything that is not a scalar expression.
    """
    if isinstance(value, sp.Expr):
        return value
    if isinstance(value, numbers.Integral):
        return sp.Integer(int(value))
    if isinstance(value, numbers.Rational):
        return sp.Rational(value.numerator, value.denominator)
    if isinstance(value, numbers.Real):
        return sp.Float(float(value))
    if isinstance(value, str):
        raise DeclarationError(f"got the text {value!r} where a sympy expression belongs; text goes through from_text")
    raise DeclarationError(f"got {type(value).__name__} {value!r} where a scalar sympy expression belongs")


def derivative(e: sp.Expr, x: sp.Symbol) -> sp.Expr:
    """Partial derivative for real arguments, and where it exists: ``|x|`` has ``sign(x)``, jumps have zero.

    >>> x = sp.Symbol("x")
    >>> derivative(x * sp.Abs(x), x), derivative(sp.Heaviside(x) + sp.floor(x), x), derivative(sp.Mod(3 * x, 2), x)
    (x*sign(x) + Abs(x), 0, 3)
    """
    if x not in e.free_symbols:
        return sp.S.Zero
    if e.has(sp.Mod):
        e = e.replace(sp.Mod, lambda a, n: a - n * sp.floor(a / n))
    if not e.has(sp.Abs, sp.sign, sp.Heaviside, sp.floor, sp.ceiling, sp.Max, sp.Min):
        return e.diff(x)
    real = {s: sp.Dummy(s.name, real=True) for s in sorted(e.free_symbols, key=lambda s: s.name)}
    found = e.xreplace(real).diff(real[x])
    found = found.replace(lambda q: isinstance(q, (sp.DiracDelta, sp.Subs, sp.Derivative)), lambda q: sp.S.Zero)
    return found.xreplace({v: k for k, v in real.items()})


def as_symbol(key: Any, what: str) -> sp.Symbol:
    """`key`, a symbol, ``x(t)`` or a name, as a symbol.

    Raises
    ------
    DeclarationError
        For anything else.
    """
    if isinstance(key, sp.Symbol):
        return key
    name = name_of(key)
    if isinstance(name, str) and name.strip():
        return sp.Symbol(name.strip())
    raise DeclarationError(f"{what} must be a symbol or its name, got {key!r}")


def read_equations(
    equations: Mapping[Any, Any], time: Any, observables: Mapping[Any, Any] | None
) -> tuple[dict[sp.Symbol, Any], dict[sp.Symbol, sp.Expr], sp.Symbol]:
    """Read states, their right-hand sides, observables and the time symbol; ``x(t)`` becomes the state ``x``.

    Right-hand sides may be expressions or sequences of them (one row of a diffusion matrix).
    """
    if not isinstance(equations, Mapping) or not equations:
        raise DeclarationError("expected a non-empty mapping from each state to its right-hand side, {x: a*x - b*x*y, ...}")
    time = as_symbol(time, "time")
    swap: dict[sp.Basic, sp.Symbol] = {}
    rows: dict[sp.Symbol, Any] = {}
    for key, value in equations.items():
        if isinstance(key, AppliedUndef):
            if key.args != (time,):
                raise DeclarationError(f"the state {key} must be a function of time alone: {key.func}({time})")
            swap[key] = sp.Symbol(key.func.__name__)
            key = swap[key]
        elif isinstance(key, UndefinedFunction):
            raise DeclarationError(f"{key} is a function, not a state; write {key}({time}) or use a symbol")
        state = as_symbol(key, "a state")
        if state in rows:
            raise DeclarationError(f"the state {state} has two equations")
        rows[state] = value
    if any(s.name == time.name for s in rows):  # a species called t: time then needs a name of its own
        time = sp.Symbol("time")

    def read(value: Any) -> Any:
        if isinstance(value, (list, tuple, sp.MatrixBase)):
            return tuple(read(v) for v in value)
        return expression(value).xreplace(swap)

    observed = {as_symbol(k, "an observable"): expression(v).xreplace(swap) for k, v in (observables or {}).items()}
    rows = {s: read(v) for s, v in rows.items()}
    for sides in (rows, observed):
        plain = {s: v for s, v in sides.items() if isinstance(v, sp.Expr)}
        sides.update(zip(plain, dag.settled(plain.values()), strict=True))
    return rows, observed, time


def check_symbols(
    states: tuple[sp.Symbol, ...],
    time: sp.Symbol,
    expressions: Iterable[sp.Expr],
    observables: Mapping[sp.Symbol, sp.Expr],
    *,
    delayed: bool = False,
) -> tuple[sp.Symbol, ...]:
    """Check names and expressions, in which states may be `delayed`; return the parameters, sorted by name.

    Raises
    ------
    DeclarationError
        If two different symbols share a name, a name is reserved, or an expression is not real and scalar.
    """
    expressions = [*expressions, *(e for e in observables.values() if e not in ENDLESS.values())]
    for node in dag.nodes(expressions):
        if node in NOT_REAL:
            faulty = next(e for e in expressions if e.has(node))
            hint = "; for complex states write real and imaginary parts as two states" if node == sp.I else ""
            raise DeclarationError(f"the expression {faulty} is not real and finite{hint}")
        if isinstance(node, AppliedUndef):
            _refuse_called(node, states, time, delayed)
        if isinstance(node, (sp.Derivative, sp.Integral)):
            faulty = next(e for e in expressions if e.has(node))
            raise DeclarationError(f"the expression {faulty} contains a derivative or an integral; write it as a further state")
    free = dag.free_symbols(expressions).union(states, {time})
    by_name: dict[str, sp.Symbol] = {}
    for symbol in sorted(free, key=lambda s: (s.name, str(s._assumptions))):
        if by_name.setdefault(symbol.name, symbol) != symbol:
            raise DeclarationError(
                f"two different symbols are called {symbol.name!r} (their assumptions differ); declare it once and reuse it"
            )
    taken = RESERVED_NAMES - ({"time"} if time.name == "time" else set())
    for symbol in (*free, *observables):
        if symbol.name in taken:
            raise DeclarationError(
                f"{symbol.name!r} names a dimension or variable of every result; give the symbol another name"
            )
    for name in observables:
        if name.name in by_name:
            raise DeclarationError(f"the observable {name} has the name of a state, a parameter or time; rename it")
    return tuple(sorted(free - set(states) - {time}, key=lambda s: s.name))


def _refuse_called(call: AppliedUndef, states: tuple[sp.Symbol, ...], time: sp.Symbol, delayed: bool) -> None:
    """Refuse undefined functions whose name means something else than a term that is not known; states may be `delayed`."""
    name = call.func.__name__
    if any(s.name == name for s in states):
        if delayed:
            return
        if time in call.free_symbols and call.args != (time,):
            raise DeclarationError(
                f"{call} is the state {name} at another time; ODESystem, SDESystem and DiscreteSystem have delays, and "
                "elsewhere a chain of further states approximates one"
            )
        raise DeclarationError(f"{call} is a call of the state {name}; write the symbol {name}, or {name}({time}) everywhere")
    if (law := name.lower()) in RATE_LAWS:
        raise DeclarationError(f"{call} is no unknown term; write symdyn.{RATE_LAWS[law].signature(law)}")
    instead = {"piecewise": "sympy.Piecewise((value, condition), (otherwise, True))", "pow": "x**y", **ELSEWHERE}.get(name)
    if name in FUNCTIONS:
        known = FUNCTIONS[name]
        instead = f"the function of sympy, {known.build(*sp.symbols('x y')[: known.fewest])}"
    if instead is not None:
        raise DeclarationError(f"{call} is no unknown term, {name} is a function of the field; write {instead}")
