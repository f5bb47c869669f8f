"""Terms and models as data: what the compiled functions read, and what it means in symbols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.candidates import CandidateModel, Table

__all__ = ["FUNCTIONS", "Atom", "CandidateTerm", "EquationModel", "packed"]

#: Functions by their number in `symdyn_kernels.candidates.terms`: a name, and the function in symbols.
FUNCTIONS: dict[int, tuple[str, Callable[[sp.Expr], sp.Expr]]] = {
    1: ("sin", sp.sin),
    2: ("cos", sp.cos),
    3: ("exp", sp.exp),
    4: ("log", sp.log),
    5: ("sqrt", sp.sqrt),
    6: ("abs", sp.Abs),
    7: ("inv", lambda z: 1 / z),
    8: ("sig", lambda z: 1 / (1 + sp.exp(z))),
    9: ("cot", lambda z: sp.cos(z) / sp.sin(z)),
    10: ("tanh", sp.tanh),
}
SIN, COS, EXP, LOG, SQRT, ABS, INV, SIG, COT, TANH = FUNCTIONS


@dataclass(frozen=True)
class Atom:
    """A factor ``g(B + sum_i W_i x_i^M)`` of a term.

    Attributes
    ----------
    function : int
        Number of g in `FUNCTIONS`.
    weights : tuple of float
        W, one for each state.
    offset : float
        B.
    power : int
        M.
    free : tuple of int
        Inner constants that are fitted: -1 for the offset, i for the weight of state i.
    """

    function: int
    weights: tuple[float, ...]
    offset: float = 0.0
    power: int = 1
    free: tuple[int, ...] = ()


@dataclass(frozen=True)
class CandidateTerm:
    """A monomial times up to two atoms.

    Attributes
    ----------
    exponents : tuple of int
    atoms : tuple of Atom
    cost : float
        What the term costs in a score, beside its constants; twice this is added.
    key : str
        The same for terms that differ in values of fitted constants alone.
    constants : tuple of (atom, kind, state)
        Places of the inner constants that are fitted: kind 0 is an offset, 1 a weight.
    """

    exponents: tuple[int, ...]
    atoms: tuple[Atom, ...] = ()
    cost: float = field(default=1.0, compare=False)
    key: str = field(init=False, compare=False)
    constants: tuple[tuple[int, int, int], ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        parts = [f"x{i}^{e}" if e > 1 else f"x{i}" for i, e in enumerate(self.exponents) if e]
        constants = []
        for a, atom in enumerate(self.atoms):
            inside = []
            for i, w in enumerate(atom.weights):
                if w:
                    size = "k" if i in atom.free else "" if w == 1 else "-" if w == -1 else f"{w:g}"
                    inside.append(f"{size}x{i}" + (f"^{atom.power}" if atom.power > 1 else ""))
            if -1 in atom.free or atom.offset:
                inside.append("K" if -1 in atom.free else f"{atom.offset:g}")
            parts.append(f"{FUNCTIONS[atom.function][0]}({'+'.join(inside)})")
            constants += [(a, 0, 0) if i < 0 else (a, 1, i) for i in atom.free]
        object.__setattr__(self, "key", " ".join(parts) or "1")
        object.__setattr__(self, "constants", tuple(constants))

    @property
    def values(self) -> list[float]:
        """Of the inner constants."""
        return [self.atoms[a].offset if kind == 0 else self.atoms[a].weights[i] for a, kind, i in self.constants]

    def expression(self, states: Sequence[sp.Symbol], constants: Sequence[sp.Expr]) -> sp.Expr:
        """In symbols, with expressions for the inner constants."""
        inner = dict(zip(self.constants, constants, strict=True))
        found = sp.Mul(*(s**e for s, e in zip(states, self.exponents, strict=True)))
        for a, atom in enumerate(self.atoms):
            z = inner.get((a, 0, 0), _number(atom.offset))
            for i, (s, w) in enumerate(zip(states, atom.weights, strict=True)):
                if w or (a, 1, i) in inner:
                    z += inner.get((a, 1, i), _number(w)) * s**atom.power
            found *= FUNCTIONS[atom.function][1](z)
        return found


def _number(v: float) -> sp.Expr:
    return sp.Integer(int(v)) if v == int(v) else sp.Float(v)


def packed(terms: Sequence[CandidateTerm], d: int) -> Table:
    """Terms as a table; see `symdyn_kernels.candidates`."""
    T = len(terms)
    E, TY, M = np.zeros((T, d), np.int64), np.zeros((T, 2), np.int64), np.ones((T, 2), np.int64)
    W, B = np.zeros((T, 2, d)), np.zeros((T, 2))
    for k, term in enumerate(terms):
        E[k] = term.exponents
        for a, atom in enumerate(term.atoms):
            TY[k, a], W[k, a], B[k, a], M[k, a] = atom.function, atom.weights, atom.offset, atom.power
    return Table(E, TY, W, B, M)


class EquationModel:
    """Right-hand sides of all states.

    Parameters
    ----------
    d : int
    terms : sequence of (int, CandidateTerm)
        Equation and term; kept in the order of equations and keys.
    coefficients : sequence of float, optional
    inner : sequence of sequence of float, optional
        Inner constants of each term; those of the terms unless given.

    Attributes
    ----------
    theta : (K + Q,) float64
        Coefficients, then inner constants.
    key : tuple
        The same for models of the same structure.
    """

    def __init__(
        self,
        d: int,
        terms: Sequence[tuple[int, CandidateTerm]],
        coefficients: Sequence[float] | np.ndarray | None = None,
        inner: Sequence[Sequence[float]] | None = None,
    ) -> None:
        order = sorted(range(len(terms)), key=lambda i: (terms[i][0], terms[i][1].key))
        self.d = d
        self.terms = tuple(terms[i] for i in order)
        self.key = tuple((e, t.key) for e, t in self.terms)
        self.equations = np.array([e for e, _ in self.terms], np.int64)
        places = [(k, *place) for k, (_, t) in enumerate(self.terms) for place in t.constants]
        self.places = np.array(places, np.int64).reshape(-1, 4)
        self.table = packed([t for _, t in self.terms], d)
        values = [v for i in order for v in (terms[i][1].values if inner is None else inner[i])]
        start = np.zeros(len(order)) if coefficients is None else np.array([coefficients[i] for i in order], dtype=float)
        self.theta = np.concatenate([start, values])
        self.K, self.Q = len(order), len(values)

    @property
    def data(self) -> CandidateModel:
        """What the compiled functions take."""
        return CandidateModel(self.equations, self.places, self.table)

    @property
    def inner(self) -> list[list[float]]:
        """Inner constants of each term."""
        values = iter(self.theta[self.K :])
        return [[float(next(values)) for _ in t.constants] for _, t in self.terms]

    @property
    def cost(self) -> float:
        return sum(t.cost for _, t in self.terms)

    def with_theta(self, theta: np.ndarray) -> EquationModel:
        """The same structure with other values, those inside terms also in the table."""
        copy = object.__new__(EquationModel)
        copy.__dict__.update(self.__dict__)
        copy.table = self.table._replace(weights=self.table.weights.copy(), offsets=self.table.offsets.copy())
        copy.theta = theta.copy()
        for (k, a, kind, i), v in zip(copy.places, copy.theta[copy.K :], strict=True):
            if kind == 0:
                copy.table.offsets[k, a] = v
            else:
                copy.table.weights[k, a, i] = v
        return copy

    def changed(self, drop: int | None = None, add: tuple[int, CandidateTerm, float] | None = None) -> EquationModel:
        """Without term `drop`, and with a further term of an equation with its first coefficient."""
        kept = [k for k in range(self.K) if k != drop]
        inner = self.inner
        terms, values = [self.terms[k] for k in kept], [float(self.theta[k]) for k in kept]
        inside = [inner[k] for k in kept]
        if add is not None:
            terms, values, inside = [*terms, add[:2]], [*values, add[2]], [*inside, add[1].values]
        return EquationModel(self.d, terms, values, inside)

    def counts(self) -> np.ndarray:
        """Terms of each equation."""
        return np.bincount(self.equations, minlength=self.d)
