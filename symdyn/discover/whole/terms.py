"""Terms and models as data: what the compiled functions read, and what it means in symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.candidates import CandidateModel, Table

__all__ = ["FUNCTIONS", "Atom", "CandidateTerm", "EquationModel", "Part", "packed", "put"]

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
    weights, offset, power : tuple of float, float, int
        W, one for each state, B and M.
    free : tuple of int
        Inner constants that are fitted: -1 for the offset, i for the weight of state i.
    """

    function: int
    weights: tuple[float, ...]
    offset: float = 0.0
    power: int = 1
    free: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """The same for atoms that differ in values of fitted constants alone."""
        inside = []
        for i, w in enumerate(self.weights):
            if w:
                size = "k" if i in self.free else "" if w == 1 else "-" if w == -1 else f"{w:g}"
                inside.append(f"{size}x{i}" + (f"^{self.power}" if self.power > 1 else ""))
        if -1 in self.free or self.offset:
            inside.append("K" if -1 in self.free else f"{self.offset:g}")
        return f"{FUNCTIONS[self.function][0]}({'+'.join(inside)})"


@dataclass(frozen=True)
class CandidateTerm:
    """A monomial times up to two atoms; twice the `cost` is added to a score, beside what its constants cost."""

    exponents: tuple[int, ...]
    atoms: tuple[Atom, ...] = ()
    cost: float = field(default=1.0, compare=False)

    @cached_property
    def key(self) -> str:
        """The same for terms that differ in values of fitted constants alone."""
        powers = [f"x{i}^{e}" if e > 1 else f"x{i}" for i, e in enumerate(self.exponents) if e]
        return " ".join([*powers, *(atom.text for atom in self.atoms)]) or "1"

    @cached_property
    def constants(self) -> tuple[tuple[int, int, int], ...]:
        """Places (atom, kind, state) of the inner constants that are fitted: kind 0 is an offset, 1 a weight."""
        return tuple((a, 0, 0) if i < 0 else (a, 1, i) for a, atom in enumerate(self.atoms) for i in atom.free)

    @property
    def values(self) -> list[float]:
        """Of the inner constants."""
        return [self.atoms[a].offset if kind == 0 else self.atoms[a].weights[i] for a, kind, i in self.constants]

    def price(self, data: int) -> float:
        """What it adds to the score of a model, with a coefficient and constants about which so many data tell."""
        return float(2 * self.cost + np.log(data) * (1 + len(self.constants)))

    def valued(self, values: Sequence[float]) -> CandidateTerm:
        """The term with these inner constants."""
        atoms = list(self.atoms)
        for (a, kind, i), v in zip(self.constants, values, strict=True):
            weights = tuple(v if kind == 1 and j == i else w for j, w in enumerate(atoms[a].weights))
            atoms[a] = replace(atoms[a], weights=weights, offset=v if kind == 0 else atoms[a].offset)
        return replace(self, atoms=tuple(atoms))

    def expression(self, states: Sequence[sp.Symbol], constants: Sequence[sp.Expr]) -> sp.Expr:
        """In symbols, with expressions for the inner constants."""
        inner = dict(zip(self.constants, constants, strict=True))
        found = sp.Mul(*(s**e for s, e in zip(states, self.exponents, strict=True)))
        for a, atom in enumerate(self.atoms):
            z = inner.get((a, 0, 0), _number(atom.offset))
            for i, (s, w) in enumerate(zip(states, atom.weights, strict=True)):
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


def put(table: Table, places: np.ndarray, values: np.ndarray) -> None:
    """Write inner constants at places (term, atom, kind, state) of a table."""
    for (k, a, kind, i), v in zip(places.tolist(), values, strict=True):
        if kind == 0:
            table.offsets[k, a] = v
        else:
            table.weights[k, a, i] = v


#: An equation, a term in it, its coefficient and its inner constants.
Part = tuple[int, CandidateTerm, float, Sequence[float]]


class EquationModel:
    """Right-hand sides of all states.

    Parameters
    ----------
    d : int
        States.
    parts : iterable of (int, CandidateTerm, float, sequence of float)
        Equation, term, coefficient and inner constants; kept in the order of equations and keys.

    Attributes
    ----------
    theta : (K + Q,) float64
        Coefficients, then inner constants.
    key : tuple
        The same for models of the same structure.
    """

    def __init__(self, d: int, parts: Iterable[Part]) -> None:
        ordered = sorted(parts, key=lambda part: (part[0], part[1].key))
        self.d = d
        self.terms = tuple((e, t) for e, t, *_ in ordered)
        self.key = tuple((e, t.key) for e, t in self.terms)
        self.equations = np.array([e for e, _ in self.terms], np.int64)
        places = [(k, *place) for k, (_, t) in enumerate(self.terms) for place in t.constants]
        self.places = np.array(places, np.int64).reshape(-1, 4)
        self.table = packed([t for _, t in self.terms], d)
        self.theta = np.array([*(c for _, _, c, _ in ordered), *(v for *_, inner in ordered for v in inner)], dtype=float)
        self.K, self.Q = len(ordered), len(places)

    @property
    def data(self) -> CandidateModel:
        """What the compiled functions take."""
        return CandidateModel(self.equations, self.places, self.table)

    @property
    def parts(self) -> list[Part]:
        values = iter(self.theta[self.K :].tolist())
        rows = zip(self.terms, self.theta.tolist(), strict=False)
        return [(e, t, c, [next(values) for _ in t.constants]) for (e, t), c in rows]

    @property
    def cost(self) -> float:
        return sum(t.cost for _, t in self.terms)

    def with_theta(self, theta: np.ndarray) -> EquationModel:
        """The same structure with other values, those inside terms also in the table."""
        copy = object.__new__(EquationModel)
        copy.__dict__.update(self.__dict__)
        copy.table = self.table._replace(weights=self.table.weights.copy(), offsets=self.table.offsets.copy())
        copy.theta = theta.copy()
        put(copy.table, copy.places, copy.theta[copy.K :])
        return copy

    def changed(self, drop: int | None = None, add: tuple[int, CandidateTerm, float] | None = None) -> EquationModel:
        """Without term `drop`, and with a further term of an equation with its first coefficient."""
        kept = [part for k, part in enumerate(self.parts) if k != drop]
        return EquationModel(self.d, kept if add is None else [*kept, (*add, add[1].values)])

    def counts(self) -> np.ndarray:
        """Terms of each equation."""
        return np.bincount(self.equations, minlength=self.d)
