r"""Taylor coefficients of outputs along a solution with their derivatives by parameters and initial values, modulo a prime.

With states x' = f(x, p, u), x(0) = x0(p) and outputs y = g(x, p, u), every node of the graph of f, g and x0 has a truncated
power series in time, whose coefficients are residues with derivatives by the unknowns; the series of sums, products,
quotients, exponentials, logarithms, roots, sines and cosines follow from those of their operands order by order (Griewank &
Walther, Evaluating Derivatives (2008), ch. 13; Sedoglavic, Journal of Symbolic Computation 33 (2002) 735).  What is no
rational function of its operands begins at a random residue, as its value does not follow from the others algebraically, and
continues by its differential equation.  So do inputs, whose coefficients are random.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import NamedTuple

import numpy as np

from symdyn.analysis.output_series import OutputSeries
from symdyn.analysis.residues import inverse, power
from symdyn.errors import DeclarationError

__all__ = ["SeriesPoints", "expand"]

#: Numbers of all series together that are computed at a time.
MOST_NUMBERS = 2e8


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


def expand(graph: OutputSeries, rng: np.random.Generator, count: int, order: int, prime: int) -> SeriesPoints | None:
    """Expand at up to `count` points; None if there is none at which the outputs are defined.

    Raises
    ------
    DeclarationError
        If that takes more memory than is allowed.
    """
    each = (1 + len(graph.unknowns)) * sum(1 if still else order + 2 for still in graph.still)
    if each > MOST_NUMBERS:
        raise DeclarationError(
            f"{len(graph.unknowns)} unknowns of {len(graph.states)} states are too many for identifiability; "
            "name fewer in parameters"
        )
    count = max(1, min(count, int(MOST_NUMBERS / each)))
    runs = _Run(graph, rng, count, order, prime)
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
