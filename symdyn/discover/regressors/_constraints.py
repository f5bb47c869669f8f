r"""Linear equations between coefficients: ties, conserved quantities and symmetries, as :math:`A c = b`.

Coefficients are those of :math:`y_i = \sum_j c_{ij} \theta_j(x)`, row after row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdyn.declaration import expression
from symdyn.errors import RecoveryError

__all__ = ["Conserved", "linear_equations"]


@dataclass(frozen=True)
class Conserved:
    r"""A quantity :math:`H` that the right-hand side, or its terms of one degree alone, keeps.

    :math:`\sum_i \partial_i H \sum_j c_{ij} \theta_j = 0` identically.  ``Conserved(x**2 + y**2 + z**2, degree=2)`` is a
    quadratic nonlinearity that preserves energy.

    Attributes
    ----------
    quantity : Expr
        In the symbols of the columns.
    degree : int, optional
        Total degree of the terms that must keep it; all terms unless given.

    Examples
    --------
    >>> import symdyn as sd
    >>> x, v = sp.symbols("x v")
    >>> t = np.linspace(0, 5, 101)
    >>> X = np.stack([np.cos(t), -np.sin(t)], axis=1)
    >>> circle = sd.SparseRegression(library=1, names=[x, v], constraints=[Conserved(x**2 + v**2)]).fit(X, t=t)
    >>> bool(abs(circle.coef_[0, 2] + circle.coef_[1, 1]) < 1e-9)  # of terms v in x' and x in v'
    True
    """

    quantity: sp.Expr
    degree: int | None = None


def linear_equations(
    terms: Sequence[sp.Expr], symbols: Sequence[sp.Symbol], constraints: Iterable[Any], symmetry: Iterable[Any], *, system: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Constraints and symmetries as ``A`` (r, n p) and ``b`` (r,), with n = 1 for a single term.

    Raises
    ------
    RecoveryError
        If they name what is not there, or contradict each other.
    """
    reader = _Reader(terms, symbols, system)
    rows: list[tuple[np.ndarray, float]] = []
    for c in constraints or ():
        rows += reader.conserved(c) if isinstance(c, Conserved) else [reader.tie(c)]
    for s in symmetry or ():
        rows += reader.symmetry(s)
    if not rows:
        return np.zeros((0, reader.count)), np.zeros(0)
    a, b = np.stack([r[0] for r in rows]), np.array([r[1] for r in rows])
    found = np.linalg.lstsq(a, b, rcond=None)[0]
    if np.abs(a @ found - b).max() > 1e-9 * max(1.0, np.abs(b).max()):
        raise RecoveryError("the constraints contradict each other: no coefficients satisfy all of them")
    return a, b


