r"""The leading error of one step of a scheme for stochastic equations, from the words that it leaves out of the expansion.

With :math:`L^0 = \partial_t + \sum_i f_i \partial_i + \tfrac12 \sum_{ikj} g_{ij} g_{kj} \partial_i \partial_k` and
:math:`L^j = \sum_i g_{ij} \partial_i`, the solution of an Itô equation is

.. math:: x(h) = x + \sum_w c_w I_w, \qquad c_{j_1 \ldots j_l} = L^{j_1} \cdots L^{j_{l-1}} b^{j_l}, \quad b^0 = f, \; b^j = g_j

with the iterated integral :math:`I_w` of a word w of letters 0 (time) and 1 to m (noises), whose root mean square is of the
order :math:`h^{(l + n)/2}` for l letters with n zeros.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from math import ceil, factorial
from typing import NamedTuple

import sympy as sp

from symdyn.declaration import derivative
from symdyn.errors import DeclarationError
from symdyn.system import System

__all__ = ["LeadingError", "local_error"]

#: Coefficients beyond which they would take too long to derive.
MOST_TERMS = 2000
#: Operations of all coefficients beyond which these would.
MOST_OPERATIONS = 60_000


class LeadingError(NamedTuple):
    """Terms of one order in the length of the step.

    Attributes
    ----------
    power : Rational
        The order: the root mean square is ``sqrt(squares) * h**power``.
    squares : tuple of Expr
        For each state the mean square of the terms over ``h**(2*power)``.

    Examples
    --------
    >>> import symdyn as sd
    >>> [error.power for error in sd.derive.local_error(sd.SDESystem.from_text("dx = -x^3*dt + dW"), 1.5)]
    [2, 5/2, 3]
    """

    power: sp.Rational
    squares: tuple[sp.Expr, ...]


def local_error(system: System, strong_order: float) -> tuple[LeadingError, ...]:
    r"""The terms that a scheme of a strong order leaves out of one step: the leading ones, and those of few noises after them.

    Words of the order :math:`\gamma + \tfrac12` lead.  Where their coefficients vanish, words of
    :math:`\lceil \gamma \rceil + 1` letters with at most one noise remain, so these are included.  The mean square is exact:
    words with the same noises in the same order are correlated.

    Parameters
    ----------
    system : System
        With drift and Wiener noise; a Stratonovich equation is converted.
    strong_order : float
        0.5, 1, 1.5, 2, 2.5 or 3.

    Returns
    -------
    tuple of LeadingError
        By increasing power, without those that vanish for all states.

    Raises
    ------
    DeclarationError
        For a system without noise, other orders, and so many noises or such long rates that deriving takes too long.

    References
    ----------
    Kloeden & Platen, Numerical Solution of Stochastic Differential Equations (1992), secs. 5.5, 5.7 and 10.6.

    Examples
    --------
    Euler-Maruyama on geometric Brownian motion leaves out :math:`\tfrac12 s^2 x (\Delta W^2 - h)`, of variance
    :math:`s^4 x^2 h^2 / 2`:

    >>> import symdyn as sd
    >>> growth = sd.SDESystem.from_text("dx = a*x*dt + s*x*dW")
    >>> first = sd.derive.local_error(growth, 0.5)[0]
    >>> first.power, first.squares[0]
    (1, s**4*x**2/2)
    """
    reason = system.unmet(["drift", "diffusion"], ["events", "inputs"])
    if reason:
        raise DeclarationError(f"local_error: {reason}")
    if strong_order not in (0.5, 1, 1.5, 2, 2.5, 3):
        raise DeclarationError(f"strong_order is {strong_order!r}; expected 0.5, 1, 1.5, 2, 2.5 or 3")
    ito = system.ito() if hasattr(system, "ito") else system  # type: ignore[attr-defined]
    operators = _Operators(ito)
    groups: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for word in operators.words(sp.Rational(strong_order)):
        groups.setdefault((_letters(word), *(j for j in word if j)), []).append(word)
    squares: dict[int, list[sp.Expr]] = {}
    for group in groups.values():
        terms = squares.setdefault(_letters(group[0]), [sp.S.Zero] * len(ito.states))
        for w, v in product(group, repeat=2):
            for i, (c, d) in enumerate(zip(operators.known[w], operators.known[v], strict=True)):
                terms[i] += _covariance(w, v) * c * d
    found = (LeadingError(sp.Rational(power, 2), tuple(squares[power])) for power in sorted(squares))
    return tuple(e for e in found if any(s != 0 for s in e.squares))


def _letters(word: tuple[int, ...]) -> int:
    """Twice the order of a word: its letters, zeros twice."""
    return len(word) + word.count(0)


@cache
def _covariance(w: tuple[int, ...], v: tuple[int, ...]) -> sp.Rational:
    """The mean of ``I_w I_v`` at h = 1, by Itô's product rule (Kloeden & Platen 1992, lemma 5.7.2)."""
    if not w or not v:
        rest = w or v
        return sp.Rational(1, factorial(len(rest))) if not any(rest) else sp.S.Zero
    power = sp.Rational(_letters(w) + _letters(v), 2)
    total = sp.S.Zero
    if w[-1] == 0:
        total += _covariance(w[:-1], v)
    if v[-1] == 0:
        total += _covariance(w, v[:-1])
    if w[-1] == v[-1] != 0:
        total += _covariance(w[:-1], v[:-1])
    return total / power


