r"""Outputs of systems as a graph of operations on power series in time, exactly as declared.

Every node of the graph of right-hand sides, outputs and initial values becomes an operation whose series follows from those of
its operands: sums, products, quotients, exponentials, logarithms, roots, sines and cosines (`symdyn.analysis.residue_series`
computes them).  Exponentials are powers of exponentials of monomials, between which there is no algebraic relation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import gcd
from typing import Any, NamedTuple

import sympy as sp

from symdyn import dag
from symdyn.errors import DeclarationError
from symdyn.paths import Path, PathSlope

__all__ = ["ObservedSystem", "OutputSeries", "SeriesNode"]

#: Functions that are written by exponentials, or by sines and cosines.
BY_OTHERS = {
    sp.sinh: sp.exp, sp.cosh: sp.exp, sp.tanh: sp.exp, sp.coth: sp.exp, sp.sech: sp.exp, sp.csch: sp.exp,
    sp.tan: sp.cos, sp.cot: sp.cos, sp.sec: sp.cos, sp.csc: sp.cos,
}  # fmt: skip
#: Powers with symbols in their exponents that may stand inside of each other.
NESTED = 8
KNOWN = "polynomials, quotients, powers, exp, log, sin, cos, tan, sinh, cosh and tanh"


class ObservedSystem(NamedTuple):
    """A system that is observed: states with right-hand sides and initial values, and outputs.

    Attributes
    ----------
    drift : mapping of Symbol to Expr
    starts : mapping of Symbol to Expr
        Of each state, by parameters and further symbols.
    outputs : tuple of Expr
    time : Symbol
    """

    drift: Mapping[sp.Symbol, sp.Expr]
    starts: Mapping[sp.Symbol, sp.Expr]
    outputs: tuple[sp.Expr, ...]
    time: sp.Symbol


class SeriesNode(NamedTuple):
    """An operation, the numbers of the nodes that it acts on, and what else it needs: a number, a place or a name."""

    op: str
    args: tuple[int, ...] = ()
    data: Any = None


class OutputSeries:
    """The graph of some experiments, whose outputs are expanded at random points.

    Parameters
    ----------
    experiments : sequence of ObservedSystem
        Without common states.
    unknowns : sequence of Symbol
        By which outputs are differentiated.  Every other symbol is a known number, in general position.

    Attributes
    ----------
    degree : int
        Largest degree of numerators and denominators of the right-hand sides and outputs, over a common denominator each.

    Raises
    ------
    DeclarationError
        For functions that are not analytic, or unknown here.
    """

    def __init__(self, experiments: Sequence[ObservedSystem], unknowns: Sequence[sp.Symbol]) -> None:
        self.unknowns = tuple(unknowns)
        self.nodes: list[SeriesNode] = []
        self._numbers: dict[SeriesNode, int] = {}
        self._values: dict[sp.Basic, int] = {}
        self._place = {s: j for j, s in enumerate(unknowns)}
        exact = [[_exact(e) for e in (*x.drift.values(), *x.starts.values(), *x.outputs)] for x in experiments]
        self._units = _exponents(e for sides in exact for e in sides)
        self.states: list[int] = []
        self.drift: list[int] = []
        self.starts: list[int] = []
        self.outputs: list[int] = []
        for x in experiments:
            for s in x.drift:
                self._values[s] = self._node("state", (), len(self.states))
                self.states.append(self._values[s])
            self._values[x.time] = self._node("time")
        for x, sides in zip(experiments, exact, strict=True):
            n = len(x.drift)
            found = [self._value(e) for e in sides]
            self.drift += found[:n]
            self.starts += found[n : 2 * n]
            self.outputs += found[2 * n :]
        self.still = self._constant()
        self.degree = self._degree()

    # ---- the graph -------------------------------------------------------------------------------------------

    def _node(self, op: str, args: tuple[int, ...] = (), data: Any = None) -> int:
        node = SeriesNode(op, args, data)
        if node not in self._numbers:
            self._numbers[node] = len(self.nodes)
            self.nodes.append(node)
        return self._numbers[node]

    def _value(self, e: sp.Expr) -> int:
        for part in dag.nodes([e]):  # operands first, so that the recursion is not deep
            if isinstance(part, sp.Expr) and part not in self._values:
                self._values[part] = self._lower(part)
        return self._values[e]

    def _of(self, e: sp.Expr) -> int:
        return self._values[e] if e in self._values else self._value(e)

    def _lower(self, e: sp.Expr) -> int:
        if e.is_Rational:
            return self._node("const", (), Fraction(int(e.p), int(e.q)))
        if isinstance(e, Path):
            return self._node("input", (), e.name)
        if isinstance(e, PathSlope):
            return self._node("slope", (self._node("input", (), e.path.name),))
        if isinstance(e, sp.Symbol):
            return self._node("unknown", (), self._place[e]) if e in self._place else self._node("known", (), e.name)
        if e.is_NumberSymbol:
            return self._node("known", (), str(e))
        if e.is_Add or e.is_Mul:
            return self._folded(e)
        if e.is_Pow and e.exp.is_Rational:
            return self._rational_power(self._of(e.base), Fraction(int(e.exp.p), int(e.exp.q)))
        if isinstance(e, sp.exp):
            return self._exponential(e.args[0])
        if isinstance(e, sp.log):
            return self._node("log", (self._of(e.args[0]),))
        if isinstance(e, (sp.sin, sp.cos)):
            return self._node(e.func.__name__, (self._of(e.args[0]),))
        raise DeclarationError(f"identifiability does not know {e.func.__name__} in {e}; it knows {KNOWN}")

    def _folded(self, e: sp.Expr) -> int:
        over, under = [], []
        for a in e.args:
            if e.is_Mul and a.is_Pow and a.exp.is_Rational and a.exp.is_negative:
                under.append(self._of(1 / a))
            else:
                over.append(self._of(a))
        op = "add" if e.is_Add else "mul"
        result = self._chain(op, over) if over else self._node("const", (), Fraction(1))
        return self._node("div", (result, self._chain("mul", under))) if under else result

    def _chain(self, op: str, values: list[int]) -> int:
        result = values[0]
        for k in values[1:]:
            result = self._node(op, (result, k))
        return result

    def _rational_power(self, base: int, exponent: Fraction) -> int:
        if exponent < 0:
            return self._node("div", (self._node("const", (), Fraction(1)), self._rational_power(base, -exponent)))
        if exponent.denominator > 1:
            return self._node("root", (base,), exponent)
        n = exponent.numerator
        if n <= 1:
            return base if n else self._node("const", (), Fraction(1))
        half = self._rational_power(base, Fraction(n // 2))
        square = self._node("mul", (half, half))
        return self._node("mul", (square, base)) if n % 2 else square

    def _exponential(self, argument: sp.Expr) -> int:
        """By powers of exponentials of monomials, between which there is no algebraic relation."""
        factors = []
        for term in sp.Add.make_args(sp.expand(argument)):
            c, monomial = term.as_coeff_Mul()
            unit = self._units[monomial]
            base = self._node("exp", (self._of(unit * monomial),))
            factors.append(self._rational_power(base, Fraction(int((c / unit).p), int((c / unit).q))))
        return self._chain("mul", factors)

    def _constant(self) -> list[bool]:
        """Of each node whether it does not change in time."""
        found: list[bool] = []
        for op, args, _ in self.nodes:
            found.append(op not in ("state", "time", "input") and all(found[a] for a in args))
        return found

    def _degree(self) -> int:
        degrees: list[tuple[int, int]] = []
        for op, args, _ in self.nodes:
            sides = [degrees[a] for a in args]
            if op == "add":
                (a, b), (c, d) = sides
                degrees.append((max(a + d, b + c), b + d) if (b or d) else (max(a, c), 0))
            elif op in ("mul", "div"):
                (a, b), (c, d) = sides
                degrees.append((a + c, b + d) if op == "mul" else (a + d, b + c))
            else:
                degrees.append((0, 0) if op == "const" else (1, 0))
        bottom = sum(degrees[k][1] for k in {*self.drift})
        return max([degrees[k][0] + bottom for k in self.drift] + [sum(degrees[k]) + bottom for k in self.outputs] + [1])


def _exact(e: sp.Expr) -> sp.Expr:
    """With exact numbers, and with exponentials, logarithms, sines and cosines in the place of other functions."""
    e = e.xreplace({f: sp.Rational(str(f)) for f in e.atoms(sp.Float)})
    for old, new in BY_OTHERS.items():
        e = e.replace(old, lambda *args, old=old, new=new: old(*args).rewrite(new))
    if e.has(sp.sin, sp.cos):
        e = e.replace(sp.sin, lambda a: sp.expand_trig(sp.sin(sp.expand(a))))
        e = e.replace(sp.cos, lambda a: sp.expand_trig(sp.cos(sp.expand(a))))
    for _ in range(NESTED):
        powers = [q for q in e.atoms(sp.Pow) if not q.exp.is_Rational and q.base != sp.E]
        if not powers:
            return e
        e = e.xreplace({q: sp.exp(sp.expand(q.exp * sp.expand_log(sp.log(q.base), force=True))) for q in powers})
    raise DeclarationError(f"identifiability does not know {e}: powers are nested too deep")


def _exponents(expressions: Iterable[sp.Expr]) -> dict[sp.Expr, sp.Rational]:
    """For each monomial in exponents the largest rational number of which all its coefficients are multiples."""
    found: dict[sp.Expr, sp.Rational] = {}
    for e in dag.nodes(expressions):
        if isinstance(e, sp.exp):
            for term in sp.Add.make_args(sp.expand(e.args[0])):
                c, monomial = term.as_coeff_Mul()
                old = found.get(monomial, c)
                found[monomial] = sp.Rational(gcd(int(old.p) * int(c.q), int(c.p) * int(old.q)), int(old.q) * int(c.q))
    return found