class _Reader:
    def __init__(self, terms: Sequence[sp.Expr], symbols: Sequence[sp.Symbol], system: bool) -> None:
        self.terms, self.symbols, self.system = list(terms), list(symbols), system
        self.rows = len(symbols) if system else 1
        self.count = self.rows * len(self.terms)

    # ---- ties ----------------------------------------------------------------------------------

    def tie(self, constraint: Any) -> tuple[np.ndarray, float]:
        if not (isinstance(constraint, (tuple, list)) and len(constraint) == 2):
            raise RecoveryError(f"a constraint is {constraint!r}; expected a pair (left, right) or Conserved(...)")
        row, value = np.zeros(self.count), 0.0
        for side, sign in zip(constraint, (1.0, -1.0), strict=True):
            if isinstance(side, (int, float)) or (isinstance(side, sp.Expr) and side.is_number and side not in self.terms):
                value -= sign * float(side)
                continue
            for key, weight in side.items() if isinstance(side, Mapping) else [(side, 1.0)]:
                row[self.place(key)] += sign * float(weight)
        return row, value

    def place(self, key: Any) -> int:
        """The coefficient of ``term``, or of ``(state, term)`` in a system."""
        pair = isinstance(key, tuple) and len(key) == 2
        if pair != self.system:
            wanted = "a pair (state, term), since the whole system is fitted" if self.system else "a term of the library"
            raise RecoveryError(f"a constraint names the coefficient {key!r}; expected {wanted}")
        state, term = key if pair else (None, key)
        term = expression(term)
        if term not in self.terms:
            known = ", ".join(map(str, self.terms[:12]))
            raise RecoveryError(f"a constraint names {term}, which is not in the library: {known}")
        row = 0 if state is None else self.symbols.index(self.column(state, "constraint"))
        return row * len(self.terms) + self.terms.index(term)

    def column(self, key: Any, what: str) -> sp.Symbol:
        """The symbol of a column that a constraint or symmetry names."""
        by_name = {s.name: s for s in self.symbols}
        name = getattr(key, "name", str(key))
        if name not in by_name:
            raise RecoveryError(f"a {what} names {name}; the columns are {', '.join(by_name)}")
        return by_name[name]

    # ---- identities ----------------------------------------------------------------------------

    def identity(self, parts: Iterable[tuple[int, sp.Expr]]) -> list[tuple[np.ndarray, float]]:
        """Equations that make ``sum c_k e_k`` vanish for all arguments."""
        found: dict[sp.Expr, np.ndarray] = {}
        for k, e in parts:
            for part in sp.Add.make_args(sp.expand(e)):
                number, shape = part.as_coeff_Mul()
                if number:
                    found.setdefault(shape, np.zeros(self.count))[k] += float(number)
        return [(row, 0.0) for row in found.values() if np.any(row)]

    def conserved(self, c: Conserved) -> list[tuple[np.ndarray, float]]:
        if not self.system:
            raise RecoveryError("Conserved needs the whole system: fit states with their times")
        quantity = expression(c.quantity)
        for s in sorted(quantity.free_symbols - set(self.symbols), key=str):
            self.column(s, "conserved quantity")
        p = len(self.terms)
        parts = []
        for i, s in enumerate(self.symbols):
            for j, term in enumerate(self.terms):
                if c.degree is None or _degree(term, self.symbols) == c.degree:
                    parts.append((i * p + j, quantity.diff(s) * term))
        return self.identity(parts)

    def symmetry(self, given: Any) -> list[tuple[np.ndarray, float]]:
        r"""Equations of :math:`f(Sx) = S f(x)`, or of :math:`f(Sx) = \pm f(x)` for a single term."""
        sign = 1
        if isinstance(given, (tuple, list)) and len(given) == 2:
            given, sign = given
        if not isinstance(given, Mapping) or sign not in (1, -1) or (self.system and sign != 1):
            raise RecoveryError(
                f"a symmetry is {given!r}; expected a mapping of columns to their images, such as {{x: -x}} or {{x: y, y: x}}; "
                "for a single odd term ({x: -x}, -1)"
            )
        images = {self.column(key, "symmetry"): expression(image) for key, image in given.items()}
        maps = [images.get(s, s) for s in self.symbols]
        if any(m.free_symbols - set(self.symbols) for m in maps):
            raise RecoveryError(f"a symmetry maps columns to {maps}; expected expressions of the columns")
        p, swap = len(self.terms), dict(zip(self.symbols, maps, strict=True))
        moved = [term.xreplace({s: m for s, m in swap.items() if s != m}) for term in self.terms]
        rows: list[tuple[np.ndarray, float]] = []
        for i in range(self.rows):
            parts = [(i * p + j, moved[j]) for j in range(p)]
            if self.system:
                for k, s in enumerate(self.symbols):
                    slope = maps[i].diff(s)
                    if slope.free_symbols:
                        raise RecoveryError(f"a symmetry maps {self.symbols[i]} to {maps[i]}; expected a linear expression")
                    parts += [(k * p + j, -slope * self.terms[j]) for j in range(p) if slope]
            else:
                parts += [(j, -sign * self.terms[j]) for j in range(p)]
            rows += self.identity(parts)
        return rows


def _degree(term: sp.Expr, symbols: Sequence[sp.Symbol]) -> int | None:
    return sp.Poly(term, *symbols).total_degree() if term.is_polynomial(*symbols) else None
