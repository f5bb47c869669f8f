r"""Taylor coefficients of outputs along a solution with their derivatives by parameters and initial values, modulo a prime.

With states x' = f(x, p, u), x(0) = x0(p) and outputs y = g(x, p, u), every node of the graph of f, g and x0 has a truncated
power series in time, whose coefficients are residues with derivatives by the unknowns; the series of sums, products,
quotients, exponentials, logarithms, roots, sines and cosines follow from those of their operands order by order (Griewank &
Walther, Evaluating Derivatives (2008), ch. 13; Sedoglavic, Journal of Symbolic Computation 33 (2002) 735).  What is no
rational function of its operands begins at a random residue, as its value does not follow from the others algebraically, and
continues by its differential equation.  So do inputs, whose coefficients are random.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import gcd
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.analysis.residues import inverse, power
from symdyn.errors import DeclarationError
from symdyn.paths import Path, PathSlope

__all__ = ["ObservedSystem", "OutputSeries", "SeriesPoints"]

#: Functions that are written by exponentials, or by sines and cosines.
BY_OTHERS = {
    sp.sinh: sp.exp, sp.cosh: sp.exp, sp.tanh: sp.exp, sp.coth: sp.exp, sp.sech: sp.exp, sp.csch: sp.exp,
    sp.tan: sp.cos, sp.cot: sp.cos, sp.sec: sp.cos, sp.csc: sp.cos,
}  # fmt: skip
#: Numbers of all series together that are computed at a time.
MOST_NUMBERS = 2e8
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


class SeriesPoints(NamedTuple):
    """What was computed at random points.

    Attributes
    ----------
    prime : int
    values : (B, L) int64
        Of the unknowns.
    jacobians : (B, K + 1, m, L) int64
        Derivatives of the coefficient of each order of each output.
    """

    prime: int
    values: np.ndarray
    jacobians: np.ndarray


class _Node(NamedTuple):
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
        self.nodes: list[_Node] = []
        self._numbers: dict[_Node, int] = {}
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
        node = _Node(op, args, data)
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

    # ---- values ------------------------------------------------------------------------------------------------

    def expand(self, rng: np.random.Generator, count: int, order: int, prime: int) -> SeriesPoints | None:
        """Expand at up to `count` points; None if there is none at which the outputs are defined.

        Raises
        ------
        DeclarationError
            If that takes more memory than is allowed.
        """
        each = (1 + len(self.unknowns)) * sum(1 if still else order + 2 for still in self.still)
        if each > MOST_NUMBERS:
            raise DeclarationError(
                f"{len(self.unknowns)} unknowns of {len(self.states)} states are too many for identifiability; "
                "name fewer in parameters"
            )
        count = max(1, min(count, int(MOST_NUMBERS / each)))
        runs = _Run(self, rng, count, order, prime)
        rows = [runs.advance(k) for k in range(order + 1)]
        sound = ~runs.bad
        if not sound.any():
            return None
        return SeriesPoints(prime, runs.points[sound], np.stack(rows, axis=1)[sound])


class _Run:
    """Series of all nodes: arrays (K + 1, B, 1 + L) of values and derivatives."""

    def __init__(self, graph: OutputSeries, rng: np.random.Generator, count: int, order: int, prime: int) -> None:
        self.graph, self.rng, self.prime, self.count = graph, rng, prime, count
        L = len(graph.unknowns)
        lengths = [1 if still else order + 2 for still in graph.still]
        self.series = [np.zeros((length, count, 1 + L), dtype=np.int64) for length in lengths]
        self.points = self._squares((count, L))
        self.bad = np.zeros(count, dtype=bool)
        self.reciprocals: dict[int, np.ndarray] = {}
        self.partners: dict[int, np.ndarray] = {}
        for k, place in enumerate(graph.starts):
            self._begin(place)
            self.series[graph.states[k]][0] = self.series[place][0]

    def _squares(self, shape: tuple[int, ...]) -> np.ndarray:
        """Random numbers other than 0 that have square roots."""
        a = self.rng.integers(1, self.prime, shape)
        return a * a % self.prime

    def _begin(self, node: int) -> None:
        """Order 0 of what an initial value is made of."""
        for k in self._made_of(node):
            if not self.series[k][0].any():
                self._coefficient(k, 0)

    def _made_of(self, node: int) -> list[int]:
        found, waiting = {node}, [node]
        while waiting:
            for a in self.graph.nodes[waiting.pop()].args:
                if a not in found:
                    found.add(a)
                    waiting.append(a)
        return sorted(found)

    def advance(self, k: int) -> np.ndarray:
        """Compute order k of every node, and k + 1 of states; derivatives (B, m, L) of the coefficients of outputs."""
        graph, p = self.graph, self.prime
        for number, (node, still) in enumerate(zip(graph.nodes, graph.still, strict=True)):
            known = node.op == "state" or (still and (k > 0 or self.series[number][0].any()))
            if not known:
                self._coefficient(number, k)
        over = pow(k + 1, -1, p)
        for state, f in zip(graph.states, graph.drift, strict=True):
            if k == 0 or not graph.still[f]:
                self.series[state][k + 1] = self.series[f][k] * over % p
        return np.stack([self._order(y, k)[:, 1:] for y in graph.outputs], axis=1)

    def _order(self, node: int, k: int) -> np.ndarray:
        """The coefficient (B, 1 + L) of order k."""
        own = self.series[node]
        return own[k] if k < len(own) else np.zeros_like(own[0])

    # ---- coefficients ------------------------------------------------------------------------------------------

    def _coefficient(self, number: int, k: int) -> None:
        op, args, data = self.graph.nodes[number]
        own = self.series[number]
        getattr(self, f"_{op}")(own, number, k, data, *args)

    def _const(self, own: np.ndarray, number: int, k: int, data: Fraction) -> None:
        if data.denominator % self.prime == 0:
            self.bad[:] = True
        else:
            own[0, :, 0] = data.numerator * pow(data.denominator, -1, self.prime) % self.prime

    def _unknown(self, own: np.ndarray, number: int, k: int, data: int) -> None:
        own[0, :, 0] = self.points[:, data]
        own[0, :, 1 + data] = 1

    def _known(self, own: np.ndarray, number: int, k: int, data: str) -> None:
        own[0, :, 0] = self._squares((self.count,))

    def _time(self, own: np.ndarray, number: int, k: int, data: None) -> None:
        if k == 0:
            own[0, :, 0] = self._squares((self.count,))
            own[1, :, 0] = 1

    def _input(self, own: np.ndarray, number: int, k: int, data: str) -> None:
        if k == 0:
            own[:, :, 0] = self._squares(own.shape[:2])

    def _slope(self, own: np.ndarray, number: int, k: int, data: None, a: int) -> None:
        own[k] = self.series[a][k + 1] * (k + 1) % self.prime

    def _add(self, own: np.ndarray, number: int, k: int, data: None, a: int, b: int) -> None:
        for x in (a, b):
            if k == 0 or not self.graph.still[x]:
                own[k] += self.series[x][k]
        own[k] %= self.prime

    def _mul(self, own: np.ndarray, number: int, k: int, data: None, a: int, b: int) -> None:
        own[k] = self._product(self.series[a], self.series[b], k)

    def _product(self, a: np.ndarray, b: np.ndarray, k: int) -> np.ndarray:
        """Order k of a product; one of the factors may be constant in time."""
        p = self.prime
        if len(a) == 1 or len(b) == 1:
            x, y = (a, b[k : k + 1]) if len(a) == 1 else (a[k : k + 1], b)
        else:
            x, y = a[: k + 1], b[k::-1]
        result = (x[..., :1] * y % p).sum(0)
        result[:, 1:] += (x[..., 1:] * y[..., :1] % p).sum(0)
        return result % p

    def _over(self, a: int, k: int) -> np.ndarray:
        """The reciprocal (B, 1) of the first coefficient."""
        if a not in self.reciprocals or k == 0:
            first = self.series[a][0, :, :1]
            self.bad |= first[:, 0] == 0
            self.reciprocals[a] = inverse(first, self.prime)
        return self.reciprocals[a]

    def _div(self, own: np.ndarray, number: int, k: int, data: None, a: int, b: int) -> None:
        """q_k = (a_k - sum_(i >= 1) b_i q_(k-i)) / b_0, with derivatives: (da - q db) / b order by order."""
        p, over = self.prime, self._over(b, k)
        under = self.series[b]
        a_k = self._order(a, k)
        value = a_k[:, :1]
        if k and len(under) > 1:
            value = value - (under[1 : k + 1, :, :1] * own[k - 1 :: -1, :, :1] % p).sum(0)
        own[k, :, :1] = value % p * over % p
        slopes = a_k[:, 1:].copy()
        if len(under) > 1:
            slopes -= (own[: k + 1, :, :1] * under[k::-1, :, 1:] % p).sum(0)
            if k:
                slopes -= (under[1 : k + 1, :, :1] * own[k - 1 :: -1, :, 1:] % p).sum(0)
        else:
            slopes -= own[k, :, :1] * under[0, :, 1:] % p
        own[k, :, 1:] = slopes % p * over % p

    def _exp(self, own: np.ndarray, number: int, k: int, data: None, h: int) -> None:
        """E' = E H' in time, and dE = E dH."""
        p, H = self.prime, self.series[h]
        if k == 0:
            own[0, :, 0] = self._squares((self.count,))
        else:
            weights = np.arange(1, k + 1)[:, None, None]
            total = (H[1 : k + 1, :, :1] * weights % p * own[k - 1 :: -1, :, :1] % p).sum(0)
            own[k, :, :1] = total % p * pow(k, -1, p) % p
        own[k, :, 1:] = self._chained(own, H, k)

    def _chained(self, outer: np.ndarray, H: np.ndarray, k: int) -> np.ndarray:
        """Order k of `outer` times dH."""
        p = self.prime
        if len(H) == 1:
            return outer[k, :, :1] * H[0, :, 1:] % p
        return (outer[: k + 1, :, :1] * H[k::-1, :, 1:] % p).sum(0) % p

    def _log(self, own: np.ndarray, number: int, k: int, data: None, h: int) -> None:
        """H L' = H' in time, and H dL = dH."""
        p, H, over = self.prime, self.series[h], self._over(h, k)
        h_k = self._order(h, k)
        if k == 0:
            own[0, :, 0] = self._squares((self.count,))
        else:
            weights = np.arange(1, k)[:, None, None]
            total = (own[1:k, :, :1] * weights % p * H[k - 1 : 0 : -1, :, :1] % p).sum(0)
            own[k, :, :1] = (h_k[:, :1] - total % p * pow(k, -1, p)) % p * over % p
        slopes = h_k[:, 1:].copy()
        if k and len(H) > 1:
            slopes -= (H[1 : k + 1, :, :1] * own[k - 1 :: -1, :, 1:] % p).sum(0)
        own[k, :, 1:] = slopes % p * over % p

    def _root(self, own: np.ndarray, number: int, k: int, data: Fraction, h: int) -> None:
        """H P' = a P H' in time, and H dP = a P dH; the first value is the power that is a square itself."""
        p, H, over = self.prime, self.series[h], self._over(h, k)
        if k == 0:
            half = (p - 1) // 2
            if gcd(data.denominator, half) != 1:
                self.bad[:] = True
                return
            first = H[0, :, 0]
            self.bad |= power(first, half, p) != 1
            own[0, :, 0] = power(first, data.numerator * pow(data.denominator, -1, half) % half, p)
        a = data.numerator * pow(data.denominator, -1, p) % p
        if k and len(H) > 1:
            i = np.arange(1, k + 1)[:, None, None]
            weights = (a * i - (k - i)) % p
            total = (H[1 : k + 1, :, :1] * weights % p * own[k - 1 :: -1, :, :1] % p).sum(0) % p
            own[k, :, :1] = total * pow(k, -1, p) % p * over % p
        slopes = a * self._chained(own, H, k) % p
        if k and len(H) > 1:
            slopes -= (H[1 : k + 1, :, :1] * own[k - 1 :: -1, :, 1:] % p).sum(0)
        own[k, :, 1:] = slopes % p * over % p

    def _sin(self, own: np.ndarray, number: int, k: int, data: None, h: int) -> None:
        self._angle(own, h, k, 1)

    def _cos(self, own: np.ndarray, number: int, k: int, data: None, h: int) -> None:
        self._angle(own, h, k, 0)

    def _angle(self, own: np.ndarray, h: int, k: int, which: int) -> None:
        """Cosine and sine at once: C' = -S H', S' = C H'; they begin at a random point of the circle."""
        p, H = self.prime, self.series[h]
        if h not in self.partners:
            self.partners[h] = np.zeros((2, len(H), *H.shape[1:]), dtype=np.int64)
        both = self.partners[h]
        if k == 0 and not both[:, 0].any():
            t = self._squares((self.count,))
            over = inverse((1 + t * t) % p, p)
            both[0, 0, :, 0], both[1, 0, :, 0] = (1 - t * t) % p * over % p, 2 * t % p * over % p
        elif k:
            weights = np.arange(1, k + 1)[:, None, None]
            slope = H[1 : k + 1, :, :1] * weights % p
            for to, of, sign in ((0, 1, -1), (1, 0, 1)):
                total = (slope * both[of, k - 1 :: -1, :, :1] % p).sum(0) % p
                both[to, k, :, :1] = sign * total * pow(k, -1, p) % p
        for to, of, sign in ((0, 1, -1), (1, 0, 1)):
            both[to, k, :, 1:] = sign * self._chained(both[of], H, k) % p
        own[k] = both[which, k]


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
