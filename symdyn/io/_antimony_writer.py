"""Exchange models as Antimony."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.io._formulas import as_text, node_of
from symdyn.io.exchange.model import ExchangeModel, ExchangeReaction, Trigger

__all__ = ["write"]

#: Words of Antimony 3, and names of its functions and constants, which no quantity can have.
_WORDS = """
    DNA FALSE False INF NAN NaN TRUE True abs acos acosh acot acoth acsc acsch after and arccos arccosh arccot arccoth arccsc
    arccsch arcsec arcsech arcsin arcsinh arctan arctanh area asec asech asin asinh at atan atanh avogadro bernoulli binomial
    cauchy ceil ceiling chisquare compartment const constraint cos cosh cot coth csc csch default_compartment delay delete
    divide end eq equals event exp exponential exponentiale ext extent factorial false floor formula function gamma gene
    geneProduct geq gt has implies import in inf infinity is laplace length leq ln log log10 lognormal lt max maximize min
    minimize minus model module nan neq normal not notanumber o operator or pi piecewise plus poisson pow power quotient rateOf
    rayleigh reaction rem root sec sech sin sinh species sqr sqrt substance substanceOnly tan tanh time time_unit times true
    truncatedExponential truncatedGamma truncatedNormal truncatedPoisson uniform unit var volume xor
"""
WORDS = frozenset(_WORDS.split())


def write(model: ExchangeModel) -> str:
    """The Antimony text of a model; quantities whose names are words of Antimony get an underscore, and are called by them.

    Raises
    ------
    DeclarationError
        For names that begin with two underscores, and functions that Antimony does not have.
    """
    if (own := next((s.name for s in model.quantities if s.name.startswith("__")), None)) is not None:
        raise DeclarationError(f"{own!r} belongs to Antimony and cannot name a state or parameter; rename it")
    taken = {s.name for s in (*model.quantities, *(c.symbol for c in model.changes))}
    taken |= {model.name, *(e.name for e in model.triggers)}
    swap: dict[sp.Symbol, sp.Symbol] = {}
    for s in model.quantities:
        if s.name in WORDS:
            new = s.name + "_"
            while new in taken:
                new += "_"
            taken.add(new)
            swap[s] = sp.Symbol(new)
    called = [f'{new} is "{s}"' for s, new in swap.items()]
    lines = [*_lines(model.renamed(swap) if swap else model), *called]
    return "\n".join([f"model *{model.name}()", *(f"  {line};" for line in lines), "end"]) + "\n"


def _lines(model: ExchangeModel) -> Iterator[str]:
    def text(e: Any, where: str) -> str:
        return as_text(node_of(e, model.time, where))

    kinds: dict[str, list[str]] = {"compartment": [], "substanceOnly species": [], "species": [], "const": [], "var": []}
    for s, q in model.quantities.items():
        if q.kind == "species":
            name = f"{'$' if q.boundary else ''}{s} in {q.home}"
            kinds["substanceOnly species" if q.amount else "species"].append(name)
        else:
            kinds["compartment" if q.kind == "compartment" else "const" if q.constant else "var"].append(s.name)
    yield from (f"{kind} {', '.join(names)}" for kind, names in kinds.items() if names)
    for s, q in model.quantities.items():
        if q.value is not None:
            yield f"{s} = {text(q.value, f'the initial value of {s}')}"
    for s, e in model.rates.items():
        yield f"{s}' = {text(e, f'the rate of {s}')}"
    for e in model.algebraic:
        yield f"0 = {text(e, 'an algebraic equation')}"
    for s, e in model.assigned.items():
        yield f"{s} := {text(e, f'the rule of {s}')}"
    for c in model.changes:
        yield _reaction(c, text)
    for e in model.triggers:
        yield _event(e, text)


def _reaction(c: ExchangeReaction, text: Any) -> str:
    sides = (" + ".join(f"{'' if k == 1 else f'{k} '}{s}" for s, k in side) for side in (c.reactants, c.products))
    law = "" if c.law is None else text(c.law, f"the rate of {c.symbol}")
    return f"{c.symbol}: {('->' if c.reversible else '=>').join(f' {side} ' for side in sides).strip()}; {law}"


def _event(e: Trigger, text: Any) -> str:
    what = f"the event {e.name}"
    flags = {"t0": e.initial, "persistent": e.persistent, "fromTrigger": e.from_trigger}
    said = [f"{k}={str(v).lower()}" for k, v in flags.items()]
    said += [] if e.priority is None else [f"priority={text(e.priority, what)}"]
    late = "" if e.delay == 0 else f"{text(e.delay, what)} after "
    values = ", ".join(f"{s} = {text(v, what)}" for s, v in e.assignments.items())
    return f"{e.name}: at {late}({text(e.condition, what)}), {', '.join(said)}: {values}"