class _Operators:
    """The coefficients of words for all states, each derived once; words that end in one without coefficients have none."""

    def __init__(self, system: System) -> None:
        self.system, self.noise = system, system.part("diffusion")
        self.known: dict[tuple[int, ...], tuple[sp.Expr, ...]] = {}

    def words(self, order: sp.Rational) -> list[tuple[int, ...]]:
        """Words that lead, and those of few noises after them, as far as their coefficients do not vanish."""
        leading, short = int(2 * order) + 1, ceil(order) + 1
        columns = [tuple(self.noise.col(j)) for j in range(self.system.noises)]
        waiting: dict[tuple[int, ...], tuple[sp.Expr, ...]] = {
            (j,): e for j, e in enumerate([tuple(self.system.part("drift")), *columns]) if any(e)
        }
        found, operations = [], 0
        while waiting:
            word, value = waiting.popitem()
            self.known[word] = value
            lead = _letters(word) == leading and any(word)  # the mean of this order belongs to the scheme
            if lead or (len(word) == short and sum(map(bool, word)) <= 1):
                found.append(word)
            operations += sum(e.count_ops() for e in value)
            for count, most, what in (
                (len(found) * len(value), MOST_TERMS, "terms"), (operations, MOST_OPERATIONS, "operations"),
            ):  # fmt: skip
                if count > most:
                    raise DeclarationError(
                        f"the leading error of {self.system.noises} noises in {len(value)} states has more than {most} {what}, "
                        "which take too long to derive; simulate in steps of one length"
                    )
            for letter in range(self.system.noises + 1):
                longer = (letter, *word)
                few = len(longer) <= short and sum(map(bool, longer)) <= 1
                if few or _letters(longer) <= leading:
                    applied = tuple(self._applied(letter, e) for e in value)
                    if any(applied):
                        waiting[longer] = applied
        return sorted(found)

    def _applied(self, letter: int, e: sp.Expr) -> sp.Expr:
        states = self.system.states
        if e == 0 or not e.free_symbols & {*states, self.system.time}:
            return sp.S.Zero
        slopes = {i: derivative(e, x) for i, x in enumerate(states) if x in e.free_symbols}
        if letter:
            return sp.Add(*(self.noise[i, letter - 1] * d for i, d in slopes.items()))
        terms = [derivative(e, self.system.time), *(self.system.part("drift")[i] * d for i, d in slopes.items())]
        for (i, d), k in product(slopes.items(), range(len(states))):
            covariance = sp.Add(*(self.noise[i, j] * self.noise[k, j] for j in range(self.system.noises)))
            if covariance != 0:
                terms.append(covariance * derivative(d, states[k]) / 2)
        return sp.Add(*terms)
