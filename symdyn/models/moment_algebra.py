r"""Raw moments, central moments and cumulants of several variables, and the way between them.

An index :math:`i = (i_1, \dots, i_n)` stands for :math:`\mu_i = \langle \prod_k X_k^{i_k} \rangle`, for
:math:`M_i = \langle \prod_k (X_k - \mu_k)^{i_k} \rangle` or for the joint cumulant :math:`K_i`.  All conversions are recursions
whose intermediate results are kept and shared, so that expressions stay compact as graphs:

.. math:: \mu_i = \sum_{j \le i} \binom{i}{j} M_j\, \mu^{i-j}, \qquad
          \mu_i = \sum_{j \le i,\, j_p \ge 1} \binom{i - e_p}{j - e_p} K_j\, \mu_{i-j}

with any p of :math:`i_p \ge 1`; the second is valid for central moments when the cumulants of order 1 are set to zero
(Smith, Am. Stat. 49, 217 (1995)).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.models.moment_index import Index, add, binomial, subindices, subtract, times

__all__ = ["Moments"]


class Moments:
    """All moments of one distribution, of which some are known; the others follow, or are closed.

    Parameters
    ----------
    size : int
        Number of variables.
    kind : {'raw', 'central', 'cumulant'}
        What the known ones are; the mean is the first of every kind.
    known : mapping of index to Expr
        Without an entry a moment is closed.
    close : callable, optional
        ``close(index, moments)`` gives a moment that is not known, and `close_kind` says of which kind it is.
    close_kind : {'raw', 'central', 'cumulant'}
    binary : sequence of int
        Positions of variables that are 0 or 1: their powers are reduced, :math:`g^2 = g`.
    order : int
        Highest order of the known moments, for closures.

    Attributes
    ----------
    closed : dict of index to Expr
        What has been closed so far, in `close_kind`.
    shared : dict
        For closures that store intermediate results.

    References
    ----------
    Smith, The American Statistician 49 (1995) 217.

    Examples
    --------
    Third moments of a normal distribution, whose cumulants above the second vanish:

    >>> m, v = sp.symbols("m v")
    >>> normal = Moments(1, "cumulant", {(1,): m, (2,): v}, close=lambda index, moments: 0, close_kind="cumulant", order=2)
    >>> print(normal.raw((3,)), normal.central((3,)), normal.central((4,)))
    m**3 + 3*m*v 0 3*v**2
    """

    def __init__(
        self,
        size: int,
        kind: str,
        known: Mapping[Index, sp.Expr],
        *,
        close: Callable[[Index, Moments], sp.Expr] | None = None,
        close_kind: str = "raw",
        binary: Sequence[int] = (),
        order: int = 0,
    ) -> None:
        self.size, self.kind, self.known, self.order = size, kind, known, order
        self.close, self.close_kind, self.binary = close, close_kind, tuple(binary)
        self.closed: dict[Index, sp.Expr] = {}
        self.shared: dict[Any, Any] = {}
        self._found: dict[tuple[str, Index], sp.Expr] = {}
        self._under_way: set[Index] = set()

    def __getitem__(self, index: Index) -> sp.Expr:
        """A moment of the kind that the closure gives."""
        return self.get(self.close_kind, tuple(index))

    def get(self, kind: str, index: Index) -> sp.Expr:
        """A moment of any kind, as an expression in the known ones.

        Parameters
        ----------
        kind : {'raw', 'central', 'cumulant'}
        index : tuple of int
            Powers of the variables.

        Returns
        -------
        Expr

        Raises
        ------
        DeclarationError
            If it is neither known nor closed.

        Examples
        --------
        >>> m, v = sp.symbols("m v")
        >>> pair = Moments(1, "central", {(1,): m, (2,): v}, order=2)
        >>> print(pair.get("raw", (2,)), pair.get("cumulant", (2,)))
        m**2 + v v
        """
        order = sum(index)
        if order == 1:
            return self.mean(index.index(1))
        if order == 0:
            return sp.S.Zero if kind == "cumulant" else sp.S.One
        key = kind, self.reduce(index) if kind == "raw" else index
        if key not in self._found:
            self._found[key] = getattr(self, f"_{kind}")(key[1])
        return self._found[key]

    def raw(self, index: Index) -> sp.Expr:
        r"""The raw moment :math:`\mu_i = \langle \prod_k X_k^{i_k} \rangle`.

        Parameters
        ----------
        index : tuple of int
            The powers :math:`i_k`.

        Returns
        -------
        Expr

        Examples
        --------
        >>> m, v = sp.symbols("m v")
        >>> print(Moments(1, "central", {(1,): m, (2,): v}).raw((2,)))
        m**2 + v
        """
        return self.get("raw", index)

    def central(self, index: Index) -> sp.Expr:
        r"""The central moment :math:`M_i = \langle \prod_k (X_k - \mu_k)^{i_k} \rangle`, zero at order 1.

        Parameters
        ----------
        index : tuple of int
            The powers :math:`i_k`.

        Returns
        -------
        Expr

        Examples
        --------
        >>> m, s = sp.symbols("m s")
        >>> print(Moments(1, "raw", {(1,): m, (2,): s}).central((2,)))
        -m**2 + s
        """
        return sp.S.Zero if sum(index) == 1 else self.get("central", index)

    def cumulant(self, index: Index) -> sp.Expr:
        """The joint cumulant :math:`K_i`.

        Parameters
        ----------
        index : tuple of int

        Returns
        -------
        Expr

        Examples
        --------
        The third cumulant is the third central moment:

        >>> m, v, w = sp.symbols("m v w")
        >>> print(Moments(1, "central", {(1,): m, (2,): v, (3,): w}).cumulant((3,)))
        w
        """
        return self.get("cumulant", index)

    def mean(self, k: int) -> sp.Expr:
        """The mean of a variable.

        Parameters
        ----------
        k : int
            Its number, from 0.

        Returns
        -------
        Expr

        Examples
        --------
        >>> m, n = sp.symbols("m n")
        >>> Moments(2, "raw", {(1, 0): m, (0, 1): n}).mean(1)
        n
        """
        return self.known[self.unit(k)]

    def covariance(self, j: int, k: int) -> sp.Expr:
        """The covariance of two variables; the variance if they are the same.

        Parameters
        ----------
        j, k : int
            Their numbers, from 0.

        Returns
        -------
        Expr

        Examples
        --------
        >>> m, n, s = sp.symbols("m n s")
        >>> print(Moments(2, "raw", {(1, 0): m, (0, 1): n, (1, 1): s}).covariance(0, 1))
        -m*n + s
        """
        index = [0] * self.size
        index[j] += 1
        index[k] += 1
        return self.central(tuple(index))

    def unit(self, k: int) -> Index:
        """The index of the mean of a variable.

        Parameters
        ----------
        k : int
            Its number, from 0.

        Returns
        -------
        tuple of int

        Examples
        --------
        >>> Moments(3, "raw", {}).unit(1)
        (0, 1, 0)
        """
        return tuple(int(j == k) for j in range(self.size))

    def reduce(self, index: Index) -> Index:
        """The index without powers of binary variables, for which :math:`g^2 = g`.

        Parameters
        ----------
        index : tuple of int

        Returns
        -------
        tuple of int

        Examples
        --------
        >>> Moments(2, "raw", {}, binary=[0]).reduce((3, 2))
        (1, 2)
        """
        if not self.binary or all(index[k] < 2 for k in self.binary):
            return index
        return tuple(min(p, 1) if k in self.binary else p for k, p in enumerate(index))

    # ---- the three kinds ---------------------------------------------------------------------------

    def _raw(self, index: Index) -> sp.Expr:
        if sum(index) == 1 or self._is_known("raw", index):
            return self.known[index]
        source = self._source(index)
        if source == "raw":
            return self._value(index)
        if source == "cumulant" and self.kind == "raw":
            return sp.Add(self._value(index), *self._products(index, self.raw, lowest=1))
        return sp.Add(
            *(times(binomial(index, j), self.central(j), self._powers(subtract(index, j))) for j in subindices(index))
        )

    def _central(self, index: Index) -> sp.Expr:
        for k in self.binary:
            if index[k] > 1:  # (g - p)^2 = (1 - 2p)(g - p) + p(1 - p)
                p, e = self.mean(k), self.unit(k)
                once, twice = subtract(index, e), subtract(subtract(index, e), e)
                variance = times(1, p, 1 - p)
                return sp.Add(times(1, 1 - 2 * p, self.central(once)), times(1, variance, self.central(twice)))
        if self._is_known("central", index):
            return self.known[index]
        source = self._source(index)
        if source == "central":
            return self._value(index)
        if source == "cumulant":
            return sp.Add(self._value(index), *self._products(index, self.central, lowest=2))
        terms = []
        for j in subindices(index):
            left = subtract(index, j)
            terms.append(times((-1) ** sum(left) * binomial(index, j), self.raw(j), self._powers(left)))
        return sp.Add(*terms)

    def _cumulant(self, index: Index) -> sp.Expr:
        if not self._reducible(index) and (self._is_known("cumulant", index) or self._source(index) == "cumulant"):
            return self._value(index)
        of, lowest = (self.raw, 1) if self.kind == "raw" else (self.central, 2)
        return sp.Add(of(index), *(times(-1, p) for p in self._products(index, of, lowest=lowest)))

    def _products(self, index: Index, of: Callable[[Index], sp.Expr], *, lowest: int) -> Iterator[sp.Expr]:
        """Products of cumulant and moment that with the cumulant itself make up a moment; `lowest` is the least order."""
        p = min((k for k in range(self.size) if index[k]), key=lambda k: index[k])
        e = self.unit(p)
        for j in subindices(subtract(index, e)):
            part = add(j, e)
            if part != index and sum(part) >= lowest:
                moment = of(subtract(index, part))
                if moment is not sp.S.Zero:
                    yield times(binomial(subtract(index, e), j), self.cumulant(part), moment)

    def _powers(self, index: Index) -> sp.Expr:
        return sp.Mul(*(self.mean(k) ** p for k, p in enumerate(index) if p))

    # ---- known or closed ---------------------------------------------------------------------------

    def _is_known(self, kind: str, index: Index) -> bool:
        return kind == self.kind and index in self.known

    def _source(self, index: Index) -> str:
        """The kind in which a moment is given, be it known or closed."""
        return self.kind if index in self.known or self._reducible(index) else self.close_kind

    def _reducible(self, index: Index) -> bool:
        return any(index[k] > 1 for k in self.binary)

    def _value(self, index: Index) -> sp.Expr:
        if index in self.known:
            return self.known[index]
        if index not in self.closed:
            if self.close is None or index in self._under_way:
                why = "the closure asks for it while it closes it" if index in self._under_way else "nothing closes it"
                raise DeclarationError(f"the moment of index {index} is not known: {why}; known up to order {self.order}")
            self._under_way.add(index)
            self.closed[index] = self.close(index, self)
            self._under_way.discard(index)
        return self.closed[index]
