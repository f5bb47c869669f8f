"""The right-hand sides of ordinary differential equations by degree and by parameter, as sparse matrices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sps
import sympy as sp

from symdyn import dag
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.models.ode import ODESystem
from symdyn.reduction.monomials import Monomials
from symdyn.reduction.split import Part, Sample, Split

__all__ = ["EquationSplit"]


class EquationSplit(Split):
    """The drift of a system, split.

    Parameters
    ----------
    system : ODESystem
    degree : int
        Products of states up to it are polynomial parts; those of a higher degree, and everything else, are atoms.

    Examples
    --------
    >>> import symdyn as sd
    >>> split = EquationSplit(sd.ODESystem.from_text("x' = a*x - x*y; y' = exp(-x) - b*y"), 2)
    >>> [(str(p.factor), p.degree) for p in split.parts], split.count
    ([('a', 1), ('1', 2), ('b', 1)], 1)
    """

    def __init__(self, system: ODESystem, degree: int) -> None:
        self.system, self.size = system, len(system.states)
        reader = Monomials({s: i for i, s in enumerate(system.states)}, degree)
        parts: dict[tuple[sp.Expr, int], list[tuple[int, tuple[int, ...], float]]] = defaultdict(list)
        atoms: dict[sp.Expr, dict[tuple[sp.Expr, int], float]] = defaultdict(dict)
        for row, side in enumerate(system.drift):
            for key, coefficients in reader.form(side).items():
                for factor, value in coefficients.items():
                    if value == 0:
                        continue
                    if isinstance(key, tuple):
                        parts[factor, len(key)].append((row, key, value))
                    else:
                        atoms[key][factor, row] = value
        self.parts = tuple(Part(q, d, _Polynomial(self.size, d, rows)) for (q, d), rows in parts.items())
        self._gather(atoms)

    def _gather(self, atoms: dict[sp.Expr, dict[tuple[sp.Expr, int], float]]) -> None:
        """Atoms whose columns are proportional become one: -v^3 and v^2 of one equation, a reaction in two of them."""
        merged: dict[tuple, list[tuple[float, sp.Expr]]] = defaultdict(list)
        for e, column in atoms.items():
            items = sorted(column.items(), key=lambda item: (str(item[0][0]), item[0][1]))
            first = items[0][1]
            merged[tuple((place, value / first) for place, value in items)].append((first, e))
        # the first of them keeps its scale, which decides what counts in the basis
        self.atoms = tuple(sp.Add(*(_times(c / terms[0][0], e) for c, e in terms)) for terms in merged.values())
        self.count = len(self.atoms)
        entries: dict[sp.Expr, list[tuple[int, int, float]]] = defaultdict(list)
        for k, (column, terms) in enumerate(merged.items()):
            for (factor, row), value in column:
                entries[factor].append((row, k, value * terms[0][0]))
        self.factors = tuple(entries)
        self._columns = {q: _sparse(rows, (self.size, self.count)) for q, rows in entries.items()}

    def values(self, states: np.ndarray, times: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        system = self.system
        swap = {p: sp.Dummy(p.name) for p in system.inputs}  # their values at the times are in `parameters`
        blocks = [("lane", [system.time]), ("y", system.states), ("p", [swap.get(p, p) for p in system.parameters])]
        found = evaluate(lower("atoms", blocks, dag.replace(self.atoms, swap), [""] * self.count), [times], states, parameters)
        return np.stack([np.broadcast_to(row, times.shape) for row in found])

    def carried(self, factor: sp.Expr, columns: np.ndarray) -> np.ndarray:
        return np.asarray(self._columns[factor] @ columns)

    def sample(self, chosen: Sequence[int]) -> Sample:
        atoms, states = tuple(self.atoms[k] for k in chosen), self.system.states
        reader, swap, rows = Monomials({s: i for i, s in enumerate(states)}, 1), {}, {}
        for node in dag.nodes(atoms):
            if node in states or node.is_Add:  # of sums that are linear in several states the projection is computed once
                form = reader.form(node)
                linear = all(isinstance(key, tuple) and [*c] == [sp.S.One] for key, c in form.items())
                if linear and (node in states or len(form) > 2):
                    symbol = swap[node] = sp.Dummy(f"u_{len(swap)}", real=True)
                    rows[symbol] = {key: c[sp.S.One] for key, c in form.items()}
        new = dag.replace(atoms, swap)
        used = dag.free_symbols(new)
        symbols = tuple(s for s in rows if s in used)
        entries = [(k, key[0], value) for k, s in enumerate(symbols) for key, value in rows[s].items() if key]
        matrix = _sparse(entries, (len(symbols), self.size))
        offset = np.array([rows[s].get((), 0.0) for s in symbols])
        return Sample(tuple(new), symbols, lambda u: np.asarray(matrix @ u) + offset[:, None])


class _Polynomial:
    """A homogeneous polynomial of sparse coefficients."""

    def __init__(self, size: int, degree: int, rows: list[tuple[int, tuple[int, ...], float]]) -> None:
        number: dict[tuple[int, ...], int] = {}
        for _, key, _ in rows:
            number.setdefault(key, len(number))
        self.keys = np.array(list(number), dtype=int).reshape(len(number), degree)
        self.matrix = _sparse([(row, number[key], value) for row, key, value in rows], (size, len(number)))

    def __call__(self, states: np.ndarray) -> np.ndarray:
        products = np.ones((len(self.keys), states.shape[1]))
        for column in self.keys.T:
            products *= states[column]
        return np.asarray(self.matrix @ products)


def _sparse(entries: list[tuple[int, int, float]], shape: tuple[int, int]) -> sps.csr_array:
    rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
    return sps.csr_array((np.array(values, float), (np.array(rows, int), np.array(columns, int))), shape=shape)


def _times(number: float, e: sp.Expr) -> sp.Expr:
    return e if number == 1 else sp.Mul(sp.Float(number), e, evaluate=False) if e.is_Add else sp.Float(number) * e
